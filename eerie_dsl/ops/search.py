"""Places in sorted rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops.base import REAL, check_dtype
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.shape import Batched, front
from eerie_dsl.ops.sort import key_dtype, order_key

Side = Literal["left", "right"]


class SearchSorted(Primitive):
    """How many elements of a sorted row are before each value (int64): smaller, or for ``right`` not larger.

    ``table`` holds ascending rows along its last axis, in the order of `argsort`; its other axes are the first ones
    of ``values``. What comes of rows that are not sorted is some number from 0 to their length.
    """

    name = "searchsorted"
    absorbs = "elements"
    differentiable = False

    def infer(self, table: Aval, values: Aval, *, side: Side) -> Aval:
        check_dtype(self, table.dtype, (bool_, *REAL))
        if values.dtype is not table.dtype:
            raise DTypeError(f"{self.name} of {values!r} in {table!r}", hint="cast them to one dtype first")
        rows = table.ndim - 1
        if rows < 0 or values.shape[:rows] != table.shape[:-1]:
            raise ShapeError(
                f"{self.name} of {values!r} in {table!r}: "
                "the axes of the rows but the last must be the first of the values"
            )
        return values.with_dtype(int64)

    def reference(self, table: Any, values: Any, *, side: Side) -> Any:
        if table.dtype.kind == "V":  # bfloat16, which NumPy compares without a rule for NaN
            table, values = table.astype(np.float32), values.astype(np.float32)
        result = np.empty(values.shape, np.int64)
        for row in np.ndindex(table.shape[:-1]):
            result[row] = np.searchsorted(table[row], values[row], side)
        return result

    def lower(self, b: Any, table: Any, values: Any, *, out: Aval, side: Side) -> Any:
        count = table.aval.shape[-1]
        if out.size == 0 or count == 0:
            return b.splat(out, 0)
        kind = key_dtype(table.aval.dtype)
        rows = [b.index(out, a) for a in range(table.aval.ndim - 1)]
        source = b.apart(table)

        def body(s: Any, value: Any, *row: Any) -> Any:
            wanted = order_key(s, value, kind, False)

            def halve(s: Any, low: Any, high: Any) -> Any:
                middle = s.shift_right(s.add(low, high), 1)
                found = order_key(s, s.extract(source, *row, s.minimum(middle, count - 1)), kind, False)
                more = s.bit_and(s.compare("lt", low, high), s.compare("lt" if side == "left" else "le", found, wanted))
                return s.select(more, s.add(middle, 1), low), s.select(more, high, middle)

            ends = s.constant(0, int64), s.constant(count, int64)
            return s.repeat(s.constant(count.bit_length(), int64), halve, *ends)[0]

        return b.map(out, body, values, *rows)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, side: Side) -> Batched:
        table, values = inputs
        if dims[0] is None and table.ndim == 1:
            return searchsorted(table, front(values, dims[1]), side=side), 0
        return searchsorted(*together(inputs, dims), side=side), 0

    def flops(self, table: Aval, values: Aval, *, out: Aval, side: Side) -> int:
        return out.size * table.shape[-1].bit_length()


searchsorted = SearchSorted()
