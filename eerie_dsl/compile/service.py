"""Compilation for the user's process: key, cache, and a pool of worker processes behind one function.

The user's process never loads the compiler. Whatever happens to a worker becomes a `CompileError` here.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from eerie_dsl import errors
from eerie_dsl.compile.cache import Cache, default_cache
from eerie_dsl.compile.candidates import Choices
from eerie_dsl.compile.files import Lock
from eerie_dsl.compile.key import Key, make_key
from eerie_dsl.compile.program import Program
from eerie_dsl.compile.progress import Progress
from eerie_dsl.compile.schedules import choices_for
from eerie_dsl.compile.target import Target, get_target
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, EerieError, Source

if TYPE_CHECKING:
    from eerie_dsl.compile.process import Worker
    from eerie_dsl.ir import Graph

_TICK = 0.1
# Another process may hold the lock of a key and never end.
_LONGEST_WAIT = 120.0


class CacheStatus(NamedTuple):
    """Where a program came from.

    Attributes:
        hit: whether it was in the cache, or came from another process that compiled it meanwhile.
        key: what it was looked up by.
        reason: why it was not there, empty for a hit.
    """

    hit: bool
    key: Key
    reason: str


class _Job(NamedTuple):
    kind: str
    payload: Any
    sources: Any
    target: Target
    name: str
    ops: int
    lines: tuple[Source, ...]
    choices: Choices = ()


def compile_graph(
    graph: Graph, target: str | Target | None = None, *, name: str = "main", cache: Cache | None = None
) -> tuple[Program, CacheStatus]:
    """The program of a graph: from the cache, from another process that is compiling it, or compiled now.

    Args:
        graph: what to compile.
        target: name of a target or a `Target`; ``config.target`` when not given.
        name: the function's name, for messages.
        cache: where to look and to store; the one in ``config.cache_dir`` when not given.

    Raises:
        TargetError: there is no such target.
        CompileError: the compiler refused, crashed, or ran out of time.
    """
    target = get_target(config.target if target is None else target)
    choices = choices_for(graph, target)
    key = make_key(graph.digest, target, choices)
    cache = default_cache() if cache is None else cache
    program = cache.get(key)
    if program is not None:
        return program, CacheStatus(True, key, "")
    _service.prewarm()
    reason = cache.explain_miss(key, name)
    lock = cache.lock(key)
    job = _job("graph", graph, target, name, choices)
    try:
        program = _from_other(cache, key, lock, job)
        if program is not None:
            return program, CacheStatus(True, key, "")
        program = _forgiving(job)
        cache.put(key, program)
    finally:
        if lock is not None:
            lock.release()
    return program, CacheStatus(False, key, reason)


def stored_program(
    graph: Graph, target: str | Target | None = None, *, name: str = "main", cache: Cache | None = None
) -> tuple[Program, CacheStatus]:
    """What `compile_graph` gives for a graph whose program is in the cache.

    Raises:
        TargetError: there is no such target.
        LookupError: it is not in the cache.
    """
    target = get_target(config.target if target is None else target)
    key = make_key(graph.digest, target, choices_for(graph, target))
    program = (default_cache() if cache is None else cache).get(key)
    if program is None:
        raise LookupError(f"{name} is not in the cache")
    return program, CacheStatus(True, key, "")


def compile_module(module: bytes, target: str | Target | None = None, *, name: str = "main") -> Program:
    """Compile a module given as MLIR, in bytecode or as text; past the cache.

    Raises:
        TargetError: there is no such target.
        CompileError: the compiler refused, crashed, or ran out of time.
    """
    if not module.startswith(b"ML\xefR") and not module.endswith(b"\0"):
        module += b"\0"
    target = get_target(config.target if target is None else target)
    program: Program = _service.run(_Job("module", module, (), target, name, 0, ()))
    return program


def lower_graph(graph: Graph, target: str | Target | None = None, *, name: str = "main") -> str:
    """The MLIR module of a graph as text: what the compiler is given.

    Raises:
        TargetError: there is no such target.
        CompileError: the graph cannot be lowered.
    """
    target = get_target(config.target if target is None else target)
    text: str = _service.run(_job("text", graph, target, name, choices_for(graph, target)))
    return text


def run_graph(kind: str, graph: Graph, target: Target, name: str, choices: Choices = ()) -> Any:
    """Do a job of that kind with a graph in a worker; raises what `run` does."""
    return _service.run(_job(kind, graph, target, name, choices))


def run(kind: str, payload: Any, sources: Any, target: Target, name: str, ops: int, lines: tuple[Source, ...]) -> Any:
    """Do a job of another kind in a worker; see `eerie_dsl.compile.worker` for what it answers.

    Raises:
        CompileError: the compiler refused, crashed, or ran out of time.
        EerieError: what lowering raised.
    """
    return _service.run(_Job(kind, payload, sources, target, name, ops, lines))


def prewarm() -> None:
    """Start a worker now, so that it loads the compiler while there is other work to do."""
    _service.prewarm()


def shutdown() -> None:
    """End all workers; the next compilation starts new ones. Done by itself when the process ends."""
    _service.stop()


def _job(kind: str, graph: Graph, target: Target, name: str, choices: Choices = ()) -> _Job:
    target.check(graph)
    lines = tuple(node.source for node in graph.walk() if node.source is not None)
    return _Job(kind, graph.encode(), plain(graph.sources), target, name, len(graph.nodes), lines, choices)


def _forgiving(job: _Job) -> Any:
    """The program of a graph; without the measured tiles where the compiler cannot do with them."""
    try:
        return _service.run(job)
    except CompileError:
        if not job.choices:
            raise
        return _service.run(job._replace(choices=()))


def plain(sources: Any) -> Any:
    """Sources of a graph as plain tuples, the only ones that the worker's pipe takes."""
    return tuple((source and tuple(source), tuple(map(plain, inner))) for source, inner in sources)


def _from_other(cache: Cache, key: Key, lock: Lock | None, job: _Job) -> Program | None:
    """Wait until the lock is ours, or others have stored the key; gives their program in that case."""
    if lock is None:
        return None
    end = time.monotonic() + min(config.compile_timeout, _LONGEST_WAIT)
    pause = 0.01
    try:
        with Progress(job.name, job.target.name, job.ops) as progress:
            while not lock.acquire():
                if time.monotonic() > end:
                    lock.release()
                    return None
                progress.show("another process is at it")
                time.sleep(pause)
                pause = min(pause * 1.5, _TICK)
    except OSError:
        return None
    return cache.get(key)


class Service:
    """A pool of at most ``config.compile_workers`` worker processes, each started when it is needed."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()

    def prewarm(self) -> None:
        """Start a worker if there is none."""
        from eerie_dsl.compile.process import Worker

        with self._free:
            if not self._idle and not self._busy:
                try:
                    self._idle.append(Worker())
                except OSError:
                    # The compilation that follows will say what is wrong.
                    return

    def run(self, job: _Job) -> Any:
        """Do a job in a worker: gives a Program, or the text of a module.

        Raises:
            CompileError: the compiler refused, crashed, or ran out of time.
            EerieError: what lowering raised.
        """
        end = time.monotonic() + config.compile_timeout
        with Progress(job.name, job.target.name, job.ops) as progress:
            try:
                return self._attempt(job, end, progress)
            except _DiedIdle:
                # An idle worker that ended just now says nothing about this job.
                return self._attempt(job, end, progress)

    def stop(self) -> None:
        """End all workers."""
        with self._free:
            workers = [*self._idle, *self._busy]
            self._idle.clear()
            self._busy.clear()
            self._free.notify_all()
        for worker in workers:
            worker.kill()

    def disown(self) -> None:
        """In a forked child: let go of the parent's workers."""
        for worker in (*self._idle, *self._busy):
            worker.disown()

    def _attempt(self, job: _Job, end: float, progress: Progress) -> Any:
        worker = self._take(job, end)
        usable = False
        try:
            result = _converse(worker, job, end, progress)
            usable = True
        except EerieError:
            usable = worker.alive and not worker.busy
            raise
        finally:
            # After Ctrl-C too: a worker in the middle of a job cannot be asked to stop.
            self._give_back(worker, usable)
        return result

    def _take(self, job: _Job, end: float) -> Worker:
        from eerie_dsl.compile.process import Worker

        with self._free:
            while not self._idle and len(self._busy) >= config.compile_workers:
                if time.monotonic() > end:
                    raise _late(job, "waiting for a free worker")
                self._free.wait(_TICK)
            try:
                worker = self._live_idle() or Worker()
            except OSError as error:
                raise CompileError(
                    f"the compiler process cannot be started: {error}",
                    hint=f"sys.executable, {sys.executable!r}, must be a Python that can import eerie_dsl",
                ) from None
            self._busy.add(worker)
            return worker

    def _live_idle(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            # Ended by itself after a long rest, or by someone else.
            worker.kill()
        return None

    def _give_back(self, worker: Worker, usable: bool) -> None:
        with self._free:
            # Not there any more: `stop` was called meanwhile and has killed it.
            usable = usable and worker in self._busy
            self._busy.discard(worker)
            if usable:
                self._idle.append(worker)
            self._free.notify()
        if not usable:
            worker.kill()


class _DiedIdle(CompileError):
    """The worker was gone before it had looked at the job."""


def _late(job: _Job, phase: str) -> CompileError:
    return CompileError(
        f"compiling {job.name} for {job.target} was stopped after {config.compile_timeout:g} seconds "
        f"(compile_timeout); it was {phase}",
        hint="set EERIE_COMPILE_TIMEOUT to more seconds, or split the function into smaller ones",
    )


def _converse(worker: Worker, job: _Job, end: float, progress: Progress) -> Any:
    """Hand the job to the worker and follow what it says to the end: a Program, or the text of a module."""
    from queue import Empty

    from eerie_dsl.compile import diagnostics

    was_ready = worker.ready
    messages = worker.submit((job.kind, job.payload, job.sources, job.target.all_flags, job.choices))
    phase = ""
    while True:
        try:
            message = messages.get(timeout=_TICK)
        except Empty:
            if time.monotonic() > end:
                raise _late(job, phase or "starting the compiler") from None
            progress.show(phase or "starting the compiler")
            continue
        match message:
            case ("phase", words):
                phase = words
            case ("text", text):
                return text
            case ("done", vmfb, kernels, found, rung, seconds, straight):
                return _program(job, vmfb, kernels, found, rung, seconds, straight)
            case ("refused", where, found):
                said = [diagnostics.Diagnostic(*d) for d in found]
                raise diagnostics.refused(job.name, job.target.name, where, said, worker.log(), job.lines)
            case ("error", kind, text, source, hint):
                error = getattr(errors, kind, CompileError)
                raise error(text, source=source and Source(*source), hint=hint)
            case _:
                how, log = worker.ending(), worker.log()
                if not phase and was_ready:
                    raise _DiedIdle(f"the compiler process {how} before it began")
                where = phase or "starting the compiler"
                raise diagnostics.died(job.name, job.target.name, where, how, log)


def _program(job: _Job, vmfb: bytes, kernels: Any, found: Any, rung: str, seconds: float, straight: Any) -> Program:
    meta = {
        "name": job.name,
        "target": job.target.name,
        "flags": job.target.all_flags,
        "rung": rung,
        "kernels": kernels,
        "warnings": [message for severity, message, *_ in found if severity == "warning"],
        "seconds": round(seconds, 3),
        "straight": straight,
    }
    return Program(vmfb, meta)


_service = Service()


def _forked() -> None:
    global _service
    _service.disown()
    _service = Service()


def _ended() -> None:
    _service.stop()


atexit.register(_ended)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
