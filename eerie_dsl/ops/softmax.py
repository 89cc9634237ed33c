"""Shares of a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32, float64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.arithmetic import divide, multiply, subtract
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.comparison import equal, is_inf
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.exponential import exp
from eerie_dsl.ops.reduction import reduce_max, reduce_sum
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.shape import Axes, Batched, broadcast, check_axes, front, shifted


class Softmax(Primitive):
    """``exp(x) / sum(exp(x))`` along ``axes``; zeros where all are -inf.

    Its cotangent needs the result only: recorded operation by operation, the powers would be kept beside it.
    """

    name = "softmax"

    def infer(self, x: Aval, *, axes: Axes) -> Aval:
        check_dtype(self, x.dtype, (float32, float64))
        check_axes(self, axes, x.ndim)
        return x

    def reference(self, x: Any, *, axes: Axes) -> Any:
        largest = x.max(axes, keepdims=True)
        powers = np.exp(x - np.where(np.isinf(largest), 0, largest))
        total = powers.sum(axes, keepdims=True)
        return powers / np.where(total == 0, 1, total)

    def decompose(self, x: Node, *, axes: Axes) -> Node:
        largest = reduce_max(x, axes=axes)
        largest = select(is_inf(largest), like(largest, 0), largest)
        # Twice, for two kernels: writing the powers to memory and reading them takes longer.
        total = reduce_sum(exp(subtract(x, _spread(largest, x, axes))), axes=axes)
        powers = exp(subtract(x, _spread(largest, x, axes)))
        # The total is 0, between 1 and the count, or no finite number: to multiply gives what to divide gives.
        inverse = divide(like(total, 1), select(equal(total, like(total, 0)), like(total, 1), total))
        return multiply(powers, _spread(inverse, x, axes))

    def vjp(self, ct: Node, out: Node, x: Node, *, axes: Axes) -> Cotangents:
        part = multiply(ct, out)
        total = _spread(reduce_sum(part, axes=axes), x, axes)
        return (subtract(part, multiply(out, total)),)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, axes: Axes) -> Batched:
        return self(front(inputs[0], dims[0]), axes=shifted(axes)), 0

    def rowwise(self, rows: Sequence[int | None], row: int, x: Aval, *, axes: Axes) -> bool:
        return row not in axes

    def flops(self, x: Aval, *, out: Aval, axes: Axes) -> int:
        return out.size * (exp.cost + divide.cost + 4)


softmax = Softmax()


def _spread(value: Node, x: Node, axes: Axes) -> Node:
    """What was reduced along ``axes`` over the shape of ``x``."""
    return broadcast(value, shape=x.shape, axes=tuple(a for a in range(x.ndim) if a not in axes))
