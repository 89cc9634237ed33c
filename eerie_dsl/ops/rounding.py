"""Rounding to integral values, and the next floating point number."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.dtypes import FLOATS, DType, float32
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.base import INEXACT, Elementwise
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.expansions.formats import trunc as trunc_of


class Rounding(Elementwise):
    """Floats to floats with integral values. The gradient is zero."""

    takes: ClassVar[tuple[DType, ...]] = FLOATS

    def scalar(self, s: Any, x: Any) -> Any:
        if x.dtype.bits == 16:
            return s.cast(self.scalar(s, s.cast(x, float32)), x.dtype)
        return self.expand(s, x)

    def expand(self, s: Any, x: Any) -> Any:
        """Emit the rounding of a float32 or float64 element."""
        return s.math(self.name, x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (like(x, 0),)


class Floor(Rounding):
    """The largest integral value that is not above."""

    name = "floor"

    def reference(self, x: Any) -> Any:
        return np.floor(x)


class Ceil(Rounding):
    """The smallest integral value that is not below."""

    name = "ceil"

    def reference(self, x: Any) -> Any:
        return np.ceil(x)


class Trunc(Rounding):
    """The integral value next to it on the side of zero."""

    name = "trunc"

    def reference(self, x: Any) -> Any:
        return np.trunc(x)

    def expand(self, s: Any, x: Any) -> Any:
        return trunc_of(s, x)


class Round(Rounding):
    """The nearest integral value, the even one of two; of a complex number, that of each part."""

    name = "round"
    takes = INEXACT

    def reference(self, x: Any) -> Any:
        return np.rint(x)

    def scalar(self, s: Any, x: Any) -> Any:
        if x.dtype.kind == "complex":
            return s.complex(self.expand(s, s.real(x)), self.expand(s, s.imag(x)))
        return super().scalar(s, x)

    def expand(self, s: Any, x: Any) -> Any:
        return s.math("roundeven", x)


class NextAfter(Elementwise):
    """The next representable number after x in the direction of y. Works on bits, subnormals included."""

    name = "nextafter"
    takes = FLOATS
    differentiable = False
    cost = 8

    def reference(self, x: Any, y: Any) -> Any:
        return np.nextafter(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        # On sign-and-magnitude bits turned into ordered integers, both zeros being 0, neighbours differ by 1.
        dtype = s.bits(x).dtype
        low = -(1 << (dtype.bits - 1))
        a, b = (s.select(s.compare("lt", s.bits(v), 0), s.sub(low, s.bits(v)), s.bits(v)) for v in (x, y))
        step = s.select(s.compare("lt", a, b), s.constant(1, dtype), -1)
        moved = s.add(a, step)
        negative = s.bit_or(s.compare("lt", moved, 0), s.bit_and(s.compare("eq", moved, 0), s.compare("lt", a, 0)))
        bits = s.select(negative, s.sub(low, moved), moved)
        bits = s.select(s.compare("eq", a, b), s.bits(y), bits)
        undefined = s.bit_or(s.is_nan(x), s.is_nan(y))
        return s.select(undefined, float("nan"), s.bitcast(bits, x.dtype))


floor = Floor()
ceil = Ceil()
trunc = Trunc()
round = Round()
nextafter = NextAfter()
