"""The hash behind keys and checksums."""

from __future__ import annotations

try:
    # What hashlib hands out under this name, without loading OpenSSL first: 3 ms of a warm start.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b


def digest(*parts: bytes | memoryview, size: int) -> bytes:
    """``size`` bytes of BLAKE2b over the parts, one after the other."""
    state = blake2b(digest_size=size)
    for part in parts:
        state.update(part)
    return state.digest()


def text_digest(*texts: str, size: int) -> str:
    """`digest` of texts, in hex; where one text ends and the next begins matters."""
    return digest("\0".join(texts).encode(), size=size).hex()
