"""Choice between values."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.arithmetic import maximum, minimum, multiply
from eerie_dsl.ops.base import REAL, Elementwise
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import greater, greater_equal, less, less_equal
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.logical import logical_and, logical_or


class Select(Elementwise):
    """``x`` where the condition is True, else ``y``. Only the chosen side gets a gradient."""

    name = "select"

    def infer(self, condition: Aval, x: Aval, y: Aval) -> Aval:  # type: ignore[override]
        if condition.dtype is not bool_:
            raise DTypeError(f"select needs a bool condition, got {condition!r}", hint="compare with != 0")
        if x is not y or condition.shape != x.shape:
            error = DTypeError if x.shape == y.shape == condition.shape else ShapeError
            raise error(f"select needs one shape and values of one dtype, got {condition!r}, {x!r} and {y!r}")
        return x

    def reference(self, condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition, x, y)

    def scalar(self, s: Any, condition: Any, x: Any, y: Any) -> Any:
        return s.select(condition, x, y)

    def vjp(self, ct: Node, out: Node, condition: Node, x: Node, y: Node) -> Cotangents:
        zero = like(ct, 0)
        return None, select(condition, ct, zero), select(condition, zero, ct)


class Clip(Elementwise):
    """``minimum(maximum(x, low), high)``; NaN anywhere gives NaN. At an end the gradient still goes to x."""

    name = "clip"
    takes = REAL
    cost = 2

    def reference(self, x: Any, low: Any, high: Any) -> Any:
        return minimum.reference(maximum.reference(x, low), high)

    def scalar(self, s: Any, x: Any, low: Any, high: Any) -> Any:
        return s.minimum(s.maximum(x, low), high)

    def vjp(self, ct: Node, out: Node, x: Node, low: Node, high: Node) -> Cotangents:
        inside = logical_and(greater_equal(x, low), less_equal(x, high))
        under = logical_and(less(x, low), less_equal(low, high))
        over = logical_or(greater(x, high), greater(low, high))
        return tuple(multiply(ct, cast(where, dtype=ct.dtype)) for where in (inside, under, over))


select = Select()
clip = Clip()
