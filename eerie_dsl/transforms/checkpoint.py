"""A piece of a program whose inner values are computed again for its derivative instead of being kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.identity import after
from eerie_dsl.ops.shape import Batched
from eerie_dsl.transforms.batching import batched_graph
from eerie_dsl.transforms.reverse import pullback


class Checkpoint(Primitive):
    """``graph`` applied to the operands; backward it is recorded again, behind the cotangents, from the operands."""

    name = "checkpoint"

    def infer(self, *avals: Aval, graph: Graph) -> Type:
        if graph.in_avals != avals:
            raise ShapeError(f"checkpoint was recorded for operands {list(graph.in_avals)}, got {list(avals)}")
        return TupleAval(graph.out_avals)

    def reference(self, *arrays: Any, graph: Graph) -> Any:
        return tuple(graph.evaluate(arrays))

    def decompose(self, *inputs: Node, graph: Graph) -> tuple[Node, ...]:
        return graph.inline(inputs)

    def vjp(self, cts: Sequence[Node], out: Node, *inputs: Node, graph: Graph) -> Cotangents:
        again = [after(i, cts[0]) for i in inputs]
        return tuple(pullback(again, graph.inline(again), cts))

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, graph: Graph) -> list[Batched]:
        operands = together(inputs, dims)
        many = checkpoint(*operands, graph=batched_graph(graph, operands[0].shape[0]))
        return [(project(many, index=i), 0) for i in range(len(graph.outputs))]

    def flops(self, *avals: Aval, out: Type, graph: Graph) -> int:
        return graph.flops


checkpoint = Checkpoint()
