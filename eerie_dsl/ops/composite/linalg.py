"""Linear algebra over nodes: norms, powers and products that are made of sums and products alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from eerie_dsl.errors import InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import DType, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import reduction
from eerie_dsl.ops.composite.arrange import diagonal
from eerie_dsl.ops.composite.axes import AxisLike, describe, many_axes
from eerie_dsl.ops.composite.contraction import matmul, tensordot
from eerie_dsl.ops.composite.creation import eye
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_to, result_dtype, strong, to_float
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.composite.shape import concat, part
from eerie_dsl.ops.shape import reshape

Order = int | float
MATRIX_ORDERS = ("fro", 1, -1, inf, -inf)
"""Orders of matrix norms that are sums and extremes of elements."""


def matrices(op: str, x: Operand, *, square: bool = False) -> Node:
    """``x`` as a node of matrices.

    Raises:
        ShapeError: fewer than two dimensions, or matrices that are not square where they must be.
    """
    node = strong(x)
    if node.ndim < 2:
        raise ShapeError(
            f"{op} of {node.aval} needs a matrix, or a stack of them in the last two axes",
            hint="give a vector an axis of size 1 with expand_dims",
        )
    if square and node.shape[-1] != node.shape[-2]:
        raise ShapeError(f"{op} of {node.aval} needs square matrices")
    return node


def trace(x: Operand, offset: int = 0, first: int = -2, second: int = -1, dtype: DType | None = None) -> Node:
    """The sum of a diagonal."""
    return reduction.sum(diagonal(x, offset, first, second), -1, dtype)


def cross(x: Operand, y: Operand, axis: int = -1) -> Node:
    """The vector product in three dimensions."""
    x, y = strong(x), strong(y)
    if x.ndim == y.ndim and axis >= 0:
        axis -= x.ndim
    if not -min(x.ndim, y.ndim) <= axis < 0:
        raise ShapeError(
            f"cross of {describe((x, y))} along axis {axis}",
            hint="count the axis from the end, where the operands are aligned: -1 is the last",
        )
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ShapeError(
            f"cross of {describe((x, y))}: axis {axis} has {x.shape[axis]} elements and {y.shape[axis]}, not 3",
            hint="give vectors of two elements a third one, 0",
        )
    dtype = result_dtype(x, y)
    (x1, x2, x3), (y1, y2, y3) = (
        [part(n, n.ndim + axis, k, k + 1) for k in range(3)] for n in (as_dtype(x, dtype), as_dtype(y, dtype))
    )
    pairs = ((x2, y3, x3, y2), (x3, y1, x1, y3), (x1, y2, x2, y1))
    return concat([ew.subtract(ew.multiply(a, b), ew.multiply(c, d)) for a, b, c, d in pairs], axis)


def dot(x: Operand, y: Operand) -> Node:
    """The product over the last axis of ``x`` and the last but one of ``y``, or its only one."""
    x, y = strong(x), strong(y)
    if not x.ndim or not y.ndim:
        return ew.multiply(x, y)
    return _product("dot", x, y, max(y.ndim - 2, 0))


def inner(x: Operand, y: Operand) -> Node:
    """The product over the last axes."""
    x, y = strong(x), strong(y)
    if not x.ndim or not y.ndim:
        return ew.multiply(x, y)
    return _product("inner", x, y, y.ndim - 1)


def _product(op: str, x: Node, y: Node, axis: int) -> Node:
    if x.shape[-1] != y.shape[axis]:
        raise ShapeError(
            f"{op} of {describe((x, y))}: the last axis of the first has {x.shape[-1]} elements, "
            f"axis {axis} of the second {y.shape[axis]}",
            hint="transpose one operand so that the two axes agree",
        )
    return tensordot(x, y, ((x.ndim - 1,), (axis,)))


def kron(x: Operand, y: Operand) -> Node:
    """Each element of ``x`` times all of ``y``, as blocks."""
    x, y = strong(x), strong(y)
    rank = max(x.ndim, y.ndim)
    outer = (1,) * (rank - x.ndim) + x.shape
    within = (1,) * (rank - y.ndim) + y.shape
    a = reshape(x, shape=tuple(n for size in outer for n in (size, 1)))
    b = reshape(y, shape=tuple(n for size in within for n in (1, size)))
    return reshape(ew.multiply(a, b), shape=tuple(m * n for m, n in zip(outer, within, strict=True)))


def matrix_power(x: Operand, n: int) -> Node:
    """The product of ``n`` copies of a square matrix, ``n`` not negative."""
    node = matrices("matrix_power", x, square=True)
    if n == 0:
        return broadcast_to(eye(node.shape[-1], dtype=node.dtype), node.shape)
    result: Node | None = None
    while True:  # by squaring
        if n & 1:
            result = node if result is None else matmul(result, node)
        n >>= 1
        if not n:
            assert result is not None
            return result
        node = matmul(node, node)


def multi_dot(operands: Sequence[Operand]) -> Node:
    """The product of several matrices, in the order of multiplication that takes the fewest operations."""
    nodes = [strong(x) for x in operands]
    if len(nodes) < 2:
        raise ShapeError(f"multi_dot needs at least two arrays, got {len(nodes)}")
    row, column = nodes[0].ndim == 1, nodes[-1].ndim == 1
    if row:
        nodes[0] = reshape(nodes[0], shape=(1, *nodes[0].shape))
    if column:
        nodes[-1] = reshape(nodes[-1], shape=(*nodes[-1].shape, 1))
    fits = all(n.ndim == 2 for n in nodes)
    if not fits or any(a.shape[1] != b.shape[0] for a, b in pairwise(nodes)):
        raise ShapeError(
            f"multi_dot of {describe(strong(x) for x in operands)}",
            hint="give matrices whose inner sizes agree; only the first and the last may be vectors",
        )
    dtype = result_dtype(*nodes)
    result = _chained([as_dtype(n, dtype) for n in nodes])
    kept = (() if row else result.shape[:1]) + (() if column else result.shape[1:])
    return result if kept == result.shape else reshape(result, shape=kept)


def _chained(nodes: Sequence[Node]) -> Node:
    sizes = [nodes[0].shape[0], *(n.shape[1] for n in nodes)]
    cost: dict[tuple[int, int], int] = {(i, i): 0 for i in range(len(nodes))}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, len(nodes)):
        for i in range(len(nodes) - length):
            j = i + length
            costs = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            cut[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[cut[i, j]]

    def product(i: int, j: int) -> Node:
        if i == j:
            return nodes[i]
        k = cut[i, j]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, len(nodes) - 1)


def vector_norm(x: Operand, axis: AxisLike = None, keepdims: bool = False, order: Order = 2) -> Node:
    """The norm of all elements along the axes."""
    node = strong(x)
    dtype = to_float(node.dtype)
    axes = many_axes("vector_norm", axis, node.ndim)
    node = ew.astype(node, wide(dtype))
    if order == 0:
        result = reduction.sum(ew.not_equal(node, constant.like(node, 0)), axes, keepdims=keepdims)
        return ew.astype(result, real_part(dtype))
    size = ew.absolute(node) if dtype.kind == "complex" or order != 2 else node
    if order == 2:
        result = ew.sqrt(reduction.sum(ew.multiply(size, size), axes, keepdims=keepdims))
    elif order == 1:
        result = reduction.sum(size, axes, keepdims=keepdims)
    elif order == inf:
        result = _largest(size, axes, keepdims)
    elif order == -inf:
        result = reduction.min(size, axes, keepdims)
    else:
        total = reduction.sum(ew.power(size, constant.like(size, order)), axes, keepdims=keepdims)
        result = ew.power(total, constant.like(total, 1 / order))
    return ew.astype(result, real_part(dtype))


def matrix_norm(x: Operand, keepdims: bool = False, order: Order | str = "fro") -> Node:
    """The norm of matrices in the last two axes, of an order in `MATRIX_ORDERS`."""
    node = matrices("matrix_norm", x)
    if order == "fro":
        return vector_norm(node, (-2, -1), keepdims)
    if order not in MATRIX_ORDERS:
        raise InvalidValueError(
            f"matrix_norm has no order {order!r}", hint="use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    dtype = to_float(node.dtype)
    size = ew.absolute(ew.astype(node, wide(dtype)))
    summed, left = (-2, -1) if order in (1, -1) else (-1, -2)
    sums = reduction.sum(size, summed, keepdims=True)
    axes = many_axes("matrix_norm", (left,), node.ndim)
    result = _largest(sums, axes, True) if order in (1, inf) else reduction.min(sums, axes, True)
    result = ew.astype(result, real_part(dtype))
    return result if keepdims else reshape(result, shape=node.shape[:-2])


def _largest(size: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    # Of absolute values; 0 is the norm of nothing.
    if 0 in (size.shape[a] for a in axes):
        return reduction.sum(size, axes, keepdims=keepdims)
    return reduction.max(size, axes, keepdims)
