"""``x.at[key]``: functional updates of a part of an array."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.keys import lifted, to_read, to_write
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.indexing import How, get_items, update_items
from eerie_dsl.ops.composite.promotion import Operand


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
    Inside a traced function an update at a computed index out of range is dropped. A boolean mask stands for updates
    of what it selects: by one value for all, or outside traced functions by one for each.

    Raises:
        IndexingError: an index out of range or of a kind that cannot index.
        ShapeError: the value does not broadcast to the part.
        DTypeError: the value is of a higher kind than the array, as a float is to integers.

    >>> import eerie_dsl as eerie
    >>> eerie.zeros(3).at[1].set(5.0)
    Array([0., 5., 0.], dtype=float32, device=cpu)
    """

    __slots__ = ("_array", "_key")

    def __init__(self, array: A, key: Any) -> None:
        self._array = array
        self._key = lifted(key)

    def get(self) -> A:
        """``x[key]``."""
        node = self._array.node
        return self._array.of(get_items(node, to_read(self._key, node.shape)))  # type: ignore[no-any-return]

    def set(self, value: ArrayLike, /) -> A:
        """With ``value`` in its place."""
        return self._updated(required(value), "set")

    def add(self, value: ArrayLike, /) -> A:
        """With ``value`` added to it."""
        return self._updated(required(value), "add")

    def subtract(self, value: ArrayLike, /) -> A:
        """With ``value`` taken off it."""
        return self._updated(ew.negative(required(value)), "add")

    def multiply(self, value: ArrayLike, /) -> A:
        """With itself times ``value`` in its place."""
        return self._updated(required(value), "multiply")

    def max(self, value: ArrayLike, /) -> A:
        """With the larger of itself and ``value``."""
        return self._updated(required(value), "max")

    def min(self, value: ArrayLike, /) -> A:
        """With the smaller of itself and ``value``."""
        return self._updated(required(value), "min")

    def _updated(self, value: Operand, how: How) -> A:
        node = self._array.node
        key = to_write(self._key, node.shape, value)
        return self._array.of(update_items(node, key, value, how))  # type: ignore[no-any-return]
