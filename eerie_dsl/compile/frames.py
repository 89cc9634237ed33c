"""How the user's process and the compiler's worker talk: one length, then plain values written by `marshal`.

Both ends are the same Python and the same Eerie, and the pipe is private to them.
"""

from __future__ import annotations

import marshal
import os
import struct
from typing import Any

_LENGTH = struct.Struct("<Q")


class Closed(EOFError):
    """The other end is gone."""


def send(fd: int, message: tuple[Any, ...]) -> None:
    """Write one message.

    Raises:
        Closed: nobody reads the pipe any more.
    """
    body = marshal.dumps(message)
    view = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise Closed(str(error)) from None


def receive(fd: int) -> tuple[Any, ...]:
    """Read one message, waiting for it.

    Raises:
        Closed: the other end closed the pipe, perhaps in the middle of a message.
    """
    (size,) = _LENGTH.unpack(_read(fd, _LENGTH.size))
    message = marshal.loads(_read(fd, size))
    assert isinstance(message, tuple)
    return message


def _read(fd: int, size: int) -> bytes:
    pieces = []
    while size:
        try:
            piece = os.read(fd, min(size, 1 << 20))
        except OSError as error:
            raise Closed(str(error)) from None
        if not piece:
            raise Closed("the pipe was closed")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
