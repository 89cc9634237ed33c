"""Small programs called as lists of kernels give what they give in the runtime, and hand out memory once."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval
from eerie_dsl.runtime import Direct, Executable, Unsuitable, from_numpy, to_numpy, view_of
from eerie_dsl.runtime.buffer import address_of
from eerie_dsl.runtime.kernel_library import Library

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform == "win32", reason="written for x86-64 under Linux and macOS"
)

ROWS = np.linspace(-3, 3, 24, dtype=np.float32).reshape(4, 6)
PROGRAMS = {
    "one kernel": (lambda x, y: x * y + 1, (ROWS, ROWS)),
    "an argument twice": (lambda x: x * x, (ROWS,)),
    "several kernels": (lambda x: (x - x.mean()) / eerie.sqrt(x.var() + 1e-5), (ROWS,)),
    "several results": (lambda x, y: (x + y, x.sum(axis=0), (x > y)), (ROWS, ROWS[::-1].copy())),
    "several workgroups": (lambda x: eerie.nn.softmax(x), (np.tile(ROWS, (100, 20)),)),
    "a product": (lambda x, y: x @ y.T, (ROWS, ROWS)),
    "numbers of no dimension": (lambda x, y: x + y, (np.float32(2).reshape(()), np.float32(3).reshape(()))),
    "a loop in a kernel": (lambda x: eerie.fori_loop(0, 50, lambda i, c: c * 0.5 + 1, x), (ROWS,)),
}
ONE_WORKGROUP = {"one kernel", "an argument twice", "a product", "numbers of no dimension"}


def loaded(f: Any, *args: Any) -> Any:
    g = eerie.jit(f)
    g(*args)
    (entry,) = g._entries.values()
    return entry.loaded


def direct(f: Any, *args: Any) -> Direct:
    found = loaded(f, *args)
    run = found._adaptive._ways[0] if found._adaptive else found._run.__self__
    assert isinstance(run, Direct)
    return run


def buffers(*args: Any) -> list[Any]:
    return [from_numpy(a, dtypes.dtype(a.dtype)) for a in args]


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_those_of_the_runtime(name: str) -> None:
    f, args = PROGRAMS[name]
    program = loaded(f, *args)
    workgroups = sum(x * y * z for _, (x, y, z), _, _ in program.program.straight[2])
    assert (workgroups > 1) == (name not in ONE_WORKGROUP)
    run = direct(f, *args)
    types = [Aval(n.aval.shape, n.aval.dtype) for n in program.graph.outputs]
    expected = [to_numpy(r, t) for r, t in zip(Executable(program.program.vmfb)(buffers(*args)), types, strict=True)]
    for _ in range(4):
        for found, e, t in zip(run(buffers(*args)), expected, types, strict=True):
            np.testing.assert_array_equal(to_numpy(found, t), e)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype(dtype: Any) -> None:
    values = (np.arange(12) % 3).astype(dtype.numpy).reshape(3, 4)
    f = (lambda x: ~x) if dtype is dtypes.bool_ else (lambda x: x + x)
    run = direct(f, eerie.asarray(values))
    (found,) = run([from_numpy(values, dtype)])
    np.testing.assert_array_equal(to_numpy(found, Aval((3, 4), dtype)), f(values))


def test_subnormal_numbers_are_zero_inside_and_nowhere_else() -> None:
    tiny = np.full((4, 4), 1e-40, np.float32)
    (found,) = direct(lambda x: x * 1e30, tiny)(buffers(tiny))
    assert not to_numpy(found, Aval((4, 4), dtypes.float32)).any()
    assert (tiny * np.float32(1e30)).all()


def test_memory_of_a_result_is_not_used_again_while_somebody_has_it() -> None:
    f = eerie.jit(lambda x, y: x + y)
    ones = eerie.ones((8, 8))
    results = [f(ones, float(i) * ones) for i in range(10)]
    for i, result in enumerate(results):
        assert (result.numpy() == 1 + i).all()
    shown = [f(ones, float(i) * ones).numpy() for i in range(10)]  # the arrays are gone, NumPy's views are not
    gc.collect()
    for i, array in enumerate(shown):
        assert (array == 1 + i).all()
    shared = [np.from_dlpack(f(ones, float(i) * ones)) for i in range(10)]
    for i, array in enumerate(shared):
        assert (array == 1 + i).all()


def test_a_result_is_an_argument_of_the_next_call() -> None:
    f = eerie.jit(lambda x: x * 2)
    x = eerie.ones((4,))
    for _ in range(20):
        x = f(x)
    assert (x.numpy() == 2.0**20).all()


def test_donation_writes_to_no_memory_that_is_kept_for_results() -> None:
    f = eerie.jit(lambda x: x + 1)
    into = eerie.jit(lambda x: x * 3, donate_argnums=0)
    start = eerie.ones((128, 64))
    first = into(f(start))
    later = [f(start * float(i)) for i in range(4)]
    assert (first.numpy() == 6).all()
    assert [float(x[0, 0]) for x in later] == [1, 2, 3, 4]


def test_donated_memory_is_that_of_the_result() -> None:
    f = eerie.jit(lambda x, y: (x * 3, (x + y).sum()), donate_argnums=0)
    x, y = eerie.ones((128, 64)), eerie.ones((128, 64))
    place = address_of(x.buffer())
    tripled, total = f(x, y)
    (entry,) = f._entries.values()
    assert isinstance(entry.loaded._run.__self__, Direct)
    assert address_of(tripled.buffer()) == place
    assert (tripled.numpy() == 3).all()
    assert float(total) == 2 * 128 * 64


def test_memory_of_the_runtime_is_taken_by_the_runtime() -> None:
    run = direct(lambda x: x + 1, ROWS)
    (found,) = run([view_of(b) for b in buffers(ROWS)])
    np.testing.assert_array_equal(to_numpy(found, Aval(ROWS.shape, dtypes.float32)), ROWS + 1)


def test_calls_of_several_threads() -> None:
    f = eerie.jit(lambda x: (x * x).sum(axis=1) - x[:, 0])
    args = [eerie.asarray(np.full((16, 16), i, np.float32)) for i in range(8)]
    f(args[0])

    def work(i: int) -> bool:
        return all((f(args[i]).numpy() == 16 * i * i - i).all() for _ in range(300))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_forked_process_calls_on() -> None:
    script = (
        "import os, eerie_dsl as eerie\n"
        "f = eerie.jit(lambda x: x + 1)\n"
        "x = eerie.ones((4,))\n"
        "f(x)\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if (f(f(x)).numpy() == 3).all() else 1)\n"
        "raise SystemExit(os.waitpid(child, 0)[1])\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=120).returncode == 0


def test_what_is_no_library_is_refused() -> None:
    program = loaded(lambda x: x + 1, ROWS).program
    start, count, *_ = program.straight
    elf = program.vmfb[start : start + count]
    assert "elementwise" in next(iter(Library(elf).kernels))
    for damaged in (b"", elf[:40], elf[:64] + bytes(count - 64), elf.replace(b"library_query", b"library_quest")):
        with pytest.raises(Unsuitable):
            Library(damaged)


class TestNotStraight:
    """Programs of which a list of kernels is not all."""

    @staticmethod
    def straight(f: Any, *args: Any) -> Any:
        return loaded(f, *args).program.straight

    def test_a_loop_on_the_host(self) -> None:
        def halved(x: Any) -> Any:
            return eerie.while_loop(lambda c: c.sum() > 1, lambda c: eerie.sort(c, axis=0) / 2, x)

        assert self.straight(halved, np.ones((300, 200), np.float32)) is None

    def test_sizes_that_a_call_decides(self) -> None:
        f = eerie.jit(lambda x: x * 2, dims={"x": {0: eerie.Dim("n")}})
        f(ROWS)
        (program,) = {e.loaded.program for e in f._entries.values() if e.ready}
        assert program is not None
        assert program.straight is None

    def test_constants(self) -> None:
        table = np.random.default_rng(0).random((64, 64)).astype(np.float32)
        x = eerie.asarray(table)
        found = eerie.jit(lambda y: y + x)  # captured: an argument like others
        assert (found(ROWS[:1, :1]).numpy() == table + ROWS[0, 0]).all()
