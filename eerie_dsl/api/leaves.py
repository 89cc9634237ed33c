"""Trees that users hand over, taken apart: every leaf an array, and called by its place where it is not one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.tracing import Leaf
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite.promotion import strong


def lifted(leaf: Any, where: str) -> Node:
    """A leaf as a node.

    Args:
        leaf: an array-like.
        where: what it is called, for the message.

    Raises:
        ArgumentError: it is no array-like.
    """
    try:
        return lift(leaf)
    except ArgumentError as error:
        raise ArgumentError(f"{where}: {error.message}", hint=error.hint) from None


def outline(structure: Any) -> str:
    """How a tree is put together, for messages: ``one array``, ``nothing``, or like ``{'w': *, 'b': *}``."""
    if structure is None or (structure.num_nodes, structure.num_leaves) == (1, 1):
        return "one array"
    return repr(tree.unflatten(structure, [_LEAF] * structure.num_leaves)) if structure.num_leaves else "nothing"


def function_of(what: str, function: Any, name: str = "") -> Callable[..., Any]:
    """The function that somebody asks to transform.

    Args:
        what: the transform, for the message.
        function: what was given.
        name: the parameter, where there are several functions.

    Raises:
        ArgumentError: it cannot be called.
    """
    if not callable(function):
        raise ArgumentError(f"{what} needs a function{f' for {name}' if name else ''}, got {type(function).__name__}")
    return function  # type: ignore[no-any-return]


class Flat(NamedTuple):
    """A tree taken apart.

    Attributes:
        nodes: its leaves.
        structure: how they are put together.
        paths: what each leaf is called.
        free: whether a leaf is a Python number, whose dtype nobody has chosen.
    """

    nodes: list[Node]
    structure: Any
    paths: list[str]
    free: list[bool]

    @classmethod
    def of(cls, what: str, value: Any, root: str) -> Flat:
        """The parts of ``value``.

        Args:
            what: is done with it, for messages.
            value: arrays and trees of them.
            root: what the tree is called.

        Raises:
            ArgumentError: a leaf is no array-like.
        """
        leaves, structure = tree.flatten(value)
        paths = tree.paths(value, root)
        nodes = [lifted(leaf, f"{what} with {path}") for leaf, path in zip(leaves, paths, strict=True)]
        free = [type(leaf) in (bool, int, float, complex) or n.weak for leaf, n in zip(leaves, nodes, strict=True)]
        return cls([strong(n) for n in nodes], structure, paths, free)

    def types(self) -> list[Leaf]:
        """The types of the leaves, as a trace takes them."""
        return [Leaf(n.aval, free) for n, free in zip(self.nodes, self.free, strict=True)]

    def build(self, nodes: Sequence[Node]) -> Any:
        """A tree of arrays on these nodes, put together in the same way."""
        return tree.unflatten(self.structure, map(Array.of, nodes))


class _Leaf:
    def __repr__(self) -> str:
        return "*"


_LEAF = _Leaf()
