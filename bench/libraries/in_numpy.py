"""Kernels in NumPy, which are also what every answer is compared with, in twice the digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import erf

from bench.inputs import Input

__all__ = ["erf"]


def __getattr__(name: str) -> Any:
    return getattr(np, name)


def cast(x: Any, dtype: str) -> Any:
    return x.astype(dtype)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gelu(x: Any) -> Any:
    return x * 0.5 * (1 + erf(x / 2**0.5))


def gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


def softmax(x: Any) -> Any:
    grown = np.exp(x - x.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def logsumexp(x: Any, axis: int) -> Any:
    most = x.max(axis, keepdims=True)
    return np.log(np.exp(x - most).sum(axis)) + most.squeeze(axis)


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * weight + bias


def rms_norm(x: Any, weight: Any) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * weight


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return x @ weight + bias


def integer_matmul(a: Any, b: Any) -> Any:
    return a.astype(np.int32) @ b.astype(np.int32)


def attention(query: Any, keys: Any, values: Any) -> Any:
    return softmax(query @ keys.swapaxes(-1, -2) * query.shape[-1] ** -0.5) @ values


def causal_attention(query: Any, keys: Any, values: Any) -> Any:
    scores = query @ keys.swapaxes(-1, -2) * query.shape[-1] ** -0.5
    return softmax(np.where(np.tri(scores.shape[-1], dtype=bool), scores, -np.inf)) @ values


def cached_attention(query: Any, keys: Any, values: Any, length: Any) -> Any:
    return attention(query, keys[:, :, :length], values[:, :, :length])


def convolution(x: Any, kernel: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
    windows = _windows(x, kernel.shape[0], stride, padding, 0)
    if groups == 1:
        return np.tensordot(windows, kernel, ((4, 5, 3), (0, 1, 2)))
    return np.einsum("nhwcij,ijc->nhwc", windows, kernel[:, :, 0])  # a group for each channel


def max_pool(x: Any, window: int, stride: int, padding: int = 0) -> Any:
    return _windows(x, window, stride, padding, -np.inf).max((4, 5))


def avg_pool(x: Any, window: int) -> Any:
    return _windows(x, window, window, 0, 0).mean((4, 5))


def global_avg_pool(x: Any) -> Any:
    return x.mean((1, 2))


def _windows(x: Any, size: int, stride: int, padding: int, edge: float) -> Any:
    around = (padding, padding)
    x = np.pad(x, ((0, 0), around, around, (0, 0)), constant_values=edge)
    return sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def rows(table: Any, places: Any) -> Any:
    return table[places]


def scatter_add(x: Any, places: Any, updates: Any) -> Any:
    result = x.copy()
    np.add.at(result, places, updates)
    return result


def largest(x: Any, count: int) -> Any:
    return np.sort(np.partition(x, -count, -1)[..., -count:], -1)[..., ::-1]


def repeated(steps: int, body: Callable[[Any], Any], start: Any) -> Any:
    for _ in range(steps):
        start = body(start)
    return start


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    projected = x @ weight_ih.T + bias
    result = np.empty_like(projected)
    h = np.zeros_like(projected[:, 0])
    for place in range(x.shape[1]):
        h = np.tanh(projected[:, place] + h @ weight_hh.T)
        result[:, place] = h
    return result


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    projected = x @ weight_ih.T + bias
    h = c = np.zeros((len(x), weight_hh.shape[1]), x.dtype)
    result = np.empty((*x.shape[:2], h.shape[1]), x.dtype)
    for place in range(x.shape[1]):
        i, f, g, o = np.split(projected[:, place] + h @ weight_hh.T, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        result[:, place] = h
    return result


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package."""
    return partial(function, *arrays)


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    return np.asarray(result)
