from __future__ import annotations

from pathlib import Path

import pytest

import eerie_dsl as eerie
from eerie_dsl.compile import TARGETS, absence, backends, compile_functions, get_target
from eerie_dsl.compile.cpu import architecture, cpuinfo, features
from eerie_dsl.compile.functions import Function, require
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


def test_no_target_loads_the_dialects_of_other_libraries() -> None:
    assert all("--iree-input-type=none" in target.all_flags for target in TARGETS.values())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("x86_64", "'x86-64'"),
        ("hots", "'host'"),
        ("sm_89", "'cuda-sm89'"),
        ("gfx1100", "'rocm-gfx1100'"),
        ("cortex-m4", "'cortex-m4f'"),
        ("wasm", "'wasm32'"),
    ],
)
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
    def read(mhz: str, flags: str) -> list[tuple[bytes, bytes]]:
        path = tmp_path / "cpuinfo"
        path.write_text(CPUINFO.format(mhz=mhz, flags=flags))
        return cpuinfo(str(path))

    one = read("1000", "sse avx2")
    assert one == read("2000", "sse avx2")
    assert one != read("1000", "sse avx2 avx512f")
    assert cpuinfo(str(tmp_path / "absent")) == []


def test_targets_are_values_with_names_of_their_own() -> None:
    assert len({t.name for t in TARGETS.values()}) == len(TARGETS) == len(set(TARGETS.values()))
    assert all(name == target.name for name, target in TARGETS.items())
    assert all(t.driver or t.needs.startswith("eerie.bundle") for t in TARGETS.values())
    with pytest.raises(AttributeError):
        TARGETS["host"].name = "other"  # type: ignore[misc]


def test_flags_of_its_own_go_before_those_that_all_share() -> None:
    small = get_target("cortex-m4f")
    limits = [f for f in small.all_flags if "stack-allocation" in f]
    assert limits == ["--iree-llvmcpu-stack-allocation-limit=4KiB"]
    assert "--iree-llvmcpu-target-cpu=cortex-m4" in small.machine_flags
    assert all(f.startswith("--iree-llvmcpu-") for f in small.machine_flags)


@pytest.mark.parametrize(
    ("target", "dtype"), [("vulkan", "int64"), ("metal", "bfloat16"), ("vmvx", "complex64"), ("riscv32", "float64")]
)
def test_a_dtype_that_a_target_lacks_is_refused_at_its_line(target: str, dtype: str) -> None:
    kind = getattr(eerie, dtype)
    graph = eerie.jit(lambda x: eerie.astype(x, kind) + 1).trace(eerie.ones(2)).graph
    with pytest.raises(eerie.EerieError, match=f"{target} cannot compute with {dtype}, and the result of cast") as e:
        get_target(target).check(graph)
    assert e.value.source is not None
    assert e.value.source.file == __file__
    get_target("x86-64").check(graph)


def test_what_a_target_only_computes_with_is_no_argument() -> None:
    def chosen(x: eerie.Array) -> eerie.Array:
        return eerie.where(x > 0, x, -x)

    get_target("vulkan").check(eerie.jit(chosen).trace(eerie.ones(3)).graph)
    graph = eerie.jit(lambda x: x > 0).trace(eerie.ones(3)).graph
    with pytest.raises(TargetError, match=r"vulkan has no bool in memory, and an argument or a result is bool\[3\]"):
        get_target("vulkan").check(graph)


def test_this_cpu_has_an_architecture_and_features() -> None:
    assert architecture() in {"x86_64", "aarch64", "arm", "riscv64"}
    assert all(" " not in f for f in features())


def test_what_the_compiler_does_not_list_is_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"llvm-cpu", "cuda", "vulkan-spirv"} <= set(backends())
    for target in TARGETS.values():
        if target.name not in ("webgpu", "amd-aie"):
            assert absence(target) == ""
    webgpu = get_target("webgpu")
    with pytest.raises(TargetError, match="webgpu is for later: the installed compiler has no backend webgpu-spirv"):
        require(webgpu)
    monkeypatch.setattr("eerie_dsl.compile.functions.backends", lambda: ("webgpu-spirv",))
    assert absence(webgpu) == ""
    require(webgpu)


def _softmax(target: str) -> bytes:
    def layer(x: eerie.Array, weight: eerie.Array) -> eerie.Array:
        return eerie.softmax(x @ weight)

    graph = eerie.jit(layer).trace(eerie.ones((2, 8)), eerie.ones((8, 4))).graph
    return compile_functions([Function("layer", graph)], target, name="layer").vmfb


def test_it_compiles_for_others() -> None:
    """One of each kind; the rest are among the slow tests."""
    for target in ("aarch64", "wasm32-simd", "riscv32"):
        assert _softmax(target)[:4] == b"PK\x03\x04"


REST = [t.name for t in TARGETS.values() if t.driver and t.name not in ("webgpu", "amd-aie")]


@pytest.mark.slow
@pytest.mark.parametrize("target", REST)
def test_it_compiles_for_all(target: str) -> None:
    assert _softmax(target)[:4] == b"PK\x03\x04"
