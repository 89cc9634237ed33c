"""Products of small integers that were made wider in front, from what they were before."""

from __future__ import annotations

from eerie_dsl.ir.dtypes import int32
from eerie_dsl.ir.graph import Graph, Node, rebuild
from eerie_dsl.lowering.expand import Places
from eerie_dsl.lowering.schedule import BYTES
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.shape import transpose


def narrowed(graph: Graph, places: Places) -> Graph:
    """The graph where a product in int32 of operands cast from 8 bits takes these as they are.

    Args:
        graph: what is lowered.
        places: by the id of a node, where it comes from; new nodes are entered.
    """

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node:
        small = [_small(i) for i in inputs] if node.op is dot and node.dtype is int32 else []
        if len(small) == 2 and small[0] is not None and small[1] is not None and small[0].dtype is small[1].dtype:
            inputs = (small[0], small[1])
            for new, old in zip(small, node.inputs, strict=True):
                places.setdefault(id(new), places[id(old)])
        new = rebuild(node, inputs)
        places[id(new)] = places[id(node)]
        return new

    def _small(node: Node) -> Node | None:
        """What a cast was of, on which the transpositions behind the cast were done."""
        if node.op is cast and node.inputs[0].dtype in BYTES:
            return node.inputs[0]
        if node.op is transpose:
            inner = _small(node.inputs[0])
            return None if inner is None else rebuild(node, (inner,))
        return None

    return graph.rewrite(rule)
