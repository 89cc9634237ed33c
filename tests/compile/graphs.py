"""Graphs for the tests of this floor."""

from __future__ import annotations

from eerie_dsl.errors import Source
from eerie_dsl.ir import Aval, Graph, Node, Primitive, dtypes, placeholder
from eerie_dsl.ops.arithmetic import add, multiply
from eerie_dsl.ops.complex import complex_, imag, real
from eerie_dsl.ops.composite.contraction import matmul
from eerie_dsl.ops.shape import pad


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


def refused_when_fused() -> Graph:
    """Two paddings of what one kernel computes, which the compiler makes one kernel of and then refuses."""
    a, b = (placeholder(Aval((8, 8), dtypes.float32)) for _ in range(2))
    z = complex_(matmul(a, b), matmul(b, a))
    return Graph.of([a, b], [pad(part(z), low=(0, 0), high=(2, 0), interior=(0, 0), value=0) for part in (real, imag)])
