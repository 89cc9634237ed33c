"""Clipping: what is within the limit stays bit for bit, what is not finite stays in sight."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(1)


def clipped(stage, grads):
    updates, state = stage.update(grads, stage.init(grads), grads)
    assert state == ()
    return updates


def test_by_value():
    found = clipped(optim.clip_by_value(1.5), {"a": eerie.asarray([-2.0, 0.0, 1.5, 9.0, INF, -INF, NAN]), "n": 3})
    np.testing.assert_array_equal(found["a"].numpy(), np.asarray([-1.5, 0, 1.5, 1.5, 1.5, -1.5, NAN], np.float32))
    assert found["n"] == 3


def test_by_norm_takes_each_leaf_by_itself():
    a, b = RNG.normal(size=(4, 5)), RNG.normal(size=(3,)) / 100
    found = clipped(optim.clip_by_norm(0.5), {"a": a, "b": b, "none": None})
    np.testing.assert_allclose(found["a"].numpy(), a * 0.5 / np.linalg.norm(a), rtol=1e-14)
    np.testing.assert_array_equal(found["b"].numpy(), b)
    assert found["none"] is None


def test_by_global_norm():
    a, b = RNG.normal(size=(4, 5)), RNG.normal(size=(3,))
    norm = np.sqrt((a**2).sum() + (b**2).sum())
    found = clipped(optim.clip_by_global_norm(0.5), [a, b])
    np.testing.assert_allclose(found[0].numpy(), a * 0.5 / norm, rtol=1e-14)
    np.testing.assert_allclose(found[1].numpy(), b * 0.5 / norm, rtol=1e-14)
    assert abs(float(optim.global_norm(found)) - 0.5) < 1e-15
    for within, whole in zip(clipped(optim.clip_by_global_norm(norm * 1.01), [a, b]), [a, b], strict=True):
        np.testing.assert_array_equal(within.numpy(), whole)


@pytest.mark.parametrize("stage", [optim.clip_by_norm(1.0), optim.clip_by_global_norm(1.0), optim.clip_by_value(1.0)])
def test_zero_and_empty_gradients_stay(stage):
    found = clipped(stage, [eerie.zeros((3,)), eerie.zeros((0, 2)), None, 4])
    assert found[0].tolist() == [0, 0, 0]
    assert found[1].shape == (0, 2)
    assert found[2:] == [None, 4]


@pytest.mark.parametrize(
    ("bad", "want", "other"),
    [(NAN, [NAN, NAN], [NAN]), (INF, [0, NAN], [0]), (-INF, [0, NAN], [0])],
)
def test_what_is_not_finite_is_not_hidden(bad, want, other):
    found = clipped(optim.clip_by_global_norm(1.0), [eerie.asarray([0.5, bad]), eerie.asarray([0.25])])
    np.testing.assert_array_equal(found[0].numpy(), np.asarray(want, np.float32))
    np.testing.assert_array_equal(found[1].numpy(), np.asarray(other, np.float32))
    alone = clipped(optim.clip_by_norm(1.0), [eerie.asarray([0.5, bad]), eerie.asarray([0.25])])
    np.testing.assert_array_equal(alone[0].numpy(), np.asarray(want, np.float32))
    assert alone[1].tolist() == [0.25]


def test_squares_of_half_precision_do_not_overflow():
    grads = {"h": eerie.full((4,), 300.0, dtype=eerie.float16), "f": eerie.full((1,), 800.0)}
    assert float(optim.global_norm(grads)) == 1000.0
    found = clipped(optim.clip_by_global_norm(10.0), grads)
    assert found["h"].dtype is eerie.float16
    np.testing.assert_allclose(found["h"].numpy().astype(float), 3.0)
    np.testing.assert_allclose(found["f"].numpy(), 8.0, rtol=1e-6)


def test_norm_of_nothing():
    assert float(optim.global_norm({"n": 3, "none": None})) == 0.0
    assert optim.global_norm(np.ones(4)).dtype is eerie.float64
