from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bench import report
from bench.harness import EERIE, Contender, Figure, Line, Race, Ratio, Spread, race

ONES = np.ones(4)


def test_contenders_take_turns_and_every_answer_is_waited_for():
    calls, waited = [], []

    def contender(name):
        def call():
            calls.append(name)
            return ONES

        def value(result):
            waited.append(name)
            return result

        return Contender(name, call, value)

    result = race([contender(EERIE), contender("A"), contender("B")], ONES, budget=0)
    assert list(result.seconds) == [EERIE, "A", "B"]
    assert {len(s) for s in result.seconds.values()} == {5}
    assert all(s > 0 for samples in result.seconds.values() for s in samples)
    # One check, three samples to learn how long a call takes, and five rounds, each: a sample is followed by a wait.
    assert waited[:3] == [EERIE, "A", "B"]
    rounds = waited[-15:]
    assert all(set(rounds[i : i + 3]) == {EERIE, "A", "B"} for i in range(0, 15, 3))
    assert {rounds[i] for i in range(0, 15, 3)} == {EERIE, "A", "B"}
    runs = [name for name, after in pairwise(calls) if name != after]
    assert len(runs) >= 15


def test_a_wrong_answer_is_not_timed():
    timed = []

    def wrong():
        timed.append(1)
        return ONES + 1

    with pytest.raises(AssertionError, match="B is wrong"):
        race([Contender(EERIE, lambda: ONES), Contender("B", wrong)], ONES, budget=0)
    assert len(timed) == 1


def test_ratios_are_of_neighbours():
    # The machine became ten times slower half-way: every round still says that the peer takes twice as long.
    result = Race({EERIE: [1.0, 1.0, 10.0, 10.0], "B": [2.0, 2.0, 20.0, 20.0]})
    (line,) = result.ratios("task", {"B": 1.5})
    assert line == Ratio("task", "B", 5.5, 11.0, Spread(2.0, 2.0, 2.0), 1.5)
    assert line.met is True
    assert result.difference("B", EERIE) == 1.0


@pytest.mark.parametrize(
    ("line", "met"),
    [
        (Ratio("t", "B", 1.0, 1.0, Spread(1.0, 1.0, 1.0), 1.0), True),
        (Ratio("t", "B", 1.0, 0.9, Spread(0.9, 0.9, 2.0), 1.0), False),
        (Ratio("t", "B", 1.0, 0.9, Spread(0.9, 0.9, 2.0)), None),
        (Figure("f", 60.0, "ms", 60.0), True),
        (Figure("f", 60.1, "ms", 60.0), False),
        (Figure("f", 60.0, "ms"), None),
    ],
)
def test_targets(line, met):
    assert line.met is met


def test_losses_are_in_the_tables():
    lines: list[Line] = [
        Figure("growth", 1.25, "", 1.1),
        Ratio("add", "B", 2e-6, 1e-6, Spread(0.5, 0.4, 0.6), 1.0),
        Ratio("add", "C", 2e-6, 3e-6, Spread(1.5, 1.4, 1.6)),
    ]
    ratios, figures = report.tables(lines).split("\n\n")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in ratios.splitlines()]
    assert rows[2] == ["add", "B", "2 µs", "1 µs", "0.50", "0.40 to 0.60", "≥ 1.00", "**no**"]
    assert rows[3] == ["add", "C", "2 µs", "3 µs", "1.50", "1.40 to 1.60", "", ""]
    assert "1.25" in figures
    assert "≤ 1.1 " in figures


@pytest.mark.parametrize(("seconds", "text"), [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (3e-6, "3 µs"), (4e-8, "40 ns")])
def test_durations(seconds, text):
    assert report.duration(seconds) == text
