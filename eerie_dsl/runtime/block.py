"""Small memory of Python's own, which kernels take by its address."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import addressof, c_char
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir.aval import Shape
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.runtime.device import binding, inline
from eerie_dsl.runtime.elements import ELEMENT_TYPES

ALIGNMENT = 64
LARGEST = 1 << 18
"""Bytes up to which arrays are made this way: what the allocator of a device keeps for reuse is worth more above."""

_View = binding.HalBufferView
_import = inline.from_dlpack_capsule
_ndarray = np.ndarray
_empty = np.empty
_bytes = np.dtype(np.uint8)
_char_of: Callable[[Any], c_char] = c_char.from_buffer


class Block:
    """A shaped, typed block of memory that is not empty, aligned to 64 bytes, with arbitrary contents at first.

    Attributes:
        address: of its first byte.
        shape: of the array.
        dtype: of its elements.
        lent: whether somebody outside Eerie may see the memory.
        view: the runtime's view of it, once it was asked for.

    Raises:
        ExecutionError: there is no memory left.
    """

    __slots__ = ("_memory", "_skipped", "address", "dtype", "lent", "shape", "view")

    def __init__(self, shape: Shape, dtype: DType, nbytes: int) -> None:
        try:
            self._memory = memory = _empty(nbytes + ALIGNMENT, _bytes)
        except MemoryError:
            raise ExecutionError(f"no memory for {nbytes} bytes") from None
        address = addressof(_char_of(memory))
        self._skipped = skipped = -address % ALIGNMENT
        self.address = address + skipped
        self.shape = shape
        self.dtype = dtype
        self.lent = False
        self.view: Any = None

    def array(self) -> NDArray[Any]:
        """A NumPy array on the memory, which it keeps alive: who gives it away sets `lent`."""
        return _ndarray(self.shape, self.dtype.numpy, self._memory, self._skipped)

    def viewed(self) -> Any:
        """The memory as the runtime's buffer view, which keeps it alive."""
        if self.view is None:
            nbytes = self.array().nbytes
            part = self._memory[self._skipped : self._skipped + nbytes]
            self.view = _View(_import(part.__dlpack__()).get_buffer(), self.shape, ELEMENT_TYPES[self.dtype])
        return self.view

    @property
    def __iree_vm_ref__(self) -> Any:
        return self.viewed().__iree_vm_ref__

    def __repr__(self) -> str:
        return f"Block({self.dtype}{list(self.shape)} at {self.address:#x})"
