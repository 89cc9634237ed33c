from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, TracerError

W = np.ones(3, np.float32)


@eerie.jit(static_argnames="times")
def step(state, x, *, bias=0.0, times=1):
    return {"w": state["w"] + times * x * W, "n": x}, bias


def test_a_compiled_program_is_called_like_the_function() -> None:
    state, x = {"w": eerie.zeros(3)}, np.float32(2)
    compiled = step.trace(state, x, bias=1.5, times=3).lower().compile()
    (out, bias) = compiled(state, eerie.asarray(x), bias=2.5)
    np.testing.assert_array_equal(np.asarray(out["w"]), [6, 6, 6])
    assert (float(out["n"]), float(bias)) == (2, 2.5)


def test_plain_arguments_and_one_result() -> None:
    compiled = eerie.jit(lambda x, y: x - y).trace(np.float32(1), 1.0).compile()
    assert float(compiled(eerie.asarray(5.0), 2.0)) == 3


def test_a_captured_array_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    w = np.ones(2, np.float32)
    compiled = eerie.jit(lambda x: x * w).trace(eerie.ones(2)).compile()
    w[:] = 7
    np.testing.assert_array_equal(np.asarray(compiled(eerie.ones(2))), [7, 7])


def test_a_result_is_not_the_callers_memory() -> None:
    x = np.ones(64, np.float32)
    result = eerie.jit(lambda a: a).trace(x).compile()(x)
    x[:] = 2
    assert float(result[0]) == 1


def test_what_does_not_fit_is_refused() -> None:
    compiled = eerie.jit(lambda a, b: a + b).trace(eerie.ones(2), eerie.ones(2)).compile()
    with pytest.raises(ArgumentError, match=r"leaf 1 of <lambda> is f32\[3\]; it was compiled for f32\[2\]"):
        compiled(eerie.ones(2), eerie.ones(3))
    with pytest.raises(ArgumentError, match="put together"):
        compiled(eerie.ones(2))
    with pytest.raises(ArgumentError, match="put together"):
        compiled(a=eerie.ones(2), b=eerie.ones(2))
    with pytest.raises(ArgumentError, match="argument leaf 1 of <lambda> is a str"):
        compiled(eerie.ones(2), "x")
    with pytest.raises(TracerError):
        eerie.jit(lambda x: compiled(x, x))(eerie.ones(2))
