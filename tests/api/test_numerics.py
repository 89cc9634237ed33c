"""Comparisons with slack, differences, interpolation, filters and polynomials, against NumPy."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(5)
X = RNG.standard_normal((3, 4, 5)).astype(np.float32)
N = RNG.integers(-9, 9, (3, 4, 5))
ODD = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -2.5, 1e-40], np.float32)
PAIRS = np.array(list(itertools.product(ODD, ODD)), np.float32).T


def numpys(name: str, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return getattr(np, name)(*args, **kwargs)


def close(got: Any, want: Any, dtype: Any, rtol: float = 1e-5) -> None:
    assert got.dtype.numpy == np.dtype(dtype)
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got.numpy(), want, rtol=rtol, atol=2e-6 if np.dtype(dtype).kind in "fc" else 0)


@pytest.mark.parametrize("equal_nan", [False, True])
def test_isclose_at_the_edges(equal_nan):
    a, b = PAIRS
    close(ee.isclose(a, b, equal_nan=equal_nan), np.isclose(a, b, equal_nan=equal_nan), bool)
    assert bool(ee.allclose(a, a, equal_nan=True))
    assert not bool(ee.allclose(a, a))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.uint8, np.int64, np.complex64, bool])
def test_isclose_of_dtypes(dtype):
    x = np.abs(N[0]).astype(dtype)
    y = (x + np.asarray(RNG.integers(0, 2, x.shape))).astype(dtype)
    for slack in ({}, {"rtol": 0.5}, {"rtol": 0.0, "atol": 1.0}, {"rtol": 0, "atol": 0}):
        close(ee.isclose(x, y, **slack), np.isclose(x, y, **slack), bool)
        assert bool(ee.allclose(x, y, **slack)) == np.allclose(x, y, **slack)


def test_array_equal():
    for a, b in (([1, 2], [1, 2]), ([1, 2], [1, 3]), ([1, 2], [[1, 2]]), ([], []), (ODD, ODD), ([1, 2], [1.0, 2.0])):
        assert bool(ee.array_equal(a, b)) == np.array_equal(a, b)
    assert bool(ee.array_equal(ODD, ODD, equal_nan=True))
    assert not bool(ee.array_equal(ODD, ODD[::-1], equal_nan=True))


@pytest.mark.parametrize("given", [{}, {"nan": 7.0}, {"posinf": 1.5, "neginf": -3.0}])
def test_nan_to_num(given):
    for x in (ODD, ODD.astype(np.float64), ODD.astype(np.float16), N):
        close(ee.nan_to_num(x, **given), np.nan_to_num(x, **given), x.dtype)
    z = np.empty(8, np.complex64)
    z.real, z.imag = ODD, ODD[::-1]
    close(ee.nan_to_num(z, **given), np.nan_to_num(z, **given), np.complex64)


def test_nan_to_num_of_bfloat16_and_of_arrays():
    x = ODD.astype(ml_dtypes.bfloat16)
    limit = float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)
    assert np.asarray(ee.nan_to_num(x)).astype(float)[:3].tolist() == [0, limit, -limit]
    assert ee.nan_to_num([NAN, 1.0, NAN], nan=[4.0, 5.0, 6.0]).tolist() == [4, 1, 6]


@pytest.mark.parametrize("name", ["sinc", "deg2rad", "rad2deg"])
def test_functions_of_one_number(name):
    for x in (X, X.astype(np.float64), ODD):
        close(getattr(ee, name)(x), numpys(name, x), x.dtype)
    close(getattr(ee, name)(N), numpys(name, N.astype(np.float32)), np.float32)
    assert getattr(ee, name)(0.0).shape == ()


@pytest.mark.parametrize("name", ["heaviside", "fmax", "fmin", "fmod"])
def test_functions_of_two_numbers(name):
    a, b = PAIRS
    a, b = a[np.abs(a) != np.float32(1e-40)], b[np.abs(a) != np.float32(1e-40)]
    close(getattr(ee, name)(a, b), numpys(name, a, b), np.float32)
    close(getattr(ee, name)(X, X[0, :, :1]), numpys(name, X, X[0, :, :1]), np.float32)
    close(getattr(ee, name)(X, 0.75), numpys(name, X, np.float32(0.75)), np.float32)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_pairs_of_integers(dtype):
    info = np.iinfo(dtype)
    numbers = np.array([info.min, info.min + 1, 0, 1, 2, 7, info.max - 1, info.max], dtype)
    numbers = np.unique(np.concatenate([numbers, (-numbers[3:6]).astype(dtype)]))
    a, b = (v.ravel() for v in np.meshgrid(numbers, numbers))
    for name in ("fmax", "fmin", "fmod"):
        close(getattr(ee, name)(a, b), numpys(name, a, b), dtype)
    for got, want in zip(ee.divmod(a, b), numpys("divmod", a, b), strict=True):
        close(got, want, dtype)


def test_divmod():
    a, b = PAIRS
    usual = np.isfinite(a) & np.isfinite(b) & (np.abs(b) > 1e-30)
    a, b = np.where(usual, a, np.float32(7)), np.where(usual, b, np.float32(-3))
    for got, want in zip(ee.divmod(a, b), numpys("divmod", a, b), strict=True):
        close(got, want, np.float32)


@pytest.mark.parametrize("x", [X, N, X[0, 0, :1], np.zeros(0, np.float32)], ids=["float", "int", "one", "none"])
@pytest.mark.parametrize("ends", [{}, {"to_end": [1, 2]}, {"to_begin": 3}, {"to_end": [[1]], "to_begin": [5, 6]}])
def test_ediff1d(x, ends):
    close(ee.ediff1d(x, **ends), np.ediff1d(x, **ends), x.dtype)


def test_ediff1d_refuses_ends_that_do_not_fit():
    with pytest.raises(DTypeError, match="ediff1d"):
        ee.ediff1d(N, to_end=0.5)


PLACES = [np.cumsum(RNG.uniform(0.3, 1.5, n)).astype(np.float32) for n in X.shape]


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize(
    ("spacing", "axis"),
    [
        ((), None),
        ((), 1),
        ((), (2, 0)),
        ((0.5,), None),
        ((2,), -1),
        ((1.0, 2.0, 0.25), None),
        ((PLACES[1],), 1),
        ((PLACES[0], 2.0, PLACES[2]), None),
    ],
)
def test_gradient(spacing, axis, edge_order):
    for x in (X, N):
        got = ee.gradient(x, *spacing, axis=axis, edge_order=edge_order)
        want = np.gradient(x.astype(np.float64), *spacing, axis=axis, edge_order=edge_order)
        assert isinstance(got, tuple) == isinstance(want, tuple)
        for g, w in zip(_listed(got), _listed(want), strict=True):
            close(g, w, np.float32, 5e-5)


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple) else [values]


def test_gradient_of_few_and_of_complex():
    close(ee.gradient([1.0, 3.0]), [2, 2], np.float32)
    close(ee.gradient([1.0, 3.0], [0.0, 4.0]), [0.5, 0.5], np.float32)
    z = (X[0, 0] + 1j * X[0, 1]).astype(np.complex64)
    close(ee.gradient(z, 0.5), np.gradient(z, 0.5), np.complex64)
    close(ee.gradient(X[0, 0].astype(np.float64)), np.gradient(X[0, 0].astype(np.float64)), np.float64)


def test_gradient_refuses():
    for args, kwargs, error, words in (
        (([1.0],), {}, ShapeError, "1 elements"),
        (([1.0, 2.0],), {"edge_order": 2}, ShapeError, "needs 3"),
        ((X,), {"edge_order": 3}, InvalidValueError, "edge_order=3"),
        ((X, 1.0, 2.0), {}, ShapeError, "3 axes with 2 spacings"),
        ((X, [1.0, 2.0]), {"axis": 0}, ShapeError, "coordinates"),
    ):
        with pytest.raises(error, match=words):
            ee.gradient(*args, **kwargs)


def test_trapezoid():
    for axis in (-1, 0, 1):
        close(ee.trapezoid(X, axis=axis), np.trapezoid(X, axis=axis), np.float32)
        close(ee.trapezoid(N, dx=0.5, axis=axis), np.trapezoid(N, dx=0.5, axis=axis), np.float32)
        at = PLACES[axis]
        close(ee.trapezoid(X, at, axis=axis), np.trapezoid(X, at, axis=axis), np.float32)
    close(ee.trapezoid(X, X * 2), np.trapezoid(X, X * 2), np.float32)
    close(ee.trapezoid(X[0], X), np.trapezoid(X[0], X), np.float32)
    for short in (X[..., :1], X[..., :0]):
        close(ee.trapezoid(short), np.zeros((3, 4)), np.float32)


@pytest.mark.parametrize("given", [{}, {"discont": 4.0}, {"period": 3.0}, {"axis": 0}, {"discont": 1.0, "period": 2.5}])
def test_unwrap(given):
    phases = (X * 6).astype(np.float64)
    close(ee.unwrap(phases, **given), np.unwrap(phases, **given), np.float64)
    close(ee.unwrap(phases.astype(np.float32), **given), np.unwrap(phases, **given), np.float32, 1e-4)


def test_unwrap_of_integers():
    for period in (4, 5, 360):
        x = N[0].astype(np.int64) * 50
        close(ee.unwrap(x, period=period), np.unwrap(x, period=period), np.int64)
    close(ee.unwrap([0.0, np.pi, 2 * np.pi]), np.unwrap([0, np.pi, 2 * np.pi]), np.float32)
    assert ee.unwrap(np.zeros(0, np.float32)).shape == (0,)


XP = np.array([-1.0, 0.0, 0.5, 0.5, 2.0], np.float32)
FP = np.array([3.0, 1.0, -2.0, 5.0, 4.0], np.float32)
AT = np.array([[-3, -1, -0.5, 0, 0.2], [0.5, 1, 2, 9, NAN]], np.float32)


@pytest.mark.parametrize("given", [{}, {"left": -7.0}, {"right": NAN}, {"left": 0, "right": 1}])
def test_interp(given):
    close(ee.interp(AT, XP, FP, **given), np.interp(AT, XP, FP, **given), np.float32)
    close(ee.interp(AT, XP, FP.astype(np.float64), **given), np.interp(AT, XP, FP, **given), np.float64)
    close(ee.interp(AT, XP, FP + 2j * FP, **given), np.interp(AT, XP, FP + 2j * FP, **given), np.complex64)
    close(ee.interp(AT, XP[:1], FP[:1], **given), np.interp(AT, XP[:1], FP[:1], **given), np.float32)


def test_interp_of_integers_numbers_and_infinities():
    close(ee.interp([1, 2, 5], [0, 4, 8], [0, 8, 4]), [2, 4, 7], np.float32)
    assert float(ee.interp(0.25, [0.0, 1.0], [0.0, 2.0])) == 0.5
    flat = [INF, INF, 1.0]
    close(ee.interp(AT, [0.0, 1.0, 2.0], flat), np.interp(AT, [0.0, 1.0, 2.0], flat), np.float32)


@pytest.mark.parametrize("period", [360.0, -90])
def test_interp_with_a_period(period):
    x = np.array([-180, -170, -185, 185, -10, -5, 0, 365], np.float32)
    xp, fp = np.array([190, -190, 350, -350], np.float32), np.array([5, 10, 3, 4], np.float32)
    close(ee.interp(x, xp, fp, period=period), np.interp(x, xp, fp, period=period), np.float32)


def test_interp_refuses():
    for xp, fp in (([1.0, 2.0], [1.0]), ([], []), ([[1.0]], [[1.0]])):
        with pytest.raises(ShapeError, match="interp"):
            ee.interp(AT, xp, fp)
    with pytest.raises(InvalidValueError, match="period of 0"):
        ee.interp(AT, XP, FP, period=0)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (6, 4), (4, 6), (5, 5), (4, 4), (1, 1), (6, 1), (1, 2)])
def test_filters(name, mode, sizes):
    m, n = sizes
    flat, whole = X.ravel(), N.ravel()
    z = (flat[:30] + 1j * flat[30:]).astype(np.complex64)
    for x in (flat, flat.astype(np.float64), whole, z, whole > 3):
        a, v = x[:m], x[10 : 10 + n]
        close(getattr(ee, name)(a, v, mode), getattr(np, name)(a, v, mode), x.dtype, 1e-4)


@pytest.mark.parametrize("size", [32, 33, 60])
def test_filters_with_long_kernels(size):
    flat = np.concatenate([X.ravel(), X.ravel()[::-1]])
    for mode in ("full", "same", "valid"):
        close(ee.convolve(flat, flat[:size], mode), np.convolve(flat, flat[:size], mode), np.float32, 1e-4)


def test_filters_refuse():
    with pytest.raises(InvalidValueError, match="no mode 'all'"):
        ee.convolve([1], [1], "all")
    for a, v in (([], [1]), ([1], []), (X, [1])):
        with pytest.raises(ShapeError, match="one-dimensional and not empty"):
            ee.correlate(a, v)
    assert ee.convolve(2, [1, 2]).tolist() == [2, 4]


def test_polyval():
    close(ee.polyval([2.0, -1.0, 0.5], X), numpys("polyval", [2, -1, 0.5], X), np.float32)
    close(ee.polyval(N[0, 0], N), numpys("polyval", N[0, 0], N), np.int64)
    close(ee.polyval([1, 2], X), numpys("polyval", [1, 2], X), np.float32)
    close(ee.polyval([1.5], 2), 1.5, np.float32)
    close(ee.polyval(np.zeros(0, np.float32), X), np.zeros_like(X), np.float32)
    with pytest.raises(ShapeError, match="one-dimensional"):
        ee.polyval(X, 2)


@pytest.mark.parametrize("columns", [None, 0, 1, 2, 6])
@pytest.mark.parametrize("increasing", [False, True])
def test_vander(columns, increasing):
    for x in (X[0, 0], N[0, 0], N[0, 0] > 0, X[0, 0, :0]):
        want = np.vander(x, columns, increasing)
        close(ee.vander(x, columns, increasing), want, np.float32 if x.dtype == np.float32 else np.int64)
    with pytest.raises(ShapeError):
        ee.vander(X)
    with pytest.raises(ShapeError):
        ee.vander(X[0, 0], -1)


def test_compiled():
    def everything(x, at):
        a, b = x[0, 0], x[0, 1]
        return (
            ee.isclose(x, x + 1e-6),
            ee.nan_to_num(x / 0.0),
            ee.sinc(x),
            ee.heaviside(x, 0.5),
            ee.fmax(x, ee.where(x > 0, NAN, -x)),
            ee.fmod(x, -0.3),
            *ee.gradient(x, 0.5, [0.0, 1.0, 1.5, 4.0], 2.0, edge_order=1),
            ee.trapezoid(x),
            ee.unwrap(x * 6),
            ee.interp(at, XP, FP),
            ee.interp(at, XP[:3], FP[:3], period=4.0),
            ee.convolve(a, b[:3], "same"),
            ee.correlate(a, b),
            ee.polyval([1.0, 2.0, 3.0], x),
            ee.vander(a),
        )

    with config(evaluation="compiled"):
        got = ee.jit(everything)(X, AT)
    want = everything(ee.asarray(X), ee.asarray(AT))
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=2e-5, atol=1e-5)
