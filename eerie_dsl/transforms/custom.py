"""A function whose derivative its author gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.shape import Batched
from eerie_dsl.transforms.batching import batched_graph


class Custom(Primitive):
    """``graph`` applied to the operands, with ``pullback`` for its vjp.

    ``pullback`` takes the operands and the cotangents of the results, and gives the cotangents of those operands that
    are floating point. What it computes again of ``graph`` is shared with it.
    """

    name = "custom"

    def infer(self, *avals: Aval, graph: Graph, pullback: Graph) -> Type:
        if graph.in_avals != avals:
            raise ShapeError(f"custom was recorded for operands {list(graph.in_avals)}, got {list(avals)}")
        return TupleAval(graph.out_avals)

    def reference(self, *arrays: Any, graph: Graph, pullback: Graph) -> Any:
        return tuple(graph.evaluate(arrays))

    def decompose(self, *inputs: Node, graph: Graph, pullback: Graph) -> tuple[Node, ...]:
        return graph.inline(inputs)

    def vjp(self, cts: Sequence[Node], out: Node, *inputs: Node, graph: Graph, pullback: Graph) -> Cotangents:
        found = iter(pullback.inline([*inputs, *cts]))
        return tuple(next(found) if i.dtype.is_inexact else None for i in inputs)

    def batch(
        self, inputs: Sequence[Node], dims: Sequence[int | None], *, graph: Graph, pullback: Graph
    ) -> list[Batched]:
        operands = together(inputs, dims)
        size = operands[0].shape[0]
        many = custom(*operands, graph=batched_graph(graph, size), pullback=batched_graph(pullback, size))
        return [(project(many, index=i), 0) for i in range(len(graph.outputs))]

    def flops(self, *avals: Aval, out: Type, graph: Graph, pullback: Graph) -> int:
        return graph.flops


custom = Custom()
