"""The header of a safetensors file: what is in the file, and where."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import eerie_dsl as eerie
from eerie_dsl.errors import DTypeError, InvalidValueError
from eerie_dsl.interop.files import ALIGNMENT, TensorFile, shown, size_of

DTYPES = {
    "BOOL": eerie.bool,
    "I8": eerie.int8,
    "I16": eerie.int16,
    "I32": eerie.int32,
    "I64": eerie.int64,
    "U8": eerie.uint8,
    "U16": eerie.uint16,
    "U32": eerie.uint32,
    "U64": eerie.uint64,
    "F16": eerie.float16,
    "BF16": eerie.bfloat16,
    "F32": eerie.float32,
    "F64": eerie.float64,
    "C64": eerie.complex64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
_OTHERS = {"F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F8_E8M0"}

_LONGEST = 100_000_000  # bytes that other readers take
_METADATA = "__metadata__"


class Entry(NamedTuple):
    """A tensor in a file, ``nbytes`` from ``offset`` on, which counts from the start of the file."""

    dtype: eerie.DType
    shape: tuple[int, ...]
    offset: int
    nbytes: int


class Header(NamedTuple):
    """What a file says of itself."""

    entries: dict[str, Entry]
    metadata: dict[str, str]


def read(file: TensorFile) -> Header:
    """The header, whose tensors fill the rest of the file without an overlap or a hole.

    Raises:
        InvalidValueError: the file is damaged, or no safetensors file.
        DTypeError: a tensor has elements that Eerie has no dtype for.
    """
    if file.size < 8:
        raise file.refusal(f"it has {file.size} bytes, and the length of the header takes 8")
    length = int.from_bytes(file.read(0, 8), "little")
    if length > min(_LONGEST, file.size - 8):
        limit = f"the limit is {_LONGEST}" if length > _LONGEST else f"the file has {file.size}"
        raise file.refusal(f"its header is said to have {length} bytes, and {limit}")
    try:
        fields = json.loads(file.read(8, length).decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise file.refusal(f"its header is not JSON: {_reason(error)}") from None
    if not isinstance(fields, dict):
        raise file.refusal(f"its header is a JSON {type(fields).__name__}, not an object")
    metadata = fields.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise file.refusal(f"{_METADATA} in its header is not an object of strings")
    entries = {name: _entry(file, name, value, 8 + length) for name, value in fields.items()}
    _check_layout(file, entries, 8 + length)
    return Header(entries, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number there")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)


def _entry(file: TensorFile, name: str, fields: Any, start: int) -> Entry:
    if not isinstance(fields, dict) or not {"dtype", "shape", "data_offsets"} <= fields.keys():
        raise file.refusal("its header has no dtype, shape and data_offsets", tensor=name)
    kind, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        if isinstance(kind, str) and kind in _OTHERS:
            raise DTypeError(
                f"{file.path}: tensor {shown(name)}: Eerie has no dtype for {kind}", hint="convert the file first"
            )
        raise file.refusal(f"there is no dtype {shown(str(kind))}", tensor=name)
    dtype = DTYPES[kind]
    count = size_of(shape, dtype)
    if count is None:
        raise file.refusal(f"{shown(str(shape))} is not a shape of {dtype}", tensor=name)
    if not isinstance(offsets, list) or len(offsets) != 2 or any(type(n) is not int for n in offsets):
        raise file.refusal(f"data_offsets {shown(str(offsets))} are not two integers", tensor=name)
    first, last = offsets
    if not 0 <= first <= last <= file.size - start:
        raise file.refusal(
            f"bytes {first} to {last} are outside the file, which has {file.size - start} for tensors", tensor=name
        )
    if last - first != count:
        raise file.refusal(f"{dtype} {tuple(shape)} has {count} bytes, and {last - first} are there", tensor=name)
    return Entry(dtype, tuple(shape), start + first, count)


def _check_layout(file: TensorFile, entries: Mapping[str, Entry], start: int) -> None:
    end, before = start, None
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].offset, item[1].nbytes)):
        if entry.offset < end:
            raise file.refusal(f"it overlaps tensor {shown(str(before))}", tensor=name)
        if entry.offset > end:
            raise file.refusal(f"{entry.offset - end} bytes before it belong to no tensor", tensor=name)
        end, before = end + entry.nbytes, name
    if end < file.size:
        raise file.refusal(f"{file.size - end} bytes at its end belong to no tensor")


def layout(tensors: Mapping[str, tuple[eerie.DType, tuple[int, ...]]]) -> list[str]:
    """The order of tensors in a file: those that can all begin at a multiple of 64 bytes without a hole, then the
    others, wide elements first, so that each begins at a multiple of its element, and of these the largest first.
    """

    def rank(name: str) -> tuple[bool, int, int, str]:
        dtype, shape = tensors[name]
        count = size_of(shape, dtype) or 0
        return count % ALIGNMENT != 0, -dtype.itemsize, -count, name

    return sorted(tensors, key=rank)


def encode(
    tensors: Iterable[tuple[str, eerie.DType, tuple[int, ...]]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The start of a file that goes on with the tensors, one after the other. Its length is a multiple of 64.

    Raises:
        InvalidValueError: a name that a header cannot hold, or too many.
    """
    fields: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    offset = 0
    for name, dtype, shape in tensors:
        end = offset + (size_of(shape, dtype) or 0)
        fields[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    try:
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(f"a name or a text for a safetensors file is not Unicode: {error}") from None
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > _LONGEST:
        raise InvalidValueError(f"a safetensors header of {len(text)} bytes: other readers take {_LONGEST}")
    return len(text).to_bytes(8, "little") + text
