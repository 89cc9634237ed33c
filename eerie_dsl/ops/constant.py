"""Values written in the graph itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ir.size import Size
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.extent import extent
from eerie_dsl.ops.shape import broadcast


class Constant(Primitive):
    """An array given by the little-endian bytes of its elements in row-major order."""

    name = "constant"
    literal = True
    differentiable = False

    def infer(self, *, data: bytes, shape: Shape, dtype: DType) -> Aval:
        if len(data) != prod(shape) * dtype.itemsize:
            raise ShapeError(f"constant of {len(data)} bytes does not fill {dtype.name}{list(shape)}")
        return Aval(shape, dtype)

    def reference(self, *, data: bytes, shape: Shape, dtype: DType) -> Any:
        return np.frombuffer(data, dtype.numpy.newbyteorder("<")).astype(dtype.numpy).reshape(shape)

    def lower(self, b: Any, *values: Any, out: Aval, **params: Any) -> Any:
        return b.constant(out, params["data"])

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> tuple[Node, int | None]:
        return self(**params), None

    def literal_of(self, array: Any, aval: Aval) -> Node:
        return constant_of(array, aval.dtype)


constant = Constant()


def constant_of(array: Any, dtype: DType) -> Node:
    """A NumPy array or a number as a constant of ``dtype``."""
    with np.errstate(all="ignore"):
        values = np.asarray(array).astype(dtype.numpy)
    data = values.astype(dtype.numpy.newbyteorder("<")).tobytes()
    return constant(data=data, shape=values.shape, dtype=dtype)


def full(aval: Aval, value: bool | int | float | complex | Size) -> Node:
    """``value`` everywhere; a size too."""
    number = cast(extent(size=value), dtype=aval.dtype) if isinstance(value, Size) else constant_of(value, aval.dtype)
    return number if aval.ndim == 0 else broadcast(number, shape=aval.shape, axes=())


def like(x: Node, value: bool | int | float | complex | Size) -> Node:
    """``value`` everywhere in the shape and dtype of ``x``."""
    return full(x.aval, value)
