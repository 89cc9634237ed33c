"""Exported functions give what the functions give, and refuse what they were not exported for."""

from __future__ import annotations

import json
import shutil
import zipfile
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from eerie_dsl.errors import (
    ArgumentError,
    DTypeError,
    ExecutionError,
    InvalidValueError,
    ShapeError,
    TargetError,
)
from eerie_dsl.export import export, load, spec
from eerie_dsl.interop import safetensors
from eerie_dsl.runtime import Executable

from .conftest import MASK, WEIGHT, Point, expected_dense, first_state, make_dense, peek, step


@pytest.mark.parametrize("name", ["inside", "apart"])
@pytest.mark.parametrize("rows", [1, 5, 64])
def test_a_dimension_survives(files, name, rows):
    dense = load(files[name])
    x = np.linspace(-1, 1, rows * 4, dtype=np.float32).reshape(rows, 4)
    result = dense(x, 2.5)
    assert result.shape == (rows, 3)
    np.testing.assert_allclose(result.numpy(), expected_dense(x, 2.5), rtol=1e-6)


def test_arguments_may_be_named(files):
    dense = load(files["inside"])
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(dense(scale=3, x=x).numpy(), dense(eerie.asarray(x), np.float32(3)).numpy())


def test_the_signature_is_readable(files):
    assert str(load(files["inside"]).dense) == "dense(x: f32[batch,4], scale: f32[]) -> f32[batch,3]"
    assert [str(a) for a in load(files["inside"]).dense.arguments["x"]] == ["f32[batch,4]"]
    assert repr(load(files["inside"])).splitlines()[0] == f"{files['inside']} for host"


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((np.ones((2, 5), np.float32), 1.0), ShapeError, r"axis 1 of argument x of dense has 5 elements"),
        ((np.ones((65, 4), np.float32), 1.0), ShapeError, r"has 65 elements, and batch is from 1 to 64"),
        ((np.ones((0, 4), np.float32), 1.0), ShapeError, r"has 0 elements, and batch is from 1 to 64"),
        ((np.ones(4, np.float32), 1.0), ShapeError, r"is f32\[4\], and the program takes f32\[batch,4\]"),
        (([[1.0] * 4] * 2, 1.0), ArgumentError, r"is a list, and the program takes f32\[batch,4\]$"),
        ((np.ones((2, 4)), 1.0), DTypeError, r"is f64\[2,4\], and the program takes f32"),
        ((np.ones((2, 4), np.float32), 1j), DTypeError, r"argument scale of dense is the number 1j"),
        ((2.0, 1.0), DTypeError, r"argument x of dense is the number 2.0"),
        ((np.ones((2, 4), np.float32),), ArgumentError, "dense needs scale too"),
        ((np.ones((2, 4), np.float32), 1.0, 2.0), ArgumentError, "takes 2 arguments in order, and 3 are given"),
        ((np.ones((2, 4), np.float32), "x"), ArgumentError, "is a str"),
    ],
)
def test_a_call_that_does_not_fit(files, args, error, words):
    with pytest.raises(error, match=words):
        load(files["inside"])(*args)


def test_a_call_with_names_that_do_not_fit(files):
    dense, x = load(files["inside"]), np.ones((2, 4), np.float32)
    with pytest.raises(ArgumentError, match="dense has no argument factor"):
        dense(x, factor=1.0)
    with pytest.raises(ArgumentError, match="dense is given two arguments x"):
        dense(x, x=x)

    @eerie.jit
    def outer(y):
        return dense(y, 1.0)

    with pytest.raises(ArgumentError, match="cannot be part of outer"):
        outer(x)


def test_containers_come_back(files):
    function = load(files["containers"])
    x, y = np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)
    scale = SimpleNamespace(factor=np.int32(7))
    moved, rest = function(points=Point(x, y), options={"shift": 2.0}, scale=scale)
    assert (type(moved).__name__, moved._fields) == ("Point", ("x", "y"))
    np.testing.assert_array_equal(moved.x.numpy(), x + 2)
    np.testing.assert_array_equal(moved.y.numpy(), y)
    assert rest["sum"][1] is None
    assert float(rest["sum"][0]) == 6.0
    assert int(rest["scale"].factor) == 14
    again, _ = function(points=moved, options={"shift": 1.0}, scale=rest["scale"])
    np.testing.assert_array_equal(again.x.numpy(), x + 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": (1.0, 2.0)}, "argument points is a tuple without x; a Point has x, y|points is a tuple"),
        ({"options": {"shfit": 1.0}}, "options is a dict with 'shfit'; it has to be a dict with 'shift'"),
        ({"options": None}, "options is a NoneType; it has to be a dict with 'shift'"),
        ({"scale": SimpleNamespace(size=1)}, "is a SimpleNamespace without factor; a Scale has factor"),
    ],
)
def test_containers_that_do_not_fit(files, change, words):
    good = {"points": Point(np.ones(3, np.float32), np.ones(3, np.float32)), "options": {"shift": 2.0}}
    with pytest.raises(ArgumentError, match=words):
        load(files["containers"])(**(good | {"scale": SimpleNamespace(factor=np.int32(7))} | change))


def test_state_is_handed_on(files):
    library = load(files["stateful"])
    session = library.session()
    np.testing.assert_array_equal(session.step(np.array([1, 2], np.float32)).numpy(), [1, 2])
    np.testing.assert_array_equal(session.step(np.array([10, 20], np.float32)).numpy(), [11, 22])
    assert int(session.peek()) == 60
    with pytest.raises(ShapeError):
        session.step(np.ones(3, np.float32))
    np.testing.assert_array_equal(session.state["cache"].numpy(), [[0, 0], [1, 2], [10, 20]])
    session.reset()
    assert int(session.state["count"]) == 4
    state, result = library.step(library.state(), np.array([5, 5], np.float32))
    np.testing.assert_array_equal(result.numpy(), [5, 5])
    assert int(state["count"]) == 5


def test_functions_of_a_file(files):
    library = load(files["stateful"])
    assert list(library.functions) == ["step", "peek"]
    assert library.functions["step"] is library.step
    assert "step" in dir(library)
    with pytest.raises(ArgumentError, match="has several functions: step, peek"):
        library(np.ones(2, np.float32))
    with pytest.raises(AttributeError, match="no function 'stop'"):
        library.stop()
    with pytest.raises(ArgumentError, match="without state"):
        load(files["inside"]).session()


def test_threads_share_a_file(files):
    from concurrent.futures import ThreadPoolExecutor

    dense = load(files["inside"])
    inputs = [np.full((n + 1, 4), n, np.float32) for n in range(16)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda x: dense(x, 1.0).numpy(), inputs))
    for x, result in zip(inputs, results, strict=True):
        np.testing.assert_allclose(result, expected_dense(x, 1.0), rtol=1e-6)


def test_weights_apart_are_shared_by_targets_and_can_be_replaced(files, tmp_path):
    path = tmp_path / "moved.vmfb"
    shutil.copy(files["apart"], path)
    library = load(path)
    assert [p.target for p in library.programs] == ["x86-64", "host", "aarch64"]
    assert {n: str(a) for n, a in library.weights.items()} == {"weight": "f32[4,3]"}
    x = np.ones((2, 4), np.float32)
    with pytest.raises(InvalidValueError, match=r"its weights, .*apart.safetensors, are not there"):
        library(x, 1.0)
    doubled = tmp_path / "doubled.safetensors"
    safetensors.save(doubled, {"weight": WEIGHT * 2})
    np.testing.assert_allclose(
        load(path, weights=doubled)(x, 1.0).numpy(), np.where(MASK, x @ WEIGHT * 2, np.float32(-1))
    )
    for tensors, words in (
        ({"wieght": WEIGHT}, "has no 'weight'"),
        ({"weight": WEIGHT.T}, r"'weight' is f32\[3,4\]"),
        ({"weight": WEIGHT.astype(np.float16)}, r"'weight' is f16\[4,3\]"),
    ):
        safetensors.save(doubled, tensors)
        with pytest.raises(InvalidValueError, match=words):
            load(path, weights=doubled)(x, 1.0)


def test_the_first_program_that_runs_here_is_taken(files):
    library = load(files["apart"])
    obstacles = {p.target: p.obstacle for p in library.programs}
    assert library.target == next(n for n, o in obstacles.items() if not o)
    foreign = [n for n, o in obstacles.items() if o]
    assert foreign
    with pytest.raises(TargetError, match=f"none runs here. {foreign[0]}: it is for"):
        load(files["apart"], target=foreign[0])(np.ones((2, 4), np.float32), 1.0)
    with pytest.raises(TargetError, match="has programs for x86-64, host, aarch64, not for vmvx"):
        load(files["apart"], target="vmvx")


def test_the_file_is_a_module_for_other_tools_of_iree(files):
    data = files["inside"].read_bytes()
    program = Executable(data, function="dense")
    assert program is not None
    with zipfile.ZipFile(files["apart"]) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("eerie.json"))
        assert {"eerie.json", "host.vmfb", "aarch64.vmfb"} <= set(archive.namelist())
        place = manifest["programs"][2]["place"]
        whole = files["apart"].read_bytes()
        assert archive.read("aarch64.vmfb") == whole[place[0] : sum(place)]


def test_exporting_again_gives_the_same_file(files, tmp_path):
    path = tmp_path / "inside.vmfb"
    export({"step": (step, [spec(2)]), "peek": (peek, [])}, state=first_state(), out=path)
    assert path.read_bytes() == files["stateful"].read_bytes()


def test_what_is_captured_is_named_by_the_way_to_it(tmp_path):
    params = {"dense": [eerie.ones((2, 2)), eerie.full((2,), 3.0)]}

    def linear(params, x):
        return x @ params["dense"][0] + params["dense"][1]

    done = export(partial(linear, params), spec((1, 2)), out=tmp_path / "linear.vmfb", weights="apart")
    assert done.weights == str(tmp_path / "linear.safetensors")
    assert set(safetensors.load(str(done.weights))) == {"params.dense.0", "params.dense.1"}
    np.testing.assert_array_equal(load(done.path)(np.ones((1, 2), np.float32)).numpy(), [[5, 5]])


def test_a_layer_is_exported_by_calling_it(tmp_path):
    from eerie_dsl import nn

    model = nn.Linear.init(eerie.random.key(0), 3, 2)
    done = export(model, spec((2, 3)), out=tmp_path / "m.vmfb", weights="apart")
    assert set(safetensors.load(str(done.weights))) == {"weight", "bias"}
    x = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(load(done.path)(x).numpy(), model(eerie.asarray(x)).numpy(), rtol=1e-6)


def test_computed_sizes_are_relations(tmp_path):
    n = eerie.Dim("n", max=9)
    path = tmp_path / "pairs.vmfb"
    export(lambda x, y: x.sum() + y.sum(), [spec(n), spec(2 * n + 1)], out=path)
    pairs = load(path)
    assert float(pairs(np.ones(3, np.float32), np.ones(7, np.float32))) == 10.0
    with pytest.raises(ShapeError, match=r"axis 0 of argument y of main has 6 elements, and 2\*n \+ 1 is 7"):
        pairs(np.ones(3, np.float32), np.ones(6, np.float32))


def same(x):
    return x


def bad_state(state, x):
    return state + 0.5, x


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: export(cast(Any, 3), spec(2), out=p), ArgumentError, "needs a function, got int"),
        (lambda p: export(same, out=p), ArgumentError, "what are its arguments"),
        (lambda p: export(step, [spec(2)], out=p), ArgumentError, "specs of step do not fit"),
        (lambda p: export(same, ["f33[2]"], out=p), DTypeError, r"'f33\[2\]'"),
        (lambda p: export(same, [object()], out=p), ArgumentError, "argument x of same is a object"),
        (lambda p: export(same, [spec(2)], out=p, target="cortex-m4f"), TargetError, "no runtime"),
        (lambda p: export(same, [spec(2)], out=p, target="x86"), TargetError, "unknown target 'x86'"),
        (lambda p: export(same, [spec(2)], out=p, target=[]), ArgumentError, "empty list"),
        (lambda p: export(same, [spec(2)], out=p, target=["vmvx", "vmvx"]), ArgumentError, "twice"),
        (lambda p: export(same, [spec(2)], out=p, weights="none"), ArgumentError, "weights='none'"),
        (lambda p: export({}, out=p), ArgumentError, "no functions"),
        (lambda p: export({"a b": (same, [spec(2)])}, out=p), ArgumentError, "'a b' is not the name"),
        (lambda p: export({"a": cast(Any, same)}, out=p), ArgumentError, "a has to be"),
        (lambda p: export({"a": (same, [])}, [spec(2)], out=p), ArgumentError, "specs belong to each"),
        (lambda p: export(lambda s: s, [], out=p, state=eerie.ones(2)), ArgumentError, r"return \(state, result\)"),
        (lambda p: export(lambda s: ([s], s), [], out=p, state=eerie.ones(2)), ArgumentError, "put together differ"),
        (
            lambda p: export(bad_state, [spec(2)], out=p, state=eerie.asarray([1])),
            ArgumentError,
            r"returns state as f32\[1\], and takes it as i64\[1\]",
        ),
        (
            lambda p: export(same, spec((eerie.Dim("n", buckets=(1, 8)), 2)), out=p),
            ArgumentError,
            "n has buckets",
        ),
        (lambda p: export(same, spec(2 * eerie.Dim("n")), out=p), ArgumentError, "computed from n"),
        (lambda p: export(lambda x: {(1, 2): x}, spec(2), out=p), ArgumentError, "the key"),
        (
            lambda p: export(lambda x: x * 2, spec(2, eerie.float64), out=p, target="vulkan"),
            TargetError,
            r"vulkan cannot compute with float64, and an argument is f64\[2\]",
        ),
        (lambda p: export(same, spec(2), out=p, target="webgpu"), TargetError, "no backend webgpu-spirv"),
    ],
)
def test_what_cannot_be_exported(tmp_path, call, error, words):
    path = tmp_path / "out.vmfb"
    with pytest.raises(error, match=words):
        call(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    weight = eerie.ones(2)
    with pytest.raises(FileNotFoundError):
        export(lambda x: x + weight, spec(2), out=tmp_path / "absent" / "x.vmfb", weights="apart")
    assert list(tmp_path.iterdir()) == []


def test_an_argument_may_be_the_result(tmp_path):
    path = tmp_path / "same.vmfb"
    export(same, spec(3), out=path)
    x = np.array([1, 2, 3], np.float32)
    result = load(path)(x)
    x[0] = 9
    np.testing.assert_array_equal(result.numpy(), [1, 2, 3])


def test_an_export_for_this_cpu_is_refused_on_another(files, tmp_path, monkeypatch):
    from eerie_dsl.export import table

    monkeypatch.setattr(table, "host_cpu", lambda: "another")
    with pytest.raises(TargetError, match="the very CPU"):
        load(files["inside"])(np.ones((2, 4), np.float32), 1.0)


def test_the_target_that_is_set_is_the_default(tmp_path):
    with config(target="x86-64"):
        assert export(lambda x: x + 1, spec(2), out=tmp_path / "a.vmfb").targets == ("x86-64",)


def test_a_function_that_the_program_lacks(files):
    with pytest.raises(ExecutionError, match="no function 'absent'"):
        Executable(files["inside"].read_bytes(), function="dense").beside("absent")


def test_a_function_exported_twice_is_the_one_that_was_given(files):
    x = np.ones((1, 4), np.float32)
    np.testing.assert_allclose(load(files["inside"])(x, 1.0).numpy(), make_dense()(eerie.asarray(x), 1.0).numpy())
