"""What the examples print: reports that fit the terminal, and how long a call takes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

import eerie_dsl as eerie

T = TypeVar("T")


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


def race(program: Callable[..., T], *inputs: np.ndarray, runs: int = 20) -> tuple[T, T]:
    """Run a program with NumPy and with Eerie, and print how long the two take to the finished result.

    Args:
        program: takes arrays, and as ``xp`` the namespace they are of.
        inputs: those arrays.
        runs: of either, once both are warm; the fastest counts. Eerie's first run is timed apart.

    Returns:
        what the program gives with NumPy, and with Eerie.
    """
    ours = [eerie.asarray(x) for x in inputs]
    evaluated = partial(_evaluated, program, ours)
    expected = program(*inputs, xp=np)
    numpy = milliseconds(lambda: program(*inputs, xp=np), runs=runs)
    first, fastest = milliseconds(evaluated, runs=1), milliseconds(evaluated, runs=runs)
    print(f"  NumPy {numpy:8.2f} ms")
    print(f"  Eerie {fastest:8.2f} ms, {numpy / fastest:.1f} times as fast; {first:.0f} ms in its first run")
    return expected, evaluated()


def _evaluated(program: Callable[..., T], inputs: list[eerie.Array]) -> T:
    result = program(*inputs, xp=eerie)
    eerie.eval(result)
    return result


def apart(ours: eerie.Array, theirs: np.ndarray) -> float:
    """The largest difference between two arrays."""
    return float(np.max(np.abs(np.asarray(ours) - theirs)))
