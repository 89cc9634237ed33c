"""With `eerie.nn` and `eerie.optim`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie
from bench.models.sizes import HEADS, LAYERS, LEARNING_RATE, WEIGHT_DECAY
from eerie_dsl import Array, nn, optim

Arrays = Mapping[str, NDArray[np.float32]]
Caches = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]

_PROJECTIONS = ("query", "key", "value", "output")


@nn.module
class Perceptron:
    first: nn.Linear
    second: nn.Linear

    @classmethod
    def of(cls, arrays: Arrays) -> Perceptron:
        return cls(_linear(arrays, "first"), _linear(arrays, "second"))

    def __call__(self, x: Array) -> Array:
        return self.second(eerie.relu(self.first(x)))


@nn.module
class Convolutional:
    first: nn.Conv2d
    second: nn.Conv2d
    out: nn.Linear

    @classmethod
    def of(cls, arrays: Arrays) -> Convolutional:
        return cls(_convolution(arrays, "first"), _convolution(arrays, "second"), _linear(arrays, "out"))

    def __call__(self, x: Array) -> Array:
        x = eerie.relu(self.second(eerie.relu(self.first(x))))
        x = nn.max_pool(x, 2)
        return self.out(eerie.reshape(x, (x.shape[0], -1)))


@nn.module
class Block:
    attention_norm: nn.LayerNorm
    attention: nn.MultiHeadAttention
    norm: nn.LayerNorm
    expand: nn.Linear
    contract: nn.Linear

    def __call__(self, x: Array, cache: nn.KVCache | None = None) -> tuple[Array, nn.KVCache | None]:
        if cache is None:
            mixed = self.attention(self.attention_norm(x))
        else:
            mixed, cache = self.attention(self.attention_norm(x), cache=cache)
        x = x + mixed
        return x + self.contract(eerie.gelu(self.expand(self.norm(x)), approximate=True)), cache


@nn.module
class Transformer:
    tokens: nn.Embedding
    places: nn.Embedding
    blocks: tuple[Block, ...]
    norm: nn.LayerNorm
    out: nn.Linear

    @classmethod
    def of(cls, arrays: Arrays) -> Transformer:
        blocks = []
        for i in range(LAYERS):
            query, key, value, output = (_linear(arrays, f"blocks.{i}.{n}") for n in _PROJECTIONS)
            blocks.append(
                Block(
                    _norm(arrays, f"blocks.{i}.attention_norm"),
                    nn.MultiHeadAttention(query, key, value, output, heads=HEADS, kv_heads=HEADS, causal=True),
                    _norm(arrays, f"blocks.{i}.norm"),
                    _linear(arrays, f"blocks.{i}.expand"),
                    _linear(arrays, f"blocks.{i}.contract"),
                )
            )
        tokens, places = (nn.Embedding(eerie.asarray(arrays[f"{n}.weight"])) for n in ("tokens", "places"))
        return cls(tokens, places, tuple(blocks), _norm(arrays, "norm"), _linear(arrays, "out"))

    def __call__(self, tokens: Array) -> Array:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        for block in self.blocks:
            x, _ = block(x)
        return self.out(self.norm(x))

    def decode(self, token: Array, caches: Sequence[nn.KVCache]) -> tuple[Array, list[nn.KVCache]]:
        x = self.tokens(token)[:, None] + self.places(caches[0].length)
        grown = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, more = block(x, cache)
            assert more is not None
            grown.append(more)
        return self.out(self.norm(x))[:, 0], grown


_MODELS: dict[str, Callable[[Arrays], Any]] = {
    "perceptron": Perceptron.of,
    "convolutional": Convolutional.of,
    "transformer": Transformer.of,
}


def trainer(model: str, arrays: Arrays, inputs: NDArray[Any], labels: NDArray[Any]) -> Callable[[], Array]:
    """See the package."""
    optimizer = (
        optim.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY) if model == "transformer" else optim.adam(LEARNING_RATE)
    )

    def loss(params: Any, x: Array, y: Array) -> Array:
        return nn.cross_entropy(params(x), y)

    @eerie.jit(donate_argnums=(0, 1))
    def step(params: Any, state: Any, x: Array, y: Array) -> tuple[Any, Any, Array]:
        value, gradient = eerie.value_and_grad(loss)(params, x, y)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply(params, updates), state, value

    params: Any = _MODELS[model](arrays)
    state = optimizer.init(params)
    x, y = eerie.asarray(inputs), eerie.asarray(labels)
    step.explain(params, state, x, y)  # which compiles

    def call() -> Array:
        nonlocal params, state
        params, state, value = step(params, state, x, y)
        return value

    return call


def decoder(arrays: Arrays, caches: Caches) -> Callable[[Any, int], tuple[Any, Any]]:
    """See the package."""

    @eerie.jit(donate_argnums=(1,))
    def step(model: Transformer, held: Any, token: Array, place: Any) -> Any:
        logits, grown = model.decode(token, [nn.KVCache(keys, values, place) for keys, values in held])
        return eerie.argmax(logits, axis=-1), logits, [(c.keys, c.values) for c in grown]

    model = Transformer.of(arrays)
    held = [(eerie.asarray(keys), eerie.asarray(values)) for keys, values in caches]

    def call(token: Any, place: int) -> tuple[Any, Any]:
        nonlocal held
        token, logits, held = step(model, held, token, np.int32(place))
        return token, logits

    return call


def token(number: int) -> Array:
    """A batch of one token."""
    return eerie.asarray([number], dtype=eerie.int64)


def _linear(arrays: Arrays, name: str) -> nn.Linear:
    return nn.Linear(eerie.asarray(arrays[f"{name}.weight"]), eerie.asarray(arrays[f"{name}.bias"]))


def _norm(arrays: Arrays, name: str) -> nn.LayerNorm:
    return nn.LayerNorm(eerie.asarray(arrays[f"{name}.weight"]), eerie.asarray(arrays[f"{name}.bias"]))


def _convolution(arrays: Arrays, name: str) -> nn.Conv2d:
    weight = arrays[f"{name}.weight"].transpose(2, 3, 1, 0)
    return nn.Conv2d(eerie.asarray(weight), eerie.asarray(arrays[f"{name}.bias"]), padding="same")
