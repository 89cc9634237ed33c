"""Powers, cube roots, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.ir.dtypes import COMPLEXES, FLOATS, INTEGERS
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.arithmetic import divide, multiply, subtract
from eerie_dsl.ops.comparison import equal
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.expansions import complex_logarithm
from eerie_dsl.ops.expansions import power as expansions
from eerie_dsl.ops.exponential import Transcendental, log, scaled
from eerie_dsl.ops.selection import select


class Power(Transcendental):
    """x**y.

    Floats as C's pow. Integers wrap around; a negative exponent gives the real result rounded towards zero, that is 0,
    unless x is 1 or -1 (NumPy raises an error there). Complex numbers as e**(y * log(x)); zero gives 1 to the power 0,
    0 where the real part of the exponent is positive, else NaN. The gradient of a zero base with respect to the
    exponent is 0.
    """

    name = "power"
    takes = FLOATS + INTEGERS + COMPLEXES
    cost = 60

    def reference(self, x: Any, y: Any) -> Any:
        if x.dtype.kind not in "iu":
            return np.power(x, y)
        below = y < 0
        whole = np.power(x, np.where(below, y & 1, y).astype(y.dtype))
        unit = np.abs(x) == 1
        return np.where(below & ~unit, 0, whole).astype(x.dtype)

    def expand(self, s: Any, x: Any, y: Any) -> Any:
        if not x.dtype.is_integer:
            return expansions.power(s, x, y)
        one = s.constant(1, x.dtype)
        result, square = one, x
        for bit in range(x.dtype.bits - (x.dtype.kind == "int")):
            taken = s.compare("ne", s.bit_and(y, 1 << bit), 0)
            result = s.mul(result, s.select(taken, square, 1))
            square = s.mul(square, square)
        if x.dtype.kind == "uint":
            return result
        unit = s.select(s.bit_and(s.compare("eq", x, -1), s.compare("ne", s.bit_and(y, 1), 0)), x, one)
        is_unit = s.bit_or(s.compare("eq", x, 1), s.compare("eq", x, -1))
        return s.select(s.compare("lt", y, 0), s.select(is_unit, unit, 0), result)

    def expand_complex(self, s: Any, x: Any, y: Any) -> Any:
        return complex_logarithm.power(s, x, y)

    def scalar(self, s: Any, *elements: Any) -> Any:
        if elements[0].dtype.is_integer:
            return self.expand(s, *elements)
        return super().scalar(s, *elements)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        zero, one = like(x, 0), like(x, 1)
        lower = power(x, select(equal(y, zero), one, subtract(y, one)))
        base = select(equal(x, zero), one, x)
        return multiply(ct, multiply(y, lower)), multiply(ct, multiply(out, log(base)))


class Cbrt(Transcendental):
    """Cube root, also of negative numbers. The gradient at zero is inf."""

    name = "cbrt"

    def reference(self, x: Any) -> Any:
        return np.cbrt(x)

    def expand(self, s: Any, x: Any) -> Any:
        return expansions.cbrt(s, x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, scaled(multiply(out, out), 3.0)),)


class Hypot(Transcendental):
    """sqrt(x**2 + y**2), without overflow on the way; inf when either is infinite. The gradient at zero is zero."""

    name = "hypot"
    commutative = True
    cost = 8

    def reference(self, x: Any, y: Any) -> Any:
        return np.hypot(x, y)

    def expand(self, s: Any, x: Any, y: Any) -> Any:
        return expansions.hypotenuse(s, x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        length = select(equal(out, like(out, 0)), like(out, 1), out)
        scale = divide(ct, length)
        return multiply(scale, x), multiply(scale, y)


power = Power()
cbrt = Cbrt()
hypot = Hypot()
