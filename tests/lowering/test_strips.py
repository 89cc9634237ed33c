"""Products in strips give what NumPy gives in wider numbers, whatever their sizes leave over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, bfloat16, float16, float32, int8, int16, int32, uint8
from eerie_dsl.ir.graph import Node
from eerie_dsl.lowering import build
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.einsum import matmul
from eerie_dsl.ops.shape import transpose
from tests.support.recording import record

RNG = np.random.default_rng(5)


def data(*shape: int, dtype: DType = float32) -> eerie.Array:
    if dtype.is_integer:
        ends = np.iinfo(dtype.numpy)
        return eerie.asarray(RNG.choice(np.array([ends.min, ends.max, 3], dtype.numpy), shape))
    return eerie.astype(eerie.asarray(RNG.standard_normal(shape, np.float32)), dtype)


def wide(a: eerie.Array) -> np.ndarray:
    if a.dtype.is_integer:
        return np.asarray(a).astype(np.int64)
    return np.asarray(eerie.astype(a, eerie.float64))


def check(x: eerie.Array, w: eerie.Array, transposed: bool = False, tolerance: float = 1e-4) -> None:
    def product(x: Any, w: Any) -> Any:
        if x.dtype.is_integer:
            x, w = eerie.astype(x, eerie.int32), eerie.astype(w, eerie.int32)
        return x @ (w.mT if transposed else w)

    got = eerie.jit(product)(x, w)
    wanted = wide(x) @ (wide(w).swapaxes(-1, -2) if transposed else wide(w))
    assert got.dtype is (int32 if x.dtype.is_integer else x.dtype)
    np.testing.assert_allclose(wide(got), wanted, rtol=tolerance, atol=tolerance * x.shape[-1] ** 0.5)


@pytest.mark.parametrize(("m", "k"), [(17, 1), (33, 37), (49, 256), (100, 600)])
def test_rows_and_sums_of_any_length(m: int, k: int) -> None:
    check(data(m, k), data(k, 96))


def test_many_rows_and_few_columns() -> None:
    check(data(1037, 300), data(300, 32))


@pytest.mark.parametrize(("m", "k"), [(17, 16), (24, 272), (40, 528)])
def test_matrices_that_are_stored_the_other_way_round(m: int, k: int) -> None:
    check(data(m, k), data(64, k), transposed=True)


def test_products_for_each_of_a_batch() -> None:
    check(data(3, 2, 65, 32), data(3, 2, 96, 32), transposed=True)


@pytest.mark.parametrize("dtype", [float16, bfloat16])
@pytest.mark.parametrize("transposed", [False, True])
def test_narrow_floats_are_rounded_once(dtype: DType, transposed: bool) -> None:
    check(data(40, 320, dtype=dtype), data(*(64, 320)[:: 1 if transposed else -1], dtype=dtype), transposed, 1e-2)
    check(data(2, 40, 320, dtype=dtype), data(2, 320, 40, dtype=dtype), tolerance=1e-2)  # in no strips
    got = eerie.jit(lambda x, w: x @ w)(eerie.full((32, 4096), 1, dtype=dtype), eerie.full((4096, 32), 1, dtype=dtype))
    assert (wide(got) == 4096).all()


@pytest.mark.parametrize("dtype", [int8, uint8])
@pytest.mark.parametrize("transposed", [False, True])
def test_bytes_add_up_exactly(dtype: DType, transposed: bool) -> None:
    check(data(35, 2064, dtype=dtype), data(*(64, 2064)[:: 1 if transposed else -1], dtype=dtype), transposed, 0)
    end = np.iinfo(dtype.numpy).max if dtype is uint8 else np.iinfo(dtype.numpy).min
    x = eerie.full((32, 1 << 12), end, dtype=dtype)
    check(x, x, transposed=True, tolerance=0)


def test_no_number_and_infinity_stay_in_their_rows_and_columns() -> None:
    x, w = np.ones((20, 300), np.float32), np.ones((300, 64), np.float32)
    x[3, 299], w[0, 40], w[299, 41] = np.nan, np.inf, -np.inf
    got = np.asarray(eerie.jit(lambda x, w: x @ w)(eerie.asarray(x), eerie.asarray(w)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got, x @ w)


def test_products_in_a_loop() -> None:
    w = data(64, 64)
    got = eerie.jit(lambda x, w: eerie.fori_loop(0, 3, lambda i, x: eerie.tanh(x @ w.mT), x))(x := data(20, 64), w)
    wanted = wide(x)
    for _ in range(3):
        wanted = np.tanh(wanted @ wide(w).T)
    np.testing.assert_allclose(wide(got), wanted, rtol=1e-3, atol=1e-3)


def _whole(x: Node, w: Node) -> Node:
    return matmul(cast(x, dtype=int32), transpose(cast(w, dtype=int32), axes=(1, 0)))


@pytest.mark.parametrize(
    ("function", "shapes", "dtype", "strips"),
    [
        (matmul, ((49, 64), (64, 64)), float32, True),
        (matmul, ((48, 64), (64, 64)), float32, False),
        (matmul, ((49, 64), (64, 60)), float32, False),
        (matmul, ((128, 768), (768, 3072)), float32, True),
        (matmul, ((48, 64), (64, 128)), bfloat16, True),
        (matmul, ((8, 64), (64, 128)), bfloat16, False),
        (_whole, ((48, 64), (128, 64)), int8, True),
        (_whole, ((48, 64), (128, 64)), int16, False),
    ],
)
def test_where_products_are_in_strips(
    function: Callable[..., Node], shapes: tuple[tuple[int, ...], ...], dtype: DType, strips: bool
) -> None:
    graph = record(function, *(Aval(s, dtype) for s in shapes))
    assert ("hal.executable.source" in str(build(graph))) == strips
    assert "hal.executable.source" not in str(build(graph, tiled=False))
