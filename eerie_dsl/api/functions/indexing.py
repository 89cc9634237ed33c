"""Elements at computed places. Negative indices count from the end.

Out of range, a read takes the nearest element: nothing can be raised from inside a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.ops.composite import indexing as rules


def take(x: ArrayLike, indices: ArrayLike, /, *, axis: int | None = None) -> Array:
    """The elements of ``x`` at ``indices`` along an axis: rows of an embedding table, for one.

    Args:
        x: any array.
        indices: integers of any shape, which stands in the result where the axis was.
        axis: which to index; may be left out for a 1-d array.

    Raises:
        ShapeError: no such axis, or none named.
        IndexingError: indices that are not integers.

    >>> take([10, 20, 30], [2, 0])
    Array([30, 10], dtype=int64)
    """
    return Array.of(rules.take(required(x), required(indices), axis))


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, *, axis: int = -1) -> Array:
    """Along an axis, the element at each index; the other axes of both go together and broadcast.

    Raises:
        ShapeError: numbers of dimensions that differ, or shapes that do not broadcast.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]])
    Array([[2],
           [3]], dtype=int64)
    """
    return Array.of(rules.take_along_axis(required(x), required(indices), axis))


def dynamic_slice(x: ArrayLike, starts: Sequence[ArrayLike], sizes: Sequence[int]) -> Array:
    """The part of ``x`` with ``sizes`` that begins at computed ``starts``, moved until it fits.

    Args:
        x: any array.
        starts: a 0-d integer for each axis; unlike in ``x[i]``, negative ones do not count from the end.
        sizes: Python integers, one for each axis.

    Raises:
        ShapeError: sizes larger than the axes, or not one for each.

    >>> dynamic_slice([1, 2, 3, 4], [1], [2])
    Array([2, 3], dtype=int64)
    """
    return Array.of(rules.dynamic_slice(required(x), [required(s) for s in starts], sizes))


def dynamic_update(x: ArrayLike, update: ArrayLike, starts: Sequence[ArrayLike]) -> Array:
    """``x`` with ``update`` in place of the part that begins at computed ``starts``, moved until it fits.

    Args:
        x: any array.
        update: as many dimensions, none larger.
        starts: as of `dynamic_slice`.

    >>> dynamic_update([1, 2, 3, 4], [8, 9], [1])
    Array([1, 8, 9, 4], dtype=int64)
    """
    return Array.of(rules.dynamic_update(required(x), required(update), [required(s) for s in starts]))
