"""Programs that are a few kernels in a row, as plain values: what remains of them without a runtime.

Read from a module after the phase ``hal``. The memory that a kernel is bound to is named by ``(place, index, offset,
length)``; places are ``argument``, ``result`` and ``scratch``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from iree.compiler import ir

from eerie_dsl.lowering.folding import FOLDED
from eerie_dsl.lowering.pools import leaf, operations

MOST = 1 << 14
"""Workgroups of a program: the state of each takes 32 bytes."""

Binding = tuple[str, int, int, int]
Dispatch = tuple[str, tuple[int, int, int], tuple[int, ...], tuple[Binding, ...]]


class Straight(NamedTuple):
    """A program that a list of kernels is.

    Attributes:
        library: the ELF file with all of its kernels.
        dispatches: of each the kernel's name, its workgroups, constants and bindings.
        scratch: bytes of what is only used in between.
        places: for each result -1, or the argument that it was written over; those of the former kind are counted.
    """

    library: bytes
    dispatches: tuple[Dispatch, ...]
    scratch: tuple[int, ...]
    places: tuple[int, ...]


def read_straight(module: ir.Operation, name: str) -> Straight | None:
    """What the function ``name`` does; None where the host has to decide something, or there are too many workgroups.

    Args:
        module: after the phase ``hal``.
        name: of a function.
    """
    try:
        return _Reader(module).read(name)
    except _Other:
        return None


class _Other(Exception):
    """The program is not of this kind."""


class _Buffer:
    """Memory, of which it is known at the end what it is."""

    def __init__(self, place: str, index: int, size: int = 0) -> None:
        self.place, self.index, self.size = place, index, size


class _Bound(NamedTuple):
    """Memory of a kernel: a buffer, or the number of a slot that is filled when commands are executed."""

    buffer: _Buffer | int
    offset: int
    length: int


_Command = tuple[str, tuple[int, ...], tuple[int, ...], list[_Bound]]


class _Reader:
    def __init__(self, module: ir.Operation) -> None:
        self._functions: dict[str, Any] = {}
        self._recorded: dict[str, str] = {}  # by global, the function whose commands it holds
        self._libraries: list[bytes] = []
        for op in operations(module.regions[0].blocks[0]):
            if op.name == "util.func":
                self._functions[str(ir.StringAttr(op.attributes["sym_name"]).value)] = op
            elif op.name == "util.initializer":
                self._initializer(op)
            elif op.name == "hal.executable":
                self._libraries += [
                    bytes(memoryview(ir.DenseIntElementsAttr(inside.attributes["data"])))
                    for inside in operations(op.regions[0].blocks[0])
                    if inside.name == "hal.executable.binary"
                ]
        self._values: dict[Any, Any] = {}
        self._commands: list[_Command] = []
        self._made: list[_Buffer] = []

    def read(self, name: str) -> Straight:
        block = self._body(name)
        for i, argument in enumerate(block.arguments):
            self._values[argument] = _Buffer("argument", i)
        if f"{name}_transients_size" in self._functions:
            (self._values[block.arguments[-1]].size,) = self._run(self._body(f"{name}_transients_size"))
        places = []
        for view in self._run(block):
            if not isinstance(view, _Bound) or not isinstance(view.buffer, _Buffer) or view.offset or not view.length:
                raise _Other
            buffer = view.buffer
            if buffer.place == "argument":
                places.append(buffer.index)
                continue
            # A part of something, or one result twice: the runtime knows how to count who holds that.
            if buffer.place != "scratch" or view.length != buffer.size:
                raise _Other
            buffer.place, buffer.index = "result", places.count(-1)
            places.append(-1)
        workgroups = sum(x * y * z for _, (x, y, z), _, _ in self._commands)
        if len(self._libraries) != 1 or not 0 < workgroups <= MOST:
            raise _Other
        scratch = [b for b in self._made if b.place == "scratch"]
        for i, buffer in enumerate(scratch):
            buffer.index = i
        dispatches = tuple(map(_dispatch, self._commands))
        return Straight(self._libraries[0], dispatches, tuple(b.size for b in scratch), tuple(places))

    def _initializer(self, op: Any) -> None:
        calls: dict[Any, str] = {}
        for inside in (o for block in op.regions[0].blocks for o in operations(block)):
            if inside.name == "util.call":
                calls[inside.results[0]] = leaf(inside.attributes["callee"])
            elif inside.name == "util.global.store" and inside.operands[0] in calls:
                self._recorded[leaf(inside.attributes["global"])] = calls[inside.operands[0]]

    def _body(self, name: str) -> Any:
        blocks = list(self._functions[name].regions[0].blocks)
        if len(blocks) != 1:
            raise _Other
        return blocks[0]

    def _run(self, block: Any) -> list[Any]:
        for op in operations(block):
            operands = [self._values.get(v) for v in op.operands]
            if op.name == "util.return":
                return operands
            if op.name in _IGNORED:
                continue
            if op.name in FOLDED:
                if None in operands:
                    raise _Other
                self._values[op.results[0]] = FOLDED[op.name](op, operands)
                continue
            handler = _HANDLERS.get(op.name)
            if handler is None:
                raise _Other
            found = handler(self, op, operands)
            if found is not None:
                self._values[op.results[0]] = found
        raise _Other

    def _load(self, op: Any, operands: list[Any]) -> str | None:
        name = leaf(op.attributes["global"])
        if name in self._recorded:
            return self._recorded[name]
        if str(op.results[0].type) in ("!hal.device", "!hal.executable"):
            return None
        raise _Other

    def _same(self, op: Any, operands: list[Any]) -> Any:
        return operands[0]

    def _allocate(self, op: Any, operands: list[Any]) -> _Buffer:
        buffer = _Buffer("scratch", 0, operands[-1])
        self._made.append(buffer)
        return buffer

    def _length(self, op: Any, operands: list[Any]) -> int:
        (buffer,) = operands
        if not buffer.size:
            raise _Other
        return int(buffer.size)

    def _view(self, op: Any, operands: list[Any]) -> _Bound:
        buffer, offset, length, *_ = operands
        return _Bound(buffer, offset, length)

    def _kernel(self, op: Any, operands: list[Any]) -> str:
        return leaf(op.attributes["entry_point"])

    def _dispatch(self, op: Any, operands: list[Any]) -> None:
        *_, kernel, x, y, z, constants, buffers, offsets, lengths = _segments(op, operands)
        counts, numbers = (*x, *y, *z), tuple(constants)
        if None in (*kernel, *counts, *numbers, *buffers, *offsets, *lengths):
            raise _Other
        bound = [_Bound(*parts) for parts in zip(buffers, offsets, lengths, strict=True)]
        self._commands.append((kernel[0], counts, tuple(n & 0xFFFFFFFF for n in numbers), bound))

    def _execute(self, op: Any, operands: list[Any]) -> None:
        """Run what was recorded before, on the buffers of now."""
        commands, rest = operands[4], operands[5:]
        if not isinstance(commands, str):
            raise _Other
        count = len(rest) // 3
        given = [_Bound(*parts) for parts in zip(rest[:count], rest[count : 2 * count], rest[2 * count :], strict=True)]
        before, self._commands = self._commands, []
        self._run_recorded(commands)
        for kernel, counts, constants, bound in self._commands:
            filled = [_filled(b, given) for b in bound]
            before.append((kernel, counts, constants, filled))
        self._commands = before

    def _run_recorded(self, name: str) -> None:
        self._run(self._body(name))


def _filled(bound: _Bound, given: list[_Bound]) -> _Bound:
    if not isinstance(bound.buffer, int):
        raise _Other
    slot = given[bound.buffer]
    if slot.buffer is None or slot.offset is None:
        raise _Other
    return _Bound(slot.buffer, slot.offset + bound.offset, bound.length)


def _dispatch(command: _Command) -> Dispatch:
    kernel, (x, y, z), constants, bound = command
    return kernel, (x, y, z), constants, tuple(map(_binding, bound))


def _binding(bound: _Bound) -> Binding:
    if not isinstance(bound.buffer, _Buffer):
        raise _Other
    return bound.buffer.place, bound.buffer.index, bound.offset, bound.length


def _segments(op: Any, operands: list[Any]) -> list[list[Any]]:
    parts, start = [], 0
    for size in ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]):
        parts.append(operands[start : start + size])
        start += size
    return parts


_IGNORED = {
    "hal.buffer.assert",
    "hal.buffer_view.assert",
    "hal.command_buffer.create",
    "hal.command_buffer.execution_barrier",
    "hal.command_buffer.finalize",
    "hal.device.allocator",
    "hal.device.queue.dealloca",
    "hal.device.queue.execute",
    "hal.devices.get",
    "hal.element_type",
    "hal.encoding_type",
    "hal.fence.await",
    "hal.fence.create",
    "hal.fence.join",
    "hal.memory_type",
    "hal.buffer_usage",
    "util.null",
    "util.status.check_ok",
}

_HANDLERS: dict[str, Callable[[_Reader, Any, list[Any]], Any]] = {
    "hal.allocator.allocate": _Reader._allocate,
    "hal.buffer.length": _Reader._length,
    "hal.buffer_view.buffer": _Reader._same,
    "hal.buffer_view.create": _Reader._view,
    "hal.command_buffer.dispatch": _Reader._dispatch,
    "hal.device.queue.alloca": _Reader._allocate,
    "hal.device.queue.execute.indirect": _Reader._execute,
    "hal.executable.lookup.function": _Reader._kernel,
    "util.global.load": _Reader._load,
}
