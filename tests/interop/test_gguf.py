"""GGUF files: what they say, their tensors, and damaged ones."""

from __future__ import annotations

import gc
import os
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import DTypeError, EerieError, InvalidValueError
from eerie_dsl.interop import gguf
from eerie_dsl.interop.gguf_blocks import QUANTISED, dequantise

PLAIN = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
TYPES = {2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K"}


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, data):
    return text(key) + struct.pack("<I", kind) + data


def info(name, shape, kind, offset):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, offset)


def gguf_file(path, *, pairs=(), infos=(), data=b"", version=3, counts=None, alignment=32, magic=b"GGUF"):
    tensors, metadata = counts or (len(infos), len(pairs))
    start = magic + struct.pack("<IQQ", version, tensors, metadata) + b"".join(pairs) + b"".join(infos)
    path.write_bytes(start + bytes(-len(start) % alignment) + data)
    return path


def array_of(kind, count, data):
    return struct.pack("<IQ", kind, count) + data


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.gguf"


# Metadata.


@pytest.mark.parametrize("version", [2, 3])
def test_metadata_of_every_type(path, version):
    numbers: dict[int, tuple[str, float]] = {
        0: ("<B", 200),
        1: ("<b", -3),
        2: ("<H", 60000),
        3: ("<h", -300),
        4: ("<I", 1 << 31),
        5: ("<i", -5),
    }
    numbers |= {6: ("<f", 0.5), 10: ("<Q", 1 << 63), 11: ("<q", -(1 << 62)), 12: ("<d", 0.1)}
    pairs = [pair(f"n{kind}", kind, struct.pack(code, value)) for kind, (code, value) in numbers.items()]
    pairs += [pair("yes", 7, b"\1"), pair("no", 7, b"\0"), pair("größe", 8, text("数"))]
    pairs += [pair("floats", 9, array_of(6, 3, struct.pack("<3f", 1, 2, 3)))]
    pairs += [pair("texts", 9, array_of(8, 2, text("a") + text("")))]
    pairs += [pair("bools", 9, array_of(7, 2, b"\1\0"))]
    pairs += [pair("deep", 9, array_of(9, 2, array_of(0, 2, b"\1\2") + array_of(8, 1, text("x"))))]
    found = gguf.load(gguf_file(path, pairs=pairs, version=version)).metadata
    for kind, (_, value) in numbers.items():
        assert found[f"n{kind}"] == value
        assert type(found[f"n{kind}"]) is type(value)
    assert found["yes"] is True
    assert found["no"] is False
    assert found["größe"] == "数"
    assert found["floats"].dtype == np.float32
    assert found["floats"].tolist() == [1, 2, 3]
    assert found["texts"] == ["a", ""]
    assert found["bools"] == [True, False]
    assert [list(part) for part in found["deep"]] == [[1, 2], ["x"]]


# Tensors.


@pytest.mark.parametrize("alignment", [32, 64, 128])
def test_plain_tensors(path, alignment):
    infos, data, want = [], b"", {}
    for number, kind in PLAIN.items():
        dtype = gguf._PLAIN[kind]
        want[kind] = np.arange(24).reshape(2, 3, 4).astype(dtype.numpy)
        infos.append(info(kind, (2, 3, 4), number, len(data)))
        data += want[kind].tobytes() + bytes(-want[kind].nbytes % alignment)
    pairs = [pair("general.alignment", 4, struct.pack("<I", alignment))]
    model = gguf.load(gguf_file(path, pairs=pairs, infos=infos, data=data, alignment=alignment))
    assert list(model.tensors) == list(PLAIN.values())
    for kind, value in want.items():
        found = model.tensors[kind]
        assert found.dtype is gguf._PLAIN[kind]
        assert found.numpy().tobytes() == value.tobytes()
        assert found.shape == model.tensors.info[kind].shape == (2, 3, 4)
    with pytest.raises(KeyError):
        model.tensors["none"]


def test_a_plain_tensor_is_mapped_and_outlives_the_file(path):
    x = np.arange(1 << 14, dtype=np.float32)
    pairs = [pair("general.alignment", 4, struct.pack("<I", 64))]
    gguf_file(path, pairs=pairs, infos=[info("x", x.shape, 0, 0)], data=x.tobytes(), alignment=64)
    model = gguf.load(path)
    first, second = model.tensors["x"], model.tensors["x"]
    assert first.numpy().ctypes.data == second.numpy().ctypes.data  # pages, not copies
    del model, second
    gc.collect()
    path.unlink()
    assert first.tolist() == x.tolist()


@pytest.mark.parametrize("kind", QUANTISED)
def test_blocks_against_the_reference(kind):
    """Any bits at all, and the very same numbers."""
    library = pytest.importorskip("gguf")
    number = library.GGMLQuantizationType[kind]
    assert (QUANTISED[kind].size, QUANTISED[kind].layout.itemsize) == library.GGML_QUANT_SIZES[number]
    data = np.random.default_rng(1).bytes(QUANTISED[kind].layout.itemsize * 300)
    with np.errstate(all="ignore"):
        want = library.quants.dequantize(np.frombuffer(data, np.uint8).reshape(1, -1), number).reshape(-1)
    found = dequantise(kind, data)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, want)


# By hand from the definition of each type: its first element, where all small integers are 1 (and signs 0).
BY_HAND = {
    "Q4_0": ([2.0, *[0x11] * 16], "<e16B", 2 * (1 - 8)),
    "Q4_1": ([2.0, 0.5, *[0x11] * 16], "<ee16B", 2 * 1 + 0.5),
    "Q5_0": ([2.0, 1, *[0x11] * 16], "<eI16B", 2 * (1 + 16 - 16)),
    "Q5_1": ([2.0, 0.5, 1, *[0x11] * 16], "<eeI16B", 2 * (1 + 16) + 0.5),
    "Q8_0": ([2.0, *[-3] * 32], "<e32b", 2 * -3),
    "Q4_K": ([2.0, 0.5, *[3] * 4, *[5] * 4, *[0] * 4, *[0x11] * 128], "<ee12B128B", 2 * 3 * 1 - 0.5 * 5),
    "Q5_K": ([2.0, 0.5, *[3] * 4, *[5] * 4, *[0] * 4, *[1] * 32, *[0x11] * 128], "<ee12B32B128B", 2 * 3 * 17 - 2.5),
    "Q6_K": ([*[0x11] * 128, *[0b01] * 64, *[-3] * 16, 2.0], "<128B64B16be", 2 * -3 * (1 + 16 - 32)),
}


@pytest.mark.parametrize("kind", QUANTISED)
def test_blocks_by_hand(kind):
    values, code, want = BY_HAND[kind]
    assert dequantise(kind, struct.pack(code, *values))[0] == want


@pytest.mark.parametrize(("number", "kind"), TYPES.items())
def test_quantised_tensors(path, monkeypatch, number, kind):
    size, itemsize = QUANTISED[kind].size, QUANTISED[kind].layout.itemsize
    shape = (3, 5, 2 * size)
    data = np.random.default_rng(0).bytes(30 * itemsize)
    monkeypatch.setattr(gguf, "_AT_ONCE", 4 * itemsize)  # pieces that do not divide the whole
    model = gguf.load(gguf_file(path, infos=[info("a", shape, number, 0), info("n", (0, size), number, 0)], data=data))
    assert model.tensors.info["a"].kind == kind
    found = model.tensors["a"]
    assert (found.dtype, found.shape) == (eerie.float32, shape)
    np.testing.assert_array_equal(found.numpy().reshape(-1), dequantise(kind, data))
    assert model.tensors["n"].shape == (0, size)


def test_files_of_the_other_library(path):
    library = pytest.importorskip("gguf")
    random = np.random.default_rng(0)
    writer = library.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_token_list(["a", "b"])
    writer.add_token_scores([0.5, 1.5])
    plain = {"f32": np.float32, "f16": np.float16, "i32": np.int32}
    want = {name: random.normal(size=(4, 96)).astype(dtype) for name, dtype in plain.items()}
    for name, value in want.items():
        writer.add_tensor(name, value)
    for kind in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
        number = library.GGMLQuantizationType[kind]
        packed = library.quants.quantize(random.normal(size=(4, 96)).astype(np.float32), number)
        writer.add_tensor(kind, packed, raw_dtype=number)
        want[kind] = library.quants.dequantize(packed, number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = gguf.load(path)
    assert model.metadata["general.architecture"] == "llama"
    assert model.metadata["tokenizer.ggml.tokens"] == ["a", "b"]
    assert model.metadata["tokenizer.ggml.scores"].tolist() == [0.5, 1.5]
    assert set(model.tensors) == set(want)
    for name, value in want.items():
        np.testing.assert_array_equal(model.tensors[name].numpy(), value)


def test_an_array_is_made_when_it_is_asked_for(path):
    infos = [info("a", (4,), 0, 0), info("b", (256,), 10, 32), info("c", (3,), 999, 128)]
    model = gguf.load(gguf_file(path, infos=infos, data=np.arange(64, dtype=np.float32).tobytes()))
    assert model.tensors["a"].tolist() == [0, 1, 2, 3]
    with pytest.raises(DTypeError, match=r"a.gguf: tensor 'b' is Q2_K, which Eerie does not read"):
        model.tensors["b"]
    with pytest.raises(DTypeError, match=r"tensor 'c' is type 999"):
        model.tensors["c"]
    assert repr(model.tensors) == "Tensors('a': F32 (4,), 'b': Q2_K (256,), 'c': type 999 (3,))"


# Damaged and hostile files.

LONG = struct.pack("<Q", 1 << 62)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "other magic": ({"magic": b"GGML"}, "no GGUF file"),
    "version 1": ({"version": 1}, "version 1 of GGUF"),
    "big-endian": ({"version": 3 << 24}, "big-endian"),
    "tensors": ({"counts": (1 << 60, 0)}, "tensors: .* tensors of 24 bytes or more"),
    "metadata": ({"counts": (0, (1 << 64) - 1)}, "metadata of 13 bytes or more"),
    "key": ({"pairs": [LONG + b"a"]}, "metadata 0: .* bytes"),
    "key no text": ({"pairs": [pair(b"\xff", 7, b"\1")]}, "metadata 0: a string is not UTF-8"),
    "key twice": ({"pairs": [pair("a", 7, b"\1")] * 2}, "metadata 'a': it is there twice"),
    "text": ({"pairs": [pair("a", 8, LONG)]}, "metadata 'a': .* bytes"),
    "text no text": ({"pairs": [pair("a", 8, text(b"\xff"))]}, "metadata 'a': a string is not UTF-8"),
    "bool": ({"pairs": [pair("a", 7, b"\2")]}, "metadata 'a': a bool is neither 0 nor 1"),
    "type": ({"pairs": [pair("a", 13, b"\0" * 8)]}, "metadata 'a': there is no type of values 13"),
    "type in array": ({"pairs": [pair("a", 9, array_of(13, 1, b"\0" * 12))]}, "metadata 'a': there is no type"),
    "array": ({"pairs": [pair("a", 9, array_of(6, 1 << 61, b""))]}, "metadata 'a': .* numbers of 4 bytes"),
    "array of texts": ({"pairs": [pair("a", 9, array_of(8, 1 << 50, b""))]}, "metadata 'a': .* of 8 bytes or more"),
    "array of bools": ({"pairs": [pair("a", 9, array_of(7, 1 << 50, b""))]}, "metadata 'a': .* bytes"),
    "array of arrays": ({"pairs": [pair("a", 9, array_of(9, 1 << 50, b""))]}, "metadata 'a': .* of 12 bytes or more"),
    "nested": ({"pairs": [pair("a", 9, array_of(9, 1, b"") * 5000)]}, "metadata 'a': arrays are nested more than 4"),
    "alignment 0": ({"pairs": [pair("general.alignment", 4, struct.pack("<I", 0))]}, "'general.alignment': 0 is not"),
    "alignment 24": ({"pairs": [pair("general.alignment", 4, struct.pack("<I", 24))]}, "24 is not a power of two"),
    "alignment text": ({"pairs": [pair("general.alignment", 8, text("32"))]}, "'32' is not a power of two"),
    "alignment huge": ({"pairs": [pair("general.alignment", 10, LONG)]}, "is not a power of two up to"),
    "name": ({"infos": [LONG + b"a" * 30]}, "tensor 0: .* bytes"),
    "name twice": ({"infos": [info("a", (0,), 0, 0)] * 2}, "tensor 'a': it is there twice"),
    "axes": ({"infos": [text("a") + struct.pack("<IIQ", 1 << 31, 0, 0)]}, "tensor 'a': .* dimensions of 8 bytes"),
    "many axes": ({"infos": [info("a", (1,) * 65, 0, 0)]}, "tensor 'a': 65 dimensions"),
    "shape": ({"infos": [info("a", (1 << 40, 1 << 40), 0, 0)]}, "tensor 'a': .* is not a shape"),
    "overflow to 0": ({"infos": [info("a", (1 << 32, 1 << 32), 0, 0)]}, "tensor 'a': .* is not a shape"),
    "size": ({"infos": [info("a", (1 << 50,), 0, 0)]}, "tensor 'a': bytes .* are outside the file"),
    "quantised size": ({"infos": [info("a", (1 << 50,), 2, 0)]}, "tensor 'a': bytes .* are outside the file"),
    "blocks": (
        {"infos": [info("a", (33,), 2, 0)], "data": bytes(64)},
        "rows of 33 elements are not whole blocks of 32",
    ),
    "no axes of blocks": ({"infos": [info("a", (), 2, 0)], "data": bytes(64)}, "not a whole block of 32"),
    "offset": ({"infos": [info("a", (1,), 0, 1 << 62)]}, "tensor 'a': bytes .* are outside the file"),
    "offset of an unknown": ({"infos": [info("a", (1,), 999, 1 << 62)]}, "tensor 'a': bytes .* are outside the file"),
    "odd offset": (
        {"infos": [info("a", (1,), 0, 4)], "data": bytes(64)},
        "offset 4 is not a multiple of the alignment",
    ),
    "overlap": (
        {"infos": [info("a", (16,), 0, 0), info("b", (1,), 0, 32)], "data": bytes(64)},
        "tensor 'b': it overlaps tensor 'a'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_hostile(path, name):
    fields, words = BAD[name]
    gguf_file(path, **fields)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidValueError, match=f"(?s)a.gguf: .*{words}"):
            gguf.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def whole_file(path):
    pairs = [pair("general.alignment", 4, struct.pack("<I", 64)), pair("t", 9, array_of(8, 2, text("a") + text("bc")))]
    infos = [info("a", (4, 4), 0, 0), info("q", (2, 32), 8, 64)]
    data = np.arange(16, dtype=np.float32).tobytes() + bytes(68)
    return gguf_file(path, pairs=pairs, infos=infos, data=data, alignment=64).read_bytes()


def test_every_truncation_is_an_error(path):
    whole = whole_file(path)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidValueError, match=r"a.gguf: "):
            gguf.load(path)


def test_truncated_after_loading(path):
    model = gguf.load(gguf_file(path, infos=[info("q", (1 << 16,), 8, 0)], data=bytes(34 << 11)))
    os.truncate(path, 34 << 10)
    with pytest.raises(InvalidValueError, match=r"a.gguf: .* is shorter now"):
        model.tensors["q"]


@pytest.mark.parametrize("seed", range(5))
def test_mutations_of_a_file(path, seed):
    whole = whole_file(path)
    random = np.random.default_rng(seed)
    words = [bytes(8), LONG, b"\xff" * 8, struct.pack("<Q", 1), struct.pack("<I", 9), b"\x0c", b"\xff"]
    refusals = []
    for _ in range(80):
        changed = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(0, len(whole) - 132))
            word = words[random.integers(0, len(words))] if random.integers(0, 2) else random.bytes(1)
            changed[at : at + len(word)] = word
        path.write_bytes(changed)
        try:
            model = gguf.load(path)
            for name in model.tensors:
                assert model.tensors[name].shape == model.tensors.info[name].shape
        except EerieError as error:
            refusals.append(error.message)
    assert len(refusals) > 30
    assert [message for message in refusals if not message.startswith(str(path))] == []
