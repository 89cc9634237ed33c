"""What layers check before they compute, and what their messages call an array."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, ShapeError


def describe(x: Any) -> str:
    """The type of an array in messages, such as ``f32[8,128]``."""
    return f"{eerie.dtype(x.dtype).short}[{','.join(map(str, x.shape))}]"


def trailing(x: eerie.Array, shape: tuple[int, ...], what: str = "x") -> None:
    """Raise ShapeError unless the last axes of ``x`` are those of a parameter, with which it would broadcast."""
    if tuple(x.shape[max(x.ndim - len(shape), 0) :]) != tuple(shape):
        sizes = str(shape[0]) if len(shape) == 1 else str(tuple(shape))
        raise ShapeError(
            f"{what} of {describe(x)} does not end with the {sizes} features of this layer",
            hint="the features are the last axis: move it there, or make the layer of that size",
        )


def positive(**sizes: int) -> None:
    """Raise ArgumentError unless the sizes that a layer is made with are integers above 0."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ArgumentError(f"{name} is an integer above 0, got {size!r}")
