"""Sizes that differ from call to call: a perceptron over 50 batch sizes."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Figure, Line, race

SIZES = range(1, 51)


def perceptron(xp: Any, x: Any, layers: Any) -> Any:
    """Two layers and a softmax."""
    scores = xp.tanh(x @ layers[0]) @ layers[1]
    powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)


def run(budget: float) -> list[Line]:
    """How many programs 50 sizes need, and what one for all costs against one for each: Eerie's and JAX's."""
    rng = np.random.default_rng(0)
    layers = [rng.standard_normal(s, np.float32) * np.float32(0.05) for s in ((784, 512), (512, 10))]
    batches = [rng.standard_normal((n, 784), np.float32) for n in SIZES]
    batch = eerie.Dim("batch", min=1, max=64)
    forms = {
        EERIE: eerie.jit(lambda x, w: perceptron(eerie, x, w), dims={"x": {0: batch}}),
        "Eerie, a program for each size": eerie.jit(lambda x, w: perceptron(eerie, x, w), dims={}),
    }
    weights = list(map(eerie.asarray, layers))
    theirs, their_weights = jax.jit(lambda x, w: perceptron(jax.numpy, x, w)), jax.device_put(layers)
    expected = np.concatenate([perceptron(np, x, layers) for x in batches])

    def all_of(function: Any, weights: Any) -> Any:
        return [function(x, weights) for x in batches]

    contenders = [
        *(Contender(n, lambda f=f: all_of(f, weights), np.concatenate) for n, f in forms.items()),  # type: ignore[misc]
        Contender("JAX", lambda: jax.block_until_ready(all_of(theirs, their_weights)), np.concatenate),
    ]
    found = race(contenders, expected, budget=budget, rtol=1e-3, atol=1e-5)
    return [
        *found.ratios("a perceptron 784-512-10 on 50 batches of 1 to 50, with a Dim", {}),
        Figure("programs compiled for 50 batch sizes with a Dim", forms[EERIE].traces, limit=1),
    ]
