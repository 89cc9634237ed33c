"""Elements at other places: rolled, padded, repeated, masked to a triangle, taken from a diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index

import numpy as np

from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops import shape as primitives
from eerie_dsl.ops.comparison import greater_equal
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import many_axes, one_axis
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_to, result_dtype, strong
from eerie_dsl.ops.composite.shape import concat, moveaxis, part, reshape

Widths = int | Sequence[int] | Sequence[Sequence[int]]
MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def rearrange(x: Node, axis: int, places: Sequence[int]) -> Node:
    """The elements at known places along an axis: runs that ascend, descend or repeat become one piece each."""
    pieces: list[Node] = []
    first = 0
    while first < len(places):
        step = places[first + 1] - places[first] if first + 1 < len(places) else 1
        last = first
        if step in (-1, 0, 1):
            while last + 1 < len(places) and places[last + 1] - places[last] == step:
                last += 1
        low, high = sorted((places[first], places[last]))
        piece = part(x, axis, low, high + 1)
        if last > first and step == 0:
            shape = (*x.shape[:axis], last - first + 1, *x.shape[axis + 1 :])
            piece = primitives.broadcast(piece, shape=shape, axes=tuple(range(x.ndim)))
        elif last > first and step == -1:
            piece = primitives.flip(piece, axes=(axis,))
        pieces.append(piece)
        first = last + 1
    if not pieces:
        return part(x, axis, 0, 0)
    return primitives.concat(*pieces, axis=axis) if len(pieces) > 1 else pieces[0]


def roll(x: Operand, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Node:
    """Moved along the axes; what leaves at one end comes back at the other. None rolls the flattened array."""
    node = strong(x)
    if axis is None:
        if isinstance(shift, Sequence):
            shift = sum(shift)
        return reshape(roll(reshape(node, -1), shift, 0), node.shape)
    axes = [one_axis("roll", a, node.ndim) for a in (axis if isinstance(axis, Sequence) else (axis,))]
    shifts = list(shift) if isinstance(shift, Sequence) else [shift] * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll got {len(shifts)} shifts for {len(axes)} axes")
    for place, by in zip(axes, shifts, strict=True):
        size = node.shape[place]
        cut = -index(by) % size if size else 0
        if cut:
            node = primitives.concat(part(node, place, cut, size), part(node, place, 0, cut), axis=place)
    return node


def diff(x: Operand, n: int = 1, axis: int = -1, prepend: Operand | None = None, append: Operand | None = None) -> Node:
    """Each element less the one before it along an axis, ``n`` times over."""
    node = strong(x)
    place = one_axis("diff", axis, node.ndim)
    if index(n) < 0:
        raise InvalidValueError(f"diff of {node.aval}, {n} times: a number of times cannot be negative")
    dtype = result_dtype(node, *(v for v in (prepend, append) if v is not None))
    one = (*node.shape[:place], 1, *node.shape[place + 1 :])
    line = [
        given if given.ndim else broadcast_to(given, one)
        for given in (as_dtype(v, dtype) for v in (prepend, node, append) if v is not None)
    ]
    node = concat(line, place)
    minus = ew.not_equal if dtype.kind == "bool" else ew.subtract
    for _ in range(index(n)):
        size = node.shape[place]
        if not size:
            break
        node = minus(part(node, place, 1, size), part(node, place, 0, size - 1))
    return node


def pad(x: Operand, widths: Widths, mode: str = "constant", value: Operand = 0) -> Node:
    """Elements added around; what they are follows from ``mode``."""
    node = strong(x)
    if mode not in MODES:
        raise InvalidValueError(f"pad has no mode {mode!r}", hint="use one of " + ", ".join(MODES))
    around = _widths(widths, node.ndim)
    if mode == "constant":
        low, high = (tuple(pair[k] for pair in around) for k in (0, 1))
        return primitives.pad(node, low=low, high=high, interior=(0,) * node.ndim, value=_number(value, node))
    for axis, pair in enumerate(around):
        size = node.shape[axis]
        if pair == (0, 0):
            continue
        if size == 0:
            raise ShapeError(
                f"pad of {node.aval} in mode {mode}: axis {axis} has no elements to repeat", hint="use mode='constant'"
            )
        places = np.pad(np.arange(size), pair, mode)  # type: ignore[call-overload]
        node = rearrange(node, axis, [int(p) for p in places])
    return node


def _widths(widths: Widths, ndim: int) -> list[tuple[int, int]]:
    """The counts before and after each axis."""
    try:
        pairs = np.broadcast_to(np.asarray(widths), (ndim, 2)).tolist()
        around = [(index(low), index(high)) for low, high in pairs]
    except (TypeError, ValueError):
        raise ShapeError(
            f"pad of an array of {ndim} dimensions by {widths!r}",
            hint="give one integer, (before, after), or one such pair for each axis",
        ) from None
    if any(n < 0 for pair in around for n in pair):
        raise ShapeError(f"pad by {widths!r}: counts cannot be negative", hint="slice to take elements away")
    return around


def _number(value: Operand, x: Node) -> bool | int | float | complex:
    if isinstance(value, Node):
        raise ArgumentError(
            "pad takes a Python number as its value", hint="for a computed value, pad a mask too and use where"
        )
    if x.dtype.is_integer and not isinstance(value, int):
        raise DTypeError(f"pad of {x.aval} with {value!r}, which is no integer", hint="cast the array first")
    return value


def repeat(x: Operand, repeats: int | Sequence[int], axis: int | None = None) -> Node:
    """Each element several times in a row; flattened first for no axis."""
    node = strong(x)
    if axis is None:
        node, axis = reshape(node, -1), 0
    place = one_axis("repeat", axis, node.ndim)
    size = node.shape[place]
    if isinstance(repeats, Sequence):
        counts = [index(n) for n in repeats]
        if len(counts) != size:
            raise ShapeError(f"repeat of {node.aval} along axis {place}: {len(counts)} counts for {size} elements")
        return rearrange(node, place, [k for k, n in enumerate(counts) for _ in range(n)])
    count = index(repeats)
    if count < 0:
        raise ShapeError(f"repeat of {node.aval} by {count}: a count cannot be negative")
    before, after = node.shape[:place], node.shape[place + 1 :]
    axes = tuple(a + (a > place) for a in range(node.ndim))
    spread = primitives.broadcast(node, shape=(*before, size, count, *after), axes=axes)
    return primitives.reshape(spread, shape=(*before, size * count, *after))


def tile(x: Operand, repetitions: int | Sequence[int]) -> Node:
    """The whole array several times along each axis."""
    node = strong(x)
    counts = tuple(map(index, repetitions)) if isinstance(repetitions, Sequence) else (index(repetitions),)
    if min(counts, default=0) < 0:
        raise ShapeError(f"tile of {node.aval} by {counts}: a count cannot be negative")
    rank = max(len(counts), node.ndim)
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - node.ndim) + node.shape
    spread = tuple(k for pair in zip(counts, shape, strict=True) for k in pair)
    first = rank - node.ndim
    axes = tuple(2 * a + 1 for a in range(first, rank))
    result = primitives.broadcast(node, shape=spread, axes=axes)
    return primitives.reshape(result, shape=tuple(m * n for m, n in zip(counts, shape, strict=True)))


def band(shape: tuple[int, ...], k: int) -> Node:
    """Bools of a matrix shape: True on and below the ``k``-th diagonal."""
    aval = Aval(shape, int64)
    row = primitives.iota(shape=shape, dtype=int64, axis=0)
    column = primitives.iota(shape=shape, dtype=int64, axis=1)
    offset = max(-shape[0], min(index(k), shape[1]))
    return greater_equal(ew.add(row, constant.full(aval, offset)), column)


def tril(x: Operand, k: int = 0) -> Node:
    """Zeros above the ``k``-th diagonal of the last two axes."""
    node = _matrix("tril", x)
    below = broadcast_to(band(node.shape[-2:], k), node.shape)
    return ew.where(below, node, constant.like(node, 0))


def triu(x: Operand, k: int = 0) -> Node:
    """Zeros below the ``k``-th diagonal of the last two axes."""
    node = _matrix("triu", x)
    below = broadcast_to(band(node.shape[-2:], k - 1), node.shape)
    return ew.where(below, constant.like(node, 0), node)


def diagonal(x: Operand, offset: int = 0, first: int = -2, second: int = -1) -> Node:
    """The elements of a diagonal of two axes, as the last axis of the result."""
    node = _matrix("diagonal", x)
    axes = many_axes("diagonal", (first, second), node.ndim)
    node = moveaxis(node, axes, (-2, -1))
    batch, (rows, columns) = node.shape[:-2], node.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(rows - row, columns - column), 0)
    flat = reshape(node, (*batch, rows * columns))
    start = row * columns + column if count else 0
    stop = start + (count - 1) * (columns + 1) + 1 if count else 0
    return part(flat, len(batch), start, stop, columns + 1)


def diag(x: Operand, k: int = 0) -> Node:
    """The ``k``-th diagonal of a matrix, or the matrix with such a diagonal and zeros elsewhere."""
    node = strong(x)
    if node.ndim == 2:
        return diagonal(node, k)
    if node.ndim != 1:
        raise ShapeError(f"diag of {node.aval} needs one or two dimensions", hint="use diagonal for batches")
    size = node.shape[0] + abs(k)
    # One element and a row of zeros, again and again, is a diagonal.
    width = (node.shape[0], size + 1)
    spread = primitives.pad(
        reshape(node, (-1, 1)) if node.shape[0] else primitives.reshape(node, shape=(0, 1)),
        low=(0, 0),
        high=(0, width[1] - 1),
        interior=(0, 0),
        value=0,
    )
    flat = reshape(spread, prod(width))
    before = max(k, 0) + max(-k, 0) * size
    rest = size * size - before
    flat = part(flat, 0, 0, min(flat.shape[0], rest))
    padded = primitives.pad(flat, low=(before,), high=(rest - flat.shape[0],), interior=(0,), value=0)
    return reshape(padded, (size, size))


def _matrix(op: str, x: Operand) -> Node:
    node = strong(x)
    if node.ndim < 2:
        raise ShapeError(f"{op} of {node.aval} needs two dimensions")
    return node
