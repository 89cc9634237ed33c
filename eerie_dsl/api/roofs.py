"""What this machine can do at best, measured: the roofs under which kernels are judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from eerie_dsl.api.array import asarray
from eerie_dsl.api.functions.contraction import matmul
from eerie_dsl.api.jit import jit
from eerie_dsl.api.loaded import Loaded
from eerie_dsl.errors import CompileError
from eerie_dsl.runtime.profile import replay

_COPIED = 1 << 26
"""Bytes of the array that is copied: more than caches hold of it."""

_SIDE = 512
"""Rows and columns of the matrices that are multiplied: in a millisecond, so that one of many rounds is undisturbed."""

_ROUNDS = 40
_SECONDS = 0.06
"""For how long what NumPy does is repeated."""


class Roofs(NamedTuple):
    """The best that all cores together reached.

    Attributes:
        bytes_per_second: read and written by a copy from memory to memory.
        flops_per_second: of a product of matrices in float32, by NumPy or by a kernel, whichever was faster.
    """

    bytes_per_second: float
    flops_per_second: float


@cache
def roofs() -> Roofs:
    """The roofs of this machine. The first call measures them, in about 0.3 s; the very first also compiles.

    Raises:
        ExecutionError: the runtime's tools are missing.
    """
    from concurrent.futures import ThreadPoolExecutor

    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    source, copy = np.ones(_COPIED, np.uint8), np.zeros(_COPIED, np.uint8)
    parts = list(zip(np.array_split(copy, count), np.array_split(source, count), strict=True))
    with ThreadPoolExecutor(count) as threads:
        copying = _least(lambda: list(threads.map(lambda part: np.copyto(*part), parts)))
    matrix = np.ones((_SIDE, _SIDE), np.float32)
    multiplying = _least(lambda: matrix @ matrix)
    operand = asarray(matrix)
    lowered = jit(matmul).trace(operand, operand).lower("host")
    try:
        loaded = Loaded(lowered.graph, lowered.target, "matmul", "compiled")
    except CompileError:  # no compiler, and nothing in the cache: NumPy's speed is a roof as well
        pass
    else:
        assert loaded.program is not None
        views = [operand.buffer()] * 2
        timing = replay(loaded.program.vmfb, views, pooled=loaded.pooled, calls=_ROUNDS, seconds=multiplying)
        multiplying = min(multiplying, timing.kernels)
    return Roofs(2 * _COPIED / copying, 2 * _SIDE**3 / multiplying)


def _least(work: Callable[[], object]) -> float:
    from time import perf_counter

    work()
    best, end = float("inf"), perf_counter() + _SECONDS
    while (start := perf_counter()) < end:
        work()
        best = min(best, perf_counter() - start)
    return best
