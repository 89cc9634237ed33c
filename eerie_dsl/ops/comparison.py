"""Comparisons, which give bools, and tests of floating point classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.dtypes import ALL, FLOATS, DType, bool_
from eerie_dsl.ops.base import REAL, Elementwise


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


class IsNan(Elementwise):
    """Where the operand is not a number."""

    name = "is_nan"
    takes = FLOATS
    result = bool_
    differentiable = False

    def reference(self, x: Any) -> Any:
        return np.isnan(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.is_nan(x)


class IsInf(Elementwise):
    """Where the operand is an infinity of either sign."""

    name = "is_inf"
    takes = FLOATS
    result = bool_
    differentiable = False

    def reference(self, x: Any) -> Any:
        return np.isinf(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.compare("eq", s.abs(x), float("inf"))


class IsFinite(Elementwise):
    """Where the operand is neither infinite nor NaN."""

    name = "is_finite"
    takes = FLOATS
    result = bool_
    differentiable = False

    def reference(self, x: Any) -> Any:
        return np.isfinite(x)

    def scalar(self, s: Any, x: Any) -> Any:
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
