"""The examples of transforms find what they look for."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from examples import newton, per_example


def test_newton(capsys: pytest.CaptureFixture[str]) -> None:
    features, labels, _ = newton.survey(300, 4)
    weights, sizes = newton.fit(eerie.asarray(features), eerie.asarray(labels))
    guess = 1 / (1 + np.exp(-features @ weights.numpy()))
    slope = features.T @ (guess - labels) + 2 * newton.PENALTY * weights.numpy()
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    assert sizes[5] < 1e-6 * sizes[0]
    newton.main()
    assert "step 0" in capsys.readouterr().out


def test_gradients_of_examples_add_up() -> None:
    points, labels, _ = per_example.moons(20, 2)
    rng = np.random.default_rng(0)
    weights = {"inner": rng.normal(size=(2, 3)), "shift": rng.normal(size=3), "outer": rng.normal(size=(3, 2))}
    with config(evaluation="reference"):
        found = per_example.pulls(weights, points, labels).numpy()
        for k in range(len(points)):
            one = eerie.grad(per_example.loss)(weights, points[k], eerie.asarray(int(labels[k])))
            size = np.sqrt(sum(np.sum(g.numpy() ** 2) for g in one.values()))
            np.testing.assert_allclose(found[k], size, rtol=1e-5)


def test_per_example(capsys: pytest.CaptureFixture[str]) -> None:
    per_example.main()
    compiled = capsys.readouterr().out
    assert compiled.endswith("10 of 12 found\n")
    with config(evaluation="reference"):
        per_example.main()
    assert capsys.readouterr().out == compiled
