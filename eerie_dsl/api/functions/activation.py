"""What neural networks are made of, in forms that do not overflow.

The dtype stays; integers become float32. float16 and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.ops.composite import activation as rules
from eerie_dsl.ops.composite.axes import AxisLike


def softmax(x: ArrayLike, /, axis: AxisLike = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along an axis. Where all elements are -inf, as in a row that is masked out, zeros.

    >>> softmax([0.0, 0.0])
    Array([0.5, 0.5], dtype=float32, device=cpu)
    """
    return Array.of(rules.softmax(required(x), axis))


def log_softmax(x: ArrayLike, /, axis: AxisLike = -1) -> Array:
    """``log(softmax(x))`` along an axis, without losing digits.

    >>> log_softmax([1000.0, 0.0])
    Array([    0., -1000.], dtype=float32, device=cpu)
    """
    return Array.of(rules.log_softmax(required(x), axis))


def relu(x: ArrayLike, /) -> Array:
    """``maximum(x, 0)``; the gradient at 0 is 0. Integers stay integers.

    >>> relu([-1.0, 2.0])
    Array([0., 2.], dtype=float32, device=cpu)
    """
    return Array.of(rules.relu(required(x)))


def leaky_relu(x: ArrayLike, /, *, negative_slope: ArrayLike = 0.01) -> Array:
    """``x`` above zero, ``negative_slope * x`` below.

    >>> leaky_relu([-1.0, 2.0], negative_slope=0.5)
    Array([-0.5,  2. ], dtype=float32, device=cpu)
    """
    return Array.of(rules.leaky_relu(required(x), required(negative_slope)))


def elu(x: ArrayLike, /, *, alpha: ArrayLike = 1.0) -> Array:
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below.

    >>> elu([0.0, 2.0])
    Array([0., 2.], dtype=float32, device=cpu)
    """
    return Array.of(rules.elu(required(x), required(alpha)))


def sigmoid(x: ArrayLike, /) -> Array:
    """``1 / (1 + exp(-x))``.

    >>> sigmoid([0.0])
    Array([0.5], dtype=float32, device=cpu)
    """
    return Array.of(rules.sigmoid(required(x)))


def silu(x: ArrayLike, /) -> Array:
    """``x * sigmoid(x)``, also called swish.

    >>> silu([0.0])
    Array([0.], dtype=float32, device=cpu)
    """
    return Array.of(rules.silu(required(x)))


def softplus(x: ArrayLike, /) -> Array:
    """``log(1 + exp(x))``.

    >>> softplus([1000.0])
    Array([1000.], dtype=float32, device=cpu)
    """
    return Array.of(rules.softplus(required(x)))


def gelu(x: ArrayLike, /, *, approximate: bool = False) -> Array:
    """``x`` times the share of a normal distribution below ``x``; ``approximate`` takes the tanh form of it.

    >>> gelu([0.0, 100.0])
    Array([  0., 100.], dtype=float32, device=cpu)
    """
    return Array.of(rules.gelu(required(x), approximate))


def layer_norm(
    x: ArrayLike,
    /,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    axis: AxisLike = -1,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, mean and variance along ``axis``.

    Args:
        x: any shape.
        weight: a shape that broadcasts to that of ``x``.
        bias: likewise.
        axis: one axis or several.
        eps: keeps the root away from zero.

    Raises:
        ShapeError: no such axis, or shapes that do not broadcast.

    >>> layer_norm([1.0, 3.0], eps=0.0)
    Array([-1.,  1.], dtype=float32, device=cpu)
    """
    scale, shift = (None if p is None else required(p) for p in (weight, bias))
    return Array.of(rules.layer_norm(required(x), scale, shift, axis, eps))


def rms_norm(x: ArrayLike, /, weight: ArrayLike | None = None, axis: AxisLike = -1, *, eps: float = 1e-6) -> Array:
    """``x / sqrt(mean(x * x) + eps) * weight``, the mean along ``axis``; arguments as of `layer_norm`.

    >>> rms_norm([2.0, 2.0], eps=0.0)
    Array([1., 1.], dtype=float32, device=cpu)
    """
    return Array.of(rules.rms_norm(required(x), None if weight is None else required(weight), axis, eps))
