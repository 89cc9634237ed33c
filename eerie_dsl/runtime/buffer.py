"""Memory of arrays: NumPy in and out, without a copy where that is safe.

Compiled code asks for 64-byte alignment. NumPy gives 16, so most of its arrays are copied on their way in; arrays from
`aligned_empty`, and those that came out of Eerie, are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from ctypes import addressof, c_char
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.errors import DTypeError, ExchangeError, ExecutionError
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.runtime.block import ALIGNMENT, LARGEST, Block
from eerie_dsl.runtime.device import binding, inline
from eerie_dsl.runtime.elements import ELEMENT_TYPES

# mypy knows nothing of the binding.
Buffer: TypeAlias = Any
"""A shaped, typed block of memory: a `Block`, a `VmRef` to memory of a device that nobody outside Eerie has seen, as
programs return, or an `iree.runtime.HalBufferView`, whose memory may be somebody else's too."""

_MEMORY = int(binding.MemoryType.DEVICE_LOCAL) | int(binding.MemoryType.HOST_VISIBLE)
_USAGE = int(binding.BufferUsage.DEFAULT)
# Below this many bytes a copy is as quick as finding out whether the memory can be shared.
_SMALL = 16384

_allocate = inline.allocator.allocate_buffer
_copy_in = inline.allocator.allocate_buffer_copy
_import = inline.from_dlpack_capsule
_View = binding.HalBufferView
_cast = _View.__iree_vm_cast__
_ndarray = np.ndarray
_byte = np.dtype(np.uint8)
_char_of: Callable[[Any], c_char] = c_char.from_buffer


def from_numpy(array: NDArray[Any], dtype: DType, *, copy: bool | None = None) -> Buffer:
    """A buffer with the elements of a NumPy array.

    Shared memory keeps the array alive, and later writes to the array show in the buffer.

    Args:
        array: any strides, alignment and byte order; read-only, zero-size, 0-d and ``np.matrix`` too.
        dtype: the array's own element type.
        copy: True always copies. None shares the memory of an array above 16 KB that is writable, C-contiguous,
            of native byte order and aligned to 64 bytes, and copies otherwise. False shares it or raises.

    Raises:
        DTypeError: the array holds something else than ``dtype``, or is masked.
        ExchangeError: the memory cannot be shared and ``copy`` is False.
        ExecutionError: there is no memory left.
    """
    if array.dtype is dtype.numpy and type(array) is _ndarray:
        try:
            if not copy and (copy is False or array.nbytes > _SMALL) and not addressof(_char_of(array)) % ALIGNMENT:
                return _import(array.__dlpack__())
        except (TypeError, ValueError, BufferError):
            pass  # read-only, strided, empty, or bfloat16
        if copy is not False:
            if 0 < array.nbytes <= LARGEST:
                return _copied(array, dtype)
            try:
                return _copy_in(_MEMORY, _USAGE, inline, array, ELEMENT_TYPES[dtype]).__iree_vm_ref__
            except (ValueError, BufferError, RuntimeError, MemoryError):
                pass  # strided, bfloat16, or no memory left
    return _from_any(array, dtype, copy)


def _from_any(array: NDArray[Any], dtype: DType, copy: bool | None) -> Buffer:
    """`from_numpy` for the arrays that the binding does not take as they are."""
    plain = _plain(array, dtype)
    if not copy and dtype is dtypes.bfloat16 and _shareable(plain):
        shared = _import(plain.view(np.uint16).__dlpack__())
        return _View(shared.get_buffer(), plain.shape, ELEMENT_TYPES[dtype])
    if copy is False:
        if _shareable(plain) and plain.dtype.isnative:
            return _import(plain.__dlpack__())
        raise ExchangeError(
            f"the memory of {_described(plain)} cannot be shared: it has to be writable, C-contiguous, "
            f"of native byte order, not empty, and aligned to {ALIGNMENT} bytes",
            hint="allow a copy, or allocate the array with aligned_empty",
        )
    if 0 < plain.nbytes <= LARGEST:
        return _copied(plain, dtype)
    view = allocate(Aval(plain.shape, dtype))
    np.copyto(_window(view, plain.shape, dtype), plain)
    return view.__iree_vm_ref__


def _copied(array: NDArray[Any], dtype: DType) -> Block:
    block = Block(array.shape, dtype, array.nbytes)
    block.array()[...] = array
    return block


def _shareable(array: NDArray[Any]) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.writeable and array.size > 0 and array.ctypes.data % ALIGNMENT == 0


def _plain(array: NDArray[Any], dtype: DType) -> NDArray[Any]:
    """``array`` as a plain ``np.ndarray``, refused by name when it does not hold ``dtype``."""
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(array, masked.MaskedArray):
        raise DTypeError(
            f"{_described(array)} is masked, and Eerie has no masks", hint="fill it first, with array.filled(value)"
        )
    if array.dtype.newbyteorder("=") != dtype.numpy:
        what = {
            "O": "holds Python objects",
            "S": "holds strings",
            "U": "holds strings",
            "T": "holds strings",
            "M": "holds dates",
            "m": "holds time spans",
        }.get(array.dtype.kind, "is structured" if array.dtype.names else f"does not hold {dtype.name}")
        raise DTypeError(f"{_described(array)} {what}", hint=f"convert it first, with array.astype({dtype.name!r})")
    return np.asarray(array)


def _described(array: NDArray[Any]) -> str:
    return f"a NumPy array of dtype {array.dtype} and shape {array.shape}"


def _window(view: Buffer, shape: Shape, dtype: DType) -> NDArray[Any]:
    return _ndarray(shape, dtype.numpy, view.map())


def view_of(buffer: Buffer) -> Any:
    """The buffer as the binding's buffer view, which has methods."""
    kind = type(buffer)
    if kind is Block:
        return buffer.viewed()
    return buffer if kind is _View else _cast(buffer)


def address_of(buffer: Buffer) -> int:
    """Where the elements are, for as long as somebody holds the buffer."""
    if type(buffer) is Block:
        return buffer.address
    return int(_ndarray((1,), _byte, view_of(buffer).map()).__array_interface__["data"][0])


def lend(buffer: Buffer) -> Buffer:
    """The buffer, as it is to be kept when others may see its memory."""
    if type(buffer) is Block:
        buffer.lent = True
        return buffer
    return view_of(buffer)


def unseen(buffer: Buffer) -> bool:
    """Whether nobody outside Eerie has seen the memory."""
    return not buffer.lent if type(buffer) is Block else type(buffer) is not _View


def allocate(aval: Aval) -> Buffer:
    """A buffer with arbitrary contents, aligned to 64 bytes.

    Raises:
        ExecutionError: there is no memory left.
    """
    try:
        memory = _allocate(_MEMORY, _USAGE, aval.nbytes)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise ExecutionError(f"no memory for {aval!r} ({aval.nbytes} bytes)") from error
    return _View(memory, aval.shape, ELEMENT_TYPES[aval.dtype])


def aligned_empty(shape: Shape, dtype: DType) -> NDArray[Any]:
    """A writable NumPy array with arbitrary contents whose memory Eerie can share.

    >>> aligned_empty((2, 3), dtypes.float32).shape
    (2, 3)

    Raises:
        ExecutionError: there is no memory left.
    """
    return _window(allocate(Aval(shape, dtype)), shape, dtype)


def from_scalar(value: bool | int | float | complex, dtype: DType) -> Buffer:
    """A 0-d buffer with one value.

    Raises:
        DTypeError: ``dtype`` cannot hold the value.
    """
    try:
        array = np.array(value, dtype.numpy)
    except (OverflowError, TypeError, ValueError) as error:
        raise DTypeError(f"{value!r} does not fit {dtype.name}") from error
    return from_numpy(array, dtype, copy=True)


def to_numpy(view: Buffer, aval: Aval) -> NDArray[Any]:
    """A read-only NumPy array on the memory of ``view``, which it keeps alive."""
    if type(view) is Block:
        view.lent = True
        array = view.array()
    else:
        array = _window(view_of(view), aval.shape, aval.dtype)
    array.setflags(write=False)
    return array


def array_of(exporter: object) -> NDArray[Any]:
    """A NumPy array on the memory of ``bytes``, ``array.array``, ``memoryview`` or any other buffer exporter.

    >>> array_of(b"ab")
    array([97, 98], dtype=uint8)

    Raises:
        DTypeError: the object exports no buffer, or one whose format NumPy does not know.
    """
    try:
        return np.asarray(memoryview(exporter))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError) as error:
        raise DTypeError(f"{type(exporter).__name__} does not export memory as numbers: {error}") from error
