"""The order of operations: the same graph, with less memory in use at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

import eerie_dsl as eerie
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.passes import order
from eerie_dsl.ops.arithmetic import add
from eerie_dsl.ops.exponential import exp
from eerie_dsl.ops.reduction import reduce_sum

ROWS, WIDTH, LAYERS = 64, 8, 6


def perceptron(weights: Any, x: Any) -> Any:
    for w in weights:
        x = eerie.tanh(x @ w)
    return eerie.sum(x * x)


def gradient() -> Graph:
    weights = [eerie.ones((WIDTH, WIDTH)) * 0.1] * LAYERS
    return eerie.jit(eerie.grad(perceptron)).trace(weights, eerie.ones((ROWS, WIDTH))).lower().graph


def test_weights_get_their_gradients_while_the_cotangents_are_there() -> None:
    graph = gradient()
    ordered = order(graph)
    weights = [k for k, n in enumerate(ordered.nodes) if n.op and n.op.name == "dot" and n.shape == (WIDTH, WIDTH)]
    cotangents = [k for k, n in enumerate(ordered.nodes) if n.op and n.op.name == "dot" and n.shape == (ROWS, WIDTH)]
    assert len(weights) == LAYERS
    # All but the first layer's, which is the last to be reached, come before the cotangent of the next layer is used.
    assert sum(w < cotangents[-1] for w in weights) >= LAYERS - 2
    before = [k for k, n in enumerate(graph.nodes) if n.op and n.op.name == "dot" and n.shape == (WIDTH, WIDTH)]
    wide = [k for k, n in enumerate(graph.nodes) if n.op and n.op.name == "dot" and n.shape == (ROWS, WIDTH)]
    assert sum(w < wide[-1] for w in before) == 0


def test_nothing_else_changes() -> None:
    graph = gradient()
    ordered = order(graph)
    assert sorted(map(id, ordered.nodes)) == sorted(map(id, graph.nodes))
    assert (ordered.inputs, ordered.outputs) == (graph.inputs, graph.outputs)
    seen = set(ordered.inputs)
    for node in ordered.nodes:
        assert seen.issuperset(node.inputs)
        seen.add(node)
    assert list(order(ordered).nodes) == list(ordered.nodes)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(a.shape).astype(np.float32) for a in graph.in_avals]
    for got, want in zip(ordered.evaluate(arrays), graph.evaluate(arrays), strict=True):
        np.testing.assert_array_equal(got, want)


def order_of(graph: Graph) -> list[str]:
    return [n.op.name for n in order(graph).nodes if n.op is not None]


def wide(*shape: int) -> Node:
    return placeholder(Aval(shape or (100,), float32))


def test_a_sum_comes_as_soon_as_its_operand_is_of_no_other_use() -> None:
    x = wide()
    y = exp(x)
    z = exp(y)
    result = add(reduce_sum(exp(z), axes=(0,)), reduce_sum(y, axes=(0,)))
    assert order_of(Graph.of([x], [result])) == ["exp", "exp", "reduce_sum", "exp", "reduce_sum", "add"]


def test_results_are_kept_in_any_case() -> None:
    x = wide()
    y = exp(x)
    graph = Graph.of([x], [exp(exp(y)), y, reduce_sum(y, axes=(0,))])
    assert order_of(graph) == ["exp", "exp", "exp", "reduce_sum"]
