"""Every differentiable primitive to second order, in both modes and mixed, against central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype, float64
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ops.arithmetic import add, multiply
from eerie_dsl.ops.composite.reduction import sum as sum_
from eerie_dsl.ops.constant import full
from eerie_dsl.transforms.forward import pushforward
from eerie_dsl.transforms.reverse import pullback
from tests.ops.test_ops_table import SMOOTH
from tests.support.case import Array, Case
from tests.support.compile_cases import run_compiled

STEP = 1e-5


class Derivatives:
    """Graphs of a case by its float64 operands: of the result weighted with ``weights``, along ``direction``.

    Attributes:
        first: the result, the gradient, and the result's tangent by forward mode.
        second: the gradient's tangent, by reverse mode twice, then by forward mode over reverse mode.
    """

    def __init__(self, case: Case) -> None:
        self.arrays = case.arrays(float64, special=False)
        self.moving = [k for k, a in enumerate(self.arrays) if a.dtype == np.float64]
        rng = np.random.default_rng(3)
        self.direction = [rng.normal(size=self.arrays[k].shape) for k in self.moving]
        nodes = [_input(a) for a in self.arrays]
        self._tangents = [_input(a) for a in self.direction]
        out = case.op(*nodes, **case.given(float64))
        self.weights = rng.normal(size=out.shape)
        self._ct = _input(self.weights)
        by = [nodes[k] for k in self.moving]
        gradient = _filled(by, pullback(by, [out], [self._ct]))
        tangent = _filled([out], pushforward(by, [out], self._tangents))
        along = _dot(gradient, self._tangents)
        reverse = _filled(by, pullback(by, [along], [full(along.aval, 1)]))
        forward = _filled(by, pushforward(by, gradient, self._tangents))
        self._inputs = [*nodes, *self._tangents, self._ct]
        self.first = Graph.of(self._inputs, [out, *gradient, *tangent])
        self.second = Graph.of(self._inputs, [*reverse, *forward])

    def given(self, shift: float = 0) -> list[Array]:
        """Values of the graphs' inputs, the operands moved along the direction."""
        arrays = list(self.arrays)
        for k, v in zip(self.moving, self.direction, strict=True):
            arrays[k] = arrays[k] + shift * v
        return [*arrays, *self.direction, self.weights]

    def slope(self) -> list[Array]:
        """How the result and the gradient change along the direction, by differences."""
        high, low = (self.first.evaluate(self.given(s))[:-1] for s in (STEP, -STEP))
        return [(h - x) / (2 * STEP) for h, x in zip(high, low, strict=True)]


def _input(array: Array) -> Node:
    return placeholder(Aval(array.shape, dtype(array.dtype)))


def _filled(like: list[Node], found: list[Node | None]) -> list[Node]:
    return [full(n.aval, 0) if f is None else f for n, f in zip(like, found, strict=True)]


def _dot(a: list[Node], b: list[Node]) -> Node:
    total = full(Aval((), float64), 0)
    for x, y in zip(a, b, strict=True):
        total = add(total, sum_(multiply(x, y)))
    return total


@pytest.mark.parametrize("case", SMOOTH, ids=lambda c: c.name)
def test_both_modes_to_second_order(case: Case) -> None:
    found = Derivatives(case)
    tangent, *changes = found.slope()
    first, second = (g.evaluate(found.given()) for g in (found.first, found.second))
    near: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(first[-1], tangent, **near)
    count = len(found.moving)
    np.testing.assert_allclose(
        sum(np.sum(g * v) for g, v in zip(first[1:-1], found.direction, strict=True)),
        np.sum(tangent * found.weights),
        **near,
    )
    for k, change in enumerate(changes):
        np.testing.assert_allclose(second[k], change, **near, err_msg=f"reverse over reverse, operand {k}")
        np.testing.assert_allclose(second[count + k], change, **near, err_msg=f"forward over reverse, operand {k}")


def test_compiled_derivatives_are_those_of_the_reference() -> None:
    cases = {c.op.path: c for c in reversed(SMOOTH)}.values()
    found = [Derivatives(c) for c in cases]
    graphs = [Graph.of(d.second.inputs, [*d.first.outputs[1:], *d.second.outputs[len(d.moving) :]]) for d in found]
    outcomes = run_compiled(graphs, [d.given() for d in found])
    for case, graph, d, outcome in zip(cases, graphs, found, outcomes, strict=True):
        assert not outcome.problem, (case.name, outcome.problem)
        for got, want in zip(outcome.outputs, graph.evaluate(d.given()), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=case.name)
