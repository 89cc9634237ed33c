"""Reductions that leave NaN out, over nodes. Integers and bools have none and take the plain rule."""

from __future__ import annotations

import math

from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.dtypes import DType, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import reduction
from eerie_dsl.ops.composite.axes import AxisLike, many_axes
from eerie_dsl.ops.composite.promotion import Operand, strong, to_float
from eerie_dsl.ops.composite.reduction import Total, wide
from eerie_dsl.ops.composite.shape import reshape


def filled(x: Operand, value: float) -> Node:
    """``value`` where ``x`` is NaN."""
    node = strong(x)
    return ew.where(ew.isnan(node), constant.like(node, value), node) if node.dtype.is_inexact else node


def _total(rule: Total, neutral: int) -> Total:
    def function(x: Operand, axis: AxisLike = None, dtype: DType | None = None, keepdims: bool = False) -> Node:
        return rule(filled(x, neutral), axis, dtype, keepdims)

    return function


def _cumulative(rule: Total, neutral: int) -> Total:
    def function(x: Operand, axis: int | None = None, dtype: DType | None = None) -> Node:
        node = filled(x, neutral)
        return rule(reshape(node, -1), 0, dtype) if axis is None else rule(node, axis, dtype)

    return function


def _extremum(rule: Total, last: float) -> Total:
    def function(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
        node = strong(x)
        if not node.dtype.is_inexact:
            return rule(node, axis, keepdims)
        missing = ew.isnan(node)
        result = rule(ew.where(missing, constant.like(node, last), node), axis, keepdims)
        empty = reduction.all(missing, axis, keepdims)
        return ew.where(empty, constant.like(result, math.nan), result)

    return function


def _place(rule: Total, last: float) -> Total:
    def function(x: Operand, axis: int | None = None, keepdims: bool = False) -> Node:
        return rule(filled(x, last), axis, keepdims)

    return function


nansum = _total(reduction.sum, 0)
nanprod = _total(reduction.prod, 1)
nancumsum = _cumulative(reduction.cumulative_sum, 0)
nancumprod = _cumulative(reduction.cumulative_prod, 1)
nanmin = _extremum(reduction.min, math.inf)
nanmax = _extremum(reduction.max, -math.inf)
nanargmin = _place(reduction.argmin, math.inf)
nanargmax = _place(reduction.argmax, -math.inf)


def nanmean(x: Operand, axis: AxisLike = None, dtype: DType | None = None, keepdims: bool = False) -> Node:
    """The mean of what is not NaN; NaN where nothing is."""
    node = strong(x)
    if not node.dtype.is_inexact:
        return reduction.mean(node, axis, dtype, keepdims)
    node, dtype = _inexact("nanmean", node, dtype)
    axes = many_axes("nanmean", axis, node.ndim)
    return ew.astype(_mean(node, ew.isnan(node), axes, keepdims)[0], dtype)


def nanvar(
    x: Operand, axis: AxisLike = None, dtype: DType | None = None, correction: float = 0.0, keepdims: bool = False
) -> Node:
    """The variance of what is not NaN; NaN where there are no more elements than ``correction``."""
    node, dtype = _inexact("nanvar", strong(x), dtype)
    result = _variance(node, many_axes("nanvar", axis, node.ndim), correction, keepdims)
    return ew.astype(result, real_part(dtype))


def nanstd(
    x: Operand, axis: AxisLike = None, dtype: DType | None = None, correction: float = 0.0, keepdims: bool = False
) -> Node:
    """The square root of `nanvar`."""
    node, dtype = _inexact("nanstd", strong(x), dtype)
    result = _variance(node, many_axes("nanstd", axis, node.ndim), correction, keepdims)
    return ew.astype(ew.sqrt(result), real_part(dtype))


def _inexact(op: str, node: Node, dtype: DType | None) -> tuple[Node, DType]:
    """``node`` in the dtype to compute in, and the dtype of the result."""
    dtype = to_float(node.dtype) if dtype is None else dtype
    if not dtype.is_inexact:
        raise DTypeError(f"{op} of {node.aval} is not of {dtype.name}", hint="ask for a floating point dtype")
    return ew.astype(node, wide(dtype)), dtype


def _mean(x: Node, missing: Node, axes: tuple[int, ...], keepdims: bool) -> tuple[Node, Node]:
    """The mean of what is there, and how much that is."""
    total = reduction.sum(ew.where(missing, constant.like(x, 0), x), axes, keepdims=keepdims)
    count = reduction.sum(ew.logical_not(missing), axes, keepdims=keepdims)
    count = ew.astype(count, real_part(x.dtype))
    return ew.divide(total, count), count


def _variance(x: Node, axes: tuple[int, ...], correction: float, keepdims: bool) -> Node:
    missing = ew.isnan(x)
    mean, count = _mean(x, missing, axes, True)
    apart = ew.where(missing, constant.like(x, 0), ew.subtract(x, mean))
    if x.dtype.kind == "complex":
        apart = ew.absolute(apart)
    total = reduction.sum(ew.multiply(apart, apart), axes, keepdims=keepdims)
    freedom = reshape(ew.subtract(count, constant.like(count, correction)), total.shape)
    enough = ew.greater(freedom, constant.like(freedom, 0))
    return ew.where(enough, ew.divide(total, freedom), constant.like(total, math.nan))
