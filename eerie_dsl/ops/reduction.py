"""Reductions: sum, prod, max, min, any, all, argmax and argmin. The result drops the reduced axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, bool_, float32, int32, int64, uint8
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.arithmetic import divide, multiply
from eerie_dsl.ops.base import NUMERIC, REAL, check_dtype
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import equal, is_nan
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.logical import logical_or
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.shape import Axes, Batched, broadcast, check_axes, front, iota, shifted


class Reduction(Primitive):
    """All elements along ``axes`` combined into one; ``axes`` increase.

    A member names the dtypes it ``takes`` and gives ``identity``, ``combine``, ``ufunc`` and ``vjp``. Members that
    are ``wide`` work in the `accumulator` of the dtype: on float16 and bfloat16 in float32, rounded once. The order in
    which elements are combined is not defined: a floating point sum of ``n`` elements is within ``n`` roundings of
    the exact one, and usually far closer.
    """

    absorbs = "elements"
    takes: ClassVar[tuple[DType, ...]]
    ufunc: ClassVar[np.ufunc]
    wide: ClassVar[bool] = False
    commutative = True

    def identity(self, dtype: DType) -> Any:
        """The number that changes nothing: the result for no elements."""
        raise self._missing("identity")

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        """Two elements into one, through the scalar emitter ``s``."""
        raise self._missing("lowering")

    def infer(self, x: Aval, *, axes: Axes) -> Aval:
        check_dtype(self, x.dtype, self.takes)
        check_axes(self, axes, x.ndim)
        return x.with_shape(tuple(n for a, n in enumerate(x.shape) if a not in axes))

    def reference(self, x: Any, *, axes: Axes) -> Any:
        kind = np.float32 if self.wide and x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype
        with np.errstate(all="ignore"):
            return np.asarray(self.ufunc.reduce(x.astype(kind), axes, kind)).astype(x.dtype)

    def lower(self, b: Any, x: Any, *, out: Aval, axes: Axes) -> Any:
        if not axes:
            return x
        dtype = accumulator(out.dtype) if self.wide else out.dtype
        if x.aval.size == 0:
            return b.splat(out, self.identity(dtype))

        def body(s: Any, element: Any, total: Any) -> Any:
            return self.combine(s, total, s.cast(element, dtype))

        result = b.reduction(out.with_dtype(dtype), x, axes, body, self.identity(dtype))
        return result if dtype is out.dtype else b.map(out, lambda s, element: s.cast(element, out.dtype), result)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes) -> Batched:
        return self(front(inputs[0], dims[0]), axes=shifted(axes)), 0

    def flops(self, x: Aval, *, out: Aval, axes: Axes) -> int:
        return x.size


def accumulator(dtype: DType) -> DType:
    """The dtype in which sums and products of ``dtype`` are kept, and logic on bools: bytes run in vectors."""
    if dtype is bool_:
        return uint8
    return float32 if dtype.kind == "float" and dtype.bits == 16 else dtype


def spread(x: Node, like: Node, axes: Axes) -> Node:
    """A reduced ``x`` repeated along the ``axes`` that the reduction of ``like`` dropped."""
    return broadcast(x, shape=like.shape, axes=tuple(a for a in range(like.ndim) if a not in axes))


class ReduceSum(Reduction):
    """The sum of the elements; 0 of none. Integers wrap around."""

    name = "reduce_sum"
    takes = NUMERIC
    ufunc = np.add
    wide = True

    def identity(self, dtype: DType) -> Any:
        return 0

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.add(a, b)

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        return (spread(ct, x, axes),)


class ReduceProd(Reduction):
    """The product of the elements; 1 of none. Integers wrap around."""

    name = "reduce_prod"
    takes = NUMERIC
    ufunc = np.multiply
    wide = True

    def identity(self, dtype: DType) -> Any:
        return 1

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.mul(a, b)

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        # The product of all others, without dividing by an element that may be zero: those before times those after.
        from eerie_dsl.ops.cumulative import cumprod
        from eerie_dsl.ops.shape import flip, pad, reshape, slice, transpose

        kept = tuple(a for a in range(x.ndim) if a not in axes)
        rows, count = out.aval.size, prod(x.shape[a] for a in axes)
        order = (*kept, *axes)
        flat = reshape(transpose(x, axes=order), shape=(rows, count))

        def before(x: Node) -> Node:
            shorter = slice(x, starts=(0, 0), stops=(rows, max(count - 1, 0)), strides=(1, 1))
            return cumprod(pad(shorter, low=(0, min(count, 1)), high=(0, 0), interior=(0, 0), value=1), axis=1)

        others = multiply(before(flat), flip(before(flip(flat, axes=(1,))), axes=(1,)))
        ordered = reshape(others, shape=tuple(x.shape[a] for a in order))
        inverse = tuple(order.index(a) for a in range(x.ndim))
        return (multiply(spread(ct, x, axes), transpose(ordered, axes=inverse)),)


class Extremum(Reduction):
    """The largest or smallest element; NaN when there is a NaN. An error of no elements."""

    takes = REAL

    def infer(self, x: Aval, *, axes: Axes) -> Aval:
        out = super().infer(x, axes=axes)
        if any(x.shape[a] == 0 for a in axes):
            raise ShapeError(
                f"{self.name} of {x!r} along axes {axes}: no elements have no extremum",
                hint="concat a default value, or check the shape first",
            )
        return out

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        # Equal shares for all elements that attain the extremum.
        attains = cast(equal(x, spread(out, x, axes)), dtype=x.dtype)
        share = divide(ct, reduce_sum(attains, axes=axes))
        return (multiply(attains, spread(share, x, axes)),)


class ReduceMax(Extremum):
    """The largest element."""

    name = "reduce_max"
    ufunc = np.maximum

    def identity(self, dtype: DType) -> Any:
        return -np.inf if dtype.is_inexact else np.iinfo(dtype.numpy).min

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.maximum(a, b)


class ReduceMin(Extremum):
    """The smallest element."""

    name = "reduce_min"
    ufunc = np.minimum

    def identity(self, dtype: DType) -> Any:
        return np.inf if dtype.is_inexact else np.iinfo(dtype.numpy).max

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.minimum(a, b)


class ReduceAny(Reduction):
    """Whether any element is true; false of none."""

    name = "reduce_any"
    takes = (bool_,)
    ufunc = np.logical_or
    wide = True
    differentiable = False

    def identity(self, dtype: DType) -> Any:
        return False

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.bit_or(a, b)


class ReduceAll(Reduction):
    """Whether all elements are true; true of none."""

    name = "reduce_all"
    takes = (bool_,)
    ufunc = np.logical_and
    wide = True
    differentiable = False

    def identity(self, dtype: DType) -> Any:
        return True

    def combine(self, s: Any, a: Any, b: Any) -> Any:
        return s.bit_and(a, b)


class ArgExtremum(Primitive):
    """The index (int64) along ``axis`` of the first element that attains the extremum, of the first NaN if any."""

    differentiable = False
    extremum: ClassVar[Extremum]
    find: ClassVar[Callable[..., Any]]

    def infer(self, x: Aval, *, axis: int) -> Aval:
        check_dtype(self, x.dtype, REAL)
        check_axes(self, (axis,), x.ndim)
        if x.shape[axis] == 0:
            raise ShapeError(
                f"{self.name} of {x!r} along axis {axis}: no elements have no extremum",
                hint="check the shape first",
            )
        return Aval(tuple(n for a, n in enumerate(x.shape) if a != axis), int64)

    def reference(self, x: Any, *, axis: int) -> Any:
        return np.asarray(type(self).find(x, axis))

    def decompose(self, x: Node, *, axis: int) -> Node:
        narrow = int32 if x.shape[axis] < 1 << 31 else int64
        found = equal(x, spread(self.extremum(x, axes=(axis,)), x, (axis,)))
        if x.dtype.kind == "float":
            found = logical_or(found, is_nan(x))
        place = iota(shape=x.shape, dtype=narrow, axis=axis)
        last = like(place, int(np.iinfo(narrow.numpy).max))
        return cast(reduce_min(select(found, place, last), axes=(axis,)), dtype=int64)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axis: int) -> Batched:
        return self(front(inputs[0], dims[0]), axis=axis + 1), 0

    def flops(self, x: Aval, *, out: Aval, axis: int) -> int:
        return 2 * x.size


reduce_sum = ReduceSum()
reduce_prod = ReduceProd()
reduce_max = ReduceMax()
reduce_min = ReduceMin()
reduce_any = ReduceAny()
reduce_all = ReduceAll()


class ArgMax(ArgExtremum):
    """Where the largest element is."""

    name = "argmax"
    extremum = reduce_max
    find = np.argmax


class ArgMin(ArgExtremum):
    """Where the smallest element is."""

    name = "argmin"
    extremum = reduce_min
    find = np.argmin


argmax = ArgMax()
argmin = ArgMin()
