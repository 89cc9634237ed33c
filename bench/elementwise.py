"""Elementwise operations, which is where fusion pays: short chains and long ones, numbers in cache and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.harness import Line
from bench.inputs import integers, normal, uniform
from bench.kernels import Row, measured
from bench.libraries import in_numba

_LARGE = 1 << 20


def tanh_chain(xp: Any, a: Any, b: Any) -> Any:
    """Reads two arrays and writes one where it is fused, in three passes where it is not."""
    return xp.tanh(a * b) + a


def multiply_add(xp: Any, a: Any, b: Any, c: Any) -> Any:
    """As fast as memory."""
    return a * b + c


def arithmetic_chain(xp: Any, x: Any, y: Any) -> Any:
    """Operations of an instruction each."""
    z = x * 0.5 + y
    z = abs(z) - x
    z = z * z + 1.0
    z = (z - y) / (abs(x) + 2.0)
    z = xp.maximum(z, y * 0.1) * x - z
    return xp.sqrt(abs(z) + 1.0) * y


def wave_chain(xp: Any, x: Any) -> Any:
    """Sixteen transcendental functions."""
    z = x
    for _ in range(8):
        z = xp.sin(z) * xp.exp(-z * z) + x
    return z


def black_scholes(xp: Any, spot: Any, strike: Any, years: Any) -> Any:
    """The price of a call option."""
    rate, volatility = 0.03, 0.2
    spread = volatility * xp.sqrt(years)
    d1 = (xp.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    d2 = d1 - spread
    discounted = strike * xp.exp(-rate * years)
    return spot * 0.5 * (1.0 + xp.erf(d1 * 2**-0.5)) - discounted * 0.5 * (1.0 + xp.erf(d2 * 2**-0.5))


def broadcast_scale(xp: Any, a: Any, column: Any, row: Any) -> Any:
    """A matrix, a column and a row."""
    return (a - column) * row


def from_bytes(xp: Any, image: Any, mean: Any, deviation: Any) -> Any:
    """A photograph as a network wants it."""
    return (xp.cast(image, "float32") * float(np.float32(1 / 255)) - mean) / deviation


def _options(count: int) -> list[Any]:
    return [uniform(10, 50, count), uniform(10, 50, count), uniform(0.25, 5, count)]


ROWS = (
    Row("tanh(a*b)+a, 1024×1024", tanh_chain, [normal(1024, 1024)] * 2, numba=in_numba.tanh_chain),
    *(
        Row(f"a*b+c, {name}", multiply_add, [normal(size)] * 3, numba=in_numba.multiply_add)
        for name, size in (("16K", 1 << 14), ("1M", _LARGE), ("16M", _LARGE << 4))
    ),
    Row("16 arithmetic operations, 1M", arithmetic_chain, [normal(_LARGE)] * 2, numba=in_numba.arithmetic_chain),
    Row("8 stages of sin(z)*exp(-z*z)+x, 1M", wave_chain, [normal(_LARGE)], numba=in_numba.wave_chain),
    Row("Black-Scholes, 1M options", black_scholes, _options(_LARGE), numba=in_numba.black_scholes, atol=1e-3),
    Row(
        "(matrix - column) * row, 2048×2048",
        broadcast_scale,
        [normal(2048, 2048), normal(2048, 1), normal(2048)],
        numba=in_numba.broadcast_scale,
    ),
    Row(
        "(bytes / 255 - mean) / deviation, 1080×1920×3",
        from_bytes,
        [integers(0, 256, 1080, 1920, 3, dtype="uint8"), uniform(0.4, 0.5, 3), uniform(0.2, 0.3, 3)],
        numba=in_numba.from_bytes,
    ),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
