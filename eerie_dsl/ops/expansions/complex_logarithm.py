"""log, log2, log10, log1p and powers of complex numbers, by their real and imaginary parts.

The logarithm of a length near 1 is that of 1 + w, where w = |z|**2 - 1 is summed from exact products: what cancels
there has no rounding in it. Special values are those of C99, annex G.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions import logarithm
from eerie_dsl.ops.expansions.complex_exponential import exp
from eerie_dsl.ops.expansions.formats import F32, format_of, to_float
from eerie_dsl.ops.expansions.logarithm import LOG2_E, LOG10_2, LOG10_E
from eerie_dsl.ops.expansions.power import head
from eerie_dsl.ops.expansions.trigonometric import atan2

INFINITY, NAN = float("inf"), float("nan")


def log(s: Any, z: Any) -> Any:
    """Natural logarithm."""
    a, b = s.real(z), s.imag(z)
    return s.complex(_log_length(s, a, b), atan2(s, b, a))


def log2(s: Any, z: Any) -> Any:
    """Logarithm to base 2."""
    a, b = s.real(z), s.imag(z)
    large, e, f = _length(s, a, b)
    half, missing = logarithm.tail(s, f)
    n = to_float(s, e, format_of(a))
    re = s.mul(s.fma(s.sub(f, s.sub(half, missing)), LOG2_E, n), 0.5)
    return s.complex(logarithm.ends(s, large, re), s.mul(atan2(s, b, a), LOG2_E))


def log10(s: Any, z: Any) -> Any:
    """Logarithm to base 10."""
    a, b = s.real(z), s.imag(z)
    high, low = LOG10_2[format_of(a)]
    large, e, f = _length(s, a, b)
    half, missing = logarithm.tail(s, f)
    n = to_float(s, e, format_of(a))
    re = s.mul(s.fma(n, high, s.fma(s.sub(f, s.sub(half, missing)), LOG10_E, s.mul(n, low))), 0.5)
    return s.complex(logarithm.ends(s, large, re), s.mul(atan2(s, b, a), LOG10_E))


def log1p(s: Any, z: Any) -> Any:
    """log(1 + z), accurate near zero."""
    a, b = s.real(z), s.imag(z)
    x = s.add(a, 1.0)
    return s.complex(_log_length(s, x, b, a), atan2(s, b, x))


def power(s: Any, x: Any, y: Any) -> Any:
    """x**y as e**(y * log(x)); 1 for y = 0. Of zero: 0 where the real part of y is positive, else NaN."""
    a, b, c, d = s.real(x), s.imag(x), s.real(y), s.imag(y)
    length, angle = _log_length(s, a, b), atan2(s, b, a)
    # A part that is zero has no say in the products, infinite though the logarithm may be.
    real = s.compare("eq", d, 0.0)
    flat = s.compare("eq", c, 0.0)
    re = s.sub(s.select(flat, 0.0, s.mul(c, length)), s.select(real, 0.0, s.mul(d, angle)))
    im = s.add(s.select(real, 0.0, s.mul(d, length)), s.select(flat, 0.0, s.mul(c, angle)))
    result = exp(s, s.complex(re, im))
    zero = s.bit_and(s.compare("eq", a, 0.0), s.compare("eq", b, 0.0))
    nothing = s.select(s.compare("gt", c, 0.0), s.constant(0.0, x.dtype), complex(NAN, NAN))
    result = s.select(zero, nothing, result)
    return s.select(s.bit_and(real, flat), s.constant(1.0, x.dtype), result)


def _log_length(s: Any, x: Any, y: Any, offset: Any = None) -> Any:
    large, e, f = _length(s, x, y, offset)
    return logarithm.ends(s, large, s.mul(logarithm.joined(s, e, f), 0.5))


def _length(s: Any, x: Any, y: Any, offset: Any = None) -> tuple[Any, Any, Any]:
    """The length of x + yi by the larger of |x| and |y|, and e and f of its square = (1 + f) * 2**e.

    ``offset`` is x - 1 where that is known better than x.
    """
    f = format_of(x)
    a, b = s.abs(x), s.abs(y)
    large = s.maximum(a, b)
    steep = s.compare("lt", a, b)
    if offset is None:
        w = _square_minus_one(s, s.sub(large, 1.0), s.select(steep, a, b))
    else:
        w = _square_minus_one(s, offset, y)
    bound, step = (62, 66) if f is F32 else (510, 514)
    huge, tiny = s.compare("gt", large, 2.0**bound), s.compare("lt", large, 2.0**-bound)
    lift = s.select(huge, s.constant(2.0**-step, x.dtype), s.select(tiny, s.constant(2.0**step, x.dtype), 1.0))
    lifted = s.select(huge, s.constant(2 * step, f.integer), s.select(tiny, s.constant(-2 * step, f.integer), 0))
    p, q = s.mul(a, lift), s.mul(b, lift)
    square = s.fma(p, p, s.mul(q, q))
    near = s.bit_and(s.compare("gt", square, 0.5), s.compare("lt", square, 2.0))
    near = s.bit_and(near, s.compare("eq", lift, 1.0))
    u = s.select(near, s.add(w, 1.0), square)
    e, m = logarithm.split(s, u)
    fraction = s.select(near, logarithm.corrected(s, w, u, e, m), s.sub(m, 1.0))
    infinite = s.bit_or(s.compare("eq", a, INFINITY), s.compare("eq", b, INFINITY))
    return s.select(infinite, INFINITY, large), s.add(e, lifted), fraction


def _square_minus_one(s: Any, a: Any, b: Any) -> Any:
    # (1 + a)**2 + b**2 - 1. All products are exact, so that a fused multiplication changes nothing.
    a_head, b_head = head(s, a), head(s, b)
    a_rest, b_rest = s.sub(a, a_head), s.sub(b, b_head)
    total, rest = s.add(a, a), s.add(s.mul(a_rest, a_rest), s.mul(b_rest, b_rest))
    for x, y in ((b_head, b_head), (a_head, a_head), (s.add(b_head, b_head), b_rest), (s.add(a_head, a_head), a_rest)):
        total, lost = _two_sum(s, total, s.mul(x, y))
        rest = s.add(rest, lost)
    return s.add(total, rest)


def _two_sum(s: Any, a: Any, b: Any) -> tuple[Any, Any]:
    total = s.add(a, b)
    part = s.sub(total, a)
    return total, s.add(s.sub(a, s.sub(total, part)), s.sub(b, part))
