"""The moving average of parameters, without the bias of its beginning."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim
from eerie_dsl.errors import InvalidValueError, ShapeError

RNG = np.random.default_rng(8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(eerie.float32, 1e-6), (eerie.float64, 1e-14)])
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_weights_add_up_to_one(decay, dtype, tolerance):
    ema = optim.Ema(decay)
    values = RNG.normal(size=(9, 4))
    state = ema.init({"w": eerie.asarray(RNG.normal(size=4), dtype=dtype)})
    for t in range(1, 10):
        state = ema.update({"w": eerie.asarray(values[t - 1], dtype=dtype)}, state)
        weights = decay ** np.arange(t - 1, -1, -1.0)
        want = weights @ values[:t] / weights.sum()
        assert state["average"]["w"].dtype is dtype
        np.testing.assert_allclose(state["average"]["w"].numpy(), want, rtol=tolerance, atol=tolerance)
    assert int(state["count"]) == 9


def test_other_leaves_are_the_newest():
    ema = optim.Ema(0.9)
    state = ema.update(
        {"w": eerie.ones(()), "n": 2, "none": None}, ema.init({"w": eerie.zeros(()), "n": 1, "none": None})
    )
    assert (float(state["average"]["w"]), state["average"]["n"], state["average"]["none"]) == (1.0, 2, None)


def test_state_dtype_and_memory_of_its_own():
    params = eerie.ones((2,), dtype=eerie.bfloat16)
    state = optim.Ema(0.999, state_dtype=eerie.float32).init(params)
    assert state["average"].dtype is eerie.float32
    params = eerie.ones((2,))
    state = optim.Ema(0.9).init(params)
    assert not np.shares_memory(params.numpy(), state["average"].numpy())


def test_bad_input():
    with pytest.raises(InvalidValueError, match=r"Ema: decay must be at least 0 and below 1, got 1"):
        optim.Ema(1.0)
    ema = optim.Ema(0.5)
    with pytest.raises(ShapeError, match=r"state\['average'\]\['w'\] has shape \[2\] where params\['w'\] has \[3\]"):
        ema.update({"w": eerie.ones((3,))}, ema.init({"w": eerie.ones((2,))}))
