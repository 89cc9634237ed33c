"""Files of tensors: checked, mapped where compiled code can use the pages, written as a whole or not at all."""

from __future__ import annotations

import mmap
import os
import stat
import sys
import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

import eerie_dsl as eerie
from eerie_dsl.errors import InvalidValueError

ALIGNMENT = 64
"""What compiled code asks of an array's address."""

_MOST_AXES = 64  # of NumPy
# Pages that nobody writes to need no memory; without this flag Linux refuses to map a file larger than memory.
# Python names it from 3.13 on.
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def shown(name: str) -> str:
    """A name of a file's own choosing, for a message."""
    return repr(name) if len(name) <= 100 else f"{name[:100]!r}..."


def size_of(shape: Any, dtype: eerie.DType) -> int | None:
    """Bytes of an array, or None where ``shape`` is no shape, or that of an array too large for any machine."""
    if not isinstance(shape, list | tuple) or len(shape) > _MOST_AXES:
        return None
    if any(type(n) is not int or not 0 <= n < 1 << 63 for n in shape):
        return None
    # NumPy asks this of arrays without elements too.
    if prod(n for n in shape if n) * dtype.itemsize >= 1 << 63:
        return None
    return prod(shape) * dtype.itemsize


class TensorFile:
    """A file opened for reading. What is read from it is checked against its size first.

    Args:
        path: of a plain file.

    Raises:
        InvalidValueError: not a plain file.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InvalidValueError(f"{self.path} is not a plain file")
        self._file = open(path, "rb")  # noqa: SIM115  # which stays open while something may be read from it
        self._close = weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._pages: mmap.mmap | None = None
        self.size = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file, as happens by itself when nobody refers to it. Arrays on its pages stay."""
        self._close()

    def refusal(self, reason: str, *, tensor: str | None = None, hint: str | None = None) -> InvalidValueError:
        """The error that says what is wrong with the file."""
        where = "" if tensor is None else f"tensor {shown(tensor)}: "
        return InvalidValueError(f"{self.path}: {where}{reason}", hint=hint)

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the file.

        Raises:
            InvalidValueError: there are not as many; nothing is allocated then.
        """
        if not 0 <= count <= self.size - offset:
            raise self.refusal(f"{count} bytes at {offset} of a file of {self.size}: it is truncated or damaged")
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(count)
        if len(data) < count:
            raise self._shrunk()
        return data

    def array(
        self, offset: int, shape: tuple[int, ...], dtype: eerie.DType, *, tensor: str, copy: bool = False
    ) -> eerie.Array:
        """The array at an offset: on the pages of the file if it is aligned there, else read into memory.

        Raises:
            InvalidValueError: the file was truncated meanwhile, or a bool in it is neither true nor false.
        """
        count = prod(shape) * dtype.itemsize
        if not count:
            return eerie.asarray(np.empty(shape, dtype.numpy))
        if not copy and offset % ALIGNMENT == 0 and dtype is not eerie.bool:
            return eerie.asarray(np.ndarray(shape, dtype.numpy, self._mapped(), offset), copy=False)
        memory = aligned(count)
        with self._lock:
            self._file.seek(offset)
            if self._file.readinto(memory.data) < count:
                raise self._shrunk()
        if dtype is eerie.bool and memory.max() > 1:
            raise self.refusal("a byte of a bool is neither 0 nor 1", tensor=tensor)
        return eerie.asarray(memory.view(dtype.numpy).reshape(shape), copy=False)

    def _mapped(self) -> mmap.mmap:
        if self._pages is None:
            descriptor = self._file.fileno()
            try:
                # Private and writable: a program that reuses the memory of a donated array writes to a page of its
                # own, never to the file.
                if hasattr(mmap, "MAP_PRIVATE"):
                    access = mmap.PROT_READ | mmap.PROT_WRITE
                    self._pages = mmap.mmap(descriptor, self.size, mmap.MAP_PRIVATE | _NO_RESERVE, access)
                else:
                    self._pages = mmap.mmap(descriptor, self.size, access=mmap.ACCESS_COPY)
            except (OSError, ValueError) as error:
                raise self.refusal(f"it cannot be mapped: {error}") from error
        return self._pages

    def _shrunk(self) -> InvalidValueError:
        return self.refusal(f"it had {self.size} bytes when it was opened and is shorter now")


def aligned(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``count`` bytes of memory that an Array can share."""
    room = np.empty(count + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + count]


def write(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Put a file in place at once, when its bytes are on the disk: whoever reads, and whatever happens to this
    process or to the machine, finds all of it or what was there before.

    A process that is killed meanwhile leaves a file behind that ends in ``.tmp``.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left behind.
    """
    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, _FLAGS, 0o666)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[file.write(rest) :]
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if os.name == "posix":
        directory = os.open(os.path.dirname(target), os.O_RDONLY)
        try:
            os.fsync(directory)  # the new name
        finally:
            os.close(directory)
