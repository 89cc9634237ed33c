"""Linear algebra that is compiled with its surroundings: norms, powers, products."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.linalg_equations import inv
from eerie_dsl.api.functions.linalg_host import svdvals
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ops.composite import linalg as rules
from eerie_dsl.ops.composite import reduction
from eerie_dsl.ops.composite.axes import AxisLike, many_axes
from eerie_dsl.ops.composite.linalg import Order
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.composite.shape import expand_dims, moveaxis


def trace(x: ArrayLike, /, *, offset: int = 0, axis1: int = -2, axis2: int = -1, dtype: Any = None) -> Array:
    """The sum of the elements on a diagonal.

    Args:
        x: ``(..., m, n)``.
        offset: which diagonal: above the main one where positive, below where negative.
        axis1: the rows.
        axis2: the columns.
        dtype: of the result, as of `sum`.

    Raises:
        ShapeError: fewer than two dimensions.

    >>> trace([[1, 2], [3, 4]])
    Array(5, dtype=int64, device=cpu)
    """
    return Array.of(rules.trace(required(x), offset, axis1, axis2, None if dtype is None else _dtype(dtype)))


def cross(x1: ArrayLike, x2: ArrayLike, /, axis: int = -1) -> Array:
    """The vector product of vectors of three elements.

    Args:
        x1: 3 elements along ``axis``.
        x2: likewise; the other axes broadcast, the dtypes promote.
        axis: counted from the end.

    Raises:
        ShapeError: an axis that does not exist or has not 3 elements.

    >>> cross([1, 0, 0], [0, 1, 0])
    Array([0, 0, 1], dtype=int64, device=cpu)
    """
    return Array.of(rules.cross(required(x1), required(x2), axis))


def dot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The sum of products over the last axis of ``x1`` and the last but one of ``x2``, or its only one.

    For matrices this is `matmul`; the axes in front do not broadcast, they all stay. A 0-d operand multiplies.

    Raises:
        ShapeError: the two axes differ in size.
        DTypeError: bools.

    >>> dot([1, 2], [3, 4])
    Array(11, dtype=int64, device=cpu)
    """
    return Array.of(rules.dot(required(x1), required(x2)))


def inner(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The sum of products over the last axes; all other axes stay. A 0-d operand multiplies.

    Raises:
        ShapeError: the last axes differ in size.
        DTypeError: bools.

    >>> inner([[1, 2], [3, 4]], [1, 1])
    Array([3, 7], dtype=int64, device=cpu)
    """
    return Array.of(rules.inner(required(x1), required(x2)))


def kron(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The Kronecker product: each element of ``x1`` times all of ``x2``, as blocks.

    >>> kron([1, 10], [1, 2])
    Array([ 1,  2, 10, 20], dtype=int64, device=cpu)
    """
    return Array.of(rules.kron(required(x1), required(x2)))


def matrix_power(x: ArrayLike, n: int, /) -> Array:
    """The product of ``n`` copies of square matrices; of the inverses for a negative ``n``, the identity for 0.

    Args:
        x: ``(..., m, m)``.
        n: an integer.

    Raises:
        ShapeError: the matrices are not square.
        ArgumentError: ``n`` is not an integer.
        InvalidValueError: ``n`` is negative and a matrix is singular.
        TracerError: ``n`` is negative inside a traced function.

    >>> matrix_power([[1, 1], [0, 1]], 5)
    Array([[1, 5],
           [0, 1]], dtype=int64, device=cpu)
    """
    try:
        count = index(n)
    except TypeError:
        raise ArgumentError(f"matrix_power: the exponent is an integer, not {n!r}") from None
    return Array.of(rules.matrix_power(required(inv(x) if count < 0 else x), abs(count)))


def multi_dot(arrays: Sequence[ArrayLike], /) -> Array:
    """The product of several matrices, in the order of multiplication that takes the fewest operations.

    Args:
        arrays: at least two; matrices, the first and the last may be vectors: a row and a column.

    Raises:
        ShapeError: inner sizes that differ.

    >>> multi_dot([[1, 2], [[1, 0], [0, 1]], [3, 4]])
    Array(11, dtype=int64, device=cpu)
    """
    return Array.of(rules.multi_dot(list(map(required, arrays))))


def vector_norm(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False, ord: Order = 2) -> Array:
    """The norm of vectors.

    Args:
        x: any numbers; integers are taken as float32, float16 and bfloat16 are summed in float32.
        axis: along which axes the elements make up one vector; all for None.
        keepdims: keep the axes with size 1.
        ord: ``sum(abs(x) ** ord) ** (1 / ord)``; inf and -inf are the largest and the smallest magnitude, 0 counts
            what is not zero.

    Returns:
        Real also for complex numbers.

    Raises:
        ShapeError: there is no such axis, or no element for a smallest magnitude.

    >>> vector_norm([3.0, 4.0])
    Array(5., dtype=float32, device=cpu)
    """
    return Array.of(rules.vector_norm(required(x), axis, keepdims, ord))


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Order | str | None = "fro") -> Array:
    """The norm of matrices.

    Args:
        x: ``(..., m, n)``, dtypes as of `vector_norm`.
        keepdims: keep the last two axes with size 1.
        ord: ``fro``, the root of the sum of squares; 1 and -1, the largest and the smallest column sum of
            magnitudes; inf and -inf, those of rows; 2 and -2, the largest and the smallest singular value; ``nuc``,
            their sum.

    Raises:
        ShapeError: fewer than two dimensions.
        InvalidValueError: there is no such order.
        TracerError: an order of singular values inside a traced function.

    >>> matrix_norm([[1.0, -2.0], [3.0, 4.0]], ord=1)
    Array(6., dtype=float32, device=cpu)
    """
    order = "fro" if ord is None else ord
    if order not in (2, -2, "nuc"):
        return Array.of(rules.matrix_norm(required(x), keepdims, order))
    values = svdvals(x).node
    if order == "nuc" or (order == 2 and values.shape[-1] == 0):
        result = reduction.sum(values, -1)
    else:
        result = (reduction.max if order == 2 else reduction.min)(values, -1)
    return Array.of(expand_dims(result, (-2, -1)) if keepdims else result)


def norm(x: ArrayLike, /, ord: Order | str | None = None, axis: AxisLike = None, keepdims: bool = False) -> Array:
    """The norm of vectors or matrices, as of `numpy.linalg.norm`.

    Args:
        x: any numbers.
        ord: as of `vector_norm` for vectors and of `matrix_norm` for matrices. None is the root of the sum of squares.
        axis: one axis of vectors, two of matrices; None takes a 1-d array as a vector, a 2-d one as a matrix, and,
            for no ``ord``, all elements of any array as one vector.
        keepdims: keep the axes with size 1.

    Raises:
        ShapeError: neither vectors nor matrices.
        InvalidValueError: there is no such order.
        TracerError: an order of singular values inside a traced function.

    >>> norm([[3.0, 0.0], [0.0, 4.0]])
    Array(5., dtype=float32, device=cpu)
    """
    node = strong(required(x))
    axes = many_axes("norm", axis, node.ndim)
    if ord is None:
        return Array.of(rules.vector_norm(node, axes, keepdims))
    if len(axes) == 1:
        if isinstance(ord, str):
            raise InvalidValueError(f"norm of vectors has no order {ord!r}", hint="use a number")
        return Array.of(rules.vector_norm(node, axes, keepdims, ord))
    if len(axes) != 2:
        raise ShapeError(
            f"norm of order {ord!r} of {node.aval} over {len(axes)} axes",
            hint="name one axis for vectors, two for matrices",
        )
    found = matrix_norm(Array.of(moveaxis(node, axes, (-2, -1))), ord=ord)
    return Array.of(expand_dims(found.node, axes)) if keepdims else found
