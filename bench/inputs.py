"""What kernels are measured on: random arrays, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Role = Literal["array", "image", "constant", "kernel", "linear"]
"""Libraries keep these in layouts of their own: ``image`` is (batch, height, width, channels) here, ``kernel`` is
(height, width, channels, features), ``linear`` is (in, out). The last three are parameters, which a library that makes
a file of a model puts into it."""

PARAMETERS: tuple[Role, ...] = ("constant", "kernel", "linear")


class Input(NamedTuple):
    """An argument of a kernel.

    Attributes:
        draw: makes it.
        role: what it is.
    """

    draw: Callable[[np.random.Generator], NDArray[Any]]
    role: Role = "array"


def normal(*shape: int, scale: float = 1.0, dtype: str = "float32", role: Role = "array") -> Input:
    """Normally distributed numbers around 0."""
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    return Input(lambda rng: (rng.standard_normal(shape, np.float32) * np.float32(scale)).astype(kind), role)


def weights(*shape: int, role: Role = "linear") -> Input:
    """Normally distributed numbers such that a layer keeps the size of what comes in; the last axis is the result's."""
    return normal(*shape, scale=float(np.prod(shape[:-1])) ** -0.5, role=role)


def uniform(low: float, high: float, *shape: int) -> Input:
    """Evenly distributed numbers."""
    return Input(lambda rng: rng.uniform(low, high, shape).astype(np.float32))


def integers(low: int, high: int, *shape: int, dtype: str = "int32") -> Input:
    """Evenly distributed integers below ``high``."""
    return Input(lambda rng: rng.integers(low, high, shape).astype(dtype))


def drawn(inputs: Sequence[Input]) -> list[NDArray[Any]]:
    """The same arrays at each call."""
    rng = np.random.default_rng(0)
    return [each.draw(rng) for each in inputs]
