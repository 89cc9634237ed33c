"""``eerie profile``: the script runs as itself, and its time is told."""

from __future__ import annotations

import json
import sys

from eerie_dsl.cli import main

SCRIPT = """
import sys
import eerie_dsl as eerie
from beside import SCALE

@eerie.jit
def f(x):
    return x * SCALE

for _ in range(int(sys.argv[2])):
    y = f(eerie.ones((32, 8)))
print("said", sys.argv[1:], __name__, float(y[0, 0]))
sys.exit({status})
"""


def script(folder, status):
    (folder / "beside.py").write_text("SCALE = 3.0\n")
    path = folder / "model.py"
    path.write_text(SCRIPT.replace("{status}", status))
    return path


def test_table_and_trace(tmp_path, capsys):
    path, trace = script(tmp_path, "0"), tmp_path / "trace.json"
    before = list(sys.argv), list(sys.path)
    assert main(["profile", "--trace", str(trace), str(path), "--steps", "5"]) == 0
    assert (sys.argv, sys.path) == before
    text = capsys.readouterr().out
    assert "said ['--steps', '5'] __main__ 3.0" in text
    assert "f: elementwise" in text
    assert "model.py:8         multiply" in text
    kernels = [e for e in json.loads(trace.read_text())["traceEvents"] if e.get("cat") == "kernel"]
    assert [e["args"]["lines"] for e in kernels] == [{"model.py:8": ["multiply"]}]


def test_json_and_the_scripts_status(tmp_path, capsys):
    assert main(["profile", "--json", str(script(tmp_path, "3")), "--steps", "5"]) == 3
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "said" in err
    (kernel,) = [r for r in found["rows"] if r["category"] == "kernel"]
    assert (kernel["program"], kernel["runs"], kernel["bytes_moved"]) == ("f", 5, 5 * 2 * 32 * 8 * 4)
    assert main(["profile", str(script(tmp_path, "'no data'")), "--steps", "5"]) == 1
    assert "no data" in capsys.readouterr().err


def test_a_script_that_is_not_there(capsys):
    assert main(["profile", "nowhere.py"]) == 2
    assert "nowhere.py" in capsys.readouterr().err
