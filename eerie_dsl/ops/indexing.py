"""Reading and writing at computed places: gather and scatter.

An index out of range never reaches memory: `gather` clamps it to the nearest element, `scatter` drops its update.
Negative indices are out of range: counting from the end is for the caller to resolve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import INTEGERS, bool_, int32, int64, uint64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ir.size import bounds
from eerie_dsl.ops.arithmetic import divide, maximum, minimum, multiply, subtract
from eerie_dsl.ops.base import NUMERIC, REAL, check_dtype
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import equal, greater_equal, less
from eerie_dsl.ops.constant import full, like
from eerie_dsl.ops.logical import logical_and
from eerie_dsl.ops.reduction import accumulator, reduce_max, reduce_min
from eerie_dsl.ops.selection import clip, select
from eerie_dsl.ops.shape import Axes, Batched, broadcast, check_axes, front, iota, reshape, shifted

Mode = Literal["add", "multiply", "set", "max", "min"]


class Gather(Primitive):
    """The parts of ``x`` at places along ``axes``.

    One array of integer indices per axis, all of one shape. The result has the shape of the indices, then the
    other axes of ``x`` in order. Indices are clamped to the size of their axis.
    """

    name = "gather"
    absorbs = "elements"

    def infer(self, x: Aval, *indices: Aval, axes: Axes) -> Aval:
        result = _parts(self, x, indices, axes)
        if result.size and any(x.shape[a] == 0 for a in axes):
            raise ShapeError(
                f"gather from {x!r} along axes {axes}: an axis without elements has nothing to read",
                hint="check the shape first",
            )
        return result

    def reference(self, x: Any, *indices: Any, axes: Axes) -> Any:
        at = [np.clip(i, 0, max(x.shape[a] - 1, 0)).astype(np.int64) for i, a in zip(indices, axes, strict=True)]
        rest = [a for a in range(x.ndim) if a not in axes]
        if any(x.shape[a] == 0 for a in axes):
            return np.empty((*indices[0].shape, *(x.shape[a] for a in rest)), x.dtype)
        return np.asarray(np.transpose(x, (*axes, *rest))[tuple(at)])

    def lower(self, b: Any, x: Any, *indices: Any, out: Aval, axes: Axes) -> Any:
        if out.size == 0:
            return b.splat(out, 0)
        leading = indices[0].aval.ndim
        if axes == tuple(range(len(axes))):

            def number(s: Any, *at: Any) -> Any:
                held = [clamp_to(n - 1)(s, i) for i, n in zip(at, x.aval.shape, strict=False)]
                return _row_number(s, held, x.aval.shape)

            rows = b.gathered(x, b.map(Aval(indices[0].aval.shape, int64), number, *indices), out)
            if rows is not None:
                return rows
        position = out.with_dtype(int64)
        places = []
        for axis, n in enumerate(x.aval.shape):
            if axis in axes:
                index = indices[axes.index(axis)]
                at = b.view(index, out.with_dtype(index.aval.dtype), tuple(range(leading)))
                places.append(b.map(position, clamp_to(n - 1), at))
            else:
                places.append(b.index(position, leading + sum(a not in axes for a in range(axis))))
        return b.read(x, out, places)

    def vjp(self, ct: Node, out: Node, x: Node, *indices: Node, axes: Axes) -> Cotangents:
        inside = [clamped(i, x.shape[a] - 1) for i, a in zip(indices, axes, strict=True)]
        return (scatter(like(x, 0), ct, *inside, axes=axes, mode="add"), *(None for _ in indices))

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return rows[0] is None or rows[0] not in params["axes"]

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes) -> Batched:
        x, *indices = inputs
        if all(d is None for d in dims[1:]):
            return gather(front(x, dims[0]), *indices, axes=shifted(axes)), indices[0].ndim
        batched = together(indices, dims[1:])
        if dims[0] is None:
            return gather(x, *batched, axes=axes), 0
        row = iota(shape=batched[0].shape, dtype=int64, axis=0)
        return gather(front(x, dims[0]), row, *batched, axes=(0, *shifted(axes))), 0


class Scatter(Primitive):
    """``x`` with ``updates`` brought in at places along ``axes``: the counterpart of `gather`.

    ``updates`` has the shape of the indices, then the other axes of ``x``. ``mode`` says how an update meets what
    is there: ``add``, ``multiply``, ``max``, ``min``, or ``set``, where the last of several updates of one place wins.
    The order of additions and multiplications is not defined. An update with an index out of range is dropped.
    """

    name = "scatter"

    def infer(self, x: Aval, updates: Aval, *indices: Aval, axes: Axes, mode: Mode) -> Aval:
        if mode != "set":
            check_dtype(self, x.dtype, NUMERIC if mode in _WIDE else REAL)
        expected = _parts(self, x, indices, axes)
        if updates.dtype is not x.dtype:
            raise DTypeError(f"scatter of {updates!r} into {x!r}", hint="cast the updates to the dtype of the array")
        if updates is not expected:
            raise ShapeError(
                f"scatter of {updates!r} into {x!r} along axes {axes}",
                hint=f"the updates must have shape {expected.shape}: that of the indices, then the other axes",
            )
        return x

    def reference(self, x: Any, updates: Any, *indices: Any, axes: Axes, mode: Mode) -> Any:
        inside = np.ones(indices[0].shape, bool)
        for i, a in zip(indices, axes, strict=True):
            inside &= (i >= 0) & (i < x.shape[a])
        at = tuple(i[inside].astype(np.int64) for i in indices)
        rest = [a for a in range(x.ndim) if a not in axes]
        wide = x.astype(np.float32) if mode in _WIDE and x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.copy()
        target = np.transpose(wide, (*axes, *rest))
        values = updates[inside].astype(wide.dtype)
        if mode == "set":
            target[at] = values
        else:
            with np.errstate(all="ignore"):
                {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}[mode].at(
                    target, at, values
                )
        return wide.astype(x.dtype)

    def lower(self, b: Any, x: Any, updates: Any, *indices: Any, out: Aval, axes: Axes, mode: Mode) -> Any:
        count = indices[0].aval.size
        if count == 0 or out.size == 0:
            return x
        if axes == tuple(range(len(axes))) and mode != "set":
            found = self._by_rows(b, x, updates, indices, mode)
            if found is not None:
                return found
        sizes = tuple(out.shape[a] for a in axes)
        rest = tuple(a for a in range(out.ndim) if a not in axes)
        tail = tuple(out.shape[a] for a in rest)
        flat = [b.reshape(i, Aval((count,), i.aval.dtype)) for i in indices]
        rows = b.reshape(updates, Aval((count, *tail), out.dtype))
        places = self._stack(b, flat, sizes)

        def where_inside(s: Any, value: Any, otherwise: Any, *at: Any) -> Any:
            for i, n in zip(at, sizes, strict=True):
                value = s.select(_is_inside(s, i, n), value, otherwise)
            return value

        if mode == "set":
            # Which update wins is found first, so that the result is one selection that writes into nothing.
            number = Aval((count,), int32 if bounds(count)[1] < 1 << 31 else int64)
            chosen = b.map(number, lambda s, n, *at: where_inside(s, n, -1, *at), b.index(number, 0), *flat)
            latest = b.scatter(number.with_shape(sizes), chosen, places, -1, lambda s, a, b: s.maximum(a, b))
            winner = b.view(latest, out.with_dtype(number.dtype), axes)
            positions = [b.index(out.with_dtype(int64), a) for a in rest]
            source = b.tensor(rows)

            def pick(s: Any, old: Any, winner: Any, *at: Any) -> Any:
                row = s.cast(s.maximum(winner, 0), int64)
                return s.select(s.compare("ge", winner, 0), s.extract(source, row, *at), old)

            return b.map(out, pick, x, winner, *positions)

        neutral, combine = _meeting(mode, out)
        dtype = accumulator(out.dtype) if mode in _WIDE else out.dtype
        lanes = tuple(b.view(i, Aval(rows.aval.shape, i.aval.dtype), (0,)) for i in flat)
        masked = b.map(
            rows.aval.with_dtype(dtype),
            lambda s, u, *at: where_inside(s, s.cast(u, dtype), neutral, *at),
            rows,
            *lanes,
        )
        total = b.scatter(Aval((*sizes, *tail), dtype), masked, places, neutral, combine)
        moved = b.view(total, out.with_dtype(dtype), (*axes, *rest))
        return b.map(out, lambda s, old, new: s.cast(combine(s, s.cast(old, dtype), new), out.dtype), x, moved)

    @staticmethod
    def _by_rows(b: Any, x: Any, updates: Any, indices: Sequence[Any], mode: Mode) -> Any:
        """By a kernel that brings in one row after the other, or None."""
        out = x.aval
        dtype = accumulator(out.dtype)
        _, combine = _meeting(mode, out)

        def number(s: Any, *at: Any) -> Any:
            row = _row_number(s, [s.cast(i, int64) for i in at], out.shape)
            for i, n in zip(at, out.shape, strict=False):
                row = s.select(_is_inside(s, i, n), row, -1)
            return row

        places = b.map(Aval(indices[0].aval.shape, int64), number, *indices)
        start = b.map(out.with_dtype(dtype), lambda s, e: s.cast(e, dtype), x) if dtype is not out.dtype else x
        found = b.scattered(start, updates, places, lambda s, new, old: combine(s, s.cast(new, dtype), old))
        return found if found is None else b.map(out, lambda s, e: s.cast(e, out.dtype), found)

    @staticmethod
    def _stack(b: Any, flat: Sequence[Any], sizes: Shape) -> Any:
        # One row of places per update, all in range.
        narrow = int32 if all(bounds(n)[1] < 1 << 31 for n in sizes) else int64
        out = Aval((flat[0].aval.size, len(flat)), narrow)

        def body(s: Any, column: Any, *at: Any) -> Any:
            inside = [s.cast(clamp_to(n - 1)(s, i), narrow) for i, n in zip(at, sizes, strict=True)]
            result = inside[0]
            for k, i in enumerate(inside[1:], 1):
                result = s.select(s.compare("eq", column, k), i, result)
            return result

        lanes = (b.view(i, out.with_dtype(i.aval.dtype), (0,)) for i in flat)
        return b.map(out, body, b.index(out, 1), *lanes)

    def vjp(self, ct: Node, out: Node, x: Node, updates: Node, *indices: Node, axes: Axes, mode: Mode) -> Cotangents:
        none = (None,) * len(indices)
        nothing = like(updates, 0)
        if out.aval.size == 0:
            return (ct, nothing, *none)
        inside = _inside(indices, x.shape, axes)
        if mode == "add":
            return (ct, select(_spread(inside, updates), gather(ct, *indices, axes=axes), nothing), *none)
        if mode == "multiply":
            return (*_factors(ct, x, updates, _spread(inside, updates), indices, axes), *none)
        if mode == "set":
            number = reshape(iota(shape=(inside.aval.size,), dtype=int64, axis=0), shape=inside.shape)
            unset = full(Aval(tuple(x.shape[a] for a in axes), int64), -1)
            every = tuple(range(len(axes)))
            latest = scatter(unset, number, *indices, axes=every, mode="max")
            wins = logical_and(inside, equal(gather(latest, *indices, axes=every), number))
            kept = scatter(ct, nothing, *indices, axes=axes, mode="set")
            return (kept, select(_spread(wins, updates), gather(ct, *indices, axes=axes), nothing), *none)
        # Equal shares for all that attain the extremum.
        attains = logical_and(_spread(inside, updates), equal(updates, gather(out, *indices, axes=axes)))
        old, new = cast(equal(x, out), dtype=x.dtype), cast(attains, dtype=x.dtype)
        share = divide(ct, maximum(scatter(old, new, *indices, axes=axes, mode="add"), like(x, 1)))
        return (multiply(share, old), multiply(gather(share, *indices, axes=axes), new), *none)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes, mode: Mode) -> Batched:
        x, updates, *indices = together(inputs, dims)
        row = iota(shape=indices[0].shape, dtype=int64, axis=0)
        return scatter(x, updates, row, *indices, axes=(0, *shifted(axes)), mode=mode), 0

    def flops(self, x: Aval, updates: Aval, *indices: Aval, out: Aval, axes: Axes, mode: Mode) -> int:
        return 0 if mode == "set" else updates.size


gather = Gather()
scatter = Scatter()

_WIDE = ("add", "multiply")


def _parts(op: Primitive, x: Aval, indices: Sequence[Aval], axes: Axes) -> Aval:
    check_axes(op, axes, x.ndim)
    if not indices or len(indices) != len(axes):
        raise ShapeError(
            f"{op.name} along axes {axes} of {x!r} got {len(indices)} index arrays",
            hint="give one for each axis, and at least one",
        )
    for i in indices:
        check_dtype(op, i.dtype, INTEGERS)
        if i.shape != indices[0].shape:
            raise ShapeError(
                f"{op.name} with indices {' and '.join(map(repr, indices))}",
                hint="broadcast the index arrays to one shape first",
            )
    rest = (n for a, n in enumerate(x.shape) if a not in axes)
    return x.with_shape((*indices[0].shape, *rest))


def clamp_to(last: int) -> Any:
    """For scalar emitters: an index of any integer dtype as int64 in [0, last]."""

    def clamp(s: Any, i: Any) -> Any:
        if i.dtype is uint64:
            return s.cast(s.minimum(i, last), int64)
        return s.minimum(s.maximum(s.cast(i, int64), 0), last)

    return clamp


def _is_inside(s: Any, i: Any, n: Any) -> Any:
    """For scalar emitters: whether an index of any integer dtype lies in [0, n)."""
    i = i if i.dtype is uint64 else s.cast(i, int64)
    inside = s.compare("lt", i, n)
    return inside if i.dtype is uint64 else s.bit_and(inside, s.compare("ge", i, 0))


def _row_number(s: Any, at: Sequence[Any], shape: Shape) -> Any:
    """For scalar emitters: the number of a row by its int64 place along each of the first axes of a shape."""
    number = at[0]
    for i, n in zip(at[1:], shape[1:], strict=False):
        number = s.add(s.mul(number, n), i)
    return number


def clamped(index: Node, last: int) -> Node:
    """An index held to [0, last]."""
    if index.dtype is uint64:
        return minimum(index, like(index, last))
    index = cast(index, dtype=int64)
    return clip(index, like(index, 0), like(index, last))


def _inside(indices: Sequence[Node], shape: Shape, axes: Axes) -> Node:
    inside = full(indices[0].aval.with_dtype(bool_), True)
    for i, a in zip(indices, axes, strict=True):
        if i.dtype is not uint64:
            i = cast(i, dtype=int64)
            inside = logical_and(inside, greater_equal(i, like(i, 0)))
        inside = logical_and(inside, less(i, like(i, shape[a])))
    return inside


def _spread(x: Node, like: Node) -> Node:
    return broadcast(x, shape=like.shape, axes=tuple(range(x.ndim)))


def _factors(ct: Node, x: Node, updates: Node, inside: Node, indices: Sequence[Node], axes: Axes) -> tuple[Node, Node]:
    """Cotangents of ``x`` and its factors: each gets the product of the others. That is divided out of the product of
    all that are not zero, and where one other is zero, multiplied with it: second derivatives need to see it."""
    one, zero = like(updates, 1), like(updates, 0)
    is_zero = equal(updates, zero)
    factor, missing = select(is_zero, one, updates), select(is_zero, updates, zero)
    count = cast(is_zero, dtype=x.dtype)

    def together(values: Node, mode: Mode) -> Node:
        start = like(x, 1 if mode == "multiply" else 0)
        return gather(scatter(start, values, *indices, axes=axes, mode=mode), *indices, axes=axes)

    zeros = subtract(together(count, "add"), count)
    last = select(equal(zeros, one), subtract(together(missing, "add"), missing), zero)
    others = multiply(divide(together(factor, "multiply"), factor), select(equal(zeros, zero), one, last))
    share = gather(multiply(ct, x), *indices, axes=axes)
    by_x = multiply(ct, scatter(like(x, 1), updates, *indices, axes=axes, mode="multiply"))
    return by_x, select(inside, multiply(share, others), zero)


def _meeting(mode: Mode, out: Aval) -> tuple[Any, Any]:
    # What changes nothing, and how two values meet.
    if mode == "add":
        return (-0.0 if out.dtype.kind == "float" else 0), lambda s, a, b: s.add(a, b)
    if mode == "multiply":
        return 1, lambda s, a, b: s.mul(a, b)
    member = reduce_max if mode == "max" else reduce_min
    return member.identity(out.dtype), member.combine
