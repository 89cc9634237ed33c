from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import eerie_dsl
from eerie_dsl.compile import Key, get_target, make_key
from eerie_dsl.compile.key import compiler_part, file_name, file_stem, sources_digest

KEY = Key("a" * 40, "host cpu", "flags", "0.1.0+0", "3.13.0")


def test_every_part_counts() -> None:
    for part in Key._fields:
        other = KEY._replace(**{part: "other"})
        assert other.digest != KEY.digest
        assert file_name(other) != file_name(KEY)


def test_parts_do_not_run_into_each_other() -> None:
    assert KEY._replace(target="ab", flags="c").base != KEY._replace(target="a", flags="bc").base


def test_only_the_compiler_may_differ_under_one_stem() -> None:
    newer = KEY._replace(compiler="3.14.0")
    assert newer.base == KEY.base
    assert file_name(newer).startswith(file_stem(KEY))
    assert file_stem(KEY._replace(target="vmvx")) != file_stem(KEY)


def test_targets_and_machines_have_keys_of_their_own() -> None:
    host = get_target("host")
    keys = {make_key("a" * 40, t).digest for t in (host, host._replace(variant="other"), get_target("vmvx"))}
    assert len(keys) == 3


def test_a_change_of_the_lowering_changes_the_key_and_a_copy_does_not(tmp_path: Path) -> None:
    package = Path(eerie_dsl.__file__).parent
    copy = tmp_path / "eerie_dsl"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert sources_digest(str(copy)) == sources_digest(str(package))
    with open(copy / "lowering" / "module.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert sources_digest(str(copy)) != sources_digest(str(package))


def test_the_compiler_is_told_by_version_and_revision_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    compiler_part.cache_clear()
    try:
        assert compiler_part() is None
        package = tmp_path / "iree" / "compiler"
        package.mkdir(parents=True)
        (package / "version.py").write_text('# Made.\nVERSION = "9.1.0"\nREVISIONS = {"IREE": "abcdef"}\n')
        compiler_part.cache_clear()
        assert compiler_part() == "9.1.0+abcdef+0"
    finally:
        compiler_part.cache_clear()
