"""Reductions that leave NaN out, with NumPy's signatures; integers and bools have none and take the plain function.

Where there is nothing but NaN the result is NaN, without a warning. ``axis`` is one axis, a tuple of them, or None for
all. Default dtypes are those of the functions without ``nan``.
"""

from __future__ import annotations

from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions import statistics
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ops.composite import nan as rules
from eerie_dsl.ops.composite.axes import AxisLike


def _chosen(dtype: Any) -> DType | None:
    return None if dtype is None else _dtype(dtype)


def nansum(a: ArrayLike, axis: AxisLike = None, dtype: Any = None, *, keepdims: bool = False) -> Array:
    """The sum of what is not NaN; 0 of nothing.

    Args:
        a: any numbers.
        axis: what to sum over.
        dtype: of the result, as of `sum`.
        keepdims: keep the axes with size 1.

    Raises:
        ShapeError: there is no such axis.

    >>> nansum([1.0, float("nan"), 2.0])
    Array(3., dtype=float32, device=cpu)
    """
    return Array.of(rules.nansum(required(a), axis, _chosen(dtype), keepdims))


def nanprod(a: ArrayLike, axis: AxisLike = None, dtype: Any = None, *, keepdims: bool = False) -> Array:
    """The product of what is not NaN; 1 of nothing. Arguments as of `nansum`.

    >>> nanprod([3.0, float("nan"), 2.0])
    Array(6., dtype=float32, device=cpu)
    """
    return Array.of(rules.nanprod(required(a), axis, _chosen(dtype), keepdims))


def nancumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """The sums of the first 1, 2, 3, ... elements, NaN as 0; None runs along the flattened array.

    >>> nancumsum([1.0, float("nan"), 2.0])
    Array([1., 1., 3.], dtype=float32, device=cpu)
    """
    return Array.of(rules.nancumsum(required(a), axis, _chosen(dtype)))


def nancumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """The products of the first 1, 2, 3, ... elements, NaN as 1; None runs along the flattened array.

    >>> nancumprod([3.0, float("nan"), 2.0])
    Array([3., 3., 6.], dtype=float32, device=cpu)
    """
    return Array.of(rules.nancumprod(required(a), axis, _chosen(dtype)))


def nanmin(a: ArrayLike, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The smallest of what is not NaN.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> nanmin([3.0, float("nan"), 2.0])
    Array(2., dtype=float32, device=cpu)
    """
    return Array.of(rules.nanmin(required(a), axis, keepdims))


def nanmax(a: ArrayLike, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The largest of what is not NaN; errors as of `nanmin`.

    >>> nanmax([3.0, float("nan"), 2.0])
    Array(3., dtype=float32, device=cpu)
    """
    return Array.of(rules.nanmax(required(a), axis, keepdims))


def nanargmin(a: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Where the smallest of what is not NaN is, the first of equals, in int64.

    Where there is nothing but NaN it is 0: NumPy raises there, which cannot be done from inside a kernel.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> nanargmin([3.0, float("nan"), 2.0])
    Array(2, dtype=int64, device=cpu)
    """
    return Array.of(rules.nanargmin(required(a), axis, keepdims))


def nanargmax(a: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Where the largest of what is not NaN is; all else as of `nanargmin`.

    >>> nanargmax([float("nan"), 3.0, 2.0])
    Array(1, dtype=int64, device=cpu)
    """
    return Array.of(rules.nanargmax(required(a), axis, keepdims))


def nanmean(a: ArrayLike, axis: AxisLike = None, dtype: Any = None, *, keepdims: bool = False) -> Array:
    """The mean of what is not NaN. Arguments as of `nansum`, the dtype as of `mean`.

    >>> nanmean([3.0, float("nan"), 2.0])
    Array(2.5, dtype=float32, device=cpu)
    """
    return Array.of(rules.nanmean(required(a), axis, _chosen(dtype), keepdims))


def nanvar(a: ArrayLike, axis: AxisLike = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """The variance of what is not NaN, computed in two passes.

    Args:
        a: any numbers; complex ones have a real variance.
        axis: what to reduce.
        dtype: to compute in; default: that of ``a``, float32 for integers.
        ddof: taken off the count that the sum of squares is divided by; NaN where that leaves nothing.
        keepdims: keep the axes with size 1.

    >>> nanvar([3.0, float("nan"), 1.0])
    Array(1., dtype=float32, device=cpu)
    """
    return Array.of(rules.nanvar(required(a), axis, _chosen(dtype), ddof, keepdims))


def nanstd(a: ArrayLike, axis: AxisLike = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """The square root of `nanvar`, with its arguments.

    >>> nanstd([3.0, float("nan"), 1.0])
    Array(1., dtype=float32, device=cpu)
    """
    return Array.of(rules.nanstd(required(a), axis, _chosen(dtype), ddof, keepdims))


def nanmedian(a: ArrayLike, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The middle of what is not NaN, by size; the mean of the two middles of an even number.

    >>> nanmedian([3.0, float("nan"), 1.0, 7.0])
    Array(3., dtype=float32, device=cpu)
    """
    return statistics.ordered_share("nanmedian", a, 0.5, axis, "linear", keepdims, skip_nan=True)


def nanquantile(
    a: ArrayLike, q: ArrayLike, axis: AxisLike = None, *, method: str = "linear", keepdims: bool = False
) -> Array:
    """What a share ``q`` of the elements that are not NaN lies below; arguments and errors as of `quantile`.

    >>> nanquantile([3.0, float("nan"), 1.0, 7.0], 0.25)
    Array(2., dtype=float32, device=cpu)
    """
    return statistics.ordered_share("nanquantile", a, q, axis, method, keepdims, skip_nan=True)


def nanpercentile(
    a: ArrayLike, q: ArrayLike, axis: AxisLike = None, *, method: str = "linear", keepdims: bool = False
) -> Array:
    """`nanquantile` with ``q`` from 0 to 100.

    >>> nanpercentile([3.0, float("nan"), 1.0, 7.0], 25)
    Array(2., dtype=float32, device=cpu)
    """
    return statistics.ordered_share("nanpercentile", a, q, axis, method, keepdims, whole=100, skip_nan=True)
