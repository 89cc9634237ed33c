"""Trigonometric functions of floating point and complex numbers and their inverses, in radians."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops import numpy_complex
from eerie_dsl.ops.arithmetic import add, divide, multiply, negative, subtract
from eerie_dsl.ops.base import INEXACT
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.expansions import complex_exponential, complex_inverse, trigonometric
from eerie_dsl.ops.exponential import Transcendental, rsqrt


class Sin(Transcendental):
    """Sine; right for huge arguments too."""

    name = "sin"
    takes = INEXACT
    cost = 40

    def reference(self, x: Any) -> Any:
        return np.sin(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.sin(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.sin(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, cos(x)),)


class Cos(Transcendental):
    """Cosine; right for huge arguments too."""

    name = "cos"
    takes = INEXACT
    cost = 40

    def reference(self, x: Any) -> Any:
        return np.cos(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.cos(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.cos(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (negative(multiply(ct, sin(x))),)


class Tan(Transcendental):
    """Tangent; right for huge arguments too."""

    name = "tan"
    takes = INEXACT
    cost = 40

    def reference(self, x: Any) -> Any:
        return numpy_complex.tan(x) if x.dtype.kind == "c" else np.tan(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.tan(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_exponential.tan(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, add(like(out, 1), multiply(out, out))),)


class Asin(Transcendental):
    """Inverse sine; NaN beyond 1 and -1. The gradient at these is inf."""

    name = "asin"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.arcsin(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.asin(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.asin(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (multiply(ct, _slope(x)),)


class Acos(Transcendental):
    """Inverse cosine; NaN beyond 1 and -1. The gradient at these is -inf."""

    name = "acos"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.arccos(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.acos(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.acos(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (negative(multiply(ct, _slope(x))),)


class Atan(Transcendental):
    """Inverse tangent."""

    name = "atan"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.arctan(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trigonometric.atan(s, x)

    def expand_complex(self, s: Any, z: Any) -> Any:
        return complex_inverse.atan(s, z)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (divide(ct, add(like(x, 1), multiply(x, x))),)


class Atan2(Transcendental):
    """The angle of the point (second, first) from the positive axis of the second, from -pi to pi."""

    name = "atan2"
    cost = 30

    def reference(self, y: Any, x: Any) -> Any:
        return np.arctan2(y, x)

    def expand(self, s: Any, y: Any, x: Any) -> Any:
        return trigonometric.atan2(s, y, x)

    def vjp(self, ct: Node, out: Node, y: Node, x: Node) -> Cotangents:
        scaled = divide(ct, add(multiply(x, x), multiply(y, y)))
        return multiply(scaled, x), negative(multiply(scaled, y))


def _slope(x: Node) -> Node:
    one = like(x, 1)
    return rsqrt(multiply(subtract(one, x), add(one, x)))


sin = Sin()
cos = Cos()
tan = Tan()
asin = Asin()
acos = Acos()
atan = Atan()
atan2 = Atan2()
