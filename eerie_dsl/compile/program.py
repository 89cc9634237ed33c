"""What a compilation gives: the machine code for one target, and what is known about its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Kernel(NamedTuple):
    """One native kernel of a program.

    Attributes:
        name: symbol in the program, as profiles show it.
        sites: for every place that dispatches it, the ids of the graph's nodes fused into it; an id is the place
            of a node in ``graph.walk()``.
        bytes_read: bytes that one dispatch loads, None when a dimension is dynamic.
        bytes_written: bytes that one dispatch stores, None when a dimension is dynamic.
        workgroups: workgroups of one dispatch, None when the count is computed when it runs.
    """

    name: str
    sites: tuple[tuple[int, ...], ...]
    bytes_read: int | None
    bytes_written: int | None
    workgroups: tuple[int, int, int] | None

    @property
    def nodes(self) -> tuple[int, ...]:
        """Ids of all nodes fused into it, over all places."""
        return tuple(sorted({n for site in self.sites for n in site}))

    @property
    def dispatches(self) -> int:
        """How often the program runs it; a place inside a loop counts once."""
        return len(self.sites)

    @classmethod
    def load(cls, row: Any) -> Kernel:
        """A kernel from its fields as JSON or the worker process gives them."""
        name, sites, bytes_read, bytes_written, workgroups = row
        sites = tuple(tuple(site) for site in sites)
        return cls(name, sites, bytes_read, bytes_written, workgroups and tuple(workgroups))


class Program:
    """Machine code for one target, ready to load, and what the compiler told about it.

    Attributes:
        vmfb: the module for IREE's virtual machine.
        name: the function it was compiled from.
        target: name of the target.
        flags: compiler flags that it was compiled with.
        rung: how far the compiler had to step back from these flags to get through; empty if it did not.
        kernels: the native kernels, in the order in which they first run.
        warnings: what the compiler warned of.
        seconds: time that the compilation took.
        straight: for a program that a list of kernels is: where in it their library starts, how long that is, the
            dispatches, the bytes of scratch memory, the places of results (`eerie_dsl.lowering.straight`); else None.
    """

    __slots__ = ("_meta", "vmfb")

    def __init__(self, vmfb: bytes, meta: dict[str, Any] | bytes) -> None:
        self.vmfb = vmfb
        # Read off the disk it stays bytes until someone asks: a warm call needs the code and nothing else.
        self._meta = meta

    @property
    def meta(self) -> dict[str, Any]:
        """Everything but the code, as plain values that JSON can hold."""
        if isinstance(self._meta, bytes):
            import json

            self._meta = json.loads(self._meta)["program"]
        assert isinstance(self._meta, dict)
        return self._meta

    @property
    def name(self) -> str:
        return str(self.meta["name"])

    @property
    def target(self) -> str:
        return str(self.meta["target"])

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(self.meta["flags"])

    @property
    def rung(self) -> str:
        return str(self.meta["rung"])

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return tuple(map(Kernel.load, self.meta["kernels"]))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.meta["warnings"])

    @property
    def seconds(self) -> float:
        return float(self.meta["seconds"])

    @property
    def straight(self) -> Sequence[Any] | None:
        found: Sequence[Any] | None = self.meta["straight"]
        return found

    def __repr__(self) -> str:
        return f"<program {self.name} for {self.target}: {len(self.kernels)} kernels, {len(self.vmfb)} bytes>"
