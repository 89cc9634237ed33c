"""Tables of measured tiles: on disk, for many processes, and in the keys of programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eerie_dsl.compile import compile_graph, get_target, make_key, schedules, service
from eerie_dsl.compile.candidates import Choices
from eerie_dsl.compile.program import Program
from eerie_dsl.compile.schedules import Measured, Table, choices_for, decode, machine, site, table_of, update
from eerie_dsl.compile.trials import compile_chosen, kernels_of
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, EerieWarning, TuningError

from .graphs import small

TILES = ((8,), (4,), (0,))
HERE = machine(get_target("host"))
ADD = "add(f32[8], f32[8]) -> f32[8]"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[Path]:
    with config(cache_dir=str(tmp_path / "cache")):
        yield tmp_path / "cache"


def table(**kernels: Measured) -> Table:
    return Table(HERE, kernels)


def test_a_table_survives_its_file() -> None:
    full = Table("m", {"a | é": Measured(TILES, 1.5, ("x", "y")), "b": Measured(None, 2.0, ())}, ("p", "q"))
    assert decode(full.encode(), "here") == full
    assert decode(Table("m", {}).encode(), "here") == Table("m", {})
    assert len(full.encode().splitlines()) == 9


def test_of_two_entries_the_better_stays_with_the_sites_of_both() -> None:
    ours = table(k=Measured(TILES, 1.5, ("x",)), only=Measured(None, 1.1, ()))
    better = table(k=Measured(None, 2.0, ("y",)))
    worse = table(k=Measured(None, 1.2, ("y",)), new=Measured(TILES, 1.1, ()))
    assert ours.merged(better).kernels["k"] == Measured(None, 2.0, ("x", "y"))
    assert ours.merged(worse).kernels["k"] == Measured(TILES, 1.5, ("x", "y"))
    assert set(ours.merged(worse).kernels) == {"k", "only", "new"}


GOOD: dict[str, Any] = {
    "format": 1,
    "machine": "m",
    "kernels": {"k": {"tiles": {"distribution": [8], "parallel": [4], "reduction": [0]}, "gain": 1.5, "sites": ["s"]}},
    "programs": [],
}


def changed(**entry: Any) -> bytes:
    kernel = {**GOOD["kernels"]["k"], **entry}
    return json.dumps({**GOOD, "kernels": {"k": kernel}}).encode()


def test_the_good_file_is_good() -> None:
    assert decode(changed(), "here").kernels == {"k": Measured(TILES, 1.5, ("s",))}


LEVELS = {"distribution": [8], "parallel": [4], "reduction": [0]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"format": 1',
        b"[" * 100_000,
        json.dumps({**GOOD, "format": 2}).encode(),
        json.dumps({**GOOD, "machine": 3}).encode(),
        json.dumps({**GOOD, "kernels": []}).encode(),
        json.dumps({**GOOD, "programs": 7}).encode(),
        changed(tiles=[]),
        changed(tiles={**LEVELS, "parallel": [-4]}),
        changed(tiles={**LEVELS, "parallel": [True]}),
        changed(tiles={**LEVELS, "parallel": ["4]>, evil"]}),
        changed(tiles={**LEVELS, "parallel": [4.0]}),
        changed(tiles={**LEVELS, "parallel": [1 << 80]}),
        changed(tiles={**LEVELS, "parallel": [4, 4]}),
        changed(tiles={level: [1] * 1000 for level in LEVELS}),
        changed(gain="fast"),
        changed(gain=0),
        changed(gain=float("nan")),
        changed(gain=float("inf")),
        changed(sites=[1]),
        changed(sites=["s" * 5000]),
        b" " * ((1 << 24) + 1),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(TuningError, match="here"):
        decode(data, "here")


def test_updates_are_merged_and_entries_that_lost_go() -> None:
    before = schedules.generation()
    update(HERE, table(a=Measured(TILES, 1.5, ()), b=Measured(TILES, 1.5, ())))
    update(HERE, table(a=Measured(None, 1.2, ()), c=Measured(None, 1.3, ())), without=["a", "b"])
    assert table_of(HERE).kernels == {"a": Measured(None, 1.2, ()), "c": Measured(None, 1.3, ())}
    assert schedules.generation() > before


def test_a_table_that_nobody_could_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    update(HERE, table(a=Measured(TILES, 1.5, ())))
    monkeypatch.setattr(schedules, "_MOST_BYTES", 300)
    with pytest.raises(TuningError, match="bytes long"):
        update(HERE, table(**{f"k{i}": Measured(TILES, 1.5, ()) for i in range(10)}))
    assert set(table_of(HERE).kernels) == {"a"}


def test_what_another_process_wrote_is_seen() -> None:
    update(HERE, table(a=Measured(TILES, 1.5, ())))
    assert set(table_of(HERE).kernels) == {"a"}
    path = schedules.path_of(HERE)
    other = table(a=Measured(TILES, 1.5, ()), much_later=Measured(TILES, 1.5, ()))
    Path(path).write_bytes(other.encode())
    assert set(table_of(HERE).kernels) == {"a", "much_later"}


def test_processes_that_write_at_once_lose_nothing(directory: Path) -> None:
    code = (
        "import sys\n"
        "from eerie_dsl.compile.schedules import Measured, Table, update\n"
        "for i in range(10):\n"
        "    update('m', Table('m', {f'{sys.argv[1]}-{i}': Measured(None, 1.5, ())}))\n"
    )
    environment = {**os.environ, "EERIE_CACHE_DIR": str(directory), "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [subprocess.Popen([sys.executable, "-c", code, str(w)], env=environment) for w in range(3)]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    assert set(table_of("m").kernels) == {f"{w}-{i}" for w in range(3) for i in range(10)}
    assert not [name for name in os.listdir(directory / "tuning") if name.endswith(".tmp")]


def test_a_damaged_file_is_no_table_and_is_told_once() -> None:
    update(HERE, table(a=Measured(TILES, 1.5, ())))
    Path(schedules.path_of(HERE)).write_bytes(b"{")
    with pytest.warns(EerieWarning, match="untuned"):
        assert table_of(HERE).kernels == {}
    assert choices_for(small(), get_target("host")) == ()


def test_a_directory_that_cannot_be_written_keeps_it_in_this_process(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    with config(cache_dir=str(blocked)):
        with pytest.warns(EerieWarning, match="for this process only"):
            update(HERE, table(a=Measured(TILES, 1.5, ())))
        assert set(table_of(HERE).kernels) == {"a"}


def test_a_graph_is_compiled_with_the_entries_of_its_sites_and_no_others() -> None:
    host = get_target("host")
    update(HERE, table(a=Measured(TILES, 1.5, (ADD,)), b=Measured(TILES, 1.5, ("add(f32[9], f32[9]) -> f32[9]",))))
    assert site(small().outputs[0]) == ADD
    assert choices_for(small(), host) == (("a", TILES),)
    assert choices_for(small(7), host) == ()
    assert choices_for(small(), get_target("x86-64-v3")) == ()
    assert choices_for(small(), get_target("cuda")) == ()


def test_what_comes_with_eerie_is_used_until_this_machine_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    host = get_target("host")
    theirs = table(a=Measured(TILES, 1.5, (ADD,)), b=Measured(TILES, 3.0, (ADD,)))
    monkeypatch.setattr(schedules, "shipped", theirs.encode)
    assert choices_for(small(), host) == (("a", TILES), ("b", TILES))
    update(HERE, table(a=Measured(None, 1.1, (ADD,))))
    assert choices_for(small(), host) == (("a", None), ("b", TILES))
    assert choices_for(small(7), host) == ()
    assert choices_for(small(), get_target("x86-64-v4")) == ()


@pytest.mark.parametrize("file", [file for _, _, file in schedules._SHIPPED])
def test_tables_that_come_with_eerie_are_whole(file: str) -> None:
    data = (Path(schedules.__file__).parent / "measured" / file).read_bytes()
    kernels = decode(data, file).kernels
    assert kernels
    assert all(m.gain > 1.1 and m.sites for m in kernels.values())
    assert len(data) < 1 << 16


def test_they_are_for_cpus_that_have_what_they_were_measured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine_name, having, there in (
        ("x86_64", {"avx512f"}, True),
        ("x86_64", {"avx2"}, False),
        ("aarch64", {"avx512f"}, False),
    ):
        monkeypatch.setattr(schedules, "architecture", lambda name=machine_name: name)
        monkeypatch.setattr(schedules, "features", lambda having=having: frozenset(having))
        assert bool(schedules.shipped.__wrapped__()) is there


def test_tuned_and_untuned_programs_have_different_keys() -> None:
    host = get_target("host")
    keys = [make_key("a" * 40, host, c) for c in ((), (("k", TILES),), (("k", None),), (("l", None),))]
    assert len({k.digest for k in keys}) == 4
    assert keys[0].tuning == ""
    assert keys[0] == make_key("a" * 40, host)
    assert all(k._replace(tuning="") == keys[0] for k in keys)


class Answering:
    """In place of the workers: notes the jobs, and refuses those with choices if told to."""

    def __init__(self, refuse: bool) -> None:
        self.choices: list[Choices] = []
        self.refuse = refuse

    def __call__(self, job: Any) -> Program:
        self.choices.append(job.choices)
        if job.choices and self.refuse:
            raise CompileError("died of SIGSEGV")
        return Program(b"code", {"name": job.name})


@pytest.mark.parametrize("refuse", [False, True])
def test_what_the_compiler_cannot_do_with_tiles_it_does_without(refuse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Answering(refuse)
    monkeypatch.setattr(service._service, "run", workers)
    monkeypatch.setattr(service._service, "prewarm", lambda: None)
    plain = compile_graph(small())[1].key
    update(HERE, table(a=Measured(TILES, 1.5, (ADD,))))
    program, status = compile_graph(small())
    assert program.vmfb == b"code"
    assert workers.choices == [(), (("a", TILES),), *([()] if refuse else [])]
    assert not status.hit
    assert status.reason == "tuning changed"
    assert status.key._replace(tuning="") == plain
    assert compile_graph(small())[1].hit
    if refuse:
        with pytest.raises(CompileError):
            compile_chosen(small(), get_target("host"), (("a", TILES),), name="f")


def test_kernels_and_trials_go_through_a_worker() -> None:
    host = get_target("host")
    (kernel,) = kernels_of(small(64), host, name="f")
    assert (kernel.sizes, kernel.kinds, kernel.tiles, kernel.bits) == ((64,), "p", None, 32)
    tiled = compile_chosen(small(64), host, ((kernel.key, ((64,), (16,), (0,))),), name="f")
    assert tiled.rung == ""
    assert [k.nodes for k in tiled.kernels] == [(0, 1)]
