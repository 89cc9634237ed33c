"""The one door to the compiler library: MLIR bytecode in, machine code, kernels and diagnostics out.

Lives in the worker process only (see `eerie_dsl.compile.worker`); importing it loads libIREECompiler.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from iree.compiler.api import Invocation, Output, Session, Source, ctypes_dl

from eerie_dsl.compile.diagnostics import Diagnostic, diagnostic
from eerie_dsl.errors import CompileError
from eerie_dsl.lowering.checks import drop_checks
from eerie_dsl.lowering.kernels import KernelReader
from eerie_dsl.lowering.module import ENTRY
from eerie_dsl.lowering.straight import Straight, read_straight

# Phases to stop at, with what the compiler does until it gets there. A stop costs next to nothing.
PHASES = {
    "dispatch-creation": "forming kernels",
    "flow": "merging equal kernels",
    "stream": "placing buffers",
    "executable-targets": "vectorising kernels",
    "hal": "generating machine code",
    "end": "writing the program",
}

# A session keeps every type and attribute it ever saw.
_SESSION_USES = 200


class Rung(NamedTuple):
    """One step back when the kernels of a program want more stack than they may have."""

    name: str
    flags: tuple[str, ...]


RUNGS = (
    Rung("", ()),
    Rung(
        "without data tiling",
        (
            "--iree-opt-data-tiling=false",
            "--iree-dispatch-creation-data-tiling=false",
            "--iree-global-opt-data-tiling=false",
        ),
    ),
    Rung("with 256 KiB of stack", ("--iree-llvmcpu-stack-allocation-limit=262144",)),
)


class Compiled(NamedTuple):
    """What a compilation gave; ``kernels`` are the fields of `Kernel`, ``phase`` is where it stopped, ``straight`` is
    `Program.straight`."""

    vmfb: bytes | None
    kernels: tuple[tuple[Any, ...], ...]
    diagnostics: tuple[Diagnostic, ...]
    phase: str
    rung: str
    seconds: float
    straight: tuple[Any, ...] | None = None


_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_NAMED = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)


def _library() -> Any:
    """The library with the signatures that IREE's own wrapper leaves out."""
    library = ctypes_dl._dylib
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    for name, arguments in (
        ("EnableCallbackDiagnostics", [handle, ctypes.c_int, _CALLBACK, handle]),
        ("SetCompileFromPhase", [handle, text]),
        ("SetCompileToPhase", [handle, text]),
        ("SetVerifyIR", [handle, ctypes.c_bool]),
    ):
        function = getattr(library, f"ireeCompilerInvocation{name}")
        function.argtypes, function.restype = arguments, None
    # IREE's own tools find the linker for WebAssembly by where they are.
    linker = os.path.join(os.path.dirname(library._name), "iree-lld")
    if os.path.isfile(linker):
        os.environ.setdefault("IREE_LLVM_WASM_LINKER_PATH", linker)
    return library


class Driver:
    """Compiles modules one after the other, with a session kept for each set of flags."""

    def __init__(self) -> None:
        self._library = _library()
        self._sessions: dict[tuple[str, ...], tuple[Session, list[int]]] = {}

    def backends(self) -> tuple[str, ...]:
        """What the compiler can emit code for, by its names."""
        found: list[str] = []
        query = self._library.ireeCompilerEnumerateRegisteredHALTargetBackends
        query.argtypes, query.restype = [_NAMED, ctypes.c_void_p], None
        query(_NAMED(lambda name, _: found.append(name.decode())), None)
        return tuple(found)

    def compile(
        self,
        module: bytes,
        flags: Sequence[str],
        on_phase: Callable[[str], None] = lambda doing: None,
        *,
        trusting: bool = False,
    ) -> Compiled:
        """Compile a module, stepping down `RUNGS` when kernels want too much stack.

        ``vmfb`` of the result is None when the compiler refused; ``diagnostics`` then say why. A ``trusting`` program
        does not look at the types of its arguments, which its callers know: a call of two takes 1.36 us and not 1.76.

        Raises:
            CompileError: a flag that the compiler does not know.
        """
        start = time.monotonic()
        first: Compiled | None = None
        for rung in RUNGS:
            if rung.name == RUNGS[1].name and not any(f.endswith("data-tiling=true") for f in flags):
                continue
            result = self._compile(module, _override(flags, rung.flags), rung.name, on_phase, start, trusting)
            if result.vmfb is not None or not _wants_stack(result):
                # The first refusal is about what was asked for, later ones about our attempts.
                return result if result.vmfb is not None or first is None else first
            first = first or result
        assert first is not None
        return first

    def _compile(
        self,
        module: bytes,
        flags: tuple[str, ...],
        rung: str,
        on_phase: Callable[[str], None],
        start: float,
        trusting: bool,
    ) -> Compiled:
        reader = KernelReader()
        vmfb: list[bytes] = []
        straight: list[Straight | None] = []

        def look(phase: str, invocation: Invocation) -> None:
            if phase in KernelReader.PHASES:
                reader.read(phase, taken(invocation.output_ir_bytecode))
            if phase == "hal" and trusting:
                program = invocation.export_module()
                drop_checks(program)
                straight.append(read_straight(program, ENTRY))
                invocation.import_module(program)
            if phase == "end":
                vmfb.append(taken(invocation.output_vm_bytecode))

        done, found, doing = self.go(module, flags, PHASES, on_phase, look)
        kernels = tuple(tuple(k) for k in reader.kernels()) if done else ()
        seconds = time.monotonic() - start
        if not done:
            return Compiled(None, kernels, found, doing, rung, seconds)
        return Compiled(vmfb[0], kernels, found, doing, rung, seconds, _placed(straight, vmfb[0]))

    def go(
        self,
        module: bytes,
        flags: tuple[str, ...],
        phases: Mapping[str, str],
        on_phase: Callable[[str], None],
        look: Callable[[str, Invocation], None],
    ) -> tuple[bool, tuple[Diagnostic, ...], str]:
        """Take a module from phase to phase; ``look`` is called after each.

        Returns:
            Whether the compiler got through, what it said, and what it was doing last.

        Raises:
            CompileError: a flag that the compiler does not know.
        """
        session = self._session(flags)
        invocation = session.invocation()
        found: list[Diagnostic] = []

        def receive(severity: int, text: int, size: int, _: object) -> None:
            found.append(diagnostic(severity, ctypes.string_at(text, size).decode("utf-8", "replace")))

        callback = _CALLBACK(receive)
        doing, done = "reading the module", False
        try:
            self._library.ireeCompilerInvocationEnableCallbackDiagnostics(invocation._inv_p, 0, callback, None)
            if invocation.parse_source(Source.wrap_buffer(session, module, buffer_name="source.mlir")):
                self._library.ireeCompilerInvocationSetVerifyIR(invocation._inv_p, not _verified_later(flags))
                before = None
                for phase, doing in phases.items():
                    on_phase(doing)
                    if not self._advance(invocation, before, phase):
                        break
                    look(phase, invocation)
                    before = phase
                else:
                    done = True
        finally:
            invocation.close()
            if not done:
                # A context that a pass failed in is not trusted with the next module.
                self._forget(flags)
        return done, tuple(found), doing

    def _advance(self, invocation: Invocation, before: str | None, phase: str) -> bool:
        if before is not None:
            self._library.ireeCompilerInvocationSetCompileFromPhase(invocation._inv_p, before.encode())
        self._library.ireeCompilerInvocationSetCompileToPhase(invocation._inv_p, phase.encode())
        return bool(invocation.execute())

    def _session(self, flags: tuple[str, ...]) -> Session:
        session, uses = self._sessions.get(flags, (None, [0]))
        if session is None or uses[0] >= _SESSION_USES:
            session, uses = Session(), [0]
            try:
                session.set_flags(*flags)
            except ValueError as error:
                raise CompileError(f"a flag of the target is not the compiler's: {error}") from None
            self._sessions[flags] = session, uses
        uses[0] += 1
        return session

    def _forget(self, flags: tuple[str, ...]) -> None:
        session, _ = self._sessions.pop(flags)
        session.close()


def _placed(found: Sequence[Straight | None], vmfb: bytes) -> tuple[Any, ...] | None:
    """The kernels in a row of a program, its library by where it is in there."""
    for straight in filter(None, found):
        start = vmfb.find(straight.library)
        if start >= 0:
            return (start, len(straight.library), *straight[1:])
    return None


def taken(write: Callable[[Output], None]) -> bytes:
    """What the compiler writes."""
    output = Output.open_membuffer()
    try:
        write(output)
        return bytes(output.map_memory())
    finally:
        output.close()


def _override(flags: Sequence[str], changes: Sequence[str]) -> tuple[str, ...]:
    changed = {flag.partition("=")[0] for flag in changes}
    return (*(f for f in flags if f.partition("=")[0] not in changed), *changes)


def _verified_later(flags: Sequence[str]) -> bool:
    """Whether mistakes of passes are found without looking at all of the program after each of them.

    What reads a module where a phase ends verifies it, and LLVM verifies the kernels for CPUs. To do so after each of
    the hundreds of passes too took MiniLM from 1.53 s to 2.05, and tanh(a*b)+a from 186 ms to 211.
    """
    return any(flag.endswith("-backends=llvm-cpu") for flag in flags)


def _wants_stack(result: Compiled) -> bool:
    return any("stack allocation" in d.message for d in result.diagnostics)
