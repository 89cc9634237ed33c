"""The search for faster tiles: try, compare with the best so far, keep what is faster twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log
from statistics import median
from time import perf_counter
from typing import NamedTuple

from eerie_dsl.compile.candidates import Choice, Tiles, Tunable, neighbours, seeds

WORTH = 1.04
"""How many times faster a candidate must be, twice, to become the best."""

_ROUNDS, _AGAIN = 6, 20
"""Pairs of samples in the first and in the second comparison."""

_HOPELESS = 0.7
"""A candidate that is slower than this in each of two pairs is not looked at further."""

_SAMPLE = 0.004
"""Seconds of a sample."""

_SHARE = 50
"""Kernels with less than one part in so many of a program's steps are left alone."""

Run = Callable[[], object]
"""Runs a program once and waits for the result."""
Program = tuple[Run, ...]
"""A program on one core, and then, where calls spread it over several, like that."""
Build = Callable[[Mapping[str, Choice]], Program | None]
"""The program with these tiles; None where it does not compile, or where its results are not those expected."""


class Found(NamedTuple):
    """What a search found.

    Attributes:
        choices: for kernels by key, those that the search began with included.
        gains: how many times faster the program became by each kernel.
        before: seconds of a call at the start.
        after: seconds of a call at the end, by what was gained in turns with the program at the start.
        tried: programs that were made.
    """

    choices: dict[str, Choice]
    gains: dict[str, float]
    before: float
    after: float
    tried: int


class Search:
    """Hill climbing, kernel after kernel, those with the most work first.

    Args:
        kernels: those of the program.
        build: makes the program.
        seconds: when to stop; what is being compared then is finished.
        clock: in seconds.
        tell: is told how far it is, in words.
    """

    def __init__(
        self,
        kernels: Sequence[Tunable],
        build: Build,
        *,
        seconds: float,
        clock: Callable[[], float] = perf_counter,
        tell: Callable[[str], None] = lambda words: None,
    ) -> None:
        total = sum(k.work for k in kernels)
        self._kernels = sorted((k for k in kernels if k.work * _SHARE >= total), key=lambda k: -k.work)
        self._build = build
        self._clock = clock
        self._tell = tell
        self._end = clock() + seconds
        self._tried = 0
        self._so_far = 1.0

    def run(self, start: Mapping[str, Choice], program: Program) -> Found:
        """Search from these tiles on, those of ``program``."""
        self._choices = dict(start)
        self._best = program
        gains: dict[str, float] = {}
        left = sum(k.work for k in self._kernels)
        for place, kernel in enumerate(self._kernels):
            now = self._clock()
            if now >= self._end:
                break
            words = f"kernel {place + 1} of {len(self._kernels)}"
            gain = self._climb(kernel, now + (self._end - now) * kernel.work / left, words)
            left -= kernel.work
            if gain > 1:
                gains[kernel.key] = gain
        whole = self._faster(program, self._best) if gains else None
        before = min(old for old, _ in self._pairs(program[-1], self._best[-1], _ROUNDS))
        if whole is None:
            return Found(dict(start), {}, before, before, self._tried)
        # What looked best was lucky, too: the parts are to make up the whole.
        part = min(1.0, log(whole) / sum(map(log, gains.values())))
        return Found(self._choices, {k: g**part for k, g in gains.items()}, before, before / whole, self._tried)

    def _climb(self, kernel: Tunable, end: float, words: str) -> float:
        """Improve one kernel; gives how many times faster the program became."""
        now = self._choices.get(kernel.key, kernel.tiles)
        seen, gain = {now}, 1.0
        refused: list[Tiles] = []
        waiting: list[Choice] = [kernel.tiles, *neighbours(kernel, now), *seeds(kernel)]
        while waiting and self._clock() < end:
            choice = waiting.pop(0)
            if choice in seen or (choice is not None and any(_covers(choice, r) for r in refused)):
                continue
            seen.add(choice)
            self._tell(f"{words}, {self._tried} schedules tried, {self._so_far:.2f}x so far")
            self._tried += 1
            program = self._build({**self._choices, kernel.key: choice})
            if program is None:
                refused += [choice] if choice is not None else []
                continue
            ratio = self._faster(self._best, program)
            if ratio is None:
                continue
            gain *= ratio
            self._so_far *= ratio
            self._best = program
            self._choices[kernel.key] = choice
            waiting = [*neighbours(kernel, choice), *waiting]
        return gain

    def _faster(self, old: Program, new: Program) -> float | None:
        """How many times faster the second of two programs is; None unless it clearly is.

        On one core times are steady. What is faster there need only keep up on several; what is not may still be
        spread better.
        """
        alone = self._twice(old[0], new[0])
        if len(new) == 1:
            return alone
        if alone is None:
            return self._twice(old[1], new[1])
        fastest = [min(times) for times in zip(*self._pairs(old[1], new[1], _AGAIN), strict=True)]
        return alone if fastest[1] <= fastest[0] else None

    def _twice(self, old: Run, new: Run) -> float | None:
        if not _speedup(self._pairs(old, new, _ROUNDS)):
            return None
        return _speedup(self._pairs(old, new, _AGAIN))

    def _pairs(self, old: Run, new: Run, rounds: int) -> list[tuple[float, float]]:
        """Times of both, taken in turns."""
        calls = self._calls(old)
        found: list[tuple[float, float]] = []
        for i in range(rounds):
            if i % 2:
                b, a = self._sample(new, calls), self._sample(old, calls)
            else:
                a, b = self._sample(old, calls), self._sample(new, calls)
            found.append((a, b))
            if i == 1 and max(a / b for a, b in found) < _HOPELESS:
                break  # which is an answer too
        return found

    def _calls(self, run: Run) -> int:
        run()
        return max(1, int(_SAMPLE / max(self._sample(run, 1), 1e-7)))

    def _sample(self, run: Run, calls: int) -> float:
        if calls > 1:
            run()
        start = self._clock()
        for _ in range(calls):
            run()
        return (self._clock() - start) / calls


def _covers(tiles: Tiles, refused: Tiles) -> bool:
    """Whether vectors are as large along every loop as some that were refused, which mostly were too large."""
    return all(a >= b for new, old in zip(tiles[1:], refused[1:], strict=True) for a, b in zip(new, old, strict=True))


def _speedup(pairs: Sequence[tuple[float, float]]) -> float | None:
    """How many times faster the second of two programs is; None if it is not by enough to count.

    Other work on the machine only adds to a time, so the shortest ones tell most; but one lucky sample must not decide,
    so the typical pair has to agree.
    """
    old, new = (min(column) for column in zip(*pairs, strict=True))
    ratio = min(old / new, median(a / b for a, b in pairs))
    return ratio if ratio >= WORTH else None
