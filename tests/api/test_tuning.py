"""Tuning: what is searched, what can win, what is kept, and who uses it. No test depends on how fast anything is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api import trials, tuning
from eerie_dsl.api.search import Found, Program, Search
from eerie_dsl.api.trials import Trials
from eerie_dsl.compile import get_target
from eerie_dsl.compile.candidates import Choice, Tunable, seeds
from eerie_dsl.compile.schedules import table_of
from eerie_dsl.compile.trials import compile_chosen
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, CompileError, TracerError, TuningError

X = np.linspace(-1, 1, 48 * 128, dtype=np.float32).reshape(48, 128)
COLUMNS: Choice = ((64, 0), (32, 0), (0, 4))


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[Path]:
    with config(cache_dir=str(tmp_path / "cache"), evaluation="compiled"):
        yield tmp_path / "cache"


class Machine:
    """A clock, and programs that take as long on it as a table says."""

    def __init__(self, seconds: Mapping[Choice, float], otherwise: float) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.otherwise = otherwise
        self.built: list[Mapping[str, Choice]] = []
        self.broken: set[Choice] = set()

    def clock(self) -> float:
        return self.now

    def build(self, choices: Mapping[str, Choice]) -> Any:
        self.built.append(dict(choices))
        self.now += 0.5
        tiles = next(iter(choices.values()))
        return None if tiles in self.broken else self.program(tiles)

    def program(self, tiles: Choice) -> Program:
        def run() -> None:
            self.now += self.seconds.get(tiles, self.otherwise)

        return (run,)


KERNEL = Tunable("k", (4096, 512), "pr", (0,), 32, None, (0,), 1)
FAST = seeds(KERNEL)[3]


def searched(machine: Machine, seconds: float, kernels: tuple[Tunable, ...] = (KERNEL,)) -> Found:
    search = Search(kernels, machine.build, seconds=seconds, clock=machine.clock)
    return search.run({}, machine.program(None))


def test_the_fastest_is_found_and_its_gain_is_told() -> None:
    found = searched(Machine({None: 0.010, FAST: 0.004}, otherwise=0.012), 1000.0)
    assert found.choices == {"k": FAST}
    assert found.gains["k"] == pytest.approx(2.5)
    assert [found.before, found.after] == pytest.approx([0.010, 0.004])


def test_the_search_goes_on_from_the_best() -> None:
    best = ((256, 0), (64, 0), (0, 8))
    assert best not in seeds(KERNEL)
    found = searched(Machine({None: 0.010, seeds(KERNEL)[0]: 0.006, best: 0.003}, otherwise=0.012), 1000.0)
    near = ((256, 0), (64, 0), (0, 4))
    assert found.choices["k"] == seeds(KERNEL)[0]
    found = searched(Machine({None: 0.010, seeds(KERNEL)[0]: 0.006, near: 0.004, best: 0.003}, otherwise=0.012), 1000.0)
    assert found.choices["k"] == best


def test_what_is_hardly_faster_does_not_count() -> None:
    assert searched(Machine({None: 0.010}, otherwise=0.0099), 1000.0).gains == {}


def test_what_does_not_compile_or_is_wrong_never_wins() -> None:
    machine = Machine({None: 0.010, FAST: 0.001, seeds(KERNEL)[1]: 0.008}, otherwise=0.012)
    machine.broken = {FAST}
    assert searched(machine, 1000.0).choices == {"k": seeds(KERNEL)[1]}


def test_luck_in_the_first_comparison_is_not_enough() -> None:
    machine = Machine({}, otherwise=0.012)
    runs = 0

    def lucky() -> None:
        nonlocal runs
        runs += 1
        machine.now += 0.004 if runs < 10 else 0.012

    machine.build = lambda choices: (lucky,)  # type: ignore[method-assign]
    assert searched(machine, 20.0).gains == {}
    assert runs > 20


class Cores(Machine):
    """Programs that are spread over two cores take another time."""

    def __init__(self, alone: Mapping[Choice, float], spread: Mapping[Choice, float]) -> None:
        super().__init__(alone, 0.012)
        self.spread = spread

    def program(self, tiles: Choice) -> Program:
        def run() -> None:
            self.now += self.spread.get(tiles, 0.012)

        return (*super().program(tiles), run)


def test_what_is_faster_on_one_core_must_keep_up_on_several() -> None:
    first, second, third = seeds(KERNEL)[:3]
    alone = {None: 0.010, first: 0.005, second: 0.008, third: 0.010}
    spread = {None: 0.006, first: 0.007, second: 0.006, third: 0.006}
    assert searched(Cores(alone, spread), 1000.0).choices == {"k": second}
    found = searched(Cores(alone, {**spread, third: 0.003}), 1000.0)
    assert found.choices == {"k": third}
    assert found.before == pytest.approx(0.006)


def test_time_is_bounded_and_shared_by_work() -> None:
    small = KERNEL._replace(key="small", sizes=(1024, 512))
    tiny = KERNEL._replace(key="tiny", sizes=(64, 16))
    machine = Machine({None: 0.010}, otherwise=0.012)
    searched(machine, 4.0, (tiny, small, KERNEL))
    keys = [next(iter(c)) for c in machine.built]
    # Each takes half a second to make and some hundredths to look at; what has begun is finished.
    assert 6 <= len(keys) <= 8
    assert machine.now < 4.0 + 2.0
    assert keys.count("k") > keys.count("small") > 0
    assert "tiny" not in keys
    assert searched(Machine({None: 0.010}, otherwise=0.001), 0.0).tried == 0


def test_rules_can_win_back_what_tuning_took() -> None:
    machine = Machine({None: 0.004, FAST: 0.010}, otherwise=0.012)
    search = Search((KERNEL,), machine.build, seconds=1000.0, clock=machine.clock)
    assert search.run({"k": FAST}, machine.program(FAST)).choices == {"k": None}


class Chosen:
    """In place of the search: takes the tiles that a test wants, if their program is right."""

    tiles: Choice = COLUMNS
    runs = 0

    def __init__(self, kernels: Any, build: Any, **options: Any) -> None:
        self.kernels, self.build = kernels, build

    def run(self, start: Mapping[str, Choice], program: Any) -> Found:
        type(self).runs += 1
        choices = {**start, **{k.key: self.tiles for k in self.kernels if k.kinds == "pr"}}
        if self.build(choices) is None:
            return Found(dict(start), {}, 1.0, 1.0, 1)
        return Found(choices, {k: 2.0 for k in choices if k not in start}, 1.0, 0.5, 1)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> type[Chosen]:
    monkeypatch.setattr(Chosen, "runs", 0)
    monkeypatch.setattr(tuning, "Search", Chosen)
    return Chosen


def digests(f: Any) -> list[str]:
    """Which tiles the programs of a function have, as their keys say."""
    return [e.loaded.status.key.tuning for e in f._entries.values()]


def column_sum(x: Any) -> Any:
    return x.sum(axis=0)


def test_a_tuned_function_gives_the_same_and_is_another_program(chosen: type[Chosen], directory: Path) -> None:
    f = eerie.jit(column_sum)
    before = f(X)
    (entry,) = f._entries.values()
    untuned = entry.loaded
    found = eerie.tune(f, seconds=5)(X)
    assert [k.operation for k in found.kernels] == ["reduce_sum(f32[48,128]) -> f32[128]"]
    assert found.gain == 2.0
    assert found.kernels[0].tiles == COLUMNS
    assert str(found).startswith("column_sum: 1000.00 ms -> 500.00 ms, 2.00 times faster (1 schedules tried)")
    tuned = entry.loaded
    assert tuned.status is not None
    assert untuned.status is not None
    assert tuned.status.key.tuning
    assert not untuned.status.key.tuning
    assert tuned.status.key._replace(tuning="") == untuned.status.key
    assert tuned.program is not None
    assert untuned.program is not None
    assert tuned.program.vmfb != untuned.program.vmfb
    np.testing.assert_allclose(f(X).numpy(), before.numpy(), rtol=1e-5, atol=1e-5)
    file = json.loads(Path(eerie.tuning.table_path()).read_text())
    assert Path(eerie.tuning.table_path()).parent == directory / "tuning"
    assert [k["tiles"]["parallel"] for k in file["kernels"].values()] == [[32, 0]]
    assert "parallel = [32, 0]" in "".join(f.trace(X).lower().mlir.split("vector_common_"))
    # Another function with such a kernel profits; one without does not.
    other, third = eerie.jit(lambda x: x.sum(axis=0)), eerie.jit(lambda x: x.sum(axis=1))
    other(X), third(X)
    assert digests(other) == [tuned.status.key.tuning]
    assert digests(third) == [""]


def test_a_wrong_program_never_wins(chosen: type[Chosen], monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = eerie.jit(lambda x: x.sum(axis=0) + (eerie.arange(128) == 77)).trace(X).lower().graph

    def compiled(graph: Any, target: Any, choices: Any, *, name: str) -> Any:
        return compile_chosen(wrong if choices else graph, target, (), name=name)

    monkeypatch.setattr(trials, "compile_chosen", compiled)
    found = eerie.tune(column_sum, seconds=5)(X)
    assert chosen.runs == 1
    assert found.kernels == ()
    assert "none of 1 other schedules was faster" in str(found)
    assert table_of(tuning._here()).kernels == {}


def test_a_program_that_writes_to_its_arguments_never_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = eerie.jit(column_sum).trace(X).lower().graph
    made = Trials(graph, get_target("host"), "f", [eerie.asarray(X).buffer()], False, lambda: 60.0)
    made.first()
    assert made.build({}) is not None
    right = Trials._compiled

    def careless(self: Trials, choices: Any) -> Any:
        (executable,) = right(self, {})

        def run(views: Any) -> Any:
            results = executable(views)
            made._views = [eerie.asarray(X + 1).buffer()]
            return results

        return (run,)

    monkeypatch.setattr(Trials, "_compiled", careless)
    assert made.build({"k": COLUMNS}) is None
    monkeypatch.undo()
    assert made.build({}) is not None


def test_what_the_compiler_refuses_or_steps_back_from_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = eerie.jit(column_sum).trace(X).lower().graph
    made = Trials(graph, get_target("host"), "f", [eerie.asarray(X).buffer()], False, lambda: 60.0)
    made.first()

    def refused(*args: Any, **options: Any) -> Any:
        raise CompileError("died of SIGSEGV")

    def stepped_back(*args: Any, **options: Any) -> Any:
        program = compile_chosen(graph, get_target("host"), (), name="f")
        program.meta["rung"] = "with 256 KiB of stack"
        return program

    for behaviour in (refused, stepped_back):
        monkeypatch.setattr(trials, "compile_chosen", behaviour)
        assert made.build({"k": COLUMNS}) is None


def test_distances() -> None:
    distance = trials._distance
    x = np.linspace(-3, 3, 100, dtype=np.float32)
    assert distance(x, x) == 0.0
    assert 0 < distance(x * np.float32(1 + 1e-6), x) < 1
    assert distance(np.where(x == x[7], x + 0.01, x).astype(np.float32), x) > 1
    assert distance(x, x.astype(np.float64)) == np.inf
    holes = np.where(x > 0, x, np.nan).astype(np.float32)
    assert distance(holes, holes) == 0.0
    assert distance(x, holes) == distance(holes, x) == np.inf
    assert distance(np.full(1, np.inf), np.full(1, -np.inf)) == np.inf
    assert distance(np.zeros(3, np.float32), np.zeros(3, np.float32)) == 0.0
    assert distance(np.full(3, 1e-20, np.float32), np.zeros(3, np.float32)) > 1
    assert distance(np.arange(3), np.arange(3)) == 0.0
    assert distance(np.arange(3), np.array([0, 1, 3])) == np.inf
    assert distance(np.full(1, 1 + 1j), np.full(1, 1 - 1j)) > 1


def test_jit_tunes_each_signature_once_and_other_processes_never(chosen: type[Chosen]) -> None:
    f = eerie.jit(column_sum, tune=True)
    for _ in range(2):
        np.testing.assert_allclose(f(X).numpy(), X.sum(axis=0), atol=1e-4)
    assert chosen.runs == 1
    np.testing.assert_allclose(f(x=X[:32]).numpy(), X[:32].sum(axis=0), atol=1e-4)
    f(x=X[:32])
    assert chosen.runs == 2
    assert len(table_of(tuning._here()).kernels) == 2
    again = eerie.jit(column_sum, tune=True)
    np.testing.assert_allclose(again(X).numpy(), X.sum(axis=0), atol=1e-4)
    assert chosen.runs == 2
    assert all(digests(again))


def test_jit_interprets_untuned(chosen: type[Chosen]) -> None:
    with config(evaluation="reference"):
        assert eerie.jit(lambda x: x + 1, tune=True)(eerie.ones(2)).tolist() == [2.0, 2.0]
    assert chosen.runs == 0


def test_donated_arguments_stay_until_the_call(chosen: type[Chosen]) -> None:
    f = eerie.jit(lambda x: x - x.sum(axis=0), donate_argnums=0, tune=True)
    x = eerie.asarray(X)
    eerie.tune(f)(x)
    np.testing.assert_array_equal(x.numpy(), X)
    np.testing.assert_allclose(f(eerie.asarray(X)).numpy(), X - X.sum(axis=0), atol=1e-4)


@eerie.nn.module
class Scaled:
    scale: Any

    @eerie.jit
    def column_sum(self, x: Any) -> Any:
        return (x * self.scale).sum(axis=0)


def test_methods(chosen: type[Chosen]) -> None:
    assert len(eerie.tune(Scaled(eerie.ones(())).column_sum)(X).kernels) == 1


def test_export_and_merge(chosen: type[Chosen], tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    assert eerie.tuning.export(file) == 0
    eerie.tune(column_sum)(X)
    here = table_of(tuning._here())
    assert eerie.tuning.export(file) == 1
    with config(cache_dir=str(tmp_path / "elsewhere")):
        assert table_of(tuning._here()).kernels == {}
        assert eerie.tuning.merge(file) == 1
        assert table_of(tuning._here()) == here
        f = eerie.jit(column_sum)
        f(X)
        assert all(digests(f))


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="cannot be read"):
        eerie.tuning.merge(tmp_path / "nothing.json")
    with pytest.raises(TuningError, match="cannot be read"):
        eerie.tuning.merge(tmp_path)
    (tmp_path / "damaged.json").write_bytes(os.urandom(64))
    with pytest.raises(TuningError, match="damaged"):
        eerie.tuning.merge(tmp_path / "damaged.json")
    with pytest.raises(TuningError, match="cannot be written"):
        eerie.tuning.export(tmp_path)
    other = {"format": 1, "machine": "../../etc", "kernels": {}, "programs": ["p"]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(TuningError, match="measured on"):
        eerie.tuning.merge(tmp_path / "other.json")
    assert eerie.tuning.merge(tmp_path / "other.json", anyway=True) == 0
    assert table_of(tuning._here()).programs == ()


def test_what_cannot_be_tuned() -> None:
    for seconds in (0, -1, float("nan"), "long", True):
        with pytest.raises(ArgumentError, match="above 0"):
            eerie.tune(column_sum, seconds=seconds)  # type: ignore[arg-type]
    with config(evaluation="reference"), pytest.raises(TuningError, match="NumPy computes"):
        eerie.tune(column_sum)(X)
    with config(target="cuda"), pytest.raises(TuningError, match="do not run"):
        eerie.tune(column_sum)(X)
    with pytest.raises(TracerError, match="being traced"):
        eerie.jit(lambda x: eerie.tune(column_sum)(x))(X)
    n = eerie.Dim("n")
    with pytest.raises(TuningError, match="many sizes"):
        eerie.tune(eerie.jit(column_sum, dims={"x": (n, 128)}))(X)


def test_nothing_to_compute_is_nothing_to_tune() -> None:
    found = eerie.tune(lambda x: x)(X)
    assert (found.kernels, found.tried, found.gain) == ((), 0, 1.0)
