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


def test_out_of_range_is_an_error_where_values_are_known():
    x, far, few = asarray(M), asarray([0, 9]), np.array([-5, 0])
    for read in (lambda: x[far], lambda: x[[0, 9]], lambda: x[asarray(9)], lambda: ee.take(x, far)):
        with pytest.raises(IndexingError, match="index 9 is out of range for axis 0 with size 4"):
            read()
    for part in (lambda: x[few], lambda: x.at[few].get(), lambda: x.at[few].set(1)):
        with pytest.raises(IndexingError, match="index -5 is out of range for axis 0 with size 4"):
            part()
    with pytest.raises(IndexingError, match="index -5 is out of range"):
        x[few] = 1
    with pytest.raises(IndexingError, match="take_along_axis: index 3 is out of range for axis 1 with size 3"):
        ee.take_along_axis(CUBE, [[[3]]], axis=1)
    with pytest.raises(IndexingError, match="index 4 is out of range for axis 2 with size 4"):
        asarray(CUBE)[..., [4]]


def test_out_of_range_reads_the_nearest_where_values_are_not_known():
    far = np.array([9, -9])
    for function in (lambda x, i: ee.take(x, i), lambda x, i: x[i], lambda x, i: ee.take_along_axis(x, i)):
        same(ee.jit(function)(asarray(M), asarray(far)), M[[-1, 0]])
    same(ee.take(M, asarray(far) + 0), M[[-1, 0]])


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
    [],
    ([], [0]),
    (slice(None), (0, 2)),
    [[0, 1], [1, 0]],
    True,
    False,
    np.bool_(True),
    np.array(False),
    (0, True),
    (..., True),
    (True, [0, 1], slice(1, 3)),
    ([0, 1], True, slice(None), [1]),
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
    ufuncs = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}
    for name, ufunc in ufuncs.items():
        want = CUBE.copy()
        ufunc.at(want, key, value)
        same(getattr(x.at[key], name)(value), want)
    same(x, CUBE)


def test_multiply_at():
    want = CUBE.copy()
    want[1, ::2] *= 3
    same(asarray(CUBE).at[1, ::2].multiply(3), want)
    same(asarray(CUBE).at[asarray(1), ::2].multiply(3), want)
    same(asarray(CUBE).at[[0, 0]].multiply([[[2]], [[3]]]), CUBE * np.array([[[6]], [[1]]]))


def test_masks_in_assignments():
    for mask, key in ((CUBE % 3 == 0, ...), (CUBE[:, :, 0] > 5, ...), (CUBE[0, :, 0] > 3, 1), (CUBE[0, 0] > 1, ...)):
        for value in (-1, [10] * 4 if mask.ndim < 3 and mask.shape != (4,) else 5):
            full = {1: (slice(None), mask), ...: (..., mask) if mask.shape == (4,) else mask}[key]
            x, want = asarray(CUBE), CUBE.copy()
            x[full] = value
            want[full] = value
            same(x, want)
    same(asarray(X).at[MASK].add(1.0), X + MASK)


@pytest.mark.parametrize("name", ["set", "add", "multiply", "max", "min"])
def test_out_of_range_updates_are_dropped_where_values_are_not_known(name):
    update = ee.jit(lambda x, i: getattr(x.at[i], name)(7))
    want = {"set": 7, "add": M[0] + 7, "multiply": M[0] * 7, "max": 7, "min": M[0]}[name]
    same(update(asarray(M), asarray([0, 9, -9])), np.array([want, *M[1:]], np.int32))
    same(update(asarray(M), asarray(9)), M)
    same(update(asarray(M), asarray(-5)), M)


def test_the_last_value_of_one_place_stays():
    same(asarray(M).at[[1, 1, 1]].set([5, 6, 7]), np.array([M[0], 7, *M[2:]], np.int32))
