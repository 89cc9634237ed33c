"""Layers and losses as compiled programs: what the reference gives. As few programs as possible, for their time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn, tree
from eerie_dsl.config import config

KEY = eerie.random.key(0)
RNG = np.random.default_rng(9)

LAYERS: dict[str, Any] = {
    "linear": nn.Linear.init(KEY, 8, 5),
    "layer norm": nn.LayerNorm.init(8),
    "rms norm": nn.RMSNorm.init(8),
    "group norm": nn.GroupNorm.init(8, 2),
    "rotary": nn.RotaryEmbedding(),
    "rotary of neighbours": nn.RotaryEmbedding(interleaved=True),
    "sequential": nn.Sequential(nn.Linear.init(KEY, 8, 16), eerie.gelu, nn.Linear.init(KEY, 16, 4, bias=False)),
    "attention": nn.MultiHeadAttention.init(
        KEY, 8, heads=4, kv_heads=2, causal=True, rotary=nn.RotaryEmbedding(), weight_init=nn.initializers.normal
    ),
}


def layers(layers: dict[str, Any], x: Any, tokens: Any, key: Any) -> dict[str, Any]:
    results = {name: layer(x) for name, layer in layers.items()}
    norm = nn.BatchNorm.init(8)
    results["batch norm"], state = norm(x, norm.state(), training=True)
    results["batch norm's state"] = state.mean + state.variance
    results["batch norm after training"] = norm(x, state)[0]
    results["dropout"] = nn.Dropout(0.3)(x, key=key)
    table = nn.Embedding(x[0])
    results["embedding"] = table(tokens)
    results["attend"] = table.attend(x)
    attention = layers["attention"]
    first, cache = attention(x[:, :2], cache=attention.cache(2, 6))
    last, cache = attention(x[:, 2:3], mask=eerie.arange(6) > 0, cache=cache)
    results |= {"first tokens": first, "next token": last, "cache": cache.keys}
    return results


def losses(x: Any, y: Any, labels: Any) -> dict[str, Any]:
    p = eerie.softmax(y)
    return {
        "cross entropy": nn.cross_entropy(x, labels),
        "cross entropy with all": nn.cross_entropy(
            x, labels, weight=p[0, 0], label_smoothing=0.1, ignore_index=2, reduction="none"
        ),
        "binary": nn.binary_cross_entropy(x, p, pos_weight=p[0, 0]),
        "mse": nn.mse_loss(x, y),
        "l1": nn.l1_loss(x, y, reduction="sum"),
        "huber": nn.huber_loss(x, y, delta=0.5),
        "kl": nn.kl_divergence(eerie.log_softmax(x), p),
        "cosine": nn.cosine_loss(x, y),
    }


X, Y = (RNG.normal(size=(2, 4, 8)).astype(np.float32) for _ in range(2))
TOKENS = np.array([[3, 0, 2, 2], [1, 1, 0, 3]], np.int32)


def everything(modules: dict[str, Any], x: Any, y: Any, tokens: Any, key: Any) -> dict[str, Any]:
    return layers(modules, x, tokens, key) | losses(x, y, tokens)


OPERANDS = (LAYERS, X, Y, TOKENS, KEY)


def test_compiled_values() -> None:
    compare(everything)


@pytest.mark.slow
def test_compiled_gradients() -> None:
    def total(*operands: Any) -> Any:
        # Weights of all kinds, so that no term of a gradient cancels out.
        results = tree.leaves(everything(*operands))
        return sum(eerie.sum(eerie.ravel(r) * eerie.cos(eerie.arange(float(r.size)))) for r in results)

    compare(eerie.grad(total, argnums=(0, 1, 2)))


def compare(function: Callable[..., Any]) -> None:
    results = []
    for mode in ("compiled", "reference"):
        with config(evaluation=mode):
            results.append(tree.map(lambda a: a.numpy(), eerie.jit(function)(*OPERANDS)))
    got, want = results
    for path, g, w in zip(tree.paths(got), tree.leaves(got), tree.leaves(want), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5, err_msg=path)
