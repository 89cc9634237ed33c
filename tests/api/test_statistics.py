"""Order statistics, averages, covariances and histograms, against NumPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(11)
X = RNG.standard_normal((3, 4, 6)).astype(np.float32)
N = RNG.integers(-9, 9, (3, 4, 6))
HOLED = np.where(X > 1.2, NAN, X).astype(np.float32)
METHODS = ["linear", "lower", "higher", "nearest", "midpoint"]


def numpys(name: str, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return getattr(np, name)(*args, **kwargs)


def close(got: ee.Array, want: Any, dtype: Any, rtol: float = 2e-5) -> None:
    assert got.dtype.numpy == np.dtype(dtype)
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got.numpy(), want, rtol=rtol, atol=2e-6)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("x", [X, X[:, :3, :5], HOLED], ids=["even", "odd", "holed"])
def test_median(x, axis, keepdims):
    close(ee.median(x, axis, keepdims=keepdims), np.median(x, axis, keepdims=keepdims), np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint32, np.int64, bool])
def test_order_statistics_of_dtypes(dtype):
    x = X.astype(dtype) if np.dtype(dtype).kind == "f" else np.abs(N).astype(dtype)
    kind = dtype if np.dtype(dtype).kind == "f" else np.float32
    close(ee.median(x, 1), np.median(x, 1), kind, 1e-3 if dtype is np.float16 else 1e-6)
    plain = x.astype(np.float64)
    for method in METHODS:
        want = numpys("quantile", plain, 0.3, axis=1, method=method)
        mixed = method in ("linear", "midpoint")
        close(ee.quantile(x, 0.3, 1, method=method), want, kind if mixed else dtype, 2e-3 if mixed else 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("q", [0, 1, 0.5, 0.37, [0.1, 0.9, 0.9], [[0.25], [0.75]], []])
@pytest.mark.parametrize(("axis", "keepdims"), [(None, True), (0, False), (-1, True), ((1, 2), False)])
def test_quantiles(method, q, axis, keepdims):
    for x in (X, HOLED):
        want = numpys("quantile", x, q, axis=axis, method=method, keepdims=keepdims)
        close(ee.quantile(x, q, axis, method=method, keepdims=keepdims), want, np.float32)


def test_percentiles_and_computed_shares():
    close(ee.percentile(X, [10, 50.0], 1), np.percentile(X, [10, 50.0], 1), np.float32)
    for q in (ee.asarray([0.25, 0.5]), np.array([0.25, 0.5])):
        close(ee.quantile(X, q), np.quantile(X, [0.25, 0.5]), np.float32)
    assert ee.quantile([1.0, 2.0, 3.0], ee.asarray([-1.0, 2.0])).tolist() == [1, 3]


def test_a_share_of_a_long_axis_keeps_its_digits():
    x = np.arange(1_000_003, dtype=np.float64)
    np.testing.assert_allclose(float(ee.quantile(x, 0.9)), np.quantile(x, 0.9), rtol=1e-14)


def test_infinities_stay_what_they_are():
    assert ee.quantile([1.0, INF], [0.0, 0.5, 1.0]).tolist() == [1, INF, INF]
    assert ee.quantile([INF, INF], 0.3).item() == INF
    assert ee.median([-INF, -INF, 0.0]).item() == -INF
    assert np.isnan(ee.median([-INF, INF]).item())


def test_order_statistics_of_nothing_are_nan():
    empty = np.zeros((0, 3), np.float32)
    for got in (ee.median(empty, 0), ee.quantile(empty, 0.5, 0), ee.quantile(np.zeros((0, 3), int), 0.5, 0)):
        np.testing.assert_array_equal(got.numpy(), np.full(3, NAN, np.float32))
    assert ee.quantile(empty, [0.5, 0.6], 1).shape == (2, 0)
    assert ee.median(empty, 1).shape == (0,)
    with pytest.raises(ShapeError, match="no element"):
        ee.quantile(np.zeros(0, int), 0.5, method="lower")


def test_one_number():
    assert ee.median(3.0).item() == 3
    assert ee.quantile(np.float32(3), 0.2).shape == ()


@pytest.mark.parametrize("q", [-0.1, 1.5, [0.5, 2], NAN])
def test_what_is_no_share(q):
    with pytest.raises(InvalidValueError, match="shares are from 0 to 1"):
        ee.quantile(X, q)


def test_order_statistics_refuse():
    with pytest.raises(InvalidValueError, match="no method 'weibull'"):
        ee.quantile(X, 0.5, method="weibull")
    with pytest.raises(DTypeError, match="no order"):
        ee.median(X.astype(np.complex64))
    with pytest.raises(ShapeError, match="axis 3"):
        ee.quantile(X, 0.5, 3)


@pytest.mark.parametrize("axis", [None, 0, (0, -1)])
@pytest.mark.parametrize("x", [X, N, HOLED], ids=["float", "int", "holed"])
def test_ptp(x, axis):
    for keepdims in (False, True):
        close(ee.ptp(x, axis, keepdims=keepdims), np.ptp(x, axis, keepdims=keepdims), x.dtype)
    with pytest.raises(ShapeError):
        ee.ptp(np.zeros((0, 2)), 0)


@pytest.mark.parametrize(
    ("axis", "weights"),
    [
        (None, None),
        (1, None),
        (None, np.abs(X)),
        (1, np.abs(X)),
        (1, [1, 2, 3, 4]),
        ((0, 2), np.abs(X[:, 0, :])),
        ((2, 0), np.abs(X[:, 0, :]).T),
        (-1, N[0, 0]),
    ],
)
@pytest.mark.parametrize("keepdims", [False, True])
def test_average(axis, weights, keepdims):
    for x in (X, N):
        got = ee.average(x, axis, weights, returned=True, keepdims=keepdims)
        want = numpys("average", x, axis, weights, True, keepdims=keepdims)
        for g, w in zip(got, want, strict=True):
            close(g, w, np.float32, 2e-4)


def test_average_refuses_weights_that_do_not_fit():
    for axis, weights in ((None, [1, 2]), (0, [1, 2, 3, 4]), (1, np.ones((4, 1)))):
        with pytest.raises(ShapeError, match="weights"):
            ee.average(X, axis, weights)
    assert np.isnan(ee.average([1.0, -1.0], weights=[0, 0]).item())


TABLE = X[0]
COMPLEX = (X[0] + 1j * X[1]).astype(np.complex64)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("ddof", [None, 0, 2])
@pytest.mark.parametrize("rowvar", [False, True])
@pytest.mark.parametrize("m", [TABLE, N[0], COMPLEX], ids=["float", "int", "complex"])
def test_cov(m, rowvar, bias, ddof):
    dtype = np.complex64 if m.dtype.kind == "c" else np.float32
    close(ee.cov(m, None, rowvar, bias, ddof), numpys("cov", m, None, rowvar, bias, ddof), dtype, 1e-4)
    close(ee.cov(m, m * 2, rowvar, bias, ddof), numpys("cov", m, m * 2, rowvar, bias, ddof), dtype, 1e-4)


@pytest.mark.parametrize("weights", [{"fweights": [1, 2, 3, 1, 2, 3]}, {"aweights": np.abs(X[1, 1])}])
def test_weighted_cov(weights):
    both = {"fweights": [1, 2, 3, 1, 2, 3]} | weights
    for given in (weights, both):
        close(ee.cov(TABLE, ddof=1, **given), np.cov(TABLE, ddof=1, **given), np.float32, 1e-4)


def test_cov_of_one_variable_and_of_chosen_dtype():
    close(ee.cov(TABLE[0]), np.cov(TABLE[0]), np.float32)
    close(ee.cov(TABLE[0], TABLE[1]), np.cov(TABLE[0], TABLE[1]), np.float32)
    close(ee.cov(TABLE, dtype=np.float64), np.cov(TABLE), np.float64, 1e-12)
    assert np.isnan(ee.cov([1.0]).item())
    with pytest.raises(ShapeError, match="more than two dimensions"):
        ee.cov(X)
    with pytest.raises(InvalidValueError, match="ddof"):
        ee.cov(TABLE, ddof=0.5)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="fweights"):
        ee.cov(TABLE, fweights=[1, 2])


@pytest.mark.parametrize("rowvar", [False, True])
@pytest.mark.parametrize("x", [TABLE, N[0], COMPLEX, TABLE[0]], ids=["float", "int", "complex", "one"])
def test_corrcoef(x, rowvar):
    dtype = np.complex64 if x.dtype.kind == "c" else np.float32
    close(ee.corrcoef(x, None, rowvar), np.corrcoef(x, None, rowvar), dtype, 1e-4)
    close(ee.corrcoef(x, x[::-1], rowvar), np.corrcoef(x, x[::-1], rowvar), dtype, 1e-4)


SAMPLES = np.round(RNG.standard_normal(200), 1)


@pytest.mark.parametrize("bins", [10, 1, 7, [-1.0, 0.0, 0.5, 2.0], [0, 1, 1, 3], np.array([0.5])])
@pytest.mark.parametrize("limits", [None, (-1.0, 1.5), (0, 0)])
@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weights", [None, np.abs(SAMPLES), np.arange(200)])
def test_histogram(bins, limits, density, weights):
    x = SAMPLES.reshape(10, 20)
    w = None if weights is None else weights.reshape(10, 20)
    got = ee.histogram(x, bins, limits, density, w)
    want = numpys("histogram", x, bins, limits, density, w)
    close(got[1], want[1], np.float32 if isinstance(bins, list) and isinstance(bins[0], float) else want[1].dtype)
    assert got[0].shape == want[0].shape
    if not density:
        assert got[0].dtype.numpy == want[0].dtype
    np.testing.assert_allclose(got[0].numpy(), want[0], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint16, bool])
def test_histogram_of_dtypes(dtype):
    x = np.abs(N).astype(dtype)
    got, edges = ee.histogram(x, bins=3, range=(0, 6))
    np.testing.assert_array_equal(got.numpy(), np.histogram(x.astype(int), 3, (0, 6))[0])
    assert edges.dtype == (ee.float16 if dtype is np.float16 else ee.float32)


def test_histogram_of_little():
    for x in (np.zeros(0, np.float32), np.ones(3, np.float32), np.float32(2)):
        got, want = ee.histogram(x, 4), np.histogram(x, 4)
        np.testing.assert_array_equal(got[0].numpy(), want[0])
        np.testing.assert_array_equal(got[1].numpy(), want[1])
    holed = np.array([0.1, NAN, 0.9, INF, -INF])
    np.testing.assert_array_equal(ee.histogram(holed, 2, (0, 1))[0].numpy(), [1, 1])
    assert np.isnan(ee.histogram(holed, 2)[1].numpy()).any()


def test_histogram_refuses():
    for bins, words in (([0, 2, 1], "ascend"), (0, "at least one")):
        with pytest.raises(InvalidValueError, match=words):
            ee.histogram(SAMPLES, bins)
    for limits in ((1, 0), (0, INF), (NAN, 1)):
        with pytest.raises(InvalidValueError, match="a low and a high"):
            ee.histogram(SAMPLES, 3, limits)
    with pytest.raises(ArgumentError, match="no rule 'auto'"):
        ee.histogram(SAMPLES, "auto")
    with pytest.raises(ArgumentError, match=r"not 2\.5"):
        ee.histogram(SAMPLES, 2.5)
    with pytest.raises(ShapeError, match="weights"):
        ee.histogram(SAMPLES, 3, weights=[1, 2])
    with pytest.raises(ShapeError, match="one-dimensional"):
        ee.histogram(SAMPLES, [[1, 2], [3, 4]])


def test_bin_edges():
    x = SAMPLES.astype(np.float32)
    close(ee.histogram_bin_edges(x, 5), np.histogram_bin_edges(x, 5), np.float32)
    close(ee.histogram_bin_edges(x, [1, 2, 4]), [1, 2, 4], np.int64)


@pytest.mark.parametrize("bins", [4, (3, 5), [0.0, 0.5, 2.0], ([0.0, 1.0, 2.0], 3), ([0.0, 1.0], [0.0, 0.5, 1.0])])
@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_histogram2d(bins, density, weighted):
    x, y, w = SAMPLES[:100], SAMPLES[100:], np.abs(SAMPLES[:100]) if weighted else None
    for limits in (None, [(-1.0, 1.0), (0.0, 2.0)]):
        got = ee.histogram2d(x, y, bins, limits, density, w)
        for g, wanted in zip(got, np.histogram2d(x, y, bins, limits, density, w), strict=True):
            np.testing.assert_allclose(g.numpy(), wanted, rtol=1e-6)
    with pytest.raises(ShapeError, match="1-d"):
        ee.histogram2d(X, X)
    with pytest.raises(ShapeError, match="differ"):
        ee.histogram2d(x, y[:9])


def test_compiled():
    def everything(x, q):
        return (
            ee.median(x, 1),
            ee.quantile(x, q, axis=2),
            ee.percentile(x, 30, method="nearest"),
            ee.average(x, 1, weights=[1.0, 2.0, 3.0, 4.0]),
            ee.cov(x[0]),
            ee.corrcoef(x[1]),
            *ee.histogram(x, 5, density=True),
            ee.histogram2d(x[0, 0], x[0, 1], 3)[0],
        )

    with config(evaluation="compiled"):
        got = ee.jit(everything)(X, np.array([0.2, 0.7]))
    want = everything(X, np.array([0.2, 0.7]))
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-5, atol=1e-6)
