"""Order along an axis. NaN counts as larger than everything else; equal elements keep their order.

NumPy sorts at once, but it is a kernel inside a traced function, and an operation while a derivative is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.host import on_host
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import sorting as rules
from eerie_dsl.ops.sort import order

_INSIDE = "jit records it as a kernel"


def argsort(x: ArrayLike, /, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Array:
    """The indices that put ``x`` in order along an axis, in int64.

    Args:
        x: real numbers or bools.
        axis: which to sort along.
        descending: largest first.
        stable: keep the order of equal elements; it is kept either way.

    Raises:
        ShapeError: there is no such axis.
        DTypeError: complex numbers, which have no order.

    >>> argsort([3.0, 1.0, 2.0])
    Array([1, 2, 0], dtype=int64, device=cpu)
    """
    if _recorded():
        return Array.of(rules.argsort(required(x), axis, descending))
    node, place = rules.sortable("argsort", required(x), axis)
    return on_host("argsort", lambda a: _order(a, place, descending), Array.of(node), instead=_INSIDE)  # type: ignore[no-any-return]


def sort(x: ArrayLike, /, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Array:
    """``x`` in order along an axis; arguments and errors as of `argsort`.

    >>> sort([[3, 1], [2, 5]], descending=True)
    Array([[3, 1],
           [5, 2]], dtype=int64, device=cpu)
    """
    if _recorded():
        return Array.of(rules.sort(required(x), axis, descending))
    node, place = rules.sortable("sort", required(x), axis)

    def function(a: Any) -> Any:
        if a.dtype.kind == "V":  # bfloat16, which NumPy sorts without a rule for NaN
            return np.take_along_axis(a, _order(a, place, descending), place)
        found = np.sort(a, place)  # among equal values the order shows only in the signs of zeros
        return np.flip(found, place) if descending else found

    return on_host("sort", function, Array.of(node), instead=_INSIDE)  # type: ignore[no-any-return]


def topk(x: ArrayLike, k: int, /, axis: int = -1) -> tuple[Array, Array]:
    """The ``k`` largest elements along an axis, largest first, and their indices in int64.

    Args:
        x: real numbers or bools.
        k: how many, a Python integer.
        axis: which to search along.

    Raises:
        ShapeError: there is no such axis.
        InvalidValueError: ``k`` is negative or more than there are.
        DTypeError: complex numbers.

    >>> values, indices = topk([3, 1, 2], 2)
    >>> values, indices
    (Array([3, 2], dtype=int64, device=cpu), Array([0, 2], dtype=int64, device=cpu))
    """
    if _recorded():
        values, indices = rules.topk(required(x), k, axis)
        return Array.of(values), Array.of(indices)
    node, place = rules.sortable("topk", required(x), axis)
    count = rules.how_many(node, k, place)

    def function(a: Any) -> Any:
        first = np.take(_order(a, place, True), range(count), place)
        return np.take_along_axis(a, first, place), first

    return on_host("topk", function, Array.of(node), instead=_INSIDE)  # type: ignore[no-any-return]


def _recorded() -> bool:
    return state.scope is not None or state.tape is not None


def _order(a: Any, axis: int, descending: bool) -> Any:
    return np.moveaxis(order(np.moveaxis(a, axis, -1), descending=descending), -1, axis)
