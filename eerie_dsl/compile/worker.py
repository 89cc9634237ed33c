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

    from eerie_dsl.compile.candidates import Choices
    from eerie_dsl.compile.driver import Driver
    from eerie_dsl.ir import Graph

# How long an orphan may live on when the pipe to its parent is held open by someone else.
_ORPHAN_SECONDS = 5.0
# A worker holds 200 MB; starting another takes a quarter of a second.
_IDLE_SECONDS = 900.0

# What the compiler refuses is most often what it made of several operations itself.
_RUNGS = (
    ("operations with one user fused", ("--iree-dispatch-creation-fuse-multi-use=false",), False),
    ("one kernel for each operation", (), True),
)

# Their drivers compile the kernels once more, and take sums of floats apart.
_LENIENT = {
    "--iree-hal-local-target-device-backends=vmvx",
    *(f"--iree-hal-target-device={name}" for name in ("vulkan", "metal", "webgpu")),
}


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
    kind, payload, sources, flags, choices = job
    if kind == "backends":
        return ("text", driver.backends())

    def on_phase(phase: str) -> None:
        frames.send(replies, ("phase", phase))

    try:
        if kind == "static":
            return _static(driver, payload, sources, flags, on_phase)
        on_phase("reading the module")
        module = payload
        if kind != "module":
            on_phase("lowering")
            module = _lowered(kind, payload, sources, flags, choices=choices)
        if kind in ("text", "kernels"):
            return ("text", module)
        result = driver.compile(module, flags, on_phase, trusting=kind == "graph")
        if kind in ("graph", "functions") and not choices:
            for rung, more, apart in _RUNGS:
                if result.vmfb is not None:
                    break
                module = _lowered(kind, payload, sources, flags, apart=apart)
                again = driver.compile(module, (*flags, *more), on_phase, trusting=kind == "graph")
                if again.vmfb is not None:
                    result = again._replace(rung=rung)
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
    return ("done", result.vmfb, result.kernels, diagnostics, result.rung, result.seconds, result.straight)


def _static(driver: Driver, payload: Any, sources: Any, flags: Sequence[str], on_phase: Any) -> tuple[Any, ...]:
    from eerie_dsl.compile.static_phases import build_static

    name, encoded = payload
    on_phase("lowering")
    built = build_static(driver, name, _decoded(encoded, sources), flags, on_phase)
    if built.parts is None:
        return ("refused", built.phase, tuple(map(tuple, built.diagnostics)))
    return ("text", built.parts)


def _lowered(
    kind: str, payload: Any, sources: Any, flags: Sequence[str], *, apart: bool = False, choices: Choices = ()
) -> Any:
    from eerie_dsl.lowering import Function, build, lower, lower_functions, tunable

    # Other backends than this one refuse tiles for CPUs.
    tiled = any(flag.endswith("-backends=llvm-cpu") for flag in flags)
    strict = not any(flag in _LENIENT for flag in flags)
    if kind == "functions":
        functions = [
            Function(name, _decoded(encoded, own), weights)
            for (name, encoded, weights), own in zip(payload, sources, strict=True)
        ]
        return lower_functions(functions, tiled=tiled, apart=apart, strict=strict)
    graph = _decoded(payload, sources)
    if kind == "text":
        return str(build(graph, tiled=tiled, strict=strict, choices=dict(choices)))
    if kind == "kernels":
        found = tunable(build(graph, tiled=tiled, strict=strict))
        return tuple((*k[:5], None if k.tiles is None else tuple(k.tiles), *k[6:]) for k in found)
    return lower(graph, tiled=tiled, apart=apart, strict=strict, choices=dict(choices))


def _decoded(encoded: bytes, sources: Any) -> Graph:
    from eerie_dsl.ir import Graph

    try:
        return Graph.decode(encoded, _restore(sources))
    except (ImportError, AttributeError) as error:
        raise CompileError(
            f"the compiler process cannot find a primitive of this program: {error}",
            hint="define primitives in a module that can be imported, not in the script that is run",
        ) from None


def _restore(sources: Any) -> Any:
    return tuple((source and Source(*source), tuple(map(_restore, inner))) for source, inner in sources)
