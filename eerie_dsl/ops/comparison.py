"""Comparisons, which give bools, and tests of floating point classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.dtypes import ALL, FLOATS, DType, bool_
from eerie_dsl.ops.base import INEXACT, REAL, Elementwise


class Comparison(Elementwise):
    """Bools; every comparison with NaN is false, except ``not_equal``."""

    takes: ClassVar[tuple[DType, ...]] = REAL
    result = bool_
    differentiable = False
    predicate: ClassVar[str]

    def reference(self, x: Any, y: Any) -> Any:
        return getattr(np, self.name)(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.compare(self.predicate, x, y)


class Equal(Comparison):
    """Where the operands are equal; 0.0 equals -0.0."""

    name = "equal"
    predicate = "eq"
    takes = ALL
    commutative = True


class NotEqual(Comparison):
    """Where the operands differ; NaN differs from itself."""

    name = "not_equal"
    predicate = "ne"
    takes = ALL
    commutative = True


class Less(Comparison):
    """Where the first is less than the second."""

    name = "less"
    predicate = "lt"


class LessEqual(Comparison):
    """Where the first is not greater than the second."""

    name = "less_equal"
    predicate = "le"


class Greater(Comparison):
    """Where the first is greater than the second."""

    name = "greater"
    predicate = "gt"


class GreaterEqual(Comparison):
    """Where the first is not less than the second."""

    name = "greater_equal"
    predicate = "ge"


class FloatClass(Elementwise):
    """A test of floating point numbers, given by ``test``: of complex ones, true if it is of any part, or ``every``."""

    takes = INEXACT
    result = bool_
    differentiable = False
    every: ClassVar[bool] = False

    def test(self, s: Any, x: Any) -> Any:
        """Emit the test of a real element."""
        raise self._missing("lowering")

    def scalar(self, s: Any, x: Any) -> Any:
        if x.dtype.kind != "complex":
            return self.test(s, x)
        parts = self.test(s, s.real(x)), self.test(s, s.imag(x))
        return s.bit_and(*parts) if self.every else s.bit_or(*parts)


class IsNan(FloatClass):
    """Where the operand is not a number."""

    name = "is_nan"

    def reference(self, x: Any) -> Any:
        return np.isnan(x)

    def test(self, s: Any, x: Any) -> Any:
        return s.is_nan(x)


class IsInf(FloatClass):
    """Where the operand is an infinity of either sign."""

    name = "is_inf"

    def reference(self, x: Any) -> Any:
        return np.isinf(x)

    def test(self, s: Any, x: Any) -> Any:
        return s.compare("eq", s.abs(x), float("inf"))


class IsFinite(FloatClass):
    """Where the operand is neither infinite nor NaN."""

    name = "is_finite"
    every = True

    def reference(self, x: Any) -> Any:
        return np.isfinite(x)

    def test(self, s: Any, x: Any) -> Any:
        return s.is_finite(x)


class SignBit(Elementwise):
    """Where the sign bit is set: negative numbers, -0.0 and NaN with that bit."""

    name = "sign_bit"
    takes = FLOATS
    result = bool_
    differentiable = False

    def reference(self, x: Any) -> Any:
        return np.signbit(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.compare("lt", s.bits(x), 0)


equal = Equal()
not_equal = NotEqual()
less = Less()
less_equal = LessEqual()
greater = Greater()
greater_equal = GreaterEqual()
is_nan = IsNan()
is_inf = IsInf()
is_finite = IsFinite()
sign_bit = SignBit()
