"""sort, argsort and topk, against NumPy, at once and traced."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import ALL
from tests.support.case import Operand
from tests.support.comparison import CUBE, X, same

RNG = np.random.default_rng(5)
SORTABLE = [d for d in ALL if d.kind != "complex"]
SPECIAL = Operand((4, 9, 3), special=True)


def _order(x, axis, descending):
    if x.dtype.kind == "V":
        x = x.astype(np.float32)
    if not descending:
        return np.argsort(x, axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


def _here(function):
    return function


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("way", [_here, ee.jit], ids=["at once", "jit"])
@pytest.mark.parametrize("dtype", SORTABLE, ids=str)
@pytest.mark.parametrize("descending", [False, True])
def test_order_is_that_of_numpy(way, dtype, descending):
    x = SPECIAL.make(dtype, RNG)
    for axis in (-1, 0, 1):
        want = _order(x, axis, descending)
        indices, values = way(
            lambda x, axis=axis: (
                ee.argsort(x, axis=axis, descending=descending),
                ee.sort(x, axis=axis, descending=descending, stable=False),
            )
        )(ee.asarray(x))
        same(indices, want)
        # -0.0 and 0.0 are equal, and NumPy's quicker sort does not keep their order.
        ordered = np.take_along_axis(x, want, axis)
        np.testing.assert_array_equal(values.numpy().astype(np.float64), ordered.astype(np.float64))


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("way", [_here, ee.jit], ids=["at once", "jit"])
def test_topk(way):
    for axis, k in ((-1, 2), (0, 2), (1, 0), (1, 3)):
        want = _order(CUBE % 5, axis, True).take(range(k), axis)
        values, indices = way(lambda x, axis=axis, k=k: ee.topk(x, k, axis=axis))(ee.asarray(CUBE % 5))
        same(indices, want)
        same(values, np.take_along_axis(CUBE % 5, want, axis))


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (1,), (2, 1)])
def test_few_elements(shape):
    x = np.zeros(shape, np.float32)
    same(ee.sort(x), x)
    same(ee.argsort(x), np.zeros(shape, np.int64))
    same(ee.jit(ee.sort)(ee.asarray(x)), x)
    values, indices = ee.topk(x, 0)
    assert values.shape == indices.shape == (*shape[:-1], 0)


@pytest.mark.usefixtures("interpreted")
def test_errors():
    with pytest.raises(ShapeError, match="sort: axis 0 of an array of 0 dimensions"):
        ee.sort(1.0, axis=0)
    with pytest.raises(ShapeError, match="argsort: axis 2 of an array of 2"):
        ee.argsort(X, axis=2)
    with pytest.raises(DTypeError, match="complex numbers have no order"):
        ee.sort([1j])
    with pytest.raises(InvalidValueError, match="k=5 of 4 elements along axis 1"):
        ee.topk(X, 5)
    with pytest.raises(InvalidValueError, match="k=-1"):
        ee.topk(X, -1)
    with pytest.raises(ArgumentError, match="k is an integer"):
        ee.topk(X, 1.5)  # type: ignore[arg-type]


def test_compiled():
    x = SPECIAL.make(ee.float32, RNG)

    @ee.jit
    def every(x):
        return (
            ee.sort(x, axis=1),
            ee.argsort(x, axis=0, descending=True),
            *ee.topk(x, 2, axis=1),
            ee.sort(x > 0, axis=-1, descending=True),
        )

    with config(evaluation="compiled"):
        got = every(ee.asarray(x))
    with config(evaluation="reference"):
        want = [a.numpy() for a in every(ee.asarray(x))]
    for g, w in zip(got, want, strict=True):
        same(g, w)
