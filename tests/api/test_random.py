"""Random numbers as users draw them: distributions, shapes and dtypes, keys and streams, mistakes."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl import random as r
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError, TracerError

N = 100_000
KEY = r.key(2024)
BITS_OF_7 = [2895194379, 4185947648, 1300703658]

erf = np.vectorize(math.erf, otypes=[np.float64])
log_factorial = np.vectorize(lambda k: math.lgamma(k + 1.0), otypes=[np.float64])


def phi(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def upper(x):
    return 0.5 * np.array([math.erfc(v / math.sqrt(2)) for v in x])


# Each continuous distribution: how it is drawn, and its distribution function.
CONTINUOUS = {
    "uniform": (lambda k: r.uniform(N, low=-2, high=3.5, key=k), lambda x: (x + 2) / 5.5),
    "uniform-f64": (lambda k: r.uniform(N, dtype="float64", key=k), lambda x: x),
    "normal": (lambda k: r.normal(N, mean=1, std=2, key=k), lambda x: phi((x - 1) / 2)),
    "normal-f64": (lambda k: r.normal(N, dtype="float64", key=k), phi),
    "complex": (lambda k: ee.abs(r.normal(N, dtype="complex64", key=k)), lambda x: 1 - np.exp(-(x**2))),
    "truncated": (
        lambda k: r.truncated_normal(N, low=-1, high=2.5, key=k),
        lambda x: (phi(x) - phi(-1)) / (phi(2.5) - phi(-1)),
    ),
    "truncated-far": (
        lambda k: r.truncated_normal(N, low=-9, high=-6, key=k),
        lambda x: (upper(-x) - upper([9.0])) / (upper([6.0]) - upper([9.0])),
    ),
    "truncated-moved": (
        lambda k: r.truncated_normal(N, low=-1, high=4, mean=2, std=3, key=k),
        lambda x: (phi((x - 2) / 3) - phi(-1)) / (phi(2 / 3) - phi(-1)),
    ),
    "lognormal": (lambda k: r.lognormal(N, std=0.5, key=k), lambda x: phi(np.log(x) / 0.5)),
    "exponential": (lambda k: r.exponential(N, scale=3, key=k), lambda x: 1 - np.exp(-x / 3)),
    "laplace": (
        lambda k: r.laplace(N, mean=1, scale=2, key=k),
        lambda x: 0.5 + 0.5 * np.sign(x - 1) * (1 - np.exp(-np.abs(x - 1) / 2)),
    ),
    "logistic": (lambda k: r.logistic(N, mean=-1, scale=2, key=k), lambda x: 1 / (1 + np.exp(-(x + 1) / 2))),
    "gumbel": (lambda k: r.gumbel(N, location=2, key=k), lambda x: np.exp(-np.exp(2 - x))),
    "cauchy": (lambda k: r.cauchy(N, scale=2, key=k), lambda x: 0.5 + np.arctan(x / 2) / math.pi),
    "weibull": (lambda k: r.weibull(N, concentration=1.7, scale=2, key=k), lambda x: 1 - np.exp(-((x / 2) ** 1.7))),
    "pareto": (lambda k: r.pareto(N, concentration=3, scale=2, key=k), lambda x: 1 - (2 / x) ** 3),
    "rayleigh": (lambda k: r.rayleigh(N, scale=2, key=k), lambda x: 1 - np.exp(-(x**2) / 8)),
    "gamma-half": (lambda k: r.gamma(N, alpha=0.5, key=k), lambda x: erf(np.sqrt(x))),
    "gamma-three": (
        lambda k: r.gamma(N, alpha=3, scale=2, key=k),
        lambda x: 1 - np.exp(-x / 2) * (1 + x / 2 + x**2 / 8),
    ),
    "gamma-f64": (lambda k: r.gamma(N, alpha=1, dtype="float64", key=k), lambda x: 1 - np.exp(-x)),
    "beta": (lambda k: r.beta(N, a=2, b=3, key=k), lambda x: x**2 * (6 - 8 * x + 3 * x**2)),
    "beta-half": (lambda k: r.beta(N, a=0.5, b=0.5, key=k), lambda x: 2 / math.pi * np.arcsin(np.sqrt(x))),
    "chisquare": (lambda k: r.chisquare(N, df=1, key=k), lambda x: erf(np.sqrt(x / 2))),
    "student": (lambda k: r.student_t(N, df=2, key=k), lambda x: 0.5 + x / (2 * np.sqrt(2 + x**2))),
    "dirichlet": (lambda k: r.dirichlet([2, 1, 2], N, key=k)[:, 0], lambda x: x**2 * (6 - 8 * x + 3 * x**2)),
}


def kolmogorov(sample, distribution):
    """The distance of the sample's distribution function, times the root of its size: 1.95 for one in a thousand."""
    x = np.sort(np.asarray(sample, np.float64))
    p = np.asarray(distribution(x))
    steps = np.arange(x.size + 1) / x.size
    return math.sqrt(x.size) * max(np.max(p - steps[:-1]), np.max(steps[1:] - p))


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distribution(name):
    draw, distribution = CONTINUOUS[name]
    sample = draw(KEY).numpy()
    assert np.all(np.isfinite(sample))
    assert kolmogorov(sample, distribution) < 1.95
    other = np.sort(sample)[::-1][: N // 2]
    assert kolmogorov(other, distribution) > 100, "the check itself sees a wrong distribution"


# Mean and variance, which see a wrong scale earlier than the distribution function does.
MOMENTS = {
    "uniform": (lambda k: r.uniform(N, key=k), 1 / 2, 1 / 12),
    "normal": (lambda k: r.normal(N, mean=1, std=2, key=k), 1, 4),
    "bfloat16": (lambda k: r.normal(N, dtype="bfloat16", key=k), 0, 1),
    "exponential": (lambda k: r.exponential(N, scale=3, key=k), 3, 9),
    "laplace": (lambda k: r.laplace(N, scale=2, key=k), 0, 8),
    "logistic": (lambda k: r.logistic(N, key=k), 0, math.pi**2 / 3),
    "gumbel": (lambda k: r.gumbel(N, key=k), 0.5772156649, math.pi**2 / 6),
    "gamma": (lambda k: r.gamma(N, alpha=7.5, scale=2, key=k), 15, 30),
    "beta": (lambda k: r.beta(N, a=2, b=6, key=k), 1 / 4, 1 / 48),
    "student": (lambda k: r.student_t(N, df=12, key=k), 0, 1.2),
    "poisson": (lambda k: r.poisson(N, rate=1e4, key=k), 1e4, 1e4),
    "binomial": (lambda k: r.binomial(N, n=50_000, p=0.2, key=k), 1e4, 8e3),
}


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name):
    draw, mean, variance = MOMENTS[name]
    sample = draw(KEY).numpy().astype(np.float64)
    squares = (sample - mean) ** 2
    assert abs(sample.mean() - mean) < 4 * math.sqrt(variance / N)
    assert abs(squares.mean() - variance) < 4 * squares.std() / math.sqrt(N)


def poisson(rate):
    return lambda k: np.exp(k * math.log(rate) - rate - log_factorial(k))


def binomial(n, p):
    def mass(k):
        ways = log_factorial(n) - log_factorial(k) - log_factorial(np.maximum(n - k, 0))
        return np.where(k <= n, np.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p)), 0)

    return mass


def negative_binomial(n, p):
    def mass(k):
        ways = np.array([math.lgamma(x + n) for x in k]) - log_factorial(k) - math.lgamma(n)
        return np.exp(ways + n * math.log(p) + k * math.log1p(-p))

    return mass


def masses(*each):
    return lambda k: np.array([*each, *[0] * 99])[k]


# Each distribution of counts: how it is drawn, and the probability of each count.
COUNTS = {
    "poisson-few": (lambda k: r.poisson(N, rate=0.7, key=k), poisson(0.7)),
    "poisson-9.9": (lambda k: r.poisson(N, rate=9.9, key=k), poisson(9.9)),
    "poisson-10": (lambda k: r.poisson(N, rate=10.0, key=k), poisson(10)),
    "poisson-array": (lambda k: r.poisson(rate=ee.full(N, 120.0), key=k), poisson(120)),
    "binomial-few": (lambda k: r.binomial(N, n=10, p=0.3, key=k), binomial(10, 0.3)),
    "binomial-likely": (lambda k: r.binomial(N, n=100, p=0.95, key=k), binomial(100, 0.95)),
    "binomial-many": (lambda k: r.binomial(N, n=20, p=0.5, key=k), binomial(20, 0.5)),
    "binomial-array": (lambda k: r.binomial(n=ee.full(N, 300), p=0.7, key=k), binomial(300, 0.7)),
    "negative": (lambda k: r.negative_binomial(N, n=2.5, p=0.3, key=k), negative_binomial(2.5, 0.3)),
    "geometric": (lambda k: r.geometric(N, p=0.2, key=k), lambda k: np.where(k > 0, 0.2 * 0.8 ** (k - 1.0), 0)),
    "bernoulli": (lambda k: r.bernoulli(N, p=0.3, key=k), lambda k: np.where(k > 1, 0, np.where(k, 0.3, 0.7))),
    "integers": (lambda k: r.integers(N, low=3, high=20, key=k), lambda k: np.where((k >= 3) & (k < 20), 1 / 17, 0)),
    "choice": (
        lambda k: r.choice(5, N, p=[1, 2, 3, 0, 4], key=k),
        lambda k: np.array([0.1, 0.2, 0.3, 0, 0.4, *[0] * 99])[k],
    ),
    "categorical": (
        lambda k: r.categorical(np.log([0.1, 0.2, 0.7]), N, key=k),
        masses(0.1, 0.2, 0.7),
    ),
}


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    draw, mass = COUNTS[name]
    counts = np.bincount(draw(KEY).numpy().astype(np.int64))
    expected = N * mass(np.arange(counts.size))
    assert not np.any(counts[expected == 0])
    assert N - expected.sum() < 20
    common = expected > 10
    statistic = np.sum((counts - expected)[common] ** 2 / expected[common])
    degrees = np.count_nonzero(common) - 1
    assert statistic < degrees + 4 * math.sqrt(2 * degrees)


@pytest.mark.usefixtures("interpreted")
class TestSelection:
    def test_every_order_is_equally_likely(self):
        keys = np.asarray(r.split(KEY, 6000))
        counts: dict[tuple[int, ...], int] = {}
        for row in keys[:3000]:
            order = tuple(r.permutation(3, key=ee.asarray(row)).tolist())
            counts[order] = counts.get(order, 0) + 1
        assert len(counts) == 6
        assert max(abs(c - 500) for c in counts.values()) < 4 * math.sqrt(500)

    def test_permutation_keeps_the_elements(self):
        x = np.arange(24).reshape(2, 3, 4)
        got = r.permutation(x, axis=1, key=KEY).numpy()
        np.testing.assert_array_equal(np.sort(got, 1), x)
        assert sorted(r.permutation(1000, key=KEY).tolist()) == list(range(1000))
        assert r.permutation(0, key=KEY).shape == (0,)

    def test_choice_without_replacement(self):
        assert len(set(r.choice(50, 50, replace=False, key=KEY).tolist())) == 50
        picked = r.choice(4, 3, replace=False, p=[0.5, 0.0, 0.25, 0.25], key=KEY).tolist()
        assert sorted(picked) == [0, 2, 3]
        first = [r.choice(3, 1, replace=False, p=[6, 3, 1], key=k).tolist()[0] for k in r.split(KEY, 2000)]
        assert abs(np.mean(np.array(first) == 0) - 0.6) < 4 * math.sqrt(0.24 / 2000)

    def test_choice_of_slices(self):
        x = np.arange(12).reshape(3, 4)
        got = r.choice(x, (2, 5), axis=1, key=KEY).numpy()
        assert got.shape == (3, 2, 5)
        np.testing.assert_array_equal(got[1] - got[0], 4)

    def test_categorical_shapes_and_impossible_categories(self):
        logits = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 0.0]], np.float32)
        got = r.categorical(logits, (50,), key=KEY).numpy()
        assert got.shape == (50, 2)
        assert set(got[:, 0].tolist()) == {0, 2}
        assert set(got[:, 1].tolist()) == {2}
        assert r.categorical(logits, axis=0, key=KEY).shape == (3,)

    def test_dirichlet(self):
        got = r.dirichlet(np.array([[1.0, 2.0], [1e-3, 1e-3]]), 9, key=KEY)
        assert got.dtype is ee.float64
        assert got.shape == (9, 2, 2)
        np.testing.assert_allclose(got.numpy().sum(-1), 1, rtol=1e-12)


@pytest.mark.usefixtures("interpreted")
class TestShapesAndDtypes:
    def test_shapes(self):
        assert r.uniform(key=KEY).shape == ()
        assert r.normal((2, 0, 3), key=KEY).shape == (2, 0, 3)
        assert r.gamma(0, alpha=1.0, key=KEY).shape == (0,)
        assert r.normal(mean=np.zeros((3, 1)), std=[1.0, 2.0], key=KEY).shape == (3, 2)
        assert r.poisson((4, 1), rate=[1.0, 2.0], key=KEY).shape == (4, 2)
        np.testing.assert_array_equal(r.uniform((5, 7), key=KEY).numpy().ravel(), r.uniform(35, key=KEY).numpy())
        np.testing.assert_array_equal(
            r.gamma(9, alpha=0.5, key=KEY).numpy()[:4], r.gamma(4, alpha=0.5, key=KEY).numpy()
        )

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
    def test_dtypes(self, dtype):
        kind = ee.dtype(dtype)
        for draw in (r.uniform, r.normal, r.gumbel, r.exponential):
            got = draw((3,), dtype=dtype, key=KEY)
            assert got.dtype is kind
        assert r.gamma(2, alpha=2.0, dtype=dtype, key=KEY).dtype is kind
        assert r.normal(mean=ee.zeros(2, dtype=dtype), key=KEY).dtype is kind
        assert r.normal(2, mean=ee.zeros(2, dtype="int64"), key=KEY).dtype is ee.float32

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
    @pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.0, 0), (1.0, 1.01), (7, 8), (-0.1, 0.1), (1e-3, 2e-3)])
    def test_uniform_stays_below_its_bound(self, dtype, low, high):
        numbers = r.uniform(20_000, low=low, high=high, dtype=dtype, key=KEY).numpy().astype(np.float64)
        kind = ee.dtype(dtype).numpy
        assert numbers.max() < high
        assert numbers.min() >= float(kind.type(low))
        ends = ee.asarray([low, high], dtype=dtype)
        arrays = r.uniform(20_000, low=ends[0], high=ends[1], dtype=dtype, key=KEY).numpy().astype(np.float64)
        assert arrays.max() < float(ends[1]) or float(ends[0]) == float(ends[1])

    def test_integers_reach_the_ends_of_their_dtypes(self):
        for name in ("int8", "uint8"):
            info = np.iinfo(name)
            got = r.integers(5000, low=int(info.min), high=int(info.max) + 1, dtype=name, key=KEY)
            assert sorted(set(got.tolist())) == list(range(info.min, info.max + 1))
        whole = r.integers(1000, low=-(2**63), high=2**63, key=KEY).numpy()
        np.testing.assert_array_equal(whole > 0, whole.view(np.uint64) < 1 << 63)
        assert abs(np.mean(whole > 0) - 0.5) < 0.06
        assert r.integers(low=[0, 10, 5], high=np.array([1, 11, 5]), key=KEY).tolist() == [0, 10, 5]

    def test_bits(self):
        words = r.bits(100, key=KEY).numpy()
        np.testing.assert_array_equal(r.bits(100, dtype="uint8", key=KEY).numpy(), words >> 24)
        assert r.bits(3, dtype="uint64", key=KEY).dtype is ee.uint64

    def test_array_parameters_outside_their_domain(self):
        assert np.isnan(r.normal(std=[1.0, -1.0], key=KEY).numpy()).tolist() == [False, True]
        assert np.isnan(r.gamma(alpha=[1.0, 0.0, -2.0], key=KEY).numpy()).tolist() == [False, True, True]
        assert np.isnan(r.uniform(low=[0.0, 1.0], high=[1.0, 1.0], key=KEY).numpy()).tolist() == [False, True]
        assert r.poisson(rate=[-1.0, np.nan, 0.0], key=KEY).tolist() == [-1, -1, 0]
        assert r.binomial(n=[5, 5, 5], p=[-0.1, 1.1, 1.0], key=KEY).tolist() == [-1, -1, 5]

    def test_ends_of_the_domains(self):
        assert not r.bernoulli(1000, p=0, key=KEY).numpy().any()
        assert r.bernoulli(1000, p=1, key=KEY).numpy().all()
        assert set(r.geometric(100, p=1.0, key=KEY).tolist()) == {1}
        assert set(r.poisson(100, rate=0, key=KEY).tolist()) == {0}
        assert set(r.normal(9, mean=3, std=0, key=KEY).tolist()) == {3.0}
        assert set(r.rademacher(100, key=KEY).tolist()) == {-1, 1}


@pytest.mark.usefixtures("interpreted")
class TestKeys:
    def test_seeds(self):
        assert r.key(7).tolist() == [0, 7]
        assert r.key((5 << 32) + 7).tolist() == [5, 7]
        assert r.key(-1).tolist() == r.key(2**64 - 1).tolist() == [2**32 - 1] * 2
        assert r.key(np.int32(-1)).tolist() == r.key(ee.asarray(-1)).tolist() == r.key(-1).tolist()
        beyond = {tuple(r.key(s).tolist()) for s in (5, 5 + 2**64, 5 + 2**65, 5 - 2**64, 2**200 + 5)}
        assert len(beyond) == 5

    def test_bits_are_those_of_threefry(self):
        # Also what JAX gives for jax.random.bits(jax.random.key(7), (3,)).
        assert r.bits(3, key=r.key(7)).tolist() == BITS_OF_7

    def test_split_and_fold_in(self):
        assert r.split(KEY, 5).shape == (5, 2)
        np.testing.assert_array_equal(r.split(KEY, 5).numpy()[:3], r.split(KEY, 3).numpy())
        folded = r.fold_in(KEY, ee.arange(4)).numpy()
        assert folded.shape == (4, 2)
        assert folded[3].tolist() == r.fold_in(KEY, 3).tolist() == r.fold_in(KEY, np.uint8(3)).tolist()
        assert r.fold_in(KEY, -1).tolist() == r.fold_in(KEY, 2**64 - 1).tolist()

    def test_default_stream(self):
        r.seed(11)
        first = [r.uniform(3).tolist(), r.normal(2).tolist(), r.permutation(5).tolist()]
        r.seed(11)
        assert [r.uniform(3).tolist(), r.normal(2).tolist(), r.permutation(5).tolist()] == first
        draws = [float(r.uniform()) for _ in range(600)]
        assert len(set(draws)) > 590
        r.seed(12)
        assert r.uniform(3).tolist() != first[0]
        r.seed()
        one = r.bits(4).tolist()
        r.seed()
        assert r.bits(4).tolist() != one

    def test_threads_share_the_stream_without_repeats(self):
        r.seed(3)
        found: list[tuple[int, ...]] = []

        def work() -> None:
            for _ in range(70):
                found.append(tuple(r.bits(2).tolist()))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        r.seed(3)
        assert sorted(found) == sorted(tuple(r.bits(2).tolist()) for _ in range(280))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
    def test_a_forked_process_has_a_stream_of_its_own_unless_seeded(self):
        from eerie_dsl.api.functions.random_keys import _Stream

        fresh, seeded = _Stream(), _Stream()
        fresh.next()
        seeded.start(5)
        seeded.next()
        expected = _Stream()
        expected.start(5)
        expected.next()
        fresh.forked()
        seeded.forked()
        assert fresh._root is None
        assert seeded.next().tolist() == expected.next().tolist()


loose: Any = r  # calls that a type checker would refuse

WRONG = [
    (lambda: r.normal(std=-1), InvalidValueError, ["normal", "std is -1", "0 or more"]),
    (lambda: r.normal(mean=math.nan), InvalidValueError, ["normal", "mean is nan"]),
    (lambda: r.bernoulli(p=1.5), InvalidValueError, ["bernoulli", "p is 1.5", "from 0 to 1"]),
    (lambda: r.geometric(p=0), InvalidValueError, ["geometric", "p is 0"]),
    (lambda: r.gamma(alpha=0.0), InvalidValueError, ["gamma", "alpha is 0.0", "above 0"]),
    (lambda: r.poisson(rate=-2), InvalidValueError, ["poisson", "rate is -2"]),
    (lambda: r.binomial(n=-1, p=0.5), InvalidValueError, ["binomial", "n is -1"]),
    (lambda: r.uniform(low=2, high=2), InvalidValueError, ["uniform from 2 to 2", "above low"]),
    (lambda: r.uniform(low=-3e38, high=3e38), InvalidValueError, ["wider than float32", "float64"]),
    (lambda: r.truncated_normal(low=2, high=-2), InvalidValueError, ["truncated_normal from 2 to -2"]),
    (lambda: r.integers(high=0), InvalidValueError, ["integers from 0 up to 0"]),
    (lambda: r.integers(high=200, dtype="int8"), InvalidValueError, ["200", "int8"]),
    (lambda: r.integers(high=1.5), ArgumentError, ["high is 1.5"]),
    (lambda: r.integers(high=[1.5]), DTypeError, ["high is f32[1]"]),
    (lambda: r.integers(high=3, dtype="float32"), DTypeError, ["integers", "float32"]),
    (lambda: r.bits(dtype="int32"), DTypeError, ["bits", "int32"]),
    (lambda: r.rademacher(dtype="uint8"), DTypeError, ["rademacher", "uint8"]),
    (lambda: r.uniform(dtype=int), DTypeError, ["uniform", "int64"]),
    (lambda: r.gumbel(dtype="complex64"), DTypeError, ["gumbel", "complex64"]),
    (lambda: r.normal(std=1j), ArgumentError, ["normal", "std", "1j"]),
    (lambda: r.laplace(scale=[1j]), DTypeError, ["laplace", "scale is c64[1]"]),
    (lambda: r.uniform(-1), ShapeError, ["uniform", "negative"]),
    (lambda: loose.uniform("x"), ArgumentError, ["uniform", "'x'"]),
    (lambda: r.normal(3, mean=ee.zeros(4)), ShapeError, ["normal", "[3]", "[4]"]),
    (lambda: r.uniform(key=5), DTypeError, ["uint32[2]", "random.key"]),
    (lambda: r.uniform(key=r.split(KEY)), ShapeError, ["uniform takes one key", "u32[2,2]"]),
    (lambda: r.uniform(key=ee.zeros(3, dtype="uint32")), ShapeError, ["uint32[2]", "u32[3]"]),
    (lambda: r.key(1.5), ArgumentError, ["key", "float"]),
    (lambda: r.key(ee.zeros(1)), DTypeError, ["key", "f32[1]"]),
    (lambda: r.key(ee.arange(2)), ShapeError, ["key", "i64[2]", "fold_in"]),
    (lambda: loose.seed("x"), ArgumentError, ["seed", "str"]),
    (lambda: r.split(KEY, -1), InvalidValueError, ["split", "-1"]),
    (lambda: r.permutation(-1), InvalidValueError, ["permutation", "-1"]),
    (lambda: r.permutation(ee.zeros(3), axis=1), ShapeError, ["permutation", "axis 1"]),
    (lambda: r.choice(3, 4, replace=False), InvalidValueError, ["choice of 4 out of 3"]),
    (lambda: r.choice(0, 1), InvalidValueError, ["choice from nothing"]),
    (lambda: r.choice(3, p=[0.5, 0.5]), ShapeError, ["choice between 3", "f32[2]"]),
    (lambda: r.choice(2, p=[0.5, -0.5]), InvalidValueError, ["choice", "negative"]),
    (lambda: r.categorical(ee.zeros((2, 0))), ShapeError, ["categorical", "f32[2,0]"]),
    (lambda: r.dirichlet(1.0), ShapeError, ["dirichlet", "f32[]"]),
]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("k", range(len(WRONG)))
def test_mistakes(k):
    call, error, words = WRONG[k]
    with pytest.raises(error) as caught:
        call()
    assert [w for w in words if w not in str(caught.value)] == []


def everything(key, rate):
    """One draw of each kind."""
    a, b = r.split(key)
    c = r.fold_in(b, 3)
    exact = [
        r.bits((5, 7), key=a),
        r.bits(9, dtype="uint64", key=b),
        r.uniform((3, 40), key=c),
        r.uniform(50, dtype="float64", key=a),
        r.uniform(50, dtype="bfloat16", key=a),
        r.integers(60, low=-4, high=9, key=b),
        r.integers(60, low=-(2**62), high=2**62, key=b),
        r.bernoulli(70, p=0.3, key=c),
        r.rademacher(30, dtype="float32", key=a),
        r.permutation(33, key=b),
        r.choice(17, 8, replace=False, key=c),
        r.poisson(rate=rate, key=a),
        r.key(12345),
        c,
    ]
    near = [
        r.uniform(50, low=2, high=5, key=a),
        r.normal(200, key=b),
        r.normal(90, dtype="complex64", key=c),
        r.truncated_normal(60, low=4.0, high=7.0, key=a),
        r.gumbel(80, key=b),
        r.cauchy(80, key=c),
        r.gamma(60, alpha=0.4, key=a),
    ]
    return exact, near


def test_compiled_numbers_are_those_of_the_reference():
    rate = ee.asarray(np.linspace(0.1, 60, 64), dtype="float32")
    with config(evaluation="reference"):
        want = [[x.numpy() for x in part] for part in everything(KEY, rate)]
    with config(evaluation="compiled"):
        exact, near = ee.jit(everything)(KEY, rate)
    for got, expected in zip(exact, want[0], strict=True):
        assert got.numpy().tobytes() == expected.tobytes()
    for got, expected in zip(near, want[1], strict=True):
        np.testing.assert_allclose(got.numpy(), expected, rtol=3e-6, atol=1e-6)


class TestTracing:
    def test_a_missing_key_is_an_error(self):
        with pytest.raises(TracerError, match="normal needs a key") as caught:
            ee.jit(lambda x: x + r.normal(3))(ee.zeros(3))
        assert "random.key" in str(caught.value)

    def test_a_seed_may_be_traced(self):
        with config(evaluation="reference"):
            made = ee.jit(lambda seed, step: (r.key(seed), r.fold_in(r.key(seed), step)))
            for seed in (7, -3, 2**40 + 1):
                key, folded = made(seed, 2)
                assert key.tolist() == r.key(seed).tolist()
                assert folded.tolist() == r.fold_in(r.key(seed), 2).tolist()
