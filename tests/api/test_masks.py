"""Boolean masks, and keys of every kind in any mixture, in reading and in assignment, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import asarray
from eerie_dsl.config import config
from eerie_dsl.errors import IndexingError, ShapeError
from tests.support.comparison import CUBE, MASK, X, same

RNG = np.random.default_rng(7)
interpreted = pytest.mark.usefixtures("interpreted")
FULL, ROW, LAST, PAIR = CUBE % 3 == 0, np.array([False, True]), CUBE[0, 0] > 1, CUBE[:, :, 0] > 3
MASKS = [
    FULL,
    ROW,
    PAIR,
    ~FULL & FULL,
    (..., LAST),
    (slice(None), CUBE[0] > 5),
    (ROW, slice(1, None)),
    (slice(None, None, -1), slice(None), LAST),
    (1, slice(None), LAST),
    (1, [0, 2], LAST),
    (ROW, slice(None), LAST),
    (ROW, np.array([0, 2])),
    (np.array([[0], [1]]), slice(None), LAST),
    (None, ROW, None),
    (PAIR, None, 1),
    (ROW, ..., 0),
    [True, False],
]


@interpreted
@pytest.mark.parametrize("key", MASKS, ids=str)
@pytest.mark.parametrize("lift", [lambda k: k, asarray, lambda k: asarray(k) & True], ids=["numpy", "array", "pending"])
def test_reading(key, lift):
    if isinstance(key, tuple):
        own = tuple(lift(k) if isinstance(k, np.ndarray) and k.dtype == bool else k for k in key)
    else:
        own = lift(np.array(key))
    same(asarray(CUBE)[own], CUBE[key])


@interpreted
@pytest.mark.parametrize("key", MASKS, ids=str)
def test_writing(key):
    part = CUBE[key]
    values = [-1, RNG.integers(100, 200, part.shape)]
    if part.ndim > 1:
        values.append(RNG.integers(100, 200, part.shape[1:]))
    for value in values:
        x, want = asarray(CUBE), CUBE.copy()
        x[key] = value
        want[key] = value
        same(x, want)
        same(asarray(CUBE).at[key].set(value), want)
        for name, ufunc in (("add", np.add), ("multiply", np.multiply), ("max", np.maximum), ("min", np.minimum)):
            want = CUBE.copy()
            ufunc.at(want, key, np.broadcast_to(value, part.shape))
            same(getattr(asarray(CUBE).at[key], name)(value), want)
    same(asarray(CUBE).at[key].get(), part)


@interpreted
def test_masks_without_axes():
    for flag in (True, False, np.bool_(True), np.array(False), asarray(True), asarray(False) & True):
        known = bool(flag)
        same(asarray(X)[flag], X[known])
        same(asarray(2)[flag], np.array(2)[known])
        same(asarray(X)[flag, 1:], X[known, 1:])
        x, want = asarray(X), X.copy()
        x[flag] = 5
        want[known] = 5
        same(x, want)


@interpreted
@pytest.mark.parametrize("way", [lambda f: f, ee.jit], ids=["at once", "jit"])
def test_masks_without_elements(way):
    for shape in ((0,), (0, 3), (2, 0), (0, 0, 4), (2, 3, 0)):
        mask = np.zeros(shape, bool)
        same(way(lambda x, m: x[m])(asarray(CUBE), asarray(mask)), CUBE[mask])
        same(way(lambda x, m: x.at[m].set(5))(asarray(CUBE), asarray(mask)), CUBE)
    with pytest.raises(IndexingError, match="does not cover"):
        asarray(CUBE)[np.zeros((3, 0), bool)]


@interpreted
def test_masks_that_do_not_fit():
    x = asarray(CUBE)
    with pytest.raises(IndexingError, match=r"a mask of shape \[3\] does not cover axes of \[2, 3, 4\]"):
        x[np.array([True, False, True])]
    with pytest.raises(IndexingError, match="4 indices for an array"):
        x[FULL, 0]
    with pytest.raises(IndexingError, match=r"index arrays of shapes \[2\] and \[3\] do not broadcast"):
        x[np.array([True, True]), [0, 1, 2]]
    with pytest.raises(ShapeError, match="assignment"):
        x[FULL] = [1, 2, 3]


@interpreted
def test_masks_in_traced_functions():
    with pytest.raises(IndexingError, match=r"(?s)with a mask: the shape of the result is unknown.*eerie\.where"):
        ee.jit(lambda x: x[x > 0])(asarray(X))
    with pytest.raises(IndexingError, match="unknown"):
        ee.jit(lambda x: x[x[0, 0] > 0])(asarray(X))
    with pytest.raises(ShapeError, match=r"(?s)eerie\.where\(mask, value, x\)"):
        ee.jit(lambda x: x.at[x > 0].set(ee.arange(5.0)))(asarray(X))
    same(ee.jit(lambda x: x.at[x > 0].set(0))(asarray(X)), np.where(MASK, 0, X).astype(np.float32))
    same(ee.jit(lambda x: x.at[x[0, 0] > 9].set(0))(asarray(X)), X)
    same(ee.jit(lambda x: x[[True, False, True]])(asarray(X)), X[[True, False, True]])
    same(ee.jit(lambda x: x[True])(asarray(X)), X[True])
    same(
        ee.jit(lambda x: x.at[[True, False, True]].multiply(ee.ones((2, 4)) * 2))(asarray(X)),
        X * np.array([[2], [1], [2]], np.float32),
    )


def _slice(rng, size):
    start, stop = (None if rng.random() < 0.3 else int(rng.integers(-size - 2, size + 3)) for _ in range(2))
    return slice(start, stop, None if rng.random() < 0.3 else int(rng.choice([-3, -2, -1, 1, 2, 3])))


def _part(rng, shape, common):
    """A part of a key that takes at least one of the axes, and how many it takes."""
    size, choice = shape[0], rng.random()
    if choice < 0.35 or not size:
        return _slice(rng, size), 1
    if choice < 0.55:
        return int(rng.integers(-size, size)), 1
    if choice < 0.65:
        return np.array(rng.integers(-size, size)), 1
    if choice < 0.85:
        places = rng.integers(-size, size, common)
        return (places.tolist() if rng.random() < 0.3 else places), 1
    covered = int(rng.integers(1, len(shape) + 1))
    return rng.random(shape[:covered]) < 0.5, covered


def _key(rng, shape):
    parts: list[Any] = []
    axis, common = 0, [(3,), (2, 3), (1,), (0,), (2, 1)][rng.integers(5)]
    while rng.random() < 0.85:
        choice = rng.random()
        if choice < 0.12:
            parts.append(None)
        elif choice < 0.17:
            parts.append(bool(rng.random() < 0.7))
        elif choice < 0.25 and not any(p is Ellipsis for p in parts):
            parts.append(Ellipsis)
            axis += int(rng.integers(0, len(shape) - axis + 1))
        elif axis < len(shape):
            part, taken = _part(rng, shape[axis:], common)
            parts.append(part)
            axis += taken
    return parts[0] if len(parts) == 1 else tuple(parts)


def _cases(count, seed):
    """Arrays with keys that NumPy takes, and keys that it refuses."""
    rng = np.random.default_rng(seed)
    good, bad = [], []
    for _ in range(count):
        shape = tuple(rng.choice([0, 1, 2, 3, 4], rng.integers(0, 5), p=[0.03, 0.15, 0.27, 0.3, 0.25]).tolist())
        x = np.arange(int(np.prod(shape))).reshape(shape)
        key = _key(rng, shape)
        try:
            x[key]
        except IndexError:
            bad.append((x, key))
        else:
            good.append((x, key))
    return good, bad


@interpreted
def test_keys_of_every_kind():
    good, bad = _cases(1500, 1)
    assert len(good) > 800
    assert len(bad) > 30
    rng = np.random.default_rng(2)
    for x, key in good:
        want = x[key]
        same(asarray(x)[key], want)
        for value in (-1, rng.integers(100, 200, want.shape)):
            expected, own = x.copy(), asarray(x)
            expected[key] = value
            own[key] = value
            same(own, expected)
    for x, key in bad:
        with pytest.raises(IndexError):
            asarray(x)[key]


def test_keys_in_compiled_code():
    good, _ = _cases(300, 3)
    cases = [(x, key) for x, key in good if x.size and x[key].size][:30]

    @ee.jit
    def both(*arrays):
        pairs = list(zip(arrays, static, strict=True))
        return [a[key] for a, key in pairs], [a.at[key].set(-1) for a, key in pairs[:8]]

    # Masks of NumPy would be hidden inputs; as lists they are part of the program.
    static = [tuple(map(_listed, key)) if isinstance(key, tuple) else _listed(key) for _, key in cases]
    arrays = [asarray(x) for x, _ in cases]
    with config(evaluation="compiled"):
        parts, updated = both(*arrays)
    for (x, key), part in zip(cases, parts, strict=True):
        same(part, x[key])
    for (x, key), new in zip(cases, updated, strict=False):
        want = x.copy()
        want[key] = -1
        same(new, want)


def _listed(part):
    return part.tolist() if isinstance(part, np.ndarray) else part
