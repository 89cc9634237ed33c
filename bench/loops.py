"""Loops: 10,000 steps of an LSTM, and what a program costs to compile for ten of them and for ten thousand."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import jax
import numpy as np

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Figure, Line, race

STEPS = 10_000


def lstm(library: Any, sigmoid: Callable[..., Any], concat: Callable[..., Any], units: int) -> Callable[..., Any]:
    """One step, ``(state, x, weights, bias)``, the weights being (2 * units, 4 * units)."""

    def step(state: Any, x: Any, weights: Any, bias: Any) -> Any:
        h, c = state
        gates = concat([x, h]) @ weights + bias
        i, f, g, o = (gates[k * units : (k + 1) * units] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * library.tanh(g)
        h = sigmoid(o) * library.tanh(c)
        return (h, c), h

    return step


def run(budget: float) -> list[Line]:
    """Against JAX at two widths; compile times of Eerie."""
    lines: list[Line] = []
    for units in (64, 256):
        rng = np.random.default_rng(0)
        arrays = [
            np.zeros(units, np.float32),
            np.zeros(units, np.float32),
            rng.standard_normal((STEPS, units), np.float32),
            rng.standard_normal((2 * units, 4 * units), np.float32) / np.float32(units) ** 0.5 / 2,
            np.zeros(4 * units, np.float32),
        ]
        ours = _compiled(eerie.jit, eerie.scan, lstm(eerie, eerie.sigmoid, eerie.concat, units))
        theirs = _compiled(jax.jit, jax.lax.scan, lstm(jax.numpy, jax.nn.sigmoid, jax.numpy.concatenate, units))
        their_arrays = jax.device_put(arrays)
        lines += race(
            [
                Contender(EERIE, partial(ours, *map(eerie.asarray, arrays))),
                Contender("JAX", lambda theirs=theirs, a=their_arrays: theirs(*a).block_until_ready()),  # type: ignore[misc]
            ],
            np.asarray(theirs(*their_arrays)),
            budget=budget,
            rtol=1e-3,
            atol=1e-4,
        ).ratios(f"scan of {STEPS:,} LSTM steps, {units} units", {"JAX": 1.0})
    few, many = (min(_compile_seconds(steps, k) for k in range(3)) for steps in (10, STEPS))
    lines.append(Figure(f"compile time of {STEPS:,} steps / of 10", many / few, limit=1.2))
    return lines


def _compiled(jit: Any, scan: Any, step: Callable[..., Any]) -> Any:
    return jit(lambda h, c, xs, w, b: scan(lambda state, x: step(state, x, w, b), (h, c), xs)[1])


def _compile_seconds(steps: int, variant: int) -> float:
    """Seconds until a program that is in no cache is ready."""
    units = 32 + variant
    program = _compiled(eerie.jit, eerie.scan, lstm(eerie, eerie.sigmoid, eerie.concat, units))
    shapes = ((units,), (units,), (steps, units), (2 * units, 4 * units), (4 * units,))
    lowered = program.trace(*(np.zeros(s, np.float32) for s in shapes)).lower()
    with TemporaryDirectory() as cache, eerie.config(cache_dir=cache):
        start = time.perf_counter()
        lowered.compile()
        return time.perf_counter() - start
