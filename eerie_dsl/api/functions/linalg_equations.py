"""Linear equations, inverses, determinants and Cholesky factors of stacks of matrices.

On values that exist NumPy computes them at once, and finds singular matrices at fault. In traced functions and where a
derivative is taken they are part of the program, and a singular matrix gives NaN or infinity. Dtypes are those of
`linalg_host`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.linalg_host import host_matrices, one_of
from eerie_dsl.api.moving import moving
from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import project
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import shape
from eerie_dsl.ops.composite.axes import describe
from eerie_dsl.ops.composite.linalg import matrices
from eerie_dsl.ops.composite.promotion import result_dtype, strong, to_float
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.transforms import linalg as primitives


class SlogdetResult(NamedTuple):
    """Of `slogdet`: the determinant is ``sign * exp(logabsdet)``."""

    sign: Array
    logabsdet: Array


def _recorded(*nodes: Node) -> bool:
    """Whether the result is a part of a program, not a value that is needed now."""
    return state.scope is not None or moving(nodes)


def _as_computed(*nodes: Node) -> tuple[list[Node], Callable[[Node], Array]]:
    """The operands in the dtype in which they are computed, and what makes the result of it."""
    own = to_float(result_dtype(*nodes))
    return [ew.astype(n, wide(own)) for n in nodes], lambda result: Array.of(ew.astype(result, own))


def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Array:
    """The triangular factor of a Hermitian positive definite matrix: ``x = L @ L^H``, or ``U^H @ U``.

    Only the triangle that is asked for is read. The derivative is that along Hermitian changes of the matrix.

    Args:
        x: ``(..., m, m)``.
        upper: the upper factor instead of the lower.

    Raises:
        InvalidValueError: a matrix is not positive definite; in a program its result is NaN.
        ShapeError: the matrices are not square.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    Array([[2., 0.],
           [1., 2.]], dtype=float32, device=cpu)
    """
    node = matrices("cholesky", required(x), square=True)
    if not _recorded(node):
        return one_of("cholesky", lambda a: np.linalg.cholesky(a, upper=upper), Array.of(node), square=True)
    (a,), result = _as_computed(node)
    factor = primitives.cholesky(_adjoint(a) if upper else a)
    return result(_adjoint(factor) if upper else factor)


def det(x: ArrayLike, /) -> Array:
    """The determinant of square matrices; of large ones it may overflow, `slogdet` does not.

    Raises:
        ShapeError: the matrices are not square.

    >>> det([[1.0, 0.0], [0.0, 3.0]])
    Array(3., dtype=float32, device=cpu)
    """
    node = matrices("det", required(x), square=True)
    if not _recorded(node):
        return one_of("det", np.linalg.det, Array.of(node), square=True)
    (a,), result = _as_computed(node)
    return result(primitives.determinant(a))


def slogdet(x: ArrayLike, /) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its magnitude: 0 and -inf for a singular matrix.

    Raises:
        ShapeError: the matrices are not square.
        TracerError: complex matrices inside a traced function.

    >>> slogdet([[1.0, 0.0], [0.0, -1.0]]).sign
    Array(-1., dtype=float32, device=cpu)
    """
    node = matrices("slogdet", required(x), square=True)
    if node.dtype.kind == "complex" or not _recorded(node):
        found = host_matrices("slogdet", lambda a: tuple(np.linalg.slogdet(a)), Array.of(node), square=True)
        return SlogdetResult(*found)
    (a,), result = _as_computed(node)
    both = primitives.log_determinant(a)
    return SlogdetResult(*(result(project(both, index=k)) for k in range(2)))


def inv(x: ArrayLike, /) -> Array:
    """The inverse of square matrices. To solve equations, `solve` is faster and more exact.

    Raises:
        InvalidValueError: a matrix is singular; in a program its result is NaN or infinity.
        ShapeError: the matrices are not square.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32, device=cpu)
    """
    node = matrices("inv", required(x), square=True)
    if not _recorded(node):
        return one_of("inv", np.linalg.inv, Array.of(node), square=True)
    (a,), result = _as_computed(node)
    return result(primitives.inverse(a))


def solve(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The ``y`` for which ``x1 @ y = x2``.

    Args:
        x1: ``(..., m, m)``.
        x2: ``(m,)``, or ``(..., m, k)`` for ``k`` right-hand sides; the axes in front broadcast.

    Raises:
        InvalidValueError: a matrix is singular; in a program its result is NaN or infinity.
        ShapeError: shapes that do not fit.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32, device=cpu)
    """
    a, b = matrices("solve", required(x1), square=True), strong(required(x2))
    if not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ShapeError(
            f"solve of {describe((a, b))}: {a.shape[-1]} unknowns, and as many rows are needed on the right",
            hint="give the right-hand side the shape (m,) or (..., m, k)",
        )
    try:
        front = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"solve of {describe((a, b))}: the axes in front of the matrices do not broadcast") from None
    if not _recorded(a, b):
        return one_of("solve", np.linalg.solve, Array.of(a), Array.of(b), matrices_only=False)
    (a, b), result = _as_computed(a, b)
    columns = b if b.ndim > 1 else shape.expand_dims(b, -1)
    wide_a, wide_b = (shape.broadcast_to(n, (*front, *n.shape[-2:])) for n in (a, columns))
    found = primitives.solve(wide_a, wide_b)
    return result(found if b.ndim > 1 else shape.squeeze(found, -1))


def _adjoint(x: Node) -> Node:
    return ew.conj(shape.matrix_transpose(x))
