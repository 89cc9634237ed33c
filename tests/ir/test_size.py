"""Sizes that are known when a program is called, against Python's integers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from eerie_dsl.errors import ArgumentError, TracerError
from eerie_dsl.ir.size import Dim, Size, bounds, decoded, encoded, likely

N = Dim("n", min=1, max=9)
M = Dim("m", min=2, max=5)
SHAPE: tuple[Any, ...] = (4, 3)

EXPRESSIONS: list[Callable[[Any, Any], Any]] = [
    lambda n, m: n + m - 1,
    lambda n, m: 3 * n - m,
    lambda n, m: -(-n // 2),
    lambda n, m: n % 3,
    lambda n, m: (n * m + 2 * n) // n,
    lambda n, m: (12 * n) // 4 + m * m,
    lambda n, m: 2 - n,
    lambda n, m: (n + 1) ** 2 - n * n - 2 * n,
    lambda n, m: divmod(n, 4)[1] + 100 // m,
    lambda n, m: (n * 6) // (2 * n),
    lambda n, m: n // (10 + m),
    lambda n, m: 17 % (n + m),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_arithmetic_is_that_of_integers(expression):
    size = expression(N, M)
    low, high = bounds(size)
    for n, m in itertools.product(range(1, 10), range(2, 6)):
        value = size.at({"n": n, "m": m}) if isinstance(size, Size) else size
        assert value == expression(n, m)
        assert low <= value <= high
    back = decoded(encoded(size))
    assert (back, hash(back), repr(back)) == (size, hash(size), repr(size))


def test_what_cancels_is_a_number():
    assert N - N == 0
    assert type(N - N) is int
    assert (N * 12) // (N * 4) == 3
    assert N * 0 == 0
    assert (N + 1) - 1 is not N
    assert (N + 1) - 1 == N


def test_comparisons_that_hold_for_all_sizes_are_decided():
    assert N >= 1
    assert not N > 9
    assert N + 1 > N
    assert N * N >= N
    assert N != 10
    assert N != 0
    assert 2 * N != N
    assert N < M + 8
    assert bool(N)
    assert min(N, 9) is N
    assert max(N, 0) is N


@pytest.mark.parametrize(
    "comparison",
    [
        lambda: N > 3,
        lambda: N == 3,
        lambda: N != M,
        lambda: N - M < 0,
        lambda: (N, 3) == SHAPE,
        lambda: bool(N - 1),
    ],
)
def test_others_are_errors_that_name_the_range(comparison):
    with pytest.raises(TracerError, match=r"depends on the call: .*n is from 1 to 9"):
        comparison()


@pytest.mark.parametrize("use", [range, int, float, lambda n: [0] * n, lambda n: 1 / n, lambda n: n * 0.5])
def test_a_size_is_no_number_of_python(use):
    with pytest.raises(TracerError, match="n is known when the program is called"):
        use(N)


def test_substitution_of_sizes():
    assert (2 * N + M).at({"n": M}) == 3 * M
    assert (N // 4).at({"n": 4 * M}) == M
    assert (N * M).at({"n": 3}) == 3 * M


def test_estimates_are_in_range():
    assert likely(N) == 9
    assert likely(Dim("free")) == 64
    assert likely(Dim("large", min=1000)) == 1000
    assert likely(7) == 7


def test_names():
    assert (N.name, (N + 1).name, (2 * N).name, (N // 2).name, (N * M).name) == ("n", None, None, None, None)
    assert repr(2 * N * M - 3) == "2*m*n - 3"
    assert repr((N + 1) // 2) == "((n + 1)//(2))"


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""},
        {"name": 3},
        {"name": "n", "min": 0},
        {"name": "n", "min": 5, "max": 4},
        {"name": "n", "max": 2.5},
        {"name": "n", "max": 1 << 31},
        {"name": "n", "buckets": ()},
        {"name": "n", "buckets": (0, 4)},
        {"name": "n", "min": 2, "buckets": (2, 4)},
    ],
)
def test_bad_dims(arguments):
    with pytest.raises(ArgumentError, match="Dim"):
        Dim(**arguments)


def test_division_by_zero():
    with pytest.raises(ZeroDivisionError):
        N // 0
