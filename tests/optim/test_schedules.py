"""Schedules against tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim

COSINE = [0.25 + 0.5 * k for k in range(2)] + [
    0.05 + (1.25 - 0.05) * (1 + math.cos(math.pi * k / 4)) / 2 for k in (0, 1, 2, 3, 4, 4, 4)
]


@pytest.mark.parametrize(
    ("schedule", "table"),
    [
        (optim.constant(0.5), [0.5] * 4),
        (optim.linear(0.0, 1.0, 4), [0, 0.25, 0.5, 0.75, 1, 1, 1]),
        (optim.linear(3.0, 1.0, 1), [3, 1, 1]),
        (optim.exponential(2.0, 0.5), [2, 1, 0.5, 0.25]),
        (optim.exponential(1.0, 0.01, every=2), [1, 0.1, 0.01, 0.001]),
        (optim.step_decay(0.8, 0.5, every=3), [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]),
        (optim.piecewise([1.0, 0.1, 0.3], [2, 4]), [1, 1, 0.1, 0.1, 0.3, 0.3]),
        (optim.piecewise([0.7], []), [0.7, 0.7]),
        (optim.cosine(1.0, 4), [1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125), 0, 0]),
        (optim.cosine(1.25, 6, warmup=2, start=0.25, end=0.05), COSINE),
        (
            optim.one_cycle(1.0, 5, warmup=0.6, start_factor=4.0, end_factor=10.0),
            [0.25, 0.625, 1, 0.5125, 0.025, 0.025],
        ),
        (
            optim.join([optim.linear(0.0, 1.0, 2), lambda step: 1 / (step + 2), optim.constant(9.0)], [2, 4]),
            [0, 0.5, 1 / 2, 1 / 3, 9, 9],
        ),
    ],
    ids=str,
)
def test_against_a_table(schedule, table):
    whole = schedule(eerie.arange(len(table), dtype=eerie.int32))
    np.testing.assert_allclose(whole.numpy(), table, rtol=1e-6, atol=1e-7)
    each = [schedule(eerie.asarray(k, dtype=eerie.int32)) for k in range(len(table))]
    assert all(v.shape == () for v in each)
    np.testing.assert_allclose([float(v) for v in each], table, rtol=1e-6, atol=1e-7)
    assert float(schedule(len(table) - 1)) == float(each[-1])


def test_a_schedule_counts_updates_from_zero():
    optimizer = optim.sgd(optim.piecewise([1.0, 10.0, 100.0], [1, 2]))
    state, found = optimizer.init(eerie.zeros(())), []
    for _ in range(3):
        updates, state = optimizer.update(eerie.ones(()), state, eerie.zeros(()))
        found.append(float(updates))
    assert found == [-1, -10, -100]


def test_far_along_a_schedule_is_still_exact():
    schedule = optim.exponential(1.0, 0.999)
    assert abs(float(schedule(20_000)) / 0.999**20_000 - 1) < 3e-6


def test_printed_as_written():
    assert repr(optim.cosine(1.0, 10, warmup=2)) == "cosine(peak=1.0, steps=10, warmup=2, start=0.0, end=0.0)"
    assert repr(optim.piecewise([1, 2], [5])) == "piecewise((1.0, 2.0), (5,))"
