"""Searching and counting, against NumPy, at once and traced."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError, TracerError
from tests.support.comparison import CUBE, MASK, X, same

RNG = np.random.default_rng(5)
TABLE = np.sort(RNG.integers(-5, 5, 9)).astype(np.float32)
WANTED = RNG.integers(-7, 7, (3, 4)).astype(np.float32)
COUNTED = RNG.integers(0, 6, 20)
interpreted = pytest.mark.usefixtures("interpreted")


@interpreted
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    same(ee.searchsorted(TABLE, WANTED, side=side), np.searchsorted(TABLE, WANTED, side))
    same(ee.searchsorted(TABLE, 2, side=side), np.searchsorted(TABLE, 2, side))
    order = RNG.permutation(len(TABLE))
    same(
        ee.searchsorted(TABLE[np.argsort(order)], WANTED, side=side, sorter=order),
        np.searchsorted(TABLE, WANTED, side),
    )
    special = np.array([-np.inf, -0.0, 0.0, 1, np.inf, np.nan, np.nan])
    same(ee.searchsorted(special, special, side=side), np.searchsorted(special, special, side))
    same(ee.searchsorted(np.zeros(0), [1.0, 2.0], side=side), np.zeros(2, np.int64))


@interpreted
def test_searchsorted_meets_in_one_dtype():
    same(ee.searchsorted(np.array([1, 2, 3], np.int8), np.array([300, 2])), np.array([3, 1]))
    same(ee.searchsorted(np.array([1, 2, 3]), 1.5), np.array(1))


@interpreted
def test_searchsorted_errors():
    with pytest.raises(ShapeError, match=r"searchsorted in f32\[3,4\]: .* one dimension"):
        ee.searchsorted(X, X)
    with pytest.raises(InvalidValueError, match="side is 'left' or 'right', not 'middle'"):
        ee.searchsorted(TABLE, WANTED, side="middle")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="with a sorter of i64"):
        ee.searchsorted(TABLE, WANTED, sorter=[0, 1])
    with pytest.raises(DTypeError, match="no order"):
        ee.searchsorted([1j], [1j])


@interpreted
@pytest.mark.parametrize("right", [False, True])
def test_digitize(right):
    edges = np.unique(TABLE)
    for bins in (edges, edges[::-1].copy(), edges[:1], edges[:0], TABLE):
        same(ee.digitize(WANTED, bins, right=right), np.digitize(WANTED, bins, right))


@interpreted
def test_bincount():
    weights = RNG.standard_normal(20)
    same(ee.bincount(COUNTED), np.bincount(COUNTED))
    same(ee.bincount(COUNTED, minlength=9), np.bincount(COUNTED, minlength=9))
    same(ee.bincount(COUNTED.astype(np.uint8), weights), np.bincount(COUNTED, weights), close=True)
    same(ee.bincount(COUNTED, np.arange(20)), np.bincount(COUNTED, np.arange(20)).astype(np.float32))
    same(ee.bincount(COUNTED, length=3), np.bincount(COUNTED)[:3])
    same(ee.bincount(np.array([-1, 7, 1]), length=3), np.array([0, 1, 0]))
    same(ee.bincount(COUNTED[:0]), np.zeros(0, np.int64))
    same(ee.bincount(np.array([True, False, True])), np.array([1, 2]))
    same(ee.jit(lambda x: ee.bincount(x, length=8))(ee.asarray(COUNTED)), np.bincount(COUNTED, minlength=8))


@interpreted
def test_bincount_errors():
    with pytest.raises(InvalidValueError, match="element -3 is negative"):
        ee.bincount([1, -3])
    with pytest.raises(ShapeError, match="one dimension"):
        ee.bincount([[1]])
    with pytest.raises(DTypeError, match="counts integers"):
        ee.bincount([1.0])
    with pytest.raises(ShapeError, match="one for each element"):
        ee.bincount([1, 2], [1.0])
    with pytest.raises(TracerError, match="give the length"):
        ee.jit(ee.bincount)(ee.asarray(COUNTED))


@interpreted
@pytest.mark.parametrize("x", [X, MASK, CUBE % 3, X.astype(np.complex64), X[:0], np.array([0.0, np.nan, -0.0])])
def test_places_of_what_is_not_zero(x):
    same(ee.nonzero(x), np.nonzero(x))
    same(ee.flatnonzero(x), np.flatnonzero(x))
    same(ee.argwhere(x), np.argwhere(x))


@interpreted
def test_compress_and_extract():
    for axis, chosen in ((0, [1, 0]), (1, [0, 1]), (-1, [1, 0, 1, 1]), (None, [0, 1, 1])):
        condition = np.array(chosen, bool)
        same(ee.compress(condition, CUBE, axis=axis), np.compress(condition, CUBE, axis=axis))
    same(ee.extract(MASK, X), np.extract(MASK, X))
    with pytest.raises(ShapeError, match="compress of i64"):
        ee.compress([True] * 3, CUBE, axis=0)
    with pytest.raises(ShapeError, match="the sizes differ"):
        ee.extract(MASK, CUBE)


@interpreted
def test_shapes_that_depend_on_values_are_not_traced():
    with pytest.raises(ShapeError, match="nonzero of a 0-d array"):
        ee.nonzero(1)
    for function in (
        ee.nonzero,
        ee.flatnonzero,
        ee.argwhere,
        lambda x: ee.compress(x > 0, x),
        lambda x: ee.extract(x, x),
    ):
        with pytest.raises(TracerError, match=r"(?s)runs in NumPy.*eerie\.where"):
            ee.jit(function)(ee.asarray(X[0]))


def test_compiled():
    table = np.sort(RNG.integers(-30, 30, 40))

    @ee.jit
    def every(table, wanted, counted):
        return (
            ee.searchsorted(table, wanted),
            ee.searchsorted(table, wanted, side="right"),
            ee.digitize(wanted, ee.flip(table)),
            ee.isin(wanted, table),
            ee.isin(wanted, table[:3], invert=True),
            ee.bincount(counted, length=6),
            ee.bincount(counted, counted * 0.5, length=6),
        )

    arguments = tuple(map(ee.asarray, (table, RNG.integers(-40, 40, (3, 5)), COUNTED)))
    with config(evaluation="compiled"):
        got = every(*arguments)
    with config(evaluation="reference"):
        want = [a.numpy() for a in every(*arguments)]
    for g, w in zip(got, want, strict=True):
        same(g, w)
