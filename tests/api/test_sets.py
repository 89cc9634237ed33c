"""Arrays as sets, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.errors import ShapeError, TracerError
from eerie_dsl.ir.dtypes import ALL, bfloat16
from tests.support.case import Operand
from tests.support.comparison import CUBE, X, same

pytestmark = pytest.mark.usefixtures("interpreted")
RNG = np.random.default_rng(5)


@pytest.mark.parametrize("dtype", [d for d in ALL if d is not bfloat16], ids=str)
def test_unique_family(dtype):
    x = np.round(Operand((4, 5), special=True).make(dtype, RNG)) if dtype is not ee.bool else RNG.random((4, 5)) < 0.5
    want = np.unique(x, True, True, True, equal_nan=False)
    found = ee.unique_all(x)
    same(tuple(found), want)
    same(tuple(ee.unique_counts(x)), (want[0], want[3]))
    same(tuple(ee.unique_inverse(x)), np.unique(x, return_inverse=True, equal_nan=False))
    same(ee.unique_values(x), want[0])
    assert found.inverse_indices.shape == x.shape
    same(ee.unique(x), np.unique(x))
    same(ee.unique(x, True, True, True), np.unique(x, True, True, True))


def test_unique_of_bfloat16():
    x = ee.asarray([2.0, np.nan, 1.0, np.nan, 2.0]).astype(bfloat16)
    found = ee.unique_all(x)
    assert found.values.dtype is bfloat16
    assert str(found.values.astype(ee.float32).tolist()) == "[1.0, 2.0, nan, nan]"
    assert found.counts.tolist() == [1, 2, 1, 1]
    assert found.indices.tolist() == [2, 0, 1, 3]


def test_unique_along_an_axis():
    x = CUBE % 2
    for axis in (0, 1, -1):
        same(ee.unique(x, axis=axis, return_counts=True), np.unique(x, axis=axis, return_counts=True))
    with pytest.raises(ShapeError, match="unique: axis 3 of an array of 3"):
        ee.unique(x, axis=3)


def test_unique_of_few():
    same(tuple(ee.unique_all(5)), tuple(np.unique(5, True, True, True)))
    same(ee.unique_values(X[:0]), X[:0].ravel())
    values, inverse = ee.unique_inverse(ee.zeros((0, 2)))
    assert values.shape == (0,)
    assert inverse.shape == (0, 2)


@pytest.mark.parametrize("way", [lambda f: f, ee.jit], ids=["at once", "jit"])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("count", [0, 3, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.complex64, bool], ids=lambda d: np.dtype(d).name)
def test_isin(way, invert, count, dtype):
    x = RNG.integers(-20, 20, (3, 7)).astype(dtype)
    table = RNG.integers(-20, 20, (count, 1)).astype(dtype)
    if np.dtype(dtype).kind in "fc":
        x[0, :3], table[:1] = [np.nan, 0.0, -0.0], np.nan
        table[1:2] = -0.0
    found = way(lambda x, t: ee.isin(x, t, invert=invert))(ee.asarray(x), ee.asarray(table))
    same(found, np.isin(x, table, invert=invert))


def test_isin_of_scalars_and_mixed_dtypes():
    same(ee.isin(3, ee.asarray([1, 3])), np.array(True))
    same(ee.isin(ee.asarray([1, 3]), 3), np.array([False, True]))
    same(ee.isin(np.array([1, 2], np.int8), np.array([1.0, 2.5])), np.array([True, False]))


def test_sets_of_two():
    a, b = RNG.integers(0, 9, (3, 4)), RNG.integers(4, 12, 10)
    for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d"):
        same(getattr(ee, name)(a, b), getattr(np, name)(a, b))
        same(getattr(ee, name)(a.astype(np.int8), b), getattr(np, name)(a, b))


def test_sizes_that_depend_on_values_are_not_traced():
    x = ee.asarray(X[0])
    for function in (ee.unique, ee.unique_all, ee.unique_counts, ee.unique_inverse, ee.unique_values):
        with pytest.raises(TracerError, match=r"compare neighbours"):
            ee.jit(function)(x)
    for both in (ee.union1d, ee.intersect1d, ee.setdiff1d, ee.setxor1d):
        with pytest.raises(TracerError, match=r"eerie\.isin"):
            ee.jit(lambda x, both=both: both(x, x))(x)
