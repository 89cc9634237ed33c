"""Elements at computed places. Negative indices count from the end.

An index out of range is an error where its value is known. Inside a traced function, and for indices that are
pending, a read takes the nearest element: nothing can be raised from inside a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.keys import check_range
from eerie_dsl.ops.composite import indexing as rules
from eerie_dsl.ops.composite.promotion import strong


def take(x: ArrayLike, indices: ArrayLike, /, axis: int | None = None) -> Array:
    """The elements of ``x`` at ``indices`` along an axis: rows of an embedding table, for one.

    Args:
        x: any array.
        indices: integers of any shape, which stands in the result where the axis was.
        axis: which to index; may be left out for a 1-d array.

    Raises:
        ShapeError: no such axis, or none named.
        IndexingError: indices that are not integers, or out of range.

    >>> take([10, 20, 30], [2, 0])
    Array([30, 10], dtype=int64, device=cpu)
    """
    node, places = strong(required(x)), strong(required(indices))
    result = rules.take(node, places, axis)
    place = 0 if axis is None else axis % node.ndim
    check_range("take", places, node.shape[place], place)
    return Array.of(result)


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, axis: int = -1) -> Array:
    """Along an axis, the element at each index; the other axes of both go together and broadcast.

    Raises:
        ShapeError: numbers of dimensions that differ, or shapes that do not broadcast.
        IndexingError: indices that are not integers, or out of range.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]])
    Array([[2],
           [3]], dtype=int64, device=cpu)
    """
    node, places = strong(required(x)), strong(required(indices))
    result = rules.take_along_axis(node, places, axis)
    check_range("take_along_axis", places, node.shape[axis], axis % node.ndim)
    return Array.of(result)


def dynamic_slice(x: ArrayLike, starts: Sequence[ArrayLike], sizes: Sequence[int]) -> Array:
    """The part of ``x`` with ``sizes`` that begins at computed ``starts``, moved until it fits.

    Args:
        x: any array.
        starts: a 0-d integer for each axis; unlike in ``x[i]``, negative ones do not count from the end.
        sizes: Python integers, one for each axis.

    Raises:
        ShapeError: sizes larger than the axes, or not one for each.

    >>> dynamic_slice([1, 2, 3, 4], [1], [2])
    Array([2, 3], dtype=int64, device=cpu)
    """
    return Array.of(rules.dynamic_slice(required(x), [required(s) for s in starts], sizes))


def dynamic_update(x: ArrayLike, update: ArrayLike, starts: Sequence[ArrayLike]) -> Array:
    """``x`` with ``update`` in place of the part that begins at computed ``starts``, moved until it fits.

    Args:
        x: any array.
        update: as many dimensions, none larger.
        starts: as of `dynamic_slice`.

    >>> dynamic_update([1, 2, 3, 4], [8, 9], [1])
    Array([1, 8, 9, 4], dtype=int64, device=cpu)
    """
    return Array.of(rules.dynamic_update(required(x), required(update), [required(s) for s in starts]))
