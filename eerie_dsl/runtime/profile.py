"""When programs run, and how long their kernels take.

Calls are watched in this process. The kernels inside are timed by the profiler of IREE's runtime, which its Python
binding cannot start: the tools of the same package run the program once more, on the same arguments, in a process of
their own. Whatever happens there, the user's process goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir import dtypes
from eerie_dsl.runtime.buffer import Buffer, view_of
from eerie_dsl.runtime.device import ALLOCATOR, binding
from eerie_dsl.runtime.elements import ELEMENT_TYPES

Watcher = Callable[[Any, Sequence[Buffer], float, float], None]

watchers: list[Watcher] = []
"""Told of every call of a program, from the thread that made it: what was called, its arguments, begin and end."""

_DTYPES = {element: dtype for dtype, element in ELEMENT_TYPES.items()}
_PATIENCE = 120.0  # seconds on top of what the calls themselves take


class Event(NamedTuple):
    """One run of a kernel.

    Attributes:
        kernel: its symbol in the program.
        start: seconds since the call began.
        seconds: until its last workgroup was done.
        threads: how many threads worked on it, on average.
    """

    kernel: str
    start: float
    seconds: float
    threads: float


class Timing(NamedTuple):
    """What a call of a program does.

    Attributes:
        events: its kernels, in the order in which they were issued; of very many the first.
        weight: how many runs each event stands for: 1 unless there were too many to be recorded.
        kernels: seconds in which a kernel ran.
        commands: seconds of kernels, copies, fills, and what orders them.
        disturbance: seconds that the fastest call took longer than that, because each kernel counts with its time in
            the call in which it was fastest.
    """

    events: tuple[Event, ...]
    weight: float
    kernels: float
    commands: float
    disturbance: float = 0.0


def tell(what: Any, views: Sequence[Buffer], start: float) -> None:
    """Tell the watchers of a call that began at ``start`` and has just ended."""
    end = perf_counter()
    for watcher in tuple(watchers):
        watcher(what, views, start, end)


def replay(vmfb: bytes, views: Sequence[Buffer], *, pooled: bool, calls: int, seconds: float) -> Timing:
    """The kernels of a call: when each of them ran in the fastest of several, and for how long where it was fastest.

    Args:
        vmfb: the program; its function ``main`` is called.
        views: arguments.
        pooled: whether the work is spread over worker threads.
        calls: how often to call it.
        seconds: what a call takes, about.

    Raises:
        ExecutionError: the tools are missing, or the program failed under them.
    """
    import tempfile

    try:
        with tempfile.TemporaryDirectory(prefix="eerie-profile-", ignore_cleanup_errors=True) as folder:
            words = ["--module=program.vmfb", "--function=main", *_saved(vmfb, views, folder)]
            # Without workers kernels may run while they are recorded, which the profiler does not see.
            words += ["--device=local-task", f"--device_allocator={ALLOCATOR}"]
            words += [] if pooled else ["--task_topology_group_count=1"]
            found, dropped = _captured(words, folder, calls, _PATIENCE + 10 * calls * seconds)
            if dropped:
                # The runtime keeps 4096 records until they are taken, by default at the end of a call.
                found, dropped = _taken_meanwhile(words, folder, _PATIENCE + 20 * seconds) or (found, dropped)
    except OSError as error:
        raise ExecutionError(f"a program cannot be profiled: {error}") from error
    kept = sum(map(len, found))
    weight = (kept + dropped) / kept if kept else 1.0
    return _fastest([_timing(rows, weight) for rows in found])


def _fastest(timings: Sequence[Timing]) -> Timing:
    """The fastest call, with the best time of each kernel: other work on the machine only adds to it."""
    best = min(timings, key=lambda t: t.commands)
    issued = [e.kernel for e in best.events]
    alike = [t for t in timings if [e.kernel for e in t.events] == issued]
    runs = zip(best.events, zip(*(t.events for t in alike), strict=True), strict=True) if issued else ()
    events = tuple(min(found, key=lambda e: e.seconds)._replace(start=own.start) for own, found in runs)
    kernels = _covered((e.start, e.start + e.seconds) for e in events) * best.weight
    between = min(t.commands - t.kernels for t in alike)
    return Timing(events, best.weight, kernels, kernels + between, max(best.commands - kernels - between, 0.0))


def _timing(rows: Sequence[Any], weight: float) -> Timing:
    """One call from its records."""
    begin = min((r["start_host_time_ns"] for r in rows), default=0)
    spans: dict[str, list[tuple[float, float]]] = {"dispatch": [], "execute": []}
    events = []
    for row in sorted(rows, key=lambda r: r["event_id"]):
        start, seconds = (row["start_host_time_ns"] - begin) * 1e-9, row["duration_ns"] * 1e-9
        if row["op"] in spans:
            spans[row["op"]].append((start, start + seconds))
        if row["op"] == "dispatch":
            threads = row["tile_duration_sum_ns"] / max(row["duration_ns"], 1)
            events.append(Event(row["key"], start, seconds, threads))
    commands = _covered(spans["dispatch"] + spans["execute"])
    return Timing(tuple(events), weight, _covered(spans["dispatch"]) * weight, commands * weight)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which at least one of these was going on."""
    total = until = 0.0
    for start, end in sorted(spans):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return total


def _saved(vmfb: bytes, views: Sequence[Buffer], folder: str) -> list[str]:
    """Files for the program and its arguments; gives the options that name the latter."""
    with open(os.path.join(folder, "program.vmfb"), "wb") as file:
        file.write(vmfb)
    from eerie_dsl.runtime.executable import function_of, loaded, workspace_of

    words = []
    for i, view in enumerate(map(view_of, views)):
        dtype, shape = _DTYPES[int(view.element_type)], tuple(view.shape)
        array: np.ndarray[Any, Any] = np.ndarray(shape, dtype.numpy, view.map())
        if dtype is dtypes.bfloat16:  # for which NumPy's files have no name
            array.tofile(os.path.join(folder, f"{i}.bin"))
            words.append(f"--input={'x'.join([*map(str, shape), 'bf16'])}=@{i}.bin")
        else:
            np.save(os.path.join(folder, f"{i}.npy"), array)
            words.append(f"--input=@{i}.npy")
    module = loaded(vmfb)  # a function does not keep it alive
    workspace = workspace_of(function_of(module, "main"))
    return words if workspace is None else [*words, f"--input={workspace}xi8"]


def _captured(words: Sequence[str], folder: str, calls: int, limit: float, *more: str) -> tuple[list[list[Any]], int]:
    """The records of each call, and how many were lost."""
    import json

    _tool(
        "iree-benchmark-module",
        *(*words, *more, f"--benchmark_min_time={calls}x"),
        "--device_profiling_mode=host-execution,executable-metadata",
        "--device_profiling_output=calls.ireeprof",
        folder=folder,
        limit=limit,
    )
    text = _tool(
        "iree-profile", "export", "--format=ireeperf-jsonl", "--output=-", "calls.ireeprof", folder=folder, limit=limit
    )
    parts: dict[int, list[Any]] = {}
    dropped = 0
    for line in text.splitlines():
        if '"host_execution_event"' in line:
            row = json.loads(line)
            parts.setdefault(row["source_record_index"], []).append(row)
        elif '"dropped_records"' in line:
            dropped += json.loads(line)["dropped_records"]
    found = [parts[i] for i in sorted(parts)]
    return found or [[]], dropped


def _taken_meanwhile(words: Sequence[str], folder: str, limit: float) -> tuple[list[list[Any]], int] | None:
    """All records of one call, taken by a thread while it runs; None when that damaged them, as it may on worker
    threads."""
    try:
        found, dropped = _captured(words, folder, 1, limit, "--device_profiling_flush_interval_ms=1")
    except ExecutionError:
        return None
    return [[row for rows in found for row in rows]], dropped


def _tool(name: str, *words: str, folder: str, limit: float) -> str:
    """What a tool of the runtime's package prints.

    Raises:
        ExecutionError: it is missing, failed, crashed, or ran out of time.
    """
    import subprocess

    suffix = ".exe" if os.name == "nt" else ""
    path = os.path.join(os.path.dirname(os.path.abspath(binding.__file__)), name + suffix)
    if not os.path.isfile(path):
        raise ExecutionError(
            f"kernels are timed by {name}, which the installed runtime does not have",
            hint='pip install "iree-base-runtime~=3.13.0"',
        )
    try:
        done = subprocess.run(
            [path, *words], cwd=folder, capture_output=True, timeout=limit, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExecutionError(f"a program did not end within {limit:.0f} s under {name}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise ExecutionError(f"{name} cannot time a program: {said[-1]}")
    return done.stdout.decode("utf-8", "replace")
