"""Reductions and running totals over nodes, with the dtypes of the Array API standard."""

from __future__ import annotations

from collections.abc import Callable

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.dtypes import DType, bool_, float32, int64, real_part, uint8, uint64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops import constant
from eerie_dsl.ops import reduction as primitives
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import AxisLike, many_axes, one_axis
from eerie_dsl.ops.composite.promotion import Operand, strong, to_float
from eerie_dsl.ops.cumulative import cumprod, cumsum
from eerie_dsl.ops.identity import stop_gradient
from eerie_dsl.ops.shape import concat, reshape

Total = Callable[..., Node]


def wide(dtype: DType) -> DType:
    """The dtype in which quantities of several steps are computed before one rounding."""
    return float32 if dtype.kind == "float" and dtype.bits == 16 else dtype


def _total_dtype(dtype: DType) -> DType:
    if dtype.kind == "uint":
        return uint64
    return dtype if dtype.is_inexact else int64


def _reduce(primitive: Primitive, x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    result = primitive(x, axes=tuple(sorted(axes))) if axes else x
    if keepdims and axes:
        return reshape(result, shape=tuple(1 if a in axes else n for a, n in enumerate(x.shape)))
    return result


def _total(name: str, primitive: Primitive) -> Total:
    def function(x: Operand, axis: AxisLike = None, dtype: DType | None = None, keepdims: bool = False) -> Node:
        node = strong(x)
        wanted = dtype or _total_dtype(node.dtype)
        if node.dtype is not wanted:
            node = ew.astype(node, wanted)
        return _reduce(primitive, node, many_axes(name, axis, node.ndim), keepdims)

    return function


def _extremum(name: str, primitive: Primitive, boolean: Primitive) -> Total:
    def function(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
        node = strong(x)
        axes = many_axes(name, axis, node.ndim)
        return _reduce(boolean if node.dtype is bool_ else primitive, node, axes, keepdims)

    return function


def _logical(name: str, primitive: Primitive) -> Total:
    def function(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
        node = strong(ew.truth(x))
        return _reduce(primitive, node, many_axes(name, axis, node.ndim), keepdims)

    return function


def _place(name: str, primitive: Primitive) -> Total:
    def function(x: Operand, axis: int | None = None, keepdims: bool = False) -> Node:
        node = strong(x)
        if node.dtype is bool_:
            node = ew.astype(node, uint8)
        if axis is None:
            result = primitive(reshape(node, shape=(node.aval.size,)), axis=0)
            return reshape(result, shape=(1,) * node.ndim) if keepdims else result
        place = one_axis(name, axis, node.ndim)
        result = primitive(node, axis=place)
        return reshape(result, shape=(*node.shape[:place], 1, *node.shape[place + 1 :])) if keepdims else result

    return function


def _cumulative(name: str, primitive: Primitive, start: int) -> Total:
    def function(
        x: Operand, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
    ) -> Node:
        node = strong(x)
        if axis is None and node.ndim != 1:
            raise ShapeError(f"{name} of {node.aval} needs an axis", hint="name one, or reshape to one dimension first")
        place = one_axis(name, 0 if axis is None else axis, node.ndim)
        result = primitive(ew.astype(node, dtype or _total_dtype(node.dtype)), axis=place)
        if not include_initial:
            return result
        first = (*node.shape[:place], 1, *node.shape[place + 1 :])
        return concat(constant.full(result.aval.with_shape(first), start), result, axis=place)

    return function


sum = _total("sum", primitives.reduce_sum)
prod = _total("prod", primitives.reduce_prod)
max = _extremum("max", primitives.reduce_max, primitives.reduce_any)
min = _extremum("min", primitives.reduce_min, primitives.reduce_all)
any = _logical("any", primitives.reduce_any)
all = _logical("all", primitives.reduce_all)
argmax = _place("argmax", primitives.argmax)
argmin = _place("argmin", primitives.argmin)
cumulative_sum = _cumulative("cumulative_sum", cumsum, 0)
cumulative_prod = _cumulative("cumulative_prod", cumprod, 1)


def count_nonzero(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
    """How many elements are not zero."""
    return sum(ew.truth(x), axis, keepdims=keepdims)


def mean(x: Operand, axis: AxisLike = None, dtype: DType | None = None, keepdims: bool = False) -> Node:
    """The arithmetic mean; NaN of no elements."""
    node, dtype = _inexact("mean", x, dtype)
    return ew.astype(_mean(node, many_axes("mean", axis, node.ndim), keepdims), dtype)


def var(
    x: Operand, axis: AxisLike = None, correction: float = 0.0, keepdims: bool = False, dtype: DType | None = None
) -> Node:
    """The mean squared deviation from the mean; ``correction`` is taken off the count."""
    return _variance("var", x, axis, correction, keepdims, dtype)


def std(
    x: Operand, axis: AxisLike = None, correction: float = 0.0, keepdims: bool = False, dtype: DType | None = None
) -> Node:
    """The square root of the variance."""
    node, dtype = _inexact("std", x, dtype)
    squared = _variance("std", node, axis, correction, keepdims, node.dtype)
    return ew.astype(ew.sqrt(squared), real_part(dtype))


def logsumexp(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
    """``log(sum(exp(x)))`` without overflow on the way; -inf of no elements."""
    node, dtype = _inexact("logsumexp", x, None)
    axes = many_axes("logsumexp", axis, node.ndim)
    if 0 in (node.shape[a] for a in axes):
        return ew.log(sum(ew.astype(node, dtype), axes, keepdims=keepdims))
    largest = finite_max(node, axes)
    total = _reduce(primitives.reduce_sum, ew.exp(ew.subtract(node, largest)), axes, True)
    result = ew.astype(ew.add(ew.log(total), largest), dtype)
    return result if keepdims else _dropped(result, axes)


def finite_max(x: Node, axes: tuple[int, ...]) -> Node:
    """The largest along ``axes``, which stay with size 1; 0 in place of infinities, which have no differences.

    A constant for derivatives: what is taken off and added again, or divided out, has none, of any order.
    """
    largest = stop_gradient(_reduce(primitives.reduce_max, x, axes, True))
    return ew.where(ew.isinf(largest), constant.like(largest, 0), largest)


def _inexact(op: str, x: Operand, dtype: DType | None) -> tuple[Node, DType]:
    """``x`` in the dtype to compute in, and the dtype of the result."""
    node = strong(x)
    dtype = to_float(node.dtype) if dtype is None else dtype
    if not dtype.is_inexact:
        raise DTypeError(f"{op} of {node.aval} is not of {dtype.name}", hint="ask for a floating point dtype")
    return ew.astype(node, wide(dtype)), dtype


def _mean(x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    total = _reduce(primitives.reduce_sum, x, axes, keepdims)
    return ew.divide(total, constant.like(total, _count(x, axes)))


def _variance(op: str, x: Operand, axis: AxisLike, correction: float, keepdims: bool, dtype: DType | None) -> Node:
    node, dtype = _inexact(op, x, dtype)
    axes = many_axes(op, axis, node.ndim)
    apart = ew.subtract(node, _mean(node, axes, True))
    if node.dtype.kind == "complex":
        squares = ew.add(ew.square(ew.real(apart)), ew.square(ew.imag(apart)))
        dtype = squares.dtype
    else:
        squares = ew.multiply(apart, apart)
    total = _reduce(primitives.reduce_sum, squares, axes, keepdims)
    freedom = _count(node, axes) - (int(correction) if float(correction).is_integer() else correction)
    return ew.astype(ew.divide(total, constant.like(total, freedom if freedom > 0 else 0)), dtype)


def _count(x: Node, axes: tuple[int, ...]) -> int:
    count = 1
    for a in axes:
        count *= x.shape[a]
    return count


def _dropped(x: Node, axes: tuple[int, ...]) -> Node:
    return reshape(x, shape=tuple(n for a, n in enumerate(x.shape) if a not in axes))
