"""Derivatives of ordinary Python: control flow on values, values read on the way, functions that are jitted."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.scope import state

pytestmark = pytest.mark.usefixtures("interpreted")

X = np.array([1.0, 3.0, 2.0])


def vector() -> Any:
    return eerie.asarray(X)


def test_branches_and_loops_on_values() -> None:
    def f(x: Any) -> Any:
        y = x
        while y < 100:
            y = y * y if y > 5 else y * 3
        return y

    assert float(eerie.grad(f)(2.0)) == 4 * (3 * 2) ** 3 * 3  # of (3 x)**4
    assert float(eerie.grad(eerie.grad(lambda x: x**3 if x > 0 else x))(2.0)) == 12


def test_what_is_evaluated_on_the_way_keeps_its_derivative(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        y = eerie.sin(x)
        print(y)
        z = y * float(y[0])
        eerie.eval(z)
        assert z.numpy().shape == (3,)
        return eerie.sum(z)

    np.testing.assert_allclose(eerie.grad(f)(vector()).numpy(), np.cos(X) * np.sin(X[0]))
    assert "0.84" in capsys.readouterr().out


def test_a_long_loop_is_evaluated_in_pieces() -> None:
    def f(x: Any) -> Any:
        for _ in range(500):
            x = x * 1.001 + 0
        return eerie.sum(x)

    np.testing.assert_allclose(eerie.grad(f)(vector()).numpy(), 1.001**500)


def test_values_may_be_read_between_vjp_and_its_pullback() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(eerie.exp(x))
        return kept[0] * x

    value, back = eerie.vjp(f, vector())
    assert kept[0].numpy().shape == value.numpy().shape
    np.testing.assert_allclose(back(eerie.ones((3,)))[0].numpy(), np.exp(X) * (1 + X))
    np.testing.assert_allclose(back(2 * eerie.ones((3,)))[0].numpy(), 2 * np.exp(X) * (1 + X))


def test_assignments_change_names_and_not_arrays() -> None:
    def f(x: Any) -> Any:
        x[0] = x[1] * 2
        x += 1
        return eerie.sum(x * x)

    x = vector()
    np.testing.assert_allclose(eerie.grad(f)(x).numpy(), [0, 2 * 7 * 2 + 2 * 4, 2 * 3])
    assert x.tolist() == X.tolist()


def test_jitted_functions_are_part_of_what_is_differentiated() -> None:
    scale = vector()
    f = eerie.jit(lambda x, power=1: eerie.sum(x**power * scale))
    assert float(f(vector())) == 14
    for call in (f, lambda x: f(x), lambda x: f(x, power=1)):
        assert eerie.grad(call)(vector()).tolist() == X.tolist()
    assert eerie.grad(lambda x: f(x, 2))(vector()).tolist() == [2, 18, 8]
    assert eerie.jvp(f, (vector(),), (vector(),))[1].tolist() == 14
    pairs = eerie.jit(lambda p: {"y": p["x"] ** 2})
    assert eerie.grad(lambda x: eerie.sum(pairs({"x": x})["y"]))(vector()).tolist() == [2, 6, 4]

    class Scaled:
        @eerie.jit(static_argnums=0)
        def call(self, x: Any) -> Any:
            return eerie.sum(x * scale)

    assert eerie.grad(Scaled().call)(vector()).tolist() == X.tolist()


def test_a_function_that_is_only_differentiated_has_no_program_of_its_own() -> None:
    f = eerie.jit(lambda x: eerie.sum(x * x))
    eerie.grad(f)(vector())
    assert not any(entry.ready for entry in f._entries.values())
    assert float(f(vector())) == 14
    assert f.traces == 1


def test_what_numpy_does_for_scripts_is_recorded_under_a_derivative() -> None:
    assert eerie.grad(lambda x: eerie.sort(x)[1])(vector()).tolist() == [0, 0, 1]
    assert eerie.grad(lambda x: eerie.topk(x, 1)[0][0])(vector()).tolist() == [0, 1, 0]
    assert eerie.grad(lambda x: x[eerie.argsort(x)][2])(vector()).tolist() == [0, 1, 0]
    assert eerie.grad(lambda x: sum(row * k for k, row in enumerate(x)))(vector()).tolist() == [0, 1, 2]
    assert eerie.grad(lambda x: copy.copy(x)[1] + eerie.asarray(x, copy=True)[2])(vector()).tolist() == [0, 1, 1]
    assert eerie.grad(lambda x: np.sum(np.sin(x) * 0 + x))(vector()).tolist() == [1, 1, 1]
    assert eerie.grad(lambda x: eerie.sum(x[x > 1.5]))(vector()).tolist() == [0, 1, 1]

    def masked_after_a_look(x: Any) -> Any:
        mask = x > 1.5
        assert mask.tolist() == [False, True, True]
        return eerie.sum(x[mask] ** 2)

    assert eerie.grad(masked_after_a_look)(vector()).tolist() == [0, 6, 4]


def test_values_that_do_not_move_may_go_through_numpy() -> None:
    matrix = eerie.asarray(np.diag([2.0, 4.0, 5.0]))
    inverse = eerie.grad(lambda x: eerie.sum(eerie.linalg.inv(matrix) @ x))
    np.testing.assert_allclose(inverse(vector()).numpy(), [0.5, 0.25, 0.2])
    stopped = eerie.grad(lambda x: x[0] * eerie.linalg.det(eerie.stop_gradient(matrix * x)))
    np.testing.assert_allclose(stopped(vector()).numpy(), [240, 0, 0])
    assert eerie.grad(lambda x: x[eerie.nonzero(x > 2)[0]][0])(vector()).tolist() == [0, 1, 0]
    # The inner derivative is over when its result is used.
    inner = eerie.grad(lambda x: eerie.sum(x * x))
    assert eerie.grad(lambda y: y * eerie.linalg.norm(inner(vector())))(1.0).shape == ()
    np.testing.assert_allclose(
        eerie.grad(lambda y: y * eerie.linalg.det(matrix + inner(vector()) * 0))(1.0).numpy(), 40
    )


def test_nothing_is_kept_when_a_derivative_is_done() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(eerie.exp(x))
        kept[0].numpy()
        return eerie.sum(kept[0])

    eerie.grad(f)(vector())
    assert state.tape is None
    assert kept[0].node.op is None
    with pytest.raises(ZeroDivisionError):
        eerie.grad(lambda x: 1 / 0)(vector())
    assert state.tape is None
