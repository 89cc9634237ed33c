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
    """Against JAX: small bodies, an LSTM at two widths and its gradient; compile times of Eerie."""
    lines: list[Line] = []
    rng = np.random.default_rng(0)
    for size in (16, 1024):
        ours, theirs = _smoothed(eerie, eerie.fori_loop), _smoothed(jax.numpy, jax.lax.fori_loop)
        row = [rng.standard_normal(size, np.float32)]
        lines += _raced(f"{STEPS:,} steps of tanh(0.9 * c + x), {size} f32", ours, theirs, row, budget)
    for units in (64, 256):
        arrays: list[Any] = [
            np.zeros(units, np.float32),
            np.zeros(units, np.float32),
            rng.standard_normal((STEPS, units), np.float32),
            rng.standard_normal((2 * units, 4 * units), np.float32) / np.float32(units) ** 0.5 / 2,
            np.zeros(4 * units, np.float32),
        ]
        ours = _scanned(eerie.scan, lstm(eerie, eerie.sigmoid, eerie.concat, units))
        theirs = _scanned(jax.lax.scan, lstm(jax.numpy, jax.nn.sigmoid, jax.numpy.concatenate, units))
        lines += _raced(f"scan of {STEPS:,} LSTM steps, {units} units", ours, theirs, arrays, budget)
        ours, theirs = _gradient(eerie, ours), _gradient(jax, theirs)
        lines += _raced(f"gradient by the weights of {STEPS:,} LSTM steps, {units} units", ours, theirs, arrays, budget)
    seconds = [[_compile_seconds(steps, k) for steps in (10, STEPS)] for k in range(3)]
    few, many = map(min, zip(*seconds, strict=True))
    lines.append(Figure(f"compile time of {STEPS:,} steps / of 10", many / few, limit=1.2))
    return lines


def _raced(
    task: str, ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[Any], budget: float
) -> list[Line]:
    """Two versions of a function of arrays, both jitted."""
    our_function, their_function = eerie.jit(ours), jax.jit(theirs)
    their_arrays = jax.device_put(arrays)
    return race(
        [
            Contender(EERIE, partial(our_function, *map(eerie.asarray, arrays))),
            Contender("JAX", lambda: their_function(*their_arrays).block_until_ready()),
        ],
        np.asarray(their_function(*their_arrays)),
        budget=budget,
        rtol=1e-3,
        atol=1e-4,
    ).ratios(task, {"JAX": 1.0})


def _smoothed(library: Any, loop: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: loop(0, STEPS, lambda i, c: library.tanh(0.9 * c + x), x)


def _scanned(scan: Any, step: Callable[..., Any]) -> Callable[..., Any]:
    return lambda h, c, xs, w, b: scan(lambda state, x: step(state, x, w, b), (h, c), xs)[1]


def _gradient(library: Any, f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda h, c, xs, w, b: library.grad(lambda w: (f(h, c, xs, w, b) ** 2).mean())(w)


def _compile_seconds(steps: int, variant: int) -> float:
    """Seconds until a program that is in no cache is ready."""
    units = 32 + variant
    program = eerie.jit(_scanned(eerie.scan, lstm(eerie, eerie.sigmoid, eerie.concat, units)))
    shapes = ((units,), (units,), (steps, units), (2 * units, 4 * units), (4 * units,))
    lowered = program.trace(*(np.zeros(s, np.float32) for s in shapes)).lower()
    with TemporaryDirectory() as cache, eerie.config(cache_dir=cache):
        start = time.perf_counter()
        lowered.compile()
        return time.perf_counter() - start
