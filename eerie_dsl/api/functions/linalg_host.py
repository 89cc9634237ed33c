"""Factorisations and what is built on them: computed by NumPy, at once, outside of traced functions.

All take stacks of matrices in the last two axes. float32, float64, complex64 and complex128 are computed as they
are; float16 and bfloat16 in float32, and rounded once; integers and bools as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.host import on_host
from eerie_dsl.errors import InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import DType, real_part
from eerie_dsl.ops.composite.axes import describe
from eerie_dsl.ops.composite.linalg import matrices
from eerie_dsl.ops.composite.promotion import result_dtype, strong, to_float
from eerie_dsl.ops.composite.reduction import wide

_OUTSIDE = "call it outside of the jitted function and pass its results in as arguments"
_ITERATE = "call it outside of the jitted function; inside, a few matmul steps of an iteration may do"


class QRResult(NamedTuple):
    """Of `qr`: ``x = Q @ R``."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Of `svd`: ``x = U @ diag(S) @ Vh``."""

    U: Array
    S: Array
    Vh: Array


class EighResult(NamedTuple):
    """Of `eigh`: real eigenvalues, ascending, and the vectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class EigResult(NamedTuple):
    """Of `eig`: complex eigenvalues, in no order, and the vectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class LstsqResult(NamedTuple):
    """Of `lstsq`."""

    x: Array
    residuals: Array
    rank: Array
    singular_values: Array


def host_matrices(
    op: str,
    function: Callable[..., Any],
    *operands: ArrayLike,
    square: bool = False,
    matrices_only: bool = True,
    instead: str = _OUTSIDE,
) -> Any:
    """`on_host` in the dtype in which NumPy computes, the results back in the operands' own."""
    nodes = [strong(required(x)) for x in operands]
    for node in nodes if matrices_only else nodes[:1]:
        matrices(op, node, square=square)
    own = to_float(result_dtype(*nodes))
    kind = wide(own).numpy

    def computed(*arrays: Any) -> Any:
        results = function(*(a.astype(kind) for a in arrays))
        return tuple(_rounded(r, own) for r in results) if isinstance(results, tuple) else _rounded(results, own)

    return on_host(op, computed, *map(Array.of, nodes), instead=instead)


def one_of(op: str, function: Callable[..., Any], *operands: ArrayLike, **options: Any) -> Array:
    """`host_matrices` of a function with one result."""
    result = host_matrices(op, function, *operands, **options)
    assert isinstance(result, Array)
    return result


def _rounded(result: Any, own: DType) -> Any:
    array = np.asarray(result)
    return array.astype(own.numpy) if own.kind == "float" and array.dtype.kind == "f" else array


def pinv(x: ArrayLike, /, *, rtol: ArrayLike | None = None) -> Array:
    """The Moore-Penrose inverse of any matrix.

    Args:
        x: ``(..., m, n)``.
        rtol: singular values up to this share of the largest count as 0; a number, or one for each matrix.
            By default ``max(m, n)`` times the spacing of floating point numbers at 1.

    Returns:
        ``(..., n, m)``.

    Raises:
        InvalidValueError: the values are not finite.
        TracerError: inside a traced function.

    >>> pinv([[2.0, 0.0], [0.0, 0.0]])
    Array([[0.5, 0. ],
           [0. , 0. ]], dtype=float32, device=cpu)
    """
    return one_of("pinv", lambda a: np.linalg.pinv(a, rcond=_tolerance(a, rtol)), x)


def eig(x: ArrayLike, /) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, always complex. For Hermitian ones `eigh` is better.

    Raises:
        InvalidValueError: the values are not finite.
        ShapeError: the matrices are not square.
        TracerError: inside a traced function.

    >>> eig([[0.0, 1.0], [-1.0, 0.0]]).eigenvalues
    Array([0.+1.j, 0.-1.j], dtype=complex64, device=cpu)
    """
    return EigResult(
        *host_matrices("eig", lambda a: tuple(map(_complex, np.linalg.eig(a))), x, square=True, instead=_ITERATE)
    )


def eigvals(x: ArrayLike, /) -> Array:
    """The eigenvalues of square matrices, always complex. Raises as `eig`.

    >>> eigvals([[2.0, 0.0], [0.0, 1.0]])
    Array([2.+0.j, 1.+0.j], dtype=complex64, device=cpu)
    """
    return one_of("eigvals", lambda a: _complex(np.linalg.eigvals(a)), x, square=True, instead=_ITERATE)


def eigh(x: ArrayLike, /) -> EighResult:
    """Eigenvalues, ascending, and orthonormal eigenvectors of Hermitian matrices; only the lower triangle is read.

    Raises:
        InvalidValueError: the iteration does not converge.
        ShapeError: the matrices are not square.
        TracerError: inside a traced function.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
    Array([1., 2.], dtype=float32, device=cpu)
    """
    return EighResult(*host_matrices("eigh", lambda a: tuple(np.linalg.eigh(a)), x, square=True, instead=_ITERATE))


def eigvalsh(x: ArrayLike, /) -> Array:
    """The eigenvalues of Hermitian matrices, ascending. Raises as `eigh`.

    >>> eigvalsh([[2.0, 0.0], [0.0, 1.0]])
    Array([1., 2.], dtype=float32, device=cpu)
    """
    return one_of("eigvalsh", np.linalg.eigvalsh, x, square=True, instead=_ITERATE)


def qr(x: ArrayLike, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Orthonormal columns times an upper triangular matrix.

    Args:
        x: ``(..., m, n)``.
        mode: with ``k = min(m, n)``, ``reduced`` gives ``(..., m, k)`` and ``(..., k, n)``; ``complete`` gives
            ``(..., m, m)`` and ``(..., m, n)``.

    Raises:
        InvalidValueError: there is no such mode.
        TracerError: inside a traced function.

    >>> abs(qr([[3.0], [4.0]]).R)
    Array([[5.]], dtype=float32, device=cpu)
    """
    if mode not in ("reduced", "complete"):
        raise InvalidValueError(f"qr has no mode {mode!r}", hint="use 'reduced' or 'complete'")
    return QRResult(*host_matrices("qr", lambda a: tuple(np.linalg.qr(a, mode)), x))


def svd(x: ArrayLike, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular values, descending, and the orthonormal vectors on both sides.

    Args:
        x: ``(..., m, n)``.
        full_matrices: with ``k = min(m, n)``, ``U`` and ``Vh`` are ``(..., m, m)`` and ``(..., n, n)``; otherwise
            ``(..., m, k)`` and ``(..., k, n)``.

    Raises:
        InvalidValueError: the iteration does not converge, as for values that are not finite.
        TracerError: inside a traced function.

    >>> svd([[0.0, 2.0], [1.0, 0.0]]).S
    Array([2., 1.], dtype=float32, device=cpu)
    """
    return SVDResult(*host_matrices("svd", lambda a: tuple(np.linalg.svd(a, full_matrices)), x, instead=_ITERATE))


def svdvals(x: ArrayLike, /) -> Array:
    """The singular values, descending: ``(..., min(m, n))``. Raises as `svd`.

    >>> svdvals([[0.0, 2.0], [1.0, 0.0]])
    Array([2., 1.], dtype=float32, device=cpu)
    """
    return one_of("svdvals", _singular, x, instead=_ITERATE)


def matrix_rank(x: ArrayLike, /, *, rtol: ArrayLike | None = None) -> Array:
    """The number of singular values above ``rtol`` times the largest, in int64; ``rtol`` is as of `pinv`.

    Raises:
        InvalidValueError: the values are not finite.
        TracerError: inside a traced function.

    >>> matrix_rank([[1.0, 2.0], [2.0, 4.0]])
    Array(1, dtype=int64, device=cpu)
    """

    def rank(a: Any) -> Any:
        values = _singular(a)
        least = values.max(-1, keepdims=True, initial=0) * np.asarray(_tolerance(a, rtol))[..., None]
        return np.count_nonzero(values > least, -1).astype(np.int64)

    return one_of("matrix_rank", rank, x, instead=_ITERATE)


def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> LstsqResult:
    """The ``x`` that makes ``a @ x - b`` smallest in the least squares sense.

    Args:
        a: ``(m, n)``.
        b: ``(m,)``, or ``(m, k)`` for ``k`` right-hand sides.
        rcond: singular values up to this share of the largest count as 0; by default as of `pinv`.

    Returns:
        ``x``; the sums of squared ``residuals``, empty for a rank below ``n`` or ``m <= n``; the ``rank`` in int64;
        the ``singular_values`` of ``a``.

    Raises:
        InvalidValueError: the iteration does not converge.
        ShapeError: shapes that do not fit.
        TracerError: inside a traced function.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).x
    Array([2.], dtype=float32, device=cpu)
    """
    left, right = matrices("lstsq", required(a)), strong(required(b))
    if left.ndim != 2 or right.ndim not in (1, 2) or left.shape[0] != right.shape[0]:
        raise ShapeError(
            f"lstsq of {describe((left, right))}", hint="give one matrix (m, n), and (m,) or (m, k) on the right"
        )

    def fitted(m: Any, y: Any) -> Any:
        x, residuals, rank, values = np.linalg.lstsq(m, y, rcond)
        return x, residuals, np.asarray(rank, np.int64), values

    operands = Array.of(left), Array.of(right)
    return LstsqResult(*host_matrices("lstsq", fitted, *operands, matrices_only=False, instead=_ITERATE))


def cond(x: ArrayLike, p: float | str | None = None) -> Array:
    """The condition number: the norm of a matrix times that of its inverse; infinite for a singular matrix.

    Args:
        x: ``(..., m, n)``; square unless ``p`` is None, 2 or -2.
        p: order of the norm, as of `matrix_norm`; None is 2, the largest singular value over the smallest.

    Raises:
        InvalidValueError: an empty matrix, or no such order.
        TracerError: inside a traced function.

    >>> cond([[2.0, 0.0], [0.0, 1.0]])
    Array(2., dtype=float32, device=cpu)
    """
    node = matrices("cond", required(x), square=p not in (None, 2, -2))
    if p not in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        raise InvalidValueError(f"cond has no order {p!r}", hint="use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    precision = real_part(wide(to_float(node.dtype))).numpy
    order: Any = p
    return one_of("cond", lambda a: np.asarray(np.linalg.cond(a, order), precision), Array.of(node), instead=_ITERATE)


def _singular(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def _complex(a: Any) -> Any:
    return np.asarray(a).astype(np.result_type(a, np.complex64))


def _tolerance(a: Any, rtol: ArrayLike | None) -> Any:
    if rtol is None:
        return max(a.shape[-2:]) * np.finfo(a.dtype).eps
    return np.asarray(rtol)
