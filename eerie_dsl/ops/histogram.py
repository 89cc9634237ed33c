"""Counts in bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops.arithmetic import subtract
from eerie_dsl.ops.base import REAL, check_dtype
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import less, less_equal
from eerie_dsl.ops.reduction import reduce_sum
from eerie_dsl.ops.shape import Batched, broadcast, concat
from eerie_dsl.ops.shape import slice as part


class BinCounts(Primitive):
    """How many elements of each last axis are between an edge and the next one (int64).

    A bin holds its lower edge, the last one both. The edges ascend along their last axis; the other axes are those of
    ``x``. NaN counts nowhere, and nothing is below an edge that is NaN.
    """

    name = "bin_counts"
    differentiable = False

    def infer(self, x: Aval, edges: Aval) -> Aval:
        check_dtype(self, x.dtype, REAL)
        if edges.dtype is not x.dtype:
            raise DTypeError(f"{self.name} of {x!r} between {edges!r}", hint="cast them to one dtype first")
        if x.ndim < 1 or edges.ndim != x.ndim or edges.shape[:-1] != x.shape[:-1] or not edges.shape[-1]:
            raise ShapeError(f"{self.name} of {x!r} between {edges!r}: all axes but the last are the same")
        return Aval((*x.shape[:-1], edges.shape[-1] - 1), int64)

    def reference(self, x: Any, edges: Any) -> Any:
        if x.dtype.kind == "V":  # bfloat16, which NumPy sorts without a rule for NaN
            x, edges = x.astype(np.float32), edges.astype(np.float32)
        rows = np.sort(x, axis=-1)
        below = np.empty(edges.shape, np.int64)
        for row in np.ndindex(edges.shape[:-1]):
            below[row] = np.searchsorted(rows[row], edges[row], "left")
            below[(*row, -1)] = np.searchsorted(rows[row], edges[(*row, -1)], "right")
        return np.diff(np.where(edges == edges, below, 0))

    def decompose(self, x: Node, edges: Node) -> Node:
        # Comparing all with all keeps to vector instructions: quicker than searching for the bin of each element and
        # adding one there, up to hundreds of bins.
        *rows, count = x.shape
        last = edges.shape[-1] - 1
        front = tuple(range(len(rows)))

        def below(test: Primitive, first: int, stop: int) -> Node:
            strides = (1,) * edges.ndim
            chosen = part(edges, starts=(*(0 for _ in rows), first), stops=(*rows, stop), strides=strides)
            shape = (*rows, stop - first, count)
            left = broadcast(x, shape=shape, axes=(*front, len(rows) + 1))
            right = broadcast(chosen, shape=shape, axes=(*front, len(rows)))
            return reduce_sum(cast(test(left, right), dtype=int64), axes=(len(rows) + 1,))

        inner, outer = below(less, 0, last), below(less_equal, last, last + 1)
        if last == 0:
            return inner
        strides = (1,) * edges.ndim
        rest = part(inner, starts=(*(0 for _ in rows), 1), stops=inner.shape, strides=strides)
        return subtract(concat(rest, outer, axis=len(rows)), inner)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None]) -> Batched:
        return bin_counts(*together(inputs, dims)), 0

    def flops(self, x: Aval, edges: Aval, *, out: Aval) -> int:
        return x.size * edges.shape[-1]


bin_counts = BinCounts()
