"""Convolution over nodes: arguments in their usual forms, one number standing for all axes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import convolution as primitives
from eerie_dsl.ops.composite.axes import describe
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, result_dtype, strong

Steps = int | Sequence[int]
Padding = str | int | Sequence[int | tuple[int, int]]


def convolution(
    x: Operand,
    kernel: Operand,
    stride: Steps = 1,
    padding: Padding = "valid",
    dilation: Steps = 1,
    input_dilation: Steps = 1,
    groups: int = 1,
) -> Node:
    """Sums of products of a kernel with the windows of ``x``, which end with their channels."""
    dtype = result_dtype(x, kernel)
    left, right = as_dtype(strong(x), dtype), as_dtype(strong(kernel), dtype)
    if left.ndim < 2 or left.ndim != right.ndim:
        raise ShapeError(
            f"convolution of {describe((left, right))}: both need two axes more than there are spatial ones",
            hint="shape them (batch, *spatial, channels) and (*window, channels, features)",
        )
    count = left.ndim - 2
    strides, spread, apart = (
        _steps(name, value, count)
        for name, value in (("stride", stride), ("dilation", dilation), ("input_dilation", input_dilation))
    )
    windows = tuple((k - 1) * d + 1 for k, d in zip(right.shape, spread, strict=False))
    sizes = tuple((n - 1) * d + 1 for n, d in zip(left.shape[1:-1], apart, strict=True))
    return primitives.convolution(
        left,
        right,
        strides=strides,
        padding=_padding(padding, sizes, windows, strides),
        lhs_dilation=apart,
        rhs_dilation=spread,
        groups=index(groups),
        dtype=dtype,
    )


def _steps(name: str, value: Steps, count: int) -> tuple[int, ...]:
    steps = tuple(map(index, value)) if isinstance(value, Sequence) else (index(value),) * count
    if len(steps) != count or min(steps, default=1) < 1:
        raise ShapeError(f"convolution over {count} spatial axes needs {count} positive steps of {name}, got {value!r}")
    return steps


def _padding(
    padding: Padding, sizes: tuple[int, ...], windows: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    if padding == "same":
        totals = (max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, windows, strides, strict=True))
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ArgumentError(f"convolution has no padding {padding!r}", hint="use 'valid', 'same', or counts")
    counts = (padding,) * len(sizes) if isinstance(padding, int) else padding
    pairs = [(p, p) if isinstance(p, int) else tuple(p) for p in counts]
    if len(pairs) != len(sizes) or any(len(p) != 2 for p in pairs):
        raise ShapeError(f"convolution over {len(sizes)} spatial axes needs padding for each, got {padding!r}")
    return tuple((index(low), index(high)) for low, high in pairs)
