"""A Python function becomes a graph: it is called on placeholders and what it records is collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import lift
from eerie_dsl.errors import ArgumentError, Source
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, complex128, dtype, float64, int64
from eerie_dsl.ir.graph import Graph, Node, placeholder, topological
from eerie_dsl.ir.scope import tracing
from eerie_dsl.ir.size import Size
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.runtime import from_dlpack

SCALARS: dict[type, Aval] = {
    bool: Aval((), bool_),
    int: Aval((), int64),
    float: Aval((), float64),
    complex: Aval((), complex128),
}
"""How Python scalars enter a program: in Python's own precision, until they meet an array."""


class Leaf(NamedTuple):
    """The type of one argument leaf: its abstract value, and whether it is a Python scalar."""

    aval: Aval
    weak: bool = False


class Trace(NamedTuple):
    """A traced function.

    Attributes:
        graph: the program; its inputs are the argument leaves, then what was captured.
        captured: what the hidden inputs stand for: Arrays, NumPy arrays, or nodes.
        structure: how results are put together: None for one array, else a tree structure.
        source: where the function is defined.
    """

    graph: Graph
    captured: tuple[Any, ...]
    structure: Any
    source: Source

    def wrap(self, results: Sequence[Any]) -> Any:
        """What the function returns when these are the buffers of its results."""
        return self.build([Array.held(n.aval, r) for n, r in zip(self.graph.outputs, results, strict=True)])

    def build(self, arrays: Sequence[Array]) -> Any:
        """What the function returns when these are the arrays in it."""
        return arrays[0] if self.structure is None else tree.unflatten(self.structure, arrays)


def flatten(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any]:
    """The leaves of a call and their structure. Plain positional arguments need no tree library."""
    if not kwargs and all(type(a) in _LEAVES for a in args):
        return list(args), len(args)
    return tree.flatten((args, kwargs))


def unflatten(structure: Any, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `flatten` took apart."""
    if isinstance(structure, int):
        return tuple(leaves), {}
    return tree.unflatten(structure, leaves, sort_dicts=True)  # type: ignore[no-any-return]


def leaf_type(value: Any, where: Callable[[], str]) -> Leaf:
    """The type of an argument leaf.

    Raises:
        ArgumentError: it is nothing that a program can take.
        DTypeError: a NumPy array of a dtype that Eerie does not have.
    """
    kind = type(value)
    if kind is Array:
        return Leaf(value._aval, value._node is not None and value._node.weak)
    if kind in SCALARS:
        return Leaf(SCALARS[kind], True)
    if isinstance(value, np.ndarray | np.generic):
        return Leaf(Aval(value.shape, dtype(value.dtype)))
    if isinstance(value, Array):
        return Leaf(value._aval)
    if hasattr(value, "__dlpack__"):
        return Leaf(from_dlpack(value)[1])
    raise ArgumentError(
        f"{where()} is a {kind.__name__}, which a compiled function cannot take",
        hint="pass arrays, numbers and containers of them; name it in static_argnames if it only steers the function",
    )


def trace(
    function: Callable[..., Any],
    name: str,
    source: Source,
    leaves: Sequence[Leaf],
    structure: Any,
    bind: Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]],
    *,
    inline: bool = False,
) -> Trace:
    """Call ``function`` on placeholders for ``leaves``.

    Args:
        function: the user's function.
        name: its name, for messages.
        source: where it is defined.
        leaves: types of the argument leaves.
        structure: from `flatten`.
        bind: puts the static arguments among the others.
        inline: the graph will be part of what is recorded around it.
    """
    with tracing(name, inline=inline) as scope:
        inputs = []
        for leaf in leaves:
            node = placeholder(leaf.aval, source, scope)
            node.weak = leaf.weak
            inputs.append(node)
        args, kwargs = bind(*unflatten(structure, [Array.of(n) for n in inputs]))
        result = function(*args, **kwargs)
        results, out_structure = _results(result, name)
        outputs = [strong(lift(r)) for r in results]
    captured: list[Node] = []
    own = set(map(id, inputs))
    outside = {id(node): held for node, held in scope.captured.values()}
    seen: set[int] = set()

    def stop(node: Node) -> bool:
        if id(node) in own:
            return True
        if node.scope is scope and id(node) not in outside:
            return False
        if id(node) not in seen:
            seen.add(id(node))
            captured.append(node)
        return True

    order = topological(outputs, stop)
    hidden = tuple(outside.get(id(n), n) for n in captured)
    graph = Graph([*inputs, *captured], order, outputs)
    # A copy, because captured nodes hold buffers and the program must not keep them alive.
    return Trace(graph.copied(), hidden, out_structure, source)


def _results(result: Any, name: str) -> tuple[list[Any], Any]:
    if type(result) in _LEAVES:
        return [result], None
    leaves, structure = tree.flatten(result)
    for leaf, path in zip(leaves, tree.paths(result, "result"), strict=True):
        if not isinstance(leaf, (Array, np.ndarray, np.generic, Size, *SCALARS)):
            raise ArgumentError(
                f"{name} returns a {type(leaf).__name__} at {path}, which is not an array",
                hint="return arrays, numbers and containers of them",
            )
    return leaves, structure


_LEAVES = frozenset((Array, np.ndarray, *SCALARS))
