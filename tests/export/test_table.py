"""The table of targets, and why a program does not run here."""

from __future__ import annotations

import pytest

from eerie_dsl.compile import TARGETS, get_target
from eerie_dsl.errors import CompileError
from eerie_dsl.export import table, targets


def test_every_target_is_in_the_table_with_a_reason_where_it_does_not_run():
    rows = {row.name: row for row in targets()}
    assert list(rows) == list(TARGETS)
    assert rows["host"].runs
    assert rows["vmvx"].runs
    for row in rows.values():
        assert row.runs == (row.obstacle == "")
        assert row.needs or row.name == "host"
    assert "eerie.bundle" in rows["cortex-m4f"].obstacle
    assert rows["amd-aie"].obstacle == "the installed compiler has no backend amd-aie"


def test_it_prints_as_a_table():
    lines = repr(targets()).splitlines()
    assert len(lines) == len(TARGETS) + 1
    assert [w in lines[0] for w in ("target", "runs here", "needs", "what it is")] == [True] * 4
    assert max(map(len, lines)) <= 120
    webgpu = next(line for line in lines if line.startswith("webgpu"))
    assert "not yet" in webgpu


def test_without_a_compiler_it_says_so_and_what_runs_still_runs(monkeypatch):
    calls = []

    def backends():
        calls.append(1)
        raise CompileError("the compiler cannot be loaded: no module")

    monkeypatch.setattr(table, "backends", backends)
    rows = {row.name: row for row in targets()}
    assert rows["host"].runs
    assert rows["host"].absence == "the compiler cannot be loaded: no module"
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"machine": "sparc"}, "it is for sparc, and this machine is"),
        ({"system": "plan9"}, "it is for plan9, and this system is"),
        ({"features": ("warp",)}, "this CPU lacks warp"),
        ({"variant": "sparc-1"}, "the very CPU"),
        ({"driver": "abacus"}, "no driver for abacus"),
        ({"driver": ""}, "it has no runtime"),
        ({}, ""),
    ],
)
def test_what_stands_in_the_way_is_said(fields, words):
    found = table.obstacle(get_target("vmvx")._asdict() | fields)
    assert words in found
    assert bool(words) == bool(found)
