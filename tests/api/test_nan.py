"""Reductions that leave NaN out, against NumPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

NAN = float("nan")
RNG = np.random.default_rng(3)
FULL = RNG.standard_normal((3, 4, 5)).astype(np.float32)
HOLES = np.where(RNG.random((3, 4, 5)) < 0.4, NAN, FULL).astype(np.float32)
HOLES[1, 2, :] = NAN
INFINITE = np.array([[np.inf, NAN, 1.0], [-np.inf, np.inf, NAN], [NAN, NAN, -np.inf]], np.float32)
N = RNG.integers(-9, 9, (3, 4, 5))

FOLDS = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax", "nanmedian"]


def against(name: str, x: np.ndarray, *args: Any, **kwargs: Any) -> None:
    """The function is NumPy's, but for the default dtype of what integers make."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        want = np.asarray(getattr(np, name)(x, *args, **kwargs))
    got = getattr(ee, name)(x, *args, **kwargs)
    # Lists are float32 here, and a share takes no part in promotion.
    shares = bool(args) and isinstance(args[0], list)
    dtype = np.dtype(np.float32) if want.dtype.kind == "f" and (x.dtype.kind in "iub" or shares) else want.dtype
    assert got.dtype.numpy == dtype
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-3 if x.dtype == np.float16 else 2e-5, atol=1e-6)


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_folds_along_axes(name, axis, keepdims):
    against(name, HOLES, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8, bool])
def test_folds_of_dtypes(name, dtype):
    x = N if np.dtype(dtype).kind in "iub" else HOLES
    if name == "nanmedian" and dtype is bool:
        np.testing.assert_array_equal(ee.nanmedian(x > 0), np.median(x > 0))
        return
    against(name, np.abs(x).astype(dtype), axis=1)


@pytest.mark.parametrize("name", [*FOLDS, "nancumsum", "nancumprod"])
@pytest.mark.parametrize("x", [INFINITE, np.float32(NAN), np.float32(2.0), np.full((2, 2), NAN)])
def test_infinities_and_nothing_but_nan(name, x):
    against(name, np.asarray(x))
    if np.ndim(x):
        against(name, np.asarray(x), axis=1)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmedian"])
def test_folds_of_nothing(name):
    against(name, np.zeros((0, 3), np.float32), axis=0)


@pytest.mark.parametrize("name", ["nanmin", "nanmax", "nanargmin", "nanargmax"])
def test_no_extremum_of_nothing(name):
    with pytest.raises(ShapeError):
        getattr(ee, name)(np.zeros((0, 3), np.float32), axis=0)


@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanvar", "nanstd"])
def test_complex(name):
    x = (HOLES + 1j * FULL).astype(np.complex64)
    against(name, x, axis=2)
    against(name, x.astype(np.complex128))


@pytest.mark.parametrize("name", ["nanvar", "nanstd"])
@pytest.mark.parametrize("ddof", [1, 2])
def test_degrees_of_freedom(name, ddof):
    against(name, HOLES, axis=2, ddof=ddof)
    against(name, HOLES, 0, ddof=ddof, keepdims=True)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean"])
def test_chosen_dtype(name):
    got = getattr(ee, name)(HOLES, 2, np.float64)
    want = getattr(np, name)(np.where(np.isnan(HOLES).all(2, keepdims=True), 0, HOLES), 2, np.float64)
    np.testing.assert_allclose(got.numpy()[~np.isnan(HOLES).all(2)], want[~np.isnan(HOLES).all(2)], rtol=1e-15)
    assert got.dtype == ee.float64


def test_a_mean_is_floating_point():
    with pytest.raises(DTypeError, match="ask for a floating point dtype"):
        ee.nanmean(HOLES, dtype=ee.int64)


@pytest.mark.parametrize("name", ["nancumsum", "nancumprod"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_running_totals(name, axis):
    against(name, HOLES, axis)
    against(name, N[:1, :2, :3], axis)


@pytest.mark.parametrize("name", ["nanargmin", "nanargmax"])
def test_places(name):
    known = np.where(np.isnan(HOLES).all(2, keepdims=True), 0, HOLES)
    for axis in (None, 2):
        against(name, known, axis=axis)
        against(name, known, axis=axis, keepdims=True)
    against(name, N, axis=0)
    assert getattr(ee, name)([[NAN, NAN], [NAN, 1.0]], axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
@pytest.mark.parametrize("q", [0.0, 0.3, [0.25, 0.5, 1.0]])
@pytest.mark.parametrize(("axis", "keepdims"), [(None, False), (1, True), (-1, False), ((0, 2), True)])
def test_quantiles(method, q, axis, keepdims):
    against("nanquantile", HOLES, q, axis=axis, method=method, keepdims=keepdims)
    against("nanpercentile", HOLES, np.multiply(q, 100).tolist(), axis=axis, method=method, keepdims=keepdims)


def test_quantiles_of_integers_and_of_what_is_no_share():
    np.testing.assert_array_equal(ee.nanquantile(N, 0.5, axis=0).numpy(), np.quantile(N, 0.5, axis=0))
    with pytest.raises(InvalidValueError, match="shares are from 0 to 100"):
        ee.nanpercentile(HOLES, 101)


def test_compiled():
    def everything(x):
        return (
            ee.nansum(x, 1),
            ee.nanmean(x, 0),
            ee.nanstd(x, 2, ddof=1),
            ee.nanmin(x, -1),
            ee.nanargmax(x, 0),
            ee.nancumsum(x, 1),
            ee.nanquantile(x, [0.25, 0.5], axis=2),
        )

    with config(evaluation="compiled"):
        got = ee.jit(everything)(HOLES)
    with config(evaluation="reference"):
        want = everything(HOLES)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-5, atol=1e-6)
