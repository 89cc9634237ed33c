"""Order statistics of sorted nodes, averages and covariances, counts in bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, bool_, float64, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import complex as complexes
from eerie_dsl.ops import constant, indexing
from eerie_dsl.ops.composite import creation, reduction
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import AxisLike, many_axes, one_axis
from eerie_dsl.ops.composite.contraction import matmul
from eerie_dsl.ops.composite.indexing import take_along_axis
from eerie_dsl.ops.composite.promotion import (
    Operand,
    as_dtype,
    broadcast_to,
    result_dtype,
    strong,
    to_float,
)
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.composite.searching import searchsorted
from eerie_dsl.ops.composite.shape import concat, moveaxis, part, permute_dims, reshape, squeeze
from eerie_dsl.ops.histogram import bin_counts

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def lined_up(op: str, x: Operand, axis: AxisLike) -> Node:
    """``x`` with the elements along ``axis`` in its last dimension, to be sorted there."""
    node = strong(x)
    if node.dtype.kind == "complex":
        raise DTypeError(f"{op} of {node.aval}: complex numbers have no order", hint="take it of their size, abs(x)")
    if isinstance(axis, int) and one_axis(op, axis, node.ndim) == node.ndim - 1:
        return node
    axes = many_axes(op, axis, node.ndim)
    rest = [a for a in range(node.ndim) if a not in axes]
    size = prod(node.shape[a] for a in axes)
    return reshape(permute_dims(node, (*rest, *axes)), (*(node.shape[a] for a in rest), size))


def kept(op: str, result: Node, shape: Sequence[int], axis: AxisLike, keepdims: bool) -> Node:
    """A reduced result with the axes of ``shape`` that went away back with size 1, if they shall stay."""
    if not keepdims:
        return result
    axes = many_axes(op, axis, len(shape))
    front = result.shape[: result.ndim - (len(shape) - len(axes))]
    return reshape(result, (*front, *(1 if a in axes else n for a, n in enumerate(shape))))


def median(ordered: Node) -> Node:
    """The middle of each last axis, which is sorted with NaN last; the mean of the two middles of an even number."""
    last = ordered.ndim - 1
    count = ordered.shape[last]
    if count == 0:
        return constant.full(Aval(ordered.shape[:-1], to_float(ordered.dtype)), math.nan)
    middle = reduction.mean(part(ordered, last, (count - 1) // 2, count // 2 + 1), last)
    return _spoilt(ordered, middle)


def quantile(ordered: Node, q: Node, method: str, skip_nan: bool) -> Node:
    """What a share ``q`` of each last axis lies below.

    Args:
        ordered: ``(*rest, n)``, sorted along the last axis with NaN last.
        q: shares, of any shape; those beyond 0 and 1 are taken as 0 and 1.
        method: what to give between two elements; one of `METHODS`.
        skip_nan: count from the first to the last element that is not NaN; else a NaN makes the result NaN.

    Returns:
        ``(*q.shape, *rest)``.
    """
    if method not in METHODS:
        raise InvalidValueError(f"quantile has no method {method!r}", hint="use one of " + ", ".join(METHODS))
    mixed = method in ("linear", "midpoint")
    dtype = to_float(ordered.dtype) if mixed else ordered.dtype
    *rest, count = ordered.shape
    shape = (*q.shape, *rest)
    if count == 0:
        if not dtype.is_inexact:
            raise ShapeError(f"quantile of {ordered.aval}: there is no element to give")
        return constant.full(Aval(shape, dtype), math.nan)
    skip_nan = skip_nan and ordered.dtype.is_inexact
    # Places in float64: a share of a long axis has more digits than float32.
    share = ew.clip(reshape(ew.astype(q, float64), -1), 0.0, 1.0)
    if skip_nan:
        known = reduction.sum(ew.logical_not(ew.isnan(ordered)), ordered.ndim - 1, keepdims=True)
        place = ew.multiply(share, ew.astype(ew.maximum(ew.subtract(known, 1), 0), float64))
    else:
        place = ew.multiply(share, constant.like(share, count - 1))
    if not mixed:
        nearby = {"lower": ew.floor, "higher": ew.ceil, "nearest": ew.round}[method](place)
        result = _at(ordered, nearby)
    else:
        before = ew.floor(place)
        low, high = (ew.astype(_at(ordered, p), wide(dtype)) for p in (before, ew.ceil(place)))
        weight: Operand = 0.5
        if method == "linear":
            weight = ew.astype(ew.subtract(place, before), wide(dtype))
        between = ew.minimum(ew.add(low, ew.multiply(ew.subtract(high, low), weight)), high)
        result = ew.astype(ew.where(ew.equal(low, high), low, between), dtype)  # equal infinities have no difference
    result = reshape(moveaxis(result, -1, 0), shape)
    return result if skip_nan else _spoilt(ordered, result)


def _at(ordered: Node, place: Node) -> Node:
    """``(*rest, m)``: the elements at places of shape ``(m,)`` or ``(*rest, m)``."""
    index = ew.astype(place, int64)
    if index.ndim > 1 or ordered.ndim == 1:
        return take_along_axis(ordered, index)
    return moveaxis(indexing.gather(ordered, index, axes=(ordered.ndim - 1,)), 0, -1)


def _spoilt(ordered: Node, result: Node) -> Node:
    """NaN wherever the last axis, sorted, ends with one."""
    if not ordered.dtype.is_inexact:
        return result
    last = ordered.ndim - 1
    spoilt = reshape(ew.isnan(part(ordered, last, ordered.shape[last] - 1, ordered.shape[last])), ordered.shape[:-1])
    return ew.where(spoilt, constant.like(result, math.nan), result)


def ptp(x: Operand, axis: AxisLike = None, keepdims: bool = False) -> Node:
    """The largest less the smallest."""
    node = strong(x)
    return ew.subtract(reduction.max(node, axis, keepdims), reduction.min(node, axis, keepdims))


def average(x: Operand, axis: AxisLike, weights: Operand, keepdims: bool) -> tuple[Node, Node]:
    """The mean in which each element counts as much as its weight, and the sum of the weights."""
    node, share = strong(x), strong(weights)
    axes = many_axes("average", axis, node.ndim)
    if share.shape != node.shape:
        sizes = tuple(node.shape[a] for a in axes)
        if axis is None or share.shape != sizes:
            raise ShapeError(
                f"average of {node.aval} along {axis} with weights {share.aval}",
                hint="weights have the shape of the array, or the sizes of the axes that are averaged over",
            )
        order = sorted(range(len(axes)), key=axes.__getitem__)
        share = permute_dims(share, order)
        share = reshape(share, tuple(n if a in axes else 1 for a, n in enumerate(node.shape)))
    dtype = to_float(result_dtype(node, share))
    kind = wide(dtype)
    node, share = as_dtype(node, kind), as_dtype(share, kind)
    total = reduction.sum(broadcast_to(share, node.shape), axes, keepdims=keepdims)
    mean = ew.divide(reduction.sum(ew.multiply(node, share), axes, keepdims=keepdims), total)
    return ew.astype(mean, dtype), ew.astype(total, dtype)


def cov(
    m: Operand,
    y: Operand | None,
    rowvar: bool,
    ddof: float,
    fweights: Operand | None,
    aweights: Operand | None,
    dtype: DType | None,
) -> Node:
    """How the variables, one to a row, vary together; see `numpy.cov`."""
    given = [strong(v) for v in (m, y) if v is not None]
    if any(v.ndim > 2 for v in given):
        raise ShapeError(f"cov of {given[0].aval}: more than two dimensions")
    dtype = to_float(result_dtype(*given)) if dtype is None else dtype
    rows = [ew.astype(_rows(v, rowvar), wide(dtype)) for v in given]
    x = concat(rows) if len(rows) > 1 else rows[0]
    count = x.shape[1]
    weight: Node | None = None
    for name, given_weight in (("fweights", fweights), ("aweights", aweights)):
        if given_weight is None:
            continue
        node = ew.astype(strong(given_weight), x.dtype)
        if node.shape != (count,):
            raise ShapeError(f"cov: {name} of shape {list(node.shape)} for {count} observations")
        weight = node if weight is None else ew.multiply(weight, node)
    if weight is None:
        freedom: Operand = float(max(count - ddof, 0))
        apart = scaled = ew.subtract(x, reduction.mean(x, 1, keepdims=True))
    else:
        mean, total = average(x, 1, weight, True)
        apart = ew.subtract(x, mean)
        scaled = ew.multiply(apart, weight)
        whole = reshape(part(total, 0, 0, 1), ())
        spent: Operand = ddof
        if aweights is not None:
            squares = reduction.sum(ew.multiply(weight, ew.astype(strong(aweights), x.dtype)))
            spent = ew.divide(ew.multiply(squares, ddof), whole)
        freedom = ew.maximum(ew.subtract(whole, spent), 0.0)
    if scaled.dtype.kind == "complex":
        scaled = complexes.conj(scaled)
    together = matmul(apart, permute_dims(scaled, (1, 0)))
    return ew.astype(squeeze(ew.divide(together, freedom)), dtype)


def corrcoef(covariance: Node) -> Node:
    """Covariances over the product of both standard deviations, held to [-1, 1]."""
    if covariance.ndim == 0:
        return ew.divide(covariance, covariance)
    count = covariance.shape[0]
    places = part(reshape(covariance, -1), 0, 0, count * count, count + 1)
    deviation = ew.sqrt(ew.absolute(places))
    scaled = ew.divide(ew.divide(covariance, reshape(deviation, (count, 1))), deviation)
    return scaled if scaled.dtype.kind == "complex" else ew.clip(scaled, -1.0, 1.0)


def _rows(x: Node, rowvar: bool) -> Node:
    if x.ndim < 2:
        return reshape(x, (1, -1))
    return x if rowvar or x.shape[0] == 1 else permute_dims(x, (1, 0))


Bounds = tuple[Operand, Operand] | None


def bin_edges(x: Node, bins: int | Node, bounds: Bounds) -> Node:
    """The ``n + 1`` edges of ``n`` bins: as given, or evenly spaced over the data or ``bounds``."""
    if isinstance(bins, Node):
        if bins.ndim != 1 or bins.shape[0] < 1:
            raise ShapeError(f"bins as edges are one-dimensional, not {bins.aval}")
        return bins
    if bins < 1:
        raise InvalidValueError(f"{bins} bins: at least one is needed")
    dtype = to_float(x.dtype)
    kind = wide(dtype)
    if bounds is not None:
        low, high = (as_dtype(b, kind) for b in bounds)
    elif x.aval.size == 0:
        low, high = constant.full(Aval((), kind), 0), constant.full(Aval((), kind), 1)
    else:
        low, high = (ew.astype(rule(x), kind) for rule in (reduction.min, reduction.max))
    half = ew.where(ew.equal(low, high), constant.like(low, 0.5), constant.like(low, 0))
    return creation.linspace(ew.subtract(low, half), ew.add(high, half), bins + 1, dtype)


def histogram(samples: Sequence[Node], edges: Sequence[Node], weights: Operand | None, density: bool) -> Node:
    """How many samples are in each bin: one array of coordinates, and of edges, for each dimension.

    A bin holds its lower edge, the last one of a dimension both. NaN and what is beyond the edges count nowhere.
    """
    sizes = tuple(e.shape[0] - 1 for e in edges)
    if weights is None and len(edges) == 1:
        x, e = samples[0], edges[0]
        dtype = result_dtype(x, e)
        counts = bin_counts(as_dtype(reshape(x, -1), dtype), as_dtype(e, dtype))
    else:
        counts = _collected(samples, edges, weights, sizes)
    if not density:
        return counts
    share = ew.divide(counts, reduction.sum(counts))
    for axis, e in enumerate(edges):
        widths = ew.subtract(part(e, 0, 1, e.shape[0]), part(e, 0, 0, e.shape[0] - 1))
        share = ew.divide(share, reshape(widths, (-1, *(1 for _ in sizes[axis + 1 :]))))
    return share


def _collected(samples: Sequence[Node], edges: Sequence[Node], weights: Operand | None, sizes: tuple[int, ...]) -> Node:
    """The weights, or ones, of the samples in each bin, added where they belong."""
    places = [_bins(reshape(x, -1), e) for x, e in zip(samples, edges, strict=True)]
    if any(p.shape != places[0].shape for p in places):
        raise ShapeError("histogram: the coordinates differ in number")
    if weights is None:
        amount = constant.full(Aval(places[0].shape, int64), 1)
    else:
        amount = strong(weights)
        if amount.shape != samples[0].shape:
            raise ShapeError(f"histogram of {samples[0].aval} with weights {amount.aval}: the shapes differ")
        amount = reshape(ew.astype(amount, int64) if amount.dtype is bool_ else amount, -1)
    none = constant.full(Aval(sizes, amount.dtype), 0)
    return indexing.scatter(none, amount, *places, axes=tuple(range(len(sizes))), mode="add")


def _bins(x: Node, edges: Node) -> Node:
    """The number of the bin of each element, -1 or the number of bins for those in none."""
    dtype = result_dtype(x, edges)
    x, edges = as_dtype(x, dtype), as_dtype(edges, dtype)
    place = ew.subtract(searchsorted(edges, x, side="right"), 1)
    last = edges.shape[0] - 1
    at_end = ew.equal(x, part(edges, 0, last, last + 1))
    return ew.where(at_end, constant.like(place, last - 1), place)
