"""What a training run gives: the trained state, and how it went."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Curves = dict[str, list[float]]


@dataclass
class History:
    """The result of `fit`.

    Attributes:
        state: the state after the last step.
        train: the mean of each metric of the steps, one number for each epoch.
        evaluation: the same of what ``evaluate`` gave.
        steps: steps taken so far.
    """

    state: Any = field(repr=False)
    train: Curves = field(default_factory=dict)
    evaluation: Curves = field(default_factory=dict)
    steps: int = 0

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the curves into a picture, a panel for each metric.

        Args:
            path: of the picture; its ending says which kind: ``.png``, ``.svg``, ``.pdf``.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("History.plot draws with matplotlib: pip install 'eerie-dsl[train]'") from error

        names = list(dict.fromkeys([*self.train, *self.evaluation]))
        figure = Figure(figsize=(5 * max(1, len(names)), 3.5), layout="constrained")
        panels = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
        for panel, name in zip(panels, names, strict=False):
            for label, curves in (("training", self.train), ("evaluation", self.evaluation)):
                if name in curves:
                    panel.plot(range(1, len(curves[name]) + 1), curves[name], marker=".", label=label)
            panel.set_title(name)
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.grid(alpha=0.3)
            panel.legend()
        figure.savefig(path, dpi=120)


class Means:
    """Weighted means of metrics. Values are read many at a time: reading one waits for its step."""

    at_once = 64

    def __init__(self, sums: Mapping[str, tuple[float, float]] | None = None) -> None:
        self._sums = dict(sums or {})
        self._waiting: list[tuple[Mapping[str, Any], float]] = []

    def add(self, metrics: Mapping[str, Any], weight: float) -> bool:
        """Take the metrics of a step; whether values were read."""
        self._waiting.append((metrics, weight))
        if len(self._waiting) < self.at_once:
            return False
        self.sums()
        return True

    def sums(self) -> dict[str, tuple[float, float]]:
        """For each metric, the weighted sum so far and the sum of its weights."""
        for metrics, weight in self._waiting:
            for name, value in metrics.items():
                total, weights = self._sums.get(name, (0.0, 0.0))
                self._sums[name] = total + weight * float(value), weights + weight
        self._waiting.clear()
        return self._sums

    def values(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / weights if weights else math.nan for name, (total, weights) in self.sums().items()}


@dataclass
class Place:
    """Where a run is, which makes a snapshot of the state one of the run.

    Attributes:
        epoch: the one that is running, from 0.
        position: batches of it that are done.
        means: of their metrics.
    """

    epoch: int = 0
    position: int = 0
    means: Means = field(default_factory=Means)

    def encode(self, history: History) -> str:
        """This and the curves so far as text."""
        return json.dumps(
            {
                "epoch": self.epoch,
                "position": self.position,
                "sums": self.means.sums(),
                "steps": history.steps,
                "train": history.train,
                "evaluation": history.evaluation,
            }
        )

    @classmethod
    def decode(cls, text: str, state: Any) -> tuple[Place, History]:
        """What `encode` was given, with the state that goes with it."""
        found = json.loads(text)
        sums = {name: (total, weights) for name, (total, weights) in found["sums"].items()}
        history = History(state, found["train"], found["evaluation"], found["steps"])
        return cls(found["epoch"], found["position"], Means(sums)), history
