"""Exported programs on devices with memory of their own, where this machine has one."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ExecutionError
from eerie_dsl.export import export, load, spec
from eerie_dsl.runtime import probe
from eerie_dsl.runtime.remote import RemoteExecutable

TARGETS = {"vulkan": "vulkan", "cuda": "cuda"}


@pytest.mark.parametrize("target", TARGETS)
def test_results_are_those_of_the_cpu(target, tmp_path):
    found, reason = probe(TARGETS[target])
    if not found:
        pytest.skip(reason)
    weight = eerie.asarray(np.random.default_rng(0).standard_normal((64, 32), dtype=np.float32))
    mask = eerie.asarray(np.arange(32) % 3 == 0)

    def layer(x, count):
        y = eerie.maximum(x @ weight, 0.0)
        return {
            "y": eerie.where(mask, y, -y),
            "sum": y.sum(),
            "count": count * 2,
            "soft": eerie.softmax(eerie.tanh(y / 8)),
            "whole": eerie.trunc(y),
        }

    def scaled(state, by):
        return state * by, state

    path = tmp_path / "layer.vmfb"
    rows = eerie.Dim("rows", max=16)
    export(layer, [spec((rows, 64)), spec(3, eerie.int32)], out=path, target=target, weights="apart")
    library = load(path)
    assert library.target == target
    for n in (1, 9):
        x = np.random.default_rng(n).standard_normal((n, 64), dtype=np.float32)
        count = np.arange(3, dtype=np.int32)
        result, wanted = library(x, count), layer(eerie.asarray(x), eerie.asarray(count))
        for name in wanted:
            np.testing.assert_allclose(result[name].numpy(), wanted[name].numpy(), rtol=1e-4, atol=1e-4)
    with pytest.raises(eerie.EerieError, match="has 17 elements, and rows is from 1 to 16"):
        library(np.zeros((17, 64), np.float32), count)
    state = tmp_path / "state.vmfb"
    export(
        {"up": (scaled, [spec(())]), "down": (lambda s: (s / 2, s), [])}, state=eerie.ones(4), out=state, target=target
    )
    session = load(state).session()
    session.up(3.0)
    np.testing.assert_array_equal(session.up(2.0).numpy(), np.full(4, 3.0))
    np.testing.assert_array_equal(session.down().numpy(), np.full(4, 6.0))


def test_a_driver_that_is_not_there_is_named():
    with pytest.raises(ExecutionError, match="this is not a program"):
        RemoteExecutable(b"junk", driver="vulkan")
    assert probe("abacus") == ((), "the installed runtime has no driver for abacus")
