"""Snapshots: what goes in comes out, what does not fit is listed, what is damaged is passed over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import train, tree
from eerie_dsl.errors import ArgumentError, EerieWarning, InvalidValueError
from eerie_dsl.interop import safetensors

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128"


@tree.register
@dataclass(frozen=True)
class Linear:
    weight: eerie.Array
    bias: eerie.Array | None
    name: str = tree.static(default="linear")


def state():
    return {
        "model": (Linear(eerie.reshape(eerie.arange(6.0), (2, 3)), eerie.ones(3)), [Linear(eerie.ones((3, 1)), None)]),
        "key": eerie.random.key(7),
        "step": 3,
        "numbers": [0.1, True, 2 + 3j, float("inf"), -(1 << 80), "größe\n"],
        "host": np.arange(4, dtype=np.int16),
        "scalar": np.float32(1.5),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.safetensors"


def test_a_whole_state_comes_back(path):
    train.save(path, state())
    like = tree.map(lambda leaf: leaf * 0 if not isinstance(leaf, str | bool) else leaf, state())
    found = train.restore(path, like)
    want = state()
    assert tree.paths(found) == tree.paths(want)
    for name, a, b in zip(tree.paths(want), tree.leaves(found), tree.leaves(want), strict=True):
        assert type(a) is type(b), name
        assert np.array_equal(a, b), name
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None), name
    assert found["model"][0].name == "linear"
    found["host"][0] = 9  # memory of its own


@pytest.mark.parametrize("name", DTYPES.split())
@pytest.mark.parametrize("shape", [(), (0, 2), (3, 5)], ids=str)
def test_every_dtype(path, name, shape):
    dtype = eerie.result_type(name)
    bits = np.random.default_rng(0).integers(0, 2 if name == "bool" else 256, (*shape, dtype.itemsize), np.uint8)
    want = bits.view(dtype.numpy)[..., 0]
    train.save(path, {"a": eerie.asarray(want)})
    found = train.restore(path, {"a": eerie.zeros(shape, dtype=dtype)})["a"]
    assert (found.dtype, found.shape) == (dtype, shape)
    assert found.numpy().tobytes() == want.tobytes()


def test_one_array_is_a_tree(path):
    train.save(path, eerie.ones(3))
    assert train.restore(path, eerie.zeros(3)).tolist() == [1, 1, 1]


def test_the_file_is_one_that_others_read(path):
    train.save(path, {"a": Linear(eerie.ones(2), None), "n": 3})
    assert {name: a.tolist() for name, a in safetensors.load(path).items()} == {"tree['a'].weight": [1, 1]}


def test_restored_arrays_do_not_depend_on_the_file(path):
    train.save(path, {"a": eerie.ones(1 << 16)})
    found = train.restore(path, {"a": eerie.zeros(1 << 16)})
    os.truncate(path, 0)
    assert found["a"].numpy().all()


def test_all_that_does_not_fit_is_listed_at_once(path):
    x = eerie.zeros(2)
    train.save(path, {"a": x, "b": x, "c": x, "d": x, "e": 1, "f": 1, "g": 1, "z": eerie.zeros(2, dtype="complex128")})
    like = {"a": x, "b": eerie.zeros((2, 1)), "c": eerie.zeros(2, dtype="int8"), "d": 1.0, "e": 1.0, "f": x, "h": "a"}
    with pytest.raises(InvalidValueError) as info:
        train.restore(path, like)
    head, *lines = info.value.message.splitlines()
    assert head == f"{path}: it does not fit what is wanted"
    assert sorted(line.strip() for line in lines) == [
        "dtype of tree['c']: float32 in the file, int8 wanted",
        "dtype of tree['e']: int in the file, float wanted",
        "extra: tree['g'], int",
        "extra: tree['z'], complex128 (2,)",
        "missing: tree['h'], str",
        "shape of tree['b']: (2,) in the file, (2, 1) wanted",
        "tree['d']: float32 (2,) in the file, float wanted",
        "tree['f']: int in the file, float32 (2,) wanted",
    ]


def test_wrong_shape_and_dtype_are_both_listed(path):
    train.save(path, eerie.zeros(2))
    with pytest.raises(InvalidValueError, match=r"(?s)shape of tree: .*dtype of tree: "):
        train.restore(path, eerie.zeros(3, dtype="int8"))


def test_leaves_that_are_neither_arrays_nor_numbers(path):
    with pytest.raises(ArgumentError, match=r"train.save: tree\['a'\] is a object; tree\['b'\] is a ndarray"):
        train.save(path, {"a": object(), "b": np.array(["text"]), "c": 1})
    assert not path.exists()


def test_another_safetensors_file(path):
    safetensors.save(path, {"tree['a']": np.zeros(2)})
    with pytest.raises(InvalidValueError, match="it is no snapshot"):
        train.restore(path, {"a": eerie.zeros(2)})


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "empty":
        data.clear()
    elif how == "short":
        del data[-1:]
    elif how == "flipped":
        data[-5] ^= 1
    elif how == "header":
        data[40] ^= 0x80
    elif how == "record":
        data = data.replace(b"complex128", b"complexxxx")
    path.write_bytes(data)


DAMAGE = ["empty", "short", "flipped", "header", "record"]


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found(path, how):
    train.save(path, {"a": eerie.ones(100), "b": 1})
    damaged(path, how)
    with pytest.raises(InvalidValueError, match=r"a.safetensors: "):
        train.restore(path, {"a": eerie.zeros(100), "b": 0})


# A directory of them.


def test_the_last_ones_are_kept(tmp_path):
    snapshots = train.Snapshots(tmp_path / "new" / "run", keep=2)
    assert snapshots.steps() == []
    assert snapshots.latest({"a": 0}) is None
    for step in (0, 5, 10, 7_000_000_000):
        snapshots.save(step, {"a": step})
        assert snapshots.latest({"a": 0}) == (step, {"a": step})
    assert snapshots.steps() == [10, 7_000_000_000]
    assert sorted(os.listdir(snapshots.directory)) == ["step-00000010.safetensors", "step-7000000000.safetensors"]


def test_a_snapshot_of_an_earlier_step_is_not_deleted_at_once(tmp_path):
    snapshots = train.Snapshots(tmp_path, keep=1)
    snapshots.save(100, {"a": 1})
    snapshots.save(1, {"a": 2})
    assert snapshots.steps() == [1, 100]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_one_is_passed_over_with_a_warning(tmp_path, how):
    snapshots = train.Snapshots(tmp_path)
    for step in (1, 2, 3):
        snapshots.save(step, {"a": eerie.full(100, float(step)), "step": step})
    damaged(tmp_path / "step-00000003.safetensors", how)
    with pytest.warns(EerieWarning, match=r"step 3 is damaged, that of step 2 is taken instead: .*step-00000003"):
        latest = snapshots.latest({"a": eerie.zeros(100), "step": 0})
    assert latest is not None
    assert latest[0] == latest[1]["step"] == 2
    assert (np.asarray(latest[1]["a"]) == 2).all()


def test_all_damaged_is_an_error(tmp_path):
    snapshots = train.Snapshots(tmp_path)
    for step in (1, 2):
        snapshots.save(step, {"a": 1})
        damaged(tmp_path / f"step-0000000{step}.safetensors", "short")
    with pytest.raises(InvalidValueError, match=r"(?s)all snapshots in .* are damaged:.*step-00000002.*step-00000001"):
        snapshots.latest({"a": 0})


def test_one_that_does_not_fit_is_not_passed_over(tmp_path):
    snapshots = train.Snapshots(tmp_path)
    snapshots.save(1, {"a": 1})
    snapshots.save(2, {"b": 1})
    with pytest.raises(InvalidValueError, match=r"(?s)step-00000002.*missing: tree\['a'\].*extra: tree\['b'\]"):
        snapshots.latest({"a": 0})


def test_what_makes_no_sense(tmp_path):
    with pytest.raises(InvalidValueError, match="keep=0"):
        train.Snapshots(tmp_path, keep=0)
    with pytest.raises(InvalidValueError, match="step -1"):
        train.Snapshots(tmp_path).save(-1, {})


_SAVING = """
import sys, numpy as np
from eerie_dsl import train
snapshots = train.Snapshots(sys.argv[1], keep=2)
found = snapshots.latest({"a": np.zeros(1 << 18, np.float32), "step": 0})
step = 0 if found is None else found[0]
print(step, flush=True)
while True:
    step += 1
    snapshots.save(step, {"a": np.full(1 << 18, step, np.float32), "step": step})
"""


def survives_kills(directory, times):
    random = np.random.default_rng(0)
    snapshots, last = train.Snapshots(directory), 0
    for _ in range(times):
        command = [sys.executable, "-c", _SAVING, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) == last
            while snapshots.steps()[-1:] in ([], [last]):
                assert process.poll() is None
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.02))
            process.kill()
        latest = snapshots.latest({"a": np.zeros(1 << 18, np.float32), "step": 0})
        assert latest is not None
        assert latest[0] > last
        assert latest[1]["step"] == latest[0]
        assert (np.asarray(latest[1]["a"]) == latest[0]).all()
        last = latest[0]
    snapshots.save(last + 1, {})
    assert [name for name in os.listdir(directory) if name.endswith(".tmp")] == []


def test_kill_while_saving(tmp_path):
    survives_kills(tmp_path, 3)


@pytest.mark.slow
def test_kill_while_saving_many_times(tmp_path):
    survives_kills(tmp_path, 60)
