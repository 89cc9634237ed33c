"""Handwritten digits, read by two networks: ``python -m examples.digits_training [DIRECTORY]``.

With a directory, the curves of the losses are drawn there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import eerie_dsl as eerie
from eerie_dsl import Array, nn, optim, train

TESTED = 450
BATCH = 64


def examples() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Digits to learn from and digits to be tested with: images (n, 8, 8, 1) from 0 to 1, and labels (n,)."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    image = (digits.images[order, :, :, None] / 16.0).astype(np.float32)
    label = digits.target[order].astype(np.int32)
    return {"image": image[TESTED:], "label": label[TESTED:]}, {"image": image[:TESTED], "label": label[:TESTED]}


def flatten(x: Array) -> Array:
    return eerie.reshape(x, (x.shape[0], -1))


def perceptron(key: Array) -> nn.Sequential:
    """Two linear layers."""
    first, second = eerie.random.split(key)
    hidden, output = nn.Linear.init(first, 64, 512), nn.Linear.init(second, 512, 10)
    return nn.Sequential(flatten, hidden, eerie.relu, nn.Dropout(0.5), output)


def convolutional(key: Array) -> nn.Sequential:
    """Two convolutions, each followed by a pooling that halves the image: 8, 4, 2 pixels wide."""
    first, second, third = eerie.random.split(key, 3)
    return nn.Sequential(
        nn.Conv2d.init(first, 1, 16, 3, padding="same"),
        eerie.relu,
        nn.MaxPool(2),
        nn.Conv2d.init(second, 16, 32, 3, padding="same"),
        eerie.relu,
        nn.MaxPool(2),
        flatten,
        nn.Dropout(0.3),
        nn.Linear.init(third, 2 * 2 * 32, 10),
    )


def stepping(optimizer: optim.Optimizer) -> Any:
    """A training step: from the state, a batch and the weights of its examples to the next state and the loss."""

    @eerie.jit(donate_argnums=0)
    def step(state: dict[str, Any], batch: dict[str, Array], weight: Array) -> tuple[dict[str, Any], dict[str, Array]]:
        key, noise = eerie.random.split(state["key"])

        def loss(model: nn.Sequential) -> Array:
            losses = nn.cross_entropy(model(batch["image"], key=noise), batch["label"], reduction="none")
            return eerie.average(losses, weights=weight)

        value, gradient = eerie.value_and_grad(loss)(state["model"])
        updates, moments = optimizer.update(gradient, state["moments"], state["model"])
        return {"model": optim.apply(state["model"], updates), "moments": moments, "key": key}, {"loss": value}

    return step


@eerie.jit
def judge(model: nn.Sequential, batch: dict[str, Any]) -> tuple[Array, Array]:
    """The loss, and the share of digits that are read rightly."""
    logits = model(batch["image"])
    right = eerie.argmax(logits, axis=-1) == batch["label"]
    return nn.cross_entropy(logits, batch["label"]), eerie.mean(eerie.astype(right, eerie.float32))


def learn(model: nn.Sequential, key: Array, *, epochs: int) -> tuple[train.History, Any]:
    """How the training went, and the step that it compiled."""
    training, testing = examples()
    batches = train.batches(training, BATCH, eerie.random.fold_in(key, 0))
    steps = epochs * len(batches)
    optimizer = optim.adamw(optim.cosine(4e-3, steps=steps, warmup=steps // 20), weight_decay=0.01)
    state = {"model": model, "moments": optimizer.init(model), "key": eerie.random.fold_in(key, 1)}

    def evaluate(state: dict[str, Any]) -> dict[str, Array]:
        loss, accuracy = judge(state["model"], testing)
        return {"loss": loss, "accuracy": accuracy}

    step = stepping(optimizer)
    return train.fit(step, state, batches, epochs=epochs, evaluate=evaluate, progress=False), step


def main(out: Path | None = None, *, epochs: int = 40) -> None:
    for name, network in (("perceptron", perceptron), ("convolutional", convolutional)):
        start = time.perf_counter()
        model = network(eerie.random.key(0))
        size = sum(leaf.size for leaf in eerie.tree.leaves(model))
        history, step = learn(model, eerie.random.key(1), epochs=epochs)
        seconds = time.perf_counter() - start
        print(
            f"{name:14}{size:6} parameters, {history.evaluation['accuracy'][-1]:.1%} of {TESTED} digits right", end=""
        )
        print(f" after {epochs} epochs, {history.steps} steps of {step.traces} program, {seconds:.1f} s")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            history.plot(out / f"{name}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
