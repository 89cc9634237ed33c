"""Value and gradient of a loss: a perceptron of four layers, and attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import torch
from numpy.typing import NDArray

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Line, race

Loss = Callable[[Any, Sequence[Any], Sequence[Any]], Any]

_HEADS = 8


def run(budget: float) -> list[Line]:
    """Against JAX, and PyTorch eager and compiled, on the same function written once."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, np.float32) * np.float32(shape[0] ** -0.5)

    layers = [draw(784, 512), draw(512, 512), draw(512, 512), draw(512, 10)]
    images = [rng.standard_normal((256, 784), np.float32), np.eye(10, dtype=np.float32)[rng.integers(10, size=256)]]
    projections = [draw(256, 256) for _ in range(4)]
    words = [rng.standard_normal((8, 128, 256), np.float32), rng.standard_normal((8, 128, 256), np.float32)]
    return [
        *_race("value and gradient of a perceptron, 256×784-512-512-512-10", perceptron, layers, images, budget),
        *_race("value and gradient of attention, 8×128×256, 8 heads", attention, projections, words, budget),
    ]


def perceptron(xp: Any, layers: Sequence[Any], data: Sequence[Any]) -> Any:
    """Cross entropy of four layers."""
    x, wanted = data
    for weight in layers[:-1]:
        x = xp.tanh(x @ weight)
    scores = x @ layers[-1]
    scores = scores - xp.log(xp.sum(xp.exp(scores), -1)).reshape((-1, 1))
    return -xp.sum(scores * wanted) / wanted.shape[0]


def attention(xp: Any, projections: Sequence[Any], data: Sequence[Any]) -> Any:
    """Mean squared error of self-attention with four projections."""
    x, wanted = data
    batch, length, width = x.shape

    def heads(weight: Any) -> Any:
        return (x @ weight).reshape((batch, length, _HEADS, width // _HEADS)).swapaxes(1, 2)

    queries, keys, values = (heads(w) for w in projections[:3])
    scores = xp.exp(queries @ keys.swapaxes(2, 3) / (width // _HEADS) ** 0.5)
    mixed = scores @ values / xp.sum(scores, -1).reshape((batch, _HEADS, length, 1))
    mixed = mixed.swapaxes(1, 2).reshape((batch, length, width))
    return xp.mean((mixed @ projections[3] - wanted) ** 2)


def _race(task: str, loss: Loss, params: list[Any], data: list[Any], budget: float) -> list[Line]:
    ours = eerie.jit(eerie.value_and_grad(lambda p, d: loss(eerie, p, d)))
    our_args = [list(map(eerie.asarray, params)), list(map(eerie.asarray, data))]
    theirs = jax.jit(jax.value_and_grad(lambda p, d: loss(jax.numpy, p, d)))
    their_args = [list(map(jax.device_put, params)), list(map(jax.device_put, data))]
    tensors, fixed = [torch.from_numpy(p.copy()).requires_grad_() for p in params], list(map(torch.from_numpy, data))
    compiled = torch.compile(lambda p, d: loss(torch, p, d))

    def backward(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
        value = function(tensors, fixed)
        return value, torch.autograd.grad(value, tensors)

    def flat(result: Any) -> NDArray[np.float32]:
        value, gradient = result
        parts = [value, *gradient]
        return np.concatenate([np.asarray(p.detach() if hasattr(p, "detach") else p).reshape(-1) for p in parts])

    contenders = [
        Contender(EERIE, lambda: ours(*our_args), flat),
        Contender("JAX", lambda: jax.block_until_ready(theirs(*their_args)), flat),
        Contender("PyTorch eager", lambda: backward(lambda p, d: loss(torch, p, d)), flat),
        Contender("PyTorch compile", lambda: backward(compiled), flat),
    ]
    found = race(contenders, flat(ours(*our_args)), budget=budget, rtol=1e-3, atol=1e-5)
    return found.ratios(task, {"JAX": 1.0, "PyTorch eager": 1.0})
