"""Linear equations and what goes with them, as parts of programs: values, derivatives, batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config

la = eerie.linalg
RNG = np.random.default_rng(12)


def matrix(*shape: int, kind: str = "f8") -> Any:
    found = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if kind[0] == "c" else 0)
    return found.astype(kind)


def positive(a: Any) -> Any:
    return a @ np.conj(np.swapaxes(a, -1, -2)) + np.eye(a.shape[-1], dtype=a.dtype)


def equations(kind: str) -> dict[str, tuple[Any, Any, tuple[Any, ...]]]:
    """Of a dtype: a function of Eerie, NumPy's, and the operands."""
    a, many = matrix(5, 5, kind=kind), matrix(2, 3, 4, 4, kind=kind)
    wide, one, swapped = matrix(40, 40, kind=kind), matrix(1, 1, kind=kind), np.eye(3, dtype=kind)[[1, 2, 0]]
    found = {
        "inv": (la.inv, np.linalg.inv, (a,)),
        "inv of many": (la.inv, np.linalg.inv, (many,)),
        "inv of one": (la.inv, np.linalg.inv, (one,)),
        "inv of a permutation": (la.inv, np.linalg.inv, (swapped,)),
        "det": (la.det, np.linalg.det, (many,)),
        "det of a permutation": (la.det, np.linalg.det, (swapped,)),
        "solve": (la.solve, np.linalg.solve, (wide, matrix(40, 2, kind=kind))),
        "solve for a vector": (la.solve, np.linalg.solve, (a, matrix(5, kind=kind))),
        "solve, broadcast": (la.solve, np.linalg.solve, (many, matrix(3, 4, 2, kind=kind))),
        "cholesky": (la.cholesky, np.linalg.cholesky, (positive(many),)),
        "upper cholesky": (
            lambda x: la.cholesky(x, upper=True), lambda x: np.linalg.cholesky(x, upper=True), (positive(a),),
        ),
    }  # fmt: skip
    if kind[0] == "f":
        found["slogdet"] = (la.slogdet, np.linalg.slogdet, (many,))
        found["slogdet of a large one"] = (la.slogdet, np.linalg.slogdet, (wide * 100,))
    return found


@pytest.mark.parametrize(
    ("kind", "near"),
    [
        pytest.param("f4", 2e-3, marks=pytest.mark.slow),
        ("f8", 1e-10),
        pytest.param("c8", 2e-3, marks=pytest.mark.slow),
        pytest.param("c16", 1e-10, marks=pytest.mark.slow),
    ],
)
def test_compiled_values_are_those_of_numpy(kind: str, near: float) -> None:
    cases = equations(kind)
    with config(evaluation="compiled"):
        found = eerie.jit(lambda operands: {k: cases[k][0](*v) for k, v in operands.items()})(
            {k: v[2] for k, v in cases.items()}
        )
    for name, (_, function, operands) in cases.items():
        want = function(*operands)
        several = name.startswith("slogdet")
        for got, one in zip(found[name] if several else [found[name]], want if several else [want], strict=True):
            assert got.numpy().dtype == one.dtype
            np.testing.assert_allclose(got.numpy(), one, rtol=near, atol=near * np.max(np.abs(one)), err_msg=name)


SQUARE, SYMMETRIC, RIGHT = matrix(4, 4), positive(matrix(4, 4)), matrix(4, 2)
COMPLEX = matrix(3, 3, kind="c16")
SMOOTH: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "inv": (la.inv, (SQUARE,)),
    "det": (la.det, (SQUARE,)),
    "logdet": (lambda x: la.slogdet(x).logabsdet, (SQUARE,)),
    "solve": (la.solve, (SQUARE, RIGHT)),
    "solve for a vector": (la.solve, (SQUARE, RIGHT[:, 0])),
    "cholesky": (lambda x: la.cholesky((x + x.mT) / 2), (SYMMETRIC,)),
    "upper cholesky": (lambda x: la.cholesky((x + x.mT) / 2, upper=True), (SYMMETRIC,)),
    "complex inv": (la.inv, (COMPLEX,)),
    "complex det": (la.det, (COMPLEX,)),
    "complex solve": (la.solve, (COMPLEX, matrix(3, 2, kind="c16"))),
    "complex cholesky": (lambda x: la.cholesky((x + eerie.conj(x.mT)) / 2), (positive(COMPLEX),)),
}


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_agree_with_differences(name: str) -> None:
    function, points = SMOOTH[name]
    directions = [matrix(*p.shape, kind=p.dtype.str[1:]) for p in points]
    weights = matrix(*function(*map(eerie.asarray, points)).shape, kind=points[0].dtype.str[1:])

    def loss(*by: Any) -> Any:
        return eerie.sum(eerie.real(function(*by) * weights))

    gradient = eerie.grad(loss, tuple(range(len(points))))

    def slope(f: Callable[..., Any]) -> Any:
        step = 1e-6
        high, low = (f(*(p + s * step * d for p, d in zip(points, directions, strict=True))) for s in (1, -1))
        return [(np.asarray(h) - np.asarray(x)) / (2 * step) for h, x in zip(high, low, strict=True)]

    near: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-6}
    (change,) = slope(lambda *by: (function(*map(eerie.asarray, by)),))
    _, tangent = eerie.jvp(function, points, directions)
    np.testing.assert_allclose(tangent.numpy(), change, **near)
    pulled = gradient(*map(eerie.asarray, points))
    got = sum(np.sum((g.numpy() * d).real) for g, d in zip(pulled, directions, strict=True))
    np.testing.assert_allclose(got, np.sum((change * weights).real), **near)
    _, second = eerie.jvp(gradient, points, directions)
    for got, want in zip(second, slope(lambda *by: gradient(*map(eerie.asarray, by))), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", SMOOTH)
def test_vmap_is_a_loop(name: str) -> None:
    function, points = SMOOTH[name]
    many = [np.stack([p, p * 2, p + np.eye(*p.shape) if p.ndim == 2 else p], -1) for p in points]
    rows = [function(*(eerie.asarray(m[..., k]) for m in many)).numpy() for k in range(3)]
    np.testing.assert_allclose(eerie.vmap(function, in_axes=-1)(*many).numpy(), np.stack(rows), rtol=1e-12, atol=1e-12)
    shared = eerie.vmap(function, in_axes=(-1, *[None] * (len(many) - 1)))(many[0], *points[1:])
    np.testing.assert_allclose(shared.numpy()[0], rows[0], rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_compiled_gradients_are_those_of_the_references() -> None:
    def gradients(operands: dict[str, Any]) -> dict[str, Any]:
        return {
            k: eerie.grad(lambda *by, k=k: eerie.sum(eerie.real(SMOOTH[k][0](*by) ** 2)), tuple(range(len(v))))(*v)
            for k, v in operands.items()
        }

    operands = {k: tuple(map(eerie.asarray, v)) for k, (_, v) in SMOOTH.items()}
    with config(evaluation="compiled"):
        got = eerie.jit(gradients)(operands)
    with config(evaluation="reference"):
        want = gradients(operands)
    for name in SMOOTH:
        for a, b in zip(got[name], want[name], strict=True):
            np.testing.assert_allclose(
                a.numpy(), b.numpy(), rtol=1e-8, atol=1e-8 * np.abs(b.numpy()).max(), err_msg=name
            )


@pytest.mark.usefixtures("interpreted")
def test_the_gradient_of_cholesky_is_hermitian() -> None:
    found = eerie.grad(lambda x: eerie.sum(la.cholesky(x) * SQUARE))(SYMMETRIC).numpy()
    np.testing.assert_allclose(found, found.T)


@pytest.mark.parametrize("evaluation", ["reference", pytest.param("compiled", marks=pytest.mark.slow)])
def test_singular_matrices_in_a_program(evaluation: str) -> None:
    stack = np.stack([np.zeros((2, 2)), np.eye(2)])
    with config(evaluation=evaluation):
        inverse, determinant, (sign, size), factor = eerie.jit(
            lambda x: (la.inv(x), la.det(x), la.slogdet(x), la.cholesky(x - 0.5 * np.eye(2)))
        )(stack)
    assert not np.isfinite(inverse.numpy()[0]).any()
    np.testing.assert_array_equal(inverse.numpy()[1], np.eye(2))
    assert determinant.tolist() == [0, 1]
    assert (sign.tolist(), size.tolist()) == ([0, 1], [-np.inf, 0])
    assert np.isnan(factor.numpy()[0]).any()
    np.testing.assert_allclose(factor.numpy()[1], np.eye(2) * 0.5**0.5)


@pytest.mark.usefixtures("interpreted")
def test_low_precision_is_computed_in_single() -> None:
    a = eerie.asarray(SYMMETRIC, dtype=eerie.bfloat16)
    found = eerie.jit(lambda x: la.solve(x, x))(a)
    assert found.dtype is eerie.bfloat16
    np.testing.assert_allclose(found.astype(eerie.float32).numpy(), np.eye(4), atol=1e-2)
