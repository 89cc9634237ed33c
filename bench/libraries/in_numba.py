"""Kernels as loops that Numba compiles, one function for each, named as the words of the others where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erf, exp, log, sin, sqrt, tanh
from typing import Any

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from bench.inputs import Input


def tanh_chain(a: Any, b: Any) -> Any:
    out = np.empty_like(a)
    for i in prange(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = tanh(a[i, j] * b[i, j]) + a[i, j]
    return out


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    out = np.empty_like(a)
    for i in prange(a.size):
        out[i] = a[i] * b[i] + c[i]
    return out


def arithmetic_chain(x: Any, y: Any) -> Any:
    out = np.empty_like(x)
    for i in prange(x.size):
        z = x[i] * np.float32(0.5) + y[i]
        z = abs(z) - x[i]
        z = z * z + np.float32(1)
        z = (z - y[i]) / (abs(x[i]) + np.float32(2))
        z = max(z, y[i] * np.float32(0.1)) * x[i] - z
        out[i] = sqrt(abs(z) + np.float32(1)) * y[i]
    return out


def wave_chain(x: Any) -> Any:
    out = np.empty_like(x)
    for i in prange(x.size):
        z = x[i]
        for _ in range(8):
            z = sin(z) * exp(-z * z) + x[i]
        out[i] = z
    return out


def black_scholes(spot: Any, strike: Any, years: Any) -> Any:
    out = np.empty_like(spot)
    rate, volatility = np.float32(0.03), np.float32(0.2)
    half, one, root = np.float32(0.5), np.float32(1), np.float32(2**-0.5)
    for i in prange(spot.size):
        spread = volatility * sqrt(years[i])
        d1 = (log(spot[i] / strike[i]) + (rate + volatility * volatility * half) * years[i]) / spread
        d2 = d1 - spread
        discounted = strike[i] * exp(-rate * years[i])
        out[i] = spot[i] * half * (one + erf(d1 * root)) - discounted * half * (one + erf(d2 * root))
    return out


def broadcast_scale(a: Any, column: Any, row: Any) -> Any:
    out = np.empty_like(a)
    for i in prange(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = (a[i, j] - column[i, 0]) * row[j]
    return out


def from_bytes(image: Any, mean: Any, deviation: Any) -> Any:
    out = np.empty(image.shape, np.float32)
    for i in prange(image.shape[0]):
        for j in range(image.shape[1]):
            for k in range(image.shape[2]):
                out[i, j, k] = (np.float32(image[i, j, k]) * np.float32(1 / 255) - mean[k]) / deviation[k]
    return out


def total(x: Any) -> Any:
    result = np.float32(0)
    for i in prange(x.shape[0]):
        part = np.float32(0)
        for j in range(x.shape[1]):
            part += x[i, j]
        result += part
    return result


def row_sums(x: Any) -> Any:
    out = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        part = np.float32(0)
        for j in range(x.shape[1]):
            part += x[i, j]
        out[i] = part
    return out


def column_sums(x: Any) -> Any:
    blocks = 8
    out = np.zeros((blocks, x.shape[1]), x.dtype)
    for block in prange(blocks):
        for i in range(block * x.shape[0] // blocks, (block + 1) * x.shape[0] // blocks):
            for j in range(x.shape[1]):
                out[block, j] += x[i, j]
    return out.sum(0)


def greatest(x: Any) -> Any:
    result = x[0, 0]
    for i in prange(x.shape[0]):
        part = x[i, 0]
        for j in range(1, x.shape[1]):
            part = max(part, x[i, j])
        result = max(result, part)
    return result


def row_argmax(x: Any) -> Any:
    out = np.empty(x.shape[0], np.int64)
    for i in prange(x.shape[0]):
        best = 0
        for j in range(1, x.shape[1]):
            if x[i, j] > x[i, best]:
                best = j
        out[i] = best
    return out


def row_variances(x: Any) -> Any:
    out = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        mean = np.float32(0)
        for j in range(x.shape[1]):
            mean += x[i, j]
        mean /= np.float32(x.shape[1])
        square = np.float32(0)
        for j in range(x.shape[1]):
            square += (x[i, j] - mean) * (x[i, j] - mean)
        out[i] = square / np.float32(x.shape[1])
    return out


def row_logsumexp(x: Any) -> Any:
    out = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        most = x[i, 0]
        for j in range(1, x.shape[1]):
            most = max(most, x[i, j])
        part = np.float32(0)
        for j in range(x.shape[1]):
            part += exp(x[i, j] - most)
        out[i] = log(part) + most
    return out


def dot(x: Any, y: Any) -> Any:
    result = np.float32(0)
    for i in prange(x.size):
        result += x[i] * y[i]
    return result


def mean_square(x: Any, y: Any) -> Any:
    result = np.float32(0)
    for i in prange(x.shape[0]):
        part = np.float32(0)
        for j in range(x.shape[1]):
            part += (x[i, j] - y[i, j]) * (x[i, j] - y[i, j])
        result += part
    return result / np.float32(x.size)


def cumsum(x: Any) -> Any:
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        part = np.float32(0)
        for j in range(x.shape[1]):
            part += x[i, j]
            out[i, j] = part
    return out


def heat(u: Any) -> Any:
    out = np.empty((u.shape[0] - 2, u.shape[1] - 2), u.dtype)
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            around = u[i, j + 1] + u[i + 2, j + 1] + u[i + 1, j] + u[i + 1, j + 2]
            out[i, j] = u[i + 1, j + 1] + np.float32(0.1) * (around - np.float32(4) * u[i + 1, j + 1])
    return out


def heat_steps(steps: int) -> Callable[[Any], Any]:
    def run(u: Any) -> Any:
        rows, columns = u.shape
        old, new = u.copy(), np.empty_like(u)
        for _ in range(steps):
            for i in prange(rows):
                above, below = old[i - 1], old[(i + 1) % rows]
                for j in range(columns):
                    around = above[j] + below[j] + old[i, j - 1] + old[i, (j + 1) % columns]
                    new[i, j] = old[i, j] + np.float32(0.1) * (around - np.float32(4) * old[i, j])
            old, new = new, old
        return old

    return run


def oscillator(steps: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, v: Any) -> Any:
        x, v = x.copy(), v.copy()
        for _ in range(steps):
            for i in range(x.size):
                v[i] -= np.float32(0.01) * x[i]
                x[i] += np.float32(0.01) * v[i]
        return x

    return run


def large_oscillator(steps: int) -> Callable[[Any, Any], Any]:
    def run(x: Any, v: Any) -> Any:
        x, v = x.copy(), v.copy()
        for _ in range(steps):
            for i in prange(x.size):
                v[i] -= np.float32(0.01) * x[i]
                x[i] += np.float32(0.01) * v[i]
        return x

    return run


def mandelbrot(steps: int) -> Callable[[Any, Any], Any]:
    def run(re: Any, im: Any) -> Any:
        out = np.empty((im.shape[0], re.shape[1]), np.float32)
        for i in prange(out.shape[0]):
            for j in range(out.shape[1]):
                x, y, count = np.float32(0), np.float32(0), 0
                while count < steps and x * x + y * y <= np.float32(4):
                    x, y = x * x - y * y + re[0, j], np.float32(2) * x * y + im[i, 0]
                    count += 1
                out[i, j] = count
        return out

    return run


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package; the function has loops, and those that say ``prange`` are shared among threads."""
    compiled = numba.njit(parallel="prange" in function.__code__.co_names, fastmath=True)(function)
    return lambda: compiled(*arrays)


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    return np.asarray(result)
