"""With jax.numpy and jax.nn: dicts of arrays, kernels ``(in, out)``, images channels last, a donated jitted step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from numpy.typing import NDArray

from bench.models.sizes import HEADS, LAYERS, LEARNING_RATE, ROOM, WEIGHT_DECAY

Arrays = Mapping[str, NDArray[np.float32]]
Caches = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
Params = dict[str, Any]


def _linear(p: Params, name: str, x: Any) -> Any:
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def _norm(p: Params, name: str, x: Any) -> Any:
    mean = jnp.mean(x, -1, keepdims=True)
    variance = jnp.var(x, -1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def _convolution(p: Params, name: str, x: Any) -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), "SAME", dimension_numbers=layout)
    return y + p[f"{name}.bias"]


def _perceptron(p: Params, x: Any) -> Any:
    return _linear(p, "second", jax.nn.relu(_linear(p, "first", x)))


def _convolutional(p: Params, x: Any) -> Any:
    x = jax.nn.relu(_convolution(p, "second", jax.nn.relu(_convolution(p, "first", x))))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return _linear(p, "out", x.reshape(len(x), -1))


def _heads(p: Params, name: str, x: Any) -> Any:
    return _linear(p, name, x).reshape(*x.shape[:2], HEADS, -1)


def _fed_forward(p: Params, name: str, x: Any) -> Any:
    return x + _linear(p, f"{name}.contract", jax.nn.gelu(_linear(p, f"{name}.expand", _norm(p, f"{name}.norm", x))))


def _transformer(p: Params, tokens: Any) -> Any:
    x = p["tokens.weight"][tokens] + p["places.weight"][: tokens.shape[1]]
    for i in range(LAYERS):
        name = f"blocks.{i}"
        y = _norm(p, f"{name}.attention_norm", x)
        query, key, value = (_heads(p, f"{name}.{n}", y) for n in ("query", "key", "value"))
        mixed = jax.nn.dot_product_attention(query, key, value, is_causal=True)
        x = x + _linear(p, f"{name}.output", mixed.reshape(x.shape))
        x = _fed_forward(p, name, x)
    return _linear(p, "out", _norm(p, "norm", x))


_MODELS: dict[str, Callable[[Params, Any], Any]] = {
    "perceptron": _perceptron,
    "convolutional": _convolutional,
    "transformer": _transformer,
}


def trainer(model: str, arrays: Arrays, inputs: NDArray[Any], labels: NDArray[Any]) -> Callable[[], Any]:
    """See the package."""
    decay = WEIGHT_DECAY if model == "transformer" else 0.0

    def loss(params: Params, x: Any, y: Any) -> Any:
        chances = jax.nn.log_softmax(_MODELS[model](params, x))
        return -jnp.mean(jnp.take_along_axis(chances, y[..., None], -1))

    def moved(p: Any, m: Any, v: Any, t: Any) -> Any:
        mean, square = m / (1 - 0.9**t), v / (1 - 0.999**t)
        return p - LEARNING_RATE * (mean / (jnp.sqrt(square) + 1e-8) + decay * p)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Params, state: Any, x: Any, y: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(params, x, y)
        count, first, second = state
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        params = jax.tree.map(lambda p, m, v: moved(p, m, v, count.astype(jnp.float32)), params, first, second)
        return params, (count, first, second), value

    params = _params(arrays)
    state = (jnp.int32(0), *(jax.tree.map(jnp.zeros_like, params) for _ in range(2)))
    x, y = jax.device_put(inputs), jax.device_put(labels.astype(np.int32))
    compiled = step.lower(params, state, x, y).compile()

    def call() -> Any:
        nonlocal params, state
        params, state, value = compiled(params, state, x, y)
        return value

    return call


def decoder(arrays: Arrays, caches: Caches) -> Callable[[Any, int], tuple[Any, Any]]:
    """See the package; caches here are (1, room, heads, features)."""

    @partial(jax.jit, donate_argnums=(1,))
    def step(p: Params, held: Any, token: Any, place: Any) -> Any:
        x = p["tokens.weight"][token][:, None] + p["places.weight"][place]
        visible = (jnp.arange(ROOM) <= place)[None, None, None]
        grown = []
        for i, (keys, values) in enumerate(held):
            name = f"blocks.{i}"
            y = _norm(p, f"{name}.attention_norm", x)
            query, key, value = (_heads(p, f"{name}.{n}", y) for n in ("query", "key", "value"))
            keys, values = (
                jax.lax.dynamic_update_slice(old, new, (0, place, 0, 0)) for old, new in ((keys, key), (values, value))
            )
            mixed = jax.nn.dot_product_attention(query, keys, values, mask=visible)
            x = x + _linear(p, f"{name}.output", mixed.reshape(x.shape))
            x = _fed_forward(p, name, x)
            grown.append((keys, values))
        logits = _linear(p, "out", _norm(p, "norm", x))[:, 0]
        return jnp.argmax(logits, -1), logits, grown

    params = _params(arrays)
    held = [tuple(jax.device_put(a.transpose(0, 2, 1, 3)) for a in pair) for pair in caches]

    def call(token: Any, place: int) -> tuple[Any, Any]:
        nonlocal held
        token, logits, held = step(params, held, token, np.int32(place))
        return token, logits

    return call


def token(number: int) -> Any:
    """A batch of one token."""
    return jnp.asarray([number], jnp.int32)


def _params(arrays: Arrays) -> Params:
    axes = {2: (1, 0), 4: (2, 3, 1, 0)}
    tables = ("tokens.weight", "places.weight")
    return {n: jnp.array(a if n in tables else a.transpose(axes.get(a.ndim))) for n, a in arrays.items()}
