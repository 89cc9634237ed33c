"""Reading and writing parts of arrays, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import asarray
from eerie_dsl.errors import IndexingError
from tests.support.comparison import CUBE, MASK, M, X, same

pytestmark = pytest.mark.usefixtures("interpreted")
RNG = np.random.default_rng(7)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_take(axis):
    x = CUBE if axis is not None else CUBE.ravel()
    places = np.array([[1, 0], [-1, -2]])
    same(ee.take(x, places, axis=axis), np.take(x, places, axis=axis))


def test_take_out_of_range_gives_the_nearest():
    same(ee.take(M, [9, -9]), M[[-1, 0]])


def test_take_along_axis():
    order = np.argsort(CUBE[:, ::-1], axis=1)
    same(ee.take_along_axis(CUBE, order, axis=1), np.take_along_axis(CUBE, order, axis=1))
    one = np.array([[[1]], [[-1]]])
    same(ee.take_along_axis(CUBE, one, axis=-1), np.take_along_axis(CUBE, one, axis=-1))


def test_dynamic_slice_and_update():
    same(ee.dynamic_slice(CUBE, [asarray(1), 1, 9], [1, 2, 2]), CUBE[1:, 1:, 2:])
    want = CUBE.copy()
    want[1:, 0:2, 2:] = 7
    same(ee.dynamic_update(CUBE, np.full((1, 2, 2), 7), [1, -5, 9]), want)


A1, A2, A0 = np.array([1, -1, 0]), np.array([[0, 1], [1, -2]]), np.array(-1)
KEYS = [
    (),
    0,
    -1,
    (1, 2, 3),
    slice(None),
    slice(1, None, 2),
    slice(None, None, -1),
    (slice(None), slice(9, -9, -2), slice(-3, -1)),
    (slice(2, 1), 0),
    ...,
    (..., 0),
    (0, ..., None, 1),
    (None, 1, None, slice(1, 3), None),
    A0,
    (A0, slice(1, 3)),
    (slice(None), A0, slice(None, None, 2)),
    A1 % 2,
    (slice(None), A1),
    (A2, A2),
    (A2, slice(None), A2),
    (slice(None), A2, A2),
    (0, slice(None), A1),
    (A1 % 2, 0),
    (A1 % 2, None, A1),
    (..., A1, None),
    (A1 % 2, A1[:1], slice(None, None, -2)),
    (slice(None, None, -1), A1, 1),
    (None, A2, ..., A2),
    np.zeros((0,), np.int64),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_reads_as_numpy(key):
    same(asarray(CUBE)[key], CUBE[key])


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_writes_as_numpy(key):
    part = CUBE[key]
    for value in (-1, RNG.integers(100, 200, part.shape), RNG.integers(100, 200, part.shape[-1:])):
        x, want = asarray(CUBE), CUBE.copy()
        before = x + 0
        x[key] = value
        want[key] = value
        same(x, want)
        same(before, CUBE)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_updates_at(key):
    part = CUBE[key]
    value = RNG.integers(-30, 30, part.shape)
    x = asarray(CUBE)
    same(x.at[key].get(), part)
    for name, ufunc in (("add", np.add), ("subtract", np.subtract), ("max", np.maximum), ("min", np.minimum)):
        want = CUBE.copy()
        ufunc.at(want, key, value)
        same(getattr(x.at[key], name)(value), want)
    same(x, CUBE)


def test_multiply_at():
    want = CUBE.copy()
    want[1, ::2] *= 3
    same(asarray(CUBE).at[1, ::2].multiply(3), want)
    same(asarray(CUBE).at[asarray(1), ::2].multiply(3), want)
    with pytest.raises(IndexingError, match="not collected"):
        asarray(CUBE).at[[0, 0]].multiply(3)


def test_masks_in_assignments():
    for mask, key in ((CUBE % 3 == 0, ...), (CUBE[:, :, 0] > 5, ...), (CUBE[0, :, 0] > 3, 1), (CUBE[0, 0] > 1, ...)):
        for value in (-1, [10] * 4 if mask.ndim < 3 and mask.shape != (4,) else 5):
            full = {1: (slice(None), mask), ...: (..., mask) if mask.shape == (4,) else mask}[key]
            x, want = asarray(CUBE), CUBE.copy()
            x[full] = value
            want[full] = value
            same(x, want)
    same(asarray(X).at[MASK].add(1.0), X + MASK)


def test_out_of_range_updates_are_dropped():
    x = asarray(M)
    same(x.at[[0, 9, -9]].set(7), np.array([7, *M[1:]], np.int32))
    same(x.at[asarray(9)].set(7), M)
    same(x.at[asarray(-5)].add(7), M)


def test_the_last_value_of_one_place_stays():
    same(asarray(M).at[[1, 1, 1]].set([5, 6, 7]), np.array([M[0], 7, *M[2:]], np.int32))
