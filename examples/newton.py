"""Fit a logistic regression by Newton's method, with `hessian`: ``python -m examples.newton``."""

from __future__ import annotations

from typing import Any

import numpy as np

import eerie_dsl as eerie

PENALTY = 0.1


def loss(weights: Any, features: Any, labels: Any) -> Any:
    """How badly weights, (n,), explain which rows of features, (m, n), are labelled 1 rather than 0: 0-d."""
    scores = features @ weights
    return eerie.sum(eerie.softplus(scores) - labels * scores) + PENALTY * eerie.sum(weights**2)


gradient = eerie.jit(eerie.grad(loss))
curvature = eerie.jit(eerie.hessian(loss))


def fit(features: Any, labels: Any, *, steps: int = 8) -> tuple[Any, list[float]]:
    """The weights where the loss is least, and the size of the gradient before each step."""
    weights = eerie.zeros(features.shape[1], dtype=eerie.float64)
    sizes: list[float] = []
    for _ in range(steps):
        slope = gradient(weights, features, labels)
        sizes.append(float(eerie.linalg.vector_norm(slope)))
        weights = weights - eerie.linalg.solve(curvature(weights, features, labels), slope)
    return weights, sizes


def survey(people: int = 2000, questions: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers, what follows from them by chance, and the weights that made it so."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(people, questions))
    truth = rng.normal(size=questions)
    return features, (rng.random(people) < 1 / (1 + np.exp(-features @ truth))).astype(float), truth


def main() -> None:
    features, labels, truth = survey()
    weights, sizes = fit(eerie.asarray(features), eerie.asarray(labels))
    for step, size in enumerate(sizes):
        print(f"step {step}   gradient {size:.1e}")
    print(f"\nat most {np.max(np.abs(weights.numpy() - truth)):.2f} from the weights that made the data")


if __name__ == "__main__":
    main()
