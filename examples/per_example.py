"""Wrong labels found by each example's own gradient, ``vmap(grad(f))``: ``python -m examples.per_example``."""

from __future__ import annotations

from typing import Any

import numpy as np

import eerie_dsl as eerie

STEPS, RATE = 60, 0.5


def loss(weights: dict[str, Any], point: Any, label: Any) -> Any:
    """How surprised a small network is by the label of one point, (2,): 0-d."""
    hidden = eerie.tanh(point @ weights["inner"] + weights["shift"])
    scores = hidden @ weights["outer"]
    return eerie.logsumexp(scores) - scores[label]


@eerie.jit
def step(weights: dict[str, Any], points: Any, labels: Any) -> dict[str, Any]:
    """Weights after a step against the mean of the gradients."""
    total = eerie.grad(lambda w: eerie.mean(eerie.vmap(loss, in_axes=(None, 0, 0))(w, points, labels)))(weights)
    return eerie.tree.map(lambda w, g: w - RATE * g, weights, total)  # type: ignore[no-any-return]


@eerie.jit
def pulls(weights: dict[str, Any], points: Any, labels: Any) -> Any:
    """How strongly each example pulls at the weights: the length of its own gradient, (n,)."""
    each = eerie.vmap(eerie.grad(loss), in_axes=(None, 0, 0))(weights, points, labels)
    squares = [eerie.sum(g.reshape((len(points), -1)) ** 2, axis=1) for g in eerie.tree.leaves(each)]
    return eerie.sqrt(eerie.sum(eerie.stack(squares), axis=0))


def moons(count: int = 400, wrong: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points on two half circles, (n, 2), the labels that they were given, and which of those are wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    angles = rng.uniform(0, np.pi, count) + np.pi * labels
    points = np.stack([np.cos(angles) + labels, np.sin(angles) + 0.3 * labels], 1) + 0.1 * rng.normal(size=(count, 2))
    mistaken = rng.choice(count, wrong, replace=False)
    labels[mistaken] = 1 - labels[mistaken]
    return points.astype(np.float32), labels, mistaken


def suspects(points: Any, labels: Any, count: int) -> Any:
    """The examples that pull the most at a network that was trained on all of them."""
    rng = np.random.default_rng(3)
    shapes = {"inner": (2, 16), "shift": (16,), "outer": (16, 2)}
    weights: Any = {k: eerie.asarray(rng.normal(size=s).astype(np.float32)) for k, s in shapes.items()}
    for _ in range(STEPS):
        weights = step(weights, points, labels)
    return eerie.topk(pulls(weights, points, labels), count)[1]


def main() -> None:
    points, labels, mistaken = moons()
    found = suspects(eerie.asarray(points), eerie.asarray(labels), len(mistaken)).tolist()
    print(f"wrong labels   {sorted(mistaken.tolist())}")
    print(f"suspected      {sorted(found)}")
    print(f"{len(set(found) & set(mistaken.tolist()))} of {len(mistaken)} found")


if __name__ == "__main__":
    main()
