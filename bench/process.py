"""Processes that start clean, with the same share of the machine for every library."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 2


def limit_threads() -> None:
    """Two processors for this process and its children. Before NumPy is imported, which reads the environment then."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC"):
        os.environ[variable] = str(THREADS)
    # PyTorch's threads spin while they wait for each other, which makes it several times slower on a busy machine.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ["JAX_PLATFORMS"] = "cpu"


def alone(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """What came of calling the function in a fresh process, which has ended: result or exception, a crash too."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_limit_iree) as pool:
        return pool.submit(function, *args, **kwargs)


def _limit_iree() -> None:
    from iree.runtime import _binding

    _binding.parse_flags(f"--task_topology_max_group_count={THREADS}")
