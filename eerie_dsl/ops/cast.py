"""Values in another dtype, and bits read as another dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, bool_
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.base import Elementwise


class Cast(Elementwise):
    """The values in another dtype.

    As NumPy's astype where that is defined. Where it is not, in floating point to integer, values out of range give
    the nearest end of the range and NaN gives 0. To bool, anything but zero is True. A complex number loses its
    imaginary part.
    """

    name = "cast"

    def infer(self, x: Aval, *, dtype: DType) -> Aval:  # type: ignore[override]
        return x.with_dtype(dtype)

    def reference(self, x: Any, *, dtype: DType) -> Any:
        kind = x.dtype.kind
        if kind == "c" and dtype.kind not in ("complex", "bool"):
            return self.reference(x.real, dtype=dtype)
        if dtype.is_integer and kind not in "biu":
            return _saturate(np.asarray(x, np.float64), dtype)
        return np.asarray(x).astype(dtype.numpy)

    def scalar(self, s: Any, x: Any, *, dtype: DType) -> Any:
        return s.cast(x, dtype)

    def passthrough(self, x: Node, *, dtype: DType) -> Node | None:
        return x if x.dtype is dtype else None

    def vjp(self, ct: Node, out: Node, x: Node, *, dtype: DType) -> Cotangents:
        return (cast(ct, dtype=x.dtype) if x.dtype.is_inexact and dtype.is_inexact else None,)

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return 0


class Bitcast(Elementwise):
    """The same bits read as another dtype of the same width."""

    name = "bitcast"
    differentiable = False

    def infer(self, x: Aval, *, dtype: DType) -> Aval:  # type: ignore[override]
        if not _castable(x.dtype, dtype):
            raise DTypeError(
                f"bitcast of {x!r} to {dtype.name}: the widths differ or one of them has no bits to read",
                hint=f"use a real dtype of {x.dtype.bits} bits",
            )
        return x.with_dtype(dtype)

    def reference(self, x: Any, *, dtype: DType) -> Any:
        return np.ascontiguousarray(x).view(dtype.numpy).reshape(np.shape(x))

    def scalar(self, s: Any, x: Any, *, dtype: DType) -> Any:
        return s.bitcast(x, dtype)

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return 0


def _castable(a: DType, b: DType) -> bool:
    opaque: Sequence[str] = ("complex",)
    return a is b or (a.bits == b.bits and a.kind not in opaque and b.kind not in opaque and bool_ not in (a, b))


def _saturate(x: Any, dtype: DType) -> Any:
    info = np.iinfo(dtype.numpy)
    above, below = x >= float(info.max) + (dtype.bits < 64), x <= float(info.min)
    inside = np.where(above | below | np.isnan(x), 0.0, x).astype(dtype.numpy)
    return np.where(above, info.max, np.where(below, info.min, inside)).astype(dtype.numpy)


cast = Cast()
bitcast = Bitcast()
