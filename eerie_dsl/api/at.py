"""``x.at[key]``: functional updates of a part of an array."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from eerie_dsl.api.conversion import ArrayLike, index_key, required
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.indexing import How, get_items, update_items


class HasNode(Protocol):
    """What can be updated: an `Array`."""

    @property
    def node(self) -> Node:
        """The node, to record operations on."""

    @classmethod
    def of(cls, node: Node) -> Any:
        """The array that a node computes."""


A = TypeVar("A", bound=HasNode)


class At(Generic[A]):
    """What ``x.at`` gives: index it to say which part is meant."""

    __slots__ = ("_array",)

    def __init__(self, array: A) -> None:
        self._array = array

    def __getitem__(self, key: Any) -> Place[A]:
        """The part that ``x[key]`` reads; a boolean mask may stand for updates of what it selects."""
        return Place(self._array, key)


class Place(Generic[A]):
    """A part of an array. Each method gives a new array and leaves the old one alone.

    Where computed indices name an element several times, `set` leaves the last value and the others take all in turn.
    An update at a computed index out of range is dropped; a number out of range is an `IndexingError`.

    Raises:
        IndexingError: an index out of range or of a kind that cannot index.
        ShapeError: the value does not broadcast to the part.
        DTypeError: the value is of a higher kind than the array, as a float is to integers.

    >>> import eerie_dsl as eerie
    >>> eerie.zeros(3).at[1].set(5.0)
    Array([0., 5., 0.], dtype=float32)
    """

    __slots__ = ("_array", "_key")

    def __init__(self, array: A, key: Any) -> None:
        self._array = array
        self._key = index_key(key)

    def get(self) -> A:
        """``x[key]``."""
        return self._array.of(get_items(self._array.node, self._key))  # type: ignore[no-any-return]

    def set(self, value: ArrayLike, /) -> A:
        """With ``value`` in its place."""
        return self._updated(value, "set")

    def add(self, value: ArrayLike, /) -> A:
        """With ``value`` added to it."""
        return self._updated(value, "add")

    def subtract(self, value: ArrayLike, /) -> A:
        """With ``value`` taken off it."""
        node = self._array.node
        return self._array.of(  # type: ignore[no-any-return]
            update_items(node, self._key, ew.negative(required(value)), "add")
        )

    def multiply(self, value: ArrayLike, /) -> A:
        """With itself times ``value`` in its place; not at index arrays, which could name an element twice."""
        return self._updated(value, "multiply")

    def max(self, value: ArrayLike, /) -> A:
        """With the larger of itself and ``value``."""
        return self._updated(value, "max")

    def min(self, value: ArrayLike, /) -> A:
        """With the smaller of itself and ``value``."""
        return self._updated(value, "min")

    def _updated(self, value: ArrayLike, how: How) -> A:
        return self._array.of(  # type: ignore[no-any-return]
            update_items(self._array.node, self._key, required(value), how)
        )
