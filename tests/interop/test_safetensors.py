"""Safetensors files in and out: values, memory, lifetimes, and the other library's reader and writer."""

from __future__ import annotations

import ctypes
import gc
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError
from eerie_dsl.interop import header, safetensors
from eerie_dsl.interop.files import TensorFile

SAVED = list(header.DTYPES.values())


def sample(dtype, shape=(5, 16), seed=0):
    """An array of all kinds of bits."""
    bits = np.random.default_rng(seed).integers(0, 256, (*shape, dtype.itemsize), np.uint8)
    return (bits % 2 if dtype is eerie.bool else bits).view(dtype.numpy)[..., 0]


def same(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.safetensors"


@pytest.mark.parametrize("dtype", SAVED, ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (5, 16)], ids=str)
@pytest.mark.parametrize("copy", [False, True])
def test_round_trip_keeps_every_bit(path, dtype, shape, copy):
    want = sample(dtype, shape)
    safetensors.save(path, {"numpy": want, "eerie": eerie.asarray(want), "odd": np.array([1], np.uint8)})
    found = safetensors.load(path, copy=copy)
    for name in ("numpy", "eerie"):
        assert found[name].dtype is dtype
        assert same(found[name].numpy(), want)


def test_other_array_likes_and_layouts_are_saved_by_their_values(path):
    x = np.arange(24, dtype=">f8").reshape(4, 6)
    safetensors.save(path, {"swapped": x, "strided": x.T[::2], "list": [1.0, 2.0], "pending": eerie.ones(3) * 2})
    found = safetensors.load(path)
    assert same(found["swapped"].numpy(), x.astype("<f8"))
    assert same(found["strided"].numpy(), np.ascontiguousarray(x.T[::2]).astype("<f8"))
    assert found["list"].tolist() == [1, 2]
    assert found["list"].dtype is eerie.float32
    assert found["pending"].tolist() == [2, 2, 2]


def test_names_and_metadata_may_be_any_text(path):
    names = ["", "a.b", 'quote " \\ \n', "größe", "数", "x" * 300]
    texts = {"": "", "größe": "\0 数"}
    safetensors.save(path, {name: eerie.full(2, i) for i, name in enumerate(names)}, texts)
    assert {name: a.tolist() for name, a in safetensors.load(path).items()} == {n: [i, i] for i, n in enumerate(names)}
    assert safetensors.metadata(path) == texts


def test_a_file_without_tensors(path):
    safetensors.save(path, {})
    assert (safetensors.load(path), safetensors.metadata(path)) == ({}, {})


# Layout and memory.


def _address(array):
    return array.numpy().ctypes.data


def test_aligned_tensors_are_mapped_and_others_are_not(path):
    sizes = {"a": 3, "b": 16, "c": 100, "d": 32, "e": 17, "f": 8}
    safetensors.save(path, {name: np.full(n, n, np.float32) for name, n in sizes.items()})
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        entries = header.read(TensorFile(path)).entries
    assert (8 + length) % 64 == 0
    # Multiples of 64 bytes, and the largest of the others.
    assert {name for name, e in entries.items() if e.offset % 64 == 0} == {"b", "c", "d"}
    assert os.path.getsize(path) == 8 + length + 4 * sum(sizes.values())
    found = safetensors.load(path)
    assert all(a.tolist() == [sizes[name]] * sizes[name] for name, a in found.items())
    assert all(_address(a) % 64 == 0 for a in found.values())
    base = _address(found["b"]) - entries["b"].offset
    assert {name for name, a in found.items() if _address(a) - base == entries[name].offset} == {"b", "c", "d"}
    copied = safetensors.load(path, copy=True)
    assert [n for n, a in copied.items() if _address(a) - _address(copied["b"]) == entries[n].offset] == []


def test_each_tensor_starts_at_a_multiple_of_its_element(path):
    dtypes = [d for d in SAVED if d is not eerie.bool]
    safetensors.save(path, {d.name: sample(d, (n,)) for n, d in enumerate(dtypes, start=3)})
    for name, entry in header.read(TensorFile(path)).entries.items():
        assert entry.offset % min(8, entry.dtype.itemsize) == 0, name


def test_arrays_outlive_everything_else(path):
    safetensors.save(path, {"a": np.arange(4096, dtype=np.float32), "b": np.arange(3, dtype=np.int16)})
    found = safetensors.load(path)
    a, b = found["a"], found["b"]
    view = a.numpy()
    del found, a
    gc.collect()
    path.unlink()
    assert view.tolist() == list(range(4096))
    assert b.tolist() == [0, 1, 2]


def test_replacing_the_file_leaves_mapped_arrays_alone(path):
    safetensors.save(path, {"a": np.zeros(1 << 16, np.float32)})
    old = safetensors.load(path)["a"]
    safetensors.save(path, {"a": np.ones(1 << 10, np.float32)})
    assert not old.numpy().any()
    assert safetensors.load(path)["a"].numpy().all()


def test_saving_what_is_mapped_from_the_same_file(path):
    safetensors.save(path, {"a": np.arange(1 << 16, dtype=np.float32)})
    safetensors.save(path, {"a": safetensors.load(path)["a"] + 1})
    assert same(safetensors.load(path)["a"].numpy(), np.arange(1, (1 << 16) + 1, dtype=np.float32))


def test_the_file_is_not_changed_by_a_program_that_reuses_memory(path):
    safetensors.save(path, {"a": np.ones(1 << 14, np.float32)})
    before = path.read_bytes()
    with eerie.config(evaluation="compiled"):
        add = eerie.jit(donate_argnums=0)(lambda x: x + 1)
        x = safetensors.load(path)["a"]
        for _ in range(3):
            x = add(x)
        assert (x.numpy() == 4).all()
    written = safetensors.load(path)["a"]
    ctypes.memset(_address(written), 0, written.nbytes)  # as another library may do that it was handed to
    assert not written.numpy().any()
    assert path.read_bytes() == before


_MEMORY = """
import sys, numpy as np, eerie_dsl as eerie
from eerie_dsl.interop import safetensors

def private_and_all():  # pages: those that are not of a file, and all that are in memory
    with open("/proc/self/statm") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return resident - shared, resident

safetensors.load(sys.argv[1])["warm"].numpy()
before = private_and_all()
x = safetensors.load(sys.argv[1])["x"]
loaded = private_and_all()
total = int(x.numpy().view(np.uint8).max())
read = private_and_all()
page = 4096 / 2**20
print(total, *(round((b - a) * page) for a, b in zip(before + before, loaded + read)))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_loading_needs_no_memory_for_the_values(path):
    safetensors.save(path, {"x": np.full((64, 1 << 18), 3, np.float32), "warm": np.zeros(64, np.float32)})
    command = [sys.executable, "-c", _MEMORY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    largest, private, resident, private_read, resident_read = map(int, done.stdout.split())
    assert largest == 0x40
    # MiB: of 64, nothing is in memory after loading, and all of it once, as pages of the file, after reading.
    assert max(private, resident, private_read) < 8
    assert 56 <= resident_read < 80


@pytest.mark.skipif(sys.platform != "linux", reason="other systems may have no sparse files")
def test_a_file_larger_than_memory(path):
    size = 1 << 40
    start = header.encode([("big", eerie.uint8, (size >> 20, 1 << 20)), ("end", eerie.uint8, (64,))])
    with open(path, "wb") as file:
        file.write(start)
        try:
            file.truncate(len(start) + size + 64)
        except OSError:
            pytest.skip("the file system has no files of this size")
        file.seek(len(start) + size)
        file.write(bytes(range(64)))
    found = safetensors.load(path)
    assert found["end"].tolist() == list(range(64))
    assert found["big"].shape == (size >> 20, 1 << 20)
    assert found["big"].numpy()[-1, -1] == 0


# Writing.


def test_a_failed_save_leaves_what_was_there(path, monkeypatch):
    safetensors.save(path, {"a": np.zeros(4)})
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        safetensors.save(path, {"a": np.ones(1000)})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_link_is_followed(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    safetensors.save(link, {"a": np.ones(2)})
    assert link.is_symlink()
    assert safetensors.load(path)["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("tensors", "texts", "error", "words"),
    [
        ({"z": np.zeros(2, np.complex128)}, None, DTypeError, "tensor 'z' is complex128.*real and imaginary"),
        ({"s": np.array(["a"])}, None, DTypeError, "tensor 's' is <U1"),
        ({"__metadata__": np.zeros(2)}, None, InvalidValueError, "cannot be called"),
        ({1: np.zeros(2)}, None, ArgumentError, "1 is a int"),
        ({"a": np.zeros(2)}, {"epoch": 3}, ArgumentError, "3 is a int"),
        ({"\ud800": np.zeros(2)}, None, InvalidValueError, "not Unicode"),
    ],
)
def test_what_cannot_be_saved(path, tensors, texts, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        safetensors.save(path, tensors, texts)
    assert not path.exists()


# The reference implementation.

OTHERS = [d for d in SAVED if d is not eerie.bfloat16]


def test_the_other_library_reads_our_files(path):
    other = pytest.importorskip("safetensors")
    numpy = pytest.importorskip("safetensors.numpy")
    want = {f"{d.name} {shape}": sample(d, shape) for d in SAVED for shape in [(), (3,), (4, 16), (0, 2)]}
    safetensors.save(path, want, {"made by": "eerie"})
    with other.safe_open(path, "numpy") as file:
        assert file.metadata() == {"made by": "eerie"}
        assert set(file.keys()) == set(want)
    found = numpy.load_file(path)
    assert all(same(found[name], value) for name, value in want.items())


def test_we_read_the_files_of_the_other_library(path):
    numpy = pytest.importorskip("safetensors.numpy")
    want = {f"{d.name} {shape}": sample(d, shape) for d in SAVED for shape in [(), (3,), (4, 16), (0, 2)]}
    numpy.save_file(want, path, {"made by": "the other"})
    found = safetensors.load(path)
    assert set(found) == set(want)
    assert all(same(found[name].numpy(), value) for name, value in want.items())
    assert safetensors.metadata(path) == {"made by": "the other"}
