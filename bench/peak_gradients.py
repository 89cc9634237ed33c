"""Peak memory of value_and_grad beside its arguments: against JAX, and with checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.harness import Figure, Line
from bench.memory import reset_peak, status
from bench.process import alone


def run(budget: float) -> list[Line]:
    """The growth of a process of its own over one call; the program and its arguments are there before."""
    rows = 4096 if budget > 1 else 1024
    subjects = {
        f"a perceptron, {rows}×1024, 8 layers": ("perceptron", rows),
        f"attention, {rows // 256}×512×512, 8 heads": ("attention", rows // 256),
    }
    lines: list[Line] = []
    for title, (loss, size) in subjects.items():
        ours, theirs = (alone(_of_loss, library, loss, size).result() for library in ("eerie", "jax"))
        lines.append(Figure(f"peak memory of value_and_grad of {title}: over JAX's", ours / theirs, "", 1.2))
    plain, checked = (alone(_of_layers, 4 * rows, wrapped).result() for wrapped in (False, True))
    title = f"peak memory of grad of 16 layers of five operations, {4 * rows}×64: checkpoint / plain"
    lines.append(Figure(title, checked / plain, "", 0.5))
    return lines


def _of_loss(library: str, loss: str, size: int) -> int:
    from bench import gradients

    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape, np.float32) * np.float32(shape[-2] ** -0.5)

    if loss == "perceptron":
        params, data = [draw(1024, 1024) for _ in range(8)], [draw(size, 1024) for _ in range(2)]
    else:
        params, data = [draw(512, 512) for _ in range(4)], [draw(size, 512, 512) for _ in range(2)]
    function = getattr(gradients, loss)
    if library == "jax":
        import jax

        args = [jax.device_put(params), jax.device_put(data)]
        differentiated = jax.jit(jax.value_and_grad(lambda p, d: function(jax.numpy, p, d)))
        return _growth(differentiated.lower(*args).compile(), args)
    import eerie_dsl as eerie

    ours = eerie.jit(eerie.value_and_grad(lambda p, d: function(eerie, p, d)))
    return _compiled_growth(ours, [list(map(eerie.asarray, params)), list(map(eerie.asarray, data))])


def _of_layers(rows: int, wrapped: bool) -> int:
    import eerie_dsl as eerie

    def layer(x: Any, w: Any) -> Any:
        y = x @ w
        return eerie.tanh(eerie.sin(y) * eerie.exp(-y * y)) + x

    step = eerie.checkpoint(layer) if wrapped else layer

    def loss(weights: Sequence[Any], x: Any) -> Any:
        for w in weights:
            x = step(x, w)
        return eerie.sum(x * x)

    weights = [eerie.asarray(np.eye(64, dtype=np.float32) / 8) for _ in range(16)]
    return _compiled_growth(eerie.jit(eerie.value_and_grad(loss)), [weights, eerie.asarray(np.ones((rows, 64), "f4"))])


def _compiled_growth(function: Any, args: list[Any]) -> int:
    function.explain(*args)
    return _growth(function, args)


def _growth(function: Callable[..., Any], args: list[Any]) -> int:
    before = status("VmRSS")
    reset_peak()
    value, gradient = function(*args)
    for array in (value, *gradient):
        np.asarray(array)
    return status("VmHWM") - before
