"""Bundles, compiled and run on this machine: C with its compiler, WebAssembly in Node."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.compile import service
from eerie_dsl.compile.cpu import architecture
from eerie_dsl.errors import ArgumentError, CompileError, ShapeError, TargetError
from eerie_dsl.export import spec
from eerie_dsl.export.standalone import bundle
from examples.deploy import machines
from tests.support import bundles

HOST = {"x86_64": "x86_64", "aarch64": "aarch64"}


@pytest.fixture(scope="module")
def here():
    """The target that is this machine, where its C compiler makes ELF files."""
    if os.name != "posix" or architecture() not in HOST or not os.path.exists("/proc/self/exe"):
        pytest.skip(f"no bundles are run on {architecture()}")
    return HOST[architecture()]


@pytest.fixture(scope="module")
def native(here, tmp_path_factory):
    function, _, _ = bundles.network()
    return bundle(function, spec("f32[64]"), target=here, out=tmp_path_factory.mktemp("native") / "mlp", name="mlp")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    function, _, _ = bundles.network()
    return bundle(function, spec("f32[64]"), target="wasm32", out=tmp_path_factory.mktemp("web") / "mlp", name="mlp")


def test_c_computes_what_numpy_does(native, tmp_path):
    _, x, want = bundles.network()
    (got,) = bundles.results(tmp_path, native, [x], [want])
    np.testing.assert_allclose(got, want, atol=1e-5, rtol=0)


def test_the_files_are_those_that_are_named(native):
    expected = ["README.md", "bundle.json", "mlp.c", "mlp.h", "mlp_kernels.o", "mlp_weights.c"]
    assert list(native.files) == expected == sorted(os.listdir(native.path))
    record = json.loads(Path(native.path, "bundle.json").read_text())
    assert record["arguments"] == [{"name": "x", "type": "f32[64]"}]
    assert record["sizes"]["parameters"] == 4 * (64 * 32 + 32 + 32 * 10 + 10) == native.sizes.parameters
    assert record["sizes"]["workspace"] == native.sizes.workspace == 128


def test_what_a_call_refuses(native, tmp_path):
    calls = """{
    static MLP_ALIGNED float x[65]; static MLP_ALIGNED float out[11]; static MLP_ALIGNED uint8_t lent[129];
    const mlp_status found[] = {
        mlp_run(x, out, lent, 128), mlp_run(NULL, out, lent, 128), mlp_run(x, NULL, lent, 128),
        mlp_run(x, out, NULL, 128), mlp_run(x + 1, out, lent, 128), mlp_run(x, out + 1, lent, 128),
        mlp_run(x, out, lent + 1, 128), mlp_run(x, out, lent, 127)};
    for (size_t i = 0; i < 8; ++i) { const uint8_t code = (uint8_t)found[i]; put_bytes(&code, 1); }
    }"""
    found = bundles.machine(native.target)
    program = bundles.build(tmp_path, [native], calls, found, "-Wno-nonnull")
    assert machines.run([*found.emulator, str(program)]).split() == ["00", "01", "01", "01", "02", "02", "02", "03"]


def test_bundles_link_together(native, here, tmp_path):
    # Those of one kernel too, for which the compiler chooses other names.
    one = bundle(lambda x: x * 2 + 1, spec("f32[5]"), target=here, out=tmp_path / "one", name="double_it")
    other = bundle(lambda x: x * 3 + 1, spec("f32[5]"), target=here, out=tmp_path / "other", name="triple_it")
    _, x, want = bundles.network()
    y = np.arange(5, dtype=np.float32)
    calls = bundles.call(native, [x], [want]) + bundles.call(one, [y], [y]) + bundles.call(other, [y], [y])
    found = bundles.machine(native.target)
    program = bundles.build(tmp_path, [native, one, other], calls, found)
    lines = machines.run([*found.emulator, str(program)]).splitlines()
    first, second, third = (np.frombuffer(bytes.fromhex(line), np.float32) for line in lines)
    np.testing.assert_allclose(first, want, atol=1e-5)
    np.testing.assert_array_equal(second, 2 * y + 1)
    np.testing.assert_array_equal(third, 3 * y + 1)


def test_results_of_many_kinds_in_c(here, tmp_path):
    done = bundle(bundles.medley, bundles.MEDLEY, target=here, out=tmp_path / "medley")
    arrays, want = bundles.medley_case()
    for got, expected in zip(bundles.results(tmp_path, done, arrays, want), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_javascript_computes_what_numpy_does(web, tmp_path):
    _, x, want = bundles.network()
    (got,) = bundles.in_node(tmp_path, web, [x], [want])
    np.testing.assert_allclose(got, want, atol=1e-5, rtol=0)


def test_results_of_many_kinds_in_javascript(tmp_path):
    done = bundle(bundles.medley, bundles.MEDLEY, target="wasm32-simd", out=tmp_path / "medley")
    arrays, want = bundles.medley_case()
    for got, expected in zip(bundles.in_node(tmp_path, done, arrays, want), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_what_javascript_refuses(web, tmp_path):
    bundles.in_node(tmp_path, web, [np.zeros(64, np.float32)], [np.zeros(10, np.float32)])
    Path(tmp_path, "wrong.mjs").write_text(f"""
import {{ load }} from {str(Path(web.path, "mlp.mjs"))!r};
const run = await load();
const tries = [
  () => run(), () => run(new Float32Array(63)), () => run(new Float64Array(64)), () => run(1),
  () => load({{ weights: new ArrayBuffer(8) }}),
];
for (const one of tries) {{
  try {{ await one(); console.log("fine"); }} catch (error) {{ console.log(error.message); }}
}}
""")
    assert machines.run(["node", str(tmp_path / "wrong.mjs")]).splitlines() == [
        "mlp takes 1 arguments, got 0",
        "x has to be a Float32Array of 64, not Float32Array of 63",
        "x has to be a Float32Array of 64, not Float64Array of 64",
        "x has to be a Float32Array of 64, not number",
        f"mlp_weights.bin has 8 bytes; it should have {web.sizes.weights}",
    ]


def test_the_page_opens_the_module(web):
    page = Path(web.path, "index.html").read_text()
    assert 'from "./mlp.mjs"' in page
    assert "__NAME__" not in page
    assert {"index.html", "mlp.mjs", "mlp.wasm", "mlp_weights.bin"} < set(web.files)


def test_small_targets_stay_small(web, tmp_path):
    function, _, _ = bundles.network()
    assert Path(web.path, "mlp.wasm").stat().st_size - (web.sizes.parameters - web.sizes.weights) <= 2560
    mcu = bundle(function, spec("f32[64]"), target="cortex-m4f", out=tmp_path / "mlp", name="mlp")
    assert mcu.sizes.beyond <= 1024  # the C file takes the rest of 1.5 KB
    assert mcu.sizes.workspace == 128
    assert mcu.sizes.stack is not None
    assert mcu.sizes.stack <= 512
    assert str(mcu).splitlines()[0].startswith(f"{tmp_path / 'mlp'}: mlp for cortex-m4f; README.md")
    assert re.search(r"^ +workspace +128 ", str(mcu), re.MULTILINE)


@pytest.mark.parametrize(
    ("function", "specs", "error", "words"),
    [
        (lambda x: x * 2, spec((eerie.Dim("batch"), 4)), ArgumentError, r"batch is known at the call only"),
        (
            lambda x: eerie.scan(lambda c, e: (c + e, c), eerie.asarray(0.0), x)[1],
            spec((8,)),
            ArgumentError,
            "is a loop that a host runs",
        ),
        (lambda x: eerie.zeros((3,)), spec((4,)), ArgumentError, "computes nothing from its arguments"),
        (
            lambda x: eerie.cond(x[0] > 0, lambda v: v @ v, lambda v: (v + 1) @ v, x),
            spec((4,)),
            CompileError,
            "a branch or a loop on values",
        ),
        (lambda x: x @ x, spec((3, 4)), ShapeError, "matmul"),
        (lambda x: x * 2, spec("f64[4]"), TargetError, "cortex-m4f cannot compute with float64"),
    ],
)
def test_what_no_bundle_can_be(function, specs, error, words, tmp_path):
    with pytest.raises(error, match=words):
        bundle(function, specs, target="cortex-m4f", out=tmp_path / "out", name="f")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"target": "cortex-m5"}, TargetError, "cortex-m4f"),
        ({"target": "cuda"}, TargetError, "no bundles for cuda"),
        ({"target": "aarch64-macos"}, TargetError, "no bundles for aarch64-macos"),
        ({"name": "2fast"}, ArgumentError, "cannot start the names"),
        ({"name": "while"}, ArgumentError, "cannot start the names"),
        ({"name": None}, ArgumentError, "cannot start the names"),
    ],
)
def test_wrong_targets_and_names(changes, error, words, tmp_path):
    with pytest.raises(error, match=words):
        bundle(lambda x: x * 2, spec((4,)), **{"target": "cortex-m4f", "name": "f"} | changes, out=tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_names_that_c_would_not_take_are_changed(tmp_path):
    done = bundle(
        lambda int, data: {"int": int + data["a b"], "double": data["double"] * 2},
        {"int": "f32[4]", "data": {"a b": "f32[4]", "double": "f32[4]"}},
        target="x86-64",
        out=tmp_path / "f",
        name="f",
    )
    record = json.loads(Path(done.path, "bundle.json").read_text())
    names = [part["name"] for part in record["arguments"] + record["results"]]
    assert names == ["data_a_b", "data_double", "int_1", "result_double", "result_int"]


def test_a_bundle_replaces_a_bundle_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    bundle(lambda x: x * 2, spec((4,)), target="wasm32", out=out, name="first")
    bundle(lambda x: x * 3, spec((4,)), target="wasm32", out=out, name="second")
    assert sorted(os.listdir(out)) == ["README.md", "bundle.json", "index.html", "second.mjs", "second.wasm"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ArgumentError, match=r"files that are no bundle's: notes.txt"):
        bundle(lambda x: x * 2, spec((4,)), target="wasm32", out=out, name="first")
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "second.wasm").exists()
    assert os.listdir(tmp_path) == ["out"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    out = tmp_path / "out"
    bundle(lambda x: x * 2, spec((4,)), target="wasm32", out=out, name="first")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    whole = Path.write_bytes

    def fail(path, data):
        if path.name.endswith(".mjs"):
            raise OSError(28, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        bundle(lambda x: x * 3, spec((4,)), target="wasm32", out=out, name="second")
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert os.listdir(tmp_path) == ["out"]


def test_a_missing_linker_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("IREE_LLVM_WASM_LINKER_PATH", str(tmp_path / "gone"))
    service.shutdown()
    try:
        with pytest.raises(CompileError, match=r"iree-lld, is missing\n.*iree-base-compiler"):
            bundle(lambda x: x * 2, spec((4,)), target="wasm32", out=tmp_path / "out", name="f")
    finally:
        service.shutdown()
    assert os.listdir(tmp_path) == []
