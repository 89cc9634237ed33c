"""exp, expm1, the hyperbolic and the circular functions of complex numbers, by their real and imaginary parts.

Exponentials stay apart as a number near 1 and a power of 2 until they have met the sine or cosine they are multiplied
by: what overflows is the result. Special values are those of C99, annex G.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions import exponential, trigonometric
from eerie_dsl.ops.expansions.exponential import LN2
from eerie_dsl.ops.expansions.formats import F32, F64, clamp, format_of, keep_small, power_of_two, scale

Parts = tuple[Any, Any]

INFINITY = float("inf")

# As far as `scale` reaches: beyond, an exponential is infinite or zero whatever normal number it is multiplied by.
REACH = {F32: 176.4, F64: 1418.5}


def exp(s: Any, z: Any) -> Any:
    """e**z."""
    a, b = s.real(z), s.imag(z)
    p, n = _apart(s, a)
    p = s.add(p, 1.0)
    re, im = scale(s, s.mul(p, trigonometric.cos(s, b)), n), scale(s, s.mul(p, trigonometric.sin(s, b)), n)
    return s.complex(*_exp_ends(s, a, b, re, im, 0.0))


def expm1(s: Any, z: Any) -> Any:
    """e**z - 1, accurate near zero."""
    a, b = s.real(z), s.imag(z)
    short = format_of(a) is F32
    p, n = _apart(s, a)
    cosine, sine = trigonometric.cos(s, b), trigonometric.sin(s, b)
    # cos(b) - 1 without cancellation
    gap = s.select(
        s.compare("gt", cosine, 0.0), s.neg(s.div(s.mul(sine, sine), s.add(cosine, 1.0))), s.sub(cosine, 1.0)
    )
    unit = power_of_two(s, s.select(s.compare("lt", n, -100), -100, s.minimum(n, 100)), format_of(a))
    near = s.fma(s.fma(p, unit, s.sub(unit, 1.0)), cosine, gap)
    near = s.select(s.bit_and(s.compare("lt", a, -20.0 if short else -40.0), s.is_finite(b)), -1.0, near)
    p = s.add(p, 1.0)
    far = scale(s, s.mul(p, cosine), n)
    re = s.select(s.compare("gt", a, 60.0), far, near)
    im = scale(s, s.mul(p, sine), n)
    return s.complex(*_exp_ends(s, a, b, re, im, -1.0))


def sinh(s: Any, z: Any) -> Any:
    """Hyperbolic sine."""
    return s.complex(*_sinh(s, s.real(z), s.imag(z)))


def cosh(s: Any, z: Any) -> Any:
    """Hyperbolic cosine."""
    return s.complex(*_cosh(s, s.real(z), s.imag(z)))


def tanh(s: Any, z: Any) -> Any:
    """Hyperbolic tangent."""
    return s.complex(*_tanh(s, s.real(z), s.imag(z)))


def sin(s: Any, z: Any) -> Any:
    """Sine: sin(z) = -i * sinh(i * z)."""
    re, im = _sinh(s, s.neg(s.imag(z)), s.real(z))
    return s.complex(im, s.neg(re))


def cos(s: Any, z: Any) -> Any:
    """Cosine: cos(z) = cosh(i * z)."""
    return s.complex(*_cosh(s, s.neg(s.imag(z)), s.real(z)))


def tan(s: Any, z: Any) -> Any:
    """Tangent: tan(z) = -i * tanh(i * z)."""
    re, im = _tanh(s, s.neg(s.imag(z)), s.real(z))
    return s.complex(im, s.neg(re))


def _apart(s: Any, a: Any, further: float = 0.0) -> Parts:
    # p and n of e**a = (1 + p) * 2**n, for any a that makes a difference.
    reach = REACH[format_of(a)] + further
    n, r = exponential.reduced(s, clamp(s, a, -reach, reach))
    return exponential.series(s, r), n


def _exp_ends(s: Any, a: Any, b: Any, re: Any, im: Any, limit: float) -> Parts:
    """The parts of an exponential that tends to ``limit`` on the left, with infinities and NaN put in."""
    wild = s.bit_not(s.is_finite(b))
    above, below = s.compare("eq", a, INFINITY), s.compare("eq", a, -INFINITY)
    ends = s.select(s.bit_or(wild, s.compare("gt", re, 0.0)), s.constant(INFINITY, a.dtype), -INFINITY)
    re = s.select(above, ends, s.select(s.bit_and(below, wild), limit, re))
    im = s.select(s.bit_and(above, s.is_finite(b)), s.copysign(INFINITY, im), im)
    im = s.select(s.bit_and(below, wild), 0.0, im)
    return re, s.select(s.compare("eq", b, 0.0), b, im)


def _both(s: Any, a: Any) -> tuple[Any, Any, Any]:
    # cosh(a) and sinh(|a|), both to be multiplied by 2**n.
    f = format_of(a)
    length = s.abs(a)
    p, n = _apart(s, length, LN2)
    large = s.compare("gt", length, 10.0 if f is F32 else 20.0)  # there both are e**|a| / 2 to the last bit
    half = power_of_two(s, s.select(large, -1, s.sub(n, 1)), f)
    h = s.fma(p, half, s.sub(half, 0.5))
    cosh = s.add(s.add(h, 0.5), s.div(0.25, s.add(h, 0.5)))
    sinh = s.add(h, s.div(h, s.fma(h, 2.0, 1.0)))
    whole = s.add(p, 1.0)
    cosh, sinh = s.select(large, whole, cosh), s.select(large, whole, keep_small(s, length, sinh))
    return cosh, sinh, s.select(large, s.sub(n, 1), 0)


def _sinh(s: Any, a: Any, b: Any) -> Parts:
    cosh, sinh, n = _both(s, a)
    re = scale(s, s.mul(s.copysign(sinh, a), trigonometric.cos(s, b)), n)
    im = scale(s, s.mul(cosh, trigonometric.sin(s, b)), n)
    wild = s.bit_not(s.is_finite(b))
    infinite = s.compare("eq", s.abs(a), INFINITY)
    re = s.select(infinite, s.copysign(INFINITY, s.select(wild, a, re)), re)
    re = s.select(s.bit_and(wild, s.compare("eq", a, 0.0)), a, re)
    im = s.select(s.bit_and(infinite, s.is_finite(b)), s.copysign(INFINITY, im), im)
    return re, s.select(s.compare("eq", b, 0.0), b, im)


def _cosh(s: Any, a: Any, b: Any) -> Parts:
    cosh, sinh, n = _both(s, a)
    re = scale(s, s.mul(cosh, trigonometric.cos(s, b)), n)
    im = scale(s, s.mul(s.copysign(sinh, a), trigonometric.sin(s, b)), n)
    wild = s.bit_not(s.is_finite(b))
    infinite = s.compare("eq", s.abs(a), INFINITY)
    re = s.select(infinite, s.select(wild, s.constant(INFINITY, a.dtype), s.copysign(INFINITY, re)), re)
    im = s.select(s.bit_and(infinite, s.is_finite(b)), s.copysign(INFINITY, im), im)
    im = s.select(s.bit_and(wild, s.compare("eq", a, 0.0)), a, im)
    return re, s.select(s.compare("eq", b, 0.0), s.copysign(b, s.mul(s.copysign(1.0, a), s.copysign(1.0, b))), im)


def _tanh(s: Any, a: Any, b: Any) -> Parts:
    # tanh(a + bi) = (sinh(a) * cosh(a) + i * sin(b) * cos(b)) / (sinh(a)**2 + cos(b)**2): nothing cancels.
    f = format_of(a)
    end = 10.0 if f is F32 else 20.0
    cosh, sinh, n = _both(s, clamp(s, a, -80.0 if f is F32 else -700.0, 80.0 if f is F32 else 700.0))
    cosine, sine = trigonometric.cos(s, b), trigonometric.sin(s, b)
    large = s.compare("gt", s.abs(a), end)
    below = s.fma(sinh, sinh, s.mul(cosine, cosine))
    inverse = s.div(s.constant(1.0, a.dtype), scale(s, sinh, n))
    re = s.select(large, 1.0, s.div(s.mul(sinh, cosh), below))
    im = s.select(large, s.mul(s.mul(sine, inverse), s.mul(cosine, inverse)), s.div(s.mul(sine, cosine), below))
    re = s.copysign(s.select(s.is_finite(b), re, float("nan")), a)
    flat = s.bit_and(s.compare("eq", a, 0.0), s.bit_not(s.is_nan(a)))
    infinite = s.compare("eq", s.abs(a), INFINITY)
    re = s.select(s.is_nan(a), a, s.select(flat, a, s.select(infinite, s.copysign(1.0, a), re)))
    im = s.select(infinite, s.copysign(0.0, b), im)
    return keep_small(s, a, re), s.select(s.compare("eq", b, 0.0), b, im)
