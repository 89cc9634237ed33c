"""Threads that help with a program give what one thread gives, sleep when there is nothing to do, and end."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import Direct, from_numpy, to_numpy
from eerie_dsl.runtime.team import processors, team

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="written for x86-64 Linux"),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor"),
]

RANDOM = np.random.default_rng(0)
SQUARE = RANDOM.standard_normal((256, 256)).astype(np.float32)
PROGRAMS: dict[str, tuple[Any, tuple[np.ndarray, ...]]] = {
    "elementwise": (lambda x: eerie.exp(x) * x + 1, (np.tile(SQUARE, (4, 4)),)),
    "rows": (lambda x: eerie.nn.softmax(x), (np.tile(SQUARE, (8, 2)),)),
    "a sum in two steps": (lambda x, y: ((x - y) ** 2).mean(), (np.tile(SQUARE, (4, 4)), np.tile(SQUARE.T, (4, 4)))),
    "products": (lambda x, y: eerie.maximum(x @ y, 0) @ y, (SQUARE, SQUARE)),
    "a sort": (lambda x: eerie.sort(x), (RANDOM.standard_normal(1 << 17).astype(np.float32),)),
}


def ways(f: Any, *args: np.ndarray) -> tuple[Any, Any, list[Any], list[Aval]]:
    g = eerie.jit(f)
    g(*args)
    (entry,) = g._entries.values()
    alone, together = entry.loaded._adaptive._ways
    assert isinstance(alone, Direct)
    assert isinstance(together, Direct)
    assert together.pooled
    assert not alone.pooled
    return alone, together, [from_numpy(a, float32) for a in args], [o.aval for o in entry.loaded.graph.outputs]


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_those_of_one_thread(name: str) -> None:
    f, args = PROGRAMS[name]
    alone, together, views, (aval,) = ways(f, *args)
    expected = to_numpy(alone(views)[0], aval)
    for _ in range(50):
        np.testing.assert_array_equal(to_numpy(together(views)[0], aval), expected)


def test_several_threads_ask_for_help() -> None:
    found = [ways(PROGRAMS[name][0], *PROGRAMS[name][1]) for name in ("rows", "products", "a sum in two steps")]

    def work(i: int) -> bool:
        alone, together, views, (aval,) = found[i % len(found)]
        expected = to_numpy(alone(views)[0], aval)
        return all(np.array_equal(to_numpy(together(views)[0], aval), expected) for _ in range(100))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6)))


def test_helpers_sleep_when_there_is_nothing_to_do() -> None:
    _, together, views, _ = ways(PROGRAMS["rows"][0], *PROGRAMS["rows"][1])
    together(views)
    sleeping = team()._control
    deadline = time.monotonic() + 20
    while sleeping[3] < processors() - 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sleeping[3] == processors() - 1
    assert sleeping[0] == sleeping[2] == 0
    jobs = sleeping[1]
    together(views)
    assert sleeping[1] == jobs + 1


@pytest.mark.parametrize(("allowed", "count"), [("max 100000", 3), ("150000 100000", 2), ("800000 100000", 3), ("", 3)])
def test_processors_are_cores_as_far_as_the_process_may_use_them(
    allowed: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i % 3},{i % 3 + 3}" for i in range(6)}
    files["/sys/fs/cgroup/cpu.max"] = allowed
    monkeypatch.setattr("eerie_dsl.runtime.team._read", files.__getitem__)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert processors.__wrapped__() == count


SCRIPT = """
import os
import numpy as np
import eerie_dsl as eerie
from eerie_dsl.runtime.team import processors, team
f = eerie.jit(lambda x: eerie.sqrt(x) * 2)
x = eerie.asarray(np.full((1024, 1024), 4, np.float32))
f(x)
(entry,) = f._entries.values()
together = entry.loaded._adaptive._ways[1]
for _ in range(20):
    together([x.buffer()])
"""


@pytest.mark.parametrize(
    "end",
    [
        "",
        "child = os.fork()\nif child: raise SystemExit(os.waitpid(child, 0)[1])\n"
        "together([x.buffer()])\nstarted = team()._started == processors() - 1\n"
        "os._exit(0 if started and (f(x).numpy() == 4).all() else 1)",
    ],
    ids=["the process ends while they look for work", "a forked process has its own"],
)
def test_processes_end(end: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT + end], check=False, timeout=120, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
