"""Bundles for other machines, run in QEMU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eerie_dsl.export import spec
from eerie_dsl.export.standalone import bundle
from examples.deploy import machines
from tests.support import bundles

QUICK = ("aarch64", "cortex-m4f", "riscv32")
slow = pytest.mark.slow


@pytest.mark.parametrize("target", [pytest.param(t, marks=[] if t in QUICK else slow) for t in machines.MACHINES])
def test_a_network_gives_what_numpy_does(target, tmp_path):
    function, x, want = bundles.network()
    done = bundle(function, spec("f32[64]"), target=target, out=tmp_path / "mlp", name="mlp")
    (got,) = bundles.results(tmp_path, done, [x], [want])
    np.testing.assert_allclose(got, want, atol=1e-5, rtol=0)


@slow
@pytest.mark.parametrize("target", machines.MACHINES)
def test_results_of_many_kinds(target, tmp_path):
    done = bundle(bundles.medley, bundles.MEDLEY, target=target, out=tmp_path / "medley")
    arrays, want = bundles.medley_case()
    for got, expected in zip(bundles.results(tmp_path, done, arrays, want), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_all_of_a_network_on_a_cortex_m4f(tmp_path):
    function, x, want = bundles.network()
    done = bundle(function, spec("f32[64]"), target="cortex-m4f", out=tmp_path / "mlp", name="mlp")
    bundles.results(tmp_path, done, [x], [want])
    sizes = machines.run(["arm-none-eabi-size", str(tmp_path / "mlp.o")]).splitlines()[1].split()
    assert int(sizes[1]) == int(sizes[2]) == 0  # no RAM but what is lent
    assert int(sizes[0]) + done.sizes.beyond <= 1536
    assert Path(done.path, "mlp_kernels.o").stat().st_size > 0


@slow
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f", "cortex-m7"])
def test_the_bound_of_the_stack_holds(target, tmp_path):
    done = bundle(bundles.medley, bundles.MEDLEY, target=target, out=tmp_path / "medley")
    arrays, want = bundles.medley_case()
    painted = """
    volatile uint8_t *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (uint32_t i = 1; i < 65536u; ++i) { top[-(int32_t)i] = 0xA5; }
    """
    measured = """
    uint32_t used = 65535u;
    while (used > 0u && top[-(int32_t)used] == 0xA5) { --used; }
    put_bytes(&used, sizeof used);
    """
    found = bundles.machine(target)
    calls = painted + bundles.call(done, arrays, want) + measured
    lines = machines.run([*found.emulator, str(bundles.build(tmp_path, [done], calls, found))]).splitlines()
    used = int.from_bytes(bytes.fromhex(lines[-1]), "little")
    assert done.sizes.stack is not None
    assert done.sizes.stack / 3 < used <= done.sizes.stack


def test_what_is_missing_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert machines.MACHINES["x86-64"].missing == "cc is missing; Debian's gcc has it"
    assert machines.MACHINES["riscv32"].missing == (
        "riscv64-unknown-elf-gcc is missing; Debian's gcc-riscv64-unknown-elf has it, "
        "qemu-riscv32 is missing; Debian's qemu-user has it"
    )
    with pytest.raises(pytest.skip.Exception, match="Debian's qemu-system-arm has it"):
        bundles.machine("cortex-m4f")
