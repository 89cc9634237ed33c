"""What is left of a module for the host to do: dispatches, copies and fills on memory, in a row, as plain values.

The compiler is stopped twice. After ``stream`` the constants are still there; after ``hal`` the function is a list of
calls into a library of kernels. In between it loses the constants, so they are read at the first stop.

Memory is named by spans ``(place, index, offset, length)``; places are ``weights``, ``workspace``, ``argument`` and
``result``. Steps are ``("dispatch", kernel, (x, y, z), constants, spans)``, ``("copy", from, to)`` and
``("fill", span, pattern)``.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from iree.compiler import ir

from eerie_dsl.errors import CompileError
from eerie_dsl.ir.graph import Graph
from eerie_dsl.lowering.folding import FOLDED
from eerie_dsl.lowering.module import add_function, context
from eerie_dsl.lowering.pools import leaf, operations

ALIGNMENT = 64
"""What kernels assume of every buffer, in bytes."""

Span = tuple[str, int, int, int]
Rows = tuple[Any, ...]

_HINT = "use Python's if and for on shapes and numbers, eerie.where on values, and unrolled loops"


def lower_named(graph: Graph, name: str, *, apart: bool = False) -> bytes:
    """`eerie_dsl.lowering.lower` for a module and a function of this name, with which its symbols will start."""
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        module.operation.attributes["sym_name"] = ir.StringAttr.get(name)
        add_function(module, name, graph, tiled=False, apart=apart)
        module.operation.verify()
        out = BytesIO()
        module.operation.write_bytecode(out)
    return out.getvalue()


def read_schedule(bytecode: bytes, name: str, constants: dict[str, bytes]) -> tuple[str, bytes, int, tuple[Rows, ...]]:
    """What a module after ``hal`` does when it is called.

    Args:
        bytecode: the module.
        name: of the function.
        constants: of the module after ``stream``; see `read_pools`.

    Returns:
        The name of the library of kernels, the weights as they lie in memory, the bytes of workspace, the steps.

    Raises:
        CompileError: the host would have to decide something while the function runs.
    """
    with context():
        module = ir.Module.parse(bytecode)
        reader = _Reader(constants)
        for op in operations(module.body):
            if op.name == "util.initializer":
                reader.initializer(op)
        for op in operations(module.body):
            if op.name == "util.func" and _text(op.attributes["sym_name"]) == name:
                reader.function(op)
        return reader.schedule()


class _Memory:
    """A buffer: one of a place, or one of the workspace that has no offset yet."""

    def __init__(self, place: str, index: int = 0, offset: int = 0, size: int = 0) -> None:
        self.place, self.index, self.offset, self.size = place, index, offset, size
        self.first = self.last = -1


class _View(NamedTuple):
    """A range of a buffer."""

    memory: _Memory
    offset: int
    length: int

    @property
    def span(self) -> Span:
        return (self.memory.place, self.memory.index, self.memory.offset + self.offset, self.length)


class _Reader:
    """Follows straight-line code, value by value."""

    def __init__(self, constants: dict[str, bytes]) -> None:
        self._library = ""
        self._globals: dict[str, Any] = {}
        self._values: dict[Any, Any] = {}
        self._steps: list[tuple[str, tuple[Any, ...]]] = []
        self._workspace: list[_Memory] = []
        self._weights = bytearray()
        for name, data in constants.items():
            self._weights += bytes(-len(self._weights) % ALIGNMENT)
            self._globals[name] = _View(_Memory("weights", 0, len(self._weights)), 0, len(data))
            self._weights += data

    def initializer(self, op: Any) -> None:
        """Take what is computed once before the first call: a bundle does it in every call, and keeps no state."""
        blocks = list(op.regions[0].blocks)
        names = [o.name for block in blocks for o in operations(block)]
        if "hal_loader.executable.load" in names:
            stores = [o for block in blocks for o in operations(block) if o.name == "util.global.store"]
            self._library = leaf(stores[0].attributes["global"])
        elif len(blocks) == 1:
            self._run(blocks[0])
        else:
            raise _decides("constants that the compiler leaves to the start of the program")

    def function(self, op: Any) -> None:
        """Take the function that is called."""
        blocks = list(op.regions[0].blocks)
        if len(blocks) != 1:
            raise _decides("a branch or a loop on values")
        for i, argument in enumerate(blocks[0].arguments):
            self._values[argument] = _View(_Memory("argument", i), 0, 0)
        self._return([self._values[v] for v in self._run(blocks[0])])

    def schedule(self) -> tuple[str, bytes, int, tuple[Rows, ...]]:
        """All that was read."""
        size = _laid_out(self._workspace)
        steps = tuple((kind, *(_plain(p) for p in parts)) for kind, parts in self._steps)
        return self._library, bytes(self._weights), size, steps

    def _run(self, block: Any) -> list[Any]:
        for op in operations(block):
            if op.name in ("util.return", "util.func.return"):
                return list(op.operands)
            operands = [self._values.get(v) for v in op.operands]
            if op.name in FOLDED:
                self._values[op.results[0]] = FOLDED[op.name](op, operands)
                continue
            handler = _HANDLERS.get(op.name)
            if handler is None:
                raise _decides(f"{op.name}")
            for result, value in zip(op.results, handler(self, op, operands), strict=True):
                self._values[result] = value
        return []

    def _return(self, results: list[_View]) -> None:
        # A buffer that is one whole result is the caller's; the others are copied out at the end.
        whole: dict[int, int] = {}
        for i, view in enumerate(results):
            memory = view.memory
            if memory.place == "workspace" and view.offset == 0 and view.length == memory.size:
                whole.setdefault(id(memory), i)
        for i, view in enumerate(results):
            if whole.get(id(view.memory)) == i and sum(r.memory is view.memory for r in results) == 1:
                view.memory.place, view.memory.index = "result", i
                self._workspace.remove(view.memory)
            else:
                self._step("copy", view, _View(_Memory("result", i), 0, view.length))

    def _step(self, kind: str, *parts: Any) -> None:
        place = len(self._steps)
        for part in parts:
            for view in part if isinstance(part, tuple) and not isinstance(part, _View) else (part,):
                if isinstance(view, _View):
                    memory = view.memory
                    memory.first = place if memory.first < 0 else memory.first
                    memory.last = place
        self._steps.append((kind, parts))

    def _allocate(self, op: Any, operands: list[Any]) -> list[Any]:
        memory = _Memory("workspace", size=operands[-1])
        self._workspace.append(memory)
        view = _View(memory, 0, memory.size)
        return [view] * len(op.results)

    def _subspan(self, op: Any, operands: list[Any]) -> list[Any]:
        view, _, offset, length = operands
        return [_View(view.memory, view.offset + offset, length)]

    def _dispatch(self, op: Any, operands: list[Any]) -> list[Any]:
        sizes = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        parts, start = [], 0
        for size in sizes:
            parts.append(operands[start : start + size])
            start += size
        _, kernel, x, y, z, constants, buffers, offsets, lengths = parts
        counts = (*x, *y, *z)
        if None in (*counts, *constants, *offsets, *lengths):
            raise _decides("a number that is computed while it runs")
        spans = tuple(_View(b.memory, b.offset + o, n) for b, o, n in zip(buffers, offsets, lengths, strict=True))
        self._step("dispatch", kernel[0], counts, tuple(c & 0xFFFFFFFF for c in constants), spans)
        return []

    def _copy(self, op: Any, operands: list[Any]) -> list[Any]:
        source, _, start, target, _, to, length = operands
        self._step(
            "copy",
            _View(source.memory, source.offset + start, length),
            _View(target.memory, target.offset + to, length),
        )
        return []

    def _fill(self, op: Any, operands: list[Any]) -> list[Any]:
        pattern, target, _, start, length = operands
        width = max(1, op.operands[0].type.width // 8)
        data = (pattern & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        self._step("fill", _View(target.memory, target.offset + start, length), data)
        return []

    def _store(self, op: Any, operands: list[Any]) -> list[Any]:
        self._globals.setdefault(leaf(op.attributes["global"]), operands[0])
        return []

    def _load(self, op: Any, operands: list[Any]) -> list[Any]:
        name = leaf(op.attributes["global"])
        if name == self._library:
            return [None]
        if name not in self._globals:
            raise CompileError(f"the compiler lost the constant {name}")
        return [self._globals[name]]

    def _kernel(self, op: Any, operands: list[Any]) -> list[Any]:
        return [leaf(op.attributes["entry_point"])]

    def _view(self, op: Any, operands: list[Any]) -> list[Any]:
        buffer, offset, length, *_ = operands
        return [_View(buffer.memory, buffer.offset + offset, length)]

    def _same(self, op: Any, operands: list[Any]) -> list[Any]:
        return operands[:1]

    def _nothing(self, op: Any, operands: list[Any]) -> list[Any]:
        return []


_HANDLERS: dict[str, Callable[[_Reader, Any, list[Any]], list[Any]]] = {
    "hal_inline.buffer.allocate": _Reader._allocate,
    "hal_inline.buffer.storage": _Reader._same,
    "hal_inline.buffer.subspan": _Reader._subspan,
    "hal_inline.buffer_view.assert": _Reader._nothing,
    "hal_inline.buffer_view.buffer": _Reader._same,
    "hal_inline.buffer_view.create": _Reader._view,
    "hal_loader.executable.dispatch": _Reader._dispatch,
    "hal_loader.executable.lookup.function": _Reader._kernel,
    "util.buffer.copy": _Reader._copy,
    "util.buffer.fill": _Reader._fill,
    "util.buffer.subspan": _Reader._subspan,
    "util.global.load": _Reader._load,
    "util.global.store": _Reader._store,
}


def _laid_out(memories: list[_Memory]) -> int:
    """Give every buffer its offset, where no buffer lies that is in use at the same time; the bytes of all."""
    placed: list[_Memory] = []
    end = 0
    for memory in sorted(memories, key=lambda m: -m.size):
        memory.offset = 0
        for other in sorted(placed, key=lambda m: m.offset):
            together = memory.first <= other.last and other.first <= memory.last
            if together and memory.offset < other.offset + other.size and other.offset < memory.offset + memory.size:
                memory.offset = -(-(other.offset + other.size) // ALIGNMENT) * ALIGNMENT
        placed.append(memory)
        end = max(end, memory.offset + memory.size)
    return end


def _plain(part: Any) -> Any:
    if isinstance(part, _View):
        return part.span
    return tuple(map(_plain, part)) if isinstance(part, tuple) else part


def _decides(what: str) -> CompileError:
    return CompileError(f"a bundle is a fixed list of kernels, and this function needs {what}", hint=_HINT)


def _text(attribute: Any) -> str:
    return str(ir.StringAttr(attribute).value)
