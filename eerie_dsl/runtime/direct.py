"""Small programs as lists of kernels, called without the runtime."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from sys import getrefcount
from time import perf_counter
from typing import Any

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int8
from eerie_dsl.runtime.block import Block
from eerie_dsl.runtime.buffer import Buffer
from eerie_dsl.runtime.executable import Executable
from eerie_dsl.runtime.machine_code import Library, Unsuitable, runner
from eerie_dsl.runtime.profile import tell, watchers

Binding = tuple[str, int, int, int]
Dispatch = tuple[str, tuple[int, int, int], tuple[int, ...], tuple[Binding, ...]]


def _references_of_unused() -> int:
    """What Python counts for what is in a list and in a variable, and nowhere else: versions of it differ."""
    blocks = [object()]
    block = blocks[0]
    return getrefcount(block)


_UNUSED = _references_of_unused()


class Direct:
    """A program that a list of kernels is, called with addresses of blocks.

    To go through the runtime takes 1.4 us of a call of two arrays, to call a list 0.2. Calls from several threads run
    side by side.

    Args:
        executable: the program in the runtime, which takes arguments whose memory is the runtime's.
        elf: its kernels.
        dispatches: for each kernel that runs its name, workgroups, constants and bindings; see
            `eerie_dsl.lowering.straight`.
        scratch: bytes of the memory in between.
        inputs: how many arguments there are.
        results: types of the results.
        brief: whether it takes so little time that other Python threads may wait for it.

    Raises:
        Unsuitable: not on this machine, or not this program.
    """

    __slots__ = ("_dispatches", "_executable", "_idle", "_library", "_order", "_results", "_run", "_scratch", "label")

    def __init__(
        self,
        executable: Executable,
        elf: bytes,
        dispatches: Sequence[Dispatch],
        scratch: Sequence[int],
        *,
        inputs: int,
        results: Sequence[Aval],
        brief: bool,
    ) -> None:
        self._run = runner(brief)
        self._library = Library(elf)
        self._executable = executable
        self._dispatches, self._scratch = tuple(dispatches), tuple(scratch)
        self._results = tuple(enumerate(results))
        self.label = executable.label
        bindings = [b for *_, bound in dispatches for b in bound]
        if any(place == "argument" and i >= inputs for place, i, *_ in bindings):
            raise Unsuitable("memory that the caller lends")
        first = {"argument": 0, "result": inputs}
        between = [b for b in bindings if b[0] == "scratch"]
        known = inputs + len(results)
        order = [first[b[0]] + b[1] if b[0] in first else known + between.index(b) for b in bindings]
        self._order: Callable[[Sequence[int]], Any] = tuple if order == [*range(len(order))] else _picked(order)
        self._idle = [self._state()]

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results of the program for one buffer per argument.

        Raises:
            ExecutionError: the program failed.
        """
        start = perf_counter() if watchers else 0.0
        try:
            addresses = [v.address for v in views]
        except AttributeError:
            return self._executable(views)
        try:
            state = self._idle.pop()
        except IndexError:
            state = self._state()
        # Blocks of the call before last, if nobody has them any more.
        kept = state.kept
        blocks, kept[0], kept[1] = kept[0], kept[1], kept[0]
        results = []
        for i, aval in self._results:
            block = blocks[i]
            if block.lent or block.view is not None or getrefcount(block) > _UNUSED:
                block = blocks[i] = Block(aval.shape, aval.dtype, aval.nbytes)
            results.append(block)
            addresses.append(block.address)
        addresses += state.between
        state.fill(state.pointers, 0, *self._order(addresses))
        if self._run(state.calls):
            raise ExecutionError("a kernel of the program failed")
        self._idle.append(state)
        if start:
            tell(self.label, views, start)
        return results

    def _state(self) -> _State:
        return _State(self._library, self._dispatches, self._scratch, [a for _, a in self._results])

    def __repr__(self) -> str:
        return f"Direct({', '.join(name for name, *_ in self._dispatches)})"


def _picked(order: list[int]) -> Callable[[Sequence[int]], Any]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda addresses: (addresses[order[0]],)


class _State:
    """What one call at a time needs: the list of calls, what they point to, scratch memory, and blocks for results.

    Attributes:
        calls: address of the list.
        pointers: to the memory of all bindings, which ``fill`` writes.
        between: addresses of bindings that are scratch memory.
        kept: blocks for results, for this call and for the next.
    """

    __slots__ = ("_held", "between", "calls", "fill", "kept", "pointers")

    def __init__(
        self, library: Library, dispatches: Sequence[Dispatch], scratch: Sequence[int], results: Sequence[Aval]
    ) -> None:
        bindings = [b for *_, bound in dispatches for b in bound]
        memory = [_bytes(size) for size in scratch]
        self.between = [memory[i].address + offset for place, i, offset, _ in bindings if place == "scratch"]
        self.fill = Struct(f"={len(bindings)}Q").pack_into
        self.pointers = (ctypes.c_uint64 * len(bindings))()
        lengths = (ctypes.c_size_t * len(bindings))(*(length for *_, length in bindings))
        self._held: list[Any] = [library, memory, lengths]
        rows: list[int] = []
        start = 0
        for name, (x, y, z), constants, bound in dispatches:
            numbers = (ctypes.c_uint32 * len(constants))(*constants)
            dispatch = _Dispatch(
                1, 1, 1, len(constants), x, y, z, 1, len(bound), ctypes.addressof(numbers),
                ctypes.addressof(self.pointers) + 8 * start, ctypes.addressof(lengths) + 8 * start,
            )  # fmt: skip
            groups = [_Workgroup(i, j, k) for k in range(z) for j in range(y) for i in range(x)]
            kernel = library.kernels.get(name)
            if kernel is None:
                raise Unsuitable(f"no kernel {name}")
            for group in groups:
                rows += [kernel, library.environment, ctypes.addressof(dispatch), ctypes.addressof(group)]
            self._held += [numbers, dispatch, groups]
            start += len(bound)
        table = (ctypes.c_uint64 * (len(rows) + 1))(*rows)
        self._held.append(table)
        self.calls = ctypes.addressof(table)
        self.kept = [[Block(a.shape, a.dtype, a.nbytes) for a in results] for _ in range(2)]


def _bytes(size: int) -> Block:
    return Block((size,), int8, size)


_POINTER = ctypes.c_void_p


class _Dispatch(ctypes.Structure):
    """``iree_hal_executable_dispatch_state_v0_t``"""

    _fields_ = (
        ("size_x", ctypes.c_uint32),
        ("size_y", ctypes.c_uint32),
        ("size_z", ctypes.c_uint16),
        ("constant_count", ctypes.c_uint16),
        ("count_x", ctypes.c_uint32),
        ("count_y", ctypes.c_uint32),
        ("count_z", ctypes.c_uint16),
        ("max_concurrency", ctypes.c_uint8),
        ("binding_count", ctypes.c_uint8),
        ("constants", _POINTER),
        ("pointers", _POINTER),
        ("lengths", _POINTER),
    )


class _Workgroup(ctypes.Structure):
    """``iree_hal_executable_workgroup_state_v0_t``"""

    _fields_ = (
        ("x", ctypes.c_uint32),
        ("y", ctypes.c_uint32),
        ("z", ctypes.c_uint16),
        ("reserved", ctypes.c_uint16),
        ("processor", ctypes.c_uint32),
        ("memory", _POINTER),
        ("memory_bytes", ctypes.c_uint32),
    )
