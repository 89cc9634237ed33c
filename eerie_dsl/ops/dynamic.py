"""Windows of fixed size at computed places: dynamic slice and dynamic update.

A window that would reach out of the array is moved until it fits. Negative starts are out of range: counting from the
end is for the caller to resolve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import INTEGERS, bool_, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.arithmetic import add
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.constant import full, like
from eerie_dsl.ops.indexing import clamp_to, clamped, gather, scatter
from eerie_dsl.ops.shape import Batched, broadcast, front, iota


class DynamicSlice(Primitive):
    """The part of ``x`` with ``sizes`` that begins at ``starts``, 0-d integers, one per axis.

    A start that would take the slice out of bounds is moved to the nearest that does not.
    """

    name = "dynamic_slice"
    absorbs = "elements"

    def infer(self, x: Aval, *starts: Aval, sizes: Shape) -> Aval:
        _check_starts(self, x, starts)
        if len(sizes) != x.ndim or any(not 0 <= k <= n for k, n in zip(sizes, x.shape, strict=True)):
            raise ShapeError(
                f"dynamic_slice of {x!r} with sizes {sizes}",
                hint=f"give {x.ndim} sizes, none larger than its axis",
            )
        return x.with_shape(sizes)

    def reference(self, x: Any, *starts: Any, sizes: Shape) -> Any:
        return x[_window(x.shape, starts, sizes)]

    def lower(self, b: Any, x: Any, *starts: Any, out: Aval, sizes: Shape) -> Any:
        if out.size == 0:
            return b.splat(out, 0)
        position = out.with_dtype(int64)
        places = []
        for axis, (start, n, k) in enumerate(zip(starts, x.aval.shape, sizes, strict=True)):
            place = b.index(position, axis)
            if k != n:
                first = b.map(position, clamp_to(n - k), b.view(start, out.with_dtype(start.aval.dtype), ()))
                place = b.map(position, lambda s, a, b: s.add(a, b), place, first)
            places.append(place)
        return b.read(x, out, places)

    def vjp(self, ct: Node, out: Node, x: Node, *starts: Node, sizes: Shape) -> Cotangents:
        return (dynamic_update(like(x, 0), ct, *starts), *(None for _ in starts))

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, sizes: Shape) -> Batched:
        x, *starts = inputs
        if all(d is None for d in dims[1:]):
            x = front(x, dims[0])
            return dynamic_slice(x, full(Aval((), int64), 0), *starts, sizes=(x.shape[0], *sizes)), 0
        x, *starts = together(inputs, dims)
        every = tuple(range(x.ndim))
        return gather(x, *_window_places(x, starts, sizes), axes=every), 0


class DynamicUpdate(Primitive):
    """``x`` with ``update`` in place of the part that begins at ``starts``, 0-d integers, one per axis.

    A start that would take the update out of bounds is moved to the nearest that does not.
    """

    name = "dynamic_update"
    absorbs = "elements"

    def infer(self, x: Aval, update: Aval, *starts: Aval) -> Aval:
        _check_starts(self, x, starts)
        if update.dtype is not x.dtype:
            raise DTypeError(
                f"dynamic_update of {x!r} with {update!r}", hint="cast the update to the dtype of the array"
            )
        if update.ndim != x.ndim or any(k > n for k, n in zip(update.shape, x.shape, strict=True)):
            raise ShapeError(
                f"dynamic_update of {x!r} with {update!r}",
                hint=f"the update needs {x.ndim} dimensions, none larger than the array's",
            )
        return x

    def reference(self, x: Any, update: Any, *starts: Any) -> Any:
        result = np.array(x)  # of no dimension, x may be a NumPy scalar
        result[_window(x.shape, starts, update.shape)] = update
        return result

    def lower(self, b: Any, x: Any, update: Any, *starts: Any, out: Aval) -> Any:
        sizes = update.aval.shape
        if update.aval.size == 0:
            return x
        part = [a for a, (n, k) in enumerate(zip(out.shape, sizes, strict=True)) if n != k]
        firsts = [b.view(starts[a], out.with_dtype(starts[a].aval.dtype), ()) for a in part]
        places = [b.index(out.with_dtype(int64), a) for a in range(out.ndim)]
        # One token into a cache: read as a view, it takes a third of the time of reading at computed places.
        plain = all(sizes[a] == 1 for a in part)
        dims = tuple(None if a in part else a for a in range(out.ndim))
        source = b.view(b.tensor(update), out, dims) if plain else b.tensor(update)

        def body(s: Any, old: Any, *rest: Any) -> Any:
            given, at = rest[: len(part)], list(rest[len(part) : len(part) + out.ndim])
            inside = s.constant(True, bool_)
            for first, a in zip(given, part, strict=True):
                n, k = out.shape[a], sizes[a]
                offset = s.sub(at[a], clamp_to(n - k)(s, first))
                within = s.compare("eq", offset, 0)
                if k != 1:
                    within = s.bit_and(s.compare("ge", offset, 0), s.compare("lt", offset, k))
                inside = s.bit_and(inside, within)
                at[a] = s.minimum(s.maximum(offset, 0), k - 1)
            return s.select(inside, rest[-1] if plain else s.extract(source, *at), old)

        return b.map(out, body, x, *firsts, *places, *([source] if plain else []))

    def vjp(self, ct: Node, out: Node, x: Node, update: Node, *starts: Node) -> Cotangents:
        rest = dynamic_update(ct, like(update, 0), *starts)
        return (rest, dynamic_slice(ct, *starts, sizes=update.shape), *(None for _ in starts))

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None]) -> Batched:
        if all(d is None for d in dims[2:]):
            x, update = together(inputs[:2], dims[:2])
            return dynamic_update(x, update, full(Aval((), int64), 0), *inputs[2:]), 0
        x, update, *starts = together(inputs, dims)
        every = tuple(range(x.ndim))
        places = _window_places(x, starts, update.shape[1:])
        return scatter(x, update, *places, axes=every, mode="set"), 0


dynamic_slice = DynamicSlice()
dynamic_update = DynamicUpdate()


def _check_starts(op: Primitive, x: Aval, starts: Sequence[Aval]) -> None:
    for i in starts:
        check_dtype(op, i.dtype, INTEGERS)
    if len(starts) != x.ndim or any(i.ndim for i in starts):
        raise ShapeError(
            f"{op.name} of {x!r} with starts {', '.join(map(repr, starts)) or 'missing'}",
            hint=f"give {x.ndim} integers, each a 0-d array",
        )


def _window(shape: Shape, starts: Sequence[Any], sizes: Shape) -> tuple[slice, ...]:
    firsts = [min(max(int(i), 0), n - k) for i, n, k in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(i, i + k) for i, k in zip(firsts, sizes, strict=True))


def _window_places(x: Node, starts: Sequence[Node], sizes: Shape) -> list[Node]:
    # Where the elements of a window are, one window per row of ``x``.
    shape = (x.shape[0], *sizes)
    places = [iota(shape=shape, dtype=int64, axis=0)]
    for axis, (start, n, k) in enumerate(zip(starts, x.shape[1:], sizes, strict=True), 1):
        first = cast(clamped(start, n - k), dtype=int64)
        place = iota(shape=shape, dtype=int64, axis=axis)
        places.append(add(broadcast(first, shape=shape, axes=(0,)), place))
    return places
