"""Pooling against loops over windows in NumPy, and its gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(5)

OPTIONS = [
    (2, {}),
    (3, {}),
    (2, {"stride": 1}),
    (3, {"stride": 2}),
    (3, {"stride": 2, "padding": 1}),
    (3, {"stride": 1, "padding": "same"}),
    (2, {"stride": 3}),
    (4, {"stride": 3, "padding": ((2, 1), 1)}),
    ((3, 2), {"stride": (2, 1), "padding": (0, 1)}),
    (5, {"stride": 2, "padding": 2}),
    ((5, 4), {"stride": (1, 3), "padding": "same"}),
]


def per_axis(option, axes):
    return option if isinstance(option, tuple) else (option,) * axes


def geometry(sizes, window, stride, padding):
    axes = len(sizes)
    window = per_axis(window, axes)
    stride = window if stride is None else per_axis(stride, axes)
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, window, stride, strict=True)]
        padding = tuple((t // 2, t - t // 2) for t in totals)
    pairs = [p if isinstance(p, tuple) else (p, p) for p in per_axis(padding, axes)]
    return window, stride, pairs


def pooled(x, reduction, window, stride=None, padding=0):
    """``reduction`` of a list of the elements of each window that are in ``x``."""
    window, stride, pairs = geometry(x.shape[1:-1], window, stride, padding)
    sizes = zip(x.shape[1:], window, stride, pairs, strict=False)
    counts = [(n + low + high - k) // s + 1 for n, k, s, (low, high) in sizes]
    y = np.zeros((x.shape[0], *counts, x.shape[-1]), x.dtype)
    for place in np.ndindex(*counts):
        starts = [i * s - low for i, s, (low, _) in zip(place, stride, pairs, strict=True)]
        part = x[(slice(None), *(slice(max(a, 0), a + k) for a, k in zip(starts, window, strict=True)))]
        y[(slice(None), *place)] = reduction(part.reshape(x.shape[0], -1, x.shape[-1]), int(np.prod(window)))
    return y


def greatest(part, _):
    return part.max(1)


def mean_with_zeros(part, count):
    return part.sum(1) / count


def mean(part, _):
    return part.mean(1)


@pytest.mark.parametrize(("window", "options"), OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(2, 6, 7, 2), (1, 5, 5, 1)], ids=str)
def test_values_and_gradients(shape, window, options):
    x = RNG.normal(size=shape)
    check(lambda x: nn.max_pool(x, window, **options), lambda x: pooled(x, greatest, window, **options), x)
    check(lambda x: nn.avg_pool(x, window, **options), lambda x: pooled(x, mean_with_zeros, window, **options), x)
    check(
        lambda x: nn.avg_pool(x, window, count_include_pad=False, **options),
        lambda x: pooled(x, mean, window, **options),
        x,
    )


@pytest.mark.parametrize(
    ("shape", "window"), [((2, 7, 3), 3), ((1, 4, 4, 5, 2), (2, 1, 3)), ((1, 6, 6, 6, 1), 3)], ids=str
)
def test_other_numbers_of_axes(shape, window):
    x = RNG.normal(size=shape)
    check(lambda x: nn.max_pool(x, window, stride=2), lambda x: pooled(x, greatest, window, 2), x)
    check(lambda x: nn.avg_pool(x, window, stride=2), lambda x: pooled(x, mean_with_zeros, window, 2), x)


@pytest.mark.parametrize(
    ("window", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (5, 2, 1), ((2, 6), (1, 2), (1, 0))], ids=str
)
def test_first_of_equal_elements_gets_the_gradient(window, stride, padding):
    x = RNG.integers(0, 3, size=(2, 7, 8, 3)).astype(np.float64)
    ct = RNG.normal(size=nn.max_pool(eerie.asarray(x), window, stride=stride, padding=padding).shape)
    found = eerie.grad(lambda x: eerie.sum(nn.max_pool(x, window, stride=stride, padding=padding) * ct))(
        eerie.asarray(x)
    )
    windows, strides, pairs = geometry((7, 8), window, stride, padding)
    padded = np.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=-np.inf)
    want = np.zeros_like(padded)
    for n, i, j, c in np.ndindex(*ct.shape):
        a, b = i * strides[0], j * strides[1]
        row, column = divmod(int(padded[n, a : a + windows[0], b : b + windows[1], c].argmax()), windows[1])
        want[n, a + row, b + column, c] += ct[n, i, j, c]
    (top, _), (left, _) = pairs
    np.testing.assert_allclose(found.numpy(), want[:, top : top + 7, left : left + 8], rtol=1e-12, atol=1e-12)


def test_second_derivatives():
    x, v = eerie.asarray(RNG.normal(size=(1, 4, 4, 1))), eerie.asarray(RNG.normal(size=(1, 4, 4, 1)))

    def cubes(x):
        return eerie.sum(nn.max_pool(x, 2, stride=1) ** 3) + eerie.sum(nn.avg_pool(x, 3, stride=1) ** 3)

    def slope(x):
        return eerie.sum(eerie.grad(cubes)(x) * v)

    found = eerie.grad(slope)(x).numpy()
    step = 1e-5
    ends = [eerie.grad(cubes)(x + s * v).numpy() for s in (step, -step)]
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)
    tangent = eerie.jvp(cubes, (x,), (v,))[1]
    assert float(tangent) == pytest.approx(float(eerie.sum(eerie.grad(cubes)(x) * v)))


def test_many_are_one_batch():
    x = eerie.asarray(RNG.normal(size=(3, 2, 5, 5, 2)))

    def gradient(x):
        return eerie.grad(lambda x: eerie.sum(nn.max_pool(x, 3, stride=2) ** 2))(x)

    np.testing.assert_array_equal(eerie.vmap(gradient)(x).numpy(), np.stack([gradient(x[k]).numpy() for k in range(3)]))


@pytest.mark.parametrize("place", [0, 3, 8])
def test_nan_is_the_greatest(place):
    x = np.arange(9.0)
    x[place] = np.nan
    assert np.isnan(nn.max_pool(eerie.asarray(x.reshape(1, 3, 3, 1)), 3).numpy()).all()


def test_infinities_of_other_windows_stay_there():
    x = eerie.asarray([np.inf, 1.0, 2.0, 3.0, -np.inf, -np.inf])[None, :, None]
    assert nn.max_pool(x, 2)[0, :, 0].tolist() == [np.inf, 3, -np.inf]
    assert nn.avg_pool(x, 2)[0, :, 0].tolist() == [np.inf, 2.5, -np.inf]
    assert nn.adaptive_avg_pool(x, 4)[0, :, 0].tolist() == [np.inf, 1.5, -np.inf, -np.inf]


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "float16", "bfloat16", "float32"])
def test_max_pool_keeps_the_dtype(dtype):
    x = eerie.asarray(RNG.integers(1, 100, size=(1, 4, 4, 2))).astype(getattr(eerie, dtype))
    x = -x if dtype != "uint8" else x
    y = nn.max_pool(x, 3, stride=2, padding=1)
    assert y.dtype == x.dtype
    want = pooled(x.astype(eerie.float64).numpy(), greatest, 3, 2, 1)
    np.testing.assert_array_equal(y.astype(eerie.float64).numpy(), want)


def test_small_floats_are_summed_in_float32():
    x = eerie.asarray(np.tile([40000.0, 40000.0, -40000.0, -40000.0], 2).reshape(1, 8, 1)).astype(eerie.float16)
    y = nn.avg_pool(x, 4)
    assert (y.dtype, y[0, :, 0].tolist()) == (eerie.float16, [0, 0])


@pytest.mark.parametrize("size", [1, 2, 3, (5, 4), (7, 9)], ids=str)
def test_adaptive_avg_pool(size):
    x = RNG.normal(size=(2, 5, 8, 2))
    rows, columns = per_axis(size, 2)

    def formula(x):
        def part(i, j):
            top, bottom = i * 5 // rows, -(-(i + 1) * 5 // rows)
            left, right = j * 8 // columns, -(-(j + 1) * 8 // columns)
            return x[:, top:bottom, left:right].mean((1, 2))

        return np.stack([np.stack([part(i, j) for j in range(columns)], 1) for i in range(rows)], 1)

    check(lambda x: nn.adaptive_avg_pool(x, size), formula, x)


def test_global_avg_pool():
    x = RNG.normal(size=(2, 5, 4, 3))
    check(nn.global_avg_pool, lambda x: x.mean((1, 2)), x)
    check(nn.global_avg_pool, lambda x: x.mean(1), x[:, 0])


def test_no_examples():
    x = eerie.zeros((0, 4, 4, 2))
    for pool in (
        nn.MaxPool(3, 2, 1),
        nn.AvgPool(3, 2, 1, count_include_pad=False),
        lambda x: nn.adaptive_avg_pool(x, (2, 3)),
    ):
        y = pool(x)
        assert y.shape[0] == 0
        assert eerie.grad(lambda x, pool=pool: eerie.sum(pool(x)))(x).shape == x.shape
    assert nn.global_avg_pool(x).shape == (0, 2)


def test_modules_have_no_parameters():
    x = eerie.asarray(RNG.normal(size=(1, 5, 5, 2)))
    assert eerie.tree.leaves([nn.MaxPool(2), nn.AvgPool(2)]) == []
    assert nn.MaxPool(3, stride=2, padding=1)(x).tolist() == nn.max_pool(x, 3, stride=2, padding=1).tolist()
    layer = nn.AvgPool((3, 2), stride=1, padding=1, count_include_pad=False)
    want = nn.avg_pool(x, (3, 2), stride=1, padding=1, count_include_pad=False)
    assert layer(x).tolist() == want.tolist()


def test_a_window_without_overlap_is_one_kernel_both_ways():
    x, ct = eerie.zeros((2, 8, 8, 16)), eerie.zeros((2, 4, 4, 16))
    with config(evaluation="compiled"):
        for pool in (nn.MaxPool(2), nn.AvgPool(2)):
            report = eerie.jit(lambda x, ct, pool=pool: (pool(x), eerie.vjp(pool, x)[1](ct))).explain(x, ct)
            assert len(report.kernels) <= 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: nn.max_pool(x, 5), ShapeError, r"max_pool of f32\[1,4,4,2\]: a window of \(5, 5\) does not fit"),
        (lambda x: nn.avg_pool(x, (1, 5)), ShapeError, r"avg_pool .*window of \(1, 5\)"),
        (lambda x: nn.max_pool(x, 2, padding=2), ShapeError, "padding"),
        (lambda x: nn.max_pool(x, 3, padding=-1), ShapeError, "padding"),
        (lambda x: nn.max_pool(x[0, 0], 2), ShapeError, r"max_pool of f32\[4,2\]"),
        (lambda x: nn.max_pool(x, (2, 2, 2)), ArgumentError, "window is an integer from 1 on, or one for each of 2"),
        (lambda x: nn.max_pool(x, 0), ArgumentError, "window is"),
        (lambda x: nn.max_pool(x, 2, stride=0), ArgumentError, "stride is"),
        (lambda x: nn.max_pool(x, 2, padding="full"), ArgumentError, "padding 'full'"),
        (lambda x: nn.max_pool(x > 0, 2), DTypeError, r"max_pool of bool\[1,4,4,2\]"),
        (lambda x: nn.avg_pool(x.astype(eerie.int32), 2), DTypeError, r"avg_pool of i32\[1,4,4,2\]"),
        (lambda x: nn.adaptive_avg_pool(x.astype(eerie.int32), 2), DTypeError, "adaptive_avg_pool of i32"),
        (lambda x: nn.adaptive_avg_pool(x[:, :0], 2), ShapeError, "without elements"),
        (lambda x: nn.adaptive_avg_pool(x, 0), ArgumentError, "size is"),
        (lambda x: nn.global_avg_pool(x[:, :0]), ShapeError, "without elements"),
        (lambda x: nn.global_avg_pool(x > 0), DTypeError, "global_avg_pool"),
        (lambda x: nn.MaxPool(5)(x), ShapeError, "MaxPool: max_pool of"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(eerie.zeros((1, 4, 4, 2)))


def test_compiled():
    x = RNG.normal(size=(2, 6, 7, 4)).astype(np.float32)
    x[:, :2] = np.round(x[:, :2])  # some equal elements
    functions: list[Callable[[eerie.Array], eerie.Array]] = [
        nn.MaxPool(2),
        nn.MaxPool(3, stride=2, padding=1),
        nn.MaxPool((6, 3), stride=(1, 2)),
        nn.AvgPool(3, stride=2, padding=1, count_include_pad=False),
        lambda x: nn.adaptive_avg_pool(x, (1, 2)),
        nn.global_avg_pool,
    ]

    def all_of_them(x):
        found = []
        for k, f in enumerate(functions):
            y, pull = eerie.vjp(f, x * (1 + k))  # or the compiler would share what they have in common
            found += [y, *pull(eerie.cos(y))]
        return found

    with config(evaluation="compiled"):
        found = [a.numpy() for a in eerie.jit(all_of_them)(eerie.asarray(x))]
    for got, want in zip(found, all_of_them(eerie.asarray(x)), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-5, atol=1e-5)
