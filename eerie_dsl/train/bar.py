"""What is seen of an epoch while it runs."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, Self

from eerie_dsl.train.history import History, Means


class Bar:
    """A bar of tqdm on standard error; without tqdm a line when the epoch has ended.

    Args:
        wanted: False shows nothing.
        title: of the epoch.
        batches: how many there are, if it has a length.
        position: how many are done already.
    """

    def __init__(self, wanted: bool, title: str, batches: Any, position: int) -> None:
        self._bar: Any = None
        self._title = title if wanted else None
        if wanted and find_spec("tqdm") is not None:
            from tqdm.auto import tqdm

            total = len(batches) if hasattr(batches, "__len__") else None
            self._bar = tqdm(total=total, initial=position, desc=title, unit="step")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, means: Means, read: bool) -> None:
        """A step is done; its metrics are shown if they were read anyway."""
        if self._bar is not None:
            if read:
                self._bar.set_postfix(means.values(), refresh=False)
            self._bar.update()

    def end(self, history: History) -> None:
        """The epoch is done; the last numbers of the curves are shown."""
        last = {name: curve[-1] for name, curve in history.train.items()}
        last |= {f"evaluation {name}": curve[-1] for name, curve in history.evaluation.items()}
        if self._bar is not None:
            self._bar.set_postfix(last)
        elif self._title is not None:
            words = ", ".join(f"{name} {value:.4g}" for name, value in last.items())
            print(f"{self._title}: {words}", file=sys.stderr)
