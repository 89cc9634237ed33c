"""What a call of a jitted function costs when there is nothing to compute: a 16×16 f32 addition."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Line, race


def run(budget: float) -> list[Line]:
    """Against JAX; Eerie runs work of this size on the calling thread, so its call returns a finished result."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((16, 16), np.float32) for _ in range(2))

    def add(x: Any, y: Any) -> Any:
        return x + y

    ours, theirs = eerie.jit(add), jax.jit(add)
    our_call = partial(ours, eerie.asarray(a), eerie.asarray(b))
    their_call = partial(theirs, jax.device_put(a), jax.device_put(b))
    task = "call of a jitted 16×16 add"
    targets = {"JAX": 1 / 0.8}

    dispatched = race([Contender(EERIE, our_call), Contender("JAX", their_call)], a + b, budget=budget)
    completed = race(
        [Contender(EERIE, our_call), Contender("JAX", lambda: their_call().block_until_ready())], a + b, budget=budget
    )
    numpy = race(
        [
            Contender(EERIE, lambda: ours(a, b).numpy()),
            Contender("JAX", lambda: np.asarray(theirs(a, b))),
            Contender("NumPy", partial(np.add, a, b)),
        ],
        a + b,
        budget=budget,
    )
    return [
        *dispatched.ratios(f"{task}, until it returns", targets),
        *completed.ratios(f"{task}, until it is computed", targets),
        *numpy.ratios(f"{task}, NumPy in, NumPy out", {"JAX": 1.0}),
    ]
