"""The quantised element types of GGUF: blocks of small integers with scales, and what they stand for.

The layouts are those of ggml, where they are defined in C. Each function takes blocks ``[n]`` of the type's layout and
gives float32 ``[n, size of a block]``, computed in float32 in the order in which ggml does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Blocks = NDArray[Any]
Floats = NDArray[np.float32]


class Quantised(NamedTuple):
    """A type: elements of a block, its layout in the file, and how it is read."""

    size: int
    layout: np.dtype[Any]
    dequantise: Callable[[Blocks], Floats]


def _float(field: NDArray[Any]) -> Floats:
    """A field with one number for each block, or several, as ``[n, ..., 1]``."""
    return field.astype(np.float32)[..., None]


def _nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The low halves of all bytes, then the high ones: ``[..., k]`` to ``[..., 2k]``."""
    return np.concatenate([packed & 15, packed >> 4], axis=-1)


def _fifth_bits(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One bit for each element, ``[n, 4]`` to ``[n, 32]``, worth 16."""
    return np.unpackbits(packed, axis=-1, bitorder="little") * np.uint8(16)


def _q4_0(b: Blocks) -> Floats:
    return (_nibbles(b["q"]).astype(np.float32) - 8) * _float(b["d"])


def _q4_1(b: Blocks) -> Floats:
    return _nibbles(b["q"]) * _float(b["d"]) + _float(b["m"])


def _q5_0(b: Blocks) -> Floats:
    return ((_nibbles(b["q"]) | _fifth_bits(b["h"])).astype(np.float32) - 16) * _float(b["d"])


def _q5_1(b: Blocks) -> Floats:
    return (_nibbles(b["q"]) | _fifth_bits(b["h"])) * _float(b["d"]) + _float(b["m"])


def _q8_0(b: Blocks) -> Floats:
    return b["q"].astype(np.float32) * _float(b["d"])


def _scales(b: Blocks) -> tuple[Floats, Floats]:
    """The scale and the minimum of each of the 8 parts of a block, ``[n, 8, 1]``. They have 6 bits each, in 12
    bytes: the first four whole, the others in halves of which the upper ones fill the first eight bytes up."""
    low, middle, high = (b["s"][:, i : i + 4] for i in (0, 4, 8))
    scale = np.concatenate([low & 63, (high & 15) | (low >> 6) << 4], axis=-1)
    least = np.concatenate([middle & 63, (high >> 4) | (middle >> 6) << 4], axis=-1)
    return _float(b["d"][:, None] * scale.astype(np.float32)), _float(b["m"][:, None] * least.astype(np.float32))


def _q4_k(b: Blocks) -> Floats:
    scale, least = _scales(b)
    q = _nibbles(b["q"].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    return (scale * q - least).reshape(-1, 256)


def _q5_k(b: Blocks) -> Floats:
    scale, least = _scales(b)
    q = _nibbles(b["q"].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    fifth = b["h"][:, None, :] >> np.arange(8, dtype=np.uint8)[:, None] & 1
    return (scale * (q | fifth << 4) - least).reshape(-1, 256)


def _q6_k(b: Blocks) -> Floats:
    low = _nibbles(b["q"].reshape(-1, 2, 64)).reshape(-1, 2, 4, 32)
    high = b["h"].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8)[:, None] & 3
    q = (low | high << 4).astype(np.float32).reshape(-1, 16, 16) - 32
    scale: Floats = b["d"].astype(np.float32)[:, None] * b["s"]
    return (scale[..., None] * q).reshape(-1, 256)


def _layout(*fields: tuple[str, str] | tuple[str, str, int]) -> np.dtype[Any]:
    return np.dtype(list(fields))


_HALF, _MIN = ("d", "<f2"), ("m", "<f2")

QUANTISED: dict[str, Quantised] = {
    "Q4_0": Quantised(32, _layout(_HALF, ("q", "u1", 16)), _q4_0),
    "Q4_1": Quantised(32, _layout(_HALF, _MIN, ("q", "u1", 16)), _q4_1),
    "Q5_0": Quantised(32, _layout(_HALF, ("h", "u1", 4), ("q", "u1", 16)), _q5_0),
    "Q5_1": Quantised(32, _layout(_HALF, _MIN, ("h", "u1", 4), ("q", "u1", 16)), _q5_1),
    "Q8_0": Quantised(32, _layout(_HALF, ("q", "i1", 32)), _q8_0),
    "Q4_K": Quantised(256, _layout(_HALF, _MIN, ("s", "u1", 12), ("q", "u1", 128)), _q4_k),
    "Q5_K": Quantised(256, _layout(_HALF, _MIN, ("s", "u1", 12), ("h", "u1", 32), ("q", "u1", 128)), _q5_k),
    "Q6_K": Quantised(256, _layout(("q", "u1", 128), ("h", "u1", 64), ("s", "i1", 16), _HALF), _q6_k),
}


def dequantise(kind: str, data: bytes) -> Floats:
    """The elements of whole blocks, in order.

    Args:
        kind: a name in `QUANTISED`.
        data: the bytes of the blocks.
    """
    found = QUANTISED[kind]
    with np.errstate(all="ignore"):  # a scale may be anything
        return found.dequantise(np.frombuffer(data, found.layout)).reshape(-1)
