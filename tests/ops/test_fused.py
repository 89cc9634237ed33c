"""fused: one kernel, the same values."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import Any

import numpy as np
import pytest

from eerie_dsl.compile.driver import Compiled, Driver
from eerie_dsl.compile.target import get_target
from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import project
from eerie_dsl.lowering import lower
from eerie_dsl.ops.arithmetic import add, divide, multiply, negative, subtract
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.einsum import matmul
from eerie_dsl.ops.exponential import erf, exp, rsqrt, tanh
from eerie_dsl.ops.fused import fused
from eerie_dsl.ops.reduction import reduce_max, reduce_sum
from eerie_dsl.ops.shape import broadcast, transpose
from tests.support.compile_cases import Outcome, run_compiled
from tests.support.recording import Function, operand, record, values


def _rows(x: Node, like_: Node) -> Node:
    return broadcast(x, shape=like_.shape, axes=tuple(range(like_.ndim - 1)))


def _columns(x: Node, like_: Node) -> Node:
    return broadcast(x, shape=like_.shape, axes=(like_.ndim - 1,))


def _softmax(x: Node) -> Node:
    last = (x.ndim - 1,)
    powers = exp(subtract(x, _rows(reduce_max(x, axes=last), x)))
    return divide(powers, _rows(reduce_sum(powers, axes=last), powers))


def _layer_norm(x: Node, scale: Node, shift: Node) -> Node:
    total = reduce_sum(x, axes=(1,))
    count = like(total, float(x.shape[1]))
    centred = subtract(x, _rows(divide(total, count), x))
    variance = divide(reduce_sum(multiply(centred, centred), axes=(1,)), count)
    normal = multiply(centred, _rows(rsqrt(add(variance, like(variance, 1e-5))), x))
    return add(multiply(normal, _columns(scale, x)), _columns(shift, x))


def _gelu(x: Node) -> Node:
    return multiply(multiply(x, like(x, 0.5)), add(like(x, 1.0), erf(multiply(x, like(x, sqrt(0.5))))))


def _perceptron(x: Node, weights: Node, bias: Node) -> Node:
    y = matmul(x, weights)
    return _gelu(add(y, _columns(bias, y)))


def _attention(q: Node, k: Node, v: Node) -> Node:
    return matmul(_softmax(matmul(q, transpose(k, axes=(0, 2, 1)))), v)


CASES: dict[str, tuple[Function, list[tuple[int, ...]]]] = {
    "chain": (lambda x, y: tanh(add(multiply(x, y), x)), [(64, 80), (64, 80)]),
    "softmax": (_softmax, [(64, 100)]),
    "layer norm": (_layer_norm, [(64, 96), (96,), (96,)]),
    "perceptron": (_perceptron, [(64, 96), (96, 128), (128,)]),
    "attention": (_attention, [(4, 32, 16), (4, 32, 16), (4, 32, 16)]),
    "two outputs": (lambda x, y: (add(multiply(x, y), x), tanh(multiply(x, y))), [(64, 80), (64, 80)]),
    "output and what it was made of": (lambda x, y: (multiply(x, y), tanh(multiply(x, y))), [(64, 80), (64, 80)]),
    "result and row maxima": (lambda x: (_softmax(x), reduce_max(x, axes=(1,))), [(64, 80)]),
    "outputs of their own": (lambda x, y: (tanh(x), negative(y), transpose(y, axes=(1, 0))), [(64, 64), (64, 64)]),
    "0-d": (lambda x: tanh(add(x, x)), [()]),
    "no elements": (tanh, [(0, 4)]),
}
ARRAYS = {name: [values(s, float32, k) for k, s in enumerate(shapes)] for name, (_, shapes) in CASES.items()}


def _fuse(function: Function) -> Function:
    def outer(*inputs: Node) -> Any:
        graph = record(function, *(i.aval for i in inputs))
        result = fused(*inputs, graph=graph)
        count = len(graph.outputs)
        return result if count == 1 else tuple(project(result, index=i) for i in range(count))

    return outer


GRAPHS = {name: record(_fuse(f), *(Aval(s, float32) for s in shapes)) for name, (f, shapes) in CASES.items()}


def _compile(graph: Graph) -> Compiled:
    return Driver().compile(lower(graph), get_target("host").all_flags)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return dict(zip(CASES, run_compiled(list(GRAPHS.values()), list(ARRAYS.values())), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_ops(name: str, outcomes: dict[str, Outcome]) -> None:
    outcome, arrays = outcomes[name], ARRAYS[name]
    assert not outcome.problem, outcome.problem
    assert not outcome.shares_memory
    assert [a.tobytes() for a in outcome.inputs] == [a.tobytes() for a in arrays]
    want = record(CASES[name][0], *(Aval(a.shape, float32) for a in arrays)).evaluate(arrays)
    for got, reference, result in zip(outcome.outputs, GRAPHS[name].evaluate(arrays), want, strict=True):
        np.testing.assert_array_equal(reference, result, strict=True)
        np.testing.assert_allclose(got, result, rtol=2e-5, atol=2e-5, strict=True)


def test_each_is_one_kernel() -> None:
    graphs = [graph for name, graph in GRAPHS.items() if name != "no elements"]
    whole = Graph(
        [n for g in graphs for n in g.inputs],
        [n for g in graphs for n in g.nodes],
        [n for g in graphs for n in g.outputs],
    )
    owner = [k for k, graph in enumerate(graphs) for _ in graph.walk()]
    program = _compile(whole)
    assert program.vmfb is not None, program.diagnostics
    kernels = Counter(frozenset(owner[node] for node in nodes) for kernel in program.kernels for nodes in kernel[1])
    assert kernels == {frozenset({k}): 1 for k in range(len(graphs))}


def test_what_cannot_be_one_kernel_is_refused() -> None:
    graph = record(_fuse(lambda x, y: (tanh(x), tanh(y))), Aval((64, 80), float32), Aval((33, 7), float32))
    program = _compile(graph)
    assert program.vmfb is None
    assert program.diagnostics[0].file == __file__


def test_decomposes_into_its_ops() -> None:
    x = operand(4, 3)
    graph = record(_softmax, x.aval)
    (result,) = fused.decompose(x, graph=graph)
    assert Graph.of([x], [result]).digest == graph.digest
    assert fused.flops(x.aval, out=x.aval, graph=graph) == sum(
        n.op.flops(*(i.aval for i in n.inputs), out=n.aval, **n.params) for n in graph.nodes if n.op is not None
    )


def test_survives_encoding() -> None:
    graph = GRAPHS["softmax"]
    assert Graph.decode(graph.encode()).digest == graph.digest


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"recorded for operands \[f32\[2\]\], got \[f32\[3\]\]"):
        fused(operand(3), graph=record(tanh, Aval((2,), float32)))
