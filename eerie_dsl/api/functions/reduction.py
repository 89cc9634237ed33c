"""Many elements into one along axes; the axes go away, or stay with size 1 under ``keepdims``.

``axis`` is one axis, a tuple of them, or None for all; negative ones count from the end.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ops.composite import reduction as rules
from eerie_dsl.ops.composite.axes import AxisLike


def _chosen(dtype: Any) -> DType | None:
    return None if dtype is None else _dtype(dtype)


def sum(x: ArrayLike, /, axis: AxisLike = None, *, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum; 0 of no elements.

    Args:
        x: any numbers or bools.
        axis: what to sum over.
        dtype: of the result; by default int64 or uint64 for integers and bools, else that of ``x``. float16 and
            bfloat16 are summed in float32 and rounded once.
        keepdims: keep the axes with size 1.

    Raises:
        ShapeError: there is no such axis.

    >>> sum([[1, 2], [3, 4]], axis=0)
    Array([4, 6], dtype=int64, device=cpu)
    """
    return Array.of(rules.sum(required(x), axis, _chosen(dtype), keepdims))


def prod(x: ArrayLike, /, axis: AxisLike = None, *, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product; 1 of no elements. Arguments as of `sum`.

    >>> prod([[1, 2], [3, 4]], axis=1)
    Array([ 2, 12], dtype=int64, device=cpu)
    """
    return Array.of(rules.prod(required(x), axis, _chosen(dtype), keepdims))


def max(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The largest element; NaN when there is a NaN.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> max([[1, 2], [3, 4]], axis=1)
    Array([2, 4], dtype=int64, device=cpu)
    """
    return Array.of(rules.max(required(x), axis, keepdims))


def min(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The smallest element; NaN when there is a NaN.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> min([[1, 2], [3, 4]], axis=1)
    Array([1, 3], dtype=int64, device=cpu)
    """
    return Array.of(rules.min(required(x), axis, keepdims))


def any(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """Whether an element is not zero; False of no elements.

    >>> any([[0, 2], [0, 0]], axis=1)
    Array([ True, False], dtype=bool, device=cpu)
    """
    return Array.of(rules.any(required(x), axis, keepdims))


def all(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """Whether no element is zero; True of no elements.

    >>> all([[0, 2], [1, 3]], axis=1)
    Array([False,  True], dtype=bool, device=cpu)
    """
    return Array.of(rules.all(required(x), axis, keepdims))


def count_nonzero(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """How many elements are not zero, in int64.

    >>> count_nonzero([[0, 2], [1, 3]], axis=1)
    Array([1, 2], dtype=int64, device=cpu)
    """
    return Array.of(rules.count_nonzero(required(x), axis, keepdims))


def argmax(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Where the largest element is, the first of equals, in int64; a NaN is the largest.

    Args:
        x: any real numbers.
        axis: which to search along; None searches the flattened array.
        keepdims: keep the axis with size 1.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> argmax([[1, 2], [4, 3]], axis=1)
    Array([1, 0], dtype=int64, device=cpu)
    """
    return Array.of(rules.argmax(required(x), axis, keepdims))


def argmin(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Where the smallest element is, the first of equals; arguments as of `argmax`.

    >>> argmin([[1, 2], [4, 3]], axis=1)
    Array([0, 1], dtype=int64, device=cpu)
    """
    return Array.of(rules.argmin(required(x), axis, keepdims))


def mean(x: ArrayLike, /, axis: AxisLike = None, *, dtype: Any = None, keepdims: bool = False) -> Array:
    """The arithmetic mean; NaN of no elements.

    Args:
        x: any numbers.
        axis: what to average over.
        dtype: of the result; by default that of ``x``, float32 for integers and bools.
        keepdims: keep the axes with size 1.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=0)
    Array([2., 3.], dtype=float32, device=cpu)
    """
    return Array.of(rules.mean(required(x), axis, _chosen(dtype), keepdims))


def var(x: ArrayLike, /, axis: AxisLike = None, *, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance: the sum of squared distances from the mean over the count less ``correction``.

    Computed in two passes, so that a large mean costs no digits. ``correction=1`` estimates the variance of what
    the elements are a sample of. The dtype is as of `mean`.

    >>> var([1.0, 2.0, 3.0, 4.0])
    Array(1.25, dtype=float32, device=cpu)
    """
    return Array.of(rules.var(required(x), axis, correction, keepdims))


def std(x: ArrayLike, /, axis: AxisLike = None, *, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of the variance; arguments as of `var`.

    >>> std([1.0, 1.0, 3.0, 3.0])
    Array(1., dtype=float32, device=cpu)
    """
    return Array.of(rules.std(required(x), axis, correction, keepdims))


def logsumexp(x: ArrayLike, /, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """``log(sum(exp(x)))``, without overflow on the way; -inf of no elements. The dtype is as of `mean`.

    >>> logsumexp([1000.0, -1000.0])
    Array(1000., dtype=float32, device=cpu)
    """
    return Array.of(rules.logsumexp(required(x), axis, keepdims))


def cumulative_sum(
    x: ArrayLike, /, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False
) -> Array:
    """The sums of the first 1, 2, 3, ... elements along an axis.

    Args:
        x: any numbers or bools.
        axis: which to run along; may be left out for a 1-d array.
        dtype: of the result; as of `sum`.
        include_initial: begin with the sum of no elements, so that the axis grows by one.

    Raises:
        ShapeError: no axis for an array of several dimensions, or no such axis.

    >>> cumulative_sum([1, 2, 3])
    Array([1, 3, 6], dtype=int64, device=cpu)
    """
    return Array.of(rules.cumulative_sum(required(x), axis, _chosen(dtype), include_initial))


def cumulative_prod(
    x: ArrayLike, /, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False
) -> Array:
    """The products of the first 1, 2, 3, ... elements along an axis; arguments as of `cumulative_sum`.

    >>> cumulative_prod([1, 2, 3])
    Array([1, 2, 6], dtype=int64, device=cpu)
    """
    return Array.of(rules.cumulative_prod(required(x), axis, _chosen(dtype), include_initial))
