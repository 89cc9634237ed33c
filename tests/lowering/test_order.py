"""The order in which kernels run."""

from __future__ import annotations

import numpy as np

import eerie_dsl as eerie
from eerie_dsl.ir.graph import Graph
from eerie_dsl.lowering.order import ordered
from eerie_dsl.lowering.turned import turned

LAYERS = 5


def gradients() -> Graph:
    def loss(weights, x):
        for w in weights:
            x = eerie.tanh(x @ w)
        return eerie.sum(x * x)

    weights = [np.full((8, 8), 0.1 * k, np.float32) for k in range(LAYERS)]
    return eerie.jit(eerie.grad(loss)).trace(weights, np.ones((32, 8), np.float32)).graph


def test_gradients_follow_what_they_are_computed_from():
    graph = gradients()
    graph = turned(graph, {id(n): (k,) for k, n in enumerate(graph.nodes)})
    found = ordered(graph)
    products = [n.shape for n in found.nodes if n.op and n.op.name == "dot"][LAYERS:]
    assert products[:4] == [(32, 8), (8, 8)] * 2
    assert {id(n) for n in found.nodes} == {id(n) for n in graph.nodes}
    place = {id(n): k for k, n in enumerate(found.nodes)}
    assert all(place.get(id(i), -1) < place[id(n)] for n in found.nodes for i in n.inputs)
