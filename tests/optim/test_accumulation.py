"""Micro-batches: several small gradients make the step of one large batch."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12,))


def loss(params, x, y):
    return eerie.mean((x @ params["w"] + params["b"] - y) ** 2)


def train(optimizer, batches, jit=lambda f: f):
    @jit
    def step(params, state, x, y):
        updates, state = optimizer.update(eerie.grad(loss)(params, x, y), state, params)
        return optim.apply(params, updates), state

    params = {"w": eerie.zeros((3,), dtype=eerie.float64), "b": eerie.zeros((), dtype=eerie.float64)}
    state, path = optimizer.init(params), []
    for x, y in batches:
        params, state = step(params, state, x, y)
        path.append(params)
    return path, state


@pytest.mark.parametrize("jit", [lambda f: f, eerie.jit], ids=["script", "jit"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.adamw(optim.linear(0.1, 0.5, 2), weight_decay=0.1),
        lambda: optim.chain(optim.clip_by_global_norm(0.5), optim.sgd(0.1, momentum=0.9)),
    ],
    ids=["adamw", "chain"],
)
def test_equals_the_large_batch(make, jit):
    large, _ = train(make(), [(X, Y)] * 3)
    small, state = train(
        optim.accumulate(make(), every=4), list(zip(np.split(X, 4), np.split(Y, 4), strict=True)) * 3, jit
    )
    for k, params in enumerate(small):
        steps = (k + 1) // 4
        want = large[steps - 1] if steps else {"w": np.zeros(3), "b": np.zeros(())}
        for name in params:
            np.testing.assert_allclose(params[name].numpy(), np.asarray(want[name]), rtol=1e-12, atol=1e-14)
    assert int(state["count"]) == 0
    assert state["sum"]["w"].tolist() == [0, 0, 0]
    assert int(eerie.tree.leaves(state["inner"])[0]) == 3


def test_every_call_with_one():
    once, _ = train(optim.adam(0.1), [(X, Y)] * 3)
    wrapped, _ = train(optim.accumulate(optim.adam(0.1), every=1), [(X, Y)] * 3)
    np.testing.assert_array_equal(once[-1]["w"].numpy(), wrapped[-1]["w"].numpy())


def test_state_between_steps():
    optimizer = optim.accumulate(optim.sgd(1.0), every=3)
    params = {"w": eerie.ones((1,)), "frozen": eerie.ones((1,)), "n": 4}
    state = optimizer.init(params)
    for k, gradient in enumerate((1.0, 2.0, 6.0), start=1):
        grads = {"w": eerie.full((1,), gradient), "frozen": None, "n": None}
        updates, state = optimizer.update(grads, state, params)
        assert updates["frozen"] is None
        assert updates["n"] is None
        assert int(state["count"]) == k % 3
        assert updates["w"].tolist() == ([-3.0] if k == 3 else [0.0])
        assert state["sum"]["w"].tolist() == [[1.0], [3.0], [0.0]][k - 1]
