"""The generator: known answers, counters, streams and keys, and what its bits look like."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, bfloat16, float16, float32, float64, uint32, uint64
from eerie_dsl.ir.graph import placeholder
from eerie_dsl.ops import random as r
from eerie_dsl.ops.normal import normal_quantile, normal_tail

KEY = np.array([0x12345678, 0x9ABCDEF0], np.uint32)


def bits(key, shape, width=32, stream=0):
    return r.random_bits.reference(key, shape=shape, stream=stream, bits=width)


# The vectors that Random123 publishes for threefry2x32 with 20 rounds: counter, key, result.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "want"), KNOWN)
def test_known_answers(counter, key, want):
    words = [np.array([w], np.uint32) for w in (*key, *counter)]
    assert tuple(int(w[0]) for w in r.threefry(*words)) == want


def test_elements_count_in_row_major_order_and_a_shorter_draw_is_a_prefix():
    long = bits(KEY, (1000,))
    np.testing.assert_array_equal(bits(KEY, (10, 100)), long.reshape(10, 100))
    np.testing.assert_array_equal(bits(KEY, (77,)), long[:77])
    pair = r.threefry(KEY[:1], KEY[1:], np.array([5 << 24], np.uint32), np.array([7], np.uint32))
    assert bits(KEY, (8,), stream=5)[7] == pair[0][0] ^ pair[1][0]
    assert bits(KEY, (8,), 64, stream=5)[7] == int(pair[0][0]) << 32 | int(pair[1][0])


def test_the_counter_has_56_bits():
    place = np.array([(3 << 32) + 9], np.int64)
    got = r.words(KEY, 1, 2, place)
    want = r.threefry(KEY[:1], KEY[1:], np.array([2 << 24 | 3], np.uint32), np.array([9], np.uint32))
    assert [int(w[0]) for w in got] == [int(w[0]) for w in want]


def test_chunks_do_not_show():
    many = bits(KEY, (3 * (1 << 14) + 5,))
    last = r.words(KEY, 1, 0, np.array([many.size - 1]))
    assert many[-1] == last[0][0] ^ last[1][0]
    assert len(set(many.tolist())) > many.size - 5


@pytest.mark.parametrize(("dtype", "digits"), [(float16, 11), (bfloat16, 8), (float32, 24), (float64, 53)])
def test_uniform_numbers_fill_their_digits_and_stay_below_one(dtype: DType, digits: int):
    u = r.random_uniform.reference(KEY, shape=(20000,), stream=0, dtype=dtype)
    whole = u.astype(np.float64) * 2.0**digits
    assert u.dtype == dtype.numpy
    np.testing.assert_array_equal(whole, np.floor(whole))
    assert whole.max() <= 2.0**digits - 1
    assert np.any(whole % 2 == 1)
    ones = [np.full(4, 0xFFFFFFFF, np.uint32), np.zeros(4, np.uint32)]
    assert float(r.random_uniform.finish(ones if digits < 53 else [ones[0]] * 2, dtype=dtype)[0]) == 1 - 2.0**-digits


def test_tails_reach_their_resolution_and_are_never_zero():
    words = [np.array([0, 1 << 31, 0x7FFFFFFF], np.uint32), np.zeros(3, np.uint32)]
    got = r.random_tail.finish(words, dtype=float32)
    np.testing.assert_array_equal(got, np.array([2.0**-33, -(2.0**-33), 0.5], np.float32))


def test_integers_are_the_whole_part_of_a_fraction_of_the_span():
    spans = np.array([1, 10, 1 << 32, (1 << 32) + 1, (1 << 63) + 5, (1 << 64) - 1, 0], np.uint64)
    w = [x.astype(object) for j in (0, 1) for x in r.words(KEY, spans.size, j)]
    wide = r.random_integers.reference(KEY, spans, wide=True, shape=spans.shape, stream=0)
    narrow = r.random_integers.reference(KEY, spans, wide=False, shape=spans.shape, stream=0)
    for k, span in enumerate(spans.astype(object)):
        fraction = w[0][k] << 96 | w[1][k] << 64 | w[2][k] << 32 | w[3][k]
        assert int(wide[k]) == fraction * (span or 1 << 64) >> 128
        if span and span <= 1 << 32:
            assert int(narrow[k]) == (fraction >> 64) * span >> 64


def test_keys_that_differ_in_anything_differ():
    data = np.arange(3000, dtype=np.uint64)
    made = [r.random_keys.reference(KEY, data, stream=s) for s in (r.SEQUENCE, r.SPLIT, r.FOLD)]
    made.append(r.random_keys.reference(KEY[::-1], data, stream=r.SPLIT))
    made.append(bits(KEY, (3000, 2)))
    assert len({tuple(k) for part in made for k in part.tolist()}) == 15000
    high = r.random_keys.reference(KEY, data << np.uint64(32), stream=r.FOLD)
    assert not np.any(np.all(high[1:] == made[2][1:], -1))


def test_what_is_not_a_key():
    for aval, error in (
        (Aval((2,), uint64), DTypeError),
        (Aval((3,), uint32), ShapeError),
        (Aval((), uint32), ShapeError),
    ):
        with pytest.raises(error, match=r"key uint32\[2\]"):
            r.random_bits(placeholder(aval), shape=(1,), stream=0, bits=32)
    with pytest.raises(ShapeError, match="negative"):
        r.random_bits(placeholder(Aval((2,), uint32)), shape=(-1,), stream=0, bits=32)
    with pytest.raises(ShapeError, match=r"2\*\*56"):
        r.random_bits(placeholder(Aval((2,), uint32)), shape=(1 << 40, 1 << 20), stream=0, bits=32)


# Statistics. Seeds are fixed: a generator that is right passes with room, one with a defect fails by far.

SAMPLE = bits(KEY, (250_000,))


def chi_square(counts, expected):
    """How many standard deviations the statistic is off its mean."""
    counts = np.asarray(counts, np.float64)
    statistic = np.sum((counts - expected) ** 2 / expected)
    degrees = counts.size - 1
    return (statistic - degrees) / math.sqrt(2 * degrees)


def _first_words(keys):
    zero = np.zeros(len(keys), np.uint32)
    w0, w1 = r.threefry(np.ascontiguousarray(keys[:, 0]), np.ascontiguousarray(keys[:, 1]), zero, zero)
    return w0 ^ w1


SAMPLES = {
    "one key": SAMPLE,
    "many keys": _first_words(np.stack([np.zeros(250_000, np.uint32), np.arange(250_000, dtype=np.uint32)], -1)),
    "split keys": _first_words(r.random_keys.reference(KEY, np.arange(250_000, dtype=np.uint64), stream=r.SPLIT)),
}


@pytest.mark.parametrize("name", SAMPLES)
class TestBits:
    def test_each_byte_value_is_equally_frequent(self, name):
        for place in range(4):
            counts = np.bincount(SAMPLES[name].view(np.uint8)[place::4], minlength=256)
            assert abs(chi_square(counts, counts.sum() / 256)) < 4

    def test_each_bit_is_set_half_the_time(self, name):
        ones = np.unpackbits(SAMPLES[name].view(np.uint8)).reshape(-1, 32).mean(0)
        assert np.max(np.abs(ones - 0.5)) < 4.5 * 0.5 / math.sqrt(SAMPLES[name].size)

    def test_bits_of_a_word_are_independent(self, name):
        table = np.unpackbits(SAMPLES[name].view(np.uint8)).reshape(-1, 32).astype(np.float32) * 2 - 1
        correlation = table.T @ table / len(table) - np.eye(32)
        assert np.max(np.abs(correlation)) < 5 / math.sqrt(len(table))

    def test_neighbours_are_not_correlated(self, name):
        x = SAMPLES[name] / 2.0**32 - 0.5
        for lag in (1, 2, 3, 16, 256):
            correlation = 12 * np.mean(x[:-lag] * x[lag:])
            assert abs(correlation) < 4 / math.sqrt(x.size)

    def test_runs_above_and_below_the_middle(self, name):
        above = SAMPLES[name] >= 1 << 31
        runs = 1 + np.count_nonzero(above[1:] != above[:-1])
        n = above.size
        assert abs(runs - (n + 1) / 2) < 4 * math.sqrt(n / 4)

    def test_poker_hands_of_four_bits(self, name):
        digits = np.stack([SAMPLES[name] >> np.uint32(4 * k) & 15 for k in range(5)], -1)
        ordered = np.sort(digits, -1)
        distinct = 1 + np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], -1)
        stirling = {1: 1, 2: 15, 3: 25, 4: 10, 5: 1}
        chance = np.array([math.perm(16, k) * stirling[k] / 16**5 for k in range(1, 6)])
        assert abs(chi_square(np.bincount(distinct, minlength=6)[1:], chance * digits.shape[0])) < 4

    def test_birthday_spacings(self, name):
        # With m birthdays in a year of n days, repeated spacings are Poisson of m**3 / (4 n): here 4.66 each time.
        repeats = 0
        for start in range(0, 204_800, 512):
            days = np.sort(SAMPLES[name][start : start + 512].astype(np.int64) >> 9)
            spacings = np.diff(days)
            repeats += spacings.size - np.unique(spacings).size
        mean = 400 * 512**3 / (4 * 2**23)
        assert abs(repeats - mean) < 4.5 * math.sqrt(mean)


def test_streams_and_keys_are_pairwise_independent():
    keys = r.random_keys.reference(KEY, np.arange(6, dtype=np.uint64), stream=r.SPLIT)
    draws = [bits(k, (40_000,)) for k in keys] + [bits(KEY, (40_000,), stream=s) for s in range(4)]
    for a, b in combinations(draws, 2):
        x, y = a / 2.0**32 - 0.5, b / 2.0**32 - 0.5
        assert abs(12 * np.mean(x * y)) < 4.5 / math.sqrt(x.size)
        grid = np.bincount((a >> 28).astype(np.int64) * 16 + (b >> 28), minlength=256)
        assert abs(chi_square(grid, x.size / 256)) < 4.5


def test_quantile_of_the_normal_distribution():
    p = np.concatenate([10.0 ** np.linspace(-300, -1, 200), np.linspace(0.01, 0.5, 200)])
    exact = -np.array([NormalDist().inv_cdf(float(x)) for x in p])
    np.testing.assert_allclose(normal_quantile.reference(p), exact, rtol=2e-14, atol=1e-15)
    np.testing.assert_array_equal(normal_quantile.reference(-p), -normal_quantile.reference(p))
    with np.errstate(all="ignore"):
        edges = normal_quantile.reference(np.array([0.0, -0.0, 0.6, -0.6, np.nan]))
    np.testing.assert_array_equal(edges, [np.inf, -np.inf, np.nan, np.nan, np.nan])


def test_tail_of_the_normal_distribution():
    x = np.linspace(-8, 26, 500)
    exact = np.array([math.erfc(v / math.sqrt(2)) / 2 for v in x])
    np.testing.assert_allclose(normal_tail.reference(x), exact, rtol=4e-13)
    np.testing.assert_array_equal(normal_tail.reference(np.array([np.inf, -np.inf, 0.0, np.nan])), [0, 1, 0.5, np.nan])
    t = np.array([1e-200, 1e-12, 0.02, 0.4])
    np.testing.assert_allclose(normal_tail.reference(normal_quantile.reference(t)), t, rtol=1e-12)
