"""The greatest element or the mean of windows of an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import Any, NamedTuple

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.nn.checks import describe
from eerie_dsl.nn.module import module
from eerie_dsl.nn.windows import Padding, Steps, pairs, per_axis
from eerie_dsl.tree import static

_TOGETHER = 16
"""Elements of a window that are taken in one kernel; larger windows go axis by axis. Of 3x3, step 2, in 8x57x57x64 the
gradient takes 1.6 ms so and 2.1 axis by axis; of 2x2, step 2, in 128x8x8x16 31 us and 53."""


class _Axis(NamedTuple):
    """A window along one axis of an array of ``size`` elements there, padding included."""

    place: int
    size: int
    window: int
    stride: int
    low: int
    high: int

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return (self.size - self.window) // self.stride + 1

    @property
    def overlap(self) -> int:
        """How many windows an element may be in."""
        return -(-self.window // self.stride)

    @property
    def blocks(self) -> int:
        """Steps that the axis has room for, the last one perhaps not all of it."""
        return -(-self.size // self.stride)


def max_pool(x: Array, window: Steps, *, stride: Steps | None = None, padding: Padding = "valid") -> Array:
    """The greatest element of each window. Its gradient goes to that element, the first one where several are equal.

    Args:
        x: ``(batch, *spatial, channels)``, real.
        window: size; one number, or one for each spatial axis.
        stride: step of the window; its size if None.
        padding: elements around, which are never the greatest: ``valid`` adds none, ``same`` as many as keep the size
            at stride 1, the odd one behind; or a count, or for each axis a count or a pair (before, behind).

    Returns:
        ``(batch, *spatial, channels)``, NaN where the window has one.

    Raises:
        ShapeError: ``x`` is smaller than the window, or there is as much padding as window.
        DTypeError: ``x`` is bool or complex.
        ArgumentError: an option that does not fit.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> x = eerie.asarray([1.0, 5.0, 2.0, 3.0])[None, :, None]
    >>> nn.max_pool(x, 2)[0, :, 0]
    Array([5., 3.], dtype=float32, device=cpu)
    """
    if not eerie.isdtype(x.dtype, ("integral", "real floating")):
        raise DTypeError(f"max_pool of {describe(x)}, which has no greatest element")
    axes = _axes("max_pool", x, window, stride, padding)
    floating = eerie.isdtype(x.dtype, "real floating")
    x = _padded(x, axes, -eerie.inf if floating else eerie.iinfo(x.dtype).min)
    for some in _passes(axes):
        x = _greatest(x, some)
    return x


def avg_pool(
    x: Array,
    window: Steps,
    *,
    stride: Steps | None = None,
    padding: Padding = "valid",
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window. float16 and bfloat16 are summed in float32.

    Args:
        x: ``(batch, *spatial, channels)``, floating point.
        window: size; one number, or one for each spatial axis.
        stride: step of the window; its size if None.
        padding: zeros around, as for `max_pool`.
        count_include_pad: whether they count; else the mean is that of the elements of ``x`` in the window.

    Returns:
        ``(batch, *spatial, channels)``.

    Raises:
        ShapeError: ``x`` is smaller than the window, or there is as much padding as window.
        DTypeError: ``x`` is not floating point.
        ArgumentError: an option that does not fit.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> x = eerie.asarray([1.0, 5.0, 2.0, 4.0])[None, :, None]
    >>> nn.avg_pool(x, 2)[0, :, 0]
    Array([3., 3.], dtype=float32, device=cpu)
    """
    _floating("avg_pool", x)
    axes = _axes("avg_pool", x, window, stride, padding)
    dtype = x.dtype
    x = _padded(eerie.astype(x, eerie.result_type(dtype, eerie.float32)), axes, 0)
    for some in _passes(axes):
        x = _summed(x, some)
    if count_include_pad:
        return eerie.astype(x / prod(a.window for a in axes), dtype)
    for a in axes:
        start = eerie.arange(a.windows, dtype=eerie.int32) * a.stride
        stop = eerie.minimum(start + a.window, a.size - a.high)
        inside = stop - eerie.maximum(start, a.low)
        x = x / _along(eerie.astype(inside, x.dtype), a.place, x.ndim)
    return eerie.astype(x, dtype)


def adaptive_avg_pool(x: Array, size: Steps) -> Array:
    """The means of so many windows, of nearly equal size, that cover the image.

    Window ``i`` of an axis of ``n`` elements goes from ``floor(i n / size)`` to ``ceil((i + 1) n / size)``.

    Args:
        x: ``(batch, *spatial, channels)``, floating point.
        size: of the result; one number, or one for each spatial axis.

    Returns:
        ``(batch, *size, channels)``.

    Raises:
        ShapeError: ``x`` has no spatial axes, or one of no elements.
        DTypeError: ``x`` is not floating point.
        ArgumentError: a size that does not fit.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> x = eerie.asarray([1.0, 2.0, 6.0])[None, :, None]
    >>> nn.adaptive_avg_pool(x, 2)[0, :, 0]
    Array([1.5, 4. ], dtype=float32, device=cpu)
    """
    _floating("adaptive_avg_pool", x)
    sizes = per_axis("size", size, _spatial("adaptive_avg_pool", x))
    if 0 in x.shape[1:-1]:
        raise ShapeError(f"adaptive_avg_pool of {describe(x)}, which has an axis without elements")
    if all(n % s == 0 for n, s in zip(x.shape[1:-1], sizes, strict=True)):
        return avg_pool(x, [n // s for n, s in zip(x.shape[1:-1], sizes, strict=True)])
    for place, s in enumerate(sizes, 1):
        n = x.shape[place]
        before = (slice(None),) * place
        parts = [x[(*before, slice(i * n // s, -(-(i + 1) * n // s)))] for i in range(s)]
        x = eerie.concat([eerie.mean(p, axis=place, keepdims=True) for p in parts], axis=place)
    return x


def global_avg_pool(x: Array) -> Array:
    """The mean over all spatial axes: ``(batch, *spatial, channels)`` to ``(batch, channels)``.

    Raises:
        ShapeError: ``x`` has no spatial axes, or one of no elements.
        DTypeError: ``x`` is not floating point.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.global_avg_pool(eerie.ones((2, 7, 7, 3))).shape
    (2, 3)
    """
    _floating("global_avg_pool", x)
    axes = _spatial("global_avg_pool", x)
    if 0 in x.shape[1:-1]:
        raise ShapeError(f"global_avg_pool of {describe(x)}, which has an axis without elements")
    return eerie.mean(x, axis=tuple(range(1, axes + 1)))


@module
class MaxPool:
    """`max_pool` as a layer.

    Attributes:
        window: size; one number, or one for each spatial axis.
        stride: step of the window; its size if None.
        padding: ``valid``, ``same``, a count, or for each axis a count or a pair.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.MaxPool(3, stride=2, padding=1)(eerie.zeros((8, 56, 56, 64))).shape
    (8, 28, 28, 64)
    """

    window: Steps = static()
    stride: Steps | None = static(default=None)
    padding: Padding = static(default="valid")

    def __call__(self, x: Array) -> Array:
        """``(batch, *spatial, channels)`` to the same with fewer elements; raises what `max_pool` does."""
        return max_pool(x, self.window, stride=self.stride, padding=self.padding)


@module
class AvgPool:
    """`avg_pool` as a layer.

    Attributes:
        window: size; one number, or one for each spatial axis.
        stride: step of the window; its size if None.
        padding: ``valid``, ``same``, a count, or for each axis a count or a pair.
        count_include_pad: whether the zeros around count.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.AvgPool(2)(eerie.zeros((8, 56, 56, 64))).shape
    (8, 28, 28, 64)
    """

    window: Steps = static()
    stride: Steps | None = static(default=None)
    padding: Padding = static(default="valid")
    count_include_pad: bool = static(default=True)

    def __call__(self, x: Array) -> Array:
        """``(batch, *spatial, channels)`` to the same with fewer elements; raises what `avg_pool` does."""
        return avg_pool(
            x, self.window, stride=self.stride, padding=self.padding, count_include_pad=self.count_include_pad
        )


def _spatial(what: str, x: Array) -> int:
    if x.ndim < 3:
        raise ShapeError(f"{what} of {describe(x)}", hint="shape it (batch, *spatial, channels)")
    return x.ndim - 2


def _floating(what: str, x: Array) -> None:
    if not eerie.isdtype(x.dtype, ("real floating", "complex floating")):
        raise DTypeError(f"{what} of {describe(x)}: a mean is floating point", hint="cast it with astype")


def _axes(what: str, x: Array, window: Steps, stride: Steps | None, padding: Padding) -> list[_Axis]:
    count = _spatial(what, x)
    windows = per_axis("window", window, count)
    strides = windows if stride is None else per_axis("stride", stride, count)
    sizes = x.shape[1:-1]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, windows, strides, strict=True)]
    around = pairs(padding, count, totals)
    axes = [
        _Axis(place, low + n + high, k, s, low, high)
        for place, (n, k, s, (low, high)) in enumerate(zip(sizes, windows, strides, around, strict=True), 1)
    ]
    for a in axes:
        if not 0 <= min(a.low, a.high) <= max(a.low, a.high) < a.window:
            raise ShapeError(
                f"{what} of {describe(x)} by windows of {windows} with padding {around}",
                hint="pad from 0 to less than the size of the window, or a window would hold nothing else",
            )
        if a.size < a.window:
            raise ShapeError(
                f"{what} of {describe(x)}: a window of {windows} does not fit, with padding {around}",
                hint="pad more, or take a smaller window",
            )
    return axes


def _passes(axes: list[_Axis]) -> list[list[_Axis]]:
    # From the last axis on, which finds the same first maximum as all at once.
    return [axes] if prod(a.window for a in axes) <= _TOGETHER else [[a] for a in reversed(axes)]


def _padded(x: Array, axes: Sequence[_Axis], value: float) -> Array:
    if not any(a.low or a.high for a in axes):
        return x
    return eerie.pad(x, [(0, 0), *((a.low, a.high) for a in axes), (0, 0)], constant_values=value)


def _taps(x: Array, axes: Sequence[_Axis]) -> list[tuple[Any, Array]]:
    """For each element of a window: its number, and that element of all windows."""
    found = []
    for offsets in product(*(range(a.window) for a in axes)):
        place = [slice(None)] * x.ndim
        for a, i in zip(axes, offsets, strict=True):
            place[a.place] = slice(i, i + (a.windows - 1) * a.stride + 1, a.stride)
        found.append((_number(axes, offsets), x[tuple(place)]))
    return found


def _number(axes: Sequence[_Axis], offsets: Sequence[Any]) -> Any:
    """The number of an element of the window, row by row; rows have room for all that `_spread` compares with."""
    number = 0
    for a, i in zip(axes, offsets, strict=True):
        number = number * (a.overlap * a.stride) + i
    return number


def _greatest(x: Array, axes: Sequence[_Axis]) -> Array:
    def forward(x: Array) -> tuple[Array, Array]:
        (_, value), *rest = _taps(x, axes)
        chosen = eerie.zeros(value.shape, dtype=eerie.int32)
        for number, other in rest:
            better = (other > value) | (other != other)  # NaN is the greatest
            value, chosen = eerie.where(better, other, value), eerie.where(better, number, chosen)
        return value, chosen

    def backward(chosen: Array, ct: Array) -> tuple[Array]:
        return (_spread(ct, chosen, axes, x.shape),)

    return eerie.custom_vjp(lambda x: forward(x)[0], forward, backward)(x)  # type: ignore[no-any-return]


def _summed(x: Array, axes: Sequence[_Axis]) -> Array:
    def forward(x: Array) -> tuple[Array, None]:
        return reduce(eerie.add, (part for _, part in _taps(x, axes))), None

    def backward(_: None, ct: Array) -> tuple[Array]:
        return (_spread(ct, None, axes, x.shape),)

    return eerie.custom_vjp(lambda x: forward(x)[0], forward, backward)(x)  # type: ignore[no-any-return]


def _spread(ct: Array, chosen: Array | None, axes: Sequence[_Axis], shape: tuple[int, ...]) -> Array:
    """The cotangent of each window given to the element whose number is ``chosen``, or to all of its elements.

    Each axis is seen as blocks of ``stride`` elements, so that element ``p`` of block ``b`` is the element
    ``p + m * stride`` of window ``b - m``. That is one elementwise kernel; derivatives of the slices that windows are
    made of would add up an array of the size of ``x`` for each element of a window.
    """
    block_axes = [a.place + i + 1 for i, a in enumerate(axes)]
    ndim = ct.ndim + len(axes)
    around = [(0, 0)] * ct.ndim
    for a in axes:
        around[a.place] = (a.overlap - 1, a.blocks - a.windows)

    def blocks(x: Array, steps: Sequence[int]) -> Array:
        place = [slice(None)] * ct.ndim
        for a, m in zip(axes, steps, strict=True):
            place[a.place] = slice(a.overlap - 1 - m, a.overlap - 1 - m + a.blocks)
        return eerie.expand_dims(x[tuple(place)], axis=block_axes)

    ct = eerie.pad(ct, around)
    if chosen is not None:
        chosen = eerie.pad(chosen, around, constant_values=-1)
    parts = []
    for steps in product(*(range(a.overlap) for a in axes)):
        offsets = [
            _along(eerie.arange(a.stride, dtype=eerie.int32), place, ndim) + m * a.stride
            for a, place, m in zip(axes, block_axes, steps, strict=True)
        ]
        if chosen is None:
            ours = reduce(eerie.logical_and, (o < a.window for a, o in zip(axes, offsets, strict=True)))
        else:
            ours = blocks(chosen, steps) == _number(axes, offsets)
        parts.append(eerie.where(ours, blocks(ct, steps), 0))
    sizes, kept = list(shape), [slice(None)] * len(shape)
    for a in axes:
        sizes[a.place], kept[a.place] = a.blocks * a.stride, slice(a.size)
    return eerie.reshape(reduce(eerie.add, parts), sizes)[tuple(kept)]


def _along(x: Array, axis: int, ndim: int) -> Array:
    """A 1-d array as one that broadcasts, along one axis of so many."""
    return eerie.reshape(x, [-1 if k == axis else 1 for k in range(ndim)])
