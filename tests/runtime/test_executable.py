"""Programs load and run on both queues of the CPU, from threads and after a fork; bad ones are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from eerie_dsl.errors import ExecutionError
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import Executable, aligned_empty, cpu, devices, from_numpy, to_numpy, trim
from tests.runtime.conftest import MLIR_TYPES

BOTH = pytest.mark.parametrize("pooled", [False, True], ids=["inline", "pool"])


def run(executable, *arrays, shape=None, dtype=float32):
    views = [from_numpy(a, dtype) for a in arrays]
    return [to_numpy(r, Aval(shape or arrays[0].shape, dtype)) for r in executable(views)]


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@BOTH
@pytest.mark.parametrize(
    ("function", "shape"), [("main", (16, 16)), ("scalar", ()), ("empty", (0, 4)), ("large", (512, 512))]
)
def test_results(program, function, shape, pooled):
    a, b = random(*shape) if shape else np.float32(1.5).reshape(()), np.full(shape, 2, np.float32)
    (result,) = run(Executable(program, function=function, pooled=pooled), a, b)
    np.testing.assert_array_equal(result, a + b)


@BOTH
def test_several_results(program, pooled):
    a, b = random(4), np.full(4, 2, np.float32)
    results = run(Executable(program, function="several", pooled=pooled), a, b)
    np.testing.assert_array_equal(results, [a + b, a - b, a * b])


@BOTH
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype_passes_through_a_program(program, dtype, pooled):
    name = "same_" + MLIR_TYPES[dtype].replace("<", "_").replace(">", "")
    values = (np.arange(6) % 2 if dtype is dtypes.bool_ else np.arange(6) * 21).astype(dtype.numpy).reshape(2, 3)
    (result,) = run(Executable(program, function=name, pooled=pooled), values, shape=(3, 2), dtype=dtype)
    assert result.dtype == dtype.numpy
    assert result.tobytes() == values.T.tobytes()


def test_a_buffer_of_one_queue_is_taken_by_the_other(program):
    inline = Executable(program, function="large")
    pooled = Executable(program, function="large", pooled=True)
    view = from_numpy(np.ones((512, 512), np.float32), float32)
    for executable in (inline, pooled, inline, pooled):
        (view,) = executable([view, view])
    assert (to_numpy(view, Aval((512, 512), float32)) == 16).all()


def test_a_result_that_aliases_its_argument_keeps_the_memory(program):
    values = aligned_empty((8, 16), float32)
    values[...] = 3
    (result,) = Executable(program, function="flatten")([from_numpy(values, float32, copy=False)])
    del values
    churn = [aligned_empty((8, 16), float32) for _ in range(100)]
    for other in churn:
        other[...] = -1
    assert (to_numpy(result, Aval((128,), float32)) == 3).all()


def test_results_outlive_the_executable(program):
    a = random(16, 16)
    executable = Executable(program)
    (result,) = run(executable, a, a)
    del executable
    trim()
    np.testing.assert_array_equal(result, a + a)


@BOTH
def test_threads(program, pooled):
    executable = Executable(program, function="large", pooled=pooled)
    one = np.ones((512, 512), np.float32)

    def work(i):
        mine = np.full((512, 512), i, np.float32)
        return all((run(executable, mine, one)[0] == i + 1).all() for _ in range(20))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(8)))


@BOTH
def test_a_call_that_does_not_fit_is_refused_and_the_next_one_works(program, pooled):
    executable = Executable(program, pooled=pooled)
    good, short = from_numpy(random(16, 16), float32), from_numpy(random(4), float32)
    other = from_numpy(np.zeros((16, 16), np.int32), dtypes.int32)
    for views, words in [
        ([good], "expected 2 arguments but passed 1"),
        ([good] * 3, "expected 2 arguments but passed 3"),
        ([good, short], "input1 shape"),
        ([other, good], "input0 element type"),
        ([good, None], "program failed"),
        ([good, 3], "program failed"),
    ]:
        with pytest.raises(ExecutionError, match=words):
            executable(views)
        assert len(executable([good, good])) == 1


def test_a_function_that_is_not_there(program):
    with pytest.raises(ExecutionError, match=r"no function 'absent'\n.*main"):
        Executable(program, function="absent")


@BOTH
def test_a_program_for_another_processor(foreign_program, pooled):
    with pytest.raises(ExecutionError, match="another processor architecture"):
        Executable(foreign_program, pooled=pooled)


@pytest.mark.parametrize("junk", [b"", b"x", b"\0" * 64, b"junk" * 1000, b"\xff" * 4096])
def test_junk_is_refused(junk):
    with pytest.raises(ExecutionError, match="not a program"):
        Executable(junk)


def in_a_process(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_truncated_programs_never_crash(program, tmp_path):
    (tmp_path / "program").write_bytes(program)
    code = """
import sys
from eerie_dsl.errors import ExecutionError
from eerie_dsl.runtime import Executable
blob = open(sys.argv[1], "rb").read()
refused = 0
for size in range(0, len(blob) - 4096, len(blob) // 200):
    try:
        Executable(blob[:size])
    except ExecutionError:
        refused += 1
print(refused)
"""
    done = in_a_process(code, tmp_path / "program")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@BOTH
def test_results_may_outlive_everything_at_exit(program, tmp_path, pooled):
    (tmp_path / "program").write_bytes(program)
    code = """
import sys
import numpy as np
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import Executable, from_numpy, to_numpy
executable = Executable(open(sys.argv[1], "rb").read(), pooled=sys.argv[2] == "True")
view = from_numpy(np.ones((16, 16), np.float32), float32)
def kept(results=executable([view, view]), executable=executable):
    pass
"""
    done = in_a_process(code, tmp_path / "program", pooled)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_programs_run_in_a_forked_child(program, tmp_path):
    (tmp_path / "program").write_bytes(program)
    code = """
import os, signal, sys, warnings
import numpy as np
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import Executable, from_numpy
blob = open(sys.argv[1], "rb").read()
view = from_numpy(np.ones((16, 16), np.float32), float32)
both = [Executable(blob, pooled=pooled) for pooled in (False, True)]
for executable in both:
    executable([view, view])
with warnings.catch_warnings():
    # Python 3.12 and later warn of a fork while there are threads; the child is to work all the same.
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
if child == 0:
    signal.alarm(60)
    for executable in both:
        executable([view, view])
    sys.exit(7)
_, status = os.waitpid(child, 0)
for executable in both:
    executable([view, view])
sys.exit(os.waitstatus_to_exitcode(status))
"""
    done = in_a_process(code, tmp_path / "program")
    assert (done.returncode, done.stderr) == (7, "")


def test_devices():
    found = devices()
    assert found[0] is cpu
    assert str(cpu) == "cpu"
    assert len({d.name for d in found}) == len(found)


def test_the_runtime_does_not_load_the_compiler():
    code = "import sys, eerie_dsl.runtime; print(any(m.startswith('iree.compiler') for m in sys.modules))"
    assert in_a_process(code).stdout.strip() == "False"
