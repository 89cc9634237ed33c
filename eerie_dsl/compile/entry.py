"""The file that holds one program on disk: fixed preamble, JSON header, code, each under a checksum.

The preamble lets a warm start check an entry and hand on its code without parsing JSON; the header lets anyone see
what the entry is.
"""

from __future__ import annotations

import struct
import time
from typing import Any, NamedTuple

from eerie_dsl.compile.key import Key
from eerie_dsl.compile.program import Program
from eerie_dsl.digest import digest

MAGIC = b"\x89EERIE\r\n"
FORMAT = 1
SUFFIX = ".eerie"

_SUM = 16
# Magic, format, length of header, length of code, digest of the key without its compiler, checksums of header and code.
_PREAMBLE = struct.Struct(f"<8sIIQ16s{_SUM}s{_SUM}s")
PREAMBLE_BYTES = _PREAMBLE.size + _SUM


class DamagedEntry(ValueError):
    """A file that is not an entry, or not as it was written."""


class Preamble(NamedTuple):
    """The fixed start of an entry."""

    header_bytes: int
    code_bytes: int
    base: bytes
    header_sum: bytes
    code_sum: bytes


def _digest(part: bytes | memoryview) -> bytes:
    return digest(part, size=_SUM)


def encode(key: Key, program: Program) -> bytes:
    """The entry's bytes."""
    import json

    header = json.dumps(
        {"format": FORMAT, "key": key.parts, "created": int(time.time()), "program": program.meta},
        separators=(",", ":"),
    ).encode()
    start = _PREAMBLE.pack(
        MAGIC, FORMAT, len(header), len(program.vmfb), key.base, _digest(header), _digest(program.vmfb)
    )
    return b"".join((start, _digest(start), header, program.vmfb))


def preamble(data: bytes) -> Preamble:
    """The checked preamble of an entry's first bytes.

    Raises:
        DamagedEntry: these are not the first bytes of an entry of this format.
    """
    if len(data) < PREAMBLE_BYTES or data[: len(MAGIC)] != MAGIC:
        raise DamagedEntry("not an entry of the cache")
    start = data[: _PREAMBLE.size]
    if _digest(start) != data[_PREAMBLE.size : PREAMBLE_BYTES]:
        raise DamagedEntry("its first bytes are damaged")
    _, version, *rest = _PREAMBLE.unpack(start)
    if version != FORMAT:
        raise DamagedEntry(f"written in format {version}, this is format {FORMAT}")
    return Preamble(*rest)


def decode(data: bytes, base: bytes | None = None) -> Program:
    """The program of an entry; ``base`` is `Key.base` of the key it must answer to.

    Raises:
        DamagedEntry: the entry is damaged, cut short, or another key's.
    """
    start = preamble(data)
    view = memoryview(data)
    header = view[PREAMBLE_BYTES : PREAMBLE_BYTES + start.header_bytes]
    code = view[PREAMBLE_BYTES + start.header_bytes :]
    if len(header) != start.header_bytes or len(code) != start.code_bytes:
        raise DamagedEntry("cut short or too long")
    if base is not None and start.base != base:
        raise DamagedEntry("it belongs to another key")
    if _digest(header) != start.header_sum:
        raise DamagedEntry("its header is damaged")
    if _digest(code) != start.code_sum:
        raise DamagedEntry("its code is damaged")
    return Program(bytes(code), bytes(header))


def header(data: bytes) -> dict[str, Any]:
    """The JSON header, from at least the entry's bytes up to its end.

    Raises:
        DamagedEntry: the header is not as it was written.
    """
    import json

    start = preamble(data)
    text = data[PREAMBLE_BYTES : PREAMBLE_BYTES + start.header_bytes]
    if _digest(text) != start.header_sum:
        raise DamagedEntry("its header is damaged")
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded
