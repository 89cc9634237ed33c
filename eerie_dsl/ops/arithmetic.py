"""Arithmetic. Integers wrap around; nothing warns."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import FLOATS, float32, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops import numpy_complex
from eerie_dsl.ops.base import INEXACT, NUMERIC, REAL, Elementwise
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import equal, greater, less
from eerie_dsl.ops.complex import complex_, conj, imag
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.expansions import complex_inverse
from eerie_dsl.ops.expansions.power import hypotenuse
from eerie_dsl.ops.expansions.remainder import fmod


class Add(Elementwise):
    """Sum."""

    name = "add"
    takes = NUMERIC
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return np.add(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.add(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return ct, ct


class Subtract(Elementwise):
    """Difference."""

    name = "subtract"
    takes = NUMERIC

    def reference(self, x: Any, y: Any) -> Any:
        return np.subtract(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.sub(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return ct, negative(ct)


class Multiply(Elementwise):
    """Product. In one kernel with an addition it may be fused into one rounding, as in other compilers."""

    name = "multiply"
    takes = NUMERIC
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return np.multiply(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.mul(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return multiply(ct, y), multiply(ct, x)


class Divide(Elementwise):
    """Quotient of floating point numbers."""

    name = "divide"
    takes = INEXACT

    def reference(self, x: Any, y: Any) -> Any:
        return np.divide(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.div(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        by_x = divide(ct, y)
        return by_x, negative(multiply(by_x, out))


class FloorDivide(Elementwise):
    """Quotient rounded down, as NumPy's; integers over zero give 0.

    Where one of two floats is infinite it is the plain quotient, as the Array API standard has it: inf // 2 is inf
    and 1 // -inf is -0.
    """

    name = "floor_divide"
    takes = REAL
    differentiable = False
    cost = 4

    def reference(self, x: Any, y: Any) -> Any:
        if x.dtype.kind in "iu":
            return np.floor_divide(x, y)
        return np.where(np.isinf(x) | np.isinf(y), x / y, np.floor_divide(x, y)).astype(x.dtype)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        if x.dtype.kind == "uint":
            return s.div(x, y)
        if x.dtype.kind == "int":
            below = s.bit_and(_opposite(s, s.rem(x, y), y), s.compare("ne", y, 0))
            return s.sub(s.div(x, y), s.cast(below, x.dtype))
        if x.dtype.bits == 16:
            return s.cast(self.scalar(s, s.cast(x, float32), s.cast(y, float32)), x.dtype)
        rest = fmod(s, x, y)
        quotient = s.div(s.sub(x, rest), y)
        quotient = s.select(_opposite(s, rest, y), s.sub(quotient, 1.0), quotient)
        down = s.math("floor", quotient)
        nearest = s.select(s.compare("gt", s.sub(quotient, down), 0.5), s.add(down, 1.0), down)
        plain = s.div(x, y)
        signed = s.select(s.compare("eq", quotient, 0.0), s.copysign(0.0, plain), nearest)
        infinite = s.bit_or(s.compare("eq", s.abs(x), float("inf")), s.compare("eq", s.abs(y), float("inf")))
        return s.select(s.bit_or(infinite, s.compare("eq", y, 0.0)), plain, signed)


class Remainder(Elementwise):
    """Remainder with the sign of the divisor, as NumPy's and Python's; integers over zero give 0."""

    name = "remainder"
    takes = REAL
    cost = 4

    def reference(self, x: Any, y: Any) -> Any:
        return np.remainder(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        if x.dtype.bits == 16 and x.dtype.kind == "float":
            return s.cast(self.scalar(s, s.cast(x, float32), s.cast(y, float32)), x.dtype)
        rest = fmod(s, x, y) if x.dtype.kind == "float" else s.rem(x, y)
        if x.dtype.kind == "uint":
            return rest
        shifted = s.select(_opposite(s, rest, y), s.add(rest, y), rest)
        if x.dtype.kind == "int":
            return shifted
        return s.select(s.compare("eq", rest, 0.0), s.copysign(0.0, y), shifted)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return ct, negative(multiply(ct, floor_divide(x, y)))


class Negative(Elementwise):
    """Negation; of unsigned integers modulo their width."""

    name = "negative"
    takes = NUMERIC

    def reference(self, x: Any) -> Any:
        return np.negative(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.neg(x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (negative(ct),)


class Abs(Elementwise):
    """Absolute value, real also for complex numbers; the smallest signed integer stays as it is.

    The gradient at zero is zero.
    """

    name = "abs"
    takes = NUMERIC

    def infer(self, *avals: Aval) -> Aval:
        x = super().infer(*avals)
        return x.with_dtype(real_part(x.dtype))

    def reference(self, x: Any) -> Any:
        return np.abs(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return hypotenuse(s, s.real(x), s.imag(x)) if x.dtype.kind == "complex" else s.abs(x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        if x.dtype.kind == "complex":
            return (multiply(complex_(ct, like(ct, 0)), conj(sign(x))),)
        return (multiply(ct, sign(x)),)


class Sign(Elementwise):
    """-1, 0 or 1 by the sign, of a complex number x / |x|; NaN for NaN. The gradient is zero for real numbers."""

    name = "sign"
    takes = NUMERIC

    def reference(self, x: Any) -> Any:
        if x.dtype.kind == "c":
            return numpy_complex.sign(x)
        return np.sign(x if x.dtype.kind in "iuf" else np.asarray(x, np.float32)).astype(x.dtype)

    def scalar(self, s: Any, x: Any) -> Any:
        if x.dtype.kind == "complex":
            return complex_inverse.sign(s, x)
        one = s.constant(1, x.dtype)
        positive = s.compare("gt", x, 0)
        if x.dtype.kind == "uint":
            return s.select(positive, one, 0)
        rest = s.select(s.compare("lt", x, 0), s.constant(-1, x.dtype), 0)
        if x.dtype.kind == "float":
            rest = s.select(s.is_nan(x), x, rest)
        return s.select(positive, one, rest)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        if x.dtype.kind != "complex":
            return (like(x, 0),)
        # Only the direction across x turns the result.
        length = abs(x)
        at_zero = equal(length, like(length, 0))
        turn = divide(imag(multiply(ct, out)), add(length, cast(at_zero, dtype=length.dtype)))
        return (multiply(complex_(like(turn, 0), turn), conj(out)),)


class Minimum(Elementwise):
    """The smaller; NaN when either is NaN, -0.0 of two zeros. Equal operands share the gradient."""

    name = "minimum"
    takes = REAL
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return -_larger(-x, -y) if x.dtype.kind not in "iu" else np.minimum(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.minimum(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return _shared(ct, x, y, less)


class Maximum(Elementwise):
    """The larger; NaN when either is NaN, 0.0 of two zeros. Equal operands share the gradient."""

    name = "maximum"
    takes = REAL
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return _larger(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.maximum(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return _shared(ct, x, y, greater)


class Copysign(Elementwise):
    """The magnitude of the first with the sign of the second."""

    name = "copysign"
    takes = FLOATS

    def reference(self, x: Any, y: Any) -> Any:
        return np.copysign(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.copysign(x, y)

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return multiply(ct, multiply(sign(x), copysign(like(y, 1), y))), None


def _opposite(s: Any, rest: Any, divisor: Any) -> Any:
    # A remainder that is not zero and has the other sign than the divisor.
    differ = s.bit_xor(s.compare("lt", rest, 0), s.compare("lt", divisor, 0))
    return s.bit_and(s.compare("ne", rest, 0), differ)


def _larger(x: Any, y: Any) -> Any:
    # NumPy leaves open which of two zeros it gives; the sum of two zeros is the larger one.
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y))


def _shared(ct: Node, x: Node, y: Node, wins: Any) -> Cotangents:
    half = multiply(cast(equal(x, y), dtype=ct.dtype), like(ct, 0.5))
    weights = [add(cast(wins(a, b), dtype=ct.dtype), half) for a, b in ((x, y), (y, x))]
    return multiply(ct, weights[0]), multiply(ct, weights[1])


add = Add()
subtract = Subtract()
multiply = Multiply()
divide = Divide()
floor_divide = FloorDivide()
remainder = Remainder()
negative = Negative()
abs = Abs()
sign = Sign()
minimum = Minimum()
maximum = Maximum()
copysign = Copysign()
