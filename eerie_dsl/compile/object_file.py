"""Reading ELF object files: what a library of kernels holds, what of it a program will use, what it needs."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from eerie_dsl.errors import CompileError

_WRITE, _ALLOC, _CODE = 1, 2, 4
_NOBITS, _SYMBOLS, _RELA, _REL = 8, 2, 4, 9
_FUNCTION = 2
VERSION = 6
"""Of the binary interface of IREE's libraries of kernels; theirs is in ``executable_library.h``."""


class Section(NamedTuple):
    """A section; ``place`` is where its bytes are in the file."""

    name: str
    kind: int
    flags: int
    place: int
    size: int
    link: int
    info: int


class Symbol(NamedTuple):
    """A symbol; ``section`` is 0 where it is to be found elsewhere."""

    name: str
    section: int
    value: int
    size: int
    is_function: bool


class Sizes(NamedTuple):
    """Bytes of code, of constants, and of data that some linker scripts put into RAM."""

    code: int
    rodata: int
    data: int


class ObjectFile:
    """A little-endian ELF object.

    Attributes:
        machine: the number that ELF gives to the architecture.
        pointer: bytes of an address.

    Raises:
        CompileError: the bytes are something else.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise CompileError("the compiler wrote an object file that is not ELF for a little-endian machine")
        self.data = data
        wide = data[4] == 2
        self.pointer = 8 if wide else 4
        (self.machine,) = struct.unpack_from("<H", data, 18)
        (table,) = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)
        size, count, names = struct.unpack_from("<HHH", data, 58 if wide else 46)
        layout = "<IIQQQQII" if wide else "<IIIIIIII"
        raw = [struct.unpack_from(layout, data, table + i * size) for i in range(count)]
        start = raw[names][4]
        self.sections = [
            Section(self._text(start + n), k, f, at, length, ln, i) for n, k, f, _, at, length, ln, i in raw
        ]
        self.symbols = [s for section in self.sections if section.kind == _SYMBOLS for s in self._symbols(section)]
        self._relocations = {
            section.info: list(self._relocated(section))
            for section in self.sections
            if section.kind in (_REL, _RELA) and not section.name.startswith((".rel.debug", ".rela.debug"))
        }

    def reachable(self, name: str) -> set[int]:
        """The sections that a program with this symbol takes in, when unused ones are dropped."""
        found: set[int] = set()
        waiting = [next(s.section for s in self.symbols if s.name == name)]
        while waiting:
            section = waiting.pop()
            if section and section not in found:
                found.add(section)
                waiting += [self.symbols[symbol].section for _, symbol, _ in self._relocations.get(section, ())]
        return found

    def sizes(self, sections: Iterable[int]) -> Sizes:
        """How many bytes of each kind some sections have."""
        loaded = [s for s in (self.sections[i] for i in sections) if s.flags & _ALLOC and s.kind != _NOBITS]
        code = sum(s.size for s in loaded if s.flags & _CODE)
        data = sum(s.size for s in loaded if s.flags & _WRITE)
        return Sizes(code, sum(s.size for s in loaded) - code - data, data)

    def undefined(self, sections: Iterable[int]) -> tuple[str, ...]:
        """The names that some sections use and the object does not define."""
        used = {symbol for i in sections for _, symbol, _ in self._relocations.get(i, ())}
        return tuple(sorted({s.name for s in (self.symbols[i] for i in used) if not s.section and s.name}))

    def kernels(self, library: str) -> tuple[str, ...]:
        """The kernels of a library, in the order in which its table has them.

        Raises:
            CompileError: it asks for what only a runtime can give.
        """
        table = next(s for s in self.symbols if s.name == f"{library}_library_query_v0")
        pointer = self.pointer

        def number(field: int) -> int:
            return self._number(table.section, table.value + field * pointer)

        header = self._target(table.section, table.value)
        version = self._number(*header)
        if version != VERSION:
            raise CompileError(f"the compiler's libraries are of version {version}; bundles are made for {VERSION}")
        count = number(3)
        if number(1) or number(13):
            raise CompileError("the kernels need functions or constants that only a runtime has")
        names = self._target(table.section, table.value + 8 * pointer)
        attributes = self._target(table.section, table.value + 5 * pointer)
        for i in range(count):
            if self._number(attributes[0], attributes[1] + 64 * i + 8) & 0xFFFF:
                raise CompileError("a kernel needs memory that only a runtime gives")
        places = [self._target(names[0], names[1] + i * pointer) for i in range(count)]
        return tuple(self._text(self.sections[section].place + at) for section, at in places)

    def functions(self, sections: Iterable[int]) -> list[tuple[str, bytes]]:
        """Name and machine code of every function in some sections."""
        wanted = set(sections)
        return [(s.name, self._code(s)) for s in self.symbols if s.is_function and s.size and s.section in wanted]

    def _code(self, symbol: Symbol) -> bytes:
        start = self.sections[symbol.section].place + (symbol.value & ~1)
        return self.data[start : start + symbol.size]

    def _text(self, place: int) -> str:
        return self.data[place : self.data.index(b"\0", place)].decode("utf-8", "replace")

    def _number(self, section: int, offset: int) -> int:
        (number,) = struct.unpack_from("<I", self.data, self.sections[section].place + offset)
        return int(number)

    def _target(self, section: int, offset: int) -> tuple[int, int]:
        """Where a pointer in a section points: section and offset."""
        for at, index, addend in self._relocations[section]:
            if at == offset:
                symbol = self.symbols[index]
                # Where the entry has no addend, it is what the pointer holds.
                more = self._number(section, offset) if addend is None else addend
                return symbol.section, symbol.value + more
        raise CompileError("the library of kernels lacks a table")

    def _symbols(self, section: Section) -> Iterable[Symbol]:
        names = self.sections[section.link].place
        wide = self.pointer == 8
        for place in range(section.place, section.place + section.size, 24 if wide else 16):
            if wide:
                name, info, _, home, value, size = struct.unpack_from("<IBBHQQ", self.data, place)
            else:
                name, value, size, info, _, home = struct.unpack_from("<IIIBBH", self.data, place)
            kind = info & 15
            text = self.sections[home].name if kind == 3 and home < len(self.sections) else self._text(names + name)
            yield Symbol(text, home if home < len(self.sections) else 0, value, size, kind == _FUNCTION)

    def _relocated(self, section: Section) -> Iterable[tuple[int, int, int | None]]:
        wide, explicit = self.pointer == 8, section.kind == _RELA
        layout = ("<QQ" if wide else "<II") + (("q" if wide else "i") if explicit else "")
        size = struct.calcsize(layout)
        for place in range(section.place, section.place + section.size, size):
            at, info, *addend = struct.unpack_from(layout, self.data, place)
            yield at, info >> (32 if wide else 8), addend[0] if addend else None
