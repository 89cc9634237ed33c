"""Elementwise kernels on rows: which are tiled, that tiles have every element once, and what they give."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.dtypes import DType, complex64, float32, float64, int8
from eerie_dsl.lowering import build
from eerie_dsl.lowering.sweeps import NARROWEST, SHARE, row_tiles
from tests.support.loops import agree
from tests.support.recording import values

ROWS, COLUMNS = 130, 203


@pytest.mark.parametrize("itemsize", [1, 4, 8])
@pytest.mark.parametrize(
    "sizes", [(130, 203), (4096, 16), (2, 1 << 20), (64, 30522), (1 << 20, 17), (4096, 8, 64), (9, 7, 5, 100)]
)
def test_tiles_hold_whole_vectors_and_enough_elements(sizes: tuple[int, ...], itemsize: int) -> None:
    tiles = row_tiles(sizes, itemsize)
    assert tiles is not None
    spans = [span or size for size, span in zip(sizes, tiles.distribution, strict=True)]
    assert all(1 <= span <= size for span, size in zip(spans, sizes, strict=True))
    assert prod(spans) <= max(SHARE, min(sizes[-1], 2 * SHARE))
    assert tiles.parallel == (*[1] * (len(sizes) - 1), 128 // itemsize)
    assert tiles.reduction == (0,) * len(sizes)


@pytest.mark.parametrize("sizes", [(1 << 20,), (1, 1 << 20), (1 << 20, NARROWEST - 1), (10, 20)])
def test_short_rows_and_single_loops_are_left_alone(sizes: tuple[int, ...]) -> None:
    assert row_tiles(sizes, 4) is None


def data(*shape: int, dtype: DType = float32) -> np.ndarray:
    return values(shape, dtype, len(shape))


def around(u: Any) -> Any:
    return u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] * u[1:-1, 2:]


SWEPT: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "a row": (lambda x, r: eerie.exp(x) * r, [data(ROWS, COLUMNS), data(COLUMNS)]),
    "a column": (lambda x, c: eerie.tanh(x) + c, [data(ROWS, COLUMNS), data(ROWS, 1)]),
    "an axis of one element": (lambda x, r: x - r, [data(ROWS, COLUMNS), data(1, COLUMNS)]),
    "a row and a column": (lambda c, r: c * r, [data(ROWS, 1), data(COLUMNS)]),
    "axes together": (lambda x, r: x / r, [data(5, 26, COLUMNS), data(COLUMNS)]),
    "axes together behind": (lambda x, r: x * r, [data(ROWS, 7, 29), data(7, 29)]),
    "axes in between": (lambda x, r: x * r, [data(5, 26, COLUMNS), data(5, 1, COLUMNS)]),
    "slices": (around, [data(ROWS, COLUMNS)]),
    "every other row": (lambda x: x[::2, 3:] * 2 + x[1::2, :-3], [data(ROWS, COLUMNS)]),
    "float64": (lambda x, r: eerie.sin(x) * r, [data(ROWS, COLUMNS, dtype=float64), data(COLUMNS, dtype=float64)]),
    "int8": (lambda x, r: x * r + 3, [data(ROWS, COLUMNS, dtype=int8), data(COLUMNS, dtype=int8)]),
    "places": (lambda x, r: x * r + eerie.arange(COLUMNS, dtype=eerie.float32), [data(ROWS, COLUMNS), data(COLUMNS)]),
    "masks": (lambda x, r: eerie.where(x > r, r, x), [data(ROWS, COLUMNS), data(COLUMNS)]),
    "only masks": (lambda x, r: x & r, [data(ROWS, COLUMNS) > 0, data(COLUMNS) > 0]),
    "two results": (lambda x: (x[:, 1:] * 2, x[:, 1:] > 0), [data(ROWS, COLUMNS)]),
}
LEFT: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "one loop": (lambda x, y: x * y, [data(ROWS, COLUMNS)] * 2),
    "a transpose": (lambda x, y: x.T * y, [data(COLUMNS, ROWS), data(ROWS, COLUMNS)]),
    "every other column": (lambda x: x[:, ::2] * 2, [data(ROWS, COLUMNS)]),
    "short rows": (lambda x, r: x * r, [data(4096, 3), data(3)]),
    "what is summed": (lambda x, r: eerie.sum(x * r, axis=1), [data(ROWS, COLUMNS), data(COLUMNS)]),
    "complex numbers": (lambda x, r: x * r, [data(ROWS, COLUMNS, dtype=complex64), data(COLUMNS, dtype=complex64)]),
}


def is_swept(function: Callable[..., Any], arrays: list[np.ndarray]) -> bool:
    graph = eerie.jit(function).trace(*arrays).lower().graph
    assert "lowering_config" not in str(build(graph, tiled=False))
    return "enable_loop_peeling" in str(build(graph))


@pytest.mark.parametrize("name", SWEPT)
def test_rows_that_stand_alone_are_swept(name: str) -> None:
    assert is_swept(*SWEPT[name])


@pytest.mark.parametrize("name", LEFT)
def test_others_are_left_to_the_compiler(name: str) -> None:
    assert not is_swept(*LEFT[name])


def test_values() -> None:
    """Of all in one program, each a kernel of it."""
    both = {**SWEPT, **LEFT}
    agree(
        lambda given: {name: both[name][0](*arrays) for name, arrays in given.items()},
        {name: arrays for name, (_, arrays) in both.items()},
    )
