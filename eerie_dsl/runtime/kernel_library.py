"""Kernels of a program, as functions that can be called without the runtime.

The compiler writes them as an ELF file that needs no other, with a table of its functions behind one symbol (IREE's
``executable_library.h``, version 0.6). It is put into memory here.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from eerie_dsl.runtime.machine_code import PAGE, Unsuitable, address_of, make_executable, mapped

_VERSION = 6
_LOAD, _DYNAMIC, _SYMBOLS = 1, 2, 11
_EXECUTABLE, _WRITABLE = 1, 2
_RELATIONS, _RELATIONS_BYTES, _JUMPS_BYTES = 7, 8, 2
_NONE, _RELATIVE = 0, 8
_QUERY = b"iree_hal_executable_library_query"


class Library:
    """An ELF file of kernels, in memory for as long as this object lives.

    Attributes:
        kernels: addresses of the kernels by name.

    Raises:
        Unsuitable: the system refuses, or the kernels want something of a runtime.
    """

    def __init__(self, elf: bytes) -> None:
        try:
            segments, dynamic, query = _read(elf)
        except struct.error:
            raise Unsuitable("damaged") from None
        end = max(at + size for at, size, *_ in segments)
        self._memory = mapped(-(-end // PAGE) * PAGE)
        base = address_of(self._memory)
        for at, _, start, count, _ in segments:
            self._memory[at : at + count] = elf[start : start + count]
        if dynamic.get(_JUMPS_BYTES):
            raise Unsuitable("functions of others")
        start = dynamic.get(_RELATIONS, 0)
        relations = self._memory[start : start + dynamic.get(_RELATIONS_BYTES, 0)]
        for at, kind, addend in struct.iter_unpack("<QQq", relations):
            if kind == _RELATIVE:
                self._memory[at : at + 8] = (base + addend).to_bytes(8, "little")
            elif kind != _NONE:
                raise Unsuitable(f"relocation {kind}")
        for at, size, *_, flags in segments:
            if flags & _EXECUTABLE:
                first = at // PAGE * PAGE
                make_executable(base + first, at + size - first)
        # Which processor this is, kernels ask here; they were compiled for one.
        self._environment = (ctypes.c_uint64 * 12)()
        self.environment = ctypes.addressof(self._environment)
        self.kernels = _kernels(base + query, self.environment)


def _read(elf: bytes) -> tuple[list[tuple[int, ...]], dict[int, int], int]:
    """Segments as ``(address, size, place in the file, bytes there, flags)``, what is dynamic, and the one symbol."""
    programs, sections = struct.unpack_from("<QQ", elf, 32)
    program_bytes, program_count, section_bytes, section_count = struct.unpack_from("<HHHH", elf, 54)
    segments: list[tuple[int, ...]] = []
    dynamic: dict[int, int] = {}
    for i in range(program_count):
        kind, flags, start, at, _, count, size = struct.unpack_from("<IIQQQQQ", elf, programs + i * program_bytes)
        if kind == _LOAD:
            segments.append((at, size, start, count, flags))
        elif kind == _DYNAMIC:
            dynamic = dict(struct.iter_unpack("<QQ", elf[start : start + count]))
    for i in range(section_count):
        _, kind, _, _, start, size, link = struct.unpack_from("<IIQQQQI", elf, sections + i * section_bytes)
        if kind != _SYMBOLS:
            continue
        _, _, _, _, names, _, _ = struct.unpack_from("<IIQQQQI", elf, sections + link * section_bytes)
        for name, _, _, _, value, _ in struct.iter_unpack("<IBBHQQ", elf[start : start + size]):
            if elf[names + name : names + name + len(_QUERY) + 1] == _QUERY + b"\0":
                return segments, dynamic, value
    raise Unsuitable("no library of kernels")


def _kernels(query: int, environment: int) -> dict[str, int]:
    function = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)(query)
    found = function(_VERSION, environment)
    if not found:
        raise Unsuitable("a library of another version")
    header, imports, _, count, pointers, attributes, _, _, names = _words(found, "QIxxxxQIxxxxQQQQQ")
    (version,) = _words(header, "I")
    (constants,) = _words(found + 104, "I")
    if version != _VERSION or imports or constants:
        raise Unsuitable("kernels that want something of a runtime")
    if any(_words(attributes + 64 * i + 8, "H")[0] for i in range(count)):
        raise Unsuitable("kernels with memory of their workgroup's")
    words = zip(_words(names, f"{count}Q"), _words(pointers, f"{count}Q"), strict=True)
    return {ctypes.string_at(name).decode(): pointer for name, pointer in words}


def _words(address: int, layout: str) -> tuple[Any, ...]:
    return struct.unpack_from(f"<{layout}", ctypes.string_at(address, struct.calcsize(f"<{layout}")))
