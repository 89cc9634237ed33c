"""``eerie bundle``."""

from __future__ import annotations

import json
import os

from eerie_dsl.cli import main

SCRIPT = """
import eerie_dsl as eerie

def predict(x):
    return eerie.tanh(x) * 2
"""


def test_a_function_of_a_script_becomes_a_bundle(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    assert main(["bundle", "script.py:predict", "--spec", "f32[8]", "--target", "wasm32", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["name"] == "predict"
    assert sorted(os.listdir(printed["path"])) == printed["files"]
    assert printed["path"] == "predict-wasm32"
    assert printed["sizes"]["workspace"] == 0


def test_an_error_is_told_in_words_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    assert main(["bundle", "script.py:predict", "--spec", "f32[n]", "--target", "wasm32"]) == 2
    assert "n is known at the call only" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["script.py"]
