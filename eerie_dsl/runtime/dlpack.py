"""Exchange of arrays with PyTorch, JAX, NumPy and others through DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError, ExchangeError, MissingProtocolError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype as dtype_of
from eerie_dsl.runtime.buffer import Buffer, from_numpy, lend, to_numpy, view_of
from eerie_dsl.runtime.device import binding, inline
from eerie_dsl.runtime.elements import ELEMENT_TYPES

CPU = (1, 0)
"""What ``__dlpack_device__`` returns for arrays on the CPU."""

_KINDS = {2: "cuda", 3: "pinned cuda memory", 4: "opencl", 7: "vulkan", 8: "metal", 10: "hip", 13: "managed cuda"}
_DTYPES = {element: dtype for dtype, element in ELEMENT_TYPES.items()}


def from_dlpack(exporter: Any, *, copy: bool | None = None) -> tuple[Buffer, Aval]:
    """The buffer and the type of an array of another library.

    Shared memory keeps the exporter's array alive, and later writes to it show in the buffer.

    Args:
        copy: True always copies. None copies only what cannot be shared: strided, read-only or not aligned to 64
            bytes. False shares or raises.

    Raises:
        MissingProtocolError: the object has no DLPack methods.
        DTypeError: an element type that Eerie does not have.
        ExchangeError: the array is not on the CPU, refuses to be exported, or cannot be shared.
    """
    name = type(exporter).__name__
    try:
        device, index = exporter.__dlpack_device__()
        export = exporter.__dlpack__
    except AttributeError:
        raise MissingProtocolError(
            f"{name} does not offer itself through DLPack", hint="convert it to a NumPy array first"
        ) from None
    if device != CPU[0]:
        raise ExchangeError(
            f"{name} lives on {_KINDS.get(device, f'device type {device}')}:{index}, Eerie reads from the CPU",
            hint="move it to the CPU first",
        )
    try:
        view = inline.from_dlpack_capsule(export())
    except (IndexError, ValueError, BufferError):
        return _through_numpy(exporter, copy)
    except Exception as error:
        raise ExchangeError(f"{name} refuses to be exported: {error}") from error
    dtype = _DTYPES.get(int(view.element_type))
    if dtype is None:
        raise DTypeError(f"{name} has an element type that Eerie does not have", hint="cast it first")
    aval = Aval(tuple(view.shape), dtype)
    if copy:
        view = from_numpy(to_numpy(view, aval), dtype, copy=True)
    return view, aval


def _through_numpy(exporter: Any, copy: bool | None) -> tuple[Buffer, Aval]:
    """`from_dlpack` for memory that the binding does not take as it is."""
    name = type(exporter).__name__
    try:
        array = np.from_dlpack(exporter)
    except Exception as error:
        raise ExchangeError(
            f"{name} cannot be read through DLPack: {error}",
            hint="make a contiguous copy of it first, detached from any gradient, of a dtype that Eerie has",
        ) from error
    dtype = dtype_of(array.dtype)
    return from_numpy(array, dtype, copy=copy), Aval(array.shape, dtype)


def to_dlpack(
    view: Buffer,
    aval: Aval,
    *,
    stream: object = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule on the memory of ``view``: what an array's ``__dlpack__`` returns for the same arguments.

    DLPack before version 1 cannot say that memory is read-only: who writes to it changes the Eerie array.

    Raises:
        ExchangeError: a stream or another device is asked for.
    """
    if stream is not None or (dl_device is not None and tuple(dl_device) != CPU):
        raise ExchangeError(
            f"arrays on the CPU are exported to device {CPU} without a stream, "
            f"not to {dl_device or CPU} with stream {stream!r}"
        )
    if copy:
        view = from_numpy(to_numpy(view, aval), aval.dtype, copy=True)
    elif aval.dtype.kind == "uint":
        # Programs return integers without a sign.
        view = binding.HalBufferView(view_of(view).get_buffer(), aval.shape, ELEMENT_TYPES[aval.dtype])
    return inline.create_dlpack_capsule(view_of(lend(view)), *CPU)
