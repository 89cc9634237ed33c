"""Common subexpression elimination."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ir.graph import Graph, Node, rebuild


def cse(graph: Graph) -> Graph:
    """Compute equal operations on equal operands once; operands of commutative primitives in either order."""
    seen: dict[Any, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        assert node.op is not None
        operands = [id(i) for i in inputs]
        if node.op.commutative:
            operands.sort()
        params = tuple((k, v.digest if isinstance(v, Graph) else _exact(v)) for k, v in sorted(node.params.items()))
        return seen.setdefault((node.op, tuple(operands), params), rebuild(node, inputs))

    return graph.rewrite(rule)


def _exact(value: Any) -> Any:
    # 0.0 == -0.0 and 1 == True, but they are different parameters.
    return (type(value), repr(value)) if isinstance(value, (int, float, complex)) else value
