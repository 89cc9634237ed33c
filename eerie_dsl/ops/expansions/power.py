"""Powers, cube roots, lengths."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.exponential import LN2, series
from eerie_dsl.ops.expansions.formats import (
    F32,
    F64,
    Coefficients,
    clamp,
    format_of,
    nearest,
    polynomial,
    power_of_two,
    scale,
    to_float,
)
from eerie_dsl.ops.expansions.logarithm import split

# (3 * atanh(t) / t - 3 - t**2) / t**4 as a function of t**2, t = f / (2 + f), 1 + f from sqrt(1/2) to sqrt(2)
SERIES: dict[object, Coefficients] = {
    F32: (0.6, 0.428573, 0.33306938, 0.28685808),
    F64: (
        0.6, 0.4285714285714285, 0.3333333333334285, 0.27272727269425306, 0.23076923650228248, 0.19999944154731641,
        0.17650246969562355, 0.15683893007418975, 0.16148946814897766,
    ),
}  # fmt: skip

# 2 / (3 * ln(2)), its first part short enough for exact products.
TWO_THIRDS_LOG2_E = {F32: (0.96142578125, 0.0003709127), F64: (0.9617966711521149, 2.2773860736742555e-08)}
WHOLE_TWO_THIRDS_LOG2_E = 0.9617966939259756

# The cube root from 1 to 2, to 17 bits.
CUBE_ROOT: Coefficients = (0.5069789, 0.71815515, -0.30061284, 0.08609193, -0.010603992)


def head(s: Any, x: Any) -> Any:
    """The leading half of the bits of ``x``: the product of two heads is exact."""
    f = format_of(x)
    return s.bitcast(s.bit_and(s.bits(x), -(1 << (f.fraction + 2) // 2)), f.dtype)


def log2_in_two(s: Any, x: Any) -> tuple[Any, Any]:
    """The logarithm to base 2 of a normal positive number as a head and the rest, with 11 more bits than one has."""
    f = format_of(x)
    e, m = split(s, x)
    n = to_float(s, e, f)
    part = s.sub(m, 1.0)
    whole = s.add(m, 1.0)
    inverse = s.div(s.constant(1.0, x.dtype), whole)
    t = s.mul(part, inverse)
    t_head = head(s, t)
    d_head = head(s, whole)
    d_rest = s.sub(m, s.sub(d_head, 1.0))
    t_rest = s.mul(inverse, s.sub(s.sub(part, s.mul(t_head, d_head)), s.mul(t_head, d_rest)))
    z = s.mul(t, t)
    r = s.fma(t_rest, s.add(t_head, t), s.mul(s.mul(z, z), polynomial(s, z, SERIES[f])))
    square = s.mul(t_head, t_head)
    a_head = head(s, s.add(s.add(square, 3.0), r))
    a_rest = s.sub(r, s.sub(s.sub(a_head, 3.0), square))
    u = s.mul(t_head, a_head)
    v = s.fma(t_rest, a_head, s.mul(a_rest, t))
    p_head = head(s, s.add(u, v))
    p_rest = s.sub(v, s.sub(p_head, u))
    high, low = TWO_THIRDS_LOG2_E[f]
    z_head = s.mul(p_head, high)
    z_rest = s.fma(p_head, low, s.mul(p_rest, WHOLE_TWO_THIRDS_LOG2_E))
    first = head(s, s.add(s.add(z_head, z_rest), n))
    return first, s.sub(z_rest, s.sub(s.sub(first, n), z_head))


def power(s: Any, x: Any, y: Any) -> Any:
    """x**y with C's values for zeros, infinities, NaN and negative bases."""
    f = format_of(x)
    a = s.abs(x)
    first, second = log2_in_two(s, a)
    bound = 2.0 ** (f.fraction + 10)
    held = clamp(s, y, -bound, bound)
    y_head = head(s, held)
    top = s.mul(y_head, first)
    rest = s.fma(s.sub(held, y_head), first, s.mul(held, second))
    limit = float(f.bias + f.fraction + 3)
    total = s.add(top, rest)
    beyond = s.compare("gt", s.abs(total), limit)
    top = s.select(beyond, clamp(s, total, -limit, limit), top)
    rest = s.select(beyond, 0.0, rest)
    n, whole = nearest(s, s.add(top, rest))
    fraction = s.add(s.sub(top, whole), rest)
    result = scale(s, s.add(series(s, s.mul(fraction, LN2)), 1.0), n)

    infinite = s.compare("eq", a, float("inf"))
    zero = s.compare("lt", a, f.tiny)
    grows = s.bit_xor(s.compare("lt", y, 0.0), infinite)
    result = s.select(s.bit_or(infinite, zero), s.select(grows, s.constant(float("inf"), f.dtype), 0.0), result)
    result = s.select(s.bit_or(s.is_nan(x), s.is_nan(y)), float("nan"), result)
    length, units = s.abs(y), 2.0**f.fraction  # added to a smaller number, it leaves an integer in the low bits
    shifted = s.select(s.compare("lt", length, units), s.add(length, units), length)
    integral = s.bit_or(s.compare("ge", length, units), s.compare("eq", s.sub(shifted, units), length))
    last = s.bit_and(s.compare("ne", s.bit_and(s.bits(shifted), 1), 0), s.compare("lt", length, 2.0 * units))
    odd = s.bit_and(integral, last)
    negative = s.compare("lt", s.bits(x), 0)
    fails = s.bit_and(s.bit_not(integral), s.bit_and(s.compare("lt", x, 0.0), s.bit_not(infinite)))
    result = s.select(fails, float("nan"), result)
    result = s.select(s.bit_and(negative, odd), s.neg(result), result)
    one = s.bit_or(s.compare("eq", x, 1.0), s.compare("eq", y, 0.0))
    one = s.bit_or(one, s.bit_and(s.compare("eq", x, -1.0), s.compare("eq", s.abs(y), float("inf"))))
    return s.select(one, 1.0, result)


def cbrt(s: Any, x: Any) -> Any:
    """Cube root, also of negative numbers."""
    f = format_of(x)
    a = s.abs(x)
    bits = s.bits(a)
    offset = 3 * (f.bias + 1)
    e = s.add(s.shift_right(bits, f.fraction), offset - f.bias)
    third = s.shift_right(s.mul(e, 43691), 17)
    left = s.sub(e, s.mul(third, 3))
    mantissa = s.bit_and(bits, (1 << f.fraction) - 1)
    unit = s.bitcast(s.bit_or(mantissa, f.bias << f.fraction), f.dtype)
    m = s.mul(unit, power_of_two(s, left, f))
    factor = s.select(s.compare("eq", left, 2), s.constant(4 ** (1 / 3), f.dtype), 2 ** (1 / 3))
    factor = s.select(s.compare("eq", left, 0), 1.0, factor)
    root = s.mul(polynomial(s, unit, CUBE_ROOT), factor)
    for _ in range(1 if f is F32 else 2):  # Halley's iteration triples the right bits
        cube = s.mul(s.mul(root, root), root)
        step = s.div(s.sub(m, cube), s.add(s.add(cube, cube), m))
        root = s.fma(root, step, root)
    result = s.mul(root, power_of_two(s, s.sub(third, f.bias + 1), f))
    usual = s.bit_and(s.is_finite(x), s.compare("ge", a, f.tiny))
    return s.copysign(s.select(usual, result, a), x)


def hypotenuse(s: Any, x: Any, y: Any) -> Any:
    """sqrt(x * x + y * y) of two elements, scaled so that nothing overflows on the way; inf beats NaN."""
    a, b = s.abs(x), s.abs(y)
    swap = s.compare("lt", a, b)
    large, small = s.select(swap, b, a), s.select(swap, a, b)
    ratio = s.div(small, s.select(s.compare("eq", large, 0.0), 1.0, large))
    length = s.mul(large, s.math("sqrt", s.fma(ratio, ratio, 1.0)))
    infinite = s.bit_or(s.compare("eq", a, float("inf")), s.compare("eq", b, float("inf")))
    return s.select(infinite, float("inf"), length)
