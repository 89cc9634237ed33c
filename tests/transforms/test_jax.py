"""The same programs in JAX, whose words for transforms are these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(12)
X = RNG.normal(size=(3, 4))
P = {"w1": RNG.normal(size=(4, 8)), "b1": RNG.normal(size=8), "w2": RNG.normal(size=(8, 2))}


def _mlp(m: Any, p: Any, x: Any) -> Any:
    return m.sum(m.tanh(m.tanh(x @ p["w1"] + p["b1"]) @ p["w2"]) ** 2)


def _attention(m: Any, p: Any, x: Any) -> Any:
    q = x @ p["w1"]
    scores = m.exp(q @ q.T / 3.0)
    return m.sum((scores / m.sum(scores, axis=1, keepdims=True)) @ q)


# Each takes the transforms of a library and its NumPy.
PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "mlp": lambda t, m: t.grad(lambda p: _mlp(m, p, X))(P),
    "mlp by x": lambda t, m: t.grad(lambda p, x: _mlp(m, p, x), argnums=1)(P, X),
    "attention": lambda t, m: t.value_and_grad(lambda p: _attention(m, p, X))(P),
    "per example": lambda t, m: t.vmap(t.grad(lambda p, x: _mlp(m, p, x)), in_axes=(None, 0))(P, X),
    "hessian": lambda t, m: t.hessian(lambda b: _mlp(m, {**P, "b1": b}, X))(P["b1"]),
    "jvp of vjp": lambda t, m: t.jvp(
        lambda x: t.vjp(lambda x: m.sin(x) @ P["w1"], x)[1](m.ones((3, 8)))[0], (X,), (m.cos(m.asarray(X)),)
    ),
    "grad of vmap": lambda t, m: t.grad(lambda x: m.sum(t.vmap(lambda r: m.prod(r) * r, in_axes=1)(x)))(X),
    "checkpoint": lambda t, m: t.vmap(t.grad(t.checkpoint(lambda r: m.sum(m.sin(m.cumsum(r) ** 2)))))(X),
    "third order": lambda t, m: t.grad(t.grad(t.grad(lambda x: m.tanh(x) * m.exp(-x * x))))(0.3),
    "jvp through sort": lambda t, m: t.jvp(lambda x: m.sort(x, axis=1), (X,), (m.cos(m.asarray(X)),)),
    "complex": lambda t, m: t.grad(lambda z: m.sum(m.abs(m.sin(z)) ** 2))(X + 1j * X[::-1]),
}


class Ours:
    """The transforms of Eerie and its namespace, with the names of NumPy that it spells otherwise."""

    cumsum = staticmethod(eerie.cumulative_sum)

    def __getattr__(self, name: str) -> Any:
        return getattr(eerie, name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    want = jax.tree.leaves(PROGRAMS[name](jax, jax.numpy))
    got = eerie.tree.leaves(PROGRAMS[name](Ours(), Ours()))
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy(), np.asarray(w), rtol=1e-5, atol=1e-6)
