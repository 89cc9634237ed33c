"""The kernel table in short: each row against the fastest of its peers, and what families of rows come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from bench.harness import Line, Miss, Ratio
from bench.subjects import FAMILIES

TARGET = 1.3
"""What the geometric mean of all rows should be at least."""

LEAST = 0.9
"""What every row should be at least."""


@dataclass(frozen=True)
class Summary:
    """Rows of the kernel table.

    Attributes:
        name: of the family.
        ratios: all lines of its rows.
        misses: rows without a time.
        target: what the geometric mean should be at least, if anything.
    """

    name: str
    ratios: Sequence[Ratio]
    misses: Sequence[Miss]
    target: float | None = None

    @property
    def tasks(self) -> dict[str, dict[str, Ratio]]:
        """The lines of each row by the peer, in the order in which they were measured."""
        found: dict[str, dict[str, Ratio]] = {}
        for line in self.ratios:
            found.setdefault(line.task, {})[line.peer] = line
        return found

    @property
    def best(self) -> list[Ratio]:
        """The line of each row's fastest peer."""
        return [min(lines.values(), key=lambda line: line.theirs) for lines in self.tasks.values()]

    @property
    def mean(self) -> float | None:
        """The geometric mean of the ratios to the fastest peers; None without rows."""
        return geometric_mean([line.ratio.median for line in self.best]) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None without one, or without rows."""
        return None if self.target is None or self.mean is None else self.mean >= self.target

    @property
    def below(self) -> int:
        """How many rows are below what every row should reach, those without a time among them."""
        return len(self.misses) + sum(line.ratio.median < LEAST for line in self.best)


def families(results: Mapping[str, Sequence[Line]]) -> list[Summary]:
    """The families of which something was measured.

    Args:
        results: lines by subject.
    """
    found = []
    for name, subjects, target in FAMILIES:
        lines = [line for subject in subjects for line in results.get(subject, ())]
        ratios = [line for line in lines if isinstance(line, Ratio)]
        misses = [line for line in lines if isinstance(line, Miss)]
        if ratios or misses:
            found.append(Summary(name, ratios, misses, target))
    return found


def together(parts: Sequence[Summary]) -> Summary:
    """All families as one."""
    return Summary("all", [r for p in parts for r in p.ratios], [m for p in parts for m in p.misses], TARGET)
