"""Sequences, triangles and grids of indices out of a few numbers, with NumPy's signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.host import held
from eerie_dsl.errors import InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import DEFAULT_FLOAT, DEFAULT_INT, DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import creation, numerics
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.arrange import band
from eerie_dsl.ops.composite.promotion import Operand, to_float
from eerie_dsl.ops.composite.shape import shape_of, stack
from eerie_dsl.ops.shape import iota


def identity(n: int, dtype: Any = None) -> Array:
    """The identity matrix of ``n`` rows, float32 by default.

    Raises:
        ShapeError: a negative size.

    >>> identity(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32, device=cpu)
    """
    return Array.of(creation.eye(n, None, 0, None if dtype is None else _dtype(dtype)))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones on and below the ``k``-th diagonal, zeros above; ``(N, M)``, square and float32 by default.

    >>> tri(2)
    Array([[1., 0.],
           [1., 1.]], dtype=float32, device=cpu)
    """
    shape = _sizes("tri", (N, N if M is None else M))
    return Array.of(ew.astype(band(shape, k), DEFAULT_FLOAT if dtype is None else _dtype(dtype)))


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Rows and columns of the elements on and below the ``k``-th diagonal of a matrix of shape ``(n, m)``.

    >>> tril_indices(2)
    (Array([0, 1, 1], dtype=int64, device=cpu), Array([0, 0, 1], dtype=int64, device=cpu))
    """
    rows, columns = np.nonzero(np.tri(n, n if m is None else m, k, bool))
    return held(rows), held(columns)


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Rows and columns of the elements on and above the ``k``-th diagonal of a matrix of shape ``(n, m)``.

    >>> triu_indices(2)
    (Array([0, 0, 1], dtype=int64, device=cpu), Array([0, 1, 1], dtype=int64, device=cpu))
    """
    rows, columns = np.nonzero(~np.tri(n, n if m is None else m, k - 1, bool))
    return held(rows), held(columns)


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Array | tuple[Array, ...]:
    """The index along each axis at every place of a grid.

    Args:
        dimensions: the shape of the grid.
        dtype: of the indices, int64 by default.
        sparse: give for each axis an array that is as long along that axis and has size 1 along the others.

    Returns:
        ``(len(dimensions), *dimensions)``; a tuple where sparse.

    >>> indices((2, 2))
    Array([[[0, 0],
            [1, 1]],
    <BLANKLINE>
           [[0, 1],
            [0, 1]]], dtype=int64, device=cpu)
    """
    shape = _sizes("indices", dimensions)
    chosen = DEFAULT_INT if dtype is None else _dtype(dtype)
    if sparse:
        ones = (1,) * len(shape)
        grids = [(*ones[:axis], n, *ones[axis + 1 :]) for axis, n in enumerate(shape)]
        return tuple(Array.of(iota(shape=grid, dtype=chosen, axis=axis)) for axis, grid in enumerate(grids))
    if not shape:
        return Array.of(creation.filled("indices", (0,), 0, chosen))
    return Array.of(stack([iota(shape=shape, dtype=chosen, axis=axis) for axis in range(len(shape))]))


def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: Any = None,
) -> Array:
    """``num`` numbers from ``base**start`` to ``base**stop``, their logarithms evenly spaced.

    Args:
        start: real and 0-d.
        stop: likewise.
        num: how many.
        endpoint: whether ``base**stop`` is the last of them.
        base: real and 0-d.
        dtype: of the result, float32 by default.

    Raises:
        ShapeError: a negative count, or ends that are not 0-d.

    >>> logspace(0, 3, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32, device=cpu)
    """
    first, last = required(start), required(stop)
    result = numerics.logspace(first, last, num, endpoint, required(base))
    return Array.of(ew.astype(result, _float(first, last, dtype)))


def geomspace(start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Array:
    """``num`` numbers from ``start`` to ``stop``, each of which is the one before it times the same factor.

    Args:
        start: real and 0-d, not 0.
        stop: likewise, of the same sign; NaN comes of ends that cannot be met.
        num: how many.
        endpoint: whether ``stop`` is the last of them.
        dtype: of the result, float32 by default.

    Raises:
        InvalidValueError: an end is 0.
        ShapeError: a negative count, or ends that are not 0-d.

    >>> geomspace(1, 1000, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32, device=cpu)
    """
    first, last = required(start), required(stop)
    if any(not isinstance(end, Node) and end == 0 for end in (first, last)):
        raise InvalidValueError(f"geomspace from {start} to {stop}: no factor leads from or to 0")
    return Array.of(ew.astype(numerics.geomspace(first, last, num, endpoint), _float(first, last, dtype)))


def _float(start: Operand, stop: Operand, dtype: Any) -> DType:
    return to_float(ew.strong_dtype(start, stop)) if dtype is None else _dtype(dtype)


def _sizes(op: str, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = shape_of(op, shape)
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{op} of shape {sizes}: sizes cannot be negative")
    return sizes
