"""The graph checker: re-derives every type and refuses what no pass may produce."""

from __future__ import annotations

from eerie_dsl.errors import GraphError
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Graph


def check(graph: Graph) -> Graph:
    """The graph itself, when it is well formed.

    Raises:
        GraphError: a node comes before its operand or twice, lies about its type, has parameters that cannot be
            hashed, or a result is a tuple.
    """
    known = set()
    for node in graph.inputs:
        if node.op is not None:
            raise GraphError(f"input {node!r} is the result of an operation", source=node.source)
        if id(node) in known:
            raise GraphError(f"input {node!r} is listed twice", source=node.source)
        known.add(id(node))
    for node in graph.nodes:
        if node.op is None:
            raise GraphError(f"{node!r} is an input in the middle of the graph", source=node.source)
        if id(node) in known:
            raise GraphError(f"{node!r} is listed twice", source=node.source)
        for operand in node.inputs:
            if id(operand) not in known:
                raise GraphError(f"{node!r} comes before its operand {operand!r}", source=node.source)
        derived = node.op.infer(*(i.aval for i in node.inputs), **node.params)
        if derived != node.aval:
            raise GraphError(f"{node!r} should be {derived!r}", source=node.source)
        for value in node.params.values():
            if isinstance(value, Graph):
                check(value)
        known.add(id(node))
    for node in graph.outputs:
        if id(node) not in known:
            raise GraphError(f"result {node!r} is not computed", source=node.source)
        if isinstance(node.aval, TupleAval):
            raise GraphError(f"result {node!r} is a tuple; project it", source=node.source)
    graph.encode()
    return graph
