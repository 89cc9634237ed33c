"""Steps that need the one before: a heated plate, an oscillator, the Mandelbrot set, recurrent networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.harness import Line
from bench.inputs import Input, normal
from bench.kernels import COMPILE, EAGER, JAX, NUMPY, Row, measured
from bench.libraries import in_numba

_LOOPS = (JAX, EAGER, NUMPY)
"""Without PyTorch's compiler, which writes out every step: for the Mandelbrot set it takes more than minutes."""

_ITERATIONS = 64
_HEAT_STEPS = 100


def heat(xp: Any, u: Any) -> Any:
    """The five-point stencil, inside the border."""
    around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    return u[1:-1, 1:-1] + 0.1 * (around - 4.0 * u[1:-1, 1:-1])


def heat_steps(xp: Any, u: Any) -> Any:
    """The same on a torus, many times."""

    def step(u: Any) -> Any:
        around = xp.roll(u, 1, 0) + xp.roll(u, -1, 0) + xp.roll(u, 1, 1) + xp.roll(u, -1, 1)
        return u + 0.1 * (around - 4.0 * u)

    return xp.repeated(_HEAT_STEPS, step, u)


def oscillator(xp: Any, x: Any, v: Any, steps: int) -> Any:
    """A cheap body that carries two arrays."""

    def step(state: Any) -> Any:
        x, v = state
        v = v - 0.01 * x
        return x + 0.01 * v, v

    return xp.repeated(steps, step, (x, v))[0]


def mandelbrot(xp: Any, re: Any, im: Any) -> Any:
    """How many steps each point stays."""

    def step(state: Any) -> Any:
        x, y, count = state
        stays = x * x + y * y <= 4.0
        return (
            xp.where(stays, x * x - y * y + re, x),
            xp.where(stays, 2.0 * x * y + im, y),
            count + xp.where(stays, 1.0, 0.0),
        )

    start = re * 0.0 + im * 0.0
    return xp.repeated(_ITERATIONS, step, (start, start, start))[2]


def _averages(counts: NDArray[Any]) -> NDArray[Any]:
    """Of squares of 32×32: next to the border of the set, how long a point stays hangs on the last digit."""
    averages: NDArray[Any] = counts.reshape(16, 32, 16, 32).mean((1, 3))
    return averages


def _axis(low: float, high: float, *shape: int) -> Input:
    return Input(lambda rng: np.linspace(low, high, max(shape), dtype=np.float32).reshape(shape))


def _oscillator(size: int, steps: int, name: str) -> Row:
    loops = in_numba.large_oscillator if size > 1 << 16 else in_numba.oscillator
    return Row(
        f"{steps:,} steps of an oscillator, {name}",
        lambda xp, x, v: oscillator(xp, x, v, steps),
        [normal(size)] * 2,
        _LOOPS,
        loops(steps),
    )


def _network(gates: int) -> list[Input]:
    hidden = 256
    parameter = normal(gates * hidden, hidden, scale=hidden**-0.5)
    return [normal(16, 128, hidden), parameter, parameter, normal(gates * hidden)]


ROWS = (
    Row("a step of heat, 2048×2048", heat, [normal(2048, 2048)], (JAX, EAGER, COMPILE, NUMPY), in_numba.heat),
    Row(
        f"{_HEAT_STEPS} steps of heat, 256×256",
        heat_steps,
        [normal(256, 256)],
        _LOOPS,
        in_numba.heat_steps(_HEAT_STEPS),
    ),
    _oscillator(16, 1000, "16 f32"),
    _oscillator(1024, 1000, "1024 f32"),
    _oscillator(1 << 20, 30, "1M f32"),
    Row(
        f"Mandelbrot set, 512×512, {_ITERATIONS} steps",
        mandelbrot,
        [_axis(-2, 0.5, 1, 512), _axis(-1.25, 1.25, 512, 1)],
        _LOOPS,
        in_numba.mandelbrot(_ITERATIONS),
        atol=0.5,
        compared=_averages,
    ),
    Row("simple recurrent network, 16×128×256", lambda xp, *a: xp.rnn(*a), _network(1), _LOOPS, rtol=1e-3, atol=1e-3),
    Row("LSTM, 16×128×256", lambda xp, *a: xp.lstm(*a), _network(4), _LOOPS, rtol=1e-3, atol=1e-3),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
