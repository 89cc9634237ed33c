"""Scripts without a decorator: what recording costs, new expressions, loops, small arrays."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Figure, Line, Ratio, Spread, race

_LARGE = 1 << 20
_STEPS = 10
Expression = Callable[[Any, Any], Any]


def run(budget: float) -> list[Line]:
    """Against NumPy; small arrays against MLX, which is lazy too, and JAX without jit."""
    return [*_first(budget), *_loop(budget), *_small(budget), *_recording(2 * budget)]


def _new_expression(rng: np.random.Generator) -> Expression:
    """A chain of ten operations that nobody has evaluated before."""
    steps: list[Callable[[Any, Any], Any]] = [
        lambda x, y: x + y,
        lambda x, y: x * y,
        lambda x, y: y - x,
        lambda x, y: x * 0.5 + y,
        lambda x, y: abs(x),
        lambda x, y: (x * x + 1.0) ** 0.5,
        lambda x, y: x / (abs(y) + 1.0),
    ]
    chosen = [steps[i] for i in rng.integers(len(steps), size=_STEPS)]

    def expression(x: Any, y: Any) -> Any:
        for step in chosen:
            x = step(x, y)
        return x

    return expression


def _first(budget: float) -> list[Line]:
    """The first and the tenth evaluation of expressions, each a new one."""
    lines: list[Line] = []
    rng = np.random.default_rng(0)
    for size, target in ((_LARGE, 0.5), (1 << 16, None), (16, None)):
        a, b = (rng.standard_normal(size, np.float32) for _ in range(2))
        x, y = eerie.asarray(a), eerie.asarray(b)
        eerie.eval(x, y)
        first, tenth = _evaluations(rng, x, y, a, b, 2 * budget)
        for name, samples, least in (
            ("first evaluation", first, target),
            ("after the tenth", tenth, None),
        ):
            pairs = np.array(samples)
            ratio = Spread.of(list(pairs[:, 1] / pairs[:, 0]))
            ours, theirs = np.median(pairs, axis=0)
            task = f"a new expression of about 15 operations on {size} f32, {name}"
            lines.append(Ratio(task, "NumPy", float(ours), float(theirs), ratio, least))
    return lines


def _evaluations(
    rng: np.random.Generator, x: eerie.Array, y: eerie.Array, a: Any, b: Any, budget: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Seconds of Eerie and NumPy for the first evaluation of expressions, and for one after the tenth."""
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(first) < 5:
        expression = _new_expression(rng)
        for turn in range(12):  # the tenth waits for the compiler
            ours, result = _timed(lambda e=expression: e(x, y).numpy())  # type: ignore[misc]
            theirs, reference = _timed(lambda e=expression: e(a, b))  # type: ignore[misc]
            if turn == 0:
                first.append((ours, theirs))
                np.testing.assert_allclose(result, reference, 1e-4, 1e-4)
        later.append((ours, theirs))
    return first, later


def _timed(call: Callable[[], Any]) -> tuple[float, NDArray[Any]]:
    gc.disable()
    try:
        start = time.perf_counter()
        result = call()
        return time.perf_counter() - start, result
    finally:
        gc.enable()


def _chain(x: Any, y: Any) -> Any:
    """Ten elementwise operations."""
    z = x * 0.5 + y
    z = abs(z) - x
    z = z * z + 1.0
    return (z - y) / (abs(x) + 2.0)


def _loop(budget: float) -> list[Line]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(_LARGE, np.float32) for _ in range(2))
    x, y = eerie.asarray(a), eerie.asarray(b)

    def ours() -> Any:
        result = _chain(x, y)
        eerie.eval(result)
        return result

    for _ in range(12):
        ours()
    contenders = [Contender(EERIE, ours, lambda r: r.numpy()), Contender("NumPy", partial(_chain, a, b))]
    found = race(contenders, _chain(a, b), budget=budget)
    return found.ratios("a lazy loop of ten elementwise operations on 1M f32", {"NumPy": 3.0})


def _small(budget: float) -> list[Line]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(16, np.float32) for _ in range(2))
    x, y = eerie.asarray(a), eerie.asarray(b)
    jx, jy = jax.device_put(a), jax.device_put(b)
    mx_x, mx_y = mx.array(a), mx.array(b)

    def ours() -> Any:
        result = _chain(x, y)
        eerie.eval(result)
        return result

    def mlx() -> Any:
        result = _chain(mx_x, mx_y)
        mx.eval(result)
        return result

    for _ in range(12):
        ours()
    contenders = [
        Contender(EERIE, ours, lambda r: r.numpy()),
        Contender("MLX", mlx),
        Contender("JAX, op by op", lambda: _chain(jx, jy).block_until_ready()),
        Contender("NumPy", partial(_chain, a, b)),
    ]
    found = race(contenders, _chain(a, b), budget=budget)
    return found.ratios("ten elementwise operations on 16 f32, seen before", {"MLX": 0.5, "JAX, op by op": 0.5})


def _recording(budget: float) -> list[Line]:
    """Microseconds to record one operation, the least of many batches: load from outside only adds."""
    x, y = eerie.ones((4, 16)) + 0.0, eerie.ones((4, 16)) + 0.0
    row = eerie.ones((16,)) + 0.0
    mask = x < y
    eerie.eval(x, y, row, mask)
    operations: dict[str, Callable[[], Any]] = {
        "x + y": lambda: x + y,
        "x * 0.5": lambda: x * 0.5,
        "x + row, which broadcasts": lambda: x + row,
        "eerie.sin(x)": lambda: eerie.sin(x),
        "x < y": lambda: x < y,
        "x.sum(axis=1)": lambda: x.sum(axis=1),
        "x.reshape(16, 4)": lambda: x.reshape(16, 4),
        "x @ row": lambda: x @ row,
        "eerie.where(mask, x, 0.0)": lambda: eerie.where(mask, x, 0.0),
        "x[:, 1:]": lambda: x[:, 1:],
    }
    seconds = _least([*operations.values(), lambda: x[1]], budget)
    figures: list[Line] = [
        Figure(f"recording {name}", 1e6 * s, "µs", 3.0) for name, s in zip(operations, seconds, strict=False)
    ]
    return [*figures, Figure("recording x[1], a slice and a reshape", 1e6 * seconds[-1], "µs", 6.0)]


def _least(calls: Sequence[Callable[[], Any]], budget: float, count: int = 500) -> list[float]:
    """The shortest of many batches of each call, taken in turns: a machine has slow spells."""
    least = [float("inf")] * len(calls)
    end = time.perf_counter() + budget
    while time.perf_counter() < end:
        for k, call in enumerate(calls):
            gc.disable()
            start = time.perf_counter()
            for _ in range(count):
                call()
            least[k] = min(least[k], (time.perf_counter() - start) / count)
            gc.enable()
    return least
