"""Memory that programs need for what they compute in between, lent for one call at a time.

All programs share it: there is one block per call that runs at the same time, as large as the largest program needs.
The allocator would hand such memory out too, but its list of free blocks takes nothing new once it is full, and what
it does not take is fresh from the system at every call, to be cleared page by page.
"""

from __future__ import annotations

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int8
from eerie_dsl.runtime.buffer import Buffer, allocate
from eerie_dsl.runtime.device import opened

KEPT = 1 << 30
"""Bytes of the largest block that is kept for the next call."""

_spare: list[tuple[int, Buffer]] = []


def lend(nbytes: int) -> tuple[int, Buffer]:
    """At least as many bytes, with arbitrary contents: how many, and a buffer of them.

    Raises:
        ExecutionError: there is no memory left.
    """
    try:
        # list.pop and append are atomic.
        block = _spare.pop()
        if block[0] >= nbytes:
            return block
        del block  # before more is asked for
    except IndexError:
        pass
    return nbytes, allocate(Aval((nbytes,), int8)).__iree_vm_ref__


def give_back(block: tuple[int, Buffer]) -> None:
    """Keeps a block for the next call. Nobody else may hold its buffer."""
    if block[0] <= KEPT:
        _spare.append(block)


def trim() -> None:
    """Gives all memory that is kept for reuse back to the system."""
    _spare.clear()
    for device in opened:
        device.allocator.trim()
