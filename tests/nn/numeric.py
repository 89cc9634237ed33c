"""Layers against formulas in NumPy: values, and gradients against central differences of the formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie

STEP = 1e-6


def check(
    function: Callable[..., Any], formula: Callable[..., Any], *operands: NDArray[Any], rtol: float = 1e-6
) -> None:
    """Assert that a function of arrays is the formula, and that its gradients in all float64 operands are too."""
    want = np.asarray(formula(*operands))
    np.testing.assert_allclose(function(*map(eerie.asarray, operands)).numpy(), want, rtol=rtol, atol=1e-9)
    weights = np.random.default_rng(3).normal(size=want.shape)
    moving = [i for i, a in enumerate(operands) if a.dtype == np.float64]

    def weighted(*arrays: Any) -> Any:
        return eerie.sum(function(*arrays) * weights)

    gradients = eerie.grad(weighted, argnums=tuple(moving))(*map(eerie.asarray, operands))
    for i, gradient in zip(moving, gradients, strict=True):
        np.testing.assert_allclose(
            gradient.numpy(), _differences(lambda *a: np.sum(formula(*a) * weights), operands, i), rtol=1e-5, atol=1e-6
        )


def _differences(formula: Callable[..., Any], operands: tuple[NDArray[Any], ...], place: int) -> NDArray[Any]:
    found = np.zeros_like(operands[place])
    for index in np.ndindex(found.shape):
        ends = []
        for step in (STEP, -STEP):
            moved = operands[place].copy()
            moved[index] += step
            ends.append(formula(*operands[:place], moved, *operands[place + 1 :]))
        found[index] = (ends[0] - ends[1]) / (2 * STEP)
    return found
