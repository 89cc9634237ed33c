"""A transformer learns to write Python's manual, character by character: ``python -m examples.characters [PROMPT]``.

It is trained on the help texts that come with Python, and then writes on from a prompt. Sizes in the comments:
n sequences of l tokens, v different characters, h features.
"""

from __future__ import annotations

import math
import sys
import time
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import Array, nn, optim, train

PROMPT = "The for statement is used to "
TEXT = "\n\n".join(topics[name] for name in sorted(topics))
LENGTH = 256
"""Characters that the model sees at once."""
TEMPERATURE = 0.7
LETTERS = sorted(set(TEXT))
"""A token is the number of a character in this list."""


def tokens(text: str) -> np.ndarray:
    """(l,) int32."""
    numbers = {letter: number for number, letter in enumerate(LETTERS)}
    return np.array([numbers[letter] for letter in text], np.int32)


@nn.module
class Block:
    attention_norm: nn.RMSNorm
    attention: nn.MultiHeadAttention
    hidden_norm: nn.RMSNorm
    expand: nn.Linear
    contract: nn.Linear

    @classmethod
    def init(cls, key: Array, features: int, heads: int) -> Block:
        first, second, third = eerie.random.split(key, 3)
        return cls(
            nn.RMSNorm.init(features),
            nn.MultiHeadAttention.init(first, features, heads=heads, causal=True, rotary=nn.RotaryEmbedding()),
            nn.RMSNorm.init(features),
            nn.Linear.init(second, features, 4 * features),
            nn.Linear.init(third, 4 * features, features),
        )

    def __call__(self, x: Array, cache: nn.KVCache | None = None) -> tuple[Array, nn.KVCache | None]:
        if cache is None:
            x = x + self.attention(self.attention_norm(x))
        else:
            mixed, cache = self.attention(self.attention_norm(x), cache=cache)
            x = x + mixed
        return x + self.contract(eerie.gelu(self.expand(self.hidden_norm(x)))), cache


@nn.module
class Writer:
    letters: nn.Embedding  # (v, h): what goes in, and by the same table what comes out
    blocks: tuple[Block, ...]
    norm: nn.RMSNorm

    @classmethod
    def init(cls, key: Array, *, features: int = 128, heads: int = 4, layers: int = 3) -> Writer:
        first, *others = eerie.random.split(key, layers + 1)
        letters = nn.Embedding.init(first, len(LETTERS), features)
        blocks = tuple(Block.init(k, features, heads) for k in others)
        return cls(letters, blocks, nn.RMSNorm.init(features))

    def __call__(self, tokens: Array, caches: Any = None) -> tuple[Array, Any]:
        """Logits of the tokens that come next, (n, l) to (n, l, v), and the caches, of which each block has one."""
        x = self.letters(tokens)
        after = []
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks), strict=True):
            x, cache = block(x, cache)
            after.append(cache)
        return self.letters.attend(self.norm(x)), after


class Training(NamedTuple):
    model: Writer
    bits: list[float]
    """Per character, means of some steps at a time; in the first epoch of text that is new to the model."""
    step: Any


def learn(
    model: Writer, text: str, *, epochs: int = 1, length: int = LENGTH, batch: int = 4, every: int = 50
) -> Training:
    """Train on windows of a text."""
    known = tokens(text)
    windows = known[: len(known) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    batches = train.batches(windows, batch, eerie.random.key(1))
    steps = epochs * len(batches)
    rate = optim.cosine(3e-3, steps=steps, warmup=steps // 10)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(rate, betas=(0.9, 0.98), weight_decay=0.1))

    @eerie.jit(donate_argnums=(0, 1))
    def step(model: Writer, state: Any, windows: Any, weight: Any) -> tuple[Writer, Any, Array]:
        def loss(model: Writer) -> Array:
            logits, _ = model(windows[:, :-1])
            losses = nn.cross_entropy(logits, windows[:, 1:], reduction="none")
            return eerie.average(eerie.mean(losses, axis=1), weights=weight)

        value, gradient = eerie.value_and_grad(loss)(model)
        updates, state = optimizer.update(gradient, state, model)
        return optim.apply(model, updates), state, value / math.log(2)

    state, recent, bits = optimizer.init(model), [], []
    for epoch in range(epochs):
        for windows, weight in batches(epoch):
            model, state, value = step(model, state, windows, weight)
            recent.append(value)
            if len(recent) == every:
                bits.append(float(np.mean(recent)))
                recent.clear()
                print(f"  {every * len(bits):4} of {steps} steps  {bits[-1]:.2f} bits per character", flush=True)
    return Training(model, bits, step)


@eerie.jit(donate_argnums=2)
def decode(model: Writer, token: Array, caches: list[nn.KVCache], key: Array) -> tuple[Array, Array, list[nn.KVCache]]:
    """One token further, whichever it is: logits of the next one, (1, 1, v), one that is drawn, (1, 1), the caches."""
    key = eerie.random.fold_in(key, caches[0].length)
    logits, caches = model(token, caches)
    drawn = eerie.random.categorical(logits / TEMPERATURE, key=key)
    return logits, eerie.astype(drawn, eerie.int32), caches


def write(model: Writer, prompt: str, *, count: int, key: Array) -> str:
    """The prompt and ``count`` characters more."""
    text = list(tokens(prompt)[:, None, None])
    caches = [block.attention.cache(1, len(prompt) + count) for block in model.blocks]
    for i in range(len(prompt) + count - 1):
        _, drawn, caches = decode(model, text[i], caches, key)
        if i + 1 == len(text):
            text.append(drawn)
    return "".join(LETTERS[token.item()] for token in text)


def main(prompt: str = PROMPT, *, text: str = TEXT, layers: int = 3) -> None:
    if not 0 < len(prompt) < LENGTH or not set(prompt) <= set(LETTERS):
        sys.exit(f"The prompt has 1 to {LENGTH - 1} characters, all of which are in the manual.")
    model = Writer.init(eerie.random.key(0), layers=layers)
    size = sum(leaf.size for leaf in eerie.tree.leaves(model))
    print(f"Characters  {len(text)} of the manual, {len(LETTERS)} different ones, {size} parameters")
    start = time.perf_counter()
    model, _, step = learn(model, text)
    print(f"  {time.perf_counter() - start:.0f} s, {step.traces} program\n")

    start = time.perf_counter()
    written = write(model, prompt, count=LENGTH - len(prompt), key=eerie.random.key(2))
    seconds = time.perf_counter() - start
    print(written)
    print(f"\n  {1e3 * seconds / len(written):.1f} ms per character, {decode.traces} program for all of them")


if __name__ == "__main__":
    main(*sys.argv[1:])
