"""A whole training step is one program, traced once, that takes the memory of parameters and state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim
from eerie_dsl.config import config
from eerie_dsl.errors import DonatedError

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(16, 5)), RNG.normal(size=(16, 2))
START = [
    {"w": RNG.normal(size=(8, 5)) / 2, "b": np.zeros(8)},
    {"w": RNG.normal(size=(2, 8)) / 2, "b": np.zeros(2)},
]


def loss(params: Any, x: Any, y: Any) -> Any:
    for layer in params[:-1]:
        x = eerie.tanh(x @ layer["w"].T + layer["b"])
    return eerie.mean((x @ params[-1]["w"].T + params[-1]["b"] - y) ** 2)


def make(optimizer: optim.Optimizer) -> tuple[Any, Any, Any]:
    @eerie.jit(donate_argnums=(0, 1))
    def step(params, state, x, y):
        value, grads = eerie.value_and_grad(loss)(params, x, y)
        updates, state = optimizer.update(grads, state, params)
        return optim.apply(params, updates), state, value

    params = eerie.tree.map(lambda a: eerie.asarray(a, dtype=eerie.float32), START)
    return step, params, optimizer.init(params)


def whole() -> optim.Optimizer:
    return optim.chain(
        optim.clip_by_global_norm(0.5),
        optim.adamw(optim.cosine(0.05, 20, warmup=4), weight_decay=0.1, decay=lambda path, p: p.ndim > 1),
    )


def run(mode: Any) -> tuple[list[float], Any, int]:
    with config(evaluation=mode):
        step, params, state = make(whole())
        x, y = eerie.asarray(X, dtype=eerie.float32), eerie.asarray(Y, dtype=eerie.float32)
        path = []
        for _ in range(20):
            params, state, value = step(params, state, x, y)
            path.append(float(value))
        return path, (params, state), step.traces


def test_compiled_training_is_the_reference():
    compiled, found, traces = run("compiled")
    reference, want, _ = run("reference")
    assert traces == 1
    assert compiled[-1] < compiled[0] / 2
    np.testing.assert_allclose(compiled, reference, rtol=1e-4)
    for got, expected in zip(eerie.tree.leaves(found), eerie.tree.leaves(want), strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-3, atol=1e-4)


def test_the_update_of_a_leaf_is_one_kernel():
    optimizer = optim.adamw(optim.cosine(0.05, 20, warmup=4))
    params = {f"w{k}": eerie.ones((8, k)) for k in range(2, 6)}
    state = optimizer.init(params)

    @eerie.jit
    def step(params, state, grads):
        updates, state = optimizer.update(grads, state, params)
        return optim.apply(params, updates), state

    with config(evaluation="compiled"):
        report = step.explain(params, state, params)
    # One more for the numbers that all leaves share.
    assert report.runs == len(params) + 1


def test_shared_numbers_are_computed_once():
    optimizer = optim.adamw(optim.cosine(0.05, 20, warmup=4))
    params = [eerie.ones((2,))] * 5
    state = optimizer.init(params)
    graph = eerie.jit(lambda g, s, p: optimizer.update(g, s, p)).trace(params, state, params).lower().graph
    names = [n.op.name for n in graph.walk() if n.op]
    assert (names.count("expm1"), names.count("cos"), names.count("sqrt")) == (2, 1, 5)


def test_donated_arrays_are_gone_and_the_state_of_init_can_be_donated():
    step, params, state = make(optim.adam(0.1))
    step(params, state, X, Y)
    with pytest.raises(DonatedError):
        params[0]["w"].numpy()
    with pytest.raises(DonatedError):
        state["mean"][0]["w"].numpy()


RATE = 1.0


def test_what_a_schedule_reads_from_outside_is_watched(monkeypatch):
    def schedule(step: Any) -> float:
        return RATE

    optimizer = optim.chain(optim.clip_by_value(1.0), optim.sgd(optim.join([schedule, optim.constant(0.0)], [10])))

    @eerie.jit
    def step(params):
        return optimizer.update(params, optimizer.init(params), params)[0]

    assert step(eerie.ones(())).tolist() == -1.0
    monkeypatch.setattr(f"{__name__}.RATE", 0.5)
    assert step(eerie.ones(())).tolist() == -0.5


def test_an_optimizer_of_ones_own_is_watched_too(monkeypatch):
    optimizer = optim.chain(
        optim.Optimizer(
            "mine",
            init=lambda params: (),
            update=lambda grads, state, params: (eerie.tree.map(lambda g: RATE * g, grads), state),
        )
    )

    @eerie.jit
    def step(params):
        return optimizer.update(params, optimizer.init(params), params)[0]

    assert step(eerie.ones(())).tolist() == 1.0
    monkeypatch.setattr(f"{__name__}.RATE", 0.5)
    assert step(eerie.ones(())).tolist() == 0.5


def test_averages_are_part_of_the_step():
    ema, optimizer = optim.Ema(0.5), optim.sgd(1.0)

    @eerie.jit(donate_argnums=(0, 1, 2))
    def step(params, state, average, grads):
        updates, state = optimizer.update(grads, state, params)
        params = optim.apply(params, updates)
        return params, state, ema.update(params, average)

    params = {"w": eerie.asarray([4.0])}
    state, average = optimizer.init(params), ema.init(params)
    for _ in range(2):
        params, state, average = step(params, state, average, {"w": eerie.ones((1,))})
    assert params["w"].tolist() == [2.0]
    np.testing.assert_allclose(average["average"]["w"].numpy(), [(3 + 2 * 2) / 3], rtol=1e-6)
    assert step.traces == 1
