"""Factorisations of stacks of matrices as loops over rows or columns, recorded on nodes: G. Golub and C. Van Loan,
Matrix Computations, 4th edition, algorithms 3.1.1, 3.4.1 and 4.2.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eerie_dsl.ir.dtypes import int64
from eerie_dsl.ir.graph import Node, placeholder
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.composite import contraction, creation, reduction, shape
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.transforms.bodies import closed
from eerie_dsl.transforms.scan import scan


class LU(NamedTuple):
    """``lower @ upper`` is a matrix with its rows in the order ``rows``.

    Attributes:
        packed: ``upper``, and below its diagonal ``lower``, which has ones on its own: ``(..., n, n)``.
        rows: ``(..., n)``, int64.
        sign: of the permutation, ``(...)``.
    """

    packed: Node
    rows: Node
    sign: Node


def lu(a: Node) -> LU:
    """With the largest element of each column for a pivot; a column without one is left as it is."""
    n = a.shape[-1]
    rows = shape.broadcast_to(creation.arange(n, dtype=int64), a.shape[:-1])
    sign = shape.broadcast_to(creation.full((), 1, a.dtype), a.shape[:-2])

    def step(j: Node, carry: Sequence[Node]) -> Sequence[Node]:
        a, rows, sign = carry
        row, column = _places(n)
        candidates = _column(ew.where(ew.less(row, j), -1, ew.absolute(a)), j)
        pivot = shape.expand_dims(reduction.argmax(candidates, axis=-1), -1)
        chosen = ew.equal(row, shape.expand_dims(pivot, -1))
        top, other = _row(a, j), reduction.sum(ew.where(chosen, a, 0), axis=-2)
        a = ew.where(ew.equal(row, j), _as_row(other), ew.where(chosen, _as_row(top), a))
        first, second = _element(rows, j), _element(rows, pivot)
        here, there = ew.equal(_places_of(n), j), ew.equal(_places_of(n), pivot)
        rows = ew.where(here, second, ew.where(there, first, rows))
        sign = ew.where(ew.equal(shape.squeeze(pivot, -1), j), sign, ew.negative(sign))
        diagonal = _element(other, j)
        found = ew.logical_and(ew.greater(_places_of(n), j), ew.not_equal(diagonal, 0))
        factors = _as_column(ew.where(found, ew.divide(_column(a, j), diagonal), 0))
        a = ew.subtract(a, ew.multiply(factors, ew.where(ew.greater(column, j), _as_row(other), 0)))
        return [ew.where(ew.logical_and(ew.equal(column, j), ew.greater(row, j)), factors, a), rows, sign]

    return LU(*_loop(lambda j, carry, _: step(j, carry), [a, rows, sign], n))


def permuted(x: Node, rows: Node) -> Node:
    """The rows of matrices ``(..., n, k)`` in an order ``(..., n)``."""
    order = ew.equal(_as_column(rows), _places_of(x.shape[-2]))
    return contraction.matmul(ew.astype(order, x.dtype), x)


def triangular(a: Node, b: Node, *, lower: bool, unit: bool = False) -> Node:
    """The ``x`` with ``a @ x = b`` where only one triangle of ``a`` is read: row after row, each from those before.

    Args:
        a: ``(..., n, n)``.
        b: ``(..., n, k)``.
        lower: which triangle.
        unit: take the diagonal for ones.
    """
    n = a.shape[-1]

    def step(i: Node, carry: Sequence[Node], rows: Sequence[Node]) -> Sequence[Node]:
        (x,), (weights, wanted) = carry, rows
        done = ew.less(_places_of(n), i) if lower else ew.greater(_places_of(n), i)
        known = contraction.matmul(_as_row(ew.where(done, weights, 0)), x)
        found = ew.subtract(_as_row(wanted), known)
        if not unit:
            found = ew.divide(found, _as_row(_element(weights, i)))
        return [ew.where(ew.equal(_places(n)[0], i), found, x)]

    return _loop(step, [b], n, [shape.moveaxis(m, -2, 0) for m in (a, b)], reverse=not lower)[0]


def lower_factor(a: Node) -> Node:
    """The Cholesky factor; NaN where a matrix is not positive definite. Only the lower triangle is read."""
    n = a.shape[-1]

    def step(j: Node, carry: Sequence[Node], columns: Sequence[Node]) -> Sequence[Node]:
        (factor,), (given,) = carry, columns
        place = _places_of(n)
        own = ew.where(ew.less(place, j), ew.conj(_row(factor, j)), 0)
        left = ew.subtract(given, shape.squeeze(contraction.matmul(factor, _as_column(own)), -1))
        diagonal = ew.astype(ew.sqrt(ew.real(_element(left, j))), factor.dtype)
        found = ew.where(ew.equal(place, j), diagonal, ew.where(ew.greater(place, j), ew.divide(left, diagonal), 0))
        return [ew.where(ew.equal(_places(n)[1], j), _as_column(found), factor)]

    return _loop(step, [a], n, [shape.moveaxis(a, -1, 0)])[0]


def diagonal(a: Node) -> Node:
    """The diagonals ``(..., n)`` of matrices."""
    row, column = _places(a.shape[-1])
    return reduction.sum(ew.where(ew.equal(row, column), a, 0), axis=-1)


def _places_of(n: int) -> Node:
    return creation.arange(n, dtype=int64)


def _places(n: int) -> tuple[Node, Node]:
    return _as_column(_places_of(n)), _as_row(_places_of(n))


def _as_row(x: Node) -> Node:
    return shape.expand_dims(x, -2)


def _as_column(x: Node) -> Node:
    return shape.expand_dims(x, -1)


def _row(a: Node, j: Node) -> Node:
    return reduction.sum(ew.where(ew.equal(_places(a.shape[-2])[0], j), a, 0), axis=-2)


def _column(a: Node, j: Node) -> Node:
    return reduction.sum(ew.where(ew.equal(_places(a.shape[-1])[1], j), a, 0), axis=-1)


def _element(x: Node, j: Node) -> Node:
    """Of vectors ``(..., n)`` one element, ``(..., 1)``."""
    return reduction.sum(ew.where(ew.equal(_places_of(x.shape[-1]), j), x, 0), axis=-1, keepdims=True)


def _loop(
    step: Callable[[Node, Sequence[Node], Sequence[Node]], Sequence[Node]],
    carry: Sequence[Node],
    count: int,
    rows: Sequence[Node] = (),
    *,
    reverse: bool = False,
) -> list[Node]:
    """The last carry of ``carry = step(k, carry, rows[k])``, for every ``k`` below ``count``."""
    xs = [_places_of(count), *rows]
    inner = [placeholder(n.aval) for n in carry]
    read = [placeholder(x.aval.with_shape(x.shape[1:])) for x in xs]
    body = closed([*inner, *read], step(read[0], inner, read[1:]))
    result = scan(*carry, *xs, body=body, constants=0, carries=len(carry), length=count, reverse=reverse, history=False)
    return [project(result, index=k) for k in range(len(carry))]
