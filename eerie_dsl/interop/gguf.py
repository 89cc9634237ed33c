"""Models in GGUF files, versions 2 and 3, as llama.cpp and its relatives write them.

The format is described in ``docs/gguf.md`` of https://github.com/ggml-org/ggml.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

import eerie_dsl as eerie
from eerie_dsl.errors import DTypeError, InvalidValueError
from eerie_dsl.interop.files import TensorFile, aligned, shown, size_of
from eerie_dsl.interop.gguf_blocks import QUANTISED, dequantise

_PLAIN = {
    "F32": eerie.float32,
    "F16": eerie.float16,
    "BF16": eerie.bfloat16,
    "F64": eerie.float64,
    "I8": eerie.int8,
    "I16": eerie.int16,
    "I32": eerie.int32,
    "I64": eerie.int64,
}
_IN_ORDER = (
    "F32 F16 Q4_0 Q4_1 - - Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S "
    "IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16 - - - TQ1_0 TQ2_0 - - - MXFP4 NVFP4"
)
_KINDS = {number: kind for number, kind in enumerate(_IN_ORDER.split()) if kind != "-"}
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 10: "<Q", 11: "<q", 12: "<d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_DEEPEST = 4  # arrays in arrays
_AT_ONCE = 1 << 20  # bytes of blocks that are dequantised at once


class TensorInfo(NamedTuple):
    """What a file says of a tensor.

    Attributes:
        kind: element type in the file, such as ``"Q4_K"`` or ``"F16"``.
        shape: sizes of the dimensions, the slowest first, as of an Array; the file has them the other way round.
        offset: where it starts, from the start of the file.
    """

    kind: str
    shape: tuple[int, ...]
    offset: int


class Tensors(Mapping[str, eerie.Array]):
    """The tensors of a GGUF file by name, each made when it is looked up, anew each time.

    Attributes:
        info: kind, shape and place of each tensor, which costs nothing to look at.
    """

    def __init__(self, file: TensorFile, info: dict[str, TensorInfo]) -> None:
        self._file = file
        self.info = info

    def __getitem__(self, name: str) -> eerie.Array:
        """A tensor. A quantised one is read and dequantised, to float32; others are of their own dtype, on the pages
        of the file if they are aligned there to 64 bytes, else read.

        Raises:
            KeyError: there is no tensor of that name.
            DTypeError: of a kind that Eerie does not read.
            InvalidValueError: the file was truncated meanwhile.
        """
        kind, shape, offset = self.info[name]
        if kind in _PLAIN:
            return self._file.array(offset, shape, _PLAIN[kind], tensor=name)
        if kind not in QUANTISED:
            raise DTypeError(
                f"{self._file.path}: tensor {shown(name)} is {kind}, which Eerie does not read",
                hint="convert the file to one of " + ", ".join([*_PLAIN, *QUANTISED]),
            )
        return self._dequantised(kind, shape, offset)

    def _dequantised(self, kind: str, shape: tuple[int, ...], offset: int) -> eerie.Array:
        size, itemsize = QUANTISED[kind].size, QUANTISED[kind].layout.itemsize
        blocks = prod(shape) // size
        if not blocks:
            return eerie.zeros(shape)
        values = aligned(4 * size * blocks).view(np.float32)
        step = _AT_ONCE // itemsize
        for i in range(0, blocks, step):
            count = min(step, blocks - i)
            data = self._file.read(offset + i * itemsize, count * itemsize)
            values[i * size : (i + count) * size] = dequantise(kind, data)
        return eerie.asarray(values.reshape(shape), copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.info)

    def __len__(self) -> int:
        return len(self.info)

    def __repr__(self) -> str:
        return f"Tensors({', '.join(f'{n!r}: {i.kind} {i.shape}' for n, i in self.info.items())})"


@dataclass(frozen=True)
class GGUF:
    """A GGUF file. Made by `load`.

    Attributes:
        metadata: what the file says of the model, by key: bools, Python numbers, strings, lists of strings or of
            lists, and NumPy arrays where the file has an array of numbers.
        tensors: the weights by name, each read when it is looked up.
    """

    metadata: dict[str, Any]
    tensors: Tensors


def load(path: str | os.PathLike[str]) -> GGUF:
    """Open a GGUF file: its metadata are read, its tensors when they are looked up.

    The file stays open as long as the result lives. F32, F16, BF16, F64 and integers are mapped, Q4_0, Q4_1, Q5_0,
    Q5_1, Q8_0, Q4_K, Q5_K and Q6_K are dequantised to float32. A mapped tensor has the terms of
    `eerie.interop.safetensors.load`: replace the file, never truncate it in place.

    Args:
        path: of the file. It may come from anyone: it is checked before anything of the sizes it claims is allocated.

    Raises:
        InvalidValueError: the file is damaged, truncated, of another version, or no GGUF file; the message names the
            file and the key or the tensor.
        OSError: the file cannot be opened.
    """
    file = TensorFile(path)
    try:
        return _parse(file)
    except BaseException:
        file.close()
        raise


class _Cursor:
    """Reads a file from its start. A count is checked against what is left before anything is made of it."""

    def __init__(self, file: TensorFile) -> None:
        self.file = file
        self.position = 0
        self.what = "header"

    def refusal(self, reason: str) -> InvalidValueError:
        return self.file.refusal(f"{self.what}: {reason}")

    def bytes(self, count: int) -> bytes:
        self.fits(count, 1, "bytes")
        data = self.file.read(self.position, count)
        self.position += count
        return data

    def fits(self, count: int, each: int, things: str) -> None:
        left = self.file.size - self.position
        if count * each > left:
            raise self.refusal(f"{count} {things} of {each} bytes or more, and {left} bytes of the file are left")

    def number(self, code: str) -> Any:
        return struct.unpack(code, self.bytes(struct.calcsize(code)))[0]

    def text(self) -> str:
        try:
            return self.bytes(self.number("<Q")).decode()
        except UnicodeDecodeError:
            raise self.refusal("a string is not UTF-8") from None

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _BOOL:
            return self.bools(1)[0]
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise self.refusal(f"there is no type of values {kind}")
        if depth == _DEEPEST:
            raise self.refusal(f"arrays are nested more than {_DEEPEST} deep")
        inner, count = self.number("<I"), self.number("<Q")
        if inner in _NUMBERS:
            code = np.dtype(_NUMBERS[inner])
            self.fits(count, code.itemsize, "numbers")
            return np.frombuffer(self.bytes(count * code.itemsize), code)
        if inner == _BOOL:
            return self.bools(count)
        self.fits(count, 8 if inner == _STRING else 12, "strings or arrays")
        return [self.value(inner, depth + 1) for _ in range(count)]

    def bools(self, count: int) -> list[bool]:
        data = self.bytes(count)
        if data.strip(b"\0\1"):
            raise self.refusal("a bool is neither 0 nor 1")
        return [byte == 1 for byte in data]


def _parse(file: TensorFile) -> GGUF:
    cursor = _Cursor(file)
    if file.size < 24 or cursor.bytes(4) != b"GGUF":
        raise file.refusal("it is no GGUF file: it does not start with GGUF and a header of 24 bytes")
    version = cursor.number("<I")
    if version not in (2, 3):
        other = "it is big-endian" if version and not version & 0xFFFF else f"version {version} of GGUF"
        raise file.refusal(f"{other}, and Eerie reads versions 2 and 3, little-endian", hint="convert it first")
    tensors, pairs = cursor.number("<Q"), cursor.number("<Q")
    cursor.fits(pairs, 13, "metadata")
    metadata: dict[str, Any] = {}
    for i in range(pairs):
        cursor.what = f"metadata {i}"
        key = cursor.text()
        cursor.what = f"metadata {shown(key)}"
        if key in metadata:
            raise cursor.refusal("it is there twice")
        metadata[key] = cursor.value(cursor.number("<I"))
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= 1 << 30 or alignment & (alignment - 1):
        raise file.refusal(f"metadata 'general.alignment': {alignment!r} is not a power of two up to {1 << 30}")
    cursor.what = "tensors"
    cursor.fits(tensors, 24, "tensors")
    info: dict[str, TensorInfo] = {}
    for i in range(tensors):
        cursor.what = f"tensor {i}"
        name = cursor.text()
        cursor.what = f"tensor {shown(name)}"
        if name in info:
            raise cursor.refusal("it is there twice")
        info[name] = _tensor(cursor, alignment)
    start = -(-cursor.position // alignment) * alignment
    info = {name: each._replace(offset=start + each.offset) for name, each in info.items()}
    _check_layout(file, info)
    return GGUF(metadata, Tensors(file, info))


def _tensor(cursor: _Cursor, alignment: int) -> TensorInfo:
    axes = cursor.number("<I")
    cursor.fits(axes, 8, "dimensions")
    if axes > 64:
        raise cursor.refusal(f"{axes} dimensions, and 64 are the most")
    shape = tuple(int(n) for n in np.frombuffer(cursor.bytes(8 * axes), "<u8")[::-1])
    number, offset = cursor.number("<I"), cursor.number("<Q")
    kind = _KINDS.get(number, f"type {number}")
    if size_of(shape, eerie.float64) is None:
        raise cursor.refusal(f"{shape} is not a shape")
    block = QUANTISED[kind].size if kind in QUANTISED else 1
    if shape[-1:] and shape[-1] % block:
        raise cursor.refusal(f"rows of {shape[-1]} elements are not whole blocks of {block}, as {kind} has them")
    if not shape and block > 1:
        raise cursor.refusal(f"one element is not a whole block of {block}, as {kind} has them")
    if offset % alignment:
        raise cursor.refusal(f"offset {offset} is not a multiple of the alignment {alignment}")
    return TensorInfo(kind, shape, offset)


def _nbytes(info: TensorInfo) -> int:
    """Bytes in the file; 0 of a kind that Eerie does not read."""
    if info.kind in QUANTISED:
        return prod(info.shape) // QUANTISED[info.kind].size * QUANTISED[info.kind].layout.itemsize
    return prod(info.shape) * _PLAIN[info.kind].itemsize if info.kind in _PLAIN else 0


def _check_layout(file: TensorFile, info: dict[str, TensorInfo]) -> None:
    end, before = 0, ""
    for name, each in sorted(info.items(), key=lambda item: (item[1].offset, _nbytes(item[1]))):
        count = _nbytes(each)
        if each.offset < end:
            raise file.refusal(f"it overlaps tensor {shown(before)}", tensor=name)
        if each.offset + count > file.size:
            raise file.refusal(
                f"bytes {each.offset} to {each.offset + count} are outside the file, which has {file.size}",
                tensor=name,
            )
        end, before = each.offset + count, name
