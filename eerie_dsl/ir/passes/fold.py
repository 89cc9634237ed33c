"""Constant folding."""

from __future__ import annotations

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph, Node, rebuild

LIMIT = 64
"""Largest result, in elements, that is folded: a constant lives in the program."""


def fold(graph: Graph) -> Graph:
    """Evaluate with the reference rules what depends on literals alone, and drop operations that do nothing."""

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        assert node.op is not None
        same = node.op.passthrough(*inputs, **node.params)
        if same is not None:
            return same
        literals = [i.op for i in inputs if i.op is not None and i.op.literal]
        if not inputs or len(literals) < len(inputs) or not isinstance(node.aval, Aval):
            return rebuild(node, inputs)
        # What grows stays: a broadcast number is a number in the kernel, its elements would be memory.
        if node.aval.size > min(LIMIT, max(i.aval.size for i in inputs)):
            return rebuild(node, inputs)
        values = [op.evaluate(i.aval, (), i.params) for op, i in zip(literals, inputs, strict=True)]
        literal = literals[0].literal_of(node.op.evaluate(node.aval, values, node.params), node.aval)
        literal.source = node.source
        return literal

    with np.errstate(all="ignore"):
        return graph.rewrite(rule)
