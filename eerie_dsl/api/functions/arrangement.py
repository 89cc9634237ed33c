"""NumPy's ways to turn, flatten, join, cut and choose, with its signatures."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import overload

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import shape as rules
from eerie_dsl.ops.composite.arrange import diag
from eerie_dsl.ops.composite.axes import many_axes, one_axis
from eerie_dsl.ops.composite.promotion import strong


def _at_least(op: str, x: ArrayLike, ndim: int) -> Node:
    node = strong(required(x))
    if node.ndim < ndim:
        raise ShapeError(f"{op} of {node.aval} needs {ndim} dimension{'s' * (ndim > 1)}")
    return node


def ravel(a: ArrayLike) -> Array:
    """All elements in one dimension, in row-major order.

    >>> ravel([[1, 2], [3, 4]])
    Array([1, 2, 3, 4], dtype=int64, device=cpu)
    """
    return Array.of(rules.reshape(required(a), -1))


def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turned by 90 degrees ``k`` times, from the first of two axes towards the second.

    Raises:
        ShapeError: axes that do not exist, are not two, or are the same.

    >>> rot90([[1, 2], [3, 4]])
    Array([[2, 4],
           [1, 3]], dtype=int64, device=cpu)
    """
    node = strong(required(m))
    places = many_axes("rot90", axes, node.ndim)
    if len(places) != 2:
        raise ShapeError(f"rot90 turns in the plane of two axes, not of {axes}")
    first, second = places
    turns = index(k) % 4
    if turns == 2:
        return Array.of(rules.flip(node, places))
    if turns == 1:
        node = rules.flip(node, second)
    if turns:
        node = rules.swapaxes(node, first, second)
    return Array.of(rules.flip(node, second) if turns == 3 else node)


def flipud(m: ArrayLike) -> Array:
    """The order along the first axis reversed.

    Raises:
        ShapeError: a 0-d array.

    >>> flipud([[1, 2], [3, 4]])
    Array([[3, 4],
           [1, 2]], dtype=int64, device=cpu)
    """
    return Array.of(rules.flip(_at_least("flipud", m, 1), 0))


def fliplr(m: ArrayLike) -> Array:
    """The order along the second axis reversed.

    Raises:
        ShapeError: fewer than two dimensions.

    >>> fliplr([[1, 2], [3, 4]])
    Array([[2, 1],
           [4, 3]], dtype=int64, device=cpu)
    """
    return Array.of(rules.flip(_at_least("fliplr", m, 2), 1))


@overload
def atleast_1d(arys: ArrayLike, /) -> Array: ...
@overload
def atleast_1d(*arys: ArrayLike) -> tuple[Array, ...]: ...
def atleast_1d(*arys: ArrayLike) -> Array | tuple[Array, ...]:
    """Each array with one dimension at least; a tuple for several.

    >>> atleast_1d(3)
    Array([3], dtype=int64, device=cpu)
    """
    return _each(_lifted(1), arys)


@overload
def atleast_2d(arys: ArrayLike, /) -> Array: ...
@overload
def atleast_2d(*arys: ArrayLike) -> tuple[Array, ...]: ...
def atleast_2d(*arys: ArrayLike) -> Array | tuple[Array, ...]:
    """Each array with two dimensions at least, new ones in front; a tuple for several.

    >>> atleast_2d([1, 2])
    Array([[1, 2]], dtype=int64, device=cpu)
    """
    return _each(_lifted(2), arys)


@overload
def atleast_3d(arys: ArrayLike, /) -> Array: ...
@overload
def atleast_3d(*arys: ArrayLike) -> tuple[Array, ...]: ...
def atleast_3d(*arys: ArrayLike) -> Array | tuple[Array, ...]:
    """Each array with three dimensions at least: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1).

    >>> atleast_3d([1, 2]).shape
    (1, 2, 1)
    """
    return _each(_lifted(3), arys)


def _lifted(ndim: int) -> dict[int, tuple[int, ...]]:
    """For each smaller number of dimensions, where the new ones go in the result."""
    if ndim == 3:
        return {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    return {n: tuple(range(ndim - n)) for n in range(ndim)}


def _raised(x: ArrayLike, new: dict[int, tuple[int, ...]]) -> Node:
    node = strong(required(x))
    return rules.expand_dims(node, new[node.ndim]) if node.ndim in new else node


def _each(new: dict[int, tuple[int, ...]], arrays: Sequence[ArrayLike]) -> Array | tuple[Array, ...]:
    results = tuple(Array.of(_raised(a, new)) for a in arrays)
    return results[0] if len(results) == 1 else results


def hstack(tup: Sequence[ArrayLike]) -> Array:
    """Joined along the second axis, 1-d arrays along their only one. The dtypes promote.

    Raises:
        ShapeError: no array, or other axes that differ.

    >>> hstack([[1, 2], [3]])
    Array([1, 2, 3], dtype=int64, device=cpu)
    """
    nodes = [_raised(a, _lifted(1)) for a in tup]
    return Array.of(rules.concat(nodes, 0 if nodes and nodes[0].ndim == 1 else 1))


def vstack(tup: Sequence[ArrayLike]) -> Array:
    """Joined along the first axis, 1-d arrays as rows. The dtypes promote; errors as of `hstack`.

    >>> vstack([[1, 2], [3, 4]])
    Array([[1, 2],
           [3, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.concat([_raised(a, _lifted(2)) for a in tup], 0))


def dstack(tup: Sequence[ArrayLike]) -> Array:
    """Joined along the third axis, after `atleast_3d`. The dtypes promote; errors as of `hstack`.

    >>> dstack([[1, 2], [3, 4]])
    Array([[[1, 3],
            [2, 4]]], dtype=int64, device=cpu)
    """
    return Array.of(rules.concat([_raised(a, _lifted(3)) for a in tup], 2))


def column_stack(tup: Sequence[ArrayLike]) -> Array:
    """Joined along the second axis, 1-d arrays as columns. The dtypes promote; errors as of `hstack`.

    >>> column_stack([[1, 2], [3, 4]])
    Array([[1, 3],
           [2, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.concat([_raised(a, {0: (0, 1), 1: (1,)}) for a in tup], 1))


def array_split(ary: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """As `split`, into parts that need not be equal: the first ones have an element more.

    Raises:
        InvalidValueError: fewer than one part.
        ShapeError: there is no such axis.

    >>> [part.tolist() for part in array_split([1, 2, 3, 4, 5], 2)]
    [[1, 2, 3], [4, 5]]
    """
    node = strong(required(ary))
    place = one_axis("array_split", axis, node.ndim)
    cuts = indices_or_sections
    if not isinstance(cuts, Sequence):
        count = index(cuts)
        if count < 1:
            raise InvalidValueError(f"array_split of {node.aval} into {count} parts: one at least")
        size, more = divmod(node.shape[place], count)
        cuts = [size * k + min(k, more) for k in range(1, count)]
    return [Array.of(n) for n in rules.split(node, cuts, place)]


def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Array:
    """Elements of the first choice whose condition holds there, of ``default`` where none does.

    Args:
        condlist: arrays of bools.
        choicelist: one array for each; all broadcast with each other, and their dtypes promote.
        default: likewise.

    Raises:
        InvalidValueError: numbers of conditions and choices that differ, or none.
        DTypeError: a condition that is not bool.
        ShapeError: the shapes do not broadcast.

    >>> select([[True, False, False], [True, True, False]], [1, 2])
    Array([1, 2, 0], dtype=int64, device=cpu)
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise InvalidValueError(f"select with {len(condlist)} conditions and {len(choicelist)} choices")
    conditions = [strong(required(c)) for c in condlist]
    for c in conditions:
        if c.dtype is not bool_:
            raise DTypeError(f"select needs bool conditions, got {c.aval}", hint="compare with != 0")
    result = required(default)
    for condition, choice in zip(reversed(conditions), reversed(choicelist), strict=True):
        result = ew.where(condition, required(choice), result)
    assert isinstance(result, Node)
    return Array.of(result)


def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """A matrix with the flattened array on its ``k``-th diagonal, zeros elsewhere.

    >>> diagflat([[1, 2]])
    Array([[1, 0],
           [0, 2]], dtype=int64, device=cpu)
    """
    return Array.of(diag(rules.reshape(required(v), -1), k))
