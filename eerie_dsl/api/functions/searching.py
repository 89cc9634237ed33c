"""Where elements are, and how many."""

from __future__ import annotations

from typing import Literal

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.host import on_host
from eerie_dsl.errors import InvalidValueError, ShapeError, TracerError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import searching as rules
from eerie_dsl.ops.composite.axes import one_axis
from eerie_dsl.ops.composite.indexing import take
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.composite.shape import reshape

_WHERE = "use eerie.where(mask, x, other), whose shape does not depend on the mask"


def searchsorted(
    x1: ArrayLike, x2: ArrayLike, /, *, side: Literal["left", "right"] = "left", sorter: ArrayLike | None = None
) -> Array:
    """Where the elements of ``x2`` belong in the sorted ``x1``, so that the order stays; int64.

    Args:
        x1: one dimension, ascending, with NaN last as `sort` leaves it.
        x2: of any shape, which is that of the result.
        side: before (left) or behind (right) elements that are equal.
        sorter: indices that sort ``x1``, as `argsort` gives, when it is not sorted itself.

    Raises:
        ShapeError: ``x1`` has not one dimension, or ``sorter`` another shape.
        DTypeError: complex numbers, which have no order.
        InvalidValueError: another ``side``.

    >>> searchsorted([1, 3, 5], [0, 3, 4])
    Array([0, 1, 2], dtype=int64, device=cpu)
    """
    order = None if sorter is None else required(sorter)
    return Array.of(rules.searchsorted(required(x1), required(x2), side, order))


def digitize(x: ArrayLike, bins: ArrayLike, /, *, right: bool = False) -> Array:
    """The bin that each element is in: ``bins[i-1] <= x < bins[i]`` for ascending edges; int64.

    Args:
        x: real numbers of any shape.
        bins: the edges, ascending or descending.
        right: the right edge belongs to a bin instead of the left one.

    Raises:
        ShapeError: ``bins`` has not one dimension.
        DTypeError: complex numbers.

    >>> digitize([0.5, 1.0, 9.0], [0.0, 1.0, 2.0])
    Array([1, 2, 3], dtype=int64, device=cpu)
    """
    return Array.of(rules.digitize(required(x), required(bins), right))


def bincount(
    x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0, *, length: int | None = None
) -> Array:
    """How often each of 0, 1, 2, ... occurs, in int64; with weights, the sum of those of its occurrences.

    Args:
        x: one dimension of integers from 0 on.
        weights: one for each element; integers are summed in float32.
        minlength: of the result, which is otherwise as long as the largest element asks for.
        length: of the result, exactly; elements out of its range are left out. A traced function needs it.

    Raises:
        ShapeError: not one dimension, or weights of another shape.
        DTypeError: elements that are not integers.
        InvalidValueError: a negative element.
        TracerError: no ``length`` while a function is traced.

    >>> bincount([0, 2, 2])
    Array([1, 0, 2], dtype=int64, device=cpu)
    """
    by = None if weights is None else required(weights)
    if length is None:
        node, _ = rules.countable(required(x), by)
        if state.scope is not None:
            raise TracerError(
                f"bincount of {node.aval}: the length of the result depends on values, and {state.scope.name} has none",
                hint="give the length: bincount(x, length=n)",
            )
        values = Array.of(node).numpy()
        least, largest = (int(values.min()), int(values.max())) if values.size else (0, -1)
        if least < 0:
            raise InvalidValueError(f"bincount of {node.aval}: element {least} is negative")
        length = max(largest + 1, minlength)
        return Array.of(rules.bincount(node, by, length))
    return Array.of(rules.bincount(required(x), by, length))


def nonzero(x: ArrayLike, /) -> tuple[Array, ...]:
    """Where elements are not zero: the indices along each axis, in row-major order; int64.

    Raises:
        ShapeError: a 0-d array.
        TracerError: a function is being traced, where the shape of the result is not known.

    >>> nonzero([[0, 3], [4, 0]])
    (Array([0, 1], dtype=int64, device=cpu), Array([1, 0], dtype=int64, device=cpu))
    """
    node = _with_axes("nonzero", x)
    return on_host("nonzero", np.nonzero, Array.of(node), instead=_WHERE)  # type: ignore[no-any-return]


def flatnonzero(x: ArrayLike, /) -> Array:
    """Where elements of the flattened array are not zero; int64. Errors as of `nonzero`.

    >>> flatnonzero([[0, 3], [4, 0]])
    Array([1, 2], dtype=int64, device=cpu)
    """
    return on_host("flatnonzero", np.flatnonzero, x, instead=_WHERE)  # type: ignore[no-any-return]


def argwhere(x: ArrayLike, /) -> Array:
    """The indices of each element that is not zero, one row for each; int64. Errors as of `nonzero`.

    >>> argwhere([[0, 3], [4, 0]])
    Array([[0, 1],
           [1, 0]], dtype=int64, device=cpu)
    """
    return on_host("argwhere", np.argwhere, x, instead=_WHERE)  # type: ignore[no-any-return]


def compress(condition: ArrayLike, x: ArrayLike, /, axis: int | None = None) -> Array:
    """The parts of ``x`` along an axis where ``condition`` is True; of the flattened array for None.

    Args:
        condition: one dimension, no longer than the axis.
        x: any array.
        axis: which to choose along.

    Raises:
        ShapeError: a condition that is longer than the axis, or no such axis.
        TracerError: a function is being traced, where the shape of the result is not known.

    >>> compress([False, True], [[1, 2], [3, 4]], axis=0)
    Array([[3, 4]], dtype=int64, device=cpu)
    """
    node, chosen = strong(required(x)), strong(required(condition))
    if axis is None:
        node, axis = reshape(node, -1), 0
    place = one_axis("compress", axis, node.ndim)
    if chosen.ndim != 1 or chosen.shape[0] > node.shape[place]:
        raise ShapeError(f"compress of {node.aval} along axis {place} by a condition of {chosen.aval}")
    places = on_host("compress", np.flatnonzero, Array.of(chosen), instead=_WHERE)
    return Array.of(take(node, places.node, place))


def extract(condition: ArrayLike, x: ArrayLike, /) -> Array:
    """The elements of the flattened ``x`` where ``condition``, of the same size, is not zero; errors as of `compress`.

    >>> extract([[True, False], [False, True]], [[1, 2], [3, 4]])
    Array([1, 4], dtype=int64, device=cpu)
    """
    node, chosen = strong(required(x)), strong(required(condition))
    if chosen.aval.size != node.aval.size:
        raise ShapeError(f"extract of {node.aval} by a condition of {chosen.aval}: the sizes differ")
    return compress(Array.of(reshape(chosen, -1)), Array.of(node))


def _with_axes(op: str, x: ArrayLike) -> Node:
    node = strong(required(x))
    if not node.ndim:
        raise ShapeError(f"{op} of a 0-d array", hint="reshape it to one dimension first")
    return node
