"""The file of an exported function: an IREE module that is a ZIP archive too, as the compiler writes it, and then more.

`iree-run-module` and every other tool of IREE's runs the first program of it; `unzip -l` lists it. The archive holds
the programs for other targets, what Eerie has to know of them (``eerie.json``), and the arrays of a first state. Its
comment ends the file with the place of ``eerie.json`` and a checksum of everything before: reading takes no ZIP.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple

from eerie_dsl.digest import digest
from eerie_dsl.errors import InvalidValueError

FORMAT = 1
MANIFEST = "eerie.json"
STATE = "state.bin"
_MAGIC = b"\x89EERIE\r\n"
_SUM = 16
# Magic, format, start and length of the manifest; then the checksum.
_TAIL = struct.Struct(f"<8sIQQ{_SUM}s")
_EMPTY = b"PK\x05\x06" + bytes(18)  # an archive without entries


class Place(NamedTuple):
    """Bytes of a file."""

    start: int
    length: int


def write(path: str, programs: Sequence[tuple[str, bytes]], state: bytes, manifest: dict[str, Any]) -> int:
    """Put a file in place, whole or not at all; gives its size.

    Args:
        path: of the file.
        programs: the compiled programs and what they are called; the first is what IREE's tools see.
        state: bytes of the first state.
        manifest: what to write about them. Places of the programs and of the state are added to it.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left behind.
    """
    data = packed(programs, state, manifest)
    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return len(data)


def packed(programs: Sequence[tuple[str, bytes]], state: bytes, manifest: dict[str, Any]) -> bytes:
    """The bytes of a file; see `write`."""
    import zipfile

    first = programs[0][1]
    if not first.startswith(b"PK\x03\x04"):
        first += _EMPTY
    file = BytesIO(first)
    with zipfile.ZipFile(file, "a") as archive:
        places = [Place(0, len(programs[0][1]))]
        places += [_add(archive, f"{name}.vmfb", program) for name, program in programs[1:]]
        described = manifest | {
            "programs": [row | {"place": list(p)} for row, p in zip(manifest["programs"], places, strict=True)],
            "state": manifest["state"] and manifest["state"] | {"place": list(_add(archive, STATE, state))},
        }
        place = _add(archive, MANIFEST, json.dumps(described, indent=1, ensure_ascii=False).encode())
        archive.comment = bytes(_TAIL.size)
    whole = file.getvalue()[: -_TAIL.size]
    start = whole + _TAIL.pack(_MAGIC, FORMAT, *place, b"")[:-_SUM]
    return start + digest(start, size=_SUM)


def _add(archive: Any, name: str, data: bytes) -> Place:
    import zipfile

    # One date for all, so that the same programs give the same file.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    archive.writestr(info, data)
    info = archive.getinfo(name)
    return Place(info.header_offset + 30 + len(name.encode()) + len(_extra(archive, info)), len(data))


def _extra(archive: Any, info: Any) -> bytes:
    archive.fp.seek(info.header_offset + 28)
    (length,) = struct.unpack("<H", archive.fp.read(2))
    return bytes(length)


class Content(NamedTuple):
    """A file that was checked: its bytes, and what Eerie wrote about them."""

    data: memoryview
    manifest: dict[str, Any]

    def part(self, place: Sequence[int]) -> memoryview:
        """The bytes at a place of the manifest."""
        start, length = place
        if not (type(start) is type(length) is int and 0 <= start <= start + length <= len(self.data)):
            raise ValueError(f"bytes {place} are outside the file")
        return self.data[start : start + length]


def read(path: str | os.PathLike[str]) -> Content:
    """The file, checked to be as it was written.

    Raises:
        InvalidValueError: damaged, cut short, of a later format, or of something else.
        OSError: it cannot be read.
    """
    name = os.fspath(path)
    with open(path, "rb", buffering=0) as file:
        data = memoryview(file.readall())
    tail = data[-_TAIL.size :]
    if len(tail) < _TAIL.size or tail[:8] != _MAGIC:
        raise InvalidValueError(f"{name}: {_foreign(data)}", hint="write it with eerie.export")
    _, form, start, length, checksum = _TAIL.unpack(tail)
    if digest(data[:-_SUM], size=_SUM) != checksum:
        raise InvalidValueError(f"{name}: it is damaged: its bytes are not those that eerie.export wrote")
    if form != FORMAT:
        raise InvalidValueError(f"{name}: it is of format {form}, and this version of Eerie reads {FORMAT}")
    content = Content(data, {})
    try:
        manifest = json.loads(bytes(content.part((start, length))))
        if not isinstance(manifest, dict):
            raise TypeError("not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidValueError(f"{name}: what it says of itself cannot be read: {error}") from None
    return Content(data, manifest)


def _foreign(data: memoryview) -> str:
    if not len(data):
        return "it is empty"
    if _MAGIC in bytes(data[-4096:]) or MANIFEST.encode() in bytes(data[-65536:]):
        return "it is damaged: what ends a file of eerie.export is not at its end"
    if bytes(data[:4]) == b"PK\x03\x04" and b"module.fb" in bytes(data[:4096]):
        return "it is an IREE module without Eerie's signature, or one of eerie.export that was cut short"
    return "it is not a file that eerie.export wrote"
