"""The kernel report: what was fused into each kernel, from which lines, and what it costs."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from eerie_dsl.api.loaded import Loaded
from eerie_dsl.compile import Kernel
from eerie_dsl.ir.aval import Type
from eerie_dsl.ir.graph import Graph, Node


class KernelReport(NamedTuple):
    """One kernel of a program.

    Attributes:
        name: symbol in the program, as profiles show it.
        ops: the ops fused into it, with the user's line of each: ``("train.py:12", "tanh")``.
        moves: those of them that only move elements, such as ``broadcast``.
        result: type of its last result; None where the compiler made it for itself.
        runs: how often one call runs it.
        bytes_read: bytes that one run loads, None when unknown. An operand that is read in several windows counts
            for each.
        bytes_written: bytes that one run stores, None when unknown.
        flops: arithmetic operations of one run, estimated. A kernel that is a whole loop counts those of all steps;
            of a ``while_loop``, whose steps nobody knows beforehand, those of one.
    """

    name: str
    ops: tuple[tuple[str, str], ...]
    moves: frozenset[str]
    result: Type | None
    runs: int
    bytes_read: int | None
    bytes_written: int | None
    flops: int

    @property
    def lines(self) -> dict[str, list[str]]:
        """The user's lines with the ops of each that take time in it: moves cost nothing in a kernel that computes."""
        return by_line(self.ops, self.moves)

    @property
    def kind(self) -> str:
        """What the compiler made of it: ``elementwise``, ``reduction``, ``matmul_like``, ..."""
        found = re.match(r"\w+_dispatch_\d+_([a-z_]+?)(_[0-9Dx]+)*(_[a-z]*[0-9]+(x[a-z0-9]+)*)?$", self.name)
        return found[1] if found else self.name


class Report:
    """What a program consists of; print it.

    Attributes:
        name: the function.
        kernels: its kernels, in the order in which they first run.
        mode: how it is computed, ``compiled`` or ``reference``.
        target: name of what it was compiled for.
        flags: compiler flags.
        cached: whether the program was found in the cache.
        miss: why it was not; empty when it was.
        seconds: time that its compilation took.
        pooled: whether it runs on worker threads.
    """

    def __init__(self, loaded: Loaded, name: str) -> None:
        self.name = name
        self.mode = loaded.mode
        self.target = loaded.target.name
        self.pooled = loaded.pooled
        program = loaded.program
        status = loaded.status
        self.cached = status is not None and status.hit
        self.miss = "" if status is None else status.reason
        self.flags: tuple[str, ...] = tuple(program.flags) if program else ()
        self.rung: str = program.rung if program else ""
        self.seconds: float = program.seconds if program else 0.0
        self.kernels: tuple[KernelReport, ...] = ()
        if program is None:
            return
        nodes = list(loaded.graph.walk())
        typical = zip(nodes, loaded.graph.typical.walk(), strict=True)
        work = {n: t.flops for n, t in typical}
        # A kernel that packs an operand is located at the op it does that for, which comes after it; one that goes on
        # with a product sometimes at the product. Elementwise work is done again in every kernel it was built into.
        found = program.kernels
        last: dict[int, Kernel] = {}
        for kernel in found:
            last |= {
                i: kernel for i in kernel.nodes if i not in last or _multiplies(kernel) or not _multiplies(last[i])
            }
        kernels = []
        for kernel in found:
            inside = [nodes[i] for i in kernel.nodes if not _holds_graph(nodes[i])] or [nodes[i] for i in kernel.nodes]
            # A loop that is not a kernel is work of those of its body.
            whole = kernel.name.startswith("loop")
            own = [nodes[i] for i in kernel.nodes if last[i] is kernel or _repeats(nodes[i])]
            own = [n for n in own if whole or not _holds_graph(n)]
            kernels.append(
                KernelReport(
                    name=kernel.name,
                    ops=ops_of(inside),
                    moves=moves_of(inside),
                    result=inside[-1].aval if inside else None,
                    runs=kernel.dispatches,
                    bytes_read=kernel.bytes_read,
                    bytes_written=kernel.bytes_written,
                    flops=sum(work[n] for n in own) // max(kernel.dispatches, 1),
                )
            )
        self.kernels = tuple(kernels)

    @property
    def runs(self) -> int:
        """Kernel runs of one call."""
        return sum(k.runs for k in self.kernels)

    @property
    def flops(self) -> int:
        """Arithmetic operations of one call, estimated."""
        return sum(k.flops * k.runs for k in self.kernels)

    @property
    def bytes_moved(self) -> int:
        """Bytes that the kernels of one call load and store, as far as they are known."""
        return sum(((k.bytes_read or 0) + (k.bytes_written or 0)) * k.runs for k in self.kernels)

    def __str__(self) -> str:
        if self.mode == "reference":
            return f"{self.name}: no kernels; computed by the NumPy reference (evaluation is 'reference')"
        if not self.kernels:
            return f"{self.name}: no kernels; its results are inputs, constants or empty"
        runs = f"{self.runs} kernel{'s' * (self.runs != 1)}"
        origin = "from the cache" if self.cached else f"compiled in {self.seconds:.2f} s"
        where = "on worker threads" if self.pooled else "on the calling thread"
        work = f"{amount(self.flops, 'flop')}, {amount(self.bytes_moved, 'B')} moved"
        lines = [f"{self.name}: {runs} for {self.target}, {origin}, {work}, {where}"]
        for number, kernel in enumerate(self.kernels, 1):
            times = f" x{kernel.runs}" if kernel.runs != 1 else ""
            lines.append(
                f"  {number:>2} {kernel.kind + times:18} {kernel.result or ''!s:18} "
                f"reads {amount(kernel.bytes_read, 'B'):>8}  writes {amount(kernel.bytes_written, 'B'):>8}  "
                f"{amount(kernel.flops, 'flop'):>10}"
            )
            lines += [f"       {line:18} {' '.join(ops)}" for line, ops in kernel.lines.items()]
        flags = " ".join(self.flags) + (f" ({self.rung})" if self.rung else "")
        wrapper = textwrap.TextWrapper(110, initial_indent="  flags ", subsequent_indent=" " * 8)
        wrapper.break_on_hyphens = wrapper.break_long_words = False
        lines.append(wrapper.fill(flags))
        if self.miss:
            lines.append(f"  cache miss: {self.miss}")
        return "\n".join(lines)

    __repr__ = __str__


def _multiplies(kernel: Kernel) -> bool:
    """Whether the compiler saw a product of matrices, or a convolution, in it."""
    return re.search(r"_dispatch_\d+_[a-z_]*(mat|mmt|conv)", kernel.name) is not None


def _repeats(node: Node) -> bool:
    return node.op is not None and node.op.elementwise


def _holds_graph(node: Node) -> bool:
    return any(isinstance(v, Graph) for v in node.params.values())


def ops_of(nodes: Iterable[Node]) -> tuple[tuple[str, str], ...]:
    """The ops of nodes with the user's line of each: ``("train.py:12", "tanh")``."""
    return tuple((_line(n), n.op.name) for n in nodes if n.op is not None and not n.op.literal)


def moves_of(nodes: Iterable[Node]) -> frozenset[str]:
    """Those ops of nodes that only move elements."""
    return frozenset(n.op.name for n in nodes if n.op is not None and n.op.moves)


def by_line(ops: tuple[tuple[str, str], ...], moves: frozenset[str]) -> dict[str, list[str]]:
    """The ops of each line, without moves where there are others."""
    found: dict[str, list[str]] = {}
    for line, op in tuple(op for op in ops if op[1] not in moves) or ops:
        found.setdefault(line, []).append(op)
    return {line: [op if n == 1 else f"{op} x{n}" for op, n in _counted(group)] for line, group in found.items()}


def _line(node: Node) -> str:
    return f"{os.path.basename(node.source.file)}:{node.source.line}" if node.source else "?"


def _counted(ops: list[str]) -> list[tuple[str, int]]:
    return [(op, ops.count(op)) for op in dict.fromkeys(ops)]


def amount(count: float | None, unit: str) -> str:
    """A number with a unit for people; ``?`` for None."""
    if count is None:
        return f"? {unit}"
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= scale:
            return f"{count / scale:.1f} {letter}{unit}"
    return f"{count} {unit}"
