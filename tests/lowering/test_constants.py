"""Reductions of what is computed from numbers alone, which the compiler takes for one step when it sees no operand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config

X = np.arange(12.0).reshape(4, 3)
Z = eerie.asarray(X + 1j * X**2)
CASES: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: eerie.sum(eerie.ones((4, 3))),
    "sum along": lambda x: eerie.sum(eerie.full((4, 3), 2.5), axis=1),
    "sum of integers": lambda x: eerie.sum(eerie.ones((4, 3), dtype=eerie.int32)),
    "large": lambda x: eerie.sum(eerie.ones((1000, 100))),
    "product": lambda x: eerie.prod(eerie.full((4,), 2.0)),
    "mean": lambda x: eerie.mean(eerie.ones((4, 3))) * x,
    "variance": lambda x: eerie.var(eerie.ones((4, 5)), axis=0),
    "cast": lambda x: eerie.sum(eerie.ones((4, 3)).astype(eerie.float64)),
    "count": lambda x: eerie.count_nonzero(eerie.ones((4, 4))),
    "matmul": lambda x: eerie.ones((2, 3)) @ eerie.ones((3, 4)),
    "matmul of functions": lambda x: eerie.ones((2, 4)) @ eerie.exp(eerie.ones((4, 3))),
    "function, broadcast": lambda x: eerie.sum(eerie.broadcast_to(eerie.exp(eerie.ones((4, 1))), (4, 7)), axis=1),
    "function, broadcast, all": lambda x: eerie.sum(eerie.broadcast_to(eerie.exp(eerie.ones((4, 1))), (4, 7))),
    "product of two": lambda x: eerie.sum(eerie.ones_like(x) * eerie.ones((4, 1)), axis=0),
    "layer_norm": lambda x: eerie.layer_norm(eerie.ones((4, 5))),
    "average": lambda x: eerie.average(x, weights=eerie.ones((4, 3))),
    "gradient of average": eerie.grad(eerie.average),
    "slice": lambda x: eerie.sum(eerie.broadcast_to(x[1:2], (4, 3)), axis=0),
    "slice, all": lambda x: eerie.sum(eerie.broadcast_to(x[1:2, 1:2], (4, 3))),
    "slice, matmul": lambda x: eerie.broadcast_to(x[1:2], (4, 3)) @ eerie.broadcast_to(x[:1, :1], (3, 2)),
    "complex128, one sum after the other": lambda x: (lambda z: z * eerie.sum(z[0]))(Z * eerie.sum(Z[0])),
    "range": lambda x: eerie.sum(eerie.exp(eerie.arange(5.0))),
}


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    with config(evaluation="compiled"):
        return eerie.jit(lambda x: {k: f(x) for k, f in CASES.items()})(eerie.asarray(X))


@pytest.mark.parametrize("name", CASES)
def test_every_element_counts(compiled: dict[str, Any], name: str) -> None:
    with config(evaluation="reference"):
        want = CASES[name](eerie.asarray(X)).numpy()
    np.testing.assert_allclose(compiled[name].numpy(), want, rtol=1e-5, atol=1e-6)
