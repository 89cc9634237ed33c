"""All passes in order."""

from __future__ import annotations

from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.passes.cse import cse
from eerie_dsl.ir.passes.dce import dce
from eerie_dsl.ir.passes.fold import fold

PASSES = (dce, fold, cse)


def simplify(graph: Graph) -> Graph:
    """The graph after all passes."""
    for run in PASSES:
        graph = run(graph)
    return graph
