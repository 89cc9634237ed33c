"""Public functions: derivatives to second order against central differences, vmap against a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from tests.transforms.functions import FUNCTIONS, INTEGER_RESULTS, Function

pytestmark = pytest.mark.usefixtures("interpreted")

STEP = 1e-5
NEAR: dict[str, Any] = {"rtol": 2e-5, "atol": 2e-6}


def _real(array: Any) -> Any:
    return np.stack([array.real, array.imag]) if np.iscomplexobj(array) else array


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.name)
def test_derivatives_agree_with_differences(f: Function) -> None:
    rng = np.random.default_rng(4)
    moving = [k for k, a in enumerate(f.operands) if a.dtype.kind in "fc"]
    points = [f.operands[k] for k in moving]
    direction = [rng.normal(size=p.shape).astype(p.dtype) for p in points]
    direction = [d + 1j * rng.normal(size=d.shape) if d.dtype.kind == "c" else d for d in direction]

    def call(*by: Any) -> Any:
        arguments = [eerie.asarray(a) for a in f.operands]
        for k, x in zip(moving, by, strict=True):
            arguments[k] = eerie.asarray(x)
        return f.call(*arguments)

    weights = rng.normal(size=call(*points).shape)

    def loss(*by: Any) -> Any:
        value = call(*by) * weights
        return eerie.sum(eerie.real(value) + 2 * eerie.imag(value)) if value.dtype.kind == "complex" else value.sum()

    gradient = eerie.grad(loss, tuple(range(len(moving))))

    def slope(function: Any) -> Any:
        high, low = (function(*(p + s * STEP * d for p, d in zip(points, direction, strict=True))) for s in (1, -1))
        return [(h.numpy() - x.numpy()) / (2 * STEP) for h, x in zip(high, low, strict=True)]

    (change,) = slope(lambda *by: (call(*by),))
    _, tangent = eerie.jvp(call, tuple(points), tuple(direction))
    np.testing.assert_allclose(tangent.numpy(), change, **NEAR, err_msg="forward")
    pulled = [g.numpy() for g in gradient(*points)]
    assert [g.shape for g in pulled] == [p.shape for p in points]
    weighted = change * weights
    want = np.sum(weighted.real + 2 * weighted.imag)
    got = sum(np.sum((g * d).real) for g, d in zip(pulled, direction, strict=True))
    np.testing.assert_allclose(got, want, **NEAR, err_msg="reverse")
    changes = slope(gradient)
    _, second = eerie.jvp(gradient, tuple(points), tuple(direction))
    for got, want in zip(second, changes, strict=True):
        np.testing.assert_allclose(got.numpy(), want, **NEAR, err_msg="forward over reverse")

    def along(*by: Any) -> Any:
        return sum(eerie.sum(eerie.real(g * d)) for g, d in zip(gradient(*by), direction, strict=True))

    for got, want in zip(eerie.grad(along, tuple(range(len(moving))))(*points), changes, strict=True):
        np.testing.assert_allclose(got.numpy(), want, **NEAR, err_msg="reverse over reverse")


@pytest.mark.parametrize("f", [*FUNCTIONS, *INTEGER_RESULTS], ids=lambda f: f.name)
def test_vmap_is_a_loop(f: Function) -> None:
    rng = np.random.default_rng(6)
    size = 3
    many = [np.stack([rng.permutation(a.reshape(-1)).reshape(a.shape) for _ in range(size)], -1) for a in f.operands]
    rows = [f.call(*(eerie.asarray(a[..., k]) for a in many)).numpy() for k in range(size)]
    got = eerie.vmap(f.call, in_axes=-1, out_axes=1 if rows[0].ndim else 0)(*map(eerie.asarray, many))
    np.testing.assert_allclose(got.numpy(), np.stack(rows, 1 if rows[0].ndim else 0), rtol=1e-12, atol=1e-12)
    shared = eerie.vmap(f.call, in_axes=(-1, *[None] * (len(many) - 1)))(
        *map(eerie.asarray, (many[0], *f.operands[1:]))
    )
    rows = [f.call(*map(eerie.asarray, (many[0][..., k], *f.operands[1:]))).numpy() for k in range(size)]
    np.testing.assert_allclose(shared.numpy(), np.stack(rows), rtol=1e-12, atol=1e-12)


def test_softplus_is_smooth_where_its_pieces_meet():
    zero = eerie.asarray(0.0, dtype=eerie.float64)
    assert float(eerie.grad(eerie.softplus)(zero)) == pytest.approx(0.5)
    assert float(eerie.grad(eerie.grad(eerie.softplus))(zero)) == pytest.approx(0.25)


BATCH = 20
BATCHES = [FUNCTIONS[k :: (len(FUNCTIONS) + BATCH - 1) // BATCH] for k in range((len(FUNCTIONS) + BATCH - 1) // BATCH)]


@pytest.mark.parametrize(
    "functions",
    [pytest.param(b, marks=[] if k < 2 else pytest.mark.slow, id=f"batch {k}") for k, b in enumerate(BATCHES)],
)
def test_compiled_gradients_are_those_of_the_references(functions: list[Function]) -> None:
    """Many functions in one program: compiling it once takes most of the time."""

    def gradients(operands: list[list[Any]]) -> list[Any]:
        found = []
        for f, arrays in zip(functions, operands, strict=True):
            moving = [k for k, a in enumerate(f.operands) if a.dtype.kind in "fc"]

            def loss(*by: Any, f: Function = f, arrays: list[Any] = arrays, moving: list[int] = moving) -> Any:
                arguments = list(arrays)
                for k, x in zip(moving, by, strict=True):
                    arguments[k] = x
                value = f.call(*arguments)
                value = value * eerie.asarray(np.random.default_rng(4).normal(size=value.shape))
                return eerie.sum(eerie.real(value) + 2 * eerie.imag(value) if value.dtype.kind == "complex" else value)

            found.append(eerie.grad(loss, tuple(range(len(moving))))(*(arrays[k] for k in moving)))
        return found

    operands = [[eerie.asarray(a) for a in f.operands] for f in functions]
    want = gradients(operands)
    with config(evaluation="compiled"):
        got = eerie.jit(gradients)(operands)
    for f, compiled, interpreted in zip(functions, got, want, strict=True):
        for a, b in zip(compiled, interpreted, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9, err_msg=f.name)
