"""Random numbers by rejection, and counts by inversion.

A rejection sampler looks at a fixed number of candidates and takes the first that is accepted, so that it is
straight-line code wherever it runs. In NumPy later candidates are computed only where they are needed. The chance that
none is accepted stands with each sampler; the middle of the distribution is given then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, float32, float64, int32, int64
from eerie_dsl.ir.dtypes import dtype as dtype_of
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.cast import bitcast, cast
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.exponential import Transcendental
from eerie_dsl.ops.normal import normal_quantile
from eerie_dsl.ops.random import Keyed, random_tail, random_uniform, words
from eerie_dsl.ops.reduction import reduce_max, reduce_min, reduce_sum
from eerie_dsl.ops.shape import broadcast, iota

_CHUNK = 1 << 12  # elements whose terms stay in the second cache
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Rejection(Keyed):
    """The first accepted of ``tries`` candidates, of the floating point dtype of the parameters.

    The rules are written once: ``m`` is NumPy, or the functions of the same names that record.
    """

    tries: ClassVar[int]

    def result(self, *others: Any, **params: Any) -> DType:
        dtype: DType = others[0].dtype
        check_dtype(self, dtype, (float32, float64))
        return dtype

    def prepared(self, m: Any, *parameters: Any) -> tuple[Any, ...]:
        """What all candidates need, computed from the parameters; the middle of the distribution comes first."""
        raise self._missing("lowering")

    def candidate(self, m: Any, t: Any, v: Any, *prepared: Any) -> tuple[Any, Any]:
        """A candidate from a tail (see `RandomTail`) and a uniform number, and whether it is accepted."""
        raise self._missing("lowering")

    def reference(self, key: Any, *others: Any, shape: tuple[int, ...], stream: int, **params: Any) -> Any:
        count, rows = prod(shape), key.reshape(-1, 2)
        flat = [other.reshape(len(rows), count) for other in others]
        with np.errstate(all="ignore"):
            drawn = [self._first(one, stream, [f[row] for f in flat]) for row, one in enumerate(rows)]
        return np.array(drawn, others[0].dtype).reshape(others[0].shape)

    def _first(self, key: Any, stream: int, parameters: Sequence[Any]) -> Any:
        dtype = dtype_of(parameters[0].dtype)
        prepared = self.prepared(np, *parameters)
        result = prepared[0].copy()
        left = np.arange(result.size)
        for j in range(self.tries):
            if not left.size:
                break
            places = left * self.tries + j
            t = random_tail.finish(words(key, left.size, stream, places), dtype=dtype)
            v = random_uniform.finish(words(key, left.size, stream + 1, places), dtype=dtype)
            found, accepted = self.candidate(np, t, v, *(x[left] for x in prepared))
            result[left[accepted]] = found[accepted]
            left = left[~accepted]
        return result

    def decompose(self, key: Node, *others: Node, shape: tuple[int, ...], stream: int) -> Node:
        from eerie_dsl.ops.composite import elementwise as ew

        all_tries = (*shape, self.tries)
        whole = (*key.shape[:-1], *all_tries)
        axes = tuple(range(len(whole) - 1))
        prepared = self.prepared(ew, *others)
        dtype = prepared[0].dtype
        t = random_tail(key, shape=all_tries, stream=stream, dtype=dtype)
        v = random_uniform(key, shape=all_tries, stream=stream + 1, dtype=dtype)
        found, accepted = self.candidate(ew, t, v, *(broadcast(x, shape=whole, axes=axes) for x in prepared))
        number = iota(shape=whole, dtype=int64, axis=len(axes))
        if dtype is float32:
            # One reduction picks try and value: the bits of numbers that are not negative are ordered as they are.
            rank = ew.bitwise_left_shift(ew.subtract(self.tries, number), like(number, 32))
            packed = ew.bitwise_or(rank, cast(bitcast(found, dtype=int32), dtype=int64))
            best = reduce_max(ew.where(accepted, packed, like(packed, 0)), axes=(len(axes),))
            value = bitcast(cast(best, dtype=int32), dtype=float32)
            return ew.where(ew.greater(best, like(best, 0)), value, prepared[0])
        first = reduce_min(ew.where(accepted, number, like(number, self.tries)), axes=(len(axes),))
        taken = ew.equal(number, broadcast(first, shape=whole, axes=axes))
        value = reduce_sum(ew.where(taken, found, like(found, 0)), axes=(len(axes),))
        return ew.where(ew.less(first, like(first, self.tries)), value, prepared[0])

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return out.size * self.tries * 400


class RandomGamma(Rejection):
    """The gamma distribution of shape ``alpha + 1`` and scale 1, for ``alpha`` of 0 and above.

    Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. A candidate is accepted with a
    probability of 0.95 at least; none of 8 is with 4e-11 at most.
    """

    name = "random_gamma"
    tries = 8

    def prepared(self, m: Any, *parameters: Any) -> tuple[Any, ...]:
        d = m.add(parameters[0], 2 / 3)
        return d, m.divide(1 / 3, m.sqrt(d))

    def candidate(self, m: Any, t: Any, v: Any, *prepared: Any) -> tuple[Any, Any]:
        d, c = prepared
        x = normal_quantile.reference(t) if m is np else normal_quantile(t)
        root = m.add(m.multiply(c, x), 1.0)
        inside = m.greater(root, 0.0)
        cube = m.where(inside, m.multiply(root, m.multiply(root, root)), 1.0)
        bound = m.multiply(d, m.add(m.subtract(1.0, cube), m.log(cube)))
        below = m.less(m.log1p(m.negative(v)), m.add(m.multiply(0.5, m.multiply(x, x)), bound))
        return m.multiply(d, cube), m.logical_and(inside, below)


class RandomPoisson(Rejection):
    """The Poisson distribution for rates of 10 and above, as whole floating point numbers.

    Transformed rejection: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993.
    """

    name = "random_poisson"
    tries = 16

    def prepared(self, m: Any, *parameters: Any) -> tuple[Any, ...]:
        (rate,) = parameters
        b = m.add(m.multiply(2.53, m.sqrt(rate)), 0.931)
        scale = m.log(m.add(m.divide(1.1328, m.subtract(b, 3.4)), 1.1239))
        return m.floor(rate), rate, b, m.add(m.multiply(0.02483, b), -0.059), scale

    def candidate(self, m: Any, t: Any, v: Any, *prepared: Any) -> tuple[Any, Any]:
        _, rate, b, a, scale = prepared
        k, hat = _proposed(m, t, a, b, m.add(rate, 0.43))
        inside = m.greater_equal(k, 0.0)
        k = m.where(inside, k, 0.0)
        ratio = m.subtract(m.add(m.log1p(m.negative(v)), scale), hat)
        return k, m.logical_and(inside, m.less_equal(ratio, _log_poisson(m, k, rate)))


class RandomBinomial(Rejection):
    """The binomial distribution for ``p`` up to 1/2 and ``n * p`` of 10 and above, as whole floating point numbers.

    Transformed rejection: Hörmann, "The generation of binomial random variates", 1993.
    """

    name = "random_binomial"
    tries = 16

    def prepared(self, m: Any, *parameters: Any) -> tuple[Any, ...]:
        n, p = parameters
        mean = m.multiply(n, p)
        width = m.sqrt(m.multiply(mean, m.subtract(1.0, p)))
        b = m.add(m.multiply(2.53, width), 1.15)
        a = m.add(m.add(m.multiply(0.0248, b), -0.0873), m.multiply(0.01, p))
        mode = m.floor(m.add(mean, p))
        scale = m.log(m.multiply(m.add(m.divide(5.1, b), 2.83), width))
        return mode, n, p, b, a, m.add(scale, _log_binomial(m, mode, n, p)), m.add(mean, 0.5)

    def candidate(self, m: Any, t: Any, v: Any, *prepared: Any) -> tuple[Any, Any]:
        _, n, p, b, a, scale, centre = prepared
        k, hat = _proposed(m, t, a, b, centre)
        inside = m.logical_and(m.greater_equal(k, 0.0), m.less_equal(k, n))
        k = m.where(inside, k, 0.0)
        ratio = m.subtract(m.add(m.log1p(m.negative(v)), scale), hat)
        return k, m.logical_and(inside, m.less_equal(ratio, _log_binomial(m, k, n, p)))


class CountQuantile(Transcendental):
    """The smallest count with no more than ``t`` above it, where ``first`` is the probability of 0 and that of ``k``
    is ``a / k - b`` times the one before (the recursion of Panjer), up to a count of 40.

    The tail is summed from its small end, so that counts far out are right as well.
    """

    name = "count_quantile"
    takes = (float32, float64)
    cost = 240
    differentiable = False
    _last = 40

    def reference(self, *arrays: Any) -> Any:
        flat = [np.reshape(x, -1) for x in arrays]
        result = np.empty_like(flat[0])
        for start in range(0, result.size, _CHUNK):
            part = np.s_[start : start + _CHUNK]
            result[part] = self._counts(*(x[part] for x in flat))
        return result.reshape(np.shape(arrays[0]))

    def _counts(self, t: Any, first: Any, a: Any, b: Any) -> Any:
        one, terms = t.dtype.type, [first]
        for k in range(1, self._last + 1):
            terms.append(terms[-1] * np.maximum(a * one(1 / k) - b, one(0)))
        count, above = np.zeros_like(t), np.zeros_like(t)
        for term in reversed(terms[1:]):
            above += term
            count += t < above
        return count

    def expand(self, s: Any, *elements: Any) -> Any:
        t, first, a, b = elements
        terms = [first]
        for k in range(1, self._last + 1):
            factor = s.sub(s.mul(a, 1 / k), b)
            terms.append(s.mul(terms[-1], s.select(s.compare("gt", factor, 0.0), factor, 0.0)))
        count, above = s.constant(0.0, t.dtype), s.constant(0.0, t.dtype)
        for term in reversed(terms[1:]):
            above = s.add(above, term)
            count = s.select(s.compare("lt", t, above), s.add(count, 1.0), count)
        return count


def _proposed(m: Any, t: Any, a: Any, b: Any, centre: Any) -> tuple[Any, Any]:
    """A count from the table mountain density, and the logarithm of what it is over that density."""
    near = m.absolute(t)
    side = m.where(m.less(t, 0.0), m.subtract(near, 0.5), m.subtract(0.5, near))
    slope = m.add(m.divide(m.multiply(2.0, a), near), b)
    hat = m.log(m.add(m.divide(a, m.multiply(near, near)), b))
    return m.floor(m.add(m.multiply(slope, side), centre)), hat


def _log_poisson(m: Any, k: Any, rate: Any) -> Any:
    # Stirling's formula around k + 1, its large terms taken together before they can cancel.
    z = m.add(k, 1.0)
    apart = m.subtract(z, rate)
    spread = m.subtract(m.multiply(k, m.log1p(m.divide(apart, rate))), apart)
    return m.negative(m.add(m.add(spread, _stirling(m, z)), _HALF_LOG_TWO_PI))


def _log_binomial(m: Any, k: Any, n: Any, p: Any) -> Any:
    z, rest, trials = m.add(k, 1.0), m.add(m.subtract(n, k), 1.0), m.add(n, 1.0)
    q = m.subtract(1.0, p)
    spread = 0.0
    for count, share, chance in ((k, z, p), (m.subtract(n, k), rest, q)):
        expected = m.multiply(trials, chance)
        spread = m.add(m.multiply(count, m.log1p(m.divide(m.subtract(share, expected), expected))), spread)
    parts = m.subtract(m.subtract(_stirling(m, trials, -1.0), _stirling(m, z)), _stirling(m, rest))
    return m.add(m.subtract(parts, spread), 1.0 - _HALF_LOG_TWO_PI)


def _stirling(m: Any, z: Any, sign: float = 1.0) -> Any:
    """What the logarithm of the gamma function of ``z`` adds to ``(z - 1) log z - z``, up to a constant; with the sign
    of its logarithm changed for -1."""
    inverse = m.divide(1.0, z)
    square = m.multiply(inverse, inverse)
    series = m.subtract(1 / 12, m.multiply(square, m.subtract(1 / 360, m.multiply(square, 1 / 1260))))
    return m.add(m.multiply(0.5 * sign, m.log(z)), m.multiply(inverse, series))


random_gamma = RandomGamma()
random_poisson = RandomPoisson()
random_binomial = RandomBinomial()
count_quantile = CountQuantile()
