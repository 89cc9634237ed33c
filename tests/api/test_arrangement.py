"""Turning, joining, cutting, choosing, spaced sequences, and NumPy's other names, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.numpy_names import RENAMED
from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
LINE, FLAT, ONE = np.arange(3), np.arange(6).reshape(2, 3), np.float32(7)


def same(got: Any, want: Any) -> None:
    if isinstance(want, list | tuple):
        assert isinstance(got, type(want))
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
        return
    want = np.asarray(want)
    assert got.dtype.numpy == want.dtype
    assert got.shape == want.shape
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("k", range(-5, 6))
@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (2, 0), (-1, -2)])
def test_rot90(k, axes):
    same(ee.rot90(X, k, axes), np.rot90(X, k, axes))


def test_rot90_refuses():
    for axes in ((0, 0), (0, 3), (0, 1, 2)):
        with pytest.raises(ShapeError):
            ee.rot90(X, 1, axes)  # type: ignore[arg-type]


def test_flips_and_ravel():
    for x in (X, FLAT):
        for name in ("flipud", "fliplr", "ravel"):
            same(getattr(ee, name)(x), getattr(np, name)(x))
    same(ee.flipud(LINE), np.flipud(LINE))
    same(ee.ravel(ONE), np.ravel(ONE))
    same(ee.ravel(X[:0]), np.ravel(X[:0]))
    with pytest.raises(ShapeError, match="fliplr"):
        ee.fliplr(LINE)
    with pytest.raises(ShapeError, match="flipud"):
        ee.flipud(1)


@pytest.mark.parametrize("name", ["atleast_1d", "atleast_2d", "atleast_3d"])
def test_at_least(name):
    ours, numpys = getattr(ee, name), getattr(np, name)
    for x in (ONE, LINE, FLAT, X, X[None]):
        same(ours(x), numpys(x))
    same(ours(ONE, LINE, X), numpys(ONE, LINE, X))


@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack"])
@pytest.mark.parametrize("arrays", [(LINE, LINE + 1), (FLAT, FLAT * 2), (X, X), (LINE,)])
def test_stacks(name, arrays):
    same(getattr(ee, name)(arrays), getattr(np, name)(arrays))


def test_stacks_of_numbers_and_dtypes():
    same(ee.hstack([1, 2]), np.hstack([1, 2]))
    same(ee.column_stack([LINE, FLAT.T]), np.column_stack([LINE, FLAT.T]))
    same(ee.vstack([LINE.astype(np.int8), LINE.astype(np.int16)]), np.vstack([LINE.astype(np.int16)] * 2))
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        with pytest.raises(ShapeError):
            getattr(ee, name)([])
    with pytest.raises(ShapeError):
        ee.vstack([LINE, LINE[:2]])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("cuts", [1, 2, 3, 5, [1], [1, 3], [2, 1, -1], []])
def test_array_split(cuts, axis):
    same(ee.array_split(X, cuts, axis), np.array_split(X, cuts, axis))


def test_array_split_refuses():
    with pytest.raises(InvalidValueError, match="0 parts"):
        ee.array_split(X, 0)
    with pytest.raises(ShapeError):
        ee.array_split(X, 2, 3)


def test_select():
    same(ee.select([X > 20, X > 10], [X, X * 2], 5), np.select([X > 20, X > 10], [X, X * 2], 5))
    same(ee.select([LINE > 1], [LINE]), np.select([LINE > 1], [LINE]))
    broad = [LINE > 1, np.array([[True], [False]])], [LINE, FLAT]
    same(ee.select(*broad), np.select(*broad))
    with pytest.raises(InvalidValueError, match="1 conditions and 2 choices"):
        ee.select([X > 1], [X, X])
    with pytest.raises(InvalidValueError):
        ee.select([], [])
    with pytest.raises(DTypeError, match="bool conditions"):
        ee.select([LINE], [LINE])


@pytest.mark.parametrize("k", [-2, 0, 1, 4])
def test_triangles(k):
    same(ee.diagflat(FLAT, k), np.diagflat(FLAT, k))
    for n, m in ((3, None), (2, 4), (4, 2), (0, 3)):
        same(ee.tri(n, m, k), np.tri(n, m, k, np.float32))
        same(ee.tril_indices(n, k, m), np.tril_indices(n, k, m))
        same(ee.triu_indices(n, k, m), np.triu_indices(n, k, m))


def test_identity_and_indices():
    same(ee.identity(3), np.identity(3, np.float32))
    same(ee.identity(2, int), np.identity(2, int))
    for shape in ((), (3,), (2, 3), (2, 0)):
        same(ee.indices(shape), np.indices(shape))
        same(ee.indices(shape, np.int32, True), np.indices(shape, np.int32, True))
    with pytest.raises(ShapeError, match="negative"):
        ee.tri(-1)


def test_triangle_indices_inside_a_trace():
    rows, columns = ee.jit(lambda x: [x[i] for i in (ee.triu_indices(4, 1),)] + [ee.tri(2)])(X[0, 0, :1] + np.eye(4))
    np.testing.assert_array_equal(rows.numpy(), (X[0, 0, :1] + np.eye(4))[np.triu_indices(4, 1)])
    assert columns.shape == (2, 2)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_spaced_sequences(num, endpoint):
    for got, want in (
        (ee.logspace(-1, 2, num, endpoint), np.logspace(-1, 2, num, endpoint)),
        (ee.logspace(0, 8.5, num, endpoint, 2.0), np.logspace(0, 8.5, num, endpoint, 2.0)),
        (ee.geomspace(1, 256, num, endpoint), np.geomspace(1, 256, num, endpoint)),
        (ee.geomspace(-1e-3, -10.0, num, endpoint), np.geomspace(-1e-3, -10.0, num, endpoint)),
    ):
        assert got.dtype == ee.float32
        assert got.shape == want.shape
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-7)


def test_spaced_sequences_of_chosen_dtype():
    same(ee.logspace(0, 4, 5, dtype=int), np.logspace(0, 4, 5, dtype=int))
    got = ee.geomspace(np.float64(1), np.float64(1e9), 10)
    assert got.dtype == ee.float64
    np.testing.assert_allclose(got.numpy(), np.geomspace(1, 1e9, 10), rtol=1e-14)
    with pytest.raises(InvalidValueError, match="0"):
        ee.geomspace(0, 1)


def test_numpys_names_lead_to_ours():
    for theirs, ours in RENAMED.items():
        assert not hasattr(ee, theirs)
        assert ours in ee.__all__
        with pytest.raises(AttributeError, match=f"eerie.{ours}$"):
            getattr(ee, theirs)
    with pytest.raises(AttributeError, match=r"^eerie_dsl has no nonesuch$"):
        getattr(ee, "nonesuch")  # noqa: B009


HALF, BITS = np.array([0.25, -0.5]), np.array([1, 6])
SAMPLES: dict[str, tuple[Any, ...]] = {name: (HALF,) for name in RENAMED if hasattr(np, name)} | {
    "arccosh": (HALF + 2,),
    "arctan2": (HALF, 0.5),
    "bitwise_not": (BITS,),
    "concatenate": ([HALF, HALF],),
    "conjugate": (HALF + 1j,),
    "invert": (BITS,),
    "left_shift": (BITS, 2),
    "mod": (HALF, 0.2),
    "power": (HALF, 2),
    "right_shift": (BITS, 1),
    "transpose": (X, (2, 0, 1)),
    "true_divide": (BITS, 4.0),
}


@pytest.mark.parametrize("theirs", [n for n in SAMPLES if not isinstance(getattr(np, n), type)])
def test_the_names_mean_the_same(theirs):
    got = getattr(ee, RENAMED[theirs])(*SAMPLES[theirs])
    want = getattr(np, theirs)(*SAMPLES[theirs])
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6)
