from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from iree.compiler.api import Output, Session, Source

from eerie_dsl.compile import get_target
from eerie_dsl.compile.diagnostics import Diagnostic, diagnostic
from eerie_dsl.compile.driver import PHASES, RUNGS, Compiled, Driver
from eerie_dsl.lowering.kernels import Dispatched

FLAGS = get_target("x86-64").all_flags

# The same product three times, a row sum of it, and a constant; locations as lowering writes them.
CHAIN = b"""
module {
  func.func @main(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>, %n: tensor<?xf16>) -> (tensor<8xf32>, tensor<?xf16>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8x8xf32>
    %c = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
    %0 = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%i : tensor<8x8xf32>)
      -> tensor<8x8xf32> loc("n0"("f.py":1:0))
    %1 = linalg.matmul ins(%0, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%i : tensor<8x8xf32>)
      -> tensor<8x8xf32> loc("n1"("f.py":2:0))
    %2 = linalg.matmul ins(%1, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%i : tensor<8x8xf32>)
      -> tensor<8x8xf32> loc("n2"("f.py":3:0))
    %r = tensor.empty() : tensor<8xf32>
    %j = linalg.fill ins(%zero : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>
    %3 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>],
        iterator_types = ["parallel", "reduction"]} ins(%2 : tensor<8x8xf32>) outs(%j : tensor<8xf32>) {
      ^bb0(%p: f32, %q: f32):
        %s = arith.addf %p, %q : f32 loc(fused["n3"("f.py":4:0), "n4"("f.py":5:0)])
        linalg.yield %s : f32
    } -> tensor<8xf32> loc("n4"("f.py":5:0))
    %4 = arith.addf %3, %c : tensor<8xf32> loc("n5"("f.py":6:0))
    %5 = math.exp %n : tensor<?xf16> loc("n6"("f.py":7:0))
    return %4, %5 : tensor<8xf32>, tensor<?xf16>
  }
}
\0"""


@pytest.fixture(scope="module")
def driver() -> Driver:
    return Driver()


@pytest.fixture(scope="module")
def chain(driver: Driver) -> Compiled:
    return driver.compile(CHAIN, FLAGS)


def test_only_what_trusts_its_callers_does_not_look_at_arguments(driver: Driver, chain: Compiled) -> None:
    trusting = driver.compile(CHAIN, FLAGS, trusting=True)
    assert trusting.vmfb is not None
    assert chain.vmfb is not None
    assert (b"hal.buffer_view.assert" in chain.vmfb, b"hal.buffer_view.assert" in trusting.vmfb) == (True, False)
    assert trusting.kernels == chain.kernels


def test_kernels_tell_where_they_run_and_what_was_fused_into_them(chain: Compiled) -> None:
    product, rowsum, dynamic = (Dispatched(*k) for k in chain.kernels)
    assert product.sites == ((0,), (1,), (2,))
    assert (product.bytes_read, product.bytes_written) == (2 * 256, 256)
    assert rowsum.sites == ((3, 4, 5),)
    # A constant of the program is read like an operand.
    assert (rowsum.bytes_read, rowsum.bytes_written) in {(256, 32), (256 + 32, 32)}
    assert rowsum.workgroups is not None
    assert dynamic.sites == ((6,),)
    assert (dynamic.bytes_read, dynamic.bytes_written, dynamic.workgroups) == (None, None, None)


def test_stopping_at_phases_does_not_change_the_program(chain: Compiled) -> None:
    session = Session()
    session.set_flags(*FLAGS)
    invocation = session.invocation()
    assert invocation.parse_source(Source.wrap_buffer(session, CHAIN))
    assert invocation.execute()
    output = Output.open_membuffer()
    invocation.output_vm_bytecode(output)
    whole = bytes(output.map_memory())
    output.close()
    invocation.close()
    assert chain.vmfb == whole


def test_every_phase_is_announced(driver: Driver) -> None:
    heard: list[str] = []
    driver.compile(CHAIN, FLAGS, heard.append)
    assert heard == list(PHASES.values())


def test_a_refusal_leaves_the_driver_usable(driver: Driver) -> None:
    refused = driver.compile(b"module { func.func @main() { nonsense } }\0", FLAGS)
    assert (refused.vmfb, refused.phase) == (None, "reading the module")
    assert [d.severity for d in refused.diagnostics] == ["error"]
    assert driver.compile(CHAIN, FLAGS).vmfb is not None


@pytest.mark.parametrize(("target", "after_each_pass"), [("x86-64", False), ("vmvx", True), ("vulkan", True)])
def test_programs_for_cpus_are_verified_where_phases_end_only(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, target: str, after_each_pass: bool
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(
        driver._library, "ireeCompilerInvocationSetVerifyIR", lambda invocation, verify: asked.append(verify)
    )
    assert driver.compile(b"module {}\0", get_target(target).all_flags).vmfb is not None
    assert asked == [after_each_pass]


def test_a_module_that_cannot_be_is_refused_before_any_pass(driver: Driver) -> None:
    wrong = b"module { func.func @main(%x: tensor<4xf32>) -> tensor<8xf32> { return %x : tensor<4xf32> } }\0"
    refused = driver.compile(wrong, FLAGS)
    assert (refused.vmfb, refused.phase) == (None, "reading the module")


Attempt = Callable[..., Compiled]


def ladder(driver: Driver, monkeypatch: pytest.MonkeyPatch, accepts: str) -> tuple[Compiled, list[tuple[str, ...]]]:
    """Compile with a compiler that wants too much stack until it is given a certain flag."""
    tried: list[tuple[str, ...]] = []

    def attempt(module: bytes, flags: tuple[str, ...], rung: str, *_: Any) -> Compiled:
        tried.append(flags)
        if accepts and accepts in flags:
            return Compiled(b"code", (), (), "", rung, 0.0)
        said = Diagnostic("error", f"exceeded stack allocation limit of 32768 bytes, attempt {len(tried)}", None, 0)
        return Compiled(None, (), (said,), "vectorising kernels", rung, 0.0)

    monkeypatch.setattr(driver, "_compile", attempt)
    return driver.compile(b"", ("--iree-opt-data-tiling=true", "--iree-llvmcpu-stack-allocation-limit=1")), tried


@pytest.mark.parametrize("rung", RUNGS[1:])
def test_kernels_that_want_too_much_stack_step_down_the_ladder(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, rung: Any
) -> None:
    result, tried = ladder(driver, monkeypatch, rung.flags[0])
    assert result.rung == rung.name
    # The compiler heeds the first of two equal options: a step has to replace what it changes.
    names = [flag.partition("=")[0] for flag in tried[-1]]
    assert len(names) == len(set(names))


def test_a_ladder_that_ends_in_refusal_tells_the_first_reason(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    result, tried = ladder(driver, monkeypatch, "")
    assert result.vmfb is None
    assert len(tried) == len(RUNGS)
    assert "attempt 1" in result.diagnostics[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a b/f.py:4:2: too odd\n\nsource.mlir:1:10: called from", ("too odd", "/a b/f.py", 4)),
        ("f.py:4:2: failed: %1 = x\n\nf.py:4:2: see current operation: %1 = x", ("failed: %1 = x", "f.py", 4)),
        ("source.mlir:0:0: cut short", ("cut short", None, 0)),
        ("no place at all", ("no place at all", None, 0)),
    ],
)
def test_diagnostics_lose_the_dump_and_keep_the_place(text: str, expected: Sequence[object]) -> None:
    assert diagnostic(2, text) == ("error", *expected)
