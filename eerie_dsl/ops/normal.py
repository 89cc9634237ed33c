"""The normal distribution: its tails and their inverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eerie_dsl.ir.dtypes import FLOATS
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.arithmetic import multiply
from eerie_dsl.ops.expansions import normal
from eerie_dsl.ops.expansions.formats import F64, Coefficients
from eerie_dsl.ops.exponential import Transcendental, exp, scaled

_CHUNK = 1 << 14  # elements whose steps stay in the first cache
_ROOT_TWO_PI = math.sqrt(2 * math.pi)


class NormalQuantile(Transcendental):
    """The point of the standard normal distribution with the probability ``|t|`` beyond it, on the side of the sign
    of ``t``. ``t`` is from -1/2 to 1/2; an infinity for 0, NaN outside."""

    name = "normal_quantile"
    takes = FLOATS
    cost = 60

    def reference(self, t: Any) -> Any:
        flat = np.reshape(t, -1)
        result = np.empty_like(flat)
        for start in range(0, flat.size, _CHUNK):
            part = np.s_[start : start + _CHUNK]
            result[part] = _quantile(flat[part].astype(np.float64))
        return result.reshape(np.shape(t))

    def expand(self, s: Any, *elements: Any) -> Any:
        return normal.quantile(s, *elements)

    def vjp(self, ct: Node, out: Node, t: Node) -> Cotangents:
        return (multiply(ct, scaled(exp(scaled(multiply(out, out), 0.5)), -_ROOT_TWO_PI)),)


class NormalTail(Transcendental):
    """The probability of values above ``x`` in the standard normal distribution, small ones to full precision."""

    name = "normal_tail"
    takes = FLOATS
    cost = 60

    def reference(self, x: Any) -> Any:
        wide = np.asarray(x, np.float64)
        size = np.minimum(np.abs(wide), 39.0)
        high = size.astype(np.float32).astype(np.float64)  # its square is exact
        power = np.exp(high * high * -0.5) * np.exp((size - high) * (size + high) * -0.5)
        upper = power * _ratio(size, normal.SCALED[F64])
        return np.where(wide < 0, 1.0 - upper, upper).astype(x.dtype)

    def expand(self, s: Any, *elements: Any) -> Any:
        return normal.tail(s, *elements)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, scaled(exp(scaled(multiply(x, x), -0.5)), -1 / _ROOT_TWO_PI)),)


def _quantile(t: Any) -> Any:
    size = np.abs(t)
    q = 0.5 - size
    result = q * _ratio(normal.CENTRE**2 - q * q, normal.NEAR[F64])
    outer = q > normal.CENTRE
    r = np.sqrt(-np.log(size[outer]))
    near = _ratio(np.minimum(r, normal.BEYOND) - normal.START, normal.TAIL[F64])
    beyond = r > normal.BEYOND
    near[beyond] = _ratio(np.minimum(r[beyond], 28.0) - normal.BEYOND, normal.FAR)
    result[outer] = near
    result[size == 0] = np.inf
    result[~(size <= 0.5)] = np.nan
    return np.copysign(result, t)


def _ratio(x: Any, parts: tuple[Coefficients, Coefficients]) -> Any:
    results = []
    for coefficients in parts:
        total = np.full_like(x, coefficients[-1])
        for c in reversed(coefficients[:-1]):
            total *= x
            total += c
        results.append(total)
    return results[0] / results[1]


normal_quantile = NormalQuantile()
normal_tail = NormalTail()
