"""Searching and counting over nodes."""

from __future__ import annotations

from typing import Any

from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DEFAULT_FLOAT, bool_, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant, indexing, search
from eerie_dsl.ops import shape as primitives
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import reduction
from eerie_dsl.ops.composite.axes import describe, one_axis
from eerie_dsl.ops.composite.indexing import take
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_to, result_dtype, strong
from eerie_dsl.ops.composite.shape import reshape
from eerie_dsl.ops.composite.sorting import sort

_FEW = 16
"""So many elements are compared one by one."""


def searchsorted(x1: Operand, x2: Operand, side: str = "left", sorter: Operand | None = None) -> Node:
    """Where each element of ``x2`` belongs in the sorted ``x1``."""
    table, values = searchable("searchsorted", x1, x2)
    if side not in ("left", "right"):
        raise InvalidValueError(f"searchsorted: side is 'left' or 'right', not {side!r}")
    if sorter is not None:
        places = strong(sorter)
        if places.shape != table.shape or not places.dtype.is_integer:
            raise ShapeError(
                f"searchsorted in {table.aval} with a sorter of {places.aval}", hint="give what argsort(x1) gives"
            )
        table = take(table, places)
    return search.searchsorted(table, values, side=side)


def searchable(op: str, x1: Operand, x2: Operand) -> tuple[Node, Node]:
    """A table of one dimension and the values to look for in it, in one dtype that has an order.

    Raises:
        ShapeError: the table has not one dimension.
        DTypeError: complex numbers.
    """
    dtype = result_dtype(x1, x2)
    table, values = as_dtype(x1, dtype), as_dtype(x2, dtype)
    if table.ndim != 1:
        raise ShapeError(f"{op} in {table.aval}: the array to search in has one dimension")
    if dtype.kind == "complex":
        raise DTypeError(f"{op} of {describe((table, values))}: complex numbers have no order")
    return table, values


def digitize(x: Operand, bins: Operand, right: bool = False) -> Node:
    """The bin of each element; the edges ascend or descend."""
    edges, values = searchable("digitize", bins, x)
    side: search.Side = "left" if right else "right"
    up = search.searchsorted(edges, values, side=side)
    count = edges.shape[0]
    if count < 2:
        return up
    backwards = search.searchsorted(primitives.flip(edges, axes=(0,)), values, side=side)
    down = ew.subtract(constant.like(up, count), backwards)
    first, last = (primitives.slice(edges, starts=(k,), stops=(k + 1,), strides=(1,)) for k in (0, count - 1))
    return ew.where(reshape(ew.greater(first, last), ()), down, up)


def isin(x1: Operand, x2: Operand, invert: bool = False) -> Node:
    """Whether each element of ``x1`` is among those of ``x2``."""
    values, table = together("isin", x1, x2)
    table = reshape(table, -1)
    count = table.shape[0]
    if not count:
        found = constant.full(values.aval.with_dtype(bool_), False)
    elif count <= _FEW or values.dtype.kind == "complex":
        pairs = ew.equal(reshape(values, (*values.shape, 1)), table)
        found = reduction.any(pairs, -1)
    else:
        table = sort(table)
        place = search.searchsorted(table, values, side="left")
        found = ew.equal(indexing.gather(table, place, axes=(0,)), values)
    return ew.logical_not(found) if invert else found


def repeat(x: Operand, counts: Operand, total: int, axis: int | None = None) -> Node:
    """Each element along an axis as often as its computed count says: the first ``total`` of them, and more of the last
    when they are fewer."""
    node, places = repeatable(x, counts, axis)
    line = broadcast_to(places, (node.shape[0 if axis is None else axis],), "repeat")
    if not line.shape[0]:
        return node
    ends = reduction.cumulative_sum(line)
    at = primitives.iota(shape=(total,), dtype=ends.dtype, axis=0)
    return take(node, search.searchsorted(ends, at, side="right"), 0 if axis is None else axis)


def repeatable(x: Operand, counts: Operand, axis: int | None) -> tuple[Node, Node]:
    """What `repeat` repeats, flattened for no axis, and its counts.

    Raises:
        ShapeError: no such axis, or not one count for each element.
        DTypeError: counts that are not integers.
    """
    node, line = strong(x), strong(counts)
    if axis is None:
        node = reshape(node, -1)
    size = node.shape[one_axis("repeat", 0 if axis is None else axis, node.ndim)]
    if line.ndim != 1 or line.shape[0] not in (1, size):
        raise ShapeError(
            f"repeat of {node.aval} by counts {line.aval}: one for each of {size} elements, or one for all"
        )
    if not line.dtype.is_integer:
        raise DTypeError(f"repeat by counts {line.aval}", hint="cast them with astype(eerie.int64)")
    return node, line


def together(op: str, *operands: Operand) -> tuple[Node, ...]:
    """Operands in one dtype, of any shapes."""
    dtype = result_dtype(*operands)
    return tuple(as_dtype(x, dtype) for x in operands)


def countable(x: Operand, weights: Operand | None) -> tuple[Node, Node | None]:
    """What `bincount` takes.

    Raises:
        ShapeError: not one dimension, or weights of another shape.
        DTypeError: elements that are not integers, or complex weights.
    """
    node = strong(x)
    if node.ndim != 1:
        raise ShapeError(f"bincount of {node.aval} needs one dimension", hint="reshape to one first")
    if not node.dtype.is_integer and node.dtype is not bool_:
        raise DTypeError(f"bincount of {node.aval} counts integers", hint="cast with astype(eerie.int64)")
    if weights is None:
        return node, None
    by = strong(weights)
    if by.shape != node.shape:
        raise ShapeError(f"bincount of {node.aval} with weights {by.aval}: one for each element")
    if by.dtype.kind == "complex":
        raise DTypeError(f"bincount with weights {by.aval}: weights are real")
    return node, by if by.dtype.is_inexact else ew.astype(by, DEFAULT_FLOAT)


def bincount(x: Operand, weights: Operand | None, length: Any) -> Node:
    """How often each of 0, 1, ..., ``length - 1`` occurs, or the sum of its weights; other elements do not count."""
    node, by = countable(x, weights)
    if not isinstance(length, int) or length < 0:
        raise ArgumentError(f"bincount: length makes the shape and is an integer from 0 on, not {length!r}")
    if node.dtype is bool_:
        node = ew.astype(node, int64)
    updates = constant.full(node.aval.with_dtype(int64), 1) if by is None else by
    zeros = constant.full(Aval((length,), updates.dtype), 0)
    return indexing.scatter(zeros, updates, node, axes=(0,), mode="add")
