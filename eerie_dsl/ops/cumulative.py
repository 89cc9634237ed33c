"""Running sums and products along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.arithmetic import add, multiply
from eerie_dsl.ops.base import NUMERIC, check_dtype
from eerie_dsl.ops.reduction import accumulator
from eerie_dsl.ops.shape import Batched, check_axes, flip, front, pad
from eerie_dsl.ops.shape import slice as slice_


class Cumulative(Primitive):
    """Each element combined with all before it along ``axis``, one after the other as NumPy does.

    float16 and bfloat16 are kept in float32 on the way and rounded once.
    """

    absorbs = "views"
    ufunc: ClassVar[np.ufunc]
    identity: ClassVar[int]

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        """Two elements into one, through the scalar emitter ``s``."""
        raise self._missing("lowering")

    def infer(self, x: Aval, *, axis: int) -> Aval:
        check_dtype(self, x.dtype, NUMERIC)
        check_axes(self, (axis,), x.ndim)
        return x

    def reference(self, x: Any, *, axis: int) -> Any:
        kind = np.float32 if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype
        with np.errstate(all="ignore"):
            return self.ufunc.accumulate(x.astype(kind), axis, kind).astype(x.dtype)

    def lower(self, b: Any, x: Any, *, out: Aval, axis: int) -> Any:
        if out.size == 0:
            return b.splat(out, 0)
        wide = out.with_dtype(accumulator(out.dtype))
        source = x if wide is out else b.map(wide, lambda s, e: s.cast(e, wide.dtype), x)
        result = b.scan(source, axis, self.identity, self.combine)
        return result if wide is out else b.map(out, lambda s, e: s.cast(e, out.dtype), result)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return bool(row != params["axis"])

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axis: int) -> Batched:
        return self(front(inputs[0], dims[0]), axis=axis + 1), 0

    def flops(self, x: Aval, *, out: Aval, axis: int) -> int:
        return x.size


class CumSum(Cumulative):
    """Running sums. Integers wrap around."""

    name = "cumsum"
    ufunc = np.add
    identity = 0

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.add(a, b)

    def vjp(self, ct: Node, out: Node, x: Node, *, axis: int) -> Cotangents:
        return (flip(cumsum(flip(ct, axes=(axis,)), axis=axis), axes=(axis,)),)


class CumProd(Cumulative):
    """Running products. Integers wrap around."""

    name = "cumprod"
    ufunc = np.multiply
    identity = 1

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.mul(a, b)

    def vjp(self, ct: Node, out: Node, x: Node, *, axis: int) -> Cotangents:
        # The cotangents obey total[i] = ct[i] + x[i+1] * total[i+1], solved in steps that double: no division, so
        # zeros are no special case.
        count = x.shape[axis]
        factor, total = _moved(x, axis, 1, 0), ct
        step = 1
        while step < count:
            total = add(total, multiply(factor, _moved(total, axis, step, 0)))
            factor = multiply(factor, _moved(factor, axis, step, 0))
            step *= 2
        return (multiply(_moved(out, axis, -1, 1), total),)


def _moved(x: Node, axis: int, by: int, value: int) -> Node:
    # Element ``i + by`` in place of ``i``, ``value`` where there is none.
    none, count = (0,) * x.ndim, x.shape[axis]
    ahead, behind = min(max(by, 0), count), min(max(-by, 0), count)

    def only(n: int) -> tuple[int, ...]:
        return tuple(n if a == axis else 0 for a in range(x.ndim))

    stops = tuple(n - behind if a == axis else n for a, n in enumerate(x.shape))
    part = slice_(x, starts=only(ahead), stops=stops, strides=(1,) * x.ndim)
    return pad(part, low=only(behind), high=only(ahead), interior=none, value=value)


cumsum = CumSum()
cumprod = CumProd()
