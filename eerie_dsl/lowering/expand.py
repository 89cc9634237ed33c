"""Operations that are described by others give way to them before anything is lowered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, repeat
from typing import Any, TypeAlias

from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.passes import order
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ir.scope import tracing

Places: TypeAlias = dict[int, tuple[int, ...]]
"""By the id of a node, the places in ``graph.walk()`` of the nodes of the recorded graph that it comes from."""


def expand(graph: Graph) -> tuple[Graph, Places]:
    """The graph with each primitive that has no lowering of its own replaced by its `Primitive.decompose`.

    Returns:
        The graph, and where its nodes come from.
    """
    places: Places = {}
    with tracing("lowering"):  # what decompositions record belongs together, and their numbers are literals
        return _expanded(graph, count(), places), places


def _expanded(graph: Graph, numbers: Iterator[int], places: Places) -> Graph:
    new: dict[int, Any] = {id(n): n for n in graph.inputs}
    for node in graph.nodes:
        number = next(numbers)
        params = dict(node.params)
        for name, value in sorted(node.params.items()):
            if isinstance(value, Graph):
                params[name] = _expanded(value, numbers, places)
        operands = [new[id(i)] for i in node.inputs]
        new[id(node)] = _replaced(node, operands, params, number, places)
    return order(Graph.of(graph.inputs, [new[id(n)] for n in graph.outputs]))


def _replaced(node: Node, operands: Sequence[Any], params: dict[str, Any], number: int, places: Places) -> Any:
    op = node.op
    assert op is not None
    if operands and isinstance(operands[0], tuple):  # of a decomposition with several results
        return operands[0][params["index"]]
    if type(op).lower is not Primitive.lower:
        same = Node(op, tuple(operands), params, node.aval, node.source)
        places[id(same)] = (number,)
        return same
    found = op.decompose(*operands, **params)
    results = found if isinstance(found, tuple) else (found,)
    inner = Graph.of(operands, results)
    for made in inner.nodes:
        made.source = node.source
    inner = _expanded(inner, repeat(number), places)
    return inner.outputs if isinstance(found, tuple) else inner.outputs[0]
