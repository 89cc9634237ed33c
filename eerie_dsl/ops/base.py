"""Families of primitives: what the members of each have in common is written here once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import ALL, COMPLEXES, FLOATS, INTEGERS, DType, bool_
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive

REAL = INTEGERS + FLOATS
NUMERIC = REAL + COMPLEXES
INEXACT = FLOATS + COMPLEXES
BITS = (bool_, *INTEGERS)


class Elementwise(Primitive):
    """Operands of one shape and dtype; each result element depends on the elements at its own place.

    A member names the dtypes it ``takes``, its ``result`` dtype (None: that of the operands), and gives
    ``reference``, ``scalar`` and ``vjp``.
    """

    elementwise = True
    absorbs = "elements"
    takes: ClassVar[tuple[DType, ...]] = ALL
    result: ClassVar[DType | None] = None
    cost: ClassVar[int] = 1

    def infer(self, *avals: Aval) -> Aval:
        first = avals[0]
        for other in avals[1:]:
            if other is not first:
                self._mismatch(avals)
        check_dtype(self, first.dtype, self.takes)
        return first if self.result is None else first.with_dtype(self.result)

    def _mismatch(self, avals: Sequence[Aval]) -> None:
        types = " and ".join(map(repr, avals))
        if len({a.shape for a in avals}) > 1:
            raise ShapeError(f"{self.name} needs operands of one shape, got {types}")
        raise DTypeError(f"{self.name} needs operands of one dtype, got {types}")

    def scalar(self, *args: Any, **params: Any) -> Any:
        """``scalar(s, *elements, **params)``: emit it on single elements through the scalar emitter ``s``."""
        raise self._missing("lowering")

    def lower(self, b: Any, *values: Any, out: Aval, **params: Any) -> Any:
        return b.map(out, lambda s, *elements: self.scalar(s, *elements, **params), *values)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> tuple[Node, int | None]:
        from eerie_dsl.ops.batching import together

        return self(*together(inputs, dims), **params), 0

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return out.size * self.cost


def check_dtype(op: Primitive, dtype: DType, takes: Sequence[DType]) -> None:
    """Raise DTypeError unless ``op`` takes ``dtype``."""
    if dtype not in takes:
        names = ", ".join(d.name for d in takes)
        raise DTypeError(f"{op.name} does not take {dtype.name}", hint=f"cast to one of {names} first")
