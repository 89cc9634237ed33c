"""Elementwise functions, reductions, dtypes and methods against NumPy, interpreted by the reference rules."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import Array, asarray
from eerie_dsl.api.functions import elementwise
from eerie_dsl.api.functions.dtypes import can_cast, finfo, iinfo, isdtype, result_type
from eerie_dsl.errors import ShapeError
from eerie_dsl.ir import dtypes
from eerie_dsl.ops.arithmetic import multiply
from tests.support.comparison import CUBE, MASK, POSITIVE, M, N, X, Y, f32, same

pytestmark = pytest.mark.usefixtures("interpreted")

UNARY: dict[str, Any] = {
    "abs": (np.abs, N),
    "acos": (np.arccos, POSITIVE),
    "acosh": (np.arccosh, POSITIVE + 1),
    "asin": (np.arcsin, POSITIVE),
    "asinh": (np.arcsinh, X),
    "atan": (np.arctan, X),
    "atanh": (np.arctanh, POSITIVE),
    "bitwise_invert": (np.invert, N),
    "cbrt": (np.cbrt, X),
    "ceil": (np.ceil, X),
    "cos": (np.cos, X),
    "cosh": (np.cosh, X),
    "exp": (np.exp, X),
    "exp2": (np.exp2, X),
    "expm1": (np.expm1, X),
    "floor": (np.floor, X),
    "isfinite": (np.isfinite, np.array([1, np.inf, np.nan], np.float32)),
    "isinf": (np.isinf, np.array([1, -np.inf, np.nan], np.float32)),
    "isnan": (np.isnan, np.array([1, np.inf, np.nan], np.float32)),
    "log": (np.log, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "log1p": (np.log1p, POSITIVE),
    "log2": (np.log2, POSITIVE),
    "logical_not": (np.logical_not, N),
    "negative": (np.negative, N),
    "positive": (np.positive, N),
    "reciprocal": (np.reciprocal, POSITIVE),
    "round": (np.round, X * 3),
    "sign": (np.sign, N),
    "signbit": (np.signbit, np.array([-0.0, 0.0, -1.0], np.float32)),
    "sin": (np.sin, X),
    "sinh": (np.sinh, X),
    "sqrt": (np.sqrt, POSITIVE),
    "square": (np.square, N),
    "tan": (np.tan, X),
    "tanh": (np.tanh, X),
    "trunc": (np.trunc, X * 3),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    function, x = UNARY[name]
    same(getattr(ee, name)(x), function(x), close=True)


@pytest.mark.parametrize("name", ["exp", "sin", "sqrt", "log1p", "tanh"])
def test_integers_are_computed_in_float32(name):
    same(getattr(ee, name)(M), UNARY[name][0](M.astype(np.float32)), close=True)


@pytest.mark.parametrize(("name", "want"), [("isnan", False), ("isinf", False), ("isfinite", True)])
def test_float_tests_of_integers(name, want):
    same(getattr(ee, name)(M), np.full(4, want))


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_integers_are_round(name):
    same(getattr(ee, name)(N), N)


def test_signbit_of_integers():
    same(ee.signbit(N), N < 0)


def test_rsqrt_and_erf():
    same(ee.rsqrt(POSITIVE), 1 / np.sqrt(POSITIVE), close=True)
    same(ee.erf(X), np.vectorize(math.erf)(X).astype(np.float32), close=True)


BINARY: dict[str, Any] = {
    "add": (np.add, X, Y),
    "atan2": (np.arctan2, X, Y),
    "bitwise_and": (np.bitwise_and, N, M),
    "bitwise_left_shift": (np.left_shift, N, M),
    "bitwise_or": (np.bitwise_or, N, M),
    "bitwise_right_shift": (np.right_shift, N, M),
    "bitwise_xor": (np.bitwise_xor, N, M),
    "copysign": (np.copysign, X, Y),
    "divide": (np.divide, X, Y),
    "equal": (np.equal, N, M),
    "floor_divide": (np.floor_divide, N, M),
    "greater": (np.greater, N, M),
    "greater_equal": (np.greater_equal, N, M),
    "hypot": (np.hypot, X, Y),
    "less": (np.less, N, M),
    "less_equal": (np.less_equal, N, M),
    "logaddexp": (np.logaddexp, X, Y),
    "logical_and": (np.logical_and, N, M),
    "logical_or": (np.logical_or, N, M),
    "logical_xor": (np.logical_xor, N, M),
    "maximum": (np.maximum, X, Y),
    "minimum": (np.minimum, X, Y),
    "multiply": (np.multiply, N, M),
    "nextafter": (np.nextafter, X, Y),
    "not_equal": (np.not_equal, N, M),
    "pow": (np.power, POSITIVE, Y),
    "remainder": (np.remainder, N, M),
    "subtract": (np.subtract, X, Y),
}


@pytest.mark.parametrize("name", BINARY)
def test_binary_broadcasts(name):
    function, x, y = BINARY[name]
    same(getattr(ee, name)(x, y), function(x, y), close=True)
    same(getattr(ee, name)(x[:0], y), function(x[:0], y))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "bitwise_and", "bitwise_xor", "equal"])
def test_binary_of_bools(name):
    x, y = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    same(getattr(ee, name)(x, y), getattr(np, name)(x, y))


@pytest.mark.parametrize(
    ("x", "y", "want"),
    [
        ("int8", "uint8", "int16"),
        ("int32", "float16", "float16"),
        ("float16", "bfloat16", "float32"),
        ("bool", "int8", "int8"),
        ("bfloat16", 2, "bfloat16"),
        ("bfloat16", 2.5, "bfloat16"),
        ("int8", 2, "int8"),
        ("int8", 2.5, "float32"),
        ("bool", 2, "int64"),
        (1, 2, "int64"),
        (1, 2.0, "float32"),
    ],
)
def test_dtypes_meet(x, y, want):
    x, y = (ee.ones(2, dtype=v) if isinstance(v, str) else v for v in (x, y))
    assert ee.add(x, y).dtype.name == want
    assert ee.add(y, x).dtype.name == want


def test_integers_divide_to_float32():
    same(ee.divide(N, M), (N / M).astype(np.float32), close=True)


@pytest.mark.parametrize("power", [0, 1, 2, 3, 4, 5])
def test_constant_powers(power):
    same(ee.pow(N, power), N**power)
    same(ee.pow(X, power), X**power, close=True)


def test_square_is_recorded_as_a_product():
    assert ee.pow(asarray(X), 2).node.op is multiply


@pytest.mark.parametrize("x", [np.inf, -np.inf, np.nan, 3e38, 1e-30, 0.0])
@pytest.mark.parametrize("y", [np.inf, -np.inf, np.nan, 3e38, 0.0])
def test_hypot_and_logaddexp_at_the_edges(x, y):
    x, y = f32([x]), f32([y])
    with np.errstate(all="ignore"):
        same(ee.hypot(x, y), np.hypot(x, y), close=True)
        same(ee.logaddexp(x, y), np.logaddexp(x, y), close=True)


def test_round_to_decimals():
    x = f32([1.25, 2.345, -17.5])
    same(ee.round(x, 1), np.round(x, 1), close=True)
    same(ee.round(x, -1), np.round(x, -1), close=True)
    same(ee.round(N, 2), N)
    half = np.array([60000.0, 0.123], np.float16)
    same(ee.round(half, 2), np.array([60000.0, 0.12], np.float16))


def test_where():
    same(ee.where(MASK, X, Y), np.where(MASK, X, Y))
    same(ee.where(MASK, 1.0, 0), np.where(MASK, np.float32(1), np.float32(0)))
    same(ee.where(MASK, N, 0), np.where(MASK, N, np.int32(0)))
    same(ee.where(True, X, N), X)


def test_clip():
    same(ee.clip(X, -0.5, 0.5), np.clip(X, -0.5, 0.5))
    same(ee.clip(X, Y), np.maximum(X, Y))
    same(ee.clip(N, max=2), np.minimum(N, 2))
    same(ee.clip(N), N)


def test_astype():
    same(ee.astype(X * 10, "int8"), (X * 10).astype(np.int8))
    same(ee.astype(N, bool), N != 0)
    same(ee.astype(2.75, int), np.int64(2))
    assert ee.astype(X, ml_dtypes.bfloat16).dtype is dtypes.bfloat16


REDUCTIONS = ["sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "count_nonzero"]
AXES = [None, 0, -1, (0, 2), (), (-1, 0, 1)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("name", "axis"),
    [(n, a) for n in REDUCTIONS for a in AXES] + [(n, a) for n in ("argmax", "argmin") for a in (None, 0, -1)],
)
def test_reductions(name, axis, keepdims):
    x = X.reshape(3, 2, 2)
    got = getattr(ee, name)(x, axis=axis, keepdims=keepdims)
    same(got, getattr(np, name)(x, axis=axis, keepdims=keepdims), close=True)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all", "argmax", "mean"])
def test_reductions_of_bools(name):
    want = getattr(np, name)(MASK, axis=0)
    same(getattr(ee, name)(MASK, axis=0), want.astype(np.float32) if name == "mean" else want)


@pytest.mark.parametrize(
    ("given", "total"),
    [("int8", "int64"), ("uint8", "uint64"), ("bool", "int64"), ("float16", "float16"), ("bfloat16", "bfloat16")],
)
def test_dtype_of_sums(given, total):
    x = ee.ones(300, dtype=given)
    got = ee.sum(x)
    assert got.dtype.name == ee.prod(x).dtype.name == ee.cumulative_sum(x).dtype.name == total
    assert float(got) == 300
    assert ee.sum(x, dtype="float32").dtype is dtypes.float32


def test_float16_means_do_not_overflow():
    x = np.full(100_000, 2.0, np.float16)
    assert float(ee.mean(x)) == 2.0
    assert float(ee.var(x * 100)) == 0.0
    assert ee.mean(x).dtype is dtypes.float16
    assert ee.mean(N).dtype is dtypes.float32


def test_variance_of_numbers_far_from_zero():
    x = f32([1e4, 1e4 + 1, 1e4 + 2])
    same(ee.var(x, correction=1), np.float32(1))
    same(ee.std(X, axis=0, correction=1), np.std(X, axis=0, ddof=1), close=True)


def test_reductions_of_nothing():
    x = np.zeros((0, 3), np.float32)
    same(ee.sum(x, axis=0), np.zeros(3, np.float32))
    same(ee.prod(x, axis=0), np.ones(3, np.float32))
    same(ee.mean(x, axis=0), np.full(3, np.nan, np.float32))
    same(ee.var(x[:, 0]), np.float32(np.nan))
    same(ee.logsumexp(x, axis=0), np.full(3, -np.inf, np.float32))
    same(ee.max(x, axis=1), np.zeros(0, np.float32))
    with pytest.raises(ShapeError, match="no elements"):
        ee.max(x, axis=0)


def test_logsumexp():
    same(ee.logsumexp(X, axis=1), np.log(np.exp(X).sum(1)), close=True)
    x = f32([[1000, 1000], [-np.inf, -np.inf], [np.inf, 0], [np.nan, 0]])
    same(ee.logsumexp(x, axis=1), f32([1000 + np.log(2), -np.inf, np.inf, np.nan]))
    assert ee.logsumexp(x, axis=1, keepdims=True).shape == (4, 1)


def test_running_totals():
    same(ee.cumulative_sum(N, axis=1), np.cumulative_sum(N, axis=1, dtype=np.int64))
    same(ee.cumulative_prod(POSITIVE, axis=0), np.cumulative_prod(POSITIVE, axis=0), close=True)
    same(ee.cumulative_sum(M, include_initial=True), np.cumulative_sum(M, include_initial=True, dtype=np.int64))
    same(ee.cumulative_prod(M, include_initial=True), np.cumulative_prod(M, include_initial=True, dtype=np.int64))


def test_methods_are_the_functions():
    x = asarray(CUBE)
    for name in ("sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin"):
        same(getattr(x, name)(axis=1), getattr(ee, name)(CUBE, axis=1).numpy())
        same(getattr(x, name)(0), getattr(ee, name)(CUBE, axis=0).numpy())
    same(x.reshape(4, -1), CUBE.reshape(4, -1))
    same(x.reshape((4, 6)), CUBE.reshape(4, 6))
    same(x.flatten(), CUBE.ravel())
    same(x.transpose(), CUBE.transpose())
    same(x.transpose(1, 0, 2), CUBE.transpose(1, 0, 2))
    same(x[0].T, CUBE[0].T)
    same(x.mT, CUBE.mT)
    same(x.swapaxes(0, 2), CUBE.swapaxes(0, 2))
    same(x[:1].squeeze(0), CUBE[0])
    same(x.astype("float32"), CUBE.astype(np.float32))
    same(x.clip(3, 5), CUBE.clip(3, 5))
    same(asarray(X).round(1), X.round(1), close=True)
    assert isinstance(x.at[0].set(1), Array)


def test_dtype_functions():
    assert result_type(asarray(X), 1, "float64") is dtypes.float64
    assert result_type(2, 1.5) is dtypes.float32
    assert result_type(np.float64(2)) is dtypes.float64
    assert can_cast("uint8", "int16")
    assert not can_cast(asarray(X), "int64")
    assert not can_cast("uint64", "int64")
    assert iinfo(asarray(N)).min == -(2**31)
    assert iinfo("uint8") == (8, 255, 0, dtypes.uint8)
    assert finfo("bfloat16").eps == 2.0**-7
    assert finfo("complex64").dtype is dtypes.float32
    assert finfo(X).max == np.finfo(np.float32).max
    for kind in ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating"):
        for d in dtypes.ALL:
            if d.name != "bfloat16":
                assert isdtype(d, kind) == np.isdtype(d.numpy, kind)
    assert isdtype("int8", ("bool", dtypes.int8))


def test_made_functions_have_their_names():
    made = [(n, f) for n, f in vars(elementwise).items() if getattr(f, "__module__", "") == elementwise.__name__]
    assert len(made) > 60
    for name, function in made:
        if name.startswith("_"):
            continue
        assert function.__name__ == name
        assert function.__doc__
