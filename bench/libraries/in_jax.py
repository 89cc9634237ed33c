"""Kernels in JAX: images are channels last, weights of linear layers ``(in, out)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.scipy.special import erf
from numpy.typing import NDArray

from bench.inputs import Input

__all__ = ["erf"]

relu, sigmoid, softmax, logsumexp = jax.nn.relu, jax.nn.sigmoid, jax.nn.softmax, jax.nn.logsumexp


def __getattr__(name: str) -> Any:
    return getattr(jnp, name)


def cast(x: Any, dtype: str) -> Any:
    return x.astype(dtype)


def gelu(x: Any) -> Any:
    return jax.nn.gelu(x, approximate=False)


def gelu_tanh(x: Any) -> Any:
    return jax.nn.gelu(x, approximate=True)


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * weight + bias


def rms_norm(x: Any, weight: Any) -> Any:
    return x * lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * weight


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return x @ weight + bias


def integer_matmul(a: Any, b: Any) -> Any:
    return lax.dot(a, b, preferred_element_type=jnp.int32)


def attention(query: Any, keys: Any, values: Any, visible: Any = True) -> Any:
    scores = query @ keys.mT * query.shape[-1] ** -0.5
    return softmax(jnp.where(visible, scores, -jnp.inf)) @ values


def causal_attention(query: Any, keys: Any, values: Any) -> Any:
    return attention(query, keys, values, jnp.tri(keys.shape[2], dtype=bool))


def cached_attention(query: Any, keys: Any, values: Any, length: Any) -> Any:
    return attention(query, keys, values, jnp.arange(keys.shape[2]) < length)


def convolution(x: Any, kernel: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def max_pool(x: Any, window: int, stride: int, padding: int = 0) -> Any:
    around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), around)


def avg_pool(x: Any, window: int) -> Any:
    size = (1, window, window, 1)
    return lax.reduce_window(x, 0.0, lax.add, size, size, "VALID") / window**2


def global_avg_pool(x: Any) -> Any:
    return x.mean((1, 2))


def rows(table: Any, places: Any) -> Any:
    return table[places]


def scatter_add(x: Any, places: Any, updates: Any) -> Any:
    return x.at[places].add(updates)


def largest(x: Any, count: int) -> Any:
    return lax.top_k(x, count)[0]


def repeated(steps: int, body: Callable[[Any], Any], start: Any) -> Any:
    return lax.fori_loop(0, steps, lambda _, state: body(state), start)


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    def step(h: Any, projected: Any) -> Any:
        h = jnp.tanh(projected + h @ weight_hh.T)
        return h, h

    start = jnp.zeros((len(x), len(bias)))
    return lax.scan(step, start, (x @ weight_ih.T + bias).swapaxes(0, 1))[1].swapaxes(0, 1)


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    def step(state: Any, projected: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(projected + h @ weight_hh.T, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((len(x), weight_hh.shape[1]))
    return lax.scan(step, (start, start), (x @ weight_ih.T + bias).swapaxes(0, 1))[1].swapaxes(0, 1)


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package."""
    held = jax.device_put(list(arrays))
    compiled = jax.jit(function)
    return lambda: compiled(*held).block_until_ready()


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    return np.asarray(result)
