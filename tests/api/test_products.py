"""Products, convolution, activations and normalisations against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import asarray
from eerie_dsl.api.functions.contraction import convolution
from eerie_dsl.ir import Graph, check, dtypes, placeholder, topological
from eerie_dsl.ops.composite import activation, reduction
from tests.support.comparison import CUBE, M, X, Y, f32, same

pytestmark = pytest.mark.usefixtures("interpreted")
RNG = np.random.default_rng(7)

PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]


@pytest.mark.parametrize(("left", "right"), PRODUCTS)
def test_matmul(left, right):
    x = RNG.integers(-5, 5, left)
    y = RNG.integers(-5, 5, right)
    same(ee.matmul(x, y), np.matmul(x, y))
    same(asarray(x.astype(np.float32)) @ y, np.matmul(x, y).astype(np.float32))


def test_other_products():
    same(ee.vecdot(CUBE, CUBE[0, :, :]), np.vecdot(CUBE, CUBE[0]))
    same(ee.vecdot(CUBE, CUBE[:1], axis=-2), (CUBE * CUBE[:1]).sum(-2))
    same(ee.tensordot(CUBE, CUBE, axes=([1, 2], [1, 2])), np.tensordot(CUBE, CUBE, ([1, 2], [1, 2])))
    same(ee.tensordot(CUBE, CUBE.transpose(1, 2, 0)), np.tensordot(CUBE, CUBE.transpose(1, 2, 0)))
    same(ee.tensordot(M, M, axes=0), np.tensordot(M, M, 0))
    same(ee.outer(M, Y), np.outer(M, Y).astype(np.float32))
    same(ee.einsum("bij,bkj->bik", CUBE, CUBE), np.einsum("bij,bkj->bik", CUBE, CUBE))


@pytest.mark.parametrize("padding", ["valid", "same", 2, [1, (0, 3)]])
@pytest.mark.parametrize("stride", [1, (2, 3)])
def test_convolution_against_sums_of_windows(padding, stride):
    x = RNG.integers(-3, 3, (2, 7, 8, 2)).astype(np.float32)
    kernel = RNG.integers(-3, 3, (3, 2, 2, 4)).astype(np.float32)
    got = convolution(x, kernel, padding=padding, stride=stride).numpy()
    down, across = stride if isinstance(stride, tuple) else (stride, stride)
    sizes = ((7, 3, down), (8, 2, across))
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in sizes]
        around = [(t // 2, t - t // 2) for t in totals]
    else:
        around = {"valid": [(0, 0)] * 2, 2: [(2, 2)] * 2}.get(padding if not isinstance(padding, list) else "", [])
        around = around or [(1, 1), (0, 3)]
    padded = np.pad(x, [(0, 0), *around, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), (1, 2))[:, ::down, ::across]
    np.testing.assert_array_equal(got, np.einsum("bhwcij,ijcf->bhwf", windows, kernel))


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def test_softmax():
    same(ee.softmax(X), softmax(X, -1), close=True)
    same(ee.softmax(X, axis=(0, 1)), softmax(X, (0, 1)), close=True)
    same(ee.log_softmax(X * 50, axis=0), np.log(softmax(X.astype(float) * 50, 0)).astype(np.float32), close=True)
    same(ee.softmax(X[:0]), X[:0])


def test_softmax_of_masked_and_large_rows():
    x = f32([[-np.inf, -np.inf], [-np.inf, 3e38], [1e4, 1e4]])
    same(ee.softmax(x), f32([[0, 0], [0, 1], [0.5, 0.5]]))
    same(ee.log_softmax(x)[:2], f32([[-np.inf, -np.inf], [-np.inf, 0]]))


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(float)))


ACTIVATIONS = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: np.logaddexp(x.astype(float), 0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.concatenate([X.ravel(), f32([0, -80, 80])])
    same(getattr(ee, name)(x), ACTIVATIONS[name](x).astype(np.float32), close=True)
    assert math.isnan(getattr(ee, name)(np.float32(np.nan)))
    assert getattr(ee, name)(ee.ones(2, dtype="bfloat16")).dtype is dtypes.bfloat16


def test_tanh_form_of_gelu():
    want = 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))
    same(ee.gelu(X, approximate=True), want, close=True)


def test_normalisations():
    mean, var = X.mean(-1, keepdims=True), X.var(-1, keepdims=True)
    same(ee.layer_norm(X, Y, M, eps=1e-3), (X - mean) / np.sqrt(var + 1e-3) * Y + M.astype(np.float32), close=True)
    same(ee.layer_norm(X, axis=(0, 1)), (X - X.mean()) / np.sqrt(X.var() + 1e-5), close=True)
    same(ee.rms_norm(X, Y, eps=1e-3), X / np.sqrt((X * X).mean(-1, keepdims=True) + 1e-3) * Y, close=True)
    assert ee.layer_norm(ee.ones((2, 3), dtype="float16"), Y[:3]).dtype is dtypes.float16


@pytest.mark.parametrize(
    "record",
    [
        activation.softmax,
        activation.log_softmax,
        activation.gelu,
        activation.silu,
        activation.layer_norm,
        reduction.var,
        reduction.logsumexp,
    ],
)
def test_numbers_of_a_rule_are_part_of_the_program(record):
    x = placeholder(asarray(X).node.aval)
    result = record(x)
    order = topological([result], lambda node: node is x)
    check(Graph([x], order, [result]))
    assert [n for n in order if n.op is None] == []
