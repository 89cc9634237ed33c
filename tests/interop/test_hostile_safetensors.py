"""Damaged and hostile safetensors files: an error that names file and tensor, nothing else."""

from __future__ import annotations

import json
import os
import tracemalloc

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, EerieError, InvalidValueError
from eerie_dsl.interop import safetensors


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def file_of(path, fields, data=bytes(8), length=None):
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bad.safetensors"


HEADERS = {
    "not JSON": (b"{]", "not JSON"),
    "empty": (b"", "not JSON"),
    "not UTF-8": (b'{"\xff": 1}', "not UTF-8"),
    "an array": ([], "a JSON list"),
    "a name twice": (b'{"a": {}, "a": {}}', "'a' is there twice"),
    "a field twice": (b'{"a": {"dtype": "F32", "dtype": "F32"}}', "'dtype' is there twice"),
    "nested without end": (b"[" * 200_000, "nested too deeply"),
    "a number without end": (b'{"a": ' + b"9" * 100_000 + b"}", "not JSON"),
    "no number": (b'{"a": NaN}', "NaN is no number"),
    "metadata no object": ({"__metadata__": []}, "__metadata__"),
    "metadata no texts": ({"__metadata__": {"a": 1}}, "__metadata__"),
    "a tensor that is none": ({"a": 3}, "tensor 'a': .* no dtype"),
    "no offsets": ({"a": {"dtype": "F32", "shape": [2]}}, "tensor 'a': .* data_offsets"),
    "no such dtype": ({"a": entry("F33")}, "tensor 'a': there is no dtype 'F33'"),
    "dtype no text": ({"a": entry([])}, "tensor 'a': there is no dtype"),
    "a negative size": ({"a": entry(shape=(-1, -2))}, r"tensor 'a': '\[-1, -2\]' is not a shape"),
    "a fraction of a size": ({"a": entry(shape=(2.0,))}, "is not a shape"),
    "a bool for a size": ({"a": entry(shape=(True, 2))}, "is not a shape"),
    "an overflowing shape": ({"a": entry(shape=(1 << 33, 1 << 33))}, "is not a shape"),
    "one that overflows to what is there": ({"a": entry(shape=(1 << 62, 4, 2))}, "is not a shape"),
    "one that overflows but for a zero": ({"a": entry(shape=(1 << 62, 4, 0), offsets=(0, 0))}, "is not a shape"),
    "a size beyond 64 bits": ({"a": entry(shape=(1 << 70,))}, "is not a shape"),
    "too many axes": ({"a": entry(shape=(1,) * 65)}, "is not a shape"),
    "a shape of texts": ({"a": entry(shape=("2",))}, "is not a shape"),
    "offsets of one": ({"a": entry(offsets=(0,))}, "not two integers"),
    "offsets of fractions": ({"a": entry(offsets=(0, 8.0))}, "not two integers"),
    "offsets backwards": ({"a": entry(offsets=(8, 0))}, "outside the file"),
    "a negative offset": ({"a": entry(offsets=(-8, 0))}, "outside the file"),
    "offsets beyond the end": ({"a": entry(offsets=(8, 16))}, "outside the file"),
    "an absurd offset": ({"a": entry(shape=(1 << 60,), offsets=(0, 1 << 62))}, "outside the file"),
    "more bytes than the shape": ({"a": entry(shape=(1,))}, r"float32 \(1,\) has 4 bytes, and 8 are there"),
    "fewer bytes than the shape": ({"a": entry(offsets=(0, 4))}, "has 8 bytes, and 4 are there"),
    "an overlap": ({"a": entry(), "b": entry(shape=(1,), offsets=(4, 8))}, "tensor 'b': it overlaps tensor 'a'"),
    "the same place twice": ({"a": entry(), "b": entry()}, "overlaps"),
    "a hole": ({"a": entry(shape=(1,), offsets=(4, 8))}, "tensor 'a': 4 bytes before it belong to no tensor"),
    "something behind": ({"a": entry(shape=(1,), offsets=(0, 4))}, "4 bytes at its end belong to no tensor"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header(path, name):
    fields, words = HEADERS[name]
    file_of(path, fields)
    for read in (safetensors.load, safetensors.metadata):
        with pytest.raises(InvalidValueError, match=f"(?s)bad.safetensors: .*{words}"):
            read(path)


@pytest.mark.parametrize("length", [3, 1 << 20, 99_999_999, 100_000_001, 1 << 40, (1 << 64) - 1])
def test_length_of_the_header(path, length):
    file_of(path, {"a": entry()}, length=length)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidValueError, match=r"bad.safetensors: its header"):
            safetensors.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", range(8))
def test_a_file_shorter_than_the_length(path, size):
    path.write_bytes(bytes(size))
    with pytest.raises(InvalidValueError, match=f"it has {size} bytes"):
        safetensors.load(path)


def test_dtypes_that_eerie_does_not_have(path):
    file_of(path, {"a": entry("F8_E4M3", (8,))})
    with pytest.raises(DTypeError, match=r"bad.safetensors: tensor 'a': Eerie has no dtype for F8_E4M3"):
        safetensors.load(path)


def test_bools_are_bools(path):
    file_of(path, {"a": entry("BOOL", (8,))}, bytes([0, 1, 0, 1, 2, 0, 0, 0]))
    with pytest.raises(InvalidValueError, match="tensor 'a': a byte of a bool is neither 0 nor 1"):
        safetensors.load(path)


def test_a_long_name_is_cut_short(path):
    file_of(path, {"a" * 100_000: entry("F33")})
    with pytest.raises(InvalidValueError) as info:
        safetensors.load(path)
    assert len(str(info.value)) < 1000


def test_no_plain_file(tmp_path):
    with pytest.raises(InvalidValueError, match="not a plain file"):
        safetensors.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        safetensors.load(tmp_path / "none")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InvalidValueError, match="not a plain file"):
            safetensors.load(tmp_path / "pipe")


def test_every_truncation_is_an_error(path):
    safetensors.save(path, {"a": np.arange(20, dtype=np.int16), "b": np.ones((2, 3), bool)}, {"k": "v"})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidValueError, match=r"bad.safetensors: "):
            safetensors.load(path)


def test_truncated_after_it_was_read_into_memory(path):
    safetensors.save(path, {"a": np.arange(1 << 14, dtype=np.float32)})
    found = safetensors.load(path, copy=True)["a"]
    os.truncate(path, 0)
    assert found.numpy()[-1] == (1 << 14) - 1


@pytest.mark.parametrize("seed", range(10))
def test_mutations_of_a_file(path, seed):
    tensors = {"a": np.arange(16, dtype=np.float32), "b": np.ones((2, 3), bool), "c": np.zeros((3, 0), np.int8)}
    safetensors.save(path, tensors, {"k": "v"})
    whole = path.read_bytes()
    length = len(whole) - 64 - 6
    random = np.random.default_rng(seed)
    tokens = [
        b"0",
        b"-1",
        b"18446744073709551616",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b",",
        b'"F64"',
        b"null",
        b"\xff",
        b"1e9",
    ]
    refusals = []
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(0, length))
            match random.integers(0, 4):
                case 0:
                    changed[at] = int(random.integers(0, 256))
                case 1:
                    token = tokens[random.integers(0, len(tokens))]
                    changed[at : at + len(token)] = token
                case 2:
                    del changed[at : at + int(random.integers(1, 9))]
                case 3:
                    changed[at:at] = tokens[random.integers(0, len(tokens))]
        path.write_bytes(changed)
        try:
            found = safetensors.load(path)
        except EerieError as error:
            refusals.append(error.message)
        else:
            # Names, shapes of the same size and metadata may have changed; the bytes are all there.
            assert sum(a.numpy().nbytes for a in found.values()) == 70
    assert len(refusals) > 30
    assert [message for message in refusals if not message.startswith(str(path))] == []
