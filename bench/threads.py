"""Calls from several threads at once: what one costs, over what it costs where one thread makes them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from threading import Barrier, Thread
from typing import Any

from bench.elementwise import tanh_chain
from bench.harness import EERIE, Figure, Line
from bench.inputs import drawn, normal
from bench.libraries import in_eerie, in_jax
from bench.matmul import product

_CALLERS = 8

_TASKS = {
    "16×16 add": (lambda xp, a, b: a + b, 16, 8000),
    "256×256 matmul": (product, 256, 400),
    "tanh(a*b)+a, 1024×1024": (tanh_chain, 1024, 80),
}
"""Functions, sizes, and how many calls make a sample."""


def run(budget: float) -> list[Line]:
    """Eerie, and JAX to compare."""
    lines: list[Line] = []
    for task, (function, size, count) in _TASKS.items():
        inputs = [normal(size, size)] * 2
        arrays = drawn(inputs)
        for name, library in ((EERIE, in_eerie), ("JAX", in_jax)):
            call = library.program(partial(function, library), inputs, arrays)
            factor = _factor(call, count, budget / 2)
            what = f"{task} from {_CALLERS} threads: time per call over that from one: {name}"
            lines.append(Figure(what, factor, "", 1.0 if name == EERIE else None))
    return lines


def _factor(call: Callable[[], Any], count: int, budget: float) -> float:
    """The median over many pairs of samples, one from several threads and one from one, that follow each other."""
    call()
    found: list[float] = []
    end = time.perf_counter() + budget
    while len(found) < 5 or time.perf_counter() < end:
        found.append(_seconds(call, _CALLERS, count // _CALLERS) / _seconds(call, 1, count))
    return median(found)


def _seconds(call: Callable[[], Any], callers: int, count: int) -> float:
    """From the moment in which all threads are ready until the last one is done."""
    barrier = Barrier(callers + 1)

    def calls() -> None:
        barrier.wait()
        for _ in range(count):
            call()

    threads = [Thread(target=calls) for _ in range(callers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start
