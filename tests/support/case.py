"""One line of the table of cases: a primitive, how to make its operands, and how exact compiled code must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from eerie_dsl.ir.dtypes import FLOATS, DType, bool_, float32
from eerie_dsl.ir.primitive import Primitive

Array = NDArray[Any]
Shape = tuple[int, ...]
Params = Mapping[str, Any] | Callable[[DType], Mapping[str, Any]]

SHAPE = (4, 19)
EMPTY = (0, 3)


@dataclass(frozen=True)
class Operand:
    """How to make an operand: of the case's dtype unless it has its own, between ``low`` and ``high``.

    ``data`` gives the elements instead. ``special`` operands hold NaN, infinities and zeros of both signs too.
    """

    shape: Shape
    dtype: DType | None = None
    low: float = -3
    high: float = 3
    data: tuple[Any, ...] | None = None
    special: bool = False

    def make(self, dtype: DType, rng: np.random.Generator, *, special: bool = True) -> Array:
        """The operand in ``dtype``."""
        dtype = self.dtype or dtype
        if self.data is not None:
            return np.array(self.data).astype(dtype.numpy).reshape(self.shape)
        if dtype is bool_:
            return rng.random(self.shape) < 0.5
        if dtype.is_integer:
            return self._integers(dtype, rng)
        values = rng.uniform(self.low, self.high, self.shape)
        if dtype.kind == "complex":
            return np.asarray(values + 1j * rng.uniform(self.low, self.high, self.shape)).astype(dtype.numpy)
        values = np.asarray(values).astype(dtype.numpy)
        if special and self.special and values.ndim:
            odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0]).astype(dtype.numpy)
            values = np.where(rng.random(self.shape) < 0.3, rng.choice(odd, self.shape), values)
        return values

    def _integers(self, dtype: DType, rng: np.random.Generator) -> Array:
        info = np.iinfo(dtype.numpy)
        low, high = max(int(self.low), int(info.min)), min(int(self.high), int(info.max))
        values = rng.integers(low, high, self.shape, dtype.numpy, endpoint=True)
        if self.special and values.ndim:
            odd = np.array([info.min, info.max, 0, 1], dtype.numpy)
            values = np.where(rng.random(self.shape) < 0.3, rng.choice(odd, self.shape), values)
        return np.asarray(values)


@dataclass(frozen=True)
class Case:
    """One primitive on operands of given shapes, in each of ``dtypes``.

    Attributes:
        ulps: the error that compiled code may have, in units of the last place of the larger of the result and
            ``scale``; with ``why`` it is not 0.
        smooth: the vjp rule can be checked by differences at these operands.
    """

    op: Primitive
    operands: tuple[Operand, ...] = ()
    params: Params = field(default_factory=dict)
    dtypes: Sequence[DType] = (float32,)
    ulps: float = 0
    scale: float = 0
    why: str = ""
    smooth: bool = True
    tag: str = ""

    @property
    def name(self) -> str:
        """For test ids."""
        shapes = ",".join("x".join(map(str, o.shape)) or "0d" for o in self.operands)
        return f"{self.op.name}[{shapes}]" + (f"-{self.tag}" if self.tag else "")

    def arrays(self, dtype: DType, *, special: bool = True) -> list[Array]:
        """The operands in ``dtype``, the same at every call."""
        rng = np.random.default_rng(11)
        return [o.make(dtype, rng, special=special) for o in self.operands]

    def given(self, dtype: DType) -> Mapping[str, Any]:
        """The parameters for operands of ``dtype``."""
        return self.params(dtype) if callable(self.params) else self.params

    def check(self, got: Array, want: Array) -> None:
        """Raise AssertionError unless compiled results are those of the reference, within what the case allows."""
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        if got.dtype.kind == "c":
            self._check(got.real, want.real)
            self._check(got.imag, want.imag)
        else:
            self._check(got, want)

    def _check(self, got: Array, want: Array) -> None:
        if got.dtype.kind in "biu":
            np.testing.assert_array_equal(got, want)
            return
        eps = float(ml_dtypes.finfo(want.dtype).eps)
        exact, found = want.astype(np.float64), got.astype(np.float64)
        finite = np.isfinite(exact)
        np.testing.assert_array_equal(found[~finite], exact[~finite])
        error = np.abs(found[finite] - exact[finite])
        bound = self.ulps * eps * np.maximum(np.abs(exact[finite]), self.scale)
        worst = float(np.max(error - bound, initial=0))
        assert worst <= 0, f"off by {np.max(error):.3g}, {np.max(error / np.maximum(bound, 1e-300)):.3g} of the bound"
        if self.ulps == 0:
            np.testing.assert_array_equal(np.signbit(found[finite]), np.signbit(exact[finite]))


def elementwise(
    op: Primitive,
    arity: int = 1,
    dtypes: Sequence[DType] = FLOATS,
    low: float = -3,
    high: float = 3,
    **options: Any,
) -> Iterator[Case]:
    """An elementwise operation: a matrix with special values in every dtype, then no elements, then 0-d."""
    first = float32 if float32 in dtypes else dtypes[0]
    for shape_, some in ((SHAPE, dtypes), (EMPTY, (first,)), ((), (first,))):
        operands = (Operand(shape_, low=low, high=high, special=True),) * arity
        yield Case(op, operands, dtypes=some, **options)
