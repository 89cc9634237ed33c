"""The programs of scripts: what is new is interpreted at once, what comes back is compiled meanwhile."""

from __future__ import annotations

import contextvars
import os
import threading
from collections import OrderedDict
from math import inf
from typing import Any

from eerie_dsl.api.loaded import Loaded, find, load
from eerie_dsl.config import config
from eerie_dsl.errors import warn
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph

HEAVY = 0.02
"""Seconds in NumPy from which a structure is looked up on disk, or else compiled, when it is first seen."""

WORTH_WAITING = 1.0
"""Seconds in NumPy from which the first evaluation waits for the compiler, for as long as NumPy would take."""

PATIENCE = 10
"""The evaluation at which a structure's program is waited for, if it is not there by then."""

LONGEST_WAIT = 5.0
"""Seconds of that."""

_KEPT = 1024
_QUEUE = 256


class Script:
    """A structure that scripts evaluate.

    Attributes:
        loaded: its program, None as long as NumPy computes it.
        runs: how often it was evaluated without one.
    """

    __slots__ = ("_job", "_mode", "loaded", "runs")

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._job: _Job | None = None
        self.loaded: Loaded | None = None
        self.runs = 0

    def pause(self, graph: Graph) -> float:
        """How many seconds to `wait` for a program before this evaluation; asks for one when it is time to."""
        if self.loaded is not None or self._mode == "reference":
            return 0.0
        if self._mode == "compiled":
            self._job = self._job or _Job(self, graph)
            return inf
        self.runs += 1
        if self._job is not None:
            self._job.complain()
        elif self.runs == 1:
            seconds = _numpy_seconds(graph)
            if seconds >= HEAVY:
                self._job = _Job(self, graph)
                self.loaded = find(self._job.graph, name="script")
                if self.loaded is None:
                    _compiler.submit(self._job)
                    return seconds if seconds >= WORTH_WAITING else 0.0
            return 0.0
        else:
            self._job = _Job(self, graph)
        if not self._job.taken:
            _compiler.submit(self._job)
        return LONGEST_WAIT if self.runs == PATIENCE else 0.0

    def wait(self, seconds: float) -> None:
        """Wait until there is a program, or it is sure that there will be none, or the time is over.

        Raises:
            CompileError: the compiler refused, and nothing else than a program will do.
        """
        assert self._job is not None
        if self._mode == "compiled":
            self.loaded = load(self._job.graph, name="script", mode="compiled")
        else:
            self._job.done.wait(seconds)


class _Job:
    """A graph to be compiled for a script, under the settings of the thread that asked for it."""

    def __init__(self, script: Script, graph: Graph) -> None:
        self.script = script
        self.graph = graph.copied()
        self.context = contextvars.copy_context()
        self.done = threading.Event()
        self.taken = False
        self.problem: Exception | None = None

    def run(self) -> None:
        """Compile; what the compiler refuses stays with NumPy."""
        try:
            self.script.loaded = self.context.run(load, self.graph, name="script", mode="compiled")
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread has other jobs to do
            self.problem = error
        finally:
            self.done.set()

    def complain(self) -> None:
        """Say once what the compiler said."""
        problem, self.problem = self.problem, None
        if problem is not None:
            warn(f"NumPy goes on computing an expression that was not compiled: {problem}")


class _Compiler:
    """A thread that does jobs, the latest first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: list[_Job] = []
        self._thread: threading.Thread | None = None

    def submit(self, job: _Job) -> None:
        """Do a job before all others that wait."""
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
            self._jobs.append(job)
            del self._jobs[:-_QUEUE]  # they come back when their structure does
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="eerie-compile", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    self._changed.wait()
                job = self._jobs.pop()
                job.taken = True
            job.run()


_scripts: OrderedDict[Any, Script] = OrderedDict()
_compiler = _Compiler()


def script_for(structure: Any) -> Script:
    """What is known of a structure, under the settings of now. The caller holds a lock."""
    mode = config.evaluation
    key = (structure, mode, config.target)
    script = _scripts.get(key)
    if script is None:
        script = _scripts[key] = Script(mode)
        if len(_scripts) > _KEPT:
            _scripts.popitem(last=False)
    else:
        _scripts.move_to_end(key)
    return script


def _numpy_seconds(graph: Graph) -> float:
    """A rough estimate of what NumPy takes: 4 bytes, 4 elementwise or 64 other operations in a nanosecond."""
    ends = (*graph.inputs, *graph.outputs)
    if len(graph.nodes) * max(n.aval.nbytes for n in ends) < HEAVY * 1e9:
        return 0.0  # not worth a closer look, which would take longer than many an expression
    nanoseconds = 0.0
    for node in graph.nodes:
        assert node.op is not None
        nanoseconds += node.flops / (4 if node.op.elementwise else 64)
        if not node.op.moves and isinstance(node.aval, Aval):  # views, for NumPy
            nanoseconds += node.aval.nbytes / 4
    return nanoseconds * 1e-9


def _forked() -> None:
    global _compiler
    _compiler = _Compiler()
    _scripts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
