"""Profiles: every kernel is there, joined to its line, and nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api import profile as profile_module
from eerie_dsl.api import roofs as roofs_module
from eerie_dsl.api.roofs import Roofs, roofs
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, ExecutionError, TracerError
from eerie_dsl.runtime import profile as runtime_profile


@pytest.fixture(scope="module", autouse=True)
def few_repeats():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_module, "_SECONDS", 0.01)
        yield


X = np.linspace(-1, 1, 96 * 64, dtype=np.float32).reshape(96, 64)
W = np.linspace(1, -1, 64 * 32, dtype=np.float32).reshape(64, 32)


@eerie.jit
def layer(x, w):
    hidden = eerie.tanh(x @ w)
    return hidden / hidden.sum(axis=0), x.min()


@eerie.jit
def doubled(x):
    return x * 2 + 1


def line_of(function, text):
    """The line of a function that has a text, as reports name it."""
    code = function.__wrapped__.__code__
    with open(code.co_filename, encoding="utf-8") as file:
        lines = file.read().splitlines()
    number = next(i for i in range(code.co_firstlineno, len(lines)) if text in lines[i]) + 1
    return f"{os.path.basename(code.co_filename)}:{number}"


@pytest.fixture(scope="module")
def profiled():
    return layer.profile(X, W)


def test_kernels_are_those_of_explain(profiled):
    report = {k.name: k for k in layer.explain(X, W).kernels}
    rows = {r.name: r for r in profiled.kernels}
    assert rows.keys() == report.keys()
    assert len(rows) >= 2
    for name, row in rows.items():
        kernel = report[name]
        assert (row.runs, row.lines, row.kind) == (kernel.runs, kernel.lines, kernel.kind)
        assert kernel.bytes_read is not None
        assert kernel.bytes_written is not None
        assert row.bytes_moved == (kernel.bytes_read + kernel.bytes_written) * kernel.runs
        assert row.flops == kernel.flops * kernel.runs
        assert row.seconds > 0
        assert row.threads > 0


def test_product_counts_where_it_is_computed(profiled):
    (product,) = [r for r in profiled.kernels if "mat" in r.kind]
    assert product.flops == 2 * 96 * 64 * 32
    assert "dot" in product.lines[line_of(layer, "tanh")]
    assert any("tanh" in ops for r in profiled.kernels for ops in r.lines.values())


def test_shares_add_up_and_roofs_are_reached(profiled):
    assert sum(r.share for r in profiled.rows) == pytest.approx(1.0)
    assert [r.seconds for r in profiled.rows] == sorted((r.seconds for r in profiled.rows), reverse=True)
    assert [r.category for r in profiled.rows].count("host") == 1
    for row in profiled.kernels:
        of_memory = row.bytes_moved / row.seconds / profiled.roofs.bytes_per_second
        of_arithmetic = row.flops / row.seconds / profiled.roofs.flops_per_second
        assert row.roof == pytest.approx(max(of_memory, of_arithmetic))
        assert row.bytes_per_second == pytest.approx(row.bytes_moved / row.seconds)


def test_table_names_kernels_and_lines(profiled):
    text = str(profiled)
    assert text.startswith("layer: ")
    assert "this machine: " in text
    assert line_of(layer, "tanh") in text
    assert line_of(layer, "x.min()") in text
    assert "rest of calls, on the calling thread" in text
    assert len({len(line) for line in text.splitlines() if "reduction" in line}) == 1


def nested(events):
    """Whether events of one lane lie within one another or apart."""
    stack: list[float] = []
    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        end = event["ts"] + event["dur"]
        while stack and event["ts"] >= stack[-1] - 1e-3:
            stack.pop()
        if stack and end > stack[-1] + 1e-3:
            return False
        stack.append(end)
    return True


def test_trace_has_calls_and_kernels_that_nest(profiled, tmp_path):
    path = tmp_path / "trace.json"
    profiled.save(path)
    events = json.loads(path.read_text())["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    assert names == {1: "calls", 2: "kernels of layer: one call"}
    drawn = [e for e in events if e["ph"] == "X"]
    lanes = {(e["pid"], e["tid"]) for e in drawn}
    assert all(nested([e for e in drawn if (e["pid"], e["tid"]) == lane]) for lane in lanes)
    calls = [e for e in drawn if e["pid"] == 1]
    assert len(calls) == profiled.calls
    assert all(e["name"] == "layer" and e["dur"] > 0 for e in calls)
    (call,) = [e for e in drawn if e["pid"] == 2 and e["cat"] == "call"]
    kernels = [e for e in drawn if e["cat"] == "kernel"]
    assert sorted(e["args"]["kernel"] for e in kernels) == sorted(r.name for r in profiled.kernels)
    assert all(e["ts"] >= 0 and e["ts"] + e["dur"] <= call["dur"] + 1e-3 for e in kernels)
    assert any(line_of(layer, "tanh") in e["args"]["lines"] for e in kernels)


def test_overlapping_events_do_not_nest():
    assert nested([{"ts": 0, "dur": 9}, {"ts": 1, "dur": 2}, {"ts": 3, "dur": 6}])
    assert not nested([{"ts": 0, "dur": 5}, {"ts": 1, "dur": 9}])


def test_donated_arguments_stay_the_callers():
    @eerie.jit(donate_argnums=0)
    def step(state, change):
        return {"a": state["a"] + change, "n": state["n"] + 1}

    state = {"a": eerie.asarray(X), "n": eerie.asarray(3)}
    found = step.profile(state, change=0.5)
    assert found.kernels
    np.testing.assert_array_equal(state["a"].numpy(), X)
    assert int(state["n"]) == 3
    after = step(state, change=0.5)
    np.testing.assert_array_equal(after["a"].numpy(), X + np.float32(0.5))
    assert int(after["n"]) == 4

    with eerie.profile() as found:
        for _ in range(3):
            after = step(after, change=0.5)
    np.testing.assert_allclose(after["a"].numpy(), X + 2, rtol=1e-6)
    assert {r.runs for r in found.kernels} == {3}


def test_block_has_jitted_calls_and_scripts():
    x = eerie.asarray(X)
    doubled(x)
    with config(evaluation="compiled"), eerie.profile() as found:
        assert not found.rows
        for _ in range(4):
            doubled(x)
        for _ in range(2):
            (eerie.sin(x) - 1).numpy()
    rows = {(r.program, r.category): r for r in found.rows}
    assert rows["doubled", "kernel"].runs == rows["doubled", "host"].runs == 4
    assert rows["script", "kernel"].runs == 2
    assert list(rows["script", "kernel"].lines.values()) == [["sin", "subtract"]]
    assert found.calls == 6
    assert found.seconds >= sum(s.seconds for s in found.spans)
    assert [s.program for s in found.spans] == ["doubled"] * 4 + ["script"] * 2
    assert sum(r.share for r in found.rows) == pytest.approx(1.0)
    assert "doubled: elementwise" in str(found)


def test_what_numpy_computes_is_told_by_its_lines():
    x = eerie.asarray(X)
    with config(evaluation="reference"), eerie.profile() as found:
        (eerie.cos(x) - 1).numpy()
        doubled(x)
    assert [r.category for r in found.rows] == ["numpy", "numpy"]
    ops = {op for r in found.rows for ops in r.lines.values() for op in ops}
    assert ops == {"cos", "subtract", "multiply", "add"}
    assert {place.partition(":")[0] for r in found.rows for place in r.lines} == {"test_profile.py"}
    with config(evaluation="reference"):
        (row,) = doubled.profile(x).rows
    assert (row.category, row.runs) == ("numpy", 1)


def test_programs_of_one_function_are_kept_apart():
    with eerie.profile() as found:
        doubled(eerie.ones((8, 8)))
        doubled(eerie.ones((16, 8)))
    assert sorted(r.program for r in found.kernels) == ["doubled", "doubled #2"]
    assert [name for name, _ in found.timings] == ["doubled", "doubled #2"]


def test_nothing_to_time():
    with eerie.profile() as found:
        pass
    assert str(found) == "profile: nothing was computed"
    assert (found.rows, found.calls) == ((), 0)
    same = eerie.jit(lambda x: x)
    assert str(same.profile(X)) == "<lambda>: nothing is computed; its results are its inputs"


def test_profiles_nest_and_repeat():
    x = eerie.asarray(X)
    doubled(x)
    with eerie.profile() as outer:
        doubled(x)
        with eerie.profile() as inner:
            doubled(x)
        single = doubled.profile(x)
    assert [r.runs for r in inner.kernels] == [1]
    assert [r.runs for r in single.kernels] == [1]
    # One call to load it, and those that are timed.
    assert [r.runs for r in outer.kernels] == [2 + 1 + single.calls]
    assert {r.program for r in outer.rows} == {"doubled"}
    assert [r.runs for r in doubled.profile(x).kernels] == [1]


def test_threads_are_all_seen():
    x = eerie.asarray(X)
    doubled(x)
    ready = threading.Barrier(4)

    def work():
        ready.wait()
        for _ in range(25):
            doubled(x)

    with eerie.profile() as found:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        single = doubled.profile(eerie.asarray(X))  # has its own calls only
        for thread in threads:
            thread.join()
    assert [r.runs for r in found.kernels] == [100 + 1 + single.calls]
    assert len({s.thread for s in found.spans}) == 5
    assert len(single.spans) == single.calls


def test_an_error_ends_the_block_and_the_recording():
    with pytest.raises(KeyError), eerie.profile() as found:  # noqa: PT012
        doubled(X)
        raise KeyError("user")
    assert found.rows == ()
    assert runtime_profile.watchers == []


def test_tracing_is_no_place_to_measure():
    @eerie.jit
    def inside(x):
        return doubled.profile(x)

    @eerie.jit
    def around(x):
        with eerie.profile():
            return x + 1

    with pytest.raises(TracerError, match=r"doubled\.profile measures .* and inside is being traced"):
        inside(X)
    with pytest.raises(TracerError, match=r"eerie\.profile\(\) measures .* and around is being traced"):
        around(X)
    assert runtime_profile.watchers == []


def test_steps_of_loops_are_counted():
    @eerie.jit
    def until(x, n):
        def step(c):
            return c[0] + 1, eerie.tanh(c[1] @ c[1])

        return eerie.while_loop(lambda c: c[0] < n, step, (eerie.asarray(0), x))[1]

    x = eerie.eye(128) * 0.5
    for steps in (3, 500):  # with the latter, more happens than the runtime keeps records of at a time
        (product,) = [r for r in until.profile(x, steps).kernels if any("dot" in ops for ops in r.lines.values())]
        assert product.runs == steps
        assert product.flops >= steps * 2 * 128**3

    @eerie.jit
    def loop(x):
        return eerie.fori_loop(0, 100, lambda i, c: eerie.tanh(c), x)

    (row,) = loop.profile(eerie.ones((16,))).kernels
    body = eerie.jit(eerie.tanh).explain(eerie.ones((16,)))
    assert row.kind.startswith("loop")
    assert (row.runs, row.flops) == (1, 100 * body.flops)
    assert line_of(loop, "fori_loop") in row.lines


def test_arguments_of_every_type_reach_the_profiler():
    names = (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
    )  # fmt: skip
    arrays = {n: [eerie.ones(shape, dtype=getattr(eerie, n)) for shape in ((3, 4), (), (0, 4))] for n in names}

    @eerie.jit
    def twice(arrays):
        return eerie.tree.map(lambda x: ~x if x.dtype == eerie.bool else x + x, arrays)

    found = twice.profile(arrays)
    assert len(found.kernels) == len(twice.explain(arrays).kernels) > 0


def test_methods_dimensions_and_missing_sizes():
    class Model:
        @eerie.jit(static_argnums=0)
        def run(self, x):
            return x * 3

    assert [r.kind for r in Model().run.profile(X).kernels] == ["elementwise"]

    rows = eerie.Dim("rows", min=1, max=512)

    @eerie.jit(dims={"x": (rows, 64)})
    def scaled(x):
        return eerie.exp(x)

    (row,) = scaled.profile(X).kernels
    assert row.bytes_moved is None
    assert row.bytes_per_second is None
    assert "?" in str(scaled.profile(X))


@pytest.mark.skipif(os.name != "posix", reason="the crash is a shell script")
def test_tools_that_are_missing_or_crash_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime_profile, "binding", SimpleNamespace(__file__=str(tmp_path / "binding.so")))
    with pytest.raises(ExecutionError, match="iree-benchmark-module, which the installed runtime does not have"):
        doubled.profile(X)
    tool = tmp_path / "iree-benchmark-module"
    for text, words in (("kill -SEGV $$", "exit status -11"), ("echo 'no such device' >&2; exit 1", "no such device")):
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
        with pytest.raises(ExecutionError, match=words):
            doubled.profile(X)
    np.testing.assert_array_equal(doubled(X).numpy(), X * 2 + 1)


def test_roofs_without_a_compiler(monkeypatch):
    def refuse(*args):
        raise CompileError("the compiler cannot be loaded")

    monkeypatch.setattr(roofs_module, "Loaded", refuse)
    found = roofs.__wrapped__()
    assert isinstance(found, Roofs)
    assert min(found) > 1e6
