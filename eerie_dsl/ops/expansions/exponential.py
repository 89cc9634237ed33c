"""exp, exp2, expm1 and what is built on them: sinh, cosh, tanh."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.formats import (
    F32,
    F64,
    Coefficients,
    clamp,
    format_of,
    keep_small,
    nearest,
    nearest_power,
    polynomial,
    power_of_two,
    scale_between,
)

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453

# ln 2 in two parts, the first with so few bits that its product with the exponent is exact (Cody and Waite 1980).
LN2_PARTS = {
    F32: (float.fromhex("0x1.62e4p-1"), float.fromhex("0x1.7f7d1cp-20")),
    F64: (float.fromhex("0x1.62e42fefa3p-1"), float.fromhex("0x1.3de6af278ece6p-42")),
}

# (e**r - 1 - r - r**2 / 2) / r**3 for -ln(2) / 2 <= r <= ln(2): beyond ln(2) / 2 for the last powers of `exp`
SERIES: dict[object, Coefficients] = {
    F32: (0.16666697, 0.041667365, 0.008327387, 0.0013862213, 0.00022979765),
    F64: (
        0.16666666666665966, 0.04166666666662762, 0.00833333333373667, 0.0013888888899450927, 0.0001984126900498606,
        2.4801582379688506e-05, 2.7558047723092444e-06, 2.7552006253900606e-07, 2.4845847622423805e-08,
        2.45390739109689e-09,
    ),
}  # fmt: skip

# (tanh(r) / r - 1) / r**2 as a function of r**2, |r| <= ln(2) / 4
TANH: dict[object, Coefficients] = {
    F32: (-0.33331272, 0.13110673),
    F64: (
        -0.3333333333333249, 0.1333333333278429, -0.053968252782946584, 0.02186937078410071, -0.008857311091931407,
        0.0034448664372266303,
    ),
}  # fmt: skip

# An argument whose exp is no normal number, one power of two away from those whose is.
EXP_LOW = {F32: -88.0, F64: -709.0}

# The first and the last argument whose exp2 is a normal number.
EXP2_NORMAL = {F32: (-126.0, 127.99999), F64: (-1022.0, 1023.9999999999999)}

# Beyond these, exp overflows or underflows whatever the argument.
EXP_RANGE = {F32: (-104.0, 89.5), F64: (-746.0, 710.5)}


def series(s: Any, r: Any) -> Any:
    """e**r - 1 for -ln(2) / 2 <= r <= ln(2)."""
    tail = polynomial(s, r, SERIES[format_of(r)])
    return s.fma(s.mul(r, r), s.fma(tail, r, 0.5), r)


def reduced(s: Any, x: Any) -> tuple[Any, Any]:
    """The integer n and the remainder r of x = n * ln(2) + r, |r| <= ln(2) / 2."""
    high, low = LN2_PARTS[format_of(x)]
    n, whole = nearest(s, x, LOG2_E)
    return n, s.fma(whole, -low, s.fma(whole, -high, x))


def exp(s: Any, x: Any) -> Any:
    """e**x.

    The factor 2**n is 0 where x is held at its bound, and never infinite: from 2**127.5 on the series grows to 2, and
    past that the product overflows by itself. A case of its own for each end took six instructions of 24: sums of
    exponentials went from 135 to 116 us for a million float32 on one core.
    """
    x = s.select(s.compare("lt", x, EXP_LOW[format_of(x)]), EXP_LOW[format_of(x)], x)
    return _scaled_series(s, x, *nearest_power(s, x, LOG2_E, bounded=True))


def exp_small(s: Any, x: Any) -> Any:
    """e**x where neither x nor the result is near the ends of the range; NaN stays."""
    return _scaled_series(s, x, *nearest_power(s, x, LOG2_E))


def _scaled_series(s: Any, x: Any, t: Any, n: Any) -> Any:
    """e**x for t = 2**n."""
    high, low = LN2_PARTS[format_of(x)]
    return s.fma(series(s, s.fma(n, -low, s.fma(n, -high, x))), t, t)


def exp2(s: Any, x: Any) -> Any:
    """2**x."""
    n, whole = nearest(s, x)
    p = s.add(series(s, s.mul(s.sub(x, whole), LN2)), 1.0)
    return scale_between(s, x, p, n, EXP2_NORMAL[format_of(x)])


def half_expm1(s: Any, x: Any) -> Any:
    """(e**x - 1) / 2, which overflows later than e**x."""
    f = format_of(x)
    n, r = reduced(s, clamp(s, x, *EXP_RANGE[f]))
    quarter = power_of_two(s, s.sub(n, 2), f)
    quarter = s.select(s.compare("lt", n, -f.bias + 4), 0.0, quarter)
    return s.mul(s.fma(series(s, r), quarter, s.sub(quarter, 0.25)), 2.0)


def expm1(s: Any, x: Any) -> Any:
    """e**x - 1."""
    return keep_small(s, x, s.copysign(s.mul(half_expm1(s, x), 2.0), x))


def sinh(s: Any, x: Any) -> Any:
    """Hyperbolic sine."""
    h = half_expm1(s, s.abs(x))
    whole = s.fma(h, 2.0, 1.0)
    small = s.select(s.compare("lt", h, 1e20), s.div(h, whole), 0.5)
    return keep_small(s, x, s.copysign(s.add(h, small), x))


def cosh(s: Any, x: Any) -> Any:
    """Hyperbolic cosine."""
    half = s.add(half_expm1(s, s.abs(x)), 0.5)
    return s.add(half, s.div(0.25, half))


def tanh(s: Any, x: Any) -> Any:
    """Hyperbolic tangent."""
    # With 2 * |x| = n * ln(2) + 2 * r and t = 2**n, the tangent of the sum of two arguments gives the ratio of
    # t - 1 + (t + 1) * tanh(r) to t + 1 + (t - 1) * tanh(r): short, accurate near zero, and never more than 1.
    f = format_of(x)
    bound = 10.0 if f is F32 else 20.0
    a = s.abs(x)
    a = s.select(s.compare("gt", a, bound), bound, a)
    t, n = nearest_power(s, a, 2.0 * LOG2_E)
    r = s.fma(n, -LN2 / 2.0, a)
    z = s.mul(r, r)
    g = s.fma(s.mul(r, z), polynomial(s, z, TANH[f]), r)
    below, above = s.sub(t, 1.0), s.add(t, 1.0)
    return s.copysign(s.div(s.fma(above, g, below), s.fma(below, g, above)), x)
