"""Discrete Fourier transforms, compiled with their surroundings, of any length.

float64 and complex128 are computed as they are; float32, complex64 and all the rest in float32, with complex64 as the
complex dtype. The error is a few roundings, measured on the whole of the result.

``norm`` says where the division by the number of elements goes: ``backward`` into the inverse transforms, ``forward``
into the others, ``ortho`` puts its square root into both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.info import on_device
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ops.composite import fft as rules

Norm = Literal["backward", "ortho", "forward"]


def fft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The sums ``x[0] + x[1] * w + x[2] * w**2 + ...`` for ``w = exp(-2 pi i k / n)``, ``k`` from 0 to ``n - 1``.

    Args:
        x: any numbers, any shape.
        n: how many elements to take, zeros behind the last if there are fewer; default all.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        InvalidValueError: there is no such norm.

    >>> fft([1.0, 0.0, 0.0, 0.0])
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64, device=cpu)
    """
    return Array.of(rules.fft(required(x), n, axis, norm))


def ifft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The inverse of `fft`.

    Args:
        x: any numbers, any shape.
        n: how many elements to take, zeros behind the last if there are fewer; default all.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        InvalidValueError: there is no such norm.

    >>> ifft([4.0, 0.0, 0.0, 0.0])
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64, device=cpu)
    """
    return Array.of(rules.fft(required(x), n, axis, norm, inverse=True))


def rfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The first ``n // 2 + 1`` results of `fft` on real numbers; the others are their conjugates.

    Args:
        x: any real numbers, any shape.
        n: how many elements to take, zeros behind the last if there are fewer; default all.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        DTypeError: complex numbers.
        InvalidValueError: there is no such norm.

    >>> rfft([1.0, 0.0, 0.0, 0.0])
    Array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64, device=cpu)
    """
    return Array.of(rules.rfft(required(x), n, axis, norm))


def irfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The inverse of `rfft`: real numbers.

    Args:
        x: any numbers, any shape.
        n: how many elements the result has; default twice the number in ``x`` less one.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        InvalidValueError: there is no such norm.

    >>> irfft([4.0, 0.0, 0.0])
    Array([1., 1., 1., 1.], dtype=float32, device=cpu)
    """
    return Array.of(rules.irfft(required(x), n, axis, norm))


def hfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The transform, which is real, of numbers of which the second half are the conjugates of the first, given that.

    Args:
        x: any numbers, any shape.
        n: how many elements the result has; default twice the number in ``x`` less one.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        InvalidValueError: there is no such norm.

    >>> hfft([1.0, 0.0, 0.0])
    Array([1., 1., 1., 1.], dtype=float32, device=cpu)
    """
    return Array.of(rules.hfft(required(x), n, axis, norm))


def ihfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """The inverse of `hfft`.

    Args:
        x: any real numbers, any shape.
        n: how many elements to take, zeros behind the last if there are fewer; default all.
        axis: which to transform along.
        norm: see the module.

    Raises:
        ShapeError: no such axis, or no element to transform.
        DTypeError: complex numbers.
        InvalidValueError: there is no such norm.

    >>> ihfft([4.0, 0.0, 0.0, 0.0])
    Array([1.-0.j, 1.-0.j, 1.-0.j], dtype=complex64, device=cpu)
    """
    return Array.of(rules.ihfft(required(x), n, axis, norm))


def fftn(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Array:
    """`fft` along several axes.

    Args:
        x: any numbers, any shape.
        s: sizes to transform along ``axes``, as ``n`` of `fft`; -1 is the size of ``x``.
        axes: which to transform along; default all, or as many of the last as ``s`` has.
        norm: see the module.

    Raises:
        ShapeError: no such axis, an axis named twice, sizes that do not go with the axes, no element to transform.
        InvalidValueError: there is no such norm.

    >>> fftn([[4.0, 0.0], [0.0, 0.0]])
    Array([[4.+0.j, 4.+0.j],
           [4.+0.j, 4.+0.j]], dtype=complex64, device=cpu)
    """
    return Array.of(rules.fftn(required(x), s, axes, norm))


def ifftn(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Array:
    """The inverse of `fftn`.

    Args:
        x: any numbers, any shape.
        s: sizes to transform along ``axes``, as ``n`` of `fft`; -1 is the size of ``x``.
        axes: which to transform along; default all, or as many of the last as ``s`` has.
        norm: see the module.

    Raises:
        ShapeError: no such axis, an axis named twice, sizes that do not go with the axes, no element to transform.
        InvalidValueError: there is no such norm.

    >>> ifftn([[4.0, 0.0], [0.0, 0.0]])
    Array([[1.+0.j, 1.+0.j],
           [1.+0.j, 1.+0.j]], dtype=complex64, device=cpu)
    """
    return Array.of(rules.fftn(required(x), s, axes, norm, inverse=True))


def rfftn(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Array:
    """`rfft` along the last of several axes, then `fft` along the others.

    Args:
        x: any real numbers, any shape.
        s: sizes to transform along ``axes``, as ``n`` of `fft`; -1 is the size of ``x``.
        axes: which to transform along; default all, or as many of the last as ``s`` has.
        norm: see the module.

    Raises:
        ShapeError: no such axis, an axis named twice, sizes that do not go with the axes, no element to transform.
        DTypeError: complex numbers.
        InvalidValueError: there is no such norm.

    >>> rfftn([[4.0, 0.0], [0.0, 0.0]])
    Array([[4.+0.j, 4.+0.j],
           [4.+0.j, 4.+0.j]], dtype=complex64, device=cpu)
    """
    return Array.of(rules.rfftn(required(x), s, axes, norm))


def irfftn(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Array:
    """The inverse of `rfftn`: real numbers.

    Args:
        x: any numbers, any shape.
        s: sizes to transform along ``axes``, as ``n`` of `irfft`; -1 is the size of ``x``.
        axes: which to transform along; default all, or as many of the last as ``s`` has.
        norm: see the module.

    Raises:
        ShapeError: no such axis, an axis named twice, sizes that do not go with the axes, no element to transform.
        InvalidValueError: there is no such norm.

    >>> irfftn([[4.0, 0.0], [0.0, 0.0]])
    Array([[1., 1.],
           [1., 1.]], dtype=float32, device=cpu)
    """
    return Array.of(rules.irfftn(required(x), s, axes, norm))


def fft2(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: Norm = "backward",
) -> Array:
    """`fftn` along two axes, by default the last two."""
    return Array.of(rules.fftn(required(x), s, axes, norm))


def ifft2(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: Norm = "backward",
) -> Array:
    """`ifftn` along two axes, by default the last two."""
    return Array.of(rules.fftn(required(x), s, axes, norm, inverse=True))


def rfft2(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: Norm = "backward",
) -> Array:
    """`rfftn` along two axes, by default the last two."""
    return Array.of(rules.rfftn(required(x), s, axes, norm))


def irfft2(
    x: ArrayLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: Norm = "backward",
) -> Array:
    """`irfftn` along two axes, by default the last two."""
    return Array.of(rules.irfftn(required(x), s, axes, norm))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of the results of `fft` in cycles per unit of ``d``, those above the middle negative.

    Args:
        n: how many samples are transformed.
        d: the distance of two samples.
        dtype: of the result, floating point; default float32.
        device: where the result lives.

    Raises:
        ShapeError: no sample.
        DTypeError: a dtype that is not floating point.

    >>> fftfreq(4)
    Array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32, device=cpu)
    """
    on_device(device)
    kind = None if dtype is None else _dtype(dtype)
    return Array.of(rules.frequencies("fftfreq", n, d, kind, half=False))


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of the results of `rfft` in cycles per unit of ``d``.

    Args:
        n: how many samples are transformed.
        d: the distance of two samples.
        dtype: of the result, floating point; default float32.
        device: where the result lives.

    Raises:
        ShapeError: no sample.
        DTypeError: a dtype that is not floating point.

    >>> rfftfreq(4)
    Array([0.  , 0.25, 0.5 ], dtype=float32, device=cpu)
    """
    on_device(device)
    kind = None if dtype is None else _dtype(dtype)
    return Array.of(rules.frequencies("rfftfreq", n, d, kind, half=True))


def fftshift(x: ArrayLike, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """The halves of each axis exchanged, so that frequency zero comes into the middle.

    Args:
        x: any array.
        axes: which axes; default all.

    Raises:
        ShapeError: there is no such axis.

    >>> fftshift([0, 1, 2, -2, -1])
    Array([-2, -1,  0,  1,  2], dtype=int64, device=cpu)
    """
    return Array.of(rules.fftshift(required(x), axes))


def ifftshift(x: ArrayLike, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """The inverse of `fftshift`, which differs from it for axes of odd sizes.

    >>> ifftshift([-2, -1, 0, 1, 2])
    Array([ 0,  1,  2, -2, -1], dtype=int64, device=cpu)
    """
    return Array.of(rules.fftshift(required(x), axes, inverse=True))
