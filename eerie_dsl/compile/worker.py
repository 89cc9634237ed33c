"""The process that the compiler lives in, started by `eerie_dsl.compile.process`.

It reads jobs from its standard input and answers on its standard output. A crash of the compiler ends this process
and no other; the end of the user's process ends this one, in the middle of a compilation too.
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from typing import TYPE_CHECKING, Any

from eerie_dsl.compile import frames
from eerie_dsl.errors import CompileError, EerieError, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eerie_dsl.compile.driver import Driver

# How long an orphan may live on when the pipe to its parent is held open by someone else.
_ORPHAN_SECONDS = 5.0
# A worker holds 200 MB; starting another takes a quarter of a second.
_IDLE_SECONDS = 900.0


def main(folder: str) -> None:
    """Serve jobs until the user's process is gone, then remove ``folder``, which holds temporary files."""
    requests, replies = _private_pipes()
    _no_core_dumps()
    jobs: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, jobs, folder), daemon=True).start()
    if os.name == "posix":
        threading.Thread(target=_watch_parent, args=(os.getppid(), folder), daemon=True).start()
    try:
        try:
            from eerie_dsl.compile.driver import Driver
        except ImportError as error:
            text = f"the compiler cannot be loaded: {error}"
            frames.send(replies, ("error", "CompileError", text, None, 'pip install "iree-base-compiler~=3.13.0"'))
            return
        driver = Driver()
        frames.send(replies, ("ready", os.getpid()))
        while True:
            job = jobs.get(timeout=_IDLE_SECONDS)
            frames.send(replies, _answer(driver, job, replies))
    except (frames.Closed, queue.Empty):
        _leave(folder)


def _private_pipes() -> tuple[int, int]:
    """The two ends of the conversation; anything else that reads or prints cannot disturb it."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return requests, replies


def _no_core_dumps() -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _listen(requests: int, jobs: queue.SimpleQueue[tuple[Any, ...]], folder: str) -> None:
    try:
        while True:
            jobs.put(frames.receive(requests))
    except frames.Closed:
        _leave(folder)


def _watch_parent(parent: int, folder: str) -> None:
    import time

    while os.getppid() == parent:
        time.sleep(_ORPHAN_SECONDS)
    _leave(folder)


def _leave(folder: str) -> None:
    # At once: the compiler may be in the middle of a job on another thread.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _answer(driver: Driver, job: tuple[Any, ...], replies: int) -> tuple[Any, ...]:
    kind, payload, sources, flags = job

    def on_phase(phase: str) -> None:
        frames.send(replies, ("phase", phase))

    try:
        on_phase("reading the module")
        module = payload
        if kind != "module":
            on_phase("lowering")
            module = _lowered(payload, sources, flags, text=kind == "text")
        if kind == "text":
            return ("text", module)
        result = driver.compile(module, flags, on_phase)
        if result.vmfb is None and kind == "graph":
            # What the compiler refuses is most often what it made of several operations itself.
            module = _lowered(payload, sources, flags, text=False, apart=True)
            second = driver.compile(module, flags, on_phase)
            if second.vmfb is not None:
                result = second._replace(rung="one kernel for each operation")
    except frames.Closed:
        raise
    except EerieError as error:
        source = None if error.source is None else tuple(error.source)
        return ("error", type(error).__name__, error.message, source, error.hint)
    except Exception as error:  # noqa: BLE001 (whatever it is, the user's process is to hear of it)
        import traceback

        trace = "".join(traceback.format_exception(error)[-3:])
        return ("error", "CompileError", f"{type(error).__name__}: {error}\n{trace}", None, None)
    diagnostics = tuple(map(tuple, result.diagnostics))
    if result.vmfb is None:
        return ("refused", result.phase, diagnostics)
    return ("done", result.vmfb, result.kernels, diagnostics, result.rung, result.seconds)


def _lowered(encoded: bytes, sources: Any, flags: Sequence[str], *, text: bool, apart: bool = False) -> Any:
    from eerie_dsl.ir import Graph
    from eerie_dsl.lowering import build, lower

    try:
        graph = Graph.decode(encoded, _restore(sources))
    except (ImportError, AttributeError) as error:
        raise CompileError(
            f"the compiler process cannot find a primitive of this program: {error}",
            hint="define primitives in a module that can be imported, not in the script that is run",
        ) from None
    # Other backends than this one refuse tiles for CPUs.
    tiled = any(flag.endswith("-backends=llvm-cpu") for flag in flags)
    return str(build(graph, tiled=tiled)) if text else lower(graph, tiled=tiled, apart=apart)


def _restore(sources: Any) -> Any:
    return tuple((source and Source(*source), tuple(map(_restore, inner))) for source, inner in sources)
