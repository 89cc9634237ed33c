"""The worker's side of `eerie_dsl.compile.static_library`: phase by phase to an object file and a schedule."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eerie_dsl.compile.diagnostics import Diagnostic
from eerie_dsl.compile.driver import Driver, taken
from eerie_dsl.compile.static_library import STACK
from eerie_dsl.errors import CompileError
from eerie_dsl.ir import Graph
from eerie_dsl.lowering.inline_schedule import lower_named, read_schedule
from eerie_dsl.lowering.pools import read_pools

# In one go, the compiler loses the constants after the first.
_PHASES = {"stream": "placing buffers", "hal": "generating machine code"}
_LINK_SECONDS = 60.0


class Built(NamedTuple):
    """What came of it; ``parts`` are the fields of `StaticLibrary`, None where the compiler refused."""

    parts: tuple[Any, ...] | None
    phase: str
    diagnostics: tuple[Diagnostic, ...]


def build_static(
    driver: Driver, name: str, graph: Graph, flags: Sequence[str], on_phase: Callable[[str], None]
) -> Built:
    """Compile a graph; where the kernels that the compiler forms are refused, with one for each operation.

    Raises:
        CompileError: something would have to be decided between the kernels, or the linker failed.
    """
    first = _build(driver, name, lower_named(graph, name), flags, on_phase)
    if first.parts is not None:
        return first
    again = _build(driver, name, lower_named(graph, name, apart=True), flags, on_phase)
    return first if again.parts is None else again


def _build(driver: Driver, name: str, module: bytes, flags: Sequence[str], on_phase: Callable[[str], None]) -> Built:
    seen: dict[str, bytes] = {}
    # The same path every time: a session is kept for each set of flags.
    path = os.path.join(tempfile.gettempdir(), "kernels.o")
    done, found, doing = driver.go(
        module,
        (*flags, f"--iree-llvmcpu-static-library-output-path={path}"),
        _PHASES,
        on_phase,
        lambda phase, invocation: seen.__setitem__(phase, taken(invocation.output_ir_bytecode)),
    )
    if not done:
        return Built(None, doing, found)
    library, weights, workspace, steps = read_schedule(seen["hal"], name, read_pools(seen["stream"]))
    code = b""
    if library:
        with open(path, "rb") as file:
            code = file.read()
        os.unlink(path)
        if code.startswith(b"\0asm"):
            on_phase("linking")
            code = _linked(code, f"{library}_library_query")
    return Built((code, library, weights, workspace, steps), doing, found)


def _linked(code: bytes, query: str) -> bytes:
    """A WebAssembly module of one object."""
    linker = os.environ.get("IREE_LLVM_WASM_LINKER_PATH", "")
    if not os.path.isfile(linker):
        raise CompileError(
            "the linker for WebAssembly, iree-lld, is missing", hint="it comes with the package iree-base-compiler"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "kernels.o"), os.path.join(folder, "kernels.wasm")
        with open(source, "wb") as file:
            file.write(code)
        command = [
            linker, "-flavor", "wasm", source, "-o", target, "--no-entry", "--gc-sections", "--strip-all",
            "--allow-undefined", "--stack-first", "-z", f"stack-size={STACK}", "--export-table",
            f"--export={query}", "--export=__heap_base",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LINK_SECONDS, check=False)
        if done.returncode:
            raise CompileError(f"linking the WebAssembly module failed: {done.stderr.strip()[-500:]}")
        with open(target, "rb") as file:
            return file.read()
