"""The line that shows a long compilation is alive."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from eerie_dsl.config import config

_PATIENCE = 1.0


class Progress:
    """One line on stderr, rewritten in place, cleared at the end; nothing within the first second.

    ``config.progress`` decides whether; ``auto`` does on a terminal.
    """

    def __init__(self, name: str, target: str, ops: int, action: str = "compiling") -> None:
        self._what = f"{action} {name} for {target}"
        self._ops = f", {ops} ops" if ops else ""
        self._start = time.monotonic()
        self._line = ""
        self._wanted: bool | None = None

    def show(self, doing: str) -> None:
        """Say what is being done, and for how long."""
        seconds = time.monotonic() - self._start
        if seconds < _PATIENCE:
            return
        if self._wanted is None:
            self._wanted = _wanted()
        line = f"eerie: {self._what}: {doing}{self._ops}, {seconds:.0f} s"
        if self._wanted and line != self._line:
            self._line = line
            _write(line)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line:
            _write("")


def _wanted() -> bool:
    if config.progress != "auto":
        return config.progress == "always"
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:
        return False


def _write(line: str) -> None:
    # Back to the first column, then clear to the end of the line.
    try:
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
