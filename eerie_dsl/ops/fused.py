"""A piece of a program that becomes one kernel because its author says so."""

from __future__ import annotations

from typing import Any

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import Primitive


class Fused(Primitive):
    """``graph`` applied to the operands as one dispatch region: what `eerie.fuse` records.

    The result of a graph with one output is that output, otherwise a tuple that `project` takes apart. What one
    kernel cannot hold is an error of the compiler, not silently several kernels. Transforms do not look for its
    rules: they `decompose` it, and what they make of it is fused as the compiler sees fit.
    """

    name = "fused"

    def infer(self, *avals: Aval, graph: Graph) -> Type:
        if graph.in_avals != avals:
            raise ShapeError(
                f"fused was recorded for operands {list(graph.in_avals)}, got {list(avals)}",
                hint="call the function decorated with fuse again for other shapes or dtypes",
            )
        outs = graph.out_avals
        return outs[0] if len(outs) == 1 else TupleAval(outs)

    def reference(self, *arrays: Any, graph: Graph) -> Any:
        results = graph.evaluate(arrays)
        return results[0] if len(results) == 1 else tuple(results)

    def lower(self, b: Any, *values: Any, out: Type, graph: Graph) -> Any:
        results = b.region(values, graph.out_avals, lambda *inner: b.lower_graph(graph, inner))
        return results[0] if len(results) == 1 else tuple(results)

    def decompose(self, *inputs: Node, graph: Graph) -> tuple[Node, ...]:
        """The outputs of the graph recorded on ``inputs`` op by op: what transforms work on instead."""
        return graph.inline(inputs)

    def flops(self, *avals: Aval, out: Type, graph: Graph) -> int:
        return graph.flops


fused = Fused()
