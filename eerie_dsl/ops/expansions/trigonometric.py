"""sin, cos, tan and their inverses.

Arguments are reduced by the method of Payne and Hanek (1983) whatever their size: the bits of 2 / pi that matter for
the exponent of x are multiplied by the significand of x as integers, so that huge arguments lose nothing.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.ir.dtypes import float32, int32, uint32, uint64
from eerie_dsl.ops.expansions.formats import F32, F64, Coefficients, format_of, polynomial, to_float

# pi / 2 and pi / 4 rounded to each format, and what the rounding lost.
HALF_PI = {F32: (1.57079637050628662, -4.37113882867379e-08), F64: (1.5707963267948966, 6.123233995736766e-17)}
QUARTER_PI = {f: (high / 2, low / 2) for f, (high, low) in HALF_PI.items()}

# The first bits of 2 / pi, 32 in each word.
TWO_OVER_PI = (
    0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561,
    0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C, 0xFE1DEB1C, 0xB129A73E, 0xE88235F5, 0x2EBB4484,
    0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF, 0xDE05980F,
    0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7, 0x4F463F66, 0x9E5FEA2D, 0x7527BAC7, 0xEBE5F17B,
    0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046, 0xFC7B6BAB,
)  # fmt: skip

# (sin(r) / r - 1) / r**2 and (cos(r) - 1 + r**2 / 2) / r**4 as functions of r**2, |r| <= pi / 4
SIN: dict[object, Coefficients] = {
    F32: (-0.16666655, 0.008332156, -0.00019514632),
    F64: (
        -0.1666666666666663, 0.008333333333322005, -0.00019841269829495511, 2.755731358762427e-06,
        -2.5050742308665037e-08, 1.5895904787997703e-10,
    ),
}  # fmt: skip
COS: dict[object, Coefficients] = {
    F32: (0.041666646, -0.001388731, 2.4432413e-05),
    F64: (
        0.041666666666666595, -0.0013888888888872895, 2.4801587288748254e-05, -2.755731414864342e-07,
        2.087569657530531e-09, -1.135831063103254e-11,
    ),
}  # fmt: skip

# (atan(t) / t - 1) / t**2 as a function of t**2, |t| <= tan(pi / 8)
ATAN: dict[object, Coefficients] = {
    F32: (-0.33333316, 0.19998465, -0.14243422, 0.105929464, -0.060759157),
    F64: (
        -0.3333333333333319, 0.1999999999995282, -0.14285714280121328, 0.11111110779797374, -0.09090897655004218,
        0.07692058428562293, -0.06663084145763155, 0.05847746977975391, -0.05038673023023513, 0.03804872307762406,
        -0.01789006748653189,
    ),
}  # fmt: skip
TAN_PI_8 = 0.4142135623730951

# (asin(t) / t - 1) / t**2 as a function of t**2, |t| <= 1 / 2
ASIN: dict[object, Coefficients] = {
    F32: (0.1666666, 0.07500504, 0.044516955, 0.031807724, 0.014438581, 0.037516486),
    F64: (
        0.1666666666666676, 0.07499999999970798, 0.044642857174613054, 0.030381942707744886, 0.022372214988357782,
        0.017351612006130085, 0.013980820590609263, 0.011398912128955396, 0.010780252497462504,
        0.0037064113316683813, 0.02170743953031387, -0.020999052046440477, 0.032628618115332124,
    ),
}  # fmt: skip


def reduced(s: Any, a: Any) -> tuple[Any, Any]:
    """q modulo 4 (in the low bits of an integer) and r of a = q * pi / 2 + r, |r| <= pi / 4, for a >= 0."""
    f = format_of(a)
    q, turns = _turns32(s, a) if f is F32 else _turns64(s, a)
    high, low = HALF_PI[f]
    r = s.fma(turns, high, s.mul(turns, low))
    r = s.add(r, s.sub(a, a))  # NaN for infinity
    small = s.compare("lt", a, QUARTER_PI[f][0])
    return s.select(small, 0, q), s.select(small, a, r)


def _turns32(s: Any, a: Any) -> tuple[Any, Any]:
    # a is m * 2**e. The 96 bits of 2 / pi from the one of weight 2**(1 - e) on give a * 2 / pi modulo 4.
    bits = s.bitcast(a, uint32)
    m = s.bit_or(s.bit_and(bits, 0x7FFFFF), 0x800000)
    start = s.sub(s.shift_right(bits, 23), 150 - 30)
    words = _window(s, start, (0, *TWO_OVER_PI[:7]), 3)
    m, w0, w1, w2 = (s.cast(v, uint64) for v in (m, *words))
    p1 = s.add(s.mul(m, w1), s.shift_right(s.mul(m, w2), 32))
    low = s.cast(p1, uint32)
    high = s.add(s.cast(s.mul(m, w0), uint32), s.cast(s.shift_right(p1, 32), uint32))
    q = s.shift_right(s.add(high, 1 << 29), 30)
    upper = s.bitcast(s.bit_or(s.shift_left(high, 2), s.shift_right(low, 30)), int32)
    lower = s.bitcast(s.shift_right(s.shift_left(low, 2), 1), int32)
    turns = s.fma(s.cast(upper, float32), 2.0**-32, s.mul(s.cast(lower, float32), 2.0**-63))
    return s.bitcast(q, int32), turns


def _turns64(s: Any, a: Any) -> tuple[Any, Any]:
    # As above with 192 bits, in columns of 32 from the top.
    f = F64
    bits = s.bitcast(a, uint64)
    m = s.bit_or(s.bit_and(bits, (1 << 52) - 1), 1 << 52)
    mask = 0xFFFFFFFF
    m0, m1 = s.bit_and(m, mask), s.shift_right(m, 32)
    start = s.sub(s.shift_right(bits, 52), 1075 - 62)
    pairs = zip(TWO_OVER_PI[::2], TWO_OVER_PI[1::2], strict=True)
    words = _window(s, start, (0, *(high << 32 | low for high, low in pairs)), 3)
    w = [part for word in words for part in (s.shift_right(word, 32), s.bit_and(word, mask))]
    by_m0 = [s.mul(m0, v) for v in w]
    by_m1 = [s.mul(m1, v) for v in w[1:]]
    columns, carry = [], s.shift_right(by_m0[5], 32)
    for k in (4, 3, 2, 1, 0):
        terms = [s.bit_and(by_m0[k], mask), s.bit_and(by_m1[k], mask)]
        if k < 4:
            terms += [s.shift_right(by_m0[k + 1], 32), s.shift_right(by_m1[k + 1], 32)]
        total = carry
        for term in terms:
            total = s.add(total, term)
        columns.append(s.bit_and(total, mask))
        carry = s.shift_right(total, 32)
    p3, p2, p1, p0 = columns[1:]
    q = s.shift_right(s.add(p0, 1 << 29), 30)
    top = s.bitcast(s.shift_left(s.bit_or(s.shift_left(p0, 32), p1), 2), f.integer)
    parts = (
        s.shift_right(top, 32),
        s.bit_or(s.bit_and(s.bitcast(top, uint64), mask), s.shift_right(p2, 30)),
        s.bit_and(s.bit_or(s.shift_left(p2, 2), s.shift_right(p3, 30)), mask),
    )
    high, middle, low = (to_float(s, s.bitcast(v, f.integer), f) for v in parts)
    turns = s.fma(high, 2.0**-32, s.fma(middle, 2.0**-64, s.mul(low, 2.0**-96)))
    return s.bitcast(q, f.integer), turns


def _window(s: Any, start: Any, table: tuple[int, ...], count: int) -> list[Any]:
    """``count`` words of the bits of ``table`` from bit ``start`` on."""
    bits = start.dtype.bits
    index, offset = s.shift_right(start, bits.bit_length() - 1), s.bit_and(start, bits - 1)
    words: list[Any] = [s.constant(w, start.dtype) for w in table]
    step = 1 << (len(table) - count - 1).bit_length() - 1
    while step:
        taken = s.compare("ne", s.bit_and(index, step), 0)
        wanted = min(count + step, len(words))
        words = [
            s.select(taken, words[k + step], words[k]) if k + step < len(words) else words[k] for k in range(wanted)
        ]
        step //= 2
    rest = s.bit_xor(offset, bits - 1)
    return [
        s.bit_or(s.shift_left(words[k], offset), s.shift_right(s.shift_right(words[k + 1], 1), rest))
        for k in range(count)
    ]


def _sin(s: Any, r: Any, z: Any) -> Any:
    return s.fma(s.mul(r, z), polynomial(s, z, SIN[format_of(r)]), r)


def _cos(s: Any, z: Any) -> Any:
    return s.add(s.fma(z, -0.5, 1.0), s.mul(s.mul(z, z), polynomial(s, z, COS[format_of(z)])))


def _odd(s: Any, q: Any) -> Any:
    return s.compare("ne", s.bit_and(q, 1), 0)


def _quadrant(s: Any, q: Any, r: Any) -> Any:
    # The sine of q * pi / 2 + r.
    f = format_of(r)
    z = s.mul(r, r)
    value = s.select(_odd(s, q), _cos(s, z), _sin(s, r, z))
    flip = s.shift_left(s.bit_and(q, 2), f.integer.bits - 2)
    return s.bitcast(s.bit_xor(s.bits(value), flip), f.dtype)


def _negated_with(s: Any, value: Any, x: Any) -> Any:
    f = format_of(x)
    sign = s.bit_and(s.bits(x), -(1 << (f.integer.bits - 1)))
    return s.bitcast(s.bit_xor(s.bits(value), sign), f.dtype)


def sin(s: Any, x: Any) -> Any:
    """Sine; NaN for infinities."""
    q, r = reduced(s, s.abs(x))
    return _negated_with(s, _quadrant(s, q, r), x)


def cos(s: Any, x: Any) -> Any:
    """Cosine; NaN for infinities."""
    q, r = reduced(s, s.abs(x))
    return _quadrant(s, s.add(q, 1), r)


def tan(s: Any, x: Any) -> Any:
    """Tangent; NaN for infinities."""
    q, r = reduced(s, s.abs(x))
    z = s.mul(r, r)
    sine, cosine, odd = _sin(s, r, z), _cos(s, z), _odd(s, q)
    value = s.div(s.select(odd, s.neg(cosine), sine), s.select(odd, sine, cosine))
    return _negated_with(s, value, x)


def _atan_small(s: Any, t: Any) -> Any:
    z = s.mul(t, t)
    return s.fma(s.mul(t, z), polynomial(s, z, ATAN[format_of(t)]), t)


def atan(s: Any, x: Any) -> Any:
    """Inverse tangent."""
    high, low = QUARTER_PI[format_of(x)]
    a = s.abs(x)
    some, much = s.compare("gt", a, TAN_PI_8), s.compare("gt", a, 1.0 / TAN_PI_8)
    top = s.select(much, -1.0, s.select(some, s.sub(a, 1.0), a))
    bottom = s.select(much, a, s.select(some, s.add(a, 1.0), s.constant(1.0, a.dtype)))
    eighths = s.select(much, s.constant(2.0, a.dtype), s.select(some, s.constant(1.0, a.dtype), 0.0))
    r = _atan_small(s, s.div(top, bottom))
    return s.copysign(s.fma(eighths, high, s.fma(eighths, low, r)), x)


def atan2(s: Any, y: Any, x: Any) -> Any:
    """The angle of the point (x, y), with signed zeros and infinities as in C."""
    f = format_of(x)
    high, low = QUARTER_PI[f]
    a, b = s.abs(y), s.abs(x)
    steep = s.compare("gt", a, b)
    large, small = s.select(steep, a, b), s.select(steep, b, a)
    lift = s.select(s.compare("lt", large, 2.0 ** -(f.bias // 2)), s.constant(2.0 ** (f.bias // 2), x.dtype), 1.0)
    lift = s.select(s.compare("gt", large, 2.0 ** (f.bias - 2)), 0.25, lift)
    infinite = s.compare("eq", large, float("inf"))
    both = s.select(s.compare("eq", small, float("inf")), s.constant(1.0, x.dtype), 0.0)
    small = s.select(infinite, s.select(s.is_nan(small), small, both), s.mul(small, lift))
    one = s.bit_or(infinite, s.compare("eq", large, 0.0))
    large = s.select(one, 1.0, s.mul(large, lift))
    some = s.compare("gt", small, s.mul(large, TAN_PI_8))
    top, bottom = s.select(some, s.sub(small, large), small), s.select(some, s.add(small, large), large)
    r = _atan_small(s, s.div(top, bottom))
    eighths = s.select(some, s.constant(1.0, x.dtype), 0.0)
    for mirrored, full in ((steep, 2.0), (s.compare("lt", s.bits(x), 0), 4.0)):
        eighths = s.select(mirrored, s.sub(full, eighths), eighths)
        r = s.select(mirrored, s.neg(r), r)
    return s.copysign(s.fma(eighths, high, s.fma(eighths, low, r)), y)


def _asin_parts(s: Any, a: Any) -> tuple[Any, Any]:
    # Beyond 1 / 2: asin(a) = pi / 2 - 2 * asin(sqrt((1 - a) / 2)).
    large = s.compare("gt", a, 0.5)
    z = s.select(large, s.fma(a, -0.5, 0.5), s.mul(a, a))
    t = s.select(large, s.math("sqrt", z), a)
    return large, s.fma(s.mul(t, z), polynomial(s, z, ASIN[format_of(a)]), t)


def asin(s: Any, x: Any) -> Any:
    """Inverse sine; NaN beyond 1 and -1."""
    high, low = HALF_PI[format_of(x)]
    large, p = _asin_parts(s, s.abs(x))
    return s.copysign(s.select(large, s.sub(high, s.fma(p, 2.0, -low)), p), x)


def acos(s: Any, x: Any) -> Any:
    """Inverse cosine; NaN beyond 1 and -1."""
    high, low = HALF_PI[format_of(x)]
    large, p = _asin_parts(s, s.abs(x))
    twice = s.add(p, p)
    mirrored = s.sub(2.0 * high, s.sub(twice, 2.0 * low))
    far = s.select(s.compare("lt", x, 0.0), mirrored, twice)
    return s.select(large, far, s.sub(high, s.sub(s.copysign(p, x), low)))
