"""The report: two tables in Markdown, for the terminal and for docs/benchmarks.md alike."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

from bench.harness import Figure, Line, Ratio
from eerie_dsl import __version__

_PACKAGES = ("iree-base-compiler", "iree-base-runtime", "numpy", "jax", "mlx", "torch")
_VERDICTS = {True: "yes", False: "**no**", None: ""}


def tables(lines: Sequence[Line]) -> str:
    """The lines as up to two Markdown tables."""
    ratios = [
        (
            r.task,
            r.peer,
            duration(r.ours),
            duration(r.theirs),
            f"{r.ratio.median:.2f}",
            f"{r.ratio.low:.2f} to {r.ratio.high:.2f}",
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


def page(lines: Sequence[Line], threads: int) -> str:
    """docs/benchmarks.md: the tables, and what they were measured on."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; [performance](performance.md) says how it measures. Ratios are times of the peer",
            "divided by times of Eerie in the same run: above 1, Eerie is faster. Losses stay in the table.",
            "",
            tables(lines),
            "",
            f"{_processor()}, {threads} threads for everybody, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()};",
            ", ".join([f"eerie-dsl {__version__}", *(f"{name} {version(name)}" for name in _PACKAGES)]) + ".",
            "",
        ]
    )


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
