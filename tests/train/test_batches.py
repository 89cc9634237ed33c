"""Batches: every example once in an epoch, one shape for all, and losses that are exact."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import train
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError

KEY = eerie.random.key(3)


@pytest.mark.parametrize("count", [1, 3, 7, 8, 9, 16])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_example_once_in_batches_of_one_shape(count, shuffle):
    x = np.arange(count)
    data = train.batches({"x": x, "y": eerie.asarray(x * 10.0)}, 4, KEY, shuffle=shuffle)
    found = list(data(0))
    assert len(found) == len(data) == -(-count // 4)
    assert {(b["x"].shape, b["y"].shape, w.shape, w.dtype) for b, w in found} == {((4,), (4,), (4,), np.dtype("f4"))}
    assert all((b["y"] == b["x"] * 10).all() for b, _ in found)
    seen = np.concatenate([b["x"][w == 1] for b, w in found])
    assert sorted(seen) == list(range(count))
    assert sum(w.sum() for _, w in found) == count
    assert shuffle or seen.tolist() == list(range(count))


def test_the_last_batch_is_filled_up_with_its_own_examples():
    *_, (batch, weight) = train.batches(np.arange(7), 5, shuffle=False)(0)
    assert batch.tolist() == [5, 6, 5, 6, 5]
    assert weight.tolist() == [1, 1, 0, 0, 0]


def test_the_order_depends_on_key_and_epoch_only():
    def order(key, epoch):
        return np.concatenate([b for b, _ in train.batches(np.arange(100), 10, key)(epoch)]).tolist()

    orders = [order(KEY, 0), order(KEY, 1), order(eerie.random.key(4), 0), list(range(100))]
    assert len({tuple(o) for o in orders}) == 4
    with eerie.config(evaluation="tiered"):
        assert order(KEY, 1) == orders[1]


def test_dropping_the_last():
    data = train.batches(np.arange(11), 4, KEY, drop_last=True)
    found = list(data(0))
    assert len(data) == len(found) == 2
    assert all((w == 1).all() for _, w in found)
    assert len(set(np.concatenate([b for b, _ in found]).tolist())) == 8


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((np.arange(3), 2), {}, ArgumentError, "needs a key"),
        ((np.arange(3), 0), {"shuffle": False}, InvalidValueError, "size 0"),
        (({"a": np.arange(3), "b": [np.zeros((4, 2))]}, 2, KEY), {}, ShapeError, r"\['a'\] \(3,\), arrays\['b'\]\[0\]"),
        (({"a": np.float32(3)}, 2, KEY), {}, ShapeError, r"arrays\['a'\] has no axes"),
        (({}, 2, KEY), {}, ArgumentError, "there is no array"),
        ((np.zeros((0, 3)), 2, KEY), {}, InvalidValueError, "0 examples make no batch"),
        ((np.arange(3), 4, KEY), {"drop_last": True}, InvalidValueError, "3 examples make no batch of 4"),
    ],
)
def test_what_makes_no_batches(arguments, options, error, words):
    with pytest.raises(error, match=words):
        train.batches(*arguments, **options)


def mean_loss(w, batch, weight):
    # Only finite where x is not 0: what fills a batch up must not bring in a NaN.
    return eerie.average((eerie.log(batch["x"]) @ w - batch["y"]) ** 2, weights=weight)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_loss_and_gradient_of_a_filled_up_batch_are_those_of_its_examples(count):
    random = np.random.default_rng(0)
    x, y = random.uniform(1, 2, (count, 3)), random.normal(size=count)
    w = eerie.asarray(random.normal(size=3))
    ((batch, weight),) = train.batches({"x": x, "y": y}, 8, KEY)(0)
    loss, slope = eerie.value_and_grad(mean_loss)(w, batch, weight)
    error = np.log(x) @ w.numpy() - y
    np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-14)
    np.testing.assert_allclose(slope, 2 * np.log(x).T @ error / count, rtol=1e-13)
