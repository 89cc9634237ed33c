"""Constant folding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph, Node, rebuild

LIMIT = 64
"""Largest result, in elements, that is folded: a constant lives in the program."""


def fold(graph: Graph) -> Graph:
    """Evaluate with the reference rules what depends on literals alone, and drop operations that do nothing.

    What is one number everywhere stays a number, repeated, through elementwise operations. The compiler would make one
    of it too, and lose the loop of a reduction over it, which then takes one step.
    """

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        assert node.op is not None
        same = node.op.passthrough(*inputs, **node.params)
        if same is not None:
            return same
        if not inputs or not isinstance(node.aval, Aval):
            return rebuild(node, inputs)
        if all(map(_literal, inputs)):
            # What grows stays: a broadcast number is a number in the kernel, its elements would be memory.
            small = node.aval.static and node.aval.size <= min(LIMIT, max(i.aval.size for i in inputs))
            return _evaluated(node, inputs) if small else rebuild(node, inputs)
        numbers = [_number(i) for i in inputs]
        known = [n for n in numbers if n is not None]
        if len(known) < len(inputs):
            return rebuild(node, inputs)
        repeat = next(i.op for i in inputs if i.op is not None and i.op.repeats)
        if node.op.repeats:
            return _at_line_of(node, repeat(*known, shape=node.shape, axes=()))
        if node.op.elementwise:
            single = rebuild(node, tuple(known))
            return _at_line_of(node, repeat(_evaluated(single, known), shape=node.shape, axes=()))
        return rebuild(node, inputs)

    with np.errstate(all="ignore"):
        return graph.rewrite(rule)


def _literal(node: Node) -> bool:
    return node.op is not None and node.op.literal


def _number(node: Node) -> Node | None:
    """The 0-d literal that a node is, or repeats."""
    if node.op is not None and node.op.repeats:
        node = node.inputs[0]
    return node if _literal(node) and not node.ndim else None


def _evaluated(node: Node, inputs: Sequence[Node]) -> Node:
    assert node.op is not None
    literals = [i.op for i in inputs if i.op is not None]
    values = [op.evaluate(i.aval, (), i.params) for op, i in zip(literals, inputs, strict=True)]
    literal = literals[0].literal_of(node.op.evaluate(node.aval, values, node.params), node.aval)
    return _at_line_of(node, literal)


def _at_line_of(node: Node, new: Node) -> Node:
    new.source = node.source
    return new
