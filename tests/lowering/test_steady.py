"""Where a driver compiles kernels once more, rounding by large numbers is rounding by an instruction too."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie


@pytest.mark.parametrize("function", [eerie.exp, eerie.trunc, eerie.tanh])
def test_what_is_rounded_by_a_sum_is_rounded_before(function):
    trace = eerie.jit(function).trace(eerie.ones(4))
    lenient, strict = trace.lower("vulkan").mlir, trace.lower("x86-64").mlir
    assert "math.roundeven" not in strict
    assert "math.roundeven" in lenient


@pytest.mark.parametrize("magic", [1.5 * 2.0**23, 2.0**23])
def test_rounding_before_changes_no_sum(magic):
    rng = np.random.default_rng(0)
    low = -(2.0**21) if magic > 2.0**23 else 0.0
    x = np.concatenate([rng.uniform(low, 2.0**21, 10000), np.arange(0, 64) / 2]).astype(np.float32)
    m = np.float32(magic)
    np.testing.assert_array_equal(np.rint(x) + m, x + m)


def test_the_interpreter_computes_what_the_machine_does():
    x = np.concatenate([np.linspace(-3, 3, 25), [-0.0, 0.5, 1.5, -2.5, 1e4, -1e4]]).astype(np.float32)

    def several(x):
        functions = (eerie.exp, eerie.exp2, eerie.expm1, eerie.tanh, eerie.erf, eerie.sinh, eerie.trunc, eerie.round)
        integers = [eerie.clip(x, -5, 5).astype(d) for d in (eerie.int8, eerie.int32, eerie.int64)]
        return [*(f(x) for f in functions), *integers, abs(x).astype(eerie.uint16), eerie.copysign(abs(x), -x)]

    with eerie.config(target="vmvx"):
        found = eerie.jit(several)(x)
    with eerie.config(evaluation="reference"):
        expected = several(eerie.asarray(x))
    np.testing.assert_array_equal(np.signbit(found[-1].numpy()), np.signbit(expected[-1].numpy()))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
