"""Where a program runs: on the calling thread, or on worker threads."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from eerie_dsl.runtime.buffer import Buffer
from eerie_dsl.runtime.direct import Direct
from eerie_dsl.runtime.executable import Executable

LONG = 2e-3
"""Seconds on worker threads from which a call is not tried on the calling thread."""

TRIALS = 5
"""Calls in a row that are timed of each way; the first of them does not count."""

FIRST, MOST = 0.1, 12.8
"""Seconds that calls take between two comparisons: at first, and at most; each time twice as many."""

CLEARLY = 0.9
"""What part of the time of the calling thread worker threads may take to be chosen."""


class Adaptive:
    """A program that runs on the calling thread or on worker threads, whichever has taken less time here.

    To wake threads costs 10 µs on one system and 500 on a virtual machine whose idle processors sleep, and memory may
    not be faster for two of them than for one. So a few of the first calls are timed in both ways, and a few later.

    Args:
        inline: the program for the calling thread.
        pooled: the program for worker threads.
    """

    __slots__ = ("_left", "_pause", "_plan", "_run", "_times", "_ways", "pooled")

    def __init__(self, inline: Direct | Executable, pooled: Direct | Executable) -> None:
        self._ways = (inline, pooled)
        self._pause = FIRST
        self._choose(pooled=True, calls=0)

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results, as `Executable` gives them.

        Raises:
            ExecutionError: the arguments do not fit, or the program failed.
        """
        if self._left > 0:
            self._left -= 1
            return self._run(views)
        try:
            way = self._plan.pop()
        except IndexError:  # the last trials are still running on other threads
            return self._run(views)
        start = perf_counter()
        results = self._ways[way](views)
        seconds = perf_counter() - start
        inline, pooled = self._times
        (pooled if way else inline).append(seconds)
        if len(pooled) == TRIALS and min(pooled) > LONG:
            self._choose(pooled=True, calls=int(MOST / LONG))
        elif not self._plan and inline[1:] and pooled[1:]:
            alone, shared = float(np.median(inline[1:])), float(np.median(pooled[1:]))
            chosen = shared < CLEARLY * alone
            self._choose(chosen, int(self._pause / max(shared if chosen else alone, 1e-6)))
            self._pause = min(2 * self._pause, MOST)
        return results

    def _choose(self, pooled: bool, calls: int) -> None:
        self.pooled = pooled
        self._run = self._ways[pooled].__call__
        self._left = calls
        self._times: tuple[list[float], list[float]] = ([], [])
        self._plan = [*[0] * TRIALS, *[1] * TRIALS]

    def __repr__(self) -> str:
        return f"Adaptive(pooled={self.pooled})"
