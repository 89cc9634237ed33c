"""Logic on bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ops.base import Elementwise


class Logical(Elementwise):
    """Bools in, bools out."""

    takes = (bool_,)
    differentiable = False
    commutative = True


class LogicalAnd(Logical):
    """Where both are True."""

    name = "logical_and"

    def reference(self, x: Any, y: Any) -> Any:
        return np.logical_and(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_and(x, y)


class LogicalOr(Logical):
    """Where at least one is True."""

    name = "logical_or"

    def reference(self, x: Any, y: Any) -> Any:
        return np.logical_or(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_or(x, y)


class LogicalXor(Logical):
    """Where exactly one is True."""

    name = "logical_xor"

    def reference(self, x: Any, y: Any) -> Any:
        return np.logical_xor(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_xor(x, y)


class LogicalNot(Logical):
    """Where the operand is False."""

    name = "logical_not"
    commutative = False

    def reference(self, x: Any) -> Any:
        return np.logical_not(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.bit_not(x)


logical_and = LogicalAnd()
logical_or = LogicalOr()
logical_xor = LogicalXor()
logical_not = LogicalNot()
