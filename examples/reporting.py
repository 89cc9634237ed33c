"""What the examples print: reports that fit the terminal, and how long a call takes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable


def show(report: object) -> None:
    """Print a report, indented, each line cut where the terminal ends."""
    width = shutil.get_terminal_size((120, 0)).columns - 3
    for line in str(report).splitlines():
        print(f"  {line if len(line) <= width else line[: width - 3] + '...'}")


def milliseconds(call: Callable[[], object], *, runs: int = 20) -> float:
    """The fastest of several runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)
