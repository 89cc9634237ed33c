"""Programs as lists of kernels, called without the runtime."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from sys import getrefcount
from time import perf_counter
from typing import Any

import numpy as np

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int8, uint64
from eerie_dsl.runtime.block import LARGEST, Block
from eerie_dsl.runtime.buffer import Buffer, address_of, allocate
from eerie_dsl.runtime.executable import Executable
from eerie_dsl.runtime.kernel_library import Library
from eerie_dsl.runtime.machine_code import Unsuitable, function
from eerie_dsl.runtime.profile import tell, watchers
from eerie_dsl.runtime.team import team
from eerie_dsl.runtime.workspace import give_back, lend

Binding = Sequence[Any]
Dispatch = Sequence[Any]


def _references_of_unused() -> int:
    """What Python counts for what is in a list and in a variable, and nowhere else: versions of it differ."""
    blocks = [object()]
    block = blocks[0]
    return getrefcount(block)


_UNUSED = _references_of_unused()


class Direct:
    """A program that a list of kernels is, called with addresses.

    To go through the runtime takes 1.4 us of a call of two arrays, to call a list 0.2. Calls from several threads run
    side by side.

    Args:
        executable: the program in the runtime.
        elf: its kernels.
        dispatches: for each kernel that runs its name, workgroups, constants and bindings; see
            `eerie_dsl.lowering.straight`.
        scratch: bytes of the memory in between.
        places: for each result -1, or the argument whose memory it takes.
        inputs: types of the arguments.
        results: types of the results.
        brief: whether it takes so little time that other Python threads may wait for it, and that the runtime finds
            its own memory sooner than Python its address.

    Attributes:
        pooled: whether helping threads take part.

    Raises:
        Unsuitable: not on this machine, or not this program.
    """

    __slots__ = (
        "_brief",
        "_dispatches",
        "_executable",
        "_groups",
        "_idle",
        "_library",
        "_order",
        "_over",
        "_results",
        "_run",
        "_scratch",
        "_workspace",
        "label",
        "pooled",
    )

    def __init__(
        self,
        executable: Executable,
        elf: bytes,
        dispatches: Sequence[Dispatch],
        scratch: Sequence[int],
        places: Sequence[int],
        *,
        inputs: Sequence[Aval],
        results: Sequence[Aval],
        brief: bool,
    ) -> None:
        self._run = function("alone", holding=brief)
        self.pooled = False
        self.label = executable.label
        self._brief = brief
        self._library = Library(elf)
        self._executable = executable
        self._dispatches, self._scratch = dispatches, scratch
        own = [aval for aval, place in zip(results, places, strict=True) if place < 0]
        self._results = [(i, aval, aval.nbytes <= LARGEST) for i, aval in enumerate(own)]
        self._over = [(i, place) for i, place in enumerate(places) if place >= 0]
        if any((results[i].shape, results[i].dtype) != (inputs[k].shape, inputs[k].dtype) for i, k in self._over):
            raise Unsuitable("an argument that becomes an array of another type")
        self._groups = {counts: _groups(*counts) for counts in {tuple(d[1]) for d in dispatches}}
        # Addresses are those of the arguments, of the memory that the program borrows, of results, and in between.
        bindings = [b for *_, bound in dispatches for b in bound]
        wanted = any(place == "argument" and i == len(inputs) for place, i, *_ in bindings)
        self._workspace = executable.workspace if wanted else None
        borrowed = len(inputs) + (self._workspace is not None)
        known = borrowed + len(own)
        if any(place == "argument" and i >= borrowed for place, i, *_ in bindings):
            raise Unsuitable("more arguments than there are")
        first = {"argument": 0, "result": borrowed, "scratch": known}
        self._order = _picking([(first[place] + i, offset) for place, i, offset, _ in bindings])
        self._idle = [self._state()]

    def on_workers(self) -> Direct | Executable:
        """The same program, with helping threads; those of the runtime where ours cannot be."""
        try:
            team()
        except Unsuitable:
            return self._executable.on_workers()
        other = object.__new__(Direct)
        for name in Direct.__slots__:
            setattr(other, name, getattr(self, name))
        other.pooled, other._run = True, _together
        return other

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results of the program for one buffer per argument.

        Raises:
            ExecutionError: the program failed, or there is no memory left.
        """
        start = perf_counter() if watchers else 0.0
        try:
            addresses = [v.address for v in views]
        except AttributeError:
            if self._brief:
                return self._executable(views)
            addresses = list(map(address_of, views))
        workspace = self._workspace
        if workspace is not None:
            block = lend(workspace)
            addresses.append(address_of(block[1]))
        try:
            state = self._idle.pop()
        except IndexError:
            state = self._state()
        # Blocks of the call before last, if nobody has them any more.
        kept = state.kept
        blocks, kept[0], kept[1] = kept[0], kept[1], kept[0]
        results = []
        for i, aval, small in self._results:
            if small:
                result = blocks[i]
                if result is None or result.lent or result.view is not None or getrefcount(result) > _UNUSED:
                    result = blocks[i] = Block(aval.shape, aval.dtype, aval.nbytes)
                addresses.append(result.address)
            else:
                view = allocate(aval)
                addresses.append(address_of(view))
                result = view.__iree_vm_ref__
            results.append(result)
        addresses += state.between
        state.fill(state.pointers, 0, *self._order(addresses))
        if self._run(state.job):
            raise ExecutionError("a kernel of the program failed")
        self._idle.append(state)
        for i, place in self._over:
            results.insert(i, views[place])
        if workspace is not None:
            give_back(block)
        if start:
            tell(self.label, views, start)
        return results

    def _state(self) -> _State:
        return _State(self._library, self._dispatches, self._groups, self._scratch, len(self._results))

    def __repr__(self) -> str:
        return f"Direct({', '.join(name for name, *_ in self._dispatches)})"


def _together(job: int) -> int:
    return team().run(job)  # another one after a fork


def _picking(places: list[tuple[int, int]]) -> Callable[[Sequence[int]], Any]:
    """What gives the addresses at some places of a list, each with an offset added."""
    order, offsets = zip(*places, strict=True)
    if any(offsets) or len(order) == 1:
        return lambda addresses: [addresses[i] + offset for i, offset in places]
    return itemgetter(*order)


class _State:
    """What one call at a time needs: its job, what that points to, scratch memory, and blocks for results.

    Attributes:
        job: address of what `machine_code` runs.
        pointers: to the memory of all bindings, which ``fill`` writes.
        between: addresses of scratch memory.
        kept: blocks for results, for this call and for the next.
    """

    __slots__ = ("_held", "between", "fill", "job", "kept", "pointers")

    def __init__(
        self,
        library: Library,
        dispatches: Sequence[Dispatch],
        groups: dict[tuple[int, ...], np.ndarray[Any, Any]],
        scratch: Sequence[int],
        results: int,
    ) -> None:
        bindings = [b for *_, bound in dispatches for b in bound]
        memory = [Block((size,), int8, size) for size in scratch]
        self.between = [m.address for m in memory]
        self.fill = Struct(f"={len(bindings)}Q").pack_into
        self.pointers = (ctypes.c_uint64 * len(bindings))()
        lengths = (ctypes.c_size_t * len(bindings))(*(length for *_, length in bindings))
        block = Block((len(dispatches) + 1, 16), uint64, 128 * (len(dispatches) + 1))
        rows = block.array()
        rows[...] = 0
        self._held: list[Any] = [library, groups, memory, lengths, block]
        start = 0
        for row, (name, counts, constants, bound) in zip(rows, dispatches, strict=False):
            kernel, workgroups = library.kernels.get(name), groups[tuple(counts)]
            if kernel is None:
                raise Unsuitable(f"no kernel {name}")
            numbers = (ctypes.c_uint32 * len(constants))(*constants)
            dispatch = _Dispatch(
                1, 1, 1, len(constants), *counts, 1, len(bound), ctypes.addressof(numbers),
                ctypes.addressof(self.pointers) + 8 * start, ctypes.addressof(lengths) + 8 * start,
            )  # fmt: skip
            self._held += [numbers, dispatch]
            row[:5] = kernel, library.environment, ctypes.addressof(dispatch), workgroups.ctypes.data, workgroups.size
            start += len(bound)
        self.job = block.address
        self.kept: list[list[Block | None]] = [[None] * results for _ in range(2)]


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


# ``iree_hal_executable_workgroup_state_v0_t``
_WORKGROUP = np.dtype([("x", "u4"), ("y", "u4"), ("z", "u2"), ("reserved", "u2"), ("rest", "u4", (5,))])


def _groups(x: int, y: int, z: int) -> np.ndarray[Any, Any]:
    """The states of all workgroups of a dispatch."""
    found = np.zeros(x * y * z, _WORKGROUP)
    number = np.arange(found.size)
    found["x"], found["y"], found["z"] = number % x, number // x % y, number // (x * y)
    return found
