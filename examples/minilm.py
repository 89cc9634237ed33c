"""all-MiniLM-L6-v2, a sentence transformer of six layers: the model, its weights, and sentences in.

A model is a tree: frozen dataclasses whose leaves are arrays. It is called like a function and passed like an array.

Sizes in the comments: n sentences of l tokens, h = 384 features, a = 12 attention heads of s = 32 features.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from iree.runtime import Tokenizer
from safetensors.numpy import load_file

import eerie_dsl as eerie
from eerie_dsl import Array, tree

PADDING = 0
"""The token that fills a row up."""

LONGEST = 128
"""Tokens of a sentence that are read."""


@tree.register
@dataclass(frozen=True)
class Linear:
    weight: Array  # (out, in)
    bias: Array  # (out,)

    def __call__(self, x: Array) -> Array:  # (..., in) -> (..., out)
        return x @ self.weight.mT + self.bias


@tree.register
@dataclass(frozen=True)
class LayerNorm:
    weight: Array  # (h,)
    bias: Array  # (h,)
    eps: float = tree.static(default=1e-12)

    def __call__(self, x: Array) -> Array:  # (n, l, h) -> (n, l, h)
        return eerie.layer_norm(x, self.weight, self.bias, eps=self.eps)


@tree.register
@dataclass(frozen=True)
class Attention:
    query: Linear  # (h, h)
    key: Linear  # (h, h)
    value: Linear  # (h, h)
    output: Linear  # (h, h)
    heads: int = tree.static()

    def __call__(self, x: Array, mask: Array) -> Array:  # (n, l, h), (n, l) -> (n, l, h)
        size = x.shape[-1] // self.heads
        split = *x.shape[:-1], self.heads, size  # (n, l, a, s)
        query, key, value = (eerie.reshape(part(x), split) for part in (self.query, self.key, self.value))
        scores = eerie.einsum("nqas,nkas->naqk", query, key) / math.sqrt(size)  # (n, a, l, l)
        weights = eerie.softmax(eerie.where(mask[:, None, None, :], scores, -math.inf))
        mixed = eerie.einsum("naqk,nkas->nqas", weights, value)  # (n, l, a, s)
        return self.output(eerie.reshape(mixed, x.shape))


@tree.register
@dataclass(frozen=True)
class Block:
    attention: Attention
    attention_norm: LayerNorm
    expand: Linear  # (4h, h)
    contract: Linear  # (h, 4h)
    output_norm: LayerNorm

    def __call__(self, x: Array, mask: Array) -> Array:  # (n, l, h), (n, l) -> (n, l, h)
        x = self.attention_norm(x + self.attention(x, mask))
        return self.output_norm(x + self.contract(eerie.gelu(self.expand(x))))


@tree.register
@dataclass(frozen=True)
class Encoder:
    words: Array  # (30522, h)
    positions: Array  # (512, h)
    types: Array  # (2, h)
    norm: LayerNorm
    blocks: tuple[Block, ...]

    def __call__(self, tokens: Array) -> Array:  # (n, l) integers -> (n, h), of length one
        mask = tokens != PADDING
        x = self.norm(self.words[tokens] + self.positions[: tokens.shape[1]] + self.types[0])
        for block in self.blocks:
            x = block(x, mask)
        present = eerie.astype(mask, x.dtype)[..., None]  # (n, l, 1)
        mean = eerie.sum(x * present, axis=1) / eerie.sum(present, axis=1)
        return mean / eerie.sqrt(eerie.sum(mean * mean, axis=-1, keepdims=True))


def load_encoder(directory: Path) -> Encoder:
    """The model in ``model.safetensors`` and ``config.json``."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    tensors = {name: eerie.asarray(value) for name, value in load_file(directory / "model.safetensors").items()}

    def linear(name: str) -> Linear:
        return Linear(tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def norm(name: str) -> LayerNorm:
        return LayerNorm(tensors[f"{name}.weight"], tensors[f"{name}.bias"], config["layer_norm_eps"])

    def block(name: str) -> Block:
        query, key, value = (linear(f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        output = linear(f"{name}.attention.output.dense")
        return Block(
            attention=Attention(query, key, value, output, heads=config["num_attention_heads"]),
            attention_norm=norm(f"{name}.attention.output.LayerNorm"),
            expand=linear(f"{name}.intermediate.dense"),
            contract=linear(f"{name}.output.dense"),
            output_norm=norm(f"{name}.output.LayerNorm"),
        )

    return Encoder(
        words=tensors["embeddings.word_embeddings.weight"],
        positions=tensors["embeddings.position_embeddings.weight"],
        types=tensors["embeddings.token_type_embeddings.weight"],
        norm=norm("embeddings.LayerNorm"),
        blocks=tuple(block(f"encoder.layer.{i}") for i in range(config["num_hidden_layers"])),
    )


def tokenize(tokenizer: Tokenizer, sentences: Sequence[str]) -> np.ndarray:
    """Sentences as rows of tokens, padded to a power of two: each shape is a program of its own.

    Returns:
        (sentences, tokens) int32.
    """
    rows = [tokenizer.encode(s, add_special_tokens=True) for s in sentences]
    rows = [row if len(row) <= LONGEST else [*row[: LONGEST - 1], row[-1]] for row in rows]  # the last one ends it
    length = max(16, 1 << (max(map(len, rows)) - 1).bit_length())
    return np.array([row + [PADDING] * (length - len(row)) for row in rows], np.int32)


@eerie.jit
def embed(encoder: Encoder, tokens: Array) -> Array:
    """Embeddings of tokenized sentences: (n, l) integers to (n, h), each of length one."""
    return encoder(tokens)
