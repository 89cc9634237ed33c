"""log, log2, log10, log1p and what is built on them: asinh, acosh, atanh."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.exponential import LN2_PARTS
from eerie_dsl.ops.expansions.formats import F32, F64, Coefficients, format_of, polynomial, power_of_two, to_float

# (2 * atanh(t) / t - 2) / t**2 as a function of t**2, t = f / (2 + f), for f from sqrt(1/2) - 1 to sqrt(2) - 1
SERIES: dict[object, Coefficients] = {
    F32: (0.6666666, 0.40000337, 0.2853717, 0.23584987),
    F64: (
        0.6666666666666735, 0.3999999999940749, 0.2857142874414164, 0.22222198378459493,
        0.18183575166059565, 0.15313755752712596, 0.14799066108059503,
    ),
}  # fmt: skip
ROOT_HALF_BITS = {F32: 0x3F3504F3, F64: 0x3FE6A09E667F3BCD}

LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
LOG10_2 = {
    F32: (float.fromhex("0x1.344p-2"), float.fromhex("0x1.3509f8p-18")),
    F64: (float.fromhex("0x1.34413509f7p-2"), float.fromhex("0x1.3fde623e2566bp-43")),
}


def split(s: Any, x: Any) -> tuple[Any, Any]:
    """The exponent e (an integer) and m of x = m * 2**e, m from sqrt(1/2) to sqrt(2); for normal positive x."""
    f = format_of(x)
    bits = s.bits(x)
    e = s.shift_right(s.sub(bits, ROOT_HALF_BITS[f]), f.fraction)
    return e, s.bitcast(s.sub(bits, s.shift_left(e, f.fraction)), f.dtype)


def tail(s: Any, f: Any) -> tuple[Any, Any]:
    """Half of f**2, and what is missing in log(1 + f) = f - (half - missing)."""
    t = s.div(f, s.add(f, 2.0))
    z = s.mul(t, t)
    half = s.mul(s.mul(f, f), 0.5)
    return half, s.mul(t, s.fma(z, polynomial(s, z, SERIES[format_of(f)]), half))


def joined(s: Any, e: Any, f: Any) -> Any:
    """log((1 + f) * 2**e)."""
    high, low = LN2_PARTS[format_of(f)]
    n = to_float(s, e, format_of(f))
    half, missing = tail(s, f)
    return s.fma(n, high, s.sub(f, s.sub(half, s.fma(n, low, missing))))


def ends(s: Any, x: Any, result: Any) -> Any:
    """``result`` with the values of a logarithm at zero, infinity, NaN and for negative numbers put in."""
    result = s.select(s.compare("lt", x, float("inf")), result, x)
    result = s.select(s.compare("lt", x, format_of(x).tiny), float("-inf"), result)
    return s.select(s.compare("lt", x, 0.0), float("nan"), result)


def log(s: Any, x: Any) -> Any:
    """Natural logarithm."""
    e, m = split(s, x)
    return ends(s, x, joined(s, e, s.sub(m, 1.0)))


def log2(s: Any, x: Any) -> Any:
    """Logarithm to base 2; exact for powers of two."""
    e, m = split(s, x)
    f = s.sub(m, 1.0)
    half, missing = tail(s, f)
    return ends(s, x, s.fma(s.sub(f, s.sub(half, missing)), LOG2_E, to_float(s, e, format_of(x))))


def log10(s: Any, x: Any) -> Any:
    """Logarithm to base 10."""
    high, low = LOG10_2[format_of(x)]
    e, m = split(s, x)
    f = s.sub(m, 1.0)
    half, missing = tail(s, f)
    n = to_float(s, e, format_of(x))
    return ends(s, x, s.fma(n, high, s.fma(s.sub(f, s.sub(half, missing)), LOG10_E, s.mul(n, low))))


def log1p(s: Any, x: Any) -> Any:
    """log(1 + x)."""
    u = s.add(x, 1.0)
    e, m = split(s, u)
    return s.select(s.compare("eq", x, 0.0), x, ends(s, u, joined(s, e, corrected(s, x, u, e, m))))


def corrected(s: Any, x: Any, u: Any, e: Any, m: Any) -> Any:
    """f of 1 + x = (1 + f) * 2**e, where u, the rounded 1 + x, is m * 2**e: what rounding lost is put back."""
    lost = s.select(s.compare("gt", u, 2.0), s.sub(1.0, s.sub(u, x)), s.sub(x, s.sub(u, 1.0)))
    shrink = power_of_two(s, s.neg(s.minimum(e, format_of(x).bias - 1)), format_of(x))
    return s.fma(lost, shrink, s.sub(m, 1.0))


def asinh(s: Any, x: Any) -> Any:
    """Inverse hyperbolic sine."""
    a = s.abs(x)
    square = s.mul(a, a)
    root = s.math("sqrt", s.add(square, 1.0))
    y = s.add(a, s.div(square, s.add(root, 1.0)))
    return s.copysign(_log1p_or_twice(s, y, a), x)


def acosh(s: Any, x: Any) -> Any:
    """Inverse hyperbolic cosine; NaN below 1."""
    t = s.sub(x, 1.0)
    y = s.add(t, s.math("sqrt", s.fma(t, t, s.add(t, t))))
    return s.select(s.compare("lt", x, 1.0), float("nan"), _log1p_or_twice(s, y, x))


def atanh(s: Any, x: Any) -> Any:
    """Inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond."""
    a = s.abs(x)
    y = s.div(s.add(a, a), s.sub(1.0, a))
    return s.copysign(s.mul(log1p(s, y), 0.5), x)


def _log1p_or_twice(s: Any, y: Any, a: Any) -> Any:
    # log(1 + y), but log(2 * a) where squares of a drown the rest or overflow.
    f = format_of(a)
    large = s.compare("gt", a, 2.0 ** (f.fraction // 2 + 2))
    u = s.select(large, a, s.add(y, 1.0))
    e, m = split(s, u)
    fraction = s.select(large, s.sub(m, 1.0), corrected(s, y, u, e, m))
    e = s.add(e, s.select(large, s.constant(1, f.integer), 0))
    result = s.select(s.compare("lt", u, float("inf")), joined(s, e, fraction), u)
    return s.select(s.compare("eq", y, 0.0), y, result)
