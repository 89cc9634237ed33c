"""Transforms of transforms, against formulas and NumPy, in scripts and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config

RNG = np.random.default_rng(8)
X = RNG.normal(size=4)
ROWS = RNG.normal(size=(3, 4))
A = RNG.normal(size=(4, 4))


def cubes(x: Any) -> Any:
    return eerie.sum(x**3)


def quartic(x: Any) -> Any:
    return eerie.sum(x * x) ** 2


def squares_from_outside(x: Any) -> Any:
    return eerie.sum(eerie.asarray(A) @ x * x)


def twice_sine(x: Any) -> Any:
    return eerie.sin(eerie.sin(x))


scaled = eerie.custom_vjp(
    lambda x, s: eerie.sin(x) * s,
    lambda x, s: (eerie.sin(x) * s, (x, s)),
    lambda kept, ct: (7 * ct * eerie.cos(kept[0]) * kept[1], 5 * ct * eerie.sin(kept[0])),
)


def _softplus_rule(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return softplus(x), t * eerie.sigmoid(x)


softplus = eerie.custom_jvp(lambda x: eerie.log1p(eerie.exp(x)), _softplus_rule)

FOURTH = 8 * np.outer(X, X) + 4 * np.sum(X * X) * np.eye(4)
SIGMOID = 1 / (1 + np.exp(-X))
DOUBLE_SINE = np.cos(np.sin(ROWS)) * np.cos(ROWS)
GRAPHS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "grad": (eerie.grad(cubes), (X,), 3 * X**2),
    "grad of grad": (eerie.grad(lambda x: eerie.grad(cubes)(x)[1]), (X,), 6 * X * np.eye(4)[1]),
    "third": (eerie.grad(eerie.grad(eerie.grad(eerie.sin))), (X[0],), -np.cos(X[0])),
    "vmap of grad": (eerie.vmap(eerie.grad(cubes)), (ROWS,), 3 * ROWS**2),
    "vmap of vmap": (eerie.vmap(eerie.vmap(lambda x, y: x * y, in_axes=(0, None)), (0, None)), (ROWS, 2.0), 2 * ROWS),
    "vmap across": (eerie.vmap(eerie.vmap(lambda x, y: x * y, (None, 0)), (0, None)), (X, X), np.outer(X, X)),
    "grad of vmap": (eerie.grad(lambda x: eerie.sum(eerie.vmap(quartic)(x))), (ROWS,),
                     4 * ROWS * np.sum(ROWS**2, 1, keepdims=True)),
    "grad of vmap of grad": (eerie.grad(lambda x: eerie.sum(eerie.vmap(eerie.grad(cubes))(x))), (ROWS,), 6 * ROWS),
    "jvp of grad": (lambda x, t: eerie.jvp(eerie.grad(quartic), (x,), (t,))[1], (X, A[0]), FOURTH @ A[0]),
    "grad of jvp": (lambda x, t: eerie.grad(lambda x: eerie.jvp(quartic, (x,), (t,))[1])(x), (X, A[0]), FOURTH @ A[0]),
    "jvp of jvp": (lambda x: eerie.jvp(lambda x: eerie.jvp(eerie.sin, (x,), (1.0,))[1], (x,), (1.0,))[1], (X[0],),
                   -np.sin(X[0])),
    "jvp of vjp": (lambda x, t: eerie.jvp(lambda x: eerie.vjp(lambda x: x**3, x)[1](t)[0], (x,), (t,))[1], (X, A[0]),
                   6 * X * A[0] ** 2),
    "linearize": (lambda x, t: eerie.linearize(lambda x: A @ eerie.sin(x), x)[1](t), (X, A[0]), A @ (np.cos(X) * A[0])),
    "hessian": (eerie.hessian(quartic), (X,), FOURTH),
    "reverse jacobian": (eerie.jacobian(lambda x: A @ x), (X,), A),
    "forward jacobian": (eerie.jacobian(lambda x: A @ x, mode="forward"), (X,), A),
    "jacobian of jacobian": (eerie.jacobian(eerie.jacobian(cubes)), (X,), np.diag(6 * X)),
    "vmap of hessian": (eerie.vmap(eerie.hessian(cubes)), (ROWS,), 6 * ROWS[:, None] * np.eye(4)),
    "jacobian by two": (lambda x, y: eerie.jacobian(lambda x, y: x * y, (0, 1))(x, y)[1], (X, A[0]), np.diag(X)),
    "captured": (eerie.grad(squares_from_outside), (X,), (A + A.T) @ X),
    "grad by what is captured": (lambda w: eerie.grad(lambda w: eerie.grad(lambda x: w * x**2)(3.0))(w), (X[0],), 6.0),
    "vmap by what is captured": (lambda w: eerie.vmap(lambda x: x * w)(ROWS), (X,), ROWS * X),
    "checkpoint": (eerie.vmap(eerie.grad(lambda x: eerie.sum(eerie.checkpoint(twice_sine)(x)))), (ROWS,), DOUBLE_SINE),
    "checkpoint twice": (eerie.grad(lambda x: eerie.sum(eerie.grad(eerie.checkpoint(cubes))(x))), (X,), 6 * X),
    "checkpoint of checkpoint": (eerie.grad(eerie.checkpoint(eerie.checkpoint(cubes))), (X,), 3 * X**2),
    "custom_vjp": (eerie.grad(lambda x: scaled(x, 2.0)), (X[0],), 14 * np.cos(X[0])),
    "custom_vjp by the second": (eerie.grad(lambda s: scaled(X[0], s)), (2.0,), 5 * np.sin(X[0])),
    "vmap of custom_vjp": (eerie.vmap(eerie.grad(scaled), (0, None)), (X, 2.0), 14 * np.cos(X)),
    "jvp of custom_vjp": (lambda x: eerie.jvp(lambda x: scaled(x, 2.0), (x,), (3.0,))[1], (X[0],), 42 * np.cos(X[0])),
    "grad of grad of custom_vjp": (eerie.grad(eerie.grad(lambda x: scaled(x, 2.0))), (X[0],), -14 * np.sin(X[0])),
    "custom_jvp": (eerie.vmap(eerie.grad(softplus)), (X,), SIGMOID),
    "jvp of custom_jvp": (lambda x: eerie.jvp(softplus, (x,), (np.ones(4),))[1], (X,), SIGMOID),
    "hessian of custom_jvp": (eerie.hessian(lambda x: eerie.sum(softplus(x))), (X,), np.diag(SIGMOID * (1 - SIGMOID))),
    "stop_gradient": (eerie.grad(lambda x: eerie.sum(x * eerie.stop_gradient(x))), (X,), X),
    "stop_gradient of a tree": (eerie.grad(lambda x: eerie.sum(x * eerie.stop_gradient({"a": x})["a"])), (X,), X),
    "fused": (eerie.vmap(eerie.grad(lambda x: eerie.sum(eerie.fuse(twice_sine)(x)))), (ROWS,), DOUBLE_SINE),
    "jit inside": (eerie.vmap(eerie.grad(lambda x: eerie.sum(eerie.jit(twice_sine)(x)))), (ROWS,), DOUBLE_SINE),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.usefixtures("interpreted")
def test_in_a_script(name: str) -> None:
    function, arguments, want = GRAPHS[name]
    np.testing.assert_allclose(_run(function, arguments).numpy(), want, rtol=1e-12, atol=1e-12)


def _run(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*(eerie.asarray(a, dtype=eerie.float64) for a in arguments))


def test_all_of_them_in_one_compiled_function() -> None:
    inputs = {k: [eerie.asarray(a, dtype=eerie.float64) for a in arguments] for k, (_, arguments, _) in GRAPHS.items()}
    with config(evaluation="compiled"):
        results = eerie.jit(lambda inputs: {k: GRAPHS[k][0](*a) for k, a in inputs.items()})(inputs)
    for name, (_, _, want) in GRAPHS.items():
        np.testing.assert_allclose(results[name].numpy(), want, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.usefixtures("interpreted")
class TestTrees:
    def test_grad_of_a_tree_is_a_tree(self) -> None:
        parameters = {"w": eerie.ones((2,)), "b": [eerie.asarray(3.0), (eerie.asarray(2.0),)]}
        found = eerie.grad(lambda p: eerie.sum(p["w"]) * p["b"][0] + p["b"][1][0] ** 2)(parameters)
        assert found["w"].tolist() == [3, 3]
        assert float(found["b"][0]) == 2
        assert float(found["b"][1][0]) == 4

    def test_several_arguments_and_aux(self) -> None:
        function = eerie.value_and_grad(lambda x, y, n: (x * y**n, {"n": n}), (0, 1), has_aux=True)
        (value, aux), (by_x, by_y) = function(2.0, 3.0, 2)
        assert [float(v) for v in (value, by_x, by_y)] == [18, 9, 12]
        assert aux == {"n": 2}
        gradient, aux = eerie.grad(lambda x: (x * x, "aux"), has_aux=True)(3.0)
        assert (float(gradient), aux) == (6, "aux")
        assert float(eerie.grad(lambda x, *, scale: x * scale, argnums=-1)(2.0, scale=4.0)) == 4

    def test_integers_and_bools_are_arguments_like_others(self) -> None:
        gradient = eerie.grad(lambda x, n, flag: eerie.where(flag, x * n, x))
        assert float(gradient(2.0, eerie.asarray(3), eerie.asarray(True))) == 3
        assert float(eerie.jit(gradient)(2.0, 3, False)) == 1

    def test_what_the_result_does_not_depend_on_has_gradient_zero(self) -> None:
        assert eerie.grad(lambda x: 1.0)(eerie.ones((2,))).tolist() == [0, 0]
        assert eerie.grad(lambda x: eerie.sum(eerie.sign(x) + eerie.argmax(x)))(eerie.ones((2,))).tolist() == [0, 0]

    def test_vjp_and_jvp_of_trees(self) -> None:
        value, back = eerie.vjp(lambda p, x: {"y": p["w"] * x, "n": x}, {"w": 2.0}, 3.0)
        assert float(value["y"]) == 6
        of_p, of_x = back({"y": 1.0, "n": 10.0})
        assert (float(of_p["w"]), float(of_x)) == (3, 12)
        value, tangent = eerie.jvp(lambda p: [p["w"] ** 2, eerie.asarray(4)], ({"w": 3.0},), ({"w": 1.0},))
        assert [float(v) for v in (*value, *tangent)] == [9, 4, 6, 0]

    def test_axes_of_trees(self) -> None:
        x = {"a": eerie.ones((2, 3)), "b": (eerie.ones((3, 4)), eerie.asarray(2.0))}
        axes = {"a": 1, "b": (0, None)}
        found = eerie.vmap(lambda p: (p["a"], [p["b"][0] * p["b"][1]]), (axes,), (1, [-1]))(x)
        assert found[0].shape == (2, 3)
        assert found[1][0].shape == (4, 3)
        assert eerie.vmap(lambda x, k: x + k)(eerie.ones((2,)), k=eerie.asarray([1.0, 2.0])).tolist() == [2, 3]
        assert eerie.vmap(lambda x: (x, 5), out_axes=(0, None))(eerie.ones((2,)))[1].tolist() == 5

    def test_gradient_of_complex_arguments(self) -> None:
        z = np.array([1 + 2j, -0.5j])
        found = eerie.grad(lambda z: eerie.sum(eerie.abs(z) ** 2))(eerie.asarray(z))
        np.testing.assert_allclose(found.numpy(), 2 * np.conj(z))
        found = eerie.grad(lambda z: eerie.sum(eerie.real(z**3)))(eerie.asarray(z))
        np.testing.assert_allclose(found.numpy(), 3 * z**2)
