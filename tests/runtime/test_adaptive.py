"""Programs run where they have taken less time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import Adaptive, Executable, adaptive, from_numpy, to_numpy
from eerie_dsl.runtime.adaptive import FIRST, LONG, MOST, TRIALS


class Clock:
    """Two ways to run, whose calls take the time that they are told."""

    def __init__(self, monkeypatch, inline, pooled):
        self.now, self.seconds, self.calls = 0.0, [inline, pooled], []
        monkeypatch.setattr(adaptive, "perf_counter", lambda: self.now)
        self.program = Adaptive(*(self.way(k) for k in range(2)))

    def way(self, number):
        def call(views):
            self.calls.append(number)
            self.now += self.seconds[number]
            return views

        return call

    def run(self, count):
        """Where so many calls run."""
        self.calls.clear()
        for _ in range(count):
            assert self.program(["view"]) == ["view"]
        return self.calls.copy()


@pytest.mark.parametrize(
    ("inline", "pooled", "chosen", "reversed_"),
    [(1 / 8192, 1 / 2048, 0, 1), (1 / 2048, 1 / 4096, 1, 0), (1 / 4096, 31 / 131072, 0, 0)],
)
def test_the_faster_way_is_taken_and_compared_again(monkeypatch, inline, pooled, chosen, reversed_):
    clock = Clock(monkeypatch, inline, pooled)
    trials = [1] * TRIALS + [0] * TRIALS
    assert clock.run(2 * TRIALS) == trials
    for pause in (FIRST, 2 * FIRST, 4 * FIRST):
        assert clock.program.pooled == bool(chosen)
        calls = int(pause / clock.seconds[chosen])
        assert clock.run(calls + 2 * TRIALS) == [chosen] * calls + trials
    clock.seconds.reverse()
    clock.run(int(MOST / min(inline, pooled)) + 2 * TRIALS)
    assert clock.program.pooled == bool(reversed_)


def test_a_long_call_is_never_tried_on_the_calling_thread(monkeypatch):
    clock = Clock(monkeypatch, 10 * LONG, 2 * LONG)
    calls = int(MOST / LONG) + 2 * TRIALS
    assert clock.run(calls) == [1] * calls


def test_one_slow_call_decides_nothing(monkeypatch):
    clock = Clock(monkeypatch, 3e-4, 1e-4)
    clock.run(2)
    clock.seconds[1] = 0.9 * LONG
    clock.run(1)
    clock.seconds[1] = 1e-4
    clock.run(2 * TRIALS - 3)
    assert clock.program.pooled


def test_a_slow_start_is_not_a_long_call(monkeypatch):
    clock = Clock(monkeypatch, 1e-5, 3 * LONG)
    clock.run(TRIALS - 1)
    clock.seconds[1] = 6e-5
    clock.run(TRIALS + 1)
    assert not clock.program.pooled


def test_threads_and_failures(program):
    inline = Executable(program, function="large")
    both = Adaptive(inline, inline.on_workers())
    a = np.arange(512 * 512, dtype=np.float32).reshape(512, 512)

    def call(k):
        views = [from_numpy(a, float32), from_numpy(np.full_like(a, k), float32)]
        return to_numpy(both(views)[0], Aval((512, 512), float32))

    with ThreadPoolExecutor(8) as threads:
        for k, result in enumerate(threads.map(call, range(100))):
            np.testing.assert_array_equal(result, a + k)
    for _ in range(2 * TRIALS):
        with pytest.raises(ExecutionError):
            both([from_numpy(a, float32)])
    np.testing.assert_array_equal(call(1), a + 1)
