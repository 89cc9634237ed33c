"""Each optimiser against its transcription in NumPy, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim
from eerie_dsl.errors import DTypeError
from tests.optim.transcriptions import CASES

RNG = np.random.default_rng(3)
STEPS = 7
START = {"w": RNG.normal(size=(3, 4)), "rest": [RNG.normal(size=(5,)), RNG.normal(size=())]}
GRADS = [eerie.tree.map(lambda p: RNG.normal(size=p.shape), START) for _ in range(STEPS)]


def steps(optimizer: optim.Optimizer, params: Any, grads: Any) -> tuple[Any, Any]:
    state = optimizer.init(params)
    for g in grads:
        updates, state = optimizer.update(g, state, params)
        params = optim.apply(params, updates)
    return params, state


def typed(tree: Any, dtype: Any) -> Any:
    return eerie.tree.map(lambda a: eerie.asarray(a, dtype=dtype), tree)


@pytest.mark.parametrize(("dtype", "tolerance"), [(eerie.float32, 3e-6), (eerie.float64, 1e-12)], ids=["f32", "f64"])
@pytest.mark.parametrize("name", CASES)
def test_against_the_transcription(name, dtype, tolerance):
    optimizer, transcription = CASES[name]
    found, state = steps(optimizer, typed(START, dtype), [typed(g, dtype) for g in GRADS])
    starts, rows = eerie.tree.leaves(START), [eerie.tree.leaves(g) for g in GRADS]
    for k, leaf in enumerate(eerie.tree.leaves(found)):
        want = transcription(np.asarray(starts[k]), [np.asarray(row[k]) for row in rows])
        assert leaf.dtype is dtype
        np.testing.assert_allclose(leaf.numpy(), want, rtol=tolerance, atol=tolerance)
    assert state["count"].dtype is eerie.int32
    assert int(state["count"]) == STEPS
    assert {leaf.dtype for leaf in eerie.tree.leaves(state)} <= {eerie.int32, dtype}


@pytest.mark.parametrize("name", CASES)
def test_other_leaves_are_left_alone(name):
    optimizer, _ = CASES[name]
    table = eerie.arange(3)
    params = {"w": eerie.ones((2,)), "steps": 5, "none": None, "table": table, "mask": np.array([True]), "name": "a"}
    grads = {**dict.fromkeys(params), "w": eerie.ones((2,))}
    state = optimizer.init(params)
    updates, after = optimizer.update(grads, state, params)
    new = optim.apply(params, updates)
    assert {k: v for k, v in updates.items() if v is not None}.keys() == {"w"}
    assert all(new[k] is params[k] for k in params if k != "w")
    assert new["w"].shape == (2,)
    assert not np.allclose(new["w"].numpy(), 1.0, rtol=0, atol=1e-6)
    assert eerie.tree.paths(state) == eerie.tree.paths(after)


def test_a_missing_gradient_leaves_parameter_and_state():
    optimizer = optim.adamw(0.1)
    params = {"a": eerie.ones((2,)), "frozen": eerie.ones((3,))}
    found, state = steps(optimizer, params, [{"a": eerie.ones((2,)), "frozen": None}] * 2)
    assert found["frozen"] is params["frozen"]
    assert state["mean"]["frozen"].tolist() == [0, 0, 0]
    assert int(state["count"]) == 2


def test_dtypes_may_differ_from_leaf_to_leaf():
    params = {"h": eerie.ones((2,), dtype=eerie.bfloat16), "f": eerie.ones((2,)), "d": np.ones(2), "x": 1.0}
    grads = {"h": eerie.full((2,), 0.5, dtype=eerie.bfloat16), "f": eerie.ones((2,)), "d": np.full(2, 0.25), "x": -1.0}
    found, state = steps(optim.adam(0.25), params, [grads])
    assert {k: v.dtype.name for k, v in found.items()} == {
        "h": "bfloat16",
        "f": "float32",
        "d": "float64",
        "x": "float32",
    }
    assert state["square"]["h"].dtype is eerie.bfloat16
    np.testing.assert_allclose(
        [float(found[k].astype(eerie.float64).numpy().flat[0]) for k in "hfdx"], [0.75] * 3 + [1.25]
    )
    # The double one is computed in doubles, whatever stands next to it.
    assert abs(float(found["d"].numpy()[0]) - (1 - 0.25 * 0.25 / (0.25 + 1e-8))) < 1e-15


def test_state_dtype_keeps_what_half_precision_would_round_away():
    params, grads = eerie.ones((1,), dtype=eerie.bfloat16), eerie.ones((1,), dtype=eerie.bfloat16)
    _, coarse = steps(optim.adam(0.0), params, [grads] * 50)
    _, fine = steps(optim.adam(0.0, state_dtype=eerie.float32), params, [grads] * 50)
    assert fine["square"].dtype is eerie.float32
    want = 1 - 0.999**50
    assert abs(float(fine["square"]) - want) < 1e-6
    assert abs(float(coarse["square"]) - want) > 1e-4


@pytest.mark.parametrize("make", [optim.adamw, optim.lion, optim.sgd])
def test_decay_is_asked_for_each_parameter(make):
    seen = []

    def decay(path: str, parameter: Any) -> bool:
        seen.append((path, parameter.shape))
        return bool(parameter.ndim > 1)

    params = {"w": eerie.ones((1, 2)), "b": eerie.ones((2,))}
    zeros = eerie.tree.map(eerie.zeros_like, params)
    found, _ = steps(make(0.1, weight_decay=0.5, decay=decay), params, [zeros])
    assert seen == [("params['b']", (2,)), ("params['w']", (1, 2))]
    assert found["b"].tolist() == [1, 1]
    np.testing.assert_allclose(found["w"].numpy(), [[0.95, 0.95]])


def test_decay_and_momentum_may_be_schedules():
    params, grad = eerie.full((1,), 2.0), eerie.ones((1,))
    optimizer = optim.sgd(1.0, momentum=optim.piecewise([0.0, 1.0], [1]), weight_decay=lambda step: 0.5 * step)
    found, state = steps(optimizer, params, [grad] * 2)
    # 2 - 1 = 1; velocity 1 + (1 + 0.5 * 1) = 2.5.
    assert found.tolist() == [-1.5]
    assert state["velocity"].tolist() == [2.5]


def test_a_rate_may_be_an_argument_of_the_step():
    @eerie.jit
    def step(params, grads, rate):
        optimizer = optim.sgd(rate)
        return optim.apply(params, optimizer.update(grads, optimizer.init(params), params)[0])

    for rate in (eerie.asarray(0.5), eerie.asarray(0.25)):
        assert step(eerie.ones((1,)), eerie.ones((1,)), rate).tolist() == [1 - float(rate)]
    assert step.traces == 1


@eerie.tree.register
@dataclass(frozen=True)
class Model:
    weight: Any
    bias: Any = None
    name: str = eerie.tree.static(default="model")


def test_models_are_trees():
    params = Model(eerie.ones((2,)))
    found, state = steps(optim.adam(0.5), params, [Model(eerie.ones((2,)))])
    assert isinstance(found, Model)
    assert (found.bias, found.name) == (None, "model")
    np.testing.assert_allclose(found.weight.numpy(), [0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(state["mean"].weight.numpy(), [0.1, 0.1], rtol=1e-6)


def test_centered_variance_is_never_negative():
    # The mean of squares and the square of the mean meet: their difference is rounding.
    params = eerie.zeros((64,))
    grads = [eerie.asarray(np.linspace(0.1, 100.0, 64), dtype=eerie.float32)] * 200
    found, _ = steps(optim.rmsprop(0.01, alpha=0.1, centered=True, eps=1.0), params, grads)
    assert np.isfinite(found.numpy()).all()


def test_chain_hands_updates_on():
    chained = optim.chain(optim.clip_by_value(1.0), optim.sgd(0.5), optim.clip_by_value(0.25))
    updates, state = chained.update(eerie.asarray([0.1, 9.0]), chained.init(eerie.zeros((2,))), eerie.zeros((2,)))
    np.testing.assert_allclose(updates.numpy(), [-0.05, -0.25])
    assert [int(n) for n in eerie.tree.leaves(state)] == [1]


def test_apply_keeps_the_dtype():
    found = optim.apply({"w": eerie.ones((2,), dtype=eerie.float16), "n": 3}, {"w": np.full(2, 0.5), "n": 1.0})
    assert found["w"].dtype is eerie.float16
    assert found["w"].tolist() == [1.5, 1.5]
    assert found["n"] == 3


def test_complex_parameters_are_refused():
    with pytest.raises(DTypeError, match=r"params\['z'\] is complex"):
        optim.adam().init({"z": eerie.asarray([1j])})


def halving(step: eerie.Array) -> Any:
    return 0.5**step


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (optim.sgd(0.1), "sgd(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)"),
        (optim.adam(1e-3), "adam(learning_rate=0.001, betas=(0.9, 0.999), eps=1e-08)"),
        (
            optim.adam(optim.linear(1.0, 0.0, 5), amsgrad=True, state_dtype="float32"),
            "adam(learning_rate=linear(start=1.0, end=0.0, steps=5), betas=(0.9, 0.999), eps=1e-08, amsgrad=True, "
            "state_dtype=eerie.float32)",
        ),
        (
            optim.accumulate(optim.chain(optim.clip_by_norm(2), optim.lion(1e-4)), every=4),
            "accumulate(chain(clip_by_norm(max_norm=2.0), lion(learning_rate=0.0001, betas=(0.9, 0.99), "
            "weight_decay=0.0)), every=4)",
        ),
        (optim.rmsprop(), "rmsprop(learning_rate=0.01, alpha=0.99, eps=1e-08, momentum=0.0, centered=False)"),
        (optim.adagrad(halving), "adagrad(learning_rate=halving, initial=0.0, eps=1e-10)"),
        (
            optim.adagrad(optim.join([halving, optim.constant(1.0)], [5])),
            "adagrad(learning_rate=join((halving, constant(1.0)), (5,)), initial=0.0, eps=1e-10)",
        ),
    ],
)
def test_hyper_parameters_are_printed(optimizer, text):
    assert repr(optimizer) == text
