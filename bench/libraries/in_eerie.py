"""Kernels in Eerie: images are channels last, weights of linear layers ``(out, in)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie
from bench.inputs import Input
from eerie_dsl import nn

attention, avg_pool, global_avg_pool = nn.attention, nn.avg_pool, nn.global_avg_pool
cumsum = eerie.cumulative_sum


def __getattr__(name: str) -> Any:
    return getattr(eerie, name)


def cast(x: Any, dtype: str) -> Any:
    return eerie.astype(x, getattr(eerie, dtype))


def gelu_tanh(x: Any) -> Any:
    return eerie.gelu(x, approximate=True)


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return nn.Linear(weight, bias)(x)


def integer_matmul(a: Any, b: Any) -> Any:
    return eerie.astype(a, eerie.int32) @ eerie.astype(b, eerie.int32)


def causal_attention(query: Any, keys: Any, values: Any) -> Any:
    return nn.attention(query, keys, values, causal=True)


def cached_attention(query: Any, keys: Any, values: Any, length: Any) -> Any:
    return nn.attention(query, keys, values, eerie.arange(keys.shape[2], dtype=eerie.int32) < length)


def convolution(x: Any, kernel: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
    return eerie.convolution(x, kernel, stride=stride, padding=padding, groups=groups)


def max_pool(x: Any, window: int, stride: int, padding: int = 0) -> Any:
    return nn.max_pool(x, window, stride=stride, padding=padding)


def rows(table: Any, places: Any) -> Any:
    return eerie.take(table, places, axis=0)


def scatter_add(x: Any, places: Any, updates: Any) -> Any:
    return x.at[places].add(updates)


def largest(x: Any, count: int) -> Any:
    return eerie.topk(x, count)[0]


def repeated(steps: int, body: Callable[[Any], Any], start: Any) -> Any:
    return eerie.fori_loop(0, steps, lambda _, state: body(state), start)


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    def step(h: Any, projected: Any) -> Any:
        h = eerie.tanh(projected + h @ weight_hh.mT)
        return h, h

    start = eerie.zeros((x.shape[0], bias.shape[0]))
    return eerie.scan(step, start, eerie.swapaxes(x @ weight_ih.mT + bias, 0, 1))[1].swapaxes(0, 1)


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    return nn.LSTM((nn.LSTMCell(weight_ih, weight_hh, bias),))(x)[0]


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package."""
    held = [
        eerie.asarray(np.ascontiguousarray(a.T) if i.role == "linear" else a)
        for i, a in zip(inputs, arrays, strict=True)
    ]
    return partial(eerie.jit(function), *held)


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    return np.asarray(result)
