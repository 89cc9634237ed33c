"""The floating point remainder, exact for every pair of numbers."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ir.dtypes import uint32, uint64
from eerie_dsl.ops.expansions.formats import F32, format_of, scale


def fmod(s: Any, x: Any, y: Any) -> Any:
    """``x - trunc(x / y) * y`` without rounding, with the sign of x, as C's.

    Long division of the significands, as many bits at a time as fit beside them in a word.
    """
    f = format_of(x)
    word, spare = (uint32, 8) if f is F32 else (uint64, 11)
    a, b = (s.bitcast(s.abs(v), word) for v in (x, y))
    (ex, mx), (ey, my) = (_parts(s, v, f.fraction) for v in (a, b))
    undefined = s.bit_or(s.compare("eq", b, 0), s.bit_or(s.is_nan(y), s.bit_not(s.is_finite(x))))
    plain = s.bit_or(s.compare("lt", a, b), undefined)
    my = s.select(s.compare("eq", my, 0), 1, my)
    distance = s.select(plain, 0, s.sub(ex, ey))
    first = s.rem(distance, spare)
    rest = s.rem(s.shift_left(mx, first), my)
    rounds = s.div(distance, spare)
    (rest,) = s.repeat(rounds, lambda s, r, m: (s.rem(s.shift_left(r, spare), m), m), rest, my)[:1]
    signed = s.bitcast(rest, f.integer)
    exponent = s.sub(s.bitcast(ey, f.integer), f.bias + f.fraction)
    result = s.copysign(scale(s, s.cast(signed, f.dtype), exponent), x)
    return s.select(undefined, float("nan"), s.select(plain, x, result))


def _parts(s: Any, bits: Any, fraction: int) -> tuple[Any, Any]:
    # The biased exponent and the whole significand of a positive number, subnormals included.
    exponent = s.shift_right(bits, fraction)
    normal = s.compare("ne", exponent, 0)
    hidden = s.select(normal, s.constant(1 << fraction, bits.dtype), 0)
    return s.select(normal, exponent, 1), s.bit_or(s.bit_and(bits, (1 << fraction) - 1), hidden)
