"""A fresh process that calls a function compiled earlier, and prints the result."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import EERIE, Contender, Figure, Line, race

_EERIE = """
import numpy as np
import eerie_dsl as eerie

@eerie.jit
def f(x):
    return eerie.tanh(x) * 2 + 1

print(f(np.linspace(0, 1, 8, dtype=np.float32)))
"""

_JAX = """
import numpy as np
import jax

@jax.jit
def f(x):
    return jax.numpy.tanh(x) * 2 + 1

print(f(np.linspace(0, 1, 8, dtype=np.float32)))
"""

_FLOOR = """
import numpy as np
import iree.runtime

print(np.tanh(np.linspace(0, 1, 8, dtype=np.float32)) * 2 + 1)
"""

_CHECKS = """
import os

assert f.explain(np.zeros(8, np.float32)).cached, "it was compiled again"
if os.path.exists("/proc/self/maps"):
    with open("/proc/self/maps") as maps:
        assert "IREECompiler" not in maps.read(), "the compiler library is loaded"
"""

_RUNTIME = "numpy and iree.runtime"


def run(budget: float) -> list[Line]:
    """Against JAX with its persistent cache, and against what no user of IREE from Python can avoid."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "EERIE_CACHE_DIR": str(place / "eerie"),
            "JAX_COMPILATION_CACHE_DIR": str(place / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        # Where Python may not write bytecode, an editable package would be compiled from source by every process.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def script(name: str, text: str) -> Contender:
            path = place / f"start_{name.split()[0].lower()}.py"  # not numpy.py, which would hide NumPy
            path.write_text(text, encoding="utf-8")
            return Contender(name, partial(_output, path, environment), _numbers)

        contenders = [script(EERIE, _EERIE), script("JAX", _JAX), script(_RUNTIME, _FLOOR)]
        for contender in contenders:
            contender.call()  # fills the caches
        script("checked", _EERIE + _CHECKS).call()
        reference = np.tanh(np.linspace(0, 1, 8, dtype=np.float32)) * 2 + 1
        # Processes are slow to start and their times scatter: they get more rounds than calls do.
        result = race(contenders, reference, budget=4 * budget, rtol=1e-4)
    more = result.difference(EERIE, _RUNTIME)
    return [
        *result.ratios("warm start of a process", {"JAX": 1 / 0.3}),
        Figure("warm start, more than a process that imports numpy and iree.runtime", more * 1e3, "ms", 60),
    ]


def _output(path: Path, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _numbers(output: str) -> NDArray[np.float32]:
    return np.array(output.replace("[", " ").replace("]", " ").split(), np.float32)
