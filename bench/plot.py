"""The kernel table as a picture: the ratio to the fastest peer of each row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report import times
from bench.summary import LEAST, Summary

_WIDTH, _ROW = 10.0, 0.19
"""Inches."""

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "eerie", "font.sans-serif": ["DejaVu Sans"], "font.size": 8}
_AHEAD, _DRAW, _BEHIND = "#2a7f62", "#c98a1b", "#b3352f"
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def draw(parts: Sequence[Summary], path: Path) -> None:
    """Write the picture.

    Args:
        parts: the families.
        path: of an SVG file.
    """
    rows = sum(len(part.best) + 1.5 for part in parts)
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "eerie", "font.sans-serif": ["DejaVu Sans"], "font.size": 8}
    ):
        figure = Figure((_WIDTH, _ROW * rows + 1.0), layout="constrained")
        axes = figure.subplots()
        place = 0.0
        places, labels = [], []
        for part in parts:
            place += 1.5
            title = part.name if part.mean is None else f"{part.name}: {times(part.mean)}"
            axes.text(0.0, place - 0.9, title, transform=axes.get_yaxis_transform(), weight="bold", va="center")
            for line in sorted(part.best, key=lambda line: -line.ratio.median):
                ratio, low, high = line.ratio
                color = _AHEAD if ratio >= 1 else _DRAW if ratio >= LEAST else _BEHIND
                axes.barh(place, ratio - 1, left=1, color=color, height=0.66, alpha=0.85)
                axes.plot([low, high], [place, place], color="black", linewidth=0.8)
                axes.text(
                    max(ratio, high, 1) * 1.04, place, f"{times(ratio)} {line.peer}", va="center", color="#444444"
                )
                places.append(place)
                labels.append(line.task)
                place += 1
        axes.set_yticks(places, labels)
        axes.set_ylim(place, -0.2)
        axes.set_xscale("log")
        left, right = axes.get_xlim()
        axes.set_xlim(left / 1.1, right * 3)
        axes.xaxis.set_major_locator(FixedLocator([t for t in _TICKS if left <= t <= right]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.axvline(1, color="black", linewidth=1)
        axes.tick_params(axis="x", labeltop=True, top=True)
        axes.tick_params(axis="y", left=False)
        for side in ("left", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("time of the fastest peer / time of Eerie; bars to the right: Eerie is faster")
        figure.savefig(path, format="svg", metadata={"Date": None})
