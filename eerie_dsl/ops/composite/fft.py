"""Fourier transforms over nodes: along any axes, of any length, in the usual scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from operator import index

from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import DEFAULT_FLOAT, DType, complex64, complex128, float64, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops import fft as primitives
from eerie_dsl.ops import shape as shapes
from eerie_dsl.ops.complex import conj
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.arrange import roll
from eerie_dsl.ops.composite.axes import many_axes, one_axis
from eerie_dsl.ops.composite.promotion import Operand, strong, to_float
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.composite.shape import moveaxis, part

NORMS = ("backward", "ortho", "forward")


def fft(x: Operand, n: int | None = None, axis: int = -1, norm: str = "backward", inverse: bool = False) -> Node:
    """The transform of complex numbers along one axis."""
    op = "ifft" if inverse else "fft"
    node = _complex(x)
    place = one_axis(op, axis, node.ndim)
    size = _size(op, node.shape[place] if n is None else n)
    scale = _scale(op, size, norm, inverse)
    return _along(node, place, size, lambda v: primitives.fft(v, inverse=inverse, scale=scale))


def rfft(x: Operand, n: int | None = None, axis: int = -1, norm: str = "backward") -> Node:
    """The transform of real numbers along one axis: the half that is not the conjugate of the other."""
    return _rfft("rfft", x, n, axis, norm, inverse=False)


def irfft(x: Operand, n: int | None = None, axis: int = -1, norm: str = "backward") -> Node:
    """The inverse of `rfft`."""
    return _irfft("irfft", _complex(x), n, axis, norm, inverse=True)


def hfft(x: Operand, n: int | None = None, axis: int = -1, norm: str = "backward") -> Node:
    """The transform of numbers of which the other half are the conjugates."""
    return _irfft("hfft", conj(_complex(x)), n, axis, norm, inverse=False)


def ihfft(x: Operand, n: int | None = None, axis: int = -1, norm: str = "backward") -> Node:
    """The inverse of `hfft`."""
    return conj(_rfft("ihfft", x, n, axis, norm, inverse=True))


def fftn(
    x: Operand,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
    inverse: bool = False,
) -> Node:
    """`fft` along several axes."""
    node = _complex(x)
    for size, axis in reversed(_sizes("ifftn" if inverse else "fftn", node, s, axes)):
        node = fft(node, size, axis, norm, inverse)
    return node


def rfftn(
    x: Operand, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Node:
    """`rfft` along the last of the axes, then `fft` along the others."""
    node = strong(x)
    *others, (size, axis) = _sizes("rfftn", node, s, axes)
    node = rfft(node, size, axis, norm)
    for size, axis in reversed(others):
        node = fft(node, size, axis, norm)
    return node


def irfftn(
    x: Operand, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Node:
    """The inverse of `rfftn`."""
    node = _complex(x)
    *others, (size, axis) = _sizes("irfftn", node, s, axes)
    for length, place in others:
        node = fft(node, length, place, norm, inverse=True)
    return irfft(node, size, axis, norm)


def frequencies(op: str, n: int, d: float, dtype: DType | None, *, half: bool) -> Node:
    """The frequencies of the results of a transform of ``n`` samples at distance ``d``."""
    size = _size(op, n)
    kind = DEFAULT_FLOAT if dtype is None else dtype
    if kind.kind != "float":
        raise DTypeError(f"{op} of {kind.name}: frequencies are real numbers", hint="ask for a floating point dtype")
    count = size // 2 + 1 if half else size
    place = shapes.iota(shape=(count,), dtype=int64, axis=0)
    if not half:
        place = ew.where(ew.less(place, constant.like(place, (size + 1) // 2)), place, ew.subtract(place, size))
    number = ew.astype(place, wide(kind))
    return ew.astype(ew.divide(number, constant.like(number, size * d)), kind)


def fftshift(x: Operand, axes: int | Sequence[int] | None = None, inverse: bool = False) -> Node:
    """The axes rolled by half, so that frequency zero comes into the middle; or back."""
    node = strong(x)
    places = many_axes("ifftshift" if inverse else "fftshift", axes, node.ndim)
    sizes = [node.shape[a] for a in places]
    return roll(node, [-(n // 2) if inverse else n // 2 for n in sizes], places)


def _rfft(op: str, x: Operand, n: int | None, axis: int, norm: str, inverse: bool) -> Node:
    node = strong(x)
    if node.dtype.kind == "complex":
        raise DTypeError(f"{op} of {node.aval} takes real numbers", hint="use fft, or take the real part first")
    node = ew.astype(node, wide(to_float(node.dtype)))
    place = one_axis(op, axis, node.ndim)
    size = _size(op, node.shape[place] if n is None else n)
    scale = _scale(op, size, norm, inverse)
    return _along(node, place, size, lambda v: primitives.rfft(v, scale=scale))


def _irfft(op: str, node: Node, n: int | None, axis: int, norm: str, inverse: bool) -> Node:
    place = one_axis(op, axis, node.ndim)
    size = _size(op, 2 * (node.shape[place] - 1) if n is None else n)
    scale = _scale(op, size, norm, inverse)
    return _along(node, place, size // 2 + 1, lambda v: primitives.irfft(v, size=size, scale=scale))


def _along(x: Node, axis: int, size: int, function: Callable[[Node], Node]) -> Node:
    """The function along an axis that was cut, or filled up with zeros, to ``size``."""
    old = x.shape[axis]
    if old > size:
        x = part(x, axis, 0, size)
    elif old < size:
        none = (0,) * x.ndim
        high = tuple(size - old if a == axis else 0 for a in range(x.ndim))
        x = shapes.pad(x, low=none, high=high, interior=none, value=0)
    if axis == x.ndim - 1:
        return function(x)
    return moveaxis(function(moveaxis(x, axis, -1)), -1, axis)


def _complex(x: Operand) -> Node:
    node = strong(x)
    if node.dtype.kind == "complex":
        return node
    return ew.astype(node, complex128 if node.dtype is float64 else complex64)


def _size(op: str, n: int) -> int:
    try:
        size = index(n)
    except TypeError:
        raise ArgumentError(f"{op}: a number of elements is an integer, not {n!r}") from None
    if size < 1:
        raise ShapeError(f"{op} of {size} elements", hint="give at least one element")
    return size


def _sizes(op: str, x: Node, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int | None, int]]:
    """The sizes asked for (None where none is), each with its axis."""
    if s is not None and axes is None:
        axes = range(-len(s), 0)
    places = many_axes(op, axes, x.ndim)
    if not places:
        raise ShapeError(f"{op} of {x.aval} along no axis", hint="name at least one")
    if s is None:
        return [(None, a) for a in places]
    if len(s) != len(places):
        raise ShapeError(f"{op} of {x.aval}: {len(s)} sizes for {len(places)} axes")
    return [(x.shape[a] if n == -1 else n, a) for n, a in zip(s, places, strict=True)]


def _scale(op: str, size: int, norm: str | None, inverse: bool) -> float:
    if norm not in (None, *NORMS):
        raise InvalidValueError(f"{op} has no norm {norm!r}", hint="use 'backward', 'ortho' or 'forward'")
    if norm == "ortho":
        return 1 / sqrt(size)
    return 1 / size if inverse == (norm != "forward") else 1.0
