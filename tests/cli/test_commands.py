"""The `eerie` command: what it prints, its JSON, its exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eerie_dsl.cli import main
from eerie_dsl.cli.app import COMMANDS

SCRIPT = """
import eerie_dsl as eerie

weight = eerie.full((4, 3), 0.5)

def dense(x, scale):
    return {"y": x @ weight * scale, "n": x.sum()}

class Model:
    @staticmethod
    def call(x):
        return x.reshape(7)

def count(state, x):
    return state + x.sum(), state
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "model.py").write_text(SCRIPT)
    np.save(folder / "x.npy", np.ones((2, 4), np.float32))
    (folder / "junk.npy").write_bytes(b"junk")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    path = folder / "dense.vmfb"
    words = ["compile", f"{folder / 'model.py'}:dense", "--spec", "f32[n:1..9,4]", "--spec", "f32[]"]
    assert main([*words, "--target", "x86-64", "--target", "host", "--out", str(path), "--weights", "apart"]) == 0
    return path


def told(capsys, *words):
    status = main([str(w) for w in words])
    return status, *capsys.readouterr()


def test_compile_tells_what_it_wrote(folder, model, capsys):
    out = folder / "named.vmfb"
    status, text, _ = told(
        capsys, "compile", f"{folder / 'model.py'}:dense", "--spec", "x=f32[2,4]", "--spec", "scale=f32[]",
        "--out", out, "--target", "x86-64", "--json",
    )  # fmt: skip
    found = json.loads(text)
    assert status == 0
    assert found | {"size": 0} == {
        "path": str(out), "weights": None, "targets": ["x86-64"], "functions": ["dense"], "size": 0,
    }  # fmt: skip
    assert found["size"] == out.stat().st_size
    assert model.with_suffix(".safetensors").is_file()


def test_run_prints_results(folder, model, capsys):
    status, text, _ = told(capsys, "run", model, "--input", folder / "x.npy", "--input", "2")
    assert status == 0
    assert text.splitlines() == [
        "['n']: float32[]", "8.0", "['y']: float32[2, 3]", "[[4. 4. 4.]", " [4. 4. 4.]]",
    ]  # fmt: skip


def test_run_writes_results(folder, model, capsys):
    out = folder / "results"
    status, text, _ = told(capsys, "run", model, "--input", folder / "x.npy", "--input", "2", "--output", out, "--json")
    assert status == 0
    rows = json.loads(text)["results"]
    assert [(r["name"], r["shape"]) for r in rows] == [("['n']", []), ("['y']", [2, 3])]
    np.testing.assert_array_equal(np.load(rows[1]["file"]), np.full((2, 3), 4.0))


def test_inspect_names_functions_programs_and_weights(model, capsys):
    status, text, _ = told(capsys, "inspect", model)
    assert status == 0
    assert "dense(x: f32[n,4], scale: f32[]) -> {'n': f32[], 'y': f32[n,3]}" in text
    assert "x86-64" in text
    assert "weight  f32[4,3]  48 B" in text
    status, text, _ = told(capsys, "inspect", model, "--json")
    found = json.loads(text)
    assert found["functions"]["dense"]["arguments"] == {"x": ["f32[n,4]"], "scale": ["f32[]"]}
    assert [p["target"] for p in found["programs"]] == ["x86-64", "host"]
    assert found["weights"] == {"weight": "f32[4,3]"}


def test_bench_gives_times(model, capsys):
    status, text, _ = told(capsys, "bench", model, "--dim", "n=3", "--seconds", "0", "--json")
    found = json.loads(text)
    assert status == 0
    assert found["calls"] == 5
    assert 0 < found["min_s"] <= found["median_s"] <= found["p95_s"]
    status, text, _ = told(capsys, "bench", model, "--dim", "n=3", "--seconds", "0")
    assert "of 5 calls" in text


def test_targets_and_devices(capsys):
    status, text, _ = told(capsys, "targets")
    assert status == 0
    assert text.splitlines()[0].split()[:3] == ["target", "runs", "here"]
    status, text, _ = told(capsys, "targets", "--json")
    rows = {r["name"]: r for r in json.loads(text)}
    assert rows["host"]["runs"]
    assert rows["webgpu"]["absence"]
    status, text, _ = told(capsys, "targets", "cuda-sm89")
    assert "--iree-cuda-target=sm_89" in text
    status, text, _ = told(capsys, "devices", "--json")
    assert json.loads(text)[0] == {"name": "cpu", "platform": "cpu", "description": ""}


def test_doctor_tells_what_is_missing_and_the_fix(capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    status, text, _ = told(capsys, "doctor")
    assert status == 0
    assert "apt install gcc-arm-none-eabi" in text
    status, text, _ = told(capsys, "doctor", "--json")
    checks = {c["name"]: c for c in json.loads(text)}
    assert checks["compiler"]["state"] == "ok"
    assert checks["Node"] == {
        "name": "Node", "state": "missing", "found": "for running WebAssembly bundles here",
        "fix": "apt install nodejs",
    }  # fmt: skip


def test_doctor_fails_where_nothing_can_work(capsys, monkeypatch, tmp_path):
    from eerie_dsl.config import config

    file = tmp_path / "file"
    file.write_text("")
    with config(cache_dir=str(file)):
        status, text, _ = told(capsys, "doctor")
    assert status == 1
    assert "EERIE_CACHE_DIR" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "{folder}/absent.vmfb"], "absent.vmfb: No such file or directory"),
        (["run", "{folder}/model.py"], "it is not a file that eerie.export wrote"),
        (["run", "{model}", "--input", "{folder}/x.npy"], "dense takes 2 arrays, and 1 are given"),
        (["run", "{model}", "--input", "{folder}/junk.npy"], "junk.npy is not an array that NumPy wrote"),
        (["run", "{model}", "--input", "hello"], "'hello' is neither a .npy file nor a number"),
        (["run", "{model}", "--function", "sparse"], "has no function sparse; it has dense"),
        (["run", "{model}", "--target", "cuda"], "not for cuda"),
        (["bench", "{model}"], "the size of n is open\n  Fix: say one, such as --dim n=1"),
        (["bench", "{model}", "--dim", "n"], "write it like batch=8"),
        (["compile", "model.py"], "'model.py' does not name a function"),
        (["compile", "{folder}/absent.py:f"], "there is no file"),
        (["compile", "{folder}/model.py:dens"], "has no dens\n  Fix: did you mean dense?"),
        (["compile", "{folder}/model.py:Model.run"], "Model of {folder}/model.py has no run"),
        (["compile", "no_such_module_here:f"], "no_such_module_here cannot be imported"),
        (["compile", "{folder}/model.py:dense", "--spec", "f32[2"], "'f32[2' is not a type"),
        (
            ["compile", "{folder}/model.py:dense", "--spec", "f32[2,4]", "--spec", "scale=f32[]"],
            "some specs have names",
        ),
        (["compile", "{folder}/model.py:dense", "--spec", "f32[2,4]"], "the specs of dense do not fit"),
        (["compile", "{folder}/model.py:Model.call", "--spec", "f32[2,4]"], "model.py:12: return x.reshape(7)"),
        (["targets", "cortex"], "unknown target 'cortex'"),
    ],
)
def test_errors_are_words_and_status_2(folder, model, capsys, words, said):
    status, out, err = told(capsys, *(w.format(folder=folder, model=model) for w in words))
    assert status == 2
    assert out == ""
    assert err.startswith("eerie: ")
    assert said.format(folder=folder) in err


def test_every_command_has_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in ("targets", "devices", "compile", "run", "inspect", "bench", "cache", "doctor"):
        assert name in text
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert len(capsys.readouterr().out) > 80
    assert len(COMMANDS) >= 8


def test_a_misspelt_command_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["inspekt"])
    assert ended.value.code == 2
    assert "inspekt" in capsys.readouterr().err
