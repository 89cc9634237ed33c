"""Square roots, signs, and the inverse circular and hyperbolic functions of complex numbers, by their parts.

The inverses of sine and cosine follow Kahan (1987): with p + qi = sqrt(1 + z) and u + vi = sqrt(1 - z), the parts of
the results are an arc tangent and an inverse hyperbolic sine of sums in which nothing cancels. Special values are
those of C99, annex G.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.exponential import LN2
from eerie_dsl.ops.expansions.formats import F32, format_of
from eerie_dsl.ops.expansions.logarithm import asinh as real_asinh
from eerie_dsl.ops.expansions.logarithm import log1p
from eerie_dsl.ops.expansions.power import hypotenuse
from eerie_dsl.ops.expansions.trigonometric import HALF_PI, atan2

Parts = tuple[Any, Any]

INFINITY, NAN = float("inf"), float("nan")


def sqrt(s: Any, z: Any) -> Any:
    """Square root, its real part not negative."""
    a, b = s.real(z), s.imag(z)
    re, im = _sqrt(s, a, b)
    undefined = s.bit_or(s.is_nan(a), s.is_nan(b))
    re, im = s.select(undefined, NAN, re), s.select(undefined, NAN, im)
    forward, backward = s.compare("eq", a, INFINITY), s.compare("eq", a, -INFINITY)
    re = s.select(forward, INFINITY, s.select(s.bit_and(backward, s.bit_not(undefined)), 0.0, re))
    im = s.select(s.bit_and(forward, s.bit_not(undefined)), s.copysign(0.0, b), im)
    im = s.select(backward, s.copysign(INFINITY, b), im)
    upward = s.compare("eq", s.abs(b), INFINITY)
    return s.complex(s.select(upward, INFINITY, re), s.select(upward, b, im))


def rsqrt(s: Any, z: Any) -> Any:
    """1 / sqrt(z)."""
    return s.div(s.constant(1.0, z.dtype), sqrt(s, z))


def sign(s: Any, z: Any) -> Any:
    """z / |z|; 0 of 0. Of infinities the direction, NaN where both parts are infinite."""
    a, b = s.real(z), s.imag(z)
    x, y = s.abs(a), s.abs(b)
    steep = s.compare("lt", x, y)
    large, small = s.select(steep, y, x), s.select(steep, x, y)
    ratio = s.select(s.compare("eq", large, INFINITY), 0.0, s.div(small, large))
    first = s.div(s.constant(1.0, x.dtype), s.math("sqrt", s.fma(ratio, ratio, 1.0)))
    second = s.mul(first, ratio)
    re, im = (s.copysign(v, p) for v, p in ((s.select(steep, second, first), a), (s.select(steep, first, second), b)))
    zero = s.compare("eq", large, 0.0)
    fails = s.bit_or(s.bit_or(s.is_nan(a), s.is_nan(b)), s.compare("eq", small, INFINITY))
    re, im = (s.select(fails, NAN, s.select(zero, 0.0, v)) for v in (re, im))
    return s.complex(re, im)


def asin(s: Any, z: Any) -> Any:
    """Inverse sine."""
    return s.complex(*_asin(s, s.real(z), s.imag(z)))


def asinh(s: Any, z: Any) -> Any:
    """Inverse hyperbolic sine: asinh(z) = -i * asin(i * z)."""
    re, im = _asin(s, s.neg(s.imag(z)), s.real(z))
    return s.complex(im, s.neg(re))


def acos(s: Any, z: Any) -> Any:
    """Inverse cosine."""
    a, b = s.real(z), s.imag(z)
    angle, height = _acos(s, a, b)
    return s.complex(angle, s.neg(s.copysign(height, b)))


def acosh(s: Any, z: Any) -> Any:
    """Inverse hyperbolic cosine, its real part not negative."""
    a, b = s.real(z), s.imag(z)
    angle, height = _acos(s, a, b)
    return s.complex(height, s.copysign(angle, b))


def atan(s: Any, z: Any) -> Any:
    """Inverse tangent: atan(z) = -i * atanh(i * z)."""
    re, im = _atanh(s, s.neg(s.imag(z)), s.real(z))
    return s.complex(im, s.neg(re))


def atanh(s: Any, z: Any) -> Any:
    """Inverse hyperbolic tangent."""
    return s.complex(*_atanh(s, s.real(z), s.imag(z)))


def _sqrt(s: Any, a: Any, b: Any) -> Parts:
    # Of finite parts. Scaled by an even power of 2 where the length would overflow, or lose bits.
    short = format_of(a) is F32
    x, y = s.abs(a), s.abs(b)
    large = s.maximum(x, y)
    top, bottom = (2.0**125, 2.0**-90) if short else (2.0**1021, 2.0**-900)
    huge, tiny = s.compare("gt", large, top), s.compare("lt", large, bottom)
    lift = s.select(huge, s.constant(2.0**-4, a.dtype), s.select(tiny, s.constant(2.0**54, a.dtype), 1.0))
    back = s.select(huge, s.constant(2.0**2, a.dtype), s.select(tiny, s.constant(2.0**-27, a.dtype), 1.0))
    x, y = s.mul(x, lift), s.mul(y, lift)
    first = s.math("sqrt", s.mul(s.add(x, hypotenuse(s, x, y)), 0.5))
    second = s.select(s.compare("eq", y, 0.0), 0.0, s.div(s.mul(y, 0.5), first))
    first, second = s.mul(first, back), s.mul(second, back)
    left = s.compare("lt", a, 0.0)
    return s.select(left, second, first), s.copysign(s.select(left, first, second), b)


def _kahan(s: Any, a: Any, b: Any) -> tuple[Any, Any, Any, Any, Any]:
    # |p|, |q|, u and |v|, and what to add to an inverse hyperbolic sine where z was scaled to keep it in range.
    f = format_of(a)
    large = s.maximum(s.abs(a), s.abs(b))
    huge = s.compare("gt", large, 2.0 ** (f.bias - 8))
    lift = s.select(huge, s.constant(2.0**-4, a.dtype), 1.0)
    x, y = s.mul(a, lift), s.mul(b, lift)
    p, q = _sqrt(s, s.add(x, 1.0), y)
    u, v = _sqrt(s, s.sub(1.0, x), y)
    return p, s.abs(q), u, s.abs(v), s.select(huge, s.constant(4.0 * LN2, a.dtype), 0.0)


def _height(s: Any, a: Any, b: Any, parts: tuple[Any, Any, Any, Any, Any]) -> Any:
    # The size of the imaginary part of asin and acos.
    p, q, u, v, extra = parts
    height = s.add(real_asinh(s, s.fma(u, q, s.mul(v, p))), extra)
    infinite = s.bit_or(s.compare("eq", s.abs(a), INFINITY), s.compare("eq", s.abs(b), INFINITY))
    return s.select(infinite, INFINITY, s.select(s.bit_or(s.is_nan(a), s.is_nan(b)), NAN, height))


def _asin(s: Any, a: Any, b: Any) -> Parts:
    parts = _kahan(s, a, b)
    p, q, u, v, _ = parts
    x, y = s.abs(a), s.abs(b)
    infinite = s.bit_or(s.compare("eq", x, INFINITY), s.compare("eq", y, INFINITY))
    across = s.select(infinite, y, s.fma(p, u, s.mul(q, v)))
    along = s.select(infinite, x, s.mul(x, s.select(s.compare("eq", parts[4], 0.0), s.constant(1.0, x.dtype), 0.0625)))
    angle = s.copysign(atan2(s, along, across), a)
    undefined = s.bit_or(s.is_nan(a), s.is_nan(b))
    angle = s.select(s.compare("eq", a, 0.0), a, s.select(undefined, NAN, angle))
    return angle, s.copysign(_height(s, a, b, parts), b)


def _acos(s: Any, a: Any, b: Any) -> Parts:
    parts = _kahan(s, a, b)
    p, _, u, _, _ = parts
    x, y = s.abs(a), s.abs(b)
    infinite = s.bit_or(s.compare("eq", x, INFINITY), s.compare("eq", y, INFINITY))
    # Twice the angle of (p, u), or the angle of the point itself.
    angle = atan2(s, s.select(infinite, y, u), s.select(infinite, a, p))
    angle = s.select(infinite, angle, s.add(angle, angle))
    undefined = s.bit_or(s.is_nan(a), s.is_nan(b))
    angle = s.select(
        undefined, s.select(s.compare("eq", a, 0.0), s.constant(HALF_PI[format_of(a)][0], a.dtype), NAN), angle
    )
    return angle, _height(s, a, b, parts)


def _atanh(s: Any, a: Any, b: Any) -> Parts:
    # The real part is log1p(4 * |a| / ((1 - |a|)**2 + b**2)) / 4, the other half the angle of
    # ((1 - a) * (1 + a) - b**2, 2 * b).
    f = format_of(a)
    x, y = s.abs(a), s.abs(b)
    apart = s.sub(1.0, x)
    distance = hypotenuse(s, apart, y)
    close = s.compare("lt", distance, 2.0 ** -(f.bias // 2 - 4))
    far = s.mul(s.div(x, distance), s.div(s.constant(4.0, a.dtype), distance))
    argument = s.select(close, s.div(s.constant(2.0, a.dtype), distance), far)
    re = s.mul(log1p(s, argument), s.select(close, s.constant(0.5, a.dtype), 0.25))
    large = s.maximum(x, y)
    beyond = s.compare("gt", large, 2.0 ** (f.bias // 2 - 4))
    across = s.fma(apart, s.add(x, 1.0), s.neg(s.mul(y, y)))
    half_pi = s.constant(HALF_PI[f][0], a.dtype)
    im = s.select(beyond, half_pi, s.mul(atan2(s, s.mul(y, 2.0), across), 0.5))
    infinite = s.bit_or(s.compare("eq", x, INFINITY), s.compare("eq", y, INFINITY))
    undefined = s.bit_or(s.is_nan(a), s.is_nan(b))
    re = s.select(infinite, 0.0, s.select(undefined, NAN, re))
    re = s.select(s.compare("eq", x, 0.0), 0.0, re)
    im = s.select(s.is_nan(b), NAN, s.select(infinite, half_pi, s.select(s.is_nan(a), NAN, im)))
    return s.copysign(re, a), s.copysign(im, b)
