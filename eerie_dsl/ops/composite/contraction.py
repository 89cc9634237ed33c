"""Products of arrays over nodes, by the rules of the Array API standard."""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import einsum as einstein
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import describe, many_axes, one_axis
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_shapes, broadcast_to, result_dtype, strong
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.shape import reshape


def einsum(spec: str, *operands: Operand) -> Node:
    """The sum of products that ``spec`` writes in Einstein's notation."""
    return einstein.einsum(spec, *map(strong, operands))


def matmul(x: Operand, y: Operand) -> Node:
    """The matrix product of the last two axes; the axes before them broadcast."""
    x, y = strong(x), strong(y)
    # A matrix on the right needs no batch axes of its own: the most frequent case, recorded at once.
    if x.ndim and 1 <= y.ndim <= 2 and x.shape[-1] == y.shape[0] and x.dtype is y.dtype is not bool_:
        return dot(x, y, contract=((x.ndim - 1,), (0,)), batch=((), ()), dtype=x.dtype)
    return einstein.matmul(x, y)


def vecdot(x: Operand, y: Operand, axis: int = -1) -> Node:
    """The sum of products along one axis, the first factor conjugated; the others broadcast."""
    x, y = strong(x), strong(y)
    if not -min(x.ndim, y.ndim) <= axis < 0:
        raise ShapeError(
            f"vecdot of {describe((x, y))} along axis {axis}",
            hint="count the axis from the end, where the operands are aligned: -1 is the last",
        )
    if x.shape[axis] != y.shape[axis]:
        raise ShapeError(f"vecdot of {describe((x, y))}: axis {axis} has {x.shape[axis]} elements and {y.shape[axis]}")
    dtype = result_dtype(x, y)
    shape = broadcast_shapes("vecdot", x.shape, y.shape)
    x, y = (broadcast_to(as_dtype(n, dtype), shape, "vecdot") for n in (ew.conj(x), y))
    place = one_axis("vecdot", axis, len(shape))
    rest = tuple(a for a in range(len(shape)) if a != place)
    return dot(x, y, contract=((place,), (place,)), batch=(rest, rest), dtype=dtype)


def tensordot(x: Operand, y: Operand, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Node:
    """The sum of products over pairs of axes: the last ``axes`` of ``x`` with the first of ``y``, or as named."""
    x, y = strong(x), strong(y)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot of {describe((x, y))} over {axes} axes")
        left, right = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        left, right = (many_axes("tensordot", a, n.ndim) for a, n in zip(axes, (x, y), strict=True))
    dtype = result_dtype(x, y)
    return dot(as_dtype(x, dtype), as_dtype(y, dtype), contract=(left, right), batch=((), ()), dtype=dtype)


def outer(x: Operand, y: Operand) -> Node:
    """All products of an element of ``x`` with one of ``y``, both 1-d."""
    x, y = strong(x), strong(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"outer of {describe((x, y))} needs 1-d operands", hint="reshape them with reshape(x, (-1,))")
    return ew.multiply(reshape(x, shape=(*x.shape, 1)), y)
