"""What a profile found: its rows, a table of them, and a trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from eerie_dsl.api.roofs import Roofs
from eerie_dsl.runtime.profile import Timing

_SHOWN = 40
"""Rows that a table has; the rest is summed up."""


class Span(NamedTuple):
    """A call.

    Attributes:
        program: what was called.
        thread: by whom.
        start: seconds since the profile began.
        seconds: that it took.
    """

    program: str
    thread: int
    start: float
    seconds: float


@dataclass(frozen=True)
class Row:
    """A part of the time.

    Attributes:
        category: ``kernel``; ``commands`` for copies, fills and waits between the kernels of a program; ``disturbance``
            for what other work on the machine adds to them; ``host`` for the rest of its calls; ``numpy`` for a graph
            that NumPy computed.
        program: the function that was compiled, or ``script``.
        name: of the kernel, as it is called in the program; else what was done.
        kind: what the compiler made of it: ``elementwise``, ``reduction``, ``matmul_like``, ...
        lines: the user's lines, such as ``train.py:12``, with the ops of each.
        result: type of the last result of a kernel, in words.
        runs: how often it ran.
        seconds: in all runs together.
        share: of the time of all rows.
        bytes_moved: loaded and stored in all runs; None when that is unknown. A kernel that is a whole loop counts its
            operands and results once.
        flops: arithmetic operations of all runs, estimated. A kernel that is a whole loop counts those of all steps;
            of a ``while_loop``, whose steps nobody knows beforehand, those of one.
        threads: how many threads worked on it, on average.
        roof: what it reached of the machine's roofs, the higher one of both; None where nothing is known to compare.
            More than 1 when operands came from a cache.
    """

    category: Literal["kernel", "commands", "disturbance", "host", "numpy"]
    program: str
    name: str
    kind: str
    seconds: float
    runs: int
    lines: dict[str, list[str]]
    result: str = ""
    share: float = 0.0
    bytes_moved: int | None = None
    flops: int = 0
    threads: float = 1.0
    roof: float | None = None

    @property
    def bytes_per_second(self) -> float | None:
        """Memory traffic, None when unknown."""
        return None if self.bytes_moved is None or not self.seconds else self.bytes_moved / self.seconds

    @property
    def flops_per_second(self) -> float:
        """Speed of its arithmetic."""
        return self.flops / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """Where the time went; print it, or save it as a trace. A ``with`` block fills it in at its end.

    Attributes:
        name: the function; ``profile`` for a block.
        block: whether it is of a block, and not of one call.
        seconds: of the block; of a call, the fastest.
        calls: how many programs were called in the block; how many calls the fastest is taken from.
        rows: parts of the time, the longest first; their shares add up to 1.
        roofs: what the machine can do; None before there is a row.
        spans: when programs were called, in the order in which they ended.
        timings: for each program, a call of it.
    """

    name: str
    block: bool
    seconds: float = 0.0
    calls: int = 0
    rows: tuple[Row, ...] = ()
    roofs: Roofs | None = None
    spans: tuple[Span, ...] = ()
    timings: tuple[tuple[str, Timing], ...] = ()

    @property
    def kernels(self) -> tuple[Row, ...]:
        """The rows that are kernels."""
        return tuple(r for r in self.rows if r.category == "kernel")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a trace that ui.perfetto.dev and chrome://tracing open.

        It has the calls as they were, by thread, and for each program a call with its kernels.

        Raises:
            OSError: the file cannot be written.
        """
        import json

        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": list(_trace(self)), "displayTimeUnit": "ns"}, file)

    def __str__(self) -> str:
        return "\n".join(_table(self))

    __repr__ = __str__


def _table(profile: Profile) -> Iterator[str]:
    rows = profile.rows
    if profile.roofs is None:
        nothing = "nothing was computed" if profile.block else "nothing is computed; its results are its inputs"
        yield f"{profile.name}: {nothing}"
        return
    calls = f"{profile.calls} call{'s' * (profile.calls != 1)}"
    whole = sum(r.seconds for r in rows)
    if profile.block:
        start = f"{profile.name}: {duration(profile.seconds)}, of it {duration(whole)} in {calls}"
    else:
        start = f"{profile.name}: {duration(profile.seconds)} a call, the fastest of {calls}"
    bandwidth, peak = profile.roofs
    yield f"{start}; this machine: {bandwidth * 1e-9:.1f} GB/s, {peak * 1e-9:.1f} GFLOP/s"
    several = len({r.program for r in rows}) > 1
    cells: list[tuple[str, ...]] = [("", "", "", "runs", "time", "share", "GB/s", "GFLOP/s", "roof", "threads")]
    cells += [_cells(number, row, several) for number, row in enumerate(rows[:_SHOWN], 1)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, line in enumerate(cells):
        # Names to the left, numbers to the right.
        padded = (c.ljust(w) if i in (1, 2) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        yield "  " + "  ".join(padded).rstrip()
        if number:
            yield from (f"      {place:18} {' '.join(ops)}" for place, ops in rows[number - 1].lines.items())
    if rest := rows[_SHOWN:]:
        yield f"  and {len(rest)} more, {duration(sum(r.seconds for r in rest))}"


def _cells(number: int, row: Row, several: bool) -> tuple[str, ...]:
    what = row.kind if row.category == "kernel" else row.name
    start = (
        str(number),
        f"{row.program}: {what}" if several and row.program != what else what,
        row.result,
        str(row.runs),
        duration(row.seconds),
        f"{row.share:.1%}",
    )
    if row.category != "kernel":
        return *start, "", "", "", ""
    speed = "?" if row.bytes_per_second is None else f"{row.bytes_per_second * 1e-9:.1f}"
    roof = "?" if row.roof is None else f"{row.roof:.0%}"
    return *start, speed, f"{row.flops_per_second * 1e-9:.1f}", roof, f"{row.threads:.1f}"


def duration(seconds: float) -> str:
    """A time for people."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


def _trace(profile: Profile) -> Iterator[dict[str, Any]]:
    """Events of the Chrome trace format, whose times are in microseconds."""
    rows = {(r.program, r.name): r for r in profile.kernels}
    yield from _named(1, "calls")
    threads: dict[int, int] = {}
    for span in profile.spans:
        lane = threads.setdefault(span.thread, len(threads))
        yield _event(span.program, "call", 1, lane, span.start, span.seconds)
    for process, (program, timing) in enumerate(profile.timings, 2):
        yield from _named(process, f"kernels of {program}: one call")
        end = max((e.start + e.seconds for e in timing.events), default=0.0)
        yield _event(program, "call", process, 0, 0.0, end)
        busy: list[float] = []  # until when, by lane: kernels that run side by side have one each
        for event in sorted(timing.events, key=lambda e: e.start):
            lane = next((i for i, until in enumerate(busy) if until <= event.start), len(busy))
            busy[lane : lane + 1] = [event.start + event.seconds]
            row = rows[program, event.kernel]
            told = {"lines": row.lines, "result": row.result, "kernel": row.name, "threads": round(event.threads, 2)}
            yield _event(row.kind, "kernel", process, lane, event.start, event.seconds) | {"args": told}


def _event(name: str, category: str, process: int, lane: int, start: float, seconds: float) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": name,
        "cat": category,
        "pid": process,
        "tid": lane,
        "ts": start * 1e6,
        "dur": seconds * 1e6,
    }


def _named(process: int, name: str) -> Iterator[dict[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}
    yield {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}
