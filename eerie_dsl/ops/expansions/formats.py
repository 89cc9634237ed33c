"""What the expansions need to know of a floating point format, and the steps that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eerie_dsl.ir.dtypes import DType, float32, float64, int32, int64

Coefficients = tuple[float, ...]


@dataclass(frozen=True)
class Format:
    """A binary format: ``fraction`` bits stored, exponents offset by ``bias``.

    Attributes:
        magic: 1.5 * 2**fraction. Added to a number below 2**(fraction - 1), it rounds it to an integer, which then
            sits in the low bits of the sum; this needs neither a rounding nor a conversion instruction.
        magic_bits: the bits of ``magic``.
        tiny: the smallest normal number.
    """

    dtype: DType
    integer: DType
    fraction: int
    bias: int
    magic: float
    magic_bits: int
    tiny: float


F32 = Format(float32, int32, 23, 127, 1.5 * 2.0**23, 0x4B400000, 2.0**-126)
F64 = Format(float64, int64, 52, 1023, 1.5 * 2.0**52, 0x4338000000000000, 2.0**-1022)


def format_of(x: Any) -> Format:
    """The format of an element."""
    return F32 if x.dtype is float32 else F64


def polynomial(s: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """``coefficients[0] + coefficients[1] * x + ...`` by Horner's rule."""
    result = s.constant(coefficients[-1], x.dtype)
    for c in reversed(coefficients[:-1]):
        result = s.fma(result, x, c)
    return result


def nearest(s: Any, x: Any, factor: float = 1.0) -> tuple[Any, Any]:
    """The integer nearest to ``x * factor``, as an integer and as a float; for small ones (see `Format.magic`)."""
    f = format_of(x)
    shifted = s.fma(x, factor, f.magic)
    return s.sub(s.bits(shifted), f.magic_bits), s.sub(shifted, f.magic)


def nearest_power(s: Any, x: Any, factor: float, *, bounded: bool = False) -> tuple[Any, Any]:
    """2**n and n as floats, n the integer nearest to ``x * factor``, or if ``bounded`` at most the largest exponent;
    for exponents of normal numbers, and the next smaller one, for which the first is 0."""
    f = format_of(x)
    shift = f.magic + f.bias  # the low bits of the sum are then those of the exponent, bias and all
    shifted = s.fma(x, factor, shift)
    if bounded:
        shifted = s.select(s.compare("gt", shifted, shift + f.bias), shift + f.bias, shifted)
    return s.bitcast(s.shift_left(s.bits(shifted), f.fraction), f.dtype), s.sub(shifted, shift)


def trunc(s: Any, x: Any) -> Any:
    """``x`` rounded towards zero. Not all processors have an instruction for it, and the compiler calls libm then."""
    a, units = s.abs(x), 2.0 ** format_of(x).fraction
    whole = s.sub(s.add(a, units), units)
    whole = s.select(s.compare("gt", whole, a), s.sub(whole, 1.0), whole)
    return s.copysign(s.select(s.compare("lt", a, units), whole, a), x)


def to_float(s: Any, n: Any, f: Format) -> Any:
    """A small integer as a float."""
    return s.sub(s.bitcast(s.add(n, f.magic_bits), f.dtype), f.magic)


def power_of_two(s: Any, n: Any, f: Format) -> Any:
    """2**n, for exponents of normal numbers."""
    return s.bitcast(s.shift_left(s.add(n, f.bias), f.fraction), f.dtype)


def scale(s: Any, x: Any, n: Any) -> Any:
    """``x * 2**n`` for any sum of two such exponents, so that overflow and underflow come at the end."""
    f = format_of(x)
    half = s.shift_right(n, 1)
    return s.mul(s.mul(x, power_of_two(s, half, f)), power_of_two(s, s.sub(n, half), f))


def scale_between(s: Any, x: Any, p: Any, n: Any, bounds: tuple[float, float]) -> Any:
    """``p * 2**n`` for ``x`` from the first bound to the second, where it is a normal number; 0 below, inf above."""
    f, (low, high) = format_of(p), bounds
    result = s.bitcast(s.add(s.bits(p), s.shift_left(n, f.fraction)), f.dtype)
    result = s.select(s.compare("le", x, high), result, s.add(x, float("inf")))  # NaN stays
    return s.select(s.compare("lt", x, low), 0.0, result)


def clamp(s: Any, x: Any, low: float, high: float) -> Any:
    """``x`` held between two bounds; NaN stays."""
    x = s.select(s.compare("lt", x, low), low, x)
    return s.select(s.compare("gt", x, high), high, x)


def keep_small(s: Any, x: Any, result: Any) -> Any:
    """``result``, but ``x`` itself where it is so small that halving it would underflow."""
    return s.select(s.compare("lt", s.abs(x), 8.0 * format_of(x).tiny), x, result)
