"""Convolution over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ir.size import likely
from eerie_dsl.ops.contraction import as_dtype, check_product, dot, multiply_add
from eerie_dsl.ops.reduction import accumulator
from eerie_dsl.ops.shape import Axes, Batched, concat, flip, front, pad, reshape, transpose
from eerie_dsl.ops.shape import slice as slice_

Padding = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """The parameters of a convolution; `Convolution` says what they mean."""

    strides: Axes
    padding: Padding
    lhs_dilation: Axes
    rhs_dilation: Axes
    groups: int
    dtype: DType

    def windows(self, kernel: Shape) -> Shape:
        """How many elements of each spatial axis a window spans."""
        return tuple(map(_dilated, kernel[:-2], self.rhs_dilation))

    def padded(self, x: Shape) -> Shape:
        """The shape of ``x`` with zeros between and around its elements, or without those taken away."""
        sizes = zip(x[1:-1], self.lhs_dilation, self.padding, strict=True)
        return (x[0], *(_dilated(n, d) + low + high for n, d, (low, high) in sizes), x[-1])

    def widened(self, x: Shape) -> tuple[Axes, Axes, Shape]:
        """Where the first element of ``x`` goes, the steps from one to the next, and the shape, nothing taken away."""
        grown = self._replace(padding=tuple((max(low, 0), max(high, 0)) for low, high in self.padding))
        return (0, *(low for low, _ in grown.padding), 0), (1, *self.lhs_dilation, 1), grown.padded(x)

    def dropped(self) -> Axes:
        """How many elements are taken away before each axis."""
        return (0, *(max(-low, 0) for low, _ in self.padding), 0)


class Convolution(Primitive):
    """Sums of products of a kernel with the windows of ``x``; the kernel is not flipped.

    ``x`` is ``(batch, *spatial, channels)``, the kernel ``(*window, channels / groups, features)``, the result
    ``(batch, *spatial, features)``. Integers wrap around; float16 and bfloat16 accumulate in float32.

    Params:
        strides: step of the window along each spatial axis.
        padding: zeros before and after each spatial axis; a negative count takes elements away.
        lhs_dilation: distance of neighbouring elements of ``x``, zeros in between (a transposed convolution).
        rhs_dilation: distance of neighbouring elements of the kernel.
        groups: channels and features fall into this many groups, each convolved on its own.
        dtype: of the result, as in `dot`.
    """

    name = "convolution"

    def infer(self, x: Aval, kernel: Aval, **params: Any) -> Aval:
        g = Geometry(**params)
        check_product(self, x, kernel, g.dtype)
        n = x.ndim - 2
        if n < 0 or kernel.ndim != x.ndim:
            raise ShapeError(
                f"convolution of {x} with {kernel}: both need two axes more than there are spatial ones",
                hint="shape them (batch, *spatial, channels) and (*window, channels, features)",
            )
        for name in ("strides", "lhs_dilation", "rhs_dilation"):
            steps = params[name]
            if len(steps) != n or min(steps, default=1) < 1:
                raise ShapeError(f"convolution over {n} spatial axes needs {n} positive {name}, got {steps}")
        if len(g.padding) != n or any(len(pair) != 2 for pair in g.padding):
            raise ShapeError(f"convolution over {n} spatial axes needs {n} pairs of padding, got {g.padding}")
        channels, features = x.shape[-1], kernel.shape[-1]
        if g.groups < 1 or channels != kernel.shape[-2] * g.groups or features % g.groups:
            raise ShapeError(
                f"convolution of {x} with {kernel} in {g.groups} groups: {channels} channels and {features} "
                f"features do not fit kernels of {kernel.shape[-2]} channels",
                hint="channels must be groups times the kernel's channels, features a multiple of groups",
            )
        spatial, windows = g.padded(x.shape)[1:-1], g.windows(kernel.shape)
        if any(k < 1 or size < k for size, k in zip(spatial, windows, strict=True)):
            raise ShapeError(
                f"convolution of {x} with {kernel}: a window of {windows} does not fit in {spatial} padded elements",
                hint="pad more, or take a smaller kernel or dilation",
            )
        counts = ((size - k) // s + 1 for size, k, s in zip(spatial, windows, g.strides, strict=True))
        return Aval((x.shape[0], *counts, features), g.dtype)

    def reference(self, x: Any, kernel: Any, **params: Any) -> Any:
        g = Geometry(**params)
        n = x.ndim - 2
        kind = accumulator(g.dtype).numpy
        low, steps, shape = g.widened(x.shape)
        padded = np.zeros(shape, kind)
        if x.size:
            padded[tuple(slice(a, a + _dilated(m, k), k) for a, m, k in zip(low, x.shape, steps, strict=True))] = x
        kept = zip(g.dropped(), g.padded(x.shape), strict=True)
        padded = padded[tuple(slice(a, a + m) for a, m in kept)]
        windows = np.lib.stride_tricks.sliding_window_view(padded, g.windows(kernel.shape), tuple(range(1, n + 1)))
        places = tuple(slice(None, None, s) for s in g.strides)
        taps = tuple(slice(None, None, d) for d in g.rhs_dilation)
        windows = windows[(slice(None), *places, slice(None), *taps)]
        # (batch, *spatial, groups, channels, *window) against (channels, *window, groups, features)
        outer = windows.shape[: n + 1]
        depth, features = prod(kernel.shape[:-1]), kernel.shape[-1]
        windows = windows.reshape(*outer, g.groups, kernel.shape[n], *kernel.shape[:n])
        lhs = np.moveaxis(windows, n + 1, 0).reshape(g.groups, prod(outer), depth)
        rhs = np.moveaxis(kernel.astype(kind), n, 0).reshape(depth, g.groups, features // g.groups)
        with np.errstate(all="ignore"):
            product = np.matmul(lhs, rhs.transpose(1, 0, 2)).astype(g.dtype.numpy)
        return np.moveaxis(product, 0, 1).reshape(*outer, features)

    def lower(self, b: Any, x: Any, kernel: Any, *, out: Aval, **params: Any) -> Any:
        g = Geometry(**params)
        n = out.ndim - 2
        if 0 in (x.aval.size, kernel.aval.size, out.size):
            return b.splat(out, 0)
        window, features = kernel.aval.shape[:n], out.shape[-1]
        low, steps, shape = g.widened(x.aval.shape)
        kept = g.padded(x.aval.shape)
        if b.tiled and g.groups == 1 and sum(k > 1 for k in window) == 2:
            channels, wide = _vectorised(x.aval.shape[-1], features)
            shape, kept = (*shape[:-1], channels), (*kept[:-1], channels)
            padded = kernel.aval.with_shape((*window, channels, wide))
            kernel = b.insert_slice(kernel, padded, 0, (0,) * kernel.aval.ndim, (1,) * kernel.aval.ndim)
        if shape != x.aval.shape:
            x = b.insert_slice(x, x.aval.with_shape(shape), 0, low, steps)
        if shape != kept:
            x = b.extract_slice(x, x.aval.with_shape(kept), g.dropped(), (1,) * len(kept))
        axis = _axis_of_channels(x.aval.shape, window, g) if b.tiled else None
        if axis is not None:
            return self._narrowed(b, x, kernel, axis, g, out)
        if b.tiled:
            # Or IREE makes a transposition part of the loops, which are not vectorised then: the gradient in x of 3x3
            # over 56x56x64 takes 100 ms in place of 1.
            kernel = b.apart(kernel)
        window, channels, features = kernel.aval.shape[:n], kernel.aval.shape[n], kernel.aval.shape[-1]
        groups: Axes = (g.groups,) if g.groups > 1 else ()
        if groups:
            x = b.reshape(x, x.aval.with_shape((*kept[:-1], *groups, channels)))
            kernel = b.reshape(kernel, kernel.aval.with_shape((*window, channels, *groups, features // g.groups)))
        # The loops: batch, *spatial, group if any, feature, *window, channel.
        product = out.with_shape((*out.shape[:-1], *groups, features // g.groups))
        group, feature = tuple(range(n + 1, product.ndim - 1)), product.ndim - 1
        first, channel = product.ndim, product.ndim + n
        places = (
            # A window of one element that moves by one is the plain axis, and the loops those of a matrix product.
            1 + i if window[i] == g.strides[i] == 1 else b.window(1 + i, g.strides[i], first + i, g.rhs_dilation[i])
            for i in range(n)
        )
        result = multiply_add(
            b,
            product,
            (*product.shape, *window, channels),
            (b.tensor(x), (0, *places, *group, channel)),
            (b.tensor(kernel), (*range(first, channel), channel, *group, feature)),
        )
        if features != out.shape[-1]:
            return b.extract_slice(result, out, (0,) * out.ndim, (1,) * out.ndim)
        return b.reshape(result, out) if groups else result

    def _narrowed(self, b: Any, x: Any, kernel: Any, axis: int, g: Geometry, out: Aval) -> Any:
        """The same with the elements of the window along one axis for channels; ``x`` is padded already."""
        *window, channels, features = kernel.aval.shape
        taps, place, n = window[axis], 1 + axis, len(window)
        aval = x.aval.with_shape((*x.aval.shape[:place], out.shape[place], *x.aval.shape[place + 1 :]))
        steps = tuple(g.strides[axis] if i == place else 1 for i in range(aval.ndim))
        starts = (tuple(j * g.rhs_dilation[axis] * (i == place) for i in range(aval.ndim)) for j in range(taps))
        parts = [b.extract_slice(x, aval, start, steps) for start in starts]
        x = b.apart(b.concat(parts, aval.with_shape((*aval.shape[:-1], taps * channels)), aval.ndim - 1))
        order = (*(i for i in range(n) if i != axis), axis, n, n + 1)
        turned = kernel.aval.with_shape(tuple(kernel.aval.shape[i] for i in order))
        kernel = b.tensor(b.view(kernel, turned, tuple(order.index(i) for i in range(n + 2))))
        rest = [1 if i == axis else k for i, k in enumerate(window)]
        strides = [1 if i == axis else s for i, s in enumerate(g.strides)]
        dilation, result = list(g.rhs_dilation), out
        if n == 3 and axis == 0:  # which is part of the batch then
            del rest[0], strides[0], dilation[0]
            x = b.reshape(x, x.aval.with_shape((x.aval.shape[0] * x.aval.shape[1], *x.aval.shape[2:])))
            result = out.with_shape((out.shape[0] * out.shape[1], *out.shape[2:]))
        kernel = b.reshape(kernel, kernel.aval.with_shape((*rest, taps * channels, features)))
        plain = g._replace(
            strides=tuple(strides),
            padding=((0, 0),) * len(rest),
            lhs_dilation=(1,) * len(rest),
            rhs_dilation=tuple(dilation),
        )
        return b.reshape(self.lower(b, x, kernel, out=result, **plain._asdict()), out)

    def vjp(self, ct: Node, out: Node, x: Node, kernel: Node, **params: Any) -> Cotangents:
        g = Geometry(**params)
        if not g.dtype.is_inexact or 0 in (x.aval.size, kernel.aval.size, out.aval.size):
            return (None, None)
        n = x.ndim - 2
        spatial = tuple(range(1, n + 1))
        before = map(_dilated, x.shape[1:-1], g.lhs_dilation)
        after = map(_dilated, out.shape[1:-1], g.strides)
        lows = (low for low, _ in g.padding)
        sizes = list(zip(g.windows(kernel.shape), before, after, lows, strict=True))
        to_x = self(
            ct,
            as_dtype(_turned(kernel, g.groups), ct.dtype),
            strides=g.lhs_dilation,
            padding=tuple((k - 1 - low, m + low - o) for k, m, o, low in sizes),
            lhs_dilation=g.strides,
            rhs_dilation=g.rhs_dilation,
            groups=g.groups,
            dtype=g.dtype,
        )
        if g.groups == 1 and set(g.lhs_dilation) == {1} and prod(kernel.shape[:n]) <= _TAPS and n:
            return as_dtype(to_x, x.dtype), as_dtype(_by_taps(ct, x, kernel, g), kernel.dtype)
        # For the kernel, channels take the place of the batch, and the batch is summed over as channels are.
        channels = kernel.shape[n]
        grouped = reshape(x, shape=(*x.shape[:-1], g.groups, channels))
        grouped = transpose(grouped, axes=(n + 2, *spatial, n + 1, 0))
        to_kernel = self(
            as_dtype(reshape(grouped, shape=(*grouped.shape[:-2], g.groups * x.shape[0])), ct.dtype),
            transpose(ct, axes=(*spatial, 0, n + 1)),
            strides=g.rhs_dilation,
            padding=tuple((low, o - m + k - low - 1) for k, m, o, low in sizes),
            lhs_dilation=g.lhs_dilation,
            rhs_dilation=g.strides,
            groups=g.groups,
            dtype=g.dtype,
        )
        to_kernel = transpose(to_kernel, axes=(*spatial, 0, n + 1))
        return as_dtype(to_x, x.dtype), as_dtype(to_kernel, kernel.dtype)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return row == 0 and list(rows) == [0, None]

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> Batched:
        x, kernel = map(front, inputs, dims)
        x_dim, kernel_dim = dims
        if kernel_dim is None:  # a bigger batch
            count, size = x.shape[:2]
            result = self(reshape(x, shape=(count * size, *x.shape[2:])), kernel, **params)
            return reshape(result, shape=(count, size, *result.shape[1:])), 0
        count, features, groups = kernel.shape[0], kernel.shape[-1], params["groups"]
        n = kernel.ndim - 3
        inner = tuple(range(1, n + 2))
        if x_dim is None:  # more features in each group
            split = reshape(kernel, shape=(*kernel.shape[:-1], groups, features // groups))
            split = transpose(split, axes=(*inner, n + 2, 0, n + 3))
            result = self(x, reshape(split, shape=(*kernel.shape[1:-1], count * features)), **params)
            split = reshape(result, shape=(*result.shape[:-1], groups, count, features // groups))
            split = transpose(split, axes=(n + 2, *range(n + 2), n + 3))
            return reshape(split, shape=(count, *result.shape[:-1], features)), 0
        # more groups
        channels = x.shape[-1]
        x = transpose(x, axes=(*inner, 0, n + 2))
        kernel = transpose(kernel, axes=(*inner, 0, n + 2))
        result = self(
            reshape(x, shape=(*x.shape[:-2], count * channels)),
            reshape(kernel, shape=(*kernel.shape[:-2], count * features)),
            **(params | {"groups": count * groups}),
        )
        return reshape(result, shape=(*result.shape[:-1], count, features)), n + 1

    def flops(self, x: Aval, kernel: Aval, *, out: Aval, **params: Any) -> int:
        return 2 * out.size * prod(kernel.shape[:-1])


convolution = Convolution()


def _dilated(n: int, step: int) -> int:
    """How far ``n`` elements reach that are ``step`` apart."""
    return (n - 1) * step + 1 if n else 0


_ROOM = 1 << 24
"""Elements that an image may grow to when the elements of a window become channels."""


def _vectorised(channels: int, features: int) -> tuple[int, int]:
    """To how many of each, zeros being added, the loops of a convolution over two axes are vectorised by IREE.

    It drops loops of one step, and what is left is no convolution that it knows. 3x3 over 128x8x8 from one channel to
    16 takes 27 us in place of 430; from 16 channels to one 180 in place of 394, to three 181 in place of 767.
    """
    return max(channels, 2), max(1 << (features - 1).bit_length(), 2) if features < 8 else features


def _axis_of_channels(x: Shape, window: Shape, g: Geometry) -> int | None:
    """The axis along which the elements of the window should be channels, if any; ``x`` is the padded shape.

    Only loops over two axes are vectorised.
    """
    axes = [i for i, k in enumerate(window) if k > 1]
    if g.groups > 1 or len(axes) not in (1, 3) or window[axes[0]] * likely(prod(x)) > _ROOM:
        return None
    return axes[0]


_TAPS = 32
"""Elements of a window up to which the gradient of a kernel is made of a matrix product for each: of 3x3 over 56x56x64
they take 2.6 ms, the convolution that it also is 148."""


def _by_taps(ct: Node, x: Node, kernel: Node, g: Geometry) -> Node:
    """The cotangent of the kernel: for each element of the window, what it was multiplied by times ``ct``."""
    n = x.ndim - 2
    low = (0, *(max(a, 0) for a, _ in g.padding), 0)
    high = (0, *(max(b, 0) for _, b in g.padding), 0)
    x = as_dtype(pad(x, low=low, high=high, interior=(0,) * x.ndim, value=0), ct.dtype)
    summed = tuple(range(n + 1))
    parts = []
    for offsets in np.ndindex(*kernel.shape[:n]):
        starts = tuple(max(-lo, 0) + i * r for (lo, _), i, r in zip(g.padding, offsets, g.rhs_dilation, strict=True))
        stops = tuple(s + (o - 1) * k + 1 for s, o, k in zip(starts, ct.shape[1:], g.strides, strict=False))
        tap = slice_(x, starts=(0, *starts, 0), stops=(x.shape[0], *stops, x.shape[-1]), strides=(1, *g.strides, 1))
        part = dot(tap, ct, contract=(summed, summed), batch=((), ()), dtype=ct.dtype)
        parts.append(reshape(part, shape=(1, *part.shape)))
    return reshape(concat(*parts, axis=0), shape=kernel.shape)


def _turned(kernel: Node, groups: int) -> Node:
    """The kernel back to front, from features to channels."""
    n = kernel.ndim - 2
    window, channels, features = kernel.shape[:n], kernel.shape[n], kernel.shape[-1] // groups
    if n:
        kernel = flip(kernel, axes=tuple(range(n)))
    split = reshape(kernel, shape=(*window, channels, groups, features))
    split = transpose(split, axes=(*range(n), n + 2, n + 1, n))
    return reshape(split, shape=(*window, features, groups * channels))
