"""Where the time goes: kernels timed, joined to the user's lines, and compared with what the machine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from threading import Lock, get_ident
from time import perf_counter
from typing import Any, Literal

from eerie_dsl.api.calls import buffer_of
from eerie_dsl.api.entry import Entry
from eerie_dsl.api.explain import KernelReport, Report, by_line, moves_of, ops_of
from eerie_dsl.api.loaded import Loaded
from eerie_dsl.api.profiled import Profile, Row, Span
from eerie_dsl.api.roofs import Roofs, roofs
from eerie_dsl.errors import TracerError
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.scope import state
from eerie_dsl.runtime import from_numpy, to_numpy
from eerie_dsl.runtime.profile import Timing, replay, watchers

_SPANS = 100_000
"""Calls of which a trace shows when they were. All are counted."""

_SECONDS = 0.5
"""For how long a call is repeated to be timed, if that is between 5 and 50 times."""


class _Calls:
    """The calls of one program, or of one graph that NumPy computed: then there are its lines."""

    def __init__(
        self, name: str, loaded: Loaded | None, views: Sequence[Any], lines: dict[str, list[str]] | None = None
    ) -> None:
        self.name = name
        self.loaded = loaded
        self.views = tuple(views)
        self.lines = lines
        self.count = 0
        self.seconds = 0.0


class _Recording:
    """What programs are called, and when.

    Args:
        thread: the only one whose calls count; None for all.
    """

    def __init__(self, thread: int | None = None) -> None:
        self._thread = thread
        self._lock = Lock()
        self.start = perf_counter()
        self.calls: dict[Any, _Calls] = {}
        self.spans: list[Span] = []

    def note(self, what: Any, views: Sequence[Any], start: float, end: float) -> None:
        """A call of a program, told of by the runtime. Of its arguments those of the first call are kept."""
        thread = get_ident()
        if self._thread not in (None, thread):
            return
        # A graph is not kept, because who holds its nodes decides what is computed.
        key = (ops_of(what.nodes), moves_of(what.nodes)) if isinstance(what, Graph) else what and what()
        with self._lock:
            calls = self.calls.get(key)
            if calls is None:
                calls = self.calls[key] = self._new(key, views)
            calls.count += 1
            calls.seconds += end - start
            if len(self.spans) < _SPANS:
                self.spans.append(Span(calls.name, thread, start - self.start, end - start))

    def _new(self, key: Any, views: Sequence[Any]) -> _Calls:
        if isinstance(key, Loaded):
            names = [c.name for c in self.calls.values()]
            count = sum(n.partition(" #")[0] == key.name for n in names)
            return _Calls(f"{key.name} #{count + 1}" if count else key.name, key, views)
        return _Calls("a file", None, ()) if key is None else _Calls("NumPy", None, (), by_line(*key))


@contextmanager
def profile() -> Iterator[Profile]:
    """Time the kernels of everything that runs in a ``with`` block, in all threads: jitted calls and scripts.

    Calls are timed as they are made. At the end of the block each program is called some more times, on the arguments
    of its first call, by the profiler of IREE's runtime, in a process of its own: that gives the time of each kernel.
    What scripts have recorded but nobody has asked for is not computed, and not timed.

    Gives the `Profile`, which is filled in when the block ends without an error.

    Raises:
        TracerError: within a function that is being traced.
        ExecutionError: at the end of the block, when the runtime's tools are missing or cannot run a program.

    >>> import eerie_dsl as eerie
    >>> with eerie.profile() as p:
    ...     y = (eerie.ones((4,)) + 1).numpy()
    >>> [row.kind for row in p.rows]
    ['NumPy']
    """
    require_values("eerie.profile()")
    roofs()  # before anybody watches
    result = Profile("profile", block=True)
    recording = _Recording()
    watchers.append(recording.note)
    try:
        yield result
    finally:
        seconds = perf_counter() - recording.start
        watchers.remove(recording.note)
    found = _profile(result, recording, seconds, None)
    for field in fields(result):
        object.__setattr__(result, field.name, getattr(found, field.name))


def measured(name: str, entry: Entry, leaves: Sequence[Any]) -> Profile:
    """The profile of a call.

    Args:
        name: the function.
        entry: its program.
        leaves: arguments, none of which is written to.
    """
    views = [buffer_of(*given) for given in zip(leaves, entry.avals, entry.shared, strict=False)] + entry.hidden()

    def call() -> Callable[[], object]:
        own = list(views)
        for i in entry.donated:
            aval = entry.avals[i]
            own[i] = from_numpy(to_numpy(views[i], aval), aval.dtype, copy=True)
        return lambda: entry.run(own)

    roofs()  # before anybody watches
    times = [_seconds(call())]
    recording = _Recording(get_ident())
    watchers.append(recording.note)
    try:
        while len(times) <= _repeats(min(times)):
            times.append(_seconds(call()))
    finally:
        watchers.remove(recording.note)
    for calls in recording.calls.values():
        calls.name = name
        calls.count, calls.seconds = 1, min(s.seconds for s in recording.spans)
    recording.spans = [s._replace(program=name) for s in recording.spans]
    return _profile(Profile(name, block=False), recording, min(times), len(times) - 1)


def require_values(what: str) -> None:
    """See that no function is being traced.

    Raises:
        TracerError: one is.
    """
    if state.scope is not None:
        raise TracerError(
            f"{what} measures computations, and {state.scope.name} is being traced: there are no values yet",
            hint=f"use it where {state.scope.name} is called",
        )


def _repeats(seconds: float) -> int:
    """How often a call of this length is repeated; one of seconds only twice."""
    seconds = max(seconds, 1e-6)
    return max(2, min(5, int(5 * _SECONDS / seconds)), min(50, int(_SECONDS / seconds)))


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _profile(empty: Profile, recording: _Recording, seconds: float, count: int | None) -> Profile:
    rows: list[Row] = []
    timings: list[tuple[str, Timing]] = []
    limits = roofs() if recording.calls else None
    for calls in recording.calls.values():
        if calls.loaded is None:
            rows.append(_unknown(calls))
            continue
        program = calls.loaded.program
        assert program is not None
        once = calls.seconds / calls.count
        timing = replay(program.vmfb, calls.views, pooled=calls.loaded.pooled, calls=_repeats(once), seconds=once)
        timings.append((calls.name, timing))
        rows += _parts(calls, timing, limits)
    rows.sort(key=lambda r: -r.seconds)
    whole = sum(r.seconds for r in rows) or 1.0
    return replace(
        empty,
        seconds=seconds,
        calls=sum(c.count for c in recording.calls.values()) if count is None else count,
        rows=tuple(replace(r, share=r.seconds / whole) for r in rows),
        roofs=limits,
        spans=tuple(recording.spans),
        timings=tuple(timings),
    )


def _unknown(calls: _Calls) -> Row:
    """The row of what has no kernels, or none that are known."""
    if calls.lines is None:
        return Row("host", calls.name, "calls", "calls", calls.seconds, calls.count, {})
    return Row("numpy", calls.name, "NumPy", "NumPy", calls.seconds, calls.count, calls.lines)


def _parts(calls: _Calls, timing: Timing, limits: Roofs | None) -> Iterator[Row]:
    """The rows of a program."""
    assert calls.loaded is not None
    known = {k.name: k for k in Report(calls.loaded, calls.name).kernels}
    weight = timing.weight * calls.count
    for name in dict.fromkeys(e.kernel for e in timing.events):
        events = [e for e in timing.events if e.kernel == name]
        seconds = sum(e.seconds for e in events)
        runs = round(len(events) * weight)
        kernel = known.get(name) or KernelReport(name, (), frozenset(), None, 0, None, None, 0)
        moved = (
            None
            if kernel.bytes_read is None or kernel.bytes_written is None
            else kernel.bytes_read + kernel.bytes_written
        )
        row = Row(
            "kernel", calls.name, name, kernel.kind, seconds * weight, runs, kernel.lines,
            result=str(kernel.result or ""),
            bytes_moved=None if moved is None else moved * runs,
            flops=kernel.flops * runs,
            threads=sum(e.threads * e.seconds for e in events) / (seconds or 1.0),
        )  # fmt: skip
        yield replace(row, roof=_roof(row, limits))
    where = "worker threads" if calls.loaded.pooled else "the calling thread"
    others: tuple[tuple[Literal["commands", "disturbance", "host"], str, float], ...] = (
        ("commands", "copies, fills, waits", timing.commands - timing.kernels),
        ("disturbance", "other work on the machine", timing.disturbance),
        ("host", f"rest of calls, on {where}", calls.seconds / calls.count - timing.commands - timing.disturbance),
    )
    for category, what, seconds in others:
        if seconds > 0 or category == "host":
            yield Row(category, calls.name, what, what, max(seconds, 0.0) * calls.count, calls.count, {})


def _roof(row: Row, limits: Roofs | None) -> float | None:
    if limits is None or not row.seconds:
        return None
    reached = row.flops_per_second / limits.flops_per_second
    if row.bytes_per_second is None:
        return reached or None
    return max(reached, row.bytes_per_second / limits.bytes_per_second)
