"""What stands between the brackets of ``x[...]``: array-likes become nodes, and their values are used where they exist.

A boolean mask whose value is known gives way to the places that it selects, so that the shape of the result is
known too; indices that are known to be out of range are errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.api.conversion import Recorded, lift
from eerie_dsl.api.evaluation import array_of, evaluate
from eerie_dsl.errors import IndexingError, user_source
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import bool_, uint64
from eerie_dsl.ir.graph import Node, placeholder
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite.indexing import selects
from eerie_dsl.ops.composite.promotion import Operand, scalar
from eerie_dsl.ops.constant import constant, constant_of

Parts = tuple[Any, ...]


def to_read(key: Any, shape: Shape) -> Parts:
    """The parts of a key to read from an array of ``shape``.

    Raises:
        IndexingError: an index is out of range.
    """
    parts = key if type(key) is tuple else (key,)
    plain, numbers = True, False
    for part in parts:
        if type(part) is int:
            numbers = True
        elif type(part) is not slice and part is not None and part is not Ellipsis:
            plain = False
    if plain:
        return _moving(parts, shape) if numbers else parts
    return _settled(_moving(lifted(key), shape), shape)


def to_write(key: Any, shape: Shape, value: Operand) -> Parts:
    """The parts of a key to write ``value`` to; a mask that a choice between old and new can serve stays a mask.

    Raises:
        IndexingError: an index is out of range.
    """
    parts = lifted(key)
    if sum(map(_is_mask, parts)) == 1 and selects(shape, parts, value.ndim if isinstance(value, Node) else 0):
        return parts
    return _settled(_moving(parts, shape), shape)


def lifted(key: Any) -> Parts:
    """The parts of a key, with nodes for what is an array."""
    if type(key) is int or type(key) is slice:
        return (key,)
    return tuple(map(_part, key)) if isinstance(key, tuple) else (_part(key),)


_sites: dict[Any, set[Parts]] = {}
"""The integers that keys on a line of the user's program have held."""

_REMEMBERED = 4096
_FEW = 8
"""So many different ones are columns of a matrix or axes of a vector; more are the steps of a loop."""


def _moving(parts: Parts, shape: Shape) -> Parts:
    """In a script, integers that keep changing are inputs of the program, as all its numbers are.

    As long as they are few they are part of the structure, which makes the better program.
    """
    if state.scope is not None or not any(type(p) is int for p in parts):
        return parts
    if len(_sites) > _REMEMBERED:
        _sites.clear()
    seen = _sites.setdefault(user_source(), set())
    if len(seen) <= _FEW:
        seen.add(tuple([p for p in parts if type(p) is int]))
        return parts
    rest = len(shape) - sum(map(_axes, parts))
    settled: list[Any] = []
    axis = 0
    for part in parts:
        inside = type(part) is int and axis < len(shape) and -shape[axis] <= part < shape[axis]
        settled.append(scalar(part % shape[axis], uint64) if inside else part)
        axis += rest if part is Ellipsis else _axes(part)
    return tuple(settled)


def check_range(op: str, indices: Node, size: int, axis: int) -> None:
    """Raise IndexingError if an index whose value is known is not one of an axis of ``size``."""
    values = _known(indices)
    if values is None or not values.size or not indices.dtype.is_integer:
        return
    low, high = int(values.min()), int(values.max())
    if low < -size or high >= size:
        wrong = low if low < -size else high
        raise IndexingError(f"{op}: index {wrong} is out of range for axis {axis} with size {size}")


def _part(part: Any) -> Any:
    if isinstance(part, Recorded):
        return part.node
    if isinstance(part, np.ndarray):
        return lift(part)
    if isinstance(part, list | tuple):
        node = lift(part)
        return node if node.aval.size else lift(np.zeros(node.shape, np.int64))
    return bool(part) if isinstance(part, np.bool_) else part


def _known(node: Node) -> Any:
    """The value of a node that has one: written in the program, given, or computed before."""
    if node.op is constant:
        return constant.reference(**node.params)
    return array_of(node) if (node.op is None or node.value is not None) and state.scope is None else None


def _is_mask(part: Any) -> bool:
    return isinstance(part, Node) and part.dtype is bool_


def _axes(part: Any) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if _is_mask(part) else 1


def _settled(parts: Parts, shape: Shape) -> Parts:
    if not any(isinstance(p, Node) for p in parts):
        return parts
    settled: list[Any] = []
    axis, used = 0, sum(map(_axes, parts))
    for part in parts:
        if _is_mask(part) and part.shape == shape[axis : axis + part.ndim]:
            settled += _places(part)
        else:
            if isinstance(part, Node) and axis < len(shape):
                check_range("indexing", part, shape[axis], axis)
            settled.append(part)
        axis += len(shape) - used if part is Ellipsis else _axes(part)
    return tuple(settled)


def _places(mask: Node) -> list[Any]:
    """One index array for each axis of the mask; for one without axes, the Python bool. The mask itself where its
    value is not known."""
    if mask.op is not None and state.scope is None:
        evaluate([mask])
    values = _known(mask)
    if values is None:
        return [mask]
    if not mask.ndim:
        return [bool(values)]
    return [_kept(places) for places in np.nonzero(values)]


def _kept(places: Any) -> Node:
    # Unsigned indices do not count from the end, which saves that work.
    places = places.astype(np.uint64)
    if state.scope is not None:
        return constant_of(places, uint64)
    places.flags.writeable = False
    return placeholder(Aval(places.shape, uint64), value=places)
