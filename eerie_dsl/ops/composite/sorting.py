"""Order along an axis, over nodes."""

from __future__ import annotations

from operator import index

from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import sort as order
from eerie_dsl.ops.composite.axes import one_axis
from eerie_dsl.ops.composite.indexing import take_along_axis
from eerie_dsl.ops.composite.promotion import Operand, strong
from eerie_dsl.ops.composite.shape import moveaxis


def argsort(x: Operand, axis: int = -1, descending: bool = False) -> Node:
    """The indices that put ``x`` in order along an axis."""
    node, place = sortable("argsort", x, axis)
    return moveaxis(order.argsort(moveaxis(node, place, -1), descending=bool(descending)), -1, place)


def sort(x: Operand, axis: int = -1, descending: bool = False) -> Node:
    """``x`` in order along an axis."""
    node, place = sortable("sort", x, axis)
    return moveaxis(order.sort(moveaxis(node, place, -1), descending=bool(descending)), -1, place)


def topk(x: Operand, k: int, axis: int = -1) -> tuple[Node, Node]:
    """The ``k`` largest elements along an axis, largest first, and their indices."""
    node, place = sortable("topk", x, axis)
    count = how_many(node, k, place)
    indices = moveaxis(order.argsort(moveaxis(node, place, -1), descending=True, first=count), -1, place)
    return take_along_axis(node, indices, place), indices


def sortable(op: str, x: Operand, axis: int) -> tuple[Node, int]:
    """``x``, whose elements have an order, and ``axis`` counted from the front.

    Raises:
        ShapeError: there is no such axis.
        DTypeError: complex numbers.
    """
    node = strong(x)
    if node.dtype.kind == "complex":
        raise DTypeError(f"{op} of {node.aval}: complex numbers have no order", hint="sort by abs(x), or real(x)")
    return node, one_axis(op, axis, node.ndim)


def how_many(x: Node, k: int, axis: int) -> int:
    """``k`` of `topk`, checked.

    Raises:
        ArgumentError: not an integer.
        InvalidValueError: negative, or more than there are.
    """
    try:
        count = index(k)
    except TypeError:
        raise ArgumentError(f"topk: k is an integer that makes the shape, not {k!r}") from None
    if not 0 <= count <= x.shape[axis]:
        raise InvalidValueError(f"topk of {x.aval}: k={count} of {x.shape[axis]} elements along axis {axis}")
    return count
