"""Batching: what was recorded for one example is recorded for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import EerieError
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Graph, Node, placeholder, rebuild
from eerie_dsl.ir.primitive import Primitive, project
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.shape import Batched


def batched(graph: Graph, arguments: Sequence[Node], dims: Sequence[int | None]) -> list[Batched]:
    """The outputs of ``graph`` for arguments of which some have one more axis.

    Args:
        graph: for one example.
        arguments: one for each input of the graph.
        dims: where the axis of the examples is in each argument, None where there is none.

    Raises:
        MissingRuleError: a primitive has no batching rule; the error names it and the user's line.
    """
    known: dict[Node, Any] = dict(zip(graph.inputs, zip(arguments, dims, strict=True), strict=True))
    for node in graph.nodes:
        known[node] = _one(node, [known[i] for i in node.inputs])
    return [known[n] for n in graph.outputs]


def batched_graph(graph: Graph, size: int) -> Graph:
    """The graph for ``size`` examples, which are along a first axis of all inputs and outputs."""
    inputs = [placeholder(n.aval.with_shape((size, *n.shape))) for n in graph.inputs]
    found = batched(graph, inputs, [0] * len(inputs))
    return Graph.of(inputs, [together([n, inputs[0]], [d, 0])[0] for n, d in found])


def _one(node: Node, operands: list[Any]) -> Any:
    op = node.op
    assert op is not None
    if op is project:
        return operands[0][node.params["index"]]
    inputs, dims = [x for x, _ in operands], [d for _, d in operands]
    if all(d is None for d in dims):
        new = rebuild(node, tuple(inputs))
        if isinstance(node.aval, TupleAval):
            return [(project(new, index=i), None) for i in range(len(node.aval.elements))]
        return new, None
    try:
        if type(op).batch is Primitive.batch and type(op).decompose is not Primitive.decompose:
            inner = [placeholder(i.aval) for i in node.inputs]
            results = op.decompose(*inner, **node.params)
            found = batched(Graph.of(inner, results if isinstance(results, tuple) else (results,)), inputs, dims)
            return found if isinstance(node.aval, TupleAval) else found[0]
        return op.batch(inputs, dims, **node.params)
    except EerieError as error:
        error.source = node.source or error.source
        raise
