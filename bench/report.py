"""The report: tables in Markdown, for the terminal and for docs/benchmarks.md alike."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from bench.harness import Figure, Line, Ratio
from bench.summary import LEAST, Summary, families, together
from eerie_dsl import __version__

PLOT = "benchmarks.svg"

_PACKAGES = ("iree-base-compiler", "iree-base-runtime", "numpy", "jax", "mlx", "torch", "numba", "onnxruntime")
_VERDICTS = {True: "yes", False: "**no**", None: ""}


def tables(lines: Sequence[Line]) -> str:
    """The lines as up to two Markdown tables."""
    ratios = [
        (
            r.task,
            r.peer,
            duration(r.ours),
            duration(r.theirs),
            times(r.ratio.median),
            f"{times(r.ratio.low)} to {times(r.ratio.high)}",
            "" if r.target is None else f"≥ {r.target:.2f}",
            _VERDICTS[r.met],
        )
        for r in lines
        if isinstance(r, Ratio)
    ]
    figures = [
        (
            f.what,
            _quantity(f.value, f.unit),
            "" if f.limit is None else f"≤ {_quantity(f.limit, f.unit)}",
            _VERDICTS[f.met],
        )
        for f in lines
        if isinstance(f, Figure)
    ]
    found = []
    if ratios:
        header = ("task", "peer", "Eerie", "the peer", "peer / Eerie", "middle half", "target", "met")
        found.append(_table(header, ratios))
    if figures:
        found.append(_table(("figure", "value", "limit", "met"), figures))
    return "\n\n".join(found)


def page(results: Mapping[str, Sequence[Line]], threads: int) -> str:
    """docs/benchmarks.md: the tables, and what they were measured on."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; [performance](performance.md) says how it measures. Ratios are times of the peer",
            "divided by times of Eerie in the same run: above 1, Eerie is faster. Losses stay in the table.",
            "",
            f"![The ratio to the fastest peer, row by row]({PLOT})",
            "",
            body(results),
            "",
            f"{_processor()}, {threads} threads for everybody, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()};",
            ", ".join([f"eerie-dsl {__version__}", *(f"{name} {version(name)}" for name in _PACKAGES)]) + ".",
            "",
        ]
    )


def body(results: Mapping[str, Sequence[Line]]) -> str:
    """All tables: kernels in short and in full, then everything else.

    Args:
        results: lines by subject.
    """
    parts = families(results)
    taken = {id(line) for part in parts for line in (*part.ratios, *part.misses)}
    others = tables([line for lines in results.values() for line in lines if id(line) not in taken])
    found = []
    if parts:
        found += ["## Kernels", _short(parts), _kernels(parts), *_missing(parts)]
    if others:
        found += ["## Everything else", others]
    return "\n\n".join(found)


def _short(parts: Sequence[Summary]) -> str:
    rows = [
        (
            part.name,
            str(len(part.tasks) + len(part.misses)),
            "" if part.mean is None else times(part.mean),
            "" if part.target is None else f"≥ {part.target:.2f}",
            _VERDICTS[part.met],
            str(part.below),
        )
        for part in (*parts, together(parts))
    ]
    header = ("family", "rows", "geometric mean of fastest peer / Eerie", "target", "met", f"rows below {LEAST}")
    return _table(header, rows)


def _kernels(parts: Sequence[Summary]) -> str:
    """A line for each row: the ratio to each peer, bold where a target is missed, and that to the fastest."""
    peers = list(dict.fromkeys(line.peer for part in parts for line in part.ratios))
    rows = []
    for part in parts:
        for best, (task, lines) in zip(part.best, part.tasks.items(), strict=True):
            cells = [_cell(lines[p].ratio.median, lines[p].met is False) if p in lines else "" for p in peers]
            spread = best.ratio
            fastest = _cell(spread.median, spread.median < LEAST)
            rows.append((task, duration(best.ours), *cells, fastest, f"{times(spread.low)} to {times(spread.high)}"))
    return _table(("task", "Eerie", *peers, "fastest", "middle half"), rows)


def _missing(parts: Sequence[Summary]) -> list[str]:
    lines = [f"- {miss.task}: {miss.reason}" for part in parts for miss in part.misses]
    return ["Rows without a time:", "\n".join(lines)] if lines else []


def _cell(ratio: float, missed: bool) -> str:
    return f"**{times(ratio)}**" if missed else times(ratio)


def times(ratio: float) -> str:
    """Two digits after the point, or one that is not 0."""
    return f"{ratio:.2f}" if ratio >= 0.095 else f"{ratio:.1g}"


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _quantity(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            for entry in info:
                name, _, value = entry.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    return platform.processor() or platform.machine()
