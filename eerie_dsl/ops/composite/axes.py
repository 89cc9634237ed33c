"""Axis arguments: counted from either end, one or several or all."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index

from eerie_dsl.errors import ArgumentError, AxisError, ShapeError
from eerie_dsl.ir.graph import Node

AxisLike = int | tuple[int, ...] | None
"""One axis, several, or None for all; negative ones count from the end."""


def one_axis(op: str, axis: int, ndim: int) -> int:
    """``axis`` counted from the front.

    Raises:
        AxisError: there is no such axis.
    """
    try:
        place = index(axis)
    except TypeError:
        raise ArgumentError(f"{op}: an axis is an integer, not {axis!r}") from None
    if not -ndim <= place < ndim:
        raise AxisError(
            f"{op}: axis {place} of an array of {ndim} dimension{'s' * (ndim != 1)}",
            hint=f"use an axis from {-ndim} to {ndim - 1}" if ndim else "a 0-d array has no axes",
        )
    return place % ndim


def many_axes(op: str, axes: int | Iterable[int] | None, ndim: int) -> tuple[int, ...]:
    """``axes`` counted from the front, in the order given; all axes for None.

    Raises:
        AxisError: there is no such axis.
        ShapeError: one is named twice.
    """
    if axes is None:
        return tuple(range(ndim))
    if type(axes) is int or not isinstance(axes, Iterable):
        return (one_axis(op, axes, ndim),)
    places = tuple(one_axis(op, a, ndim) for a in axes)
    if len(set(places)) < len(places):
        raise ShapeError(f"{op}: axes {places} name one axis twice")
    return places


def describe(nodes: Iterable[Node]) -> str:
    """The types of nodes, for messages."""
    return " and ".join(repr(n.aval) for n in nodes)
