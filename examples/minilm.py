"""all-MiniLM-L6-v2, a sentence transformer of six layers: the model, its weights, and sentences in.

A model is a tree of layers whose leaves are arrays. It is called like a function and passed like an array.

Sizes in the comments: n sentences of l tokens, h = 384 features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from iree.runtime import Tokenizer

import eerie_dsl as eerie
from eerie_dsl import Array, nn
from eerie_dsl.interop import safetensors

PADDING = 0
"""The token that fills a row up."""

LONGEST = 128
"""Tokens of a sentence that are read, unless one says otherwise."""


@nn.module
class Block:
    attention: nn.MultiHeadAttention
    attention_norm: nn.LayerNorm
    expand: nn.Linear  # (4h, h)
    contract: nn.Linear  # (h, 4h)
    output_norm: nn.LayerNorm

    def __call__(self, x: Array, mask: Array) -> Array:  # (n, l, h), (n, l) -> (n, l, h)
        x = self.attention_norm(x + self.attention(x, mask=mask[:, None, None, :]))
        return self.output_norm(x + self.contract(eerie.gelu(self.expand(x))))


@nn.module
class Encoder:
    words: nn.Embedding  # (30522, h)
    positions: nn.Embedding  # (512, h)
    types: nn.Embedding  # (2, h)
    norm: nn.LayerNorm
    blocks: tuple[Block, ...]

    def __call__(self, tokens: Array) -> Array:  # (n, l) integers -> (n, h), of length one
        return pool(self.hidden(tokens), tokens != PADDING)

    def hidden(self, tokens: Array) -> Array:  # (n, l) -> (n, l, h)
        x = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]] + self.types.weight[0])
        for block in self.blocks:
            x = block(x, tokens != PADDING)
        return x


def pool(x: Array, mask: Array) -> Array:
    """The mean of what is not padding, brought to length one: (n, l, h) and (n, l) to (n, h)."""
    present = eerie.astype(mask, x.dtype)[..., None]  # (n, l, 1)
    mean = eerie.sum(x * present, axis=1) / eerie.sum(present, axis=1)
    return mean / eerie.sqrt(eerie.sum(mean * mean, axis=-1, keepdims=True))


def load_encoder(directory: Path) -> Encoder:
    """The model in ``model.safetensors`` and ``config.json``."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    tensors = safetensors.load(directory / "model.safetensors")
    heads = config["num_attention_heads"]

    def linear(name: str) -> nn.Linear:
        return nn.Linear(tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def norm(name: str) -> nn.LayerNorm:
        return nn.LayerNorm(tensors[f"{name}.weight"], tensors[f"{name}.bias"], config["layer_norm_eps"])

    def embedding(name: str) -> nn.Embedding:
        return nn.Embedding(tensors[f"embeddings.{name}_embeddings.weight"])

    def block(name: str) -> Block:
        query, key, value = (linear(f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        output = linear(f"{name}.attention.output.dense")
        return Block(
            attention=nn.MultiHeadAttention(query, key, value, output, heads=heads, kv_heads=heads),
            attention_norm=norm(f"{name}.attention.output.LayerNorm"),
            expand=linear(f"{name}.intermediate.dense"),
            contract=linear(f"{name}.output.dense"),
            output_norm=norm(f"{name}.output.LayerNorm"),
        )

    return Encoder(
        words=embedding("word"),
        positions=embedding("position"),
        types=embedding("token_type"),
        norm=norm("embeddings.LayerNorm"),
        blocks=tuple(block(f"encoder.layer.{i}") for i in range(config["num_hidden_layers"])),
    )


def tokenize(tokenizer: Tokenizer, sentences: Sequence[str], *, longest: int = LONGEST) -> np.ndarray:
    """Sentences as rows of tokens, padded to a power of two: each shape is a program of its own.

    Args:
        tokenizer: that of the model.
        sentences: of which tokens after the first ``longest`` are left out.
        longest: at least 16.

    Returns:
        (sentences, tokens) int32.
    """
    rows = [tokenizer.encode(s, add_special_tokens=True) for s in sentences]
    rows = [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]  # the last one ends it
    length = max(16, 1 << (max(map(len, rows)) - 1).bit_length())
    return np.array([row + [PADDING] * (length - len(row)) for row in rows], np.int32)


@eerie.jit
def embed(encoder: Encoder, tokens: Array) -> Array:
    """Embeddings of tokenized sentences: (n, l) integers to (n, h), each of length one."""
    return encoder(tokens)
