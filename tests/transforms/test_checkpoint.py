"""Checkpoints: inner values are computed again after the cotangents are there, and are not kept meanwhile."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from tests.structure.imports import ROOT

LAYERS = 3
RNG = np.random.default_rng(2)
X = RNG.normal(size=(4, 4))
W = RNG.normal(size=(LAYERS, 4, 4)) / 2


def layer(x: Any, w: Any) -> Any:
    return eerie.tanh(x @ w) + x


def loss(x: Any, w: Any, layer: Any = layer) -> Any:
    for k in range(LAYERS):
        x = layer(x, w[k])
    return eerie.sum(x * x)


def test_what_is_computed_again_is_not_merged_with_what_was() -> None:
    gradient = eerie.jit(eerie.grad(lambda x, w: loss(x, w, eerie.checkpoint(layer)), (0, 1)))
    operations = [n.op.name for n in gradient.trace(X, W).lower().graph.walk() if n.op]
    assert operations.count("tanh") == 2 * LAYERS
    assert operations.count("after") >= LAYERS


def test_compiled_gradients_are_the_same() -> None:
    both = {"plain": layer, "checkpoint": eerie.checkpoint(layer), "twice": eerie.checkpoint(eerie.checkpoint(layer))}
    call = eerie.jit(
        lambda x, w: {k: eerie.grad(lambda x, w, f=f: loss(x, w, f), (0, 1))(x, w) for k, f in both.items()}
    )
    with config(evaluation="compiled"):
        found = call(X, W)
    for name in both:
        for got, want in zip(found[name], found["plain"], strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-12, err_msg=name)


def test_trees_captures_and_keywords() -> None:
    outside = eerie.asarray(W[0])
    f = eerie.checkpoint(lambda p, *, scale: {"y": eerie.sum(p["x"] @ outside * scale)})
    found = eerie.grad(lambda x: f({"x": x}, scale=2.0)["y"])(X)
    np.testing.assert_allclose(found.numpy(), np.broadcast_to(2 * W[0].sum(1), (4, 4)))


PROGRAM = """
import sys
import numpy as np
import eerie_dsl as eerie
def layer(x, w):
    y = x @ w
    return eerie.tanh(eerie.sin(y) * eerie.exp(-y * y)) + x
piece = eerie.checkpoint(layer) if sys.argv[1] == "checkpoint" else layer
def loss(x, ws):
    for w in ws:
        x = piece(x, w)
    return eerie.sum(x * x)
gradient = eerie.jit(eerie.grad(loss))
x = np.ones((16384, 64), np.float32)
ws = [np.eye(64, dtype=np.float32) / 8] * 16
gradient.explain(x, ws)
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
gradient(x, ws).numpy()
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
def test_the_peak_of_memory_is_lower() -> None:
    peaks = {}
    for name in ("plain", "checkpoint"):
        command = [sys.executable, "-c", PROGRAM, name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
        peaks[name] = int(done.stdout)
    assert peaks["checkpoint"] < 0.5 * peaks["plain"], peaks
