from __future__ import annotations

from pathlib import Path

import pytest

from eerie_dsl.compile import TARGETS, get_target
from eerie_dsl.compile.target import _cpuinfo
from eerie_dsl.errors import TargetError

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: A CPU
cpu MHz\t\t: {mhz}
flags\t\t: {flags}

processor\t: 1
vendor_id\t: GenuineIntel
"""


def test_a_target_is_found_by_name_and_passes_through() -> None:
    target = get_target("x86-64-v3")
    assert "--iree-llvmcpu-target-cpu=x86-64-v3" in target.flags
    assert get_target(target) is target


def test_no_target_lets_the_compiler_narrow_64_bit_types() -> None:
    for target in TARGETS.values():
        assert "--iree-input-demote-f64-to-f32=false" in target.all_flags
        assert "--iree-input-demote-i64-to-i32=false" in target.all_flags


@pytest.mark.parametrize(("name", "near"), [("x86_64", "'x86-64'"), ("hots", "'host'")])
def test_an_unknown_target_is_refused_with_near_names(name: str, near: str) -> None:
    with pytest.raises(TargetError, match=f"unknown target '{name}'") as caught:
        get_target(name)
    assert caught.value.hint is not None
    assert near in caught.value.hint


def test_an_unknown_target_with_no_near_name_lists_all() -> None:
    with pytest.raises(TargetError, match="vmvx") as caught:
        get_target("zzzzzz")
    assert caught.value.hint is None


def test_host_is_pinned_to_this_cpu() -> None:
    host = get_target("host")
    assert host.variant
    assert get_target(TARGETS["host"]) == host


def test_the_cpu_is_told_by_its_instructions_not_by_its_clock(tmp_path: Path) -> None:
    def read(mhz: str, flags: str) -> bytes:
        path = tmp_path / "cpuinfo"
        path.write_text(CPUINFO.format(mhz=mhz, flags=flags))
        return _cpuinfo(str(path))

    one = read("1000", "sse avx2")
    assert one == read("2000", "sse avx2")
    assert one != read("1000", "sse avx2 avx512f")
    assert _cpuinfo(str(tmp_path / "absent")) == b""
