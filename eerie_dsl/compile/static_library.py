"""A graph as a library of kernels without a runtime, and the list of what to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from eerie_dsl.compile import service
from eerie_dsl.compile.target import Target
from eerie_dsl.errors import Source

if TYPE_CHECKING:
    from eerie_dsl.ir import Graph

# One workgroup for each kernel: nobody distributes them. The rest of the flags are the target's.
_STATIC = (
    "--iree-hal-target-backends=llvm-cpu",
    "--iree-llvmcpu-link-embedded=false",
    "--iree-llvmcpu-link-static",
    "--iree-llvmcpu-debug-symbols=false",
    "--iree-llvmcpu-disable-distribution",
    "--iree-execution-model=inline-dynamic",
    "--iree-opt-const-expr-max-size-increase-threshold=0",
)
# For 32-bit machines that have no vectors to speak of, and little stack.
_SMALL = ("--iree-llvmcpu-target-vector-width-in-bytes=4", "--iree-llvmcpu-stack-allocation-limit=4KiB")

STACK = 1 << 17
"""Bytes of stack that a WebAssembly module has."""


class Span(NamedTuple):
    """A range of memory.

    Attributes:
        place: ``weights``, ``workspace``, ``argument`` or ``result``.
        which: of the arguments or results.
        offset: bytes from its start.
        length: bytes; 0 for all of it.
    """

    place: str
    which: int
    offset: int
    length: int


class Dispatch(NamedTuple):
    """Run a kernel once for each workgroup."""

    kernel: str
    workgroups: tuple[int, int, int]
    constants: tuple[int, ...]
    spans: tuple[Span, ...]


class Copy(NamedTuple):
    """Copy bytes to where none of them lie."""

    source: Span
    target: Span


class Fill(NamedTuple):
    """Write a pattern again and again."""

    target: Span
    pattern: bytes


class StaticLibrary(NamedTuple):
    """A compiled graph that needs no runtime.

    Attributes:
        code: the object file of the kernels; for WebAssembly the module, linked.
        name: of the library; its object exports ``<name>_library_query``.
        weights: the constants, as they have to lie in memory.
        workspace: bytes of memory for what lies between the kernels.
        steps: what a call does, in order.
    """

    code: bytes
    name: str
    weights: bytes
    workspace: int
    steps: tuple[Dispatch | Copy | Fill, ...]


def compile_static(graph: Graph, target: Target, name: str) -> StaticLibrary:
    """Compile a graph without dynamic shapes and loops.

    Args:
        graph: what to compile.
        target: a CPU.
        name: of the bundle; symbols start with it.

    Raises:
        TargetError: the target lacks a dtype of the graph.
        CompileError: the compiler refused, or something would have to be decided between the kernels.
    """
    target.check(graph)
    small = _SMALL if target.machine.startswith(("thumb", "riscv32")) else ()
    own = {flag.partition("=")[0] for flag in target.machine_flags}
    flags = (*_STATIC, *(f for f in small if f.partition("=")[0] not in own), *target.machine_flags)
    lines: tuple[Source, ...] = tuple(n.source for n in graph.walk() if n.source is not None)
    code, library, weights, workspace, rows = service.run(
        "static",
        (name, graph.encode()),
        service.plain(graph.sources),
        target._replace(flags=flags),
        name,
        len(graph.nodes),
        lines,
    )
    return StaticLibrary(code, library, weights, workspace, tuple(map(_step, rows)))


def _step(row: tuple[object, ...]) -> Dispatch | Copy | Fill:
    match row:
        case ("dispatch", str(kernel), (int(x), int(y), int(z)), tuple(constants), tuple(spans)):
            return Dispatch(kernel, (x, y, z), constants, tuple(Span(*s) for s in spans))
        case ("copy", tuple(source), tuple(target)):
            return Copy(Span(*source), Span(*target))
        case ("fill", tuple(target), bytes(pattern)):
            return Fill(Span(*target), pattern)
    raise AssertionError(row)
