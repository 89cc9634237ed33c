"""Peak memory of tanh(a*b)+a, as a multiple of what its inputs and its result take."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bench.harness import EERIE, Figure, Line
from bench.process import alone


def run(budget: float) -> list[Line]:
    """On arrays large enough that the process itself does not count; for Eerie and its peers alike."""
    size = 8192 if budget > 1 else 4096
    lines: list[Line] = []
    for name, prepare in _PREPARATIONS.items():
        factor = alone(_factor, prepare, size).result()
        what = f"peak memory of tanh(a*b)+a, {size}×{size}, over inputs + result: {name}"
        lines.append(Figure(what, factor, "", 1.1 if name == EERIE else None))
    return lines


def _factor(prepare: Callable[[], tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]], size: int) -> float:
    """Growth of the process's peak memory over the call and its arrays, over the size of these arrays."""
    put, call = prepare()
    small = put(np.ones((64, 64), np.float32))
    np.asarray(call(small, small))  # threads, and what is imported late
    before = status("VmRSS")
    # The second array is another one, or it would be the same memory.
    a, b = (put(np.full((size, size), value, np.float32)) for value in (0.5, 0.25))
    np.asarray(call(a, b))  # compiles, which is not what is measured here
    reset_peak()
    np.asarray(call(a, b))
    return (status("VmHWM") - before) / (3 * size * size * 4)


def reset_peak() -> None:
    """Let the peak, ``VmHWM``, begin at what is in use."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
        reset.write("5")


def status(field: str) -> int:
    """Bytes of this process's memory: ``VmRSS`` in use, ``VmHWM`` at the peak."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024


def _expression(library: Any, x: Any, y: Any) -> Any:
    return library.tanh(x * y) + x


def _eerie() -> Any:
    import eerie_dsl as eerie

    return eerie.asarray, eerie.jit(lambda x, y: _expression(eerie, x, y))


def _jax() -> Any:
    import jax

    return jax.device_put, jax.jit(partial(_expression, jax.numpy))


def _torch() -> Any:
    import torch

    return torch.from_numpy, partial(_expression, torch)


def _numpy() -> Any:
    return np.asarray, partial(_expression, np)


_PREPARATIONS = {EERIE: _eerie, "JAX": _jax, "PyTorch eager": _torch, "NumPy": _numpy}
