"""Graphs for the tests of this floor."""

from __future__ import annotations

from eerie_dsl.errors import Source
from eerie_dsl.ir import Aval, Graph, Node, Primitive, dtypes, placeholder
from eerie_dsl.ops.arithmetic import add, multiply


def small(size: int = 8) -> Graph:
    """``x * y + x`` on vectors of that size."""
    x, y = (placeholder(Aval((size,), dtypes.float32)) for _ in range(2))
    return Graph.of([x, y], [add(multiply(x, y), x)])


def slow(kernels: int = 150) -> Graph:
    """Many kernels that cannot be merged: seconds of compilation, for tests that interrupt it."""
    inputs = [placeholder(Aval((16 + k,), dtypes.float32)) for k in range(kernels)]
    return Graph.of(inputs, [add(multiply(x, x), x) for x in inputs])


class Unlowerable(Primitive):
    """A primitive that lacks its lowering."""

    name = "unlowerable"

    def infer(self, operand: Aval) -> Aval:
        return operand


unlowerable = Unlowerable()


def without_lowering(source: Source) -> Graph:
    """A graph that cannot be lowered, recorded at the given line."""
    x = placeholder(Aval((4,), dtypes.float32))
    y = unlowerable(x)
    node = Node(y.op, y.inputs, y.params, y.aval, source)
    return Graph.of([x], [node])
