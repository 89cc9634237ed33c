"""Cheap results that each kernel computes for itself, so that nobody writes them to memory."""

from __future__ import annotations

from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.size import likely
from eerie_dsl.ops.base import Elementwise

MOST = 16
"""Arithmetic operations for which it pays to compute a result again where it is used."""

_FEW = 8
"""An operand of so many times fewer elements counts for nothing beside the others."""


def recomputed(graph: Graph) -> set[int]:
    """The nodes (by id) that are a few operations away from one array that is kept, whoever uses them.

    Reading that array takes as long as reading the result would, and the result need not be written. A transformer's
    training step keeps four arrays less for each gelu and two for each layer norm.
    """
    origin: dict[int, Node] = {}
    work: dict[int, int] = {}
    numbers: set[int] = set()
    for node in graph.nodes:
        op = node.op
        assert op is not None
        if op.literal or (node.inputs and all(id(i) in numbers for i in node.inputs)):
            numbers.add(id(node))
        elif isinstance(op, Elementwise):
            operands = [i for i in node.inputs if id(i) not in numbers]
            large = [i for i in operands if likely(i.aval.size) * _FEW > likely(node.aval.size)]
            sources = {id(n): n for n in (origin.get(id(i), i) for i in large)}
            cost = sum(work.get(id(i), 0) for i in large) + op.cost
            if len(sources) == 1 and cost < MOST:
                (origin[id(node)],), work[id(node)] = sources.values(), cost
    return set(origin)
