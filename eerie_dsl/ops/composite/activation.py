"""What neural networks are made of: activations, softmax and normalisations, in forms that do not overflow.

float16 and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import AxisLike, many_axes
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, strong, to_float
from eerie_dsl.ops.composite.reduction import finite_max, mean, sum, wide
from eerie_dsl.ops.softmax import softmax as primitive


def _rounded_once(function: Callable[..., Node]) -> Callable[..., Node]:
    """``function`` of one floating point node, computed in a dtype that is wide enough."""

    def whole(x: Operand, *args: object, **kwargs: object) -> Node:
        node = strong(x)
        dtype = to_float(node.dtype)
        return ew.astype(function(ew.astype(node, wide(dtype)), *args, **kwargs), dtype)

    return whole


@_rounded_once
def softmax(x: Node, axis: AxisLike = -1) -> Node:
    """``exp(x) / sum(exp(x))``; zeros where all are -inf."""
    axes = many_axes("softmax", axis, x.ndim)
    if x.aval.size == 0:
        return x
    return primitive(x, axes=axes)


@_rounded_once
def log_softmax(x: Node, axis: AxisLike = -1) -> Node:
    """``log(softmax(x))``; -inf where all are -inf."""
    axes = many_axes("log_softmax", axis, x.ndim)
    if x.aval.size == 0:
        return x
    shifted = ew.subtract(x, finite_max(x, axes))
    total = sum(ew.exp(shifted), axes, keepdims=True)
    return ew.subtract(shifted, ew.log(_nonzero(total)))


def _nonzero(total: Node) -> Node:
    return ew.where(ew.equal(total, constant.like(total, 0)), constant.like(total, 1), total)


def relu(x: Operand) -> Node:
    """``max(x, 0)``; its gradient at 0 is 0."""
    node = strong(x)
    zero = constant.like(node, 0)
    return ew.where(ew.less_equal(node, zero), zero, node)


@_rounded_once
def leaky_relu(x: Node, slope: Operand = 0.01) -> Node:
    """``x`` where positive, else ``slope * x``."""
    return ew.where(ew.greater(x, constant.like(x, 0)), x, ew.multiply(x, slope))


@_rounded_once
def elu(x: Node, alpha: Operand = 1.0) -> Node:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""
    zero = constant.like(x, 0)
    above = ew.greater(x, zero)
    return ew.where(above, x, ew.multiply(ew.expm1(ew.where(above, zero, x)), alpha))


def _sigmoid(x: Node) -> Node:
    # exp(-x) would overflow where x is far below zero, and with it the derivative.
    one = constant.like(x, 1)
    above = ew.greater_equal(x, constant.like(x, 0))
    power = ew.exp(ew.where(above, ew.negative(x), x))
    return ew.divide(ew.where(above, one, power), ew.add(one, power))


sigmoid = _rounded_once(_sigmoid)


@_rounded_once
def silu(x: Node) -> Node:
    """``x * sigmoid(x)``."""
    return ew.multiply(x, _sigmoid(x))


@_rounded_once
def softplus(x: Node) -> Node:
    """``log(1 + exp(x))``."""
    return ew.logaddexp(x, constant.like(x, 0))  # smooth at 0, which a maximum is not


@_rounded_once
def gelu(x: Node, approximate: bool = False) -> Node:
    """``x`` times the normal distribution function of ``x``."""
    if approximate:
        cubic = ew.multiply(ew.multiply(x, ew.multiply(x, x)), constant.like(x, 0.044715))
        inner = ew.multiply(ew.add(x, cubic), constant.like(x, math.sqrt(2 / math.pi)))
        share = ew.tanh(inner)
    else:
        share = ew.erf(ew.multiply(x, constant.like(x, math.sqrt(0.5))))
    return ew.multiply(ew.multiply(x, constant.like(x, 0.5)), ew.add(share, constant.like(x, 1)))


def layer_norm(
    x: Operand,
    weight: Operand | None = None,
    bias: Operand | None = None,
    axis: AxisLike = -1,
    eps: float = 1e-5,
) -> Node:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` along ``axis``."""

    def normal(x: Node) -> Node:
        axes = many_axes("layer_norm", axis, x.ndim)
        apart = ew.subtract(x, mean(x, axes, keepdims=True))
        return ew.multiply(apart, _inverse_size(apart, axes, eps))

    return _scaled(normal, x, weight, bias)


def rms_norm(x: Operand, weight: Operand | None = None, axis: AxisLike = -1, eps: float = 1e-6) -> Node:
    """``x / sqrt(mean(x * x) + eps) * weight`` along ``axis``."""

    def normal(x: Node) -> Node:
        return ew.multiply(x, _inverse_size(x, many_axes("rms_norm", axis, x.ndim), eps))

    return _scaled(normal, x, weight, None)


def _inverse_size(x: Node, axes: tuple[int, ...], eps: float) -> Node:
    squares = mean(ew.multiply(x, x), axes, keepdims=True)
    return ew.rsqrt(ew.add(squares, constant.like(squares, eps)))


def _scaled(normal: Callable[[Node], Node], x: Operand, weight: Operand | None, bias: Operand | None) -> Node:
    node = strong(x)
    dtype = to_float(node.dtype)
    kind = wide(dtype)
    result = normal(ew.astype(node, kind))
    if weight is not None:
        result = ew.multiply(result, as_dtype(weight, kind))
    if bias is not None:
        result = ew.add(result, as_dtype(bias, kind))
    return ew.astype(result, dtype)
