"""A chain of elementwise operations, which is where fusion pays: tanh(a*b)+a on 1024×1024 f32."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
import torch

import eerie_dsl as eerie
from bench.harness import EERIE, Contender, Line, race


def run(budget: float) -> list[Line]:
    """Against JAX, PyTorch eager and NumPy, each on arrays of its own."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((1024, 1024), np.float32) for _ in range(2))

    def chain(library: Any, x: Any, y: Any) -> Any:
        return library.tanh(x * y) + x

    ours = eerie.jit(lambda x, y: chain(eerie, x, y))
    theirs = jax.jit(lambda x, y: chain(jax.numpy, x, y))
    their_arrays = jax.device_put(a), jax.device_put(b)
    return race(
        [
            Contender(EERIE, partial(ours, eerie.asarray(a), eerie.asarray(b))),
            Contender("JAX", lambda: theirs(*their_arrays).block_until_ready()),
            Contender("PyTorch eager", partial(chain, torch, torch.from_numpy(a), torch.from_numpy(b))),
            Contender("NumPy", partial(chain, np, a, b)),
        ],
        chain(np, a, b),
        budget=budget,
        rtol=1e-4,
        atol=1e-5,
    ).ratios("tanh(a*b)+a, 1024×1024", {"JAX": 1.5})
