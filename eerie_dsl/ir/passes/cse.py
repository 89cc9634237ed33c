"""Common subexpression elimination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.ir.graph import Graph, Node, Params, rebuild
from eerie_dsl.ir.primitive import Primitive


def cse(graph: Graph) -> Graph:
    """Compute equal operations on equal operands once; operands of commutative primitives in either order. An
    operation whose results are the first of another's gives way to that."""
    seen: dict[Any, Node] = {}
    larger: dict[Any, Params] = {}
    for node in graph.nodes:
        assert node.op is not None
        less = node.op.extends(**node.params)
        if less is not None:
            larger[_key(node.op, node.inputs, less)] = node.params

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        assert node.op is not None
        params = larger.get(_key(node.op, node.inputs, node.params)) if larger else None
        if params is not None:
            return seen.setdefault(_key(node.op, inputs, params), _extended(node, inputs, params))
        return seen.setdefault(_key(node.op, inputs, node.params), rebuild(node, inputs))

    return graph.rewrite(rule)


def _key(op: Primitive, inputs: Sequence[Node], params: Params) -> Any:
    operands = [id(i) for i in inputs]
    if op.commutative:
        operands.sort()
    return (
        op,
        tuple(operands),
        tuple((k, v.digest if isinstance(v, Graph) else _exact(v)) for k, v in sorted(params.items())),
    )


def _extended(node: Node, inputs: tuple[Node, ...], params: Params) -> Node:
    assert node.op is not None
    new = node.op(*inputs, **params)
    new.source = node.source
    return new


def _exact(value: Any) -> Any:
    # 0.0 == -0.0 and 1 == True, but they are different parameters.
    return (type(value), repr(value)) if isinstance(value, (int, float, complex)) else value
