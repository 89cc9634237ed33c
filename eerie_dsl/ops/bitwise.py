"""Bitwise operations on bools and integers, shifts of integers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from eerie_dsl.ir.dtypes import INTEGERS, DType
from eerie_dsl.ops.base import BITS, Elementwise


class Bitwise(Elementwise):
    """Bits in, bits out."""

    takes: ClassVar[tuple[DType, ...]] = BITS
    differentiable = False


class BitwiseAnd(Bitwise):
    """Bits set in both."""

    name = "bitwise_and"
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return np.bitwise_and(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_and(x, y)


class BitwiseOr(Bitwise):
    """Bits set in at least one."""

    name = "bitwise_or"
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return np.bitwise_or(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_or(x, y)


class BitwiseXor(Bitwise):
    """Bits set in exactly one."""

    name = "bitwise_xor"
    commutative = True

    def reference(self, x: Any, y: Any) -> Any:
        return np.bitwise_xor(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.bit_xor(x, y)


class BitwiseNot(Bitwise):
    """All bits inverted."""

    name = "bitwise_not"

    def reference(self, x: Any) -> Any:
        return np.invert(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.bit_not(x)


class ShiftLeft(Bitwise):
    """``x << y``; 0 when y is negative or not below the width of the dtype."""

    name = "shift_left"
    takes = INTEGERS

    def reference(self, x: Any, y: Any) -> Any:
        return np.left_shift(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.shift_left(x, y)


class ShiftRight(Bitwise):
    """``x >> y``, filled with the sign of signed integers; all fill when y is negative or not below the width."""

    name = "shift_right"
    takes = INTEGERS

    def reference(self, x: Any, y: Any) -> Any:
        return np.right_shift(x, y)

    def scalar(self, s: Any, x: Any, y: Any) -> Any:
        return s.shift_right(x, y)


bitwise_and = BitwiseAnd()
bitwise_or = BitwiseOr()
bitwise_xor = BitwiseXor()
bitwise_not = BitwiseNot()
shift_left = ShiftLeft()
shift_right = ShiftRight()
