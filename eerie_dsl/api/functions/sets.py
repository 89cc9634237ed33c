"""Arrays as sets. Their sizes depend on values, so that all but `isin` are computed by NumPy at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.host import on_host
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import searching as rules
from eerie_dsl.ops.composite.axes import one_axis
from eerie_dsl.ops.composite.promotion import strong

_NEIGHBOURS = "sort the array and compare neighbours: s = eerie.sort(x), then s[1:] != s[:-1]"
_MEMBERS = "use eerie.isin, whose shape does not depend on values, and eerie.where"


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Array
    inverse_indices: Array


def isin(x1: ArrayLike, x2: ArrayLike, /, *, invert: bool = False) -> Array:
    """Whether each element of ``x1`` is among those of ``x2``; NaN is never.

    Args:
        x1: any array.
        x2: any array; its shape does not matter.
        invert: whether it is not.

    Raises:
        DTypeError: the dtypes do not meet in one.

    >>> isin([1, 2, 3], [3, 1])
    Array([ True, False,  True], dtype=bool, device=cpu)
    """
    if state.scope is not None:
        return Array.of(rules.isin(required(x1), required(x2), invert))
    values, table = map(Array.of, rules.together("isin", required(x1), required(x2)))
    return on_host(  # type: ignore[no-any-return]
        "isin", lambda a, t: np.isin(_comparable(a), _comparable(t), invert=invert), values, table, instead=""
    )


def unique_all(x: ArrayLike, /) -> UniqueAll:
    """The different elements in ascending order, where each is first, how to rebuild ``x``, and how many of each.

    Every NaN is different from all others; -0.0 is 0.0.

    Returns:
        ``values``, ``indices`` into the flattened array, ``inverse_indices`` into the values in the shape of ``x``, and
        ``counts``.

    Raises:
        TracerError: a function is being traced, where the shape of the result is not known.

    >>> unique_all([3, 1, 3]).counts
    Array([1, 2], dtype=int64, device=cpu)
    """
    return UniqueAll(*_unique("unique_all", x, return_index=True, return_inverse=True, return_counts=True))


def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """The different elements in ascending order and how many there are of each; see `unique_all`.

    >>> values, counts = unique_counts([3, 1, 3])
    >>> values, counts
    (Array([1, 3], dtype=int64, device=cpu), Array([1, 2], dtype=int64, device=cpu))
    """
    return UniqueCounts(*_unique("unique_counts", x, return_counts=True))


def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """The different elements in ascending order, and the indices into them that rebuild ``x``; see `unique_all`.

    >>> values, inverse = unique_inverse([3, 1, 3])
    >>> values[inverse]
    Array([3, 1, 3], dtype=int64, device=cpu)
    """
    return UniqueInverse(*_unique("unique_inverse", x, return_inverse=True))


def unique_values(x: ArrayLike, /) -> Array:
    """The different elements in ascending order; see `unique_all`.

    >>> unique_values([3, 1, 3])
    Array([1, 3], dtype=int64, device=cpu)
    """
    return _unique("unique_values", x)[0]


def unique(
    x: ArrayLike,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    """The different elements, or parts along an axis, in ascending order, as ``numpy.unique``.

    Args:
        x: any array.
        return_index: also where each is first.
        return_inverse: also the indices that rebuild ``x``.
        return_counts: also how many there are of each.
        axis: compare the parts along it; None compares the elements.
        equal_nan: all NaN are one element.

    Returns:
        The elements, or a tuple of them and what was asked for.

    Raises:
        ShapeError: there is no such axis.
        TracerError: a function is being traced, where the shape of the result is not known.

    >>> unique([3, 1, 3])
    Array([1, 3], dtype=int64, device=cpu)
    """
    node = strong(required(x))
    found = _unique(
        "unique",
        Array.of(node),
        return_index=return_index,
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=None if axis is None else one_axis("unique", axis, node.ndim),
        equal_nan=equal_nan,
    )
    return found[0] if len(found) == 1 else found


def union1d(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The different elements of both arrays, flattened and in ascending order; errors as of `unique`.

    >>> union1d([3, 1], [2, 1])
    Array([1, 2, 3], dtype=int64, device=cpu)
    """
    return _of_two("union1d", np.union1d, x1, x2)


def intersect1d(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The different elements that are in both arrays, in ascending order; errors as of `unique`.

    >>> intersect1d([3, 1, 3], [2, 3])
    Array([3], dtype=int64, device=cpu)
    """
    return _of_two("intersect1d", np.intersect1d, x1, x2)


def setdiff1d(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The different elements of ``x1`` that are not in ``x2``, in ascending order; errors as of `unique`.

    >>> setdiff1d([3, 1, 3], [2, 3])
    Array([1], dtype=int64, device=cpu)
    """
    return _of_two("setdiff1d", np.setdiff1d, x1, x2)


def setxor1d(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The different elements that are in one of the arrays only, in ascending order; errors as of `unique`.

    >>> setxor1d([3, 1, 3], [2, 3])
    Array([1, 2], dtype=int64, device=cpu)
    """
    return _of_two("setxor1d", np.setxor1d, x1, x2)


def _unique(name: str, x: ArrayLike, *, equal_nan: bool = False, **asked: Any) -> tuple[Array, ...]:
    def function(a: Any) -> Any:
        found = np.unique(_comparable(a), equal_nan=equal_nan, **asked)
        values, *rest = found if isinstance(found, tuple) else (found,)
        return (values.astype(a.dtype), *rest)

    return on_host(name, function, x, instead=_NEIGHBOURS)  # type: ignore[no-any-return]


def _of_two(name: str, function: Callable[..., Any], x1: ArrayLike, x2: ArrayLike) -> Array:
    a, b = map(Array.of, rules.together(name, required(x1), required(x2)))

    def in_dtype(a: Any, b: Any) -> Any:
        return function(_comparable(a), _comparable(b)).astype(a.dtype)

    return on_host(name, in_dtype, a, b, instead=_MEMBERS)  # type: ignore[no-any-return]


def _comparable(a: Any) -> Any:
    # bfloat16 is not one of NumPy's own, and its NaN would break the order.
    return a.astype(np.float32) if a.dtype.kind == "V" else a
