"""Dead code elimination."""

from __future__ import annotations

from eerie_dsl.ir.graph import Graph


def dce(graph: Graph) -> Graph:
    """Leave out nodes that no result needs; inputs keep their places."""
    return Graph.of(graph.inputs, graph.outputs)
