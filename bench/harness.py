"""Fair measurements: everybody's answer is checked, then everybody takes turns in one process.

A machine's speed drifts from second to second, so times of two libraries mean little side by side, and ratios of
times taken within the same instant mean much. Each round gives every contender one sample, in turn; the ratio of a
round is taken from these neighbours; what is reported is the median ratio of all rounds and their middle half.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

EERIE = "Eerie"

_SAMPLE = 0.005
"""Seconds that one sample lasts at least, made of as many calls as that takes."""

_PAUSE = 0.005
"""Seconds between two looks at whether the process is at rest: more than a tick, at which the system counts."""

_LONGEST_PAUSE = 0.1

_MIN_ROUNDS = 5


class Contender(NamedTuple):
    """One library's way to do the task.

    Attributes:
        name: of the library.
        call: does the task once; this is what is timed.
        value: the result of ``call`` as a NumPy array, to be checked; waits for it if need be.
    """

    name: str
    call: Callable[[], Any]
    value: Callable[[Any], NDArray[Any]] = np.asarray


class Spread(NamedTuple):
    """The median of many samples and the middle half of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """From at least two samples."""
        low, _, high = quantiles(samples, n=4, method="inclusive")
        return cls(median(samples), low, high)


@dataclass(frozen=True)
class Ratio:
    """A line of the report: how many times longer a peer takes than Eerie.

    Attributes:
        task: what is done.
        peer: whom Eerie is compared with.
        ours: Eerie's seconds.
        theirs: the peer's seconds.
        ratio: theirs / ours; above 1 Eerie is faster.
        target: what the ratio should be at least; None where nothing was promised.
    """

    task: str
    peer: str
    ours: float
    theirs: float
    ratio: Spread
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None without one."""
        return None if self.target is None else self.ratio.median >= self.target


@dataclass(frozen=True)
class Figure:
    """A line of the report that is no ratio of times.

    Attributes:
        what: is measured.
        value: the measurement.
        unit: of the value; empty for a plain number.
        limit: what the value should be at most; None where nothing was promised.
    """

    what: str
    value: float
    unit: str = ""
    limit: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value is within its limit; None without one."""
        return None if self.limit is None else self.value <= self.limit


@dataclass(frozen=True)
class Miss:
    """A line of the report: what Eerie cannot do.

    Attributes:
        task: what should be done.
        reason: why there is no time.
    """

    task: str
    reason: str


Line = Ratio | Figure | Miss


class Race:
    """Seconds per call of every contender, one number per round.

    Attributes:
        seconds: by the contender's name.
    """

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self.seconds = seconds

    def ratios(self, task: str, targets: dict[str, float] | None = None) -> list[Line]:
        """A line for each peer.

        Args:
            task: what was done.
            targets: the least ratio, for the peers that something was promised about.
        """
        ours = self.seconds[EERIE]
        return [
            Ratio(
                task,
                name,
                median(ours),
                median(theirs),
                Spread.of([t / o for t, o in zip(theirs, ours, strict=True)]),
                (targets or {}).get(name),
            )
            for name, theirs in self.seconds.items()
            if name != EERIE
        ]

    def difference(self, name: str, other: str) -> float:
        """Seconds that ``name`` takes more than ``other``: of the fastest runs, since load from outside only adds."""
        return min(self.seconds[name]) - min(self.seconds[other])


def race(
    contenders: Sequence[Contender],
    reference: NDArray[Any],
    *,
    budget: float,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> Race:
    """Check every contender's answer, then time them in turns.

    Args:
        contenders: whom to compare.
        reference: the right answer, by NumPy.
        budget: seconds to spend; at least five rounds are made whatever they take.
        rtol: relative tolerance of the answers.
        atol: absolute tolerance of the answers.

    Raises:
        AssertionError: a contender's answer is wrong: it names the contender and shows the difference.
    """
    for contender in contenders:
        actual = contender.value(contender.call())
        np.testing.assert_allclose(actual, reference, rtol, atol, err_msg=f"{contender.name} is wrong")
    counts = [_calls(c) for c in contenders]
    turns = list(zip(contenders, counts, strict=True))
    seconds: dict[str, list[float]] = {c.name: [] for c in contenders}
    end = time.perf_counter() + budget
    rounds = 0
    while rounds < _MIN_ROUNDS or time.perf_counter() < end:
        for contender, count in turns:
            seconds[contender.name].append(_sample(contender, count))
        turns.append(turns.pop(0))  # nobody always runs behind the same neighbour
        rounds += 1
    return Race(seconds)


def _calls(contender: Contender) -> int:
    """How many calls make a sample."""
    shortest = min(_sample(contender, 1) for _ in range(3))
    return max(1, round(_SAMPLE / shortest))


def _sample(contender: Contender, count: int) -> float:
    """Seconds per call, over ``count`` calls in a row after one that is not timed."""
    call = contender.call
    _rest()
    if count > 1:
        call()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(count):
            result = call()
        stop = time.perf_counter()
    finally:
        gc.enable()
    contender.value(result)  # work that was only queued must not run into the next one's time
    return (stop - start) / count


def _rest() -> None:
    """Wait until no thread is busy: idle ones of the contender before may spin for 25 ms, on a processor that the next
    one needs."""
    end = time.perf_counter() + _LONGEST_PAUSE
    busy = True
    while busy and time.perf_counter() < end:
        used = time.process_time()
        time.sleep(_PAUSE)
        busy = time.process_time() - used > _PAUSE / 5
