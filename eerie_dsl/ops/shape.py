"""Operations that move elements: reshape, transpose, broadcast, concat, pad, slice, flip; and iota."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import DType, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.base import REAL, check_dtype

Axes = tuple[int, ...]
Batched = tuple[Node, int | None]
"""A node, and where the axis of the examples is in it; None where all of them share it."""


def front(x: Node, axis: int | None) -> Node:
    """``x`` with ``axis`` moved to the front."""
    if axis is None or axis == 0:
        return x
    return transpose(x, axes=(axis, *(a for a in range(x.ndim) if a != axis)))


def shifted(axes: Axes) -> Axes:
    """``axes`` behind one more axis at the front."""
    return tuple(a + 1 for a in axes)


def check_axes(op: Primitive, axes: Axes, ndim: int) -> None:
    """Raise ShapeError unless ``axes`` are different axes of ``ndim`` dimensions, counted from 0."""
    if len(set(axes)) != len(axes) or any(not 0 <= a < ndim for a in axes):
        raise ShapeError(
            f"{op.name} needs different axes from 0 to {ndim - 1}, got {axes}"
            if ndim
            else f"{op.name} got axes {axes} of a 0-d array"
        )


class Reshape(Primitive):
    """The same elements in row-major order under another shape."""

    name = "reshape"
    moves = True

    def infer(self, x: Aval, *, shape: Shape) -> Aval:
        if any(n < 0 for n in shape) or prod(shape) != x.size:
            raise ShapeError(
                f"reshape of {x!r} to {shape}: {x.size} elements do not fill that shape",
                hint="keep the number of elements",
            )
        return x.with_shape(shape)

    def reference(self, x: Any, *, shape: Shape) -> Any:
        return np.reshape(x, shape)

    def lower(self, b: Any, x: Any, *, out: Aval, shape: Shape) -> Any:
        old = [i for i, n in enumerate(x.aval.shape) if n != 1]
        new = [i for i, n in enumerate(shape) if n != 1]
        if [x.aval.shape[i] for i in old] != [shape[i] for i in new]:
            return b.reshape(x, out)
        place = dict(zip(old, new, strict=True))
        return b.view(x, out, tuple(place.get(i) for i in range(x.aval.ndim)))

    def passthrough(self, x: Node, *, shape: Shape) -> Node | None:
        return x if x.shape == shape else None

    def vjp(self, ct: Node, out: Node, x: Node, *, shape: Shape) -> Cotangents:
        return (reshape(ct, shape=x.shape),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return rows[0] is not None and prod(avals[0].shape[: rows[0]]) == prod(params["shape"][:row])

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, shape: Shape) -> Batched:
        x = front(inputs[0], dims[0])
        return reshape(x, shape=(x.shape[0], *shape)), 0


class Transpose(Primitive):
    """Axis ``i`` of the result is axis ``axes[i]`` of the operand."""

    name = "transpose"
    moves = True
    absorbs = "elements"

    def infer(self, x: Aval, *, axes: Axes) -> Aval:
        if sorted(axes) != list(range(x.ndim)):
            raise ShapeError(
                f"transpose of {x!r} by axes {axes}: each axis must be named once",
                hint=f"give a permutation of {tuple(range(x.ndim))}",
            )
        return x.with_shape(tuple(x.shape[a] for a in axes))

    def reference(self, x: Any, *, axes: Axes) -> Any:
        return np.transpose(x, axes)

    def lower(self, b: Any, x: Any, *, out: Aval, axes: Axes) -> Any:
        return b.view(x, out, _inverse(axes))

    def passthrough(self, x: Node, *, axes: Axes) -> Node | None:
        return x if axes == tuple(range(x.ndim)) else None

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        return (transpose(ct, axes=_inverse(axes)),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes) -> Batched:
        return transpose(front(inputs[0], dims[0]), axes=(0, *shifted(axes))), 0


class Broadcast(Primitive):
    """Axis ``i`` of the operand becomes axis ``axes[i]`` of the result, repeated where its size is 1.

    ``axes`` increase; the result's other axes are new.
    """

    name = "broadcast"
    repeats = True
    moves = True
    absorbs = "elements"

    def infer(self, x: Aval, *, shape: Shape, axes: Axes) -> Aval:
        within = all(0 <= a < len(shape) for a in axes)
        if not within or len(axes) != x.ndim or list(axes) != sorted(set(axes)):
            raise ShapeError(
                f"broadcast of {x!r} to {shape} along axes {axes}",
                hint=f"give {x.ndim} increasing axes of the result, one for each axis of the operand",
            )
        for n, a in zip(x.shape, axes, strict=True):
            if n not in (1, shape[a]):
                raise ShapeError(
                    f"broadcast of {x!r} to {shape} along axes {axes}: {n} does not fit {shape[a]} at axis {a}",
                    hint="only axes of size 1 can be repeated",
                )
        return x.with_shape(shape)

    def reference(self, x: Any, *, shape: Shape, axes: Axes) -> Any:
        sizes = dict(zip(axes, np.shape(x), strict=True))
        return np.broadcast_to(np.reshape(x, [sizes.get(a, 1) for a in range(len(shape))]), shape)

    def lower(self, b: Any, x: Any, *, out: Aval, shape: Shape, axes: Axes) -> Any:
        same = zip(x.aval.shape, axes, strict=True)
        return b.view(x, out, tuple(a if n == shape[a] else None for n, a in same))

    def passthrough(self, x: Node, *, shape: Shape, axes: Axes) -> Node | None:
        return x if x.shape == shape else None

    def vjp(self, ct: Node, out: Node, x: Node, *, shape: Shape, axes: Axes) -> Cotangents:
        from eerie_dsl.ops.reduction import reduce_sum

        kept = {a for n, a in zip(x.shape, axes, strict=True) if n == shape[a]}
        repeated = tuple(a for a in range(len(shape)) if a not in kept)
        total = reduce_sum(ct, axes=repeated) if repeated else ct
        return (reshape(total, shape=x.shape) if total.shape != x.shape else total,)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, shape: Shape, axes: Axes) -> Batched:
        x = front(inputs[0], dims[0])
        return broadcast(x, shape=(x.shape[0], *shape), axes=(0, *shifted(axes))), 0


class Concat(Primitive):
    """The operands one after the other along ``axis``."""

    name = "concat"
    moves = True

    def infer(self, *avals: Aval, axis: int) -> Aval:
        if not avals:
            raise ShapeError("concat needs at least one operand")
        first = avals[0]
        check_axes(self, (axis,), first.ndim)
        rest = [(*a.shape[:axis], *a.shape[axis + 1 :]) for a in avals if a.ndim == first.ndim]
        if len(rest) != len(avals) or len(set(rest)) != 1 or any(a.dtype is not first.dtype for a in avals):
            raise ShapeError(
                f"concat along axis {axis} of {' and '.join(map(repr, avals))}",
                hint=f"operands need one dtype and equal sizes on every axis but {axis}",
            )
        total = sum(a.shape[axis] for a in avals)
        return first.with_shape((*first.shape[:axis], total, *first.shape[axis + 1 :]))

    def reference(self, *arrays: Any, axis: int) -> Any:
        return np.concatenate(arrays, axis)

    def lower(self, b: Any, *values: Any, out: Aval, axis: int) -> Any:
        return b.concat(values, out, axis)

    def vjp(self, ct: Node, out: Node, *inputs: Node, axis: int) -> Cotangents:
        cotangents = []
        start = 0
        for x in inputs:
            starts, stops = [0] * out.ndim, list(out.shape)
            starts[axis], stops[axis] = start, start + x.shape[axis]
            start = stops[axis]
            cotangents.append(slice(ct, starts=tuple(starts), stops=tuple(stops), strides=(1,) * out.ndim))
        return tuple(cotangents)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return bool(row != params["axis"])

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axis: int) -> Batched:
        from eerie_dsl.ops.batching import together

        return concat(*together(inputs, dims), axis=axis + 1), 0


class Pad(Primitive):
    """``low``, ``high`` and, between neighbours, ``interior`` elements of ``value`` added along each axis.

    ``value`` is a number, cast to the dtype of the operand.
    """

    name = "pad"
    moves = True

    def infer(self, x: Aval, *, low: Axes, high: Axes, interior: Axes, value: complex) -> Aval:
        counts = (*low, *high, *interior)
        if not len(low) == len(high) == len(interior) == x.ndim or min(counts, default=0) < 0:
            raise ShapeError(
                f"pad of {x!r} with low {low}, high {high}, interior {interior}",
                hint=f"give {x.ndim} counts in each, none negative; slice to take elements away",
            )
        return x.with_shape(tuple(map(_padded, x.shape, low, high, interior)))

    def reference(self, x: Any, *, low: Axes, high: Axes, interior: Axes, value: complex) -> Any:
        result = np.full(tuple(map(_padded, x.shape, low, high, interior)), value, x.dtype)
        result[_places(low, x.shape, interior)] = x
        return result

    def lower(self, b: Any, x: Any, *, out: Aval, low: Axes, high: Axes, interior: Axes, value: complex) -> Any:
        return b.insert_slice(x, out, value, low, tuple(k + 1 for k in interior))

    def vjp(self, ct: Node, out: Node, x: Node, *, low: Axes, high: Axes, interior: Axes, value: complex) -> Cotangents:
        places = _places(low, x.shape, interior)
        stops = tuple(p.stop for p in places)
        return (slice(ct, starts=low, stops=stops, strides=tuple(k + 1 for k in interior)),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(
        self,
        inputs: Sequence[Node],
        dims: Sequence[int | None],
        *,
        low: Axes,
        high: Axes,
        interior: Axes,
        value: complex,
    ) -> Batched:
        x = front(inputs[0], dims[0])
        return pad(x, low=(0, *low), high=(0, *high), interior=(0, *interior), value=value), 0


class Slice(Primitive):
    """``x[start:stop:stride]`` along each axis, all within bounds and strides positive."""

    name = "slice"
    moves = True

    def infer(self, x: Aval, *, starts: Axes, stops: Axes, strides: Axes) -> Aval:
        fits = len(starts) == len(stops) == len(strides) == x.ndim and all(
            0 <= a <= b <= n and k > 0 for a, b, k, n in zip(starts, stops, strides, x.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"slice of {x!r} from {starts} to {stops} by {strides}",
                hint=f"give {x.ndim} of each with 0 <= start <= stop <= size and positive strides",
            )
        return x.with_shape(tuple(map(_count, starts, stops, strides)))

    def reference(self, x: Any, *, starts: Axes, stops: Axes, strides: Axes) -> Any:
        return x[_slices(starts, stops, strides)]

    def lower(self, b: Any, x: Any, *, out: Aval, starts: Axes, stops: Axes, strides: Axes) -> Any:
        return b.extract_slice(x, out, starts, strides)

    def passthrough(self, x: Node, *, starts: Axes, stops: Axes, strides: Axes) -> Node | None:
        return x if stops == x.shape and not any(starts) and all(s == 1 for s in strides) else None

    def vjp(self, ct: Node, out: Node, x: Node, *, starts: Axes, stops: Axes, strides: Axes) -> Cotangents:
        low, high, interior = [], [], []
        for n, start, k, count in zip(x.shape, starts, strides, out.shape, strict=True):
            low.append(start if count else 0)
            high.append(n - start - (count - 1) * k - 1 if count else n)
            interior.append(k - 1)
        return (pad(ct, low=tuple(low), high=tuple(high), interior=tuple(interior), value=0),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(
        self, inputs: Sequence[Node], dims: Sequence[int | None], *, starts: Axes, stops: Axes, strides: Axes
    ) -> Batched:
        x = front(inputs[0], dims[0])
        return slice(x, starts=(0, *starts), stops=(x.shape[0], *stops), strides=(1, *strides)), 0


class Flip(Primitive):
    """The order of the elements reversed along ``axes``."""

    name = "flip"
    moves = True

    def infer(self, x: Aval, *, axes: Axes) -> Aval:
        check_axes(self, axes, x.ndim)
        return x

    def reference(self, x: Any, *, axes: Axes) -> Any:
        return np.flip(x, axes)

    def lower(self, b: Any, x: Any, *, out: Aval, axes: Axes) -> Any:
        places = []
        for axis, n in enumerate(out.shape):
            place = b.index(out.with_dtype(int64), axis)
            if axis in axes:
                last = b.splat(place.aval, n - 1)
                place = b.map(place.aval, lambda s, a, b: s.sub(a, b), last, place)
            places.append(place)
        return b.read(x, out, places)

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        return (flip(ct, axes=axes),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return row not in params["axes"]

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes) -> Batched:
        return flip(front(inputs[0], dims[0]), axes=shifted(axes)), 0


class Iota(Primitive):
    """0, 1, 2, ... along ``axis``, repeated along the other axes."""

    name = "iota"
    differentiable = False

    def infer(self, *, shape: Shape, dtype: DType, axis: int) -> Aval:
        check_dtype(self, dtype, REAL)
        check_axes(self, (axis,), len(shape))
        if any(n < 0 for n in shape):
            raise ShapeError(f"iota of shape {shape}: sizes cannot be negative")
        return Aval(shape, dtype)

    def reference(self, *, shape: Shape, dtype: DType, axis: int) -> Any:
        line = np.arange(shape[axis]).astype(dtype.numpy)
        return np.broadcast_to(line.reshape([-1 if a == axis else 1 for a in range(len(shape))]), shape)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def lower(self, b: Any, *, out: Aval, shape: Shape, dtype: DType, axis: int) -> Any:
        return b.index(out, axis)


reshape = Reshape()
transpose = Transpose()
broadcast = Broadcast()
concat = Concat()
pad = Pad()
slice = Slice()
flip = Flip()
iota = Iota()


def _inverse(axes: Axes) -> Axes:
    return tuple(axes.index(a) for a in range(len(axes)))


def _padded(size: int, low: int, high: int, interior: int) -> int:
    return low + size + max(size - 1, 0) * interior + high


def _count(start: int, stop: int, stride: int) -> int:
    return -(-(stop - start) // stride)


def _slices(starts: Sequence[int], stops: Sequence[int], strides: Sequence[int]) -> tuple[builtins.slice, ...]:
    return tuple(map(builtins.slice, starts, stops, strides))


def _places(low: Axes, shape: Shape, interior: Axes) -> tuple[builtins.slice, ...]:
    strides = [k + 1 for k in interior]
    stops = [a + (n - 1) * k + 1 if n else a for a, n, k in zip(low, shape, strides, strict=True)]
    return _slices(low, stops, strides)
