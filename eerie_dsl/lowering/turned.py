"""Products of which only the transpose is used."""

from __future__ import annotations

from collections import Counter

from eerie_dsl.ir.graph import Graph, Node, rebuild
from eerie_dsl.lowering.expand import Places
from eerie_dsl.ops.contraction import dot, free
from eerie_dsl.ops.shape import transpose


def turned(graph: Graph, places: Places) -> Graph:
    """The graph where a product that only a transpose uses is computed in that order, its operands changing places.

    The gradient of ``x @ w`` by ``w`` is recorded as the transpose of a product.

    Args:
        graph: what is lowered.
        places: by the id of a node, where it comes from; new nodes are entered.
    """
    users = Counter(id(n) for n in (*(i for node in graph.nodes for i in node.inputs), *graph.outputs))

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        product = inputs[0] if node.op is transpose else node
        if product.op is dot and users[id(node.inputs[0])] == 1 and node.params.get("axes") == _swapped(product):
            lhs, rhs = product.inputs
            contract, batch = product.params["contract"], product.params["batch"]
            new = dot(rhs, lhs, contract=contract[::-1], batch=batch[::-1], dtype=product.dtype)
            new.source = product.source
            places[id(new)] = places[id(product)]
        else:
            new = rebuild(node, inputs)
            places[id(new)] = places[id(node)]
        return new

    return graph.rewrite(rule)


def _swapped(product: Node) -> tuple[int, ...]:
    """The axes that bring those of the second operand before those of the first."""
    (lhs, rhs), batch, contract = product.inputs, product.params["batch"], product.params["contract"]
    first = len(batch[0])
    middle = first + len(free(lhs, contract[0] + batch[0]))
    last = middle + len(free(rhs, contract[1] + batch[1]))
    return (*range(first), *range(middle, last), *range(first, middle))
