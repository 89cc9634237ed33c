"""Order statistics, averages, covariances and histograms, with NumPy's signatures.

Floating point results have the dtype of the data, float32 for integers. ``axis`` is one axis, a tuple of them, or None
for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, Literal, overload

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, lift, required
from eerie_dsl.api.functions.sorting import sort
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import bool_, float64, uint8
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import statistics as rules
from eerie_dsl.ops.composite.axes import AxisLike
from eerie_dsl.ops.composite.promotion import broadcast_to, strong
from eerie_dsl.ops.composite.shape import reshape

Limits = tuple[ArrayLike, ArrayLike] | None


def median(a: ArrayLike, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """The middle element by size, the mean of the two middles of an even number; NaN where there is a NaN, or nothing.

    Args:
        a: real numbers.
        axis: what to reduce.
        keepdims: keep the axes with size 1.

    Raises:
        ShapeError: there is no such axis.
        DTypeError: complex numbers, which have no order.

    >>> median([[3, 1, 2], [7, 9, 8]], axis=1)
    Array([2., 8.], dtype=float32, device=cpu)
    """
    node = strong(required(a))
    line = rules.lined_up("median", node, axis)
    return Array.of(rules.kept("median", rules.median(sort(Array.of(line)).node), node.shape, axis, keepdims))


def quantile(
    a: ArrayLike, q: ArrayLike, axis: AxisLike = None, *, method: str = "linear", keepdims: bool = False
) -> Array:
    """What a share ``q`` of the elements lies below; NaN where there is a NaN, or nothing.

    Args:
        a: real numbers.
        q: shares from 0 to 1, one or an array of them. Computed ones beyond that are taken as 0 or 1.
        axis: what to reduce.
        method: between two elements, ``linear`` mixes them by distance, ``midpoint`` takes their mean, ``lower``,
            ``higher`` and ``nearest`` one of the two.
        keepdims: keep the axes with size 1.

    Returns:
        The shape of ``q``, then what is left of that of ``a``. The dtype of ``a``; float32 for integers that are mixed.

    Raises:
        InvalidValueError: a share that is no share, or an unknown method.
        ShapeError: there is no such axis.
        DTypeError: complex numbers, which have no order.

    >>> quantile([1.0, 2.0, 3.0, 4.0, 5.0], [0.25, 0.6])
    Array([2. , 3.4], dtype=float32, device=cpu)
    """
    return ordered_share("quantile", a, q, axis, method, keepdims)


def percentile(
    a: ArrayLike, q: ArrayLike, axis: AxisLike = None, *, method: str = "linear", keepdims: bool = False
) -> Array:
    """`quantile` with ``q`` from 0 to 100.

    >>> percentile([1.0, 2.0, 3.0, 4.0, 5.0], 75)
    Array(4., dtype=float32, device=cpu)
    """
    return ordered_share("percentile", a, q, axis, method, keepdims, whole=100)


def ordered_share(
    op: str,
    a: ArrayLike,
    q: ArrayLike,
    axis: AxisLike,
    method: str,
    keepdims: bool,
    *,
    whole: int = 1,
    skip_nan: bool = False,
) -> Array:
    """`quantile` for shares of ``whole``, with or without the elements that are NaN."""
    node = strong(required(a))
    shares = _shares(op, q, whole)
    ordered = sort(Array.of(rules.lined_up(op, node, axis))).node
    return Array.of(rules.kept(op, rules.quantile(ordered, shares, method, skip_nan), node.shape, axis, keepdims))


def _shares(op: str, q: ArrayLike, whole: int) -> Node:
    """Shares of ``whole`` as shares of 1, in float64."""
    known = isinstance(q, int | float | np.generic | list | tuple)
    if not known or (isinstance(q, list | tuple) and any(isinstance(v, Array) for v in q)):
        node = ew.astype(lift(q), float64)
        return node if whole == 1 else ew.divide(node, whole)
    values = np.asarray(q, np.float64)
    if not ((values >= 0) & (values <= whole)).all():
        raise InvalidValueError(f"{op} of q={q}: shares are from 0 to {whole}")
    parts = values / whole
    if parts.ndim == 0:
        return lift(parts[()])
    return reshape(ew.astype(lift(list(parts.ravel())), float64), parts.shape)


def ptp(a: ArrayLike, axis: AxisLike = None, *, keepdims: bool = False) -> Array:
    """From peak to peak: the largest less the smallest, in the dtype of ``a``.

    Raises:
        ShapeError: there is no such axis, or no element.

    >>> ptp([[1, 5], [2, 3]], axis=1)
    Array([4, 1], dtype=int64, device=cpu)
    """
    return Array.of(rules.ptp(required(a), axis, keepdims))


@overload
def average(
    a: ArrayLike,
    axis: AxisLike = None,
    weights: ArrayLike | None = None,
    returned: Literal[False] = False,
    *,
    keepdims: bool = False,
) -> Array: ...
@overload
def average(
    a: ArrayLike,
    axis: AxisLike = None,
    weights: ArrayLike | None = None,
    *,
    returned: Literal[True],
    keepdims: bool = False,
) -> tuple[Array, Array]: ...
def average(
    a: ArrayLike,
    axis: AxisLike = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Array | tuple[Array, Array]:
    """The mean in which each element counts as much as its weight.

    Args:
        a: any numbers.
        axis: what to average over.
        weights: the shape of ``a``, or the sizes of the axes; ones by default. NaN or inf where they sum to 0.
        returned: give the sums of the weights as well.
        keepdims: keep the axes with size 1.

    Raises:
        ShapeError: weights that do not fit, or no such axis.

    >>> average([1.0, 2.0, 6.0], weights=[1, 1, 2])
    Array(3.75, dtype=float32, device=cpu)
    """
    given = strong(1.0) if weights is None else strong(required(weights))
    node = strong(required(a))
    if weights is None:
        given = ew.astype(given, node.dtype)
        given = broadcast_to(given, node.shape)
    mean, total = rules.average(node, axis, given, keepdims)
    return (Array.of(mean), Array.of(total)) if returned else Array.of(mean)


def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: Any = None,
) -> Array:
    """The covariance matrix of several variables; 0-d for one.

    Args:
        m: ``(variables, observations)``, or the observations of one variable.
        y: more variables, in the same form.
        rowvar: False when variables are in columns.
        bias: divide by the number of observations instead of one less.
        ddof: divide by the number of observations less this; goes before ``bias``.
        fweights: how often each observation was made.
        aweights: how much each observation counts.
        dtype: of the result; default: that of the data, float32 for integers.

    Raises:
        ShapeError: more than two dimensions, or numbers of observations that differ.
        InvalidValueError: ``ddof`` is not an integer.

    >>> cov([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32, device=cpu)
    """
    if ddof is not None and ddof != int(ddof):
        raise InvalidValueError(f"cov with ddof={ddof}: it is an integer")
    freedom = (0 if bias else 1) if ddof is None else ddof
    others = [None if v is None else required(v) for v in (y, fweights, aweights)]
    found = None if dtype is None else _dtype(dtype)
    return Array.of(rules.cov(required(m), others[0], rowvar, freedom, others[1], others[2], found))


def corrcoef(x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Correlation coefficients, from -1 to 1, of several variables; arguments and errors as of `cov`.

    >>> corrcoef([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32, device=cpu)
    """
    return Array.of(rules.corrcoef(cov(x, y, rowvar, dtype=dtype).node))


def histogram(
    a: ArrayLike,
    bins: int | ArrayLike = 10,
    range: Limits = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """How many elements are in each bin, and the edges of the bins.

    A bin holds its lower edge, the last one both. NaN, and what is beyond the edges, counts nowhere; without ``range``
    a NaN or an infinity in the data makes the edges NaN, where NumPy raises.

    Args:
        a: real numbers of any shape.
        bins: how many of equal width, or their ascending edges. NumPy's named rules, such as 'auto', are not taken:
            the shape of the result would follow from values.
        range: the lowest and the highest edge; default: the smallest and the largest element.
        density: give shares per width, whose integral is 1.
        weights: how much each element counts; the shape of ``a``.

    Returns:
        Counts in int64, or sums in the dtype of the weights, or densities in floating point; and the edges, of the
        dtype of ``a``, float32 for integers, or as given.

    Raises:
        InvalidValueError: no bins, edges that do not ascend, or a range that does not.
        ShapeError: weights of another shape.

    >>> histogram([1, 2, 1, 4], bins=[0, 2, 3, 4])
    (Array([2, 1, 1], dtype=int64, device=cpu), Array([0, 2, 3, 4], dtype=int64, device=cpu))
    """
    node = _counted(a)
    edges = rules.bin_edges(node, _bins("histogram", bins), _limits("histogram", range))
    given = None if weights is None else strong(required(weights))
    return Array.of(rules.histogram([node], [edges], given, bool(density))), Array.of(edges)


def histogram_bin_edges(
    a: ArrayLike, bins: int | ArrayLike = 10, range: Limits = None, weights: ArrayLike | None = None
) -> Array:
    """The edges that `histogram` gives; ``weights`` have no influence.

    >>> histogram_bin_edges([0.0, 1.0], bins=2)
    Array([0. , 0.5, 1. ], dtype=float32, device=cpu)
    """
    op = "histogram_bin_edges"
    return Array.of(rules.bin_edges(_counted(a), _bins(op, bins), _limits(op, range)))


def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: int | ArrayLike | Sequence[int | ArrayLike] = 10,
    range: Sequence[Limits] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """How many points (x, y) are in each cell of a grid, and the edges of its rows and columns.

    Args:
        x: 1-d coordinates, which choose the row.
        y: likewise, the column.
        bins: one number or array of edges for both, or a pair of such.
        range: a pair of ranges, as of `histogram`.
        density: give shares per area, whose integral is 1.
        weights: how much each point counts.

    Raises:
        ShapeError: coordinates that are not 1-d, or differ in number.
        InvalidValueError: as of `histogram`.

    >>> histogram2d([0.0, 1.0, 1.0], [0.0, 1.0, 1.0], bins=2)[0]
    Array([[1, 0],
           [0, 2]], dtype=int64, device=cpu)
    """
    nodes = _counted(x), _counted(y)
    if any(n.ndim != 1 for n in nodes):
        raise ShapeError(f"histogram2d of {nodes[0].aval} and {nodes[1].aval} needs 1-d coordinates")
    pair = isinstance(bins, Sequence) and not isinstance(bins, str) and len(bins) == 2
    both: Any = bins if pair else (bins, bins)
    limits = (None, None) if range is None else range
    edges = [
        rules.bin_edges(n, _bins("histogram2d", b), _limits("histogram2d", r))
        for n, b, r in zip(nodes, both, limits, strict=True)
    ]
    given = None if weights is None else strong(required(weights))
    return Array.of(rules.histogram(nodes, edges, given, bool(density))), Array.of(edges[0]), Array.of(edges[1])


def _counted(x: ArrayLike) -> Node:
    node = strong(required(x))
    return ew.astype(node, uint8) if node.dtype is bool_ else node


def _bins(op: str, bins: int | ArrayLike) -> int | Node:
    if isinstance(bins, str):
        raise ArgumentError(f"{op} has no rule {bins!r} for bins", hint="give their number or their edges")
    if isinstance(bins, Sequence | np.ndarray) and np.ndim(bins) == 1 and not any(isinstance(b, Array) for b in bins):
        known = np.asarray(bins)
        if (known[:-1] > known[1:]).any():
            raise InvalidValueError(f"{op}: edges of bins ascend, these do not: {bins}")
    if isinstance(bins, Sequence) or np.ndim(bins):
        return strong(required(bins))
    try:
        return index(bins)
    except TypeError:
        raise ArgumentError(f"{op}: bins are a number or a sequence of edges, not {bins!r}") from None


def _limits(op: str, limits: Limits) -> rules.Bounds:
    if limits is None:
        return None
    low, high = limits
    if isinstance(low, int | float) and isinstance(high, int | float) and not -np.inf < low <= high < np.inf:
        raise InvalidValueError(f"{op}: a range is a low and a high number, not {limits}")
    return required(low), required(high)
