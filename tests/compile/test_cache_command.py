from __future__ import annotations

import json
from pathlib import Path

import pytest

from eerie_dsl.cli import main
from eerie_dsl.compile import Cache
from eerie_dsl.config import config

from .test_cache import key, path_of, program


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(str(tmp_path / "cache"))
    for number in range(2):
        cache.put(key(number), program(name=f"function{number}"))
    return cache


def test_info_tells_of_the_cache_in_use(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    with config(cache_dir=cache.directory):
        assert main(["cache", "info"]) == 0
        text = capsys.readouterr().out
        assert cache.directory in text
        assert "entries    2" in text
        assert main(["cache", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 2


def test_list_names_the_functions(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "list", "--dir", cache.directory]) == 0
    assert {line.split()[-1] for line in capsys.readouterr().out.splitlines()} == {"function0", "function1"}
    assert main(["cache", "list", "--json", "--dir", cache.directory]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {e["header"]["key"]["graph"] for e in listed} == {key(0).graph, key(1).graph}


def test_verify_says_what_it_removed(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    path = path_of(cache, key(0))
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["cache", "verify", "--dir", cache.directory]) == 1
    text = capsys.readouterr().out
    assert "cut short" in text
    assert "1 good, 1 removed" in text
    assert main(["cache", "verify", "--json", "--dir", cache.directory]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": [], "entries": 1}


def test_clear_empties_it(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear", "--dir", cache.directory]) == 0
    assert "2 entries removed" in capsys.readouterr().out
    assert cache.info().entries == 0
