"""Exponentials, logarithms and square roots of floating point and complex numbers, hyperbolic functions and erf.

float16 and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.dtypes import FLOATS, DType, float32
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops import numpy_complex
from eerie_dsl.ops.arithmetic import add, divide, multiply, negative, subtract
from eerie_dsl.ops.base import INEXACT, Elementwise
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.expansions import (
    complex_exponential,
    complex_inverse,
    complex_logarithm,
    error,
    exponential,
    logarithm,
)

LN2, LN10 = math.log(2.0), math.log(10.0)


class Transcendental(Elementwise):
    """Functions of floating point numbers given by ``expand``, which sees float32 and float64 only, and, for those
    that take them, of complex numbers given by ``expand_complex``."""

    takes: ClassVar[tuple[DType, ...]] = FLOATS
    cost: ClassVar[int] = 20

    def expand(self, s: Any, *elements: Any) -> Any:
        """Emit the function on elements of float32 or float64."""
        raise self._missing("lowering")

    def expand_complex(self, s: Any, *elements: Any) -> Any:
        """Emit the function on complex elements."""
        raise self._missing("complex lowering")

    def scalar(self, s: Any, *elements: Any) -> Any:
        dtype = elements[0].dtype
        if dtype.kind == "complex":
            return self.expand_complex(s, *elements)
        wide = [s.cast(x, float32) if dtype.bits == 16 else x for x in elements]
        return s.cast(self.expand(s, *wide), dtype)


def scaled(x: Node, factor: float) -> Node:
    """``x`` times a number."""
    return multiply(x, like(x, factor))


class Exp(Transcendental):
    """e**x."""

    name = "exp"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.exp(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.exp(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.exp(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, out),)


class Exp2(Transcendental):
    """2**x."""

    name = "exp2"

    def reference(self, x: Any) -> Any:
        return np.exp2(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.exp2(s, x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (scaled(multiply(ct, out), LN2),)


class Expm1(Transcendental):
    """e**x - 1, accurate near zero."""

    name = "expm1"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return numpy_complex.expm1(x) if x.dtype.kind == "c" else np.expm1(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.expm1(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.expm1(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, add(out, like(out, 1))),)


class Log(Transcendental):
    """Natural logarithm; -inf at zero, NaN below."""

    name = "log"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.log(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.log(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_logarithm.log(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, x),)


class Log2(Transcendental):
    """Logarithm to base 2."""

    name = "log2"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.log2(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.log2(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_logarithm.log2(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, scaled(x, LN2)),)


class Log10(Transcendental):
    """Logarithm to base 10."""

    name = "log10"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.log10(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.log10(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_logarithm.log10(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, scaled(x, LN10)),)


class Log1p(Transcendental):
    """log(1 + x), accurate near zero."""

    name = "log1p"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return numpy_complex.log1p(x) if x.dtype.kind == "c" else np.log1p(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.log1p(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_logarithm.log1p(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, add(x, like(x, 1))),)


class LogAddExp(Transcendental):
    """log(e**x + e**y), without overflow on the way."""

    name = "logaddexp"
    commutative = True
    cost = 45

    def reference(self, x: Any, y: Any) -> Any:
        return np.logaddexp(x, y)

    def expand(self, s: Any, x: Any, y: Any) -> Any:
        apart = s.select(s.compare("eq", x, y), 0.0, s.neg(s.abs(s.sub(x, y))))
        return s.add(s.maximum(x, y), logarithm.log1p(s, exponential.exp(s, apart)))

    def vjp(self, ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
        return multiply(ct, exp(subtract(x, out))), multiply(ct, exp(subtract(y, out)))


class Sqrt(Transcendental):
    """Square root, correctly rounded; NaN below zero. The gradient at zero is inf."""

    name = "sqrt"
    takes = INEXACT
    cost = 1

    def reference(self, x: Any) -> Any:
        return np.sqrt(x)

    def expand(self, s: Any, x: Any) -> Any:
        return s.math("sqrt", x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.sqrt(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(scaled(ct, 0.5), out),)


class Rsqrt(Transcendental):
    """1 / sqrt(x); inf at zero, with its sign."""

    name = "rsqrt"
    takes = INEXACT
    cost = 2

    def reference(self, x: Any) -> Any:
        wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
        return (1 / np.sqrt(wide)).astype(x.dtype)

    def expand(self, s: Any, x: Any) -> Any:
        root = s.math("sqrt", x)
        return s.div(s.constant(1.0, x.dtype), root)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.rsqrt(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (scaled(divide(multiply(ct, out), x), -0.5),)


class Sinh(Transcendental):
    """Hyperbolic sine."""

    name = "sinh"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.sinh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.sinh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.sinh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, cosh(x)),)


class Cosh(Transcendental):
    """Hyperbolic cosine."""

    name = "cosh"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.cosh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.cosh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.cosh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, sinh(x)),)


class Tanh(Transcendental):
    """Hyperbolic tangent."""

    name = "tanh"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return numpy_complex.tanh(x) if x.dtype.kind == "c" else np.tanh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return exponential.tanh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.tanh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, subtract(like(out, 1), multiply(out, out))),)


class Asinh(Transcendental):
    """Inverse hyperbolic sine."""

    name = "asinh"
    takes = INEXACT
    cost = 30

    def reference(self, x: Any) -> Any:
        return np.arcsinh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.asinh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.asinh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, cosh(out)),)


class Acosh(Transcendental):
    """Inverse hyperbolic cosine; NaN below 1. The gradient at 1 is inf."""

    name = "acosh"
    takes = INEXACT
    cost = 30

    def reference(self, x: Any) -> Any:
        return np.arccosh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.acosh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.acosh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, sinh(out)),)


class Atanh(Transcendental):
    """Inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond."""

    name = "atanh"
    takes = INEXACT
    cost = 30

    def reference(self, x: Any) -> Any:
        return np.arctanh(x)

    def expand(self, s: Any, x: Any) -> Any:
        return logarithm.atanh(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.atanh(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        one = like(x, 1)
        return (divide(ct, multiply(subtract(one, x), add(one, x))),)


class Erf(Transcendental):
    """Error function."""

    name = "erf"
    cost = 40
    _each = np.vectorize(math.erf, otypes=[np.float64])

    def reference(self, x: Any) -> Any:
        return np.asarray(self._each(np.asarray(x, np.float64))).astype(x.dtype)

    def expand(self, s: Any, x: Any) -> Any:
        return error.erf(s, x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, scaled(exp(negative(multiply(x, x))), 2 / math.sqrt(math.pi))),)


exp = Exp()
exp2 = Exp2()
expm1 = Expm1()
log = Log()
log2 = Log2()
log10 = Log10()
log1p = Log1p()
logaddexp = LogAddExp()
sqrt = Sqrt()
rsqrt = Rsqrt()
sinh = Sinh()
cosh = Cosh()
tanh = Tanh()
asinh = Asinh()
acosh = Acosh()
atanh = Atanh()
erf = Erf()
