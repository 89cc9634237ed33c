"""Linear equations, inverses, determinants and Cholesky factors of stacks of matrices, with derivatives after
M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, and
I. Murray, "Differentiation of the Cholesky decomposition", 2016.

NumPy is the reference. Compiled they are the loops of `factor`. A singular matrix has NaN for a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.dtypes import complex64, complex128, float32, float64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.batching import together
from eerie_dsl.ops.composite import contraction, creation, reduction, shape
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.shape import Batched
from eerie_dsl.transforms.factor import LU, diagonal, lower_factor, lu, permuted, triangular

_TAKES = (float32, float64, complex64, complex128)


class _OfMatrices(Primitive):
    """Stacks of square matrices in the last two axes of the first operand."""

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None]) -> Batched | list[Batched]:
        found = self(*together(inputs, dims))
        if isinstance(found.aval, TupleAval):
            return [(project(found, index=k), 0) for k in range(len(found.aval.elements))]
        return found, 0

    def flops(self, a: Aval, *rest: Aval, out: Type) -> int:
        columns = rest[0].shape[-1] if rest else a.shape[-1]
        return int(2 * a.size * (a.shape[-1] // 3 + columns))

    def _check(self, a: Aval) -> None:
        check_dtype(self, a.dtype, _TAKES)
        if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
            raise ShapeError(f"{self.name} of {a}", hint="give square matrices in the last two axes")


class Solve(_OfMatrices):
    """The ``x`` with ``a @ x = b``: ``(..., n, n)`` and ``(..., n, k)``, of one dtype and the same axes in front."""

    name = "solve"

    def infer(self, a: Aval, b: Aval) -> Aval:
        self._check(a)
        if a.dtype is not b.dtype or a.shape[:-1] != b.shape[:-1]:
            raise ShapeError(f"solve of {a} and {b}", hint="as many rows and the same axes in front, in one dtype")
        return b

    def reference(self, a: Any, b: Any) -> Any:
        return _each(np.linalg.solve, a, b)

    def decompose(self, a: Node, b: Node) -> Node:
        found = lu(a)
        half = triangular(found.packed, permuted(b, found.rows), lower=True, unit=True)
        return triangular(found.packed, half, lower=False)

    def vjp(self, ct: Node, out: Node, a: Node, b: Node) -> Cotangents:
        by_b = solve(shape.matrix_transpose(a), ct)
        return ew.negative(contraction.matmul(by_b, shape.matrix_transpose(out))), by_b


class Inverse(_OfMatrices):
    """The inverses of ``(..., n, n)``."""

    name = "inverse"

    def infer(self, a: Aval) -> Aval:
        self._check(a)
        return a

    def reference(self, a: Any) -> Any:
        return _each(np.linalg.inv, a)

    def decompose(self, a: Node) -> Node:
        return solve(a, shape.broadcast_to(creation.eye(a.shape[-1], dtype=a.dtype), a.shape))

    def vjp(self, ct: Node, out: Node, a: Node) -> Cotangents:
        turned = shape.matrix_transpose(out)
        return (ew.negative(contraction.matmul(contraction.matmul(turned, ct), turned)),)


class Determinant(_OfMatrices):
    """The determinants ``(...)`` of ``(..., n, n)``."""

    name = "determinant"

    def infer(self, a: Aval) -> Aval:
        self._check(a)
        return a.with_shape(a.shape[:-2])

    def reference(self, a: Any) -> Any:
        return np.asarray(np.linalg.det(a), a.dtype)

    def decompose(self, a: Node) -> Node:
        found = lu(a)
        return ew.multiply(found.sign, reduction.prod(diagonal(found.packed), axis=-1))

    def vjp(self, ct: Node, out: Node, a: Node) -> Cotangents:
        return (ew.multiply(_spread(ew.multiply(ct, out)), shape.matrix_transpose(inverse(a))),)


class LogDeterminant(_OfMatrices):
    """The signs ``(...)`` of the determinants of real ``(..., n, n)``, and the logarithms of their magnitudes."""

    name = "log_determinant"

    def infer(self, a: Aval) -> TupleAval:
        self._check(a)
        check_dtype(self, a.dtype, (float32, float64))
        return TupleAval((a.with_shape(a.shape[:-2]),) * 2)

    def reference(self, a: Any) -> Any:
        return tuple(np.asarray(r, a.dtype) for r in np.linalg.slogdet(a))

    def decompose(self, a: Node) -> tuple[Node, ...]:
        found: LU = lu(a)
        pivots = diagonal(found.packed)
        sign = ew.multiply(found.sign, reduction.prod(ew.sign(pivots), axis=-1))
        return sign, reduction.sum(ew.log(ew.absolute(pivots)), axis=-1)

    def vjp(self, cts: Sequence[Node], out: Node, a: Node) -> Cotangents:
        return (ew.multiply(_spread(cts[1]), shape.matrix_transpose(inverse(a))),)


class Cholesky(_OfMatrices):
    """The lower triangular ``l`` with ``l @ l^H = a`` for Hermitian ``(..., n, n)``, of which the lower triangle is
    read; NaN where it is not positive definite. The derivative is that along Hermitian changes."""

    name = "cholesky"

    def infer(self, a: Aval) -> Aval:
        self._check(a)
        return a

    def reference(self, a: Any) -> Any:
        return _each(np.linalg.cholesky, a)

    def decompose(self, a: Node) -> Node:
        return lower_factor(a)

    def vjp(self, ct: Node, out: Node, a: Node) -> Cotangents:
        # A cotangent is the conjugate of the gradient, and the rule is one for gradients.
        turned = _adjoint(out)
        row, column = (shape.expand_dims(creation.arange(a.shape[-1]), axis) for axis in (-1, 0))
        inner = contraction.matmul(turned, ew.conj(ct))
        half = ew.where(ew.equal(row, column), ew.multiply(inner, 0.5), inner)
        middle = ew.where(ew.greater_equal(row, column), half, 0)
        left = solve(turned, middle)
        both = _adjoint(solve(turned, _adjoint(left)))
        return (ew.conj(ew.multiply(ew.add(both, _adjoint(both)), 0.5)),)


def _each(function: Callable[..., Any], *stacks: Any) -> Any:
    """A function of matrices on stacks of them, NaN where it finds them at fault."""
    try:
        return np.asarray(function(*stacks), stacks[-1].dtype)
    except np.linalg.LinAlgError:
        result = np.full_like(stacks[-1], np.nan)
        for place in np.ndindex(result.shape[:-2]):
            try:
                result[place] = function(*(s[place] for s in stacks))
            except np.linalg.LinAlgError:
                continue
        return result


def _spread(x: Node) -> Node:
    return shape.expand_dims(shape.expand_dims(x, -1), -1)


def _adjoint(a: Node) -> Node:
    return ew.conj(shape.matrix_transpose(a))


solve = Solve()
inverse = Inverse()
determinant = Determinant()
log_determinant = LogDeterminant()
cholesky = Cholesky()
