"""A file runs in a process that has no compiler."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from tests.structure.imports import ROOT

from .conftest import expected_dense

PROGRAM = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "iree.compiler" or name.startswith("iree.compiler."):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
import numpy as np
import eerie_dsl as eerie
from eerie_dsl.export import load

dense = load(sys.argv[1])
print(dense(np.ones((2, 4), np.float32), 2.0).numpy().tolist())
session = load(sys.argv[2]).session()
print(session.step(np.float32([1, 2])).numpy().tolist())
print(sorted(m for m in ("iree.compiler", "optree", "zipfile", "subprocess", "eerie_dsl.lowering",
                         "eerie_dsl.export.exporting") if m in sys.modules))
"""


def test_only_the_runtime_is_needed(files):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(files["apart"]), str(files["stateful"])],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    dense, step, loaded = done.stdout.splitlines()
    assert dense == str(expected_dense(np.ones((2, 4), np.float32), 2.0).tolist())
    assert step == "[1.0, 2.0]"
    assert loaded == "[]"
