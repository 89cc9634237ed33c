"""Numerics over nodes: differences, interpolation, filters, comparisons with slack, spaced sequences."""

from __future__ import annotations

import math

from eerie_dsl.errors import DTypeError, InvalidValueError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, float64, int64, promote_scalar, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import complex as complexes
from eerie_dsl.ops import constant, indexing
from eerie_dsl.ops import shape as primitives
from eerie_dsl.ops.composite import creation, reduction
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import describe, one_axis
from eerie_dsl.ops.composite.convolution import convolution
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_to, result_dtype, strong, to_float, together
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.composite.searching import searchsorted
from eerie_dsl.ops.composite.shape import concat, flip, part, reshape

MODES = ("full", "same", "valid")
_TAPS = 32
"""So many elements of a kernel are slid along at a time."""

# Comparisons with slack.


def isclose(x: Operand, y: Operand, rtol: Operand, atol: Operand, equal_nan: bool) -> Node:
    """Where ``|x - y| <= atol + rtol * |y|``; infinities are close to themselves only."""
    dtype = ew.strong_dtype(x, y)
    left, right = together("isclose", (x, y), wide(dtype) if dtype.is_inexact else float64)
    slack = ew.add(ew.multiply(ew.absolute(right), rtol), atol)
    near = ew.less_equal(ew.absolute(ew.subtract(left, right)), slack)
    near = ew.logical_or(ew.logical_and(near, ew.isfinite(right)), ew.equal(left, right))
    if equal_nan and dtype.is_inexact:
        near = ew.logical_or(near, ew.logical_and(ew.isnan(left), ew.isnan(right)))
    return near


def array_equal(x: Operand, y: Operand, equal_nan: bool) -> Node:
    """Whether shapes and elements are the same, 0-d."""
    left, right = strong(x), strong(y)
    if left.shape != right.shape:
        return constant.full(Aval((), bool_), False)
    same = ew.equal(left, right)
    if equal_nan and left.dtype.is_inexact and right.dtype.is_inexact:
        same = ew.logical_or(same, ew.logical_and(ew.isnan(left), ew.isnan(right)))
    return reduction.all(same)


# Single elements.


def nan_to_num(x: Operand, nan: Operand, posinf: Operand | None, neginf: Operand | None) -> Node:
    """Numbers in place of NaN and infinities; None is the largest, or smallest, of the dtype."""
    node = strong(x)
    if not node.dtype.is_inexact:
        return node
    if node.dtype.kind == "complex":
        parts = (nan_to_num(part_of(node), nan, posinf, neginf) for part_of in (complexes.real, complexes.imag))
        return complexes.complex_(*parts)
    import ml_dtypes

    limit = float(ml_dtypes.finfo(node.dtype.numpy).max)  # type: ignore[no-untyped-call]
    high, low, other = (
        constant.full(Aval((), node.dtype), number) if given is None else as_dtype(given, node.dtype)
        for given, number in ((posinf, limit), (neginf, -limit), (nan, 0.0))
    )
    result = ew.where(ew.equal(node, constant.like(node, math.inf)), high, node)
    result = ew.where(ew.equal(node, constant.like(node, -math.inf)), low, result)
    return ew.where(ew.isnan(node), other, result)


def sinc(x: Operand) -> Node:
    """``sin(pi x) / (pi x)``, 1 at 0."""
    node = strong(x)
    node = ew.astype(node, to_float(node.dtype))
    one = constant.like(node, 1)
    at_zero = ew.equal(node, constant.like(node, 0))
    angle = ew.where(at_zero, one, ew.multiply(node, constant.like(node, math.pi)))
    return ew.where(at_zero, one, ew.divide(ew.sin(angle), angle))


def scaled(x: Operand, factor: float) -> Node:
    """``x`` as floating point times a number known for ever."""
    node = strong(x)
    node = ew.astype(node, to_float(node.dtype))
    return ew.multiply(node, constant.like(node, factor))


def heaviside(x: Operand, at_zero: Operand) -> Node:
    """0 below zero, 1 above, ``at_zero`` at zero."""
    left, right = together("heaviside", (x, at_zero), to_float(ew.strong_dtype(x, at_zero)))
    step = ew.multiply(ew.add(ew.sign(left), constant.like(left, 1)), constant.like(left, 0.5))
    return ew.where(ew.equal(left, constant.like(left, 0)), right, step)


def fmax(x: Operand, y: Operand) -> Node:
    """The larger of the two; the other one where one is NaN."""
    left, right = together("fmax", (x, y), ew.strong_dtype(x, y))
    if not left.dtype.is_inexact:
        return ew.maximum(left, right)
    return ew.where(ew.logical_or(ew.greater_equal(left, right), ew.isnan(right)), left, right)


def fmin(x: Operand, y: Operand) -> Node:
    """The smaller of the two; the other one where one is NaN."""
    left, right = together("fmin", (x, y), ew.strong_dtype(x, y))
    if not left.dtype.is_inexact:
        return ew.minimum(left, right)
    return ew.where(ew.logical_or(ew.less_equal(left, right), ew.isnan(right)), left, right)


def fmod(x: Operand, y: Operand) -> Node:
    """The remainder with the sign of ``x``; 0 of integers over zero."""
    left, right = together("fmod", (x, y), ew.strong_dtype(x, y))
    if left.dtype.is_inexact:
        return ew.copysign(ew.remainder(ew.absolute(left), ew.absolute(right)), left)
    rest = ew.remainder(left, right)
    if left.dtype.kind != "int":
        return rest
    zero = constant.like(left, 0)
    crossed = ew.logical_and(ew.not_equal(rest, zero), ew.not_equal(ew.less(left, zero), ew.less(right, zero)))
    return ew.where(crossed, ew.subtract(rest, right), rest)


# Neighbours along an axis.


def differences(x: Node, axis: int) -> Node:
    """Each element less the one before it; one fewer than there are."""
    size = x.shape[axis]
    return ew.subtract(part(x, axis, min(1, size), size), part(x, axis, 0, max(size - 1, 0)))


def ediff1d(x: Operand, to_end: Operand | None, to_begin: Operand | None) -> Node:
    """Differences of the flattened array, with more elements at the ends."""
    node = reshape(strong(x), -1)
    parts = [differences(node, 0)]
    for extra, place in ((to_begin, 0), (to_end, 2)):
        if extra is None:
            continue
        more = strong(extra)
        if promote_scalar(node.dtype, more.dtype.kind) is not node.dtype:
            raise DTypeError(f"ediff1d of {node.aval} cannot hold {more.aval} at its ends", hint="cast one of them")
        parts.insert(place, reshape(ew.astype(more, node.dtype), -1))
    return concat(parts)


def gradient(x: Node, spacing: Operand, axis: int, edge_order: int) -> Node:
    """Slopes by central differences along an axis; one-sided ones of ``edge_order`` points more at both ends.

    ``spacing`` is the distance of neighbours, 0-d, or their coordinates, 1-d.
    """
    count = x.shape[axis]
    if count < edge_order + 1:
        raise ShapeError(
            f"gradient of {x.aval} along axis {axis}: {count} elements, edge_order={edge_order} needs {edge_order + 1}"
        )
    step = as_dtype(spacing, x.dtype)
    if step.ndim == 0:
        return _even_gradient(x, step, axis, edge_order)
    if step.shape != (count,):
        raise ShapeError(f"gradient of {x.aval}: {step.shape} coordinates for the {count} elements of axis {axis}")
    gaps = reshape(differences(step, 0), (-1, *(1 for _ in x.shape[axis + 1 :])))
    return _uneven_gradient(x, gaps, axis, edge_order)


def _even_gradient(x: Node, step: Node, axis: int, edge_order: int) -> Node:
    # Numerators over twice the distance, so that one division serves all.
    n = x.shape[axis]
    at = [part(x, axis, k % n, k % n + 1) for k in (0, 1, -2, -1)]
    if edge_order == 1:
        ends = [ew.multiply(ew.subtract(at[k + 1], at[k]), 2) for k in (0, 2)]
    else:
        second, third = part(x, axis, 2, 3), part(x, axis, n - 3, n - 2)
        ends = [
            ew.subtract(ew.subtract(ew.multiply(at[1], 4), ew.multiply(at[0], 3)), second),
            ew.add(ew.subtract(ew.multiply(at[3], 3), ew.multiply(at[2], 4)), third),
        ]
    inner = ew.subtract(part(x, axis, 2, n), part(x, axis, 0, n - 2))
    return ew.divide(concat([ends[0], inner, ends[1]], axis), ew.multiply(step, 2))


def _uneven_gradient(x: Node, gaps: Node, axis: int, edge_order: int) -> Node:
    n = x.shape[axis]
    slopes = ew.divide(differences(x, axis), gaps)
    first, last = part(slopes, axis, 0, 1), part(slopes, axis, n - 2, n - 1)
    if n == 2:
        return concat([first, last], axis)
    # The parabola through three points has at the middle one the slope of both sides, the nearer one counting more.
    before, after = part(gaps, 0, 0, n - 2), part(gaps, 0, 1, n - 1)
    left, right = part(slopes, axis, 0, n - 2), part(slopes, axis, 1, n - 1)
    both = ew.add(before, after)
    inner = ew.divide(ew.add(ew.multiply(left, after), ew.multiply(right, before)), both)
    if edge_order == 2:
        bend = ew.divide(ew.subtract(right, left), both)
        size = bend.shape[axis]
        first = ew.subtract(first, ew.multiply(part(bend, axis, 0, 1), part(gaps, 0, 0, 1)))
        last = ew.add(last, ew.multiply(part(bend, axis, size - 1, size), part(gaps, 0, n - 2, n - 1)))
    return concat([first, inner, last], axis)


def trapezoid(y: Operand, x: Operand | None, dx: Operand, axis: int) -> Node:
    """The integral of ``y`` by trapezoids."""
    node = strong(y)
    gaps: Operand
    if x is None:
        dtype = to_float(node.dtype)
        node = ew.astype(node, wide(dtype))
        place = one_axis("trapezoid", axis, node.ndim)
        gaps = dx if not isinstance(dx, Node) else as_dtype(dx, node.dtype)
    else:
        at = strong(x)
        dtype = to_float(result_dtype(node, at))
        node, at = as_dtype(node, wide(dtype)), as_dtype(at, wide(dtype))
        place = one_axis("trapezoid", axis, node.ndim)
        if at.ndim == 1:
            gaps = reshape(differences(at, 0), (-1, *(1 for _ in node.shape[place + 1 :])))
        else:
            gaps = differences(at, one_axis("trapezoid", axis, at.ndim))
    size = node.shape[place]
    sums = ew.add(part(node, place, min(1, size), size), part(node, place, 0, max(size - 1, 0)))
    return ew.astype(ew.multiply(reduction.sum(ew.multiply(sums, gaps), axis), 0.5), dtype)


def unwrap(p: Operand, discont: float | None, axis: int, period: float) -> Node:
    """Jumps of more than ``discont`` along an axis made less than half a period, by whole periods."""
    node = strong(p)
    if not isinstance(period, int) or not node.dtype.is_integer:
        node = ew.astype(node, to_float(node.dtype))
    place = one_axis("unwrap", axis, node.ndim)
    whole = node.dtype.is_integer
    half = period // 2 if whole else period / 2
    steps = differences(node, place)
    low = constant.like(steps, -half)
    moved = ew.add(ew.remainder(ew.subtract(steps, low), constant.like(steps, period)), low)
    if not whole or period % 2 == 0:  # half a period up is not half a period down
        up = ew.logical_and(ew.equal(moved, low), ew.greater(steps, constant.like(steps, 0)))
        moved = ew.where(up, ew.negative(low), moved)
    zero = constant.like(steps, 0)
    small = ew.less(ew.absolute(steps), half if discont is None else discont)
    correction = ew.where(small, zero, ew.subtract(moved, steps))
    total = reduction.cumulative_sum(correction, place, node.dtype)
    size = node.shape[place]
    rest = ew.add(part(node, place, min(1, size), size), total)
    return concat([part(node, place, 0, min(1, size)), rest], place)


# Curves.


def interp(x: Operand, xp: Operand, fp: Operand, left: Operand | None, right: Operand | None) -> Node:
    """The broken line through the points (xp, fp), which ascend, at ``x``; ``left`` and ``right`` beyond them."""
    at, values = strong(xp), strong(fp)
    if at.ndim != 1 or at.shape != values.shape or not at.aval.size:
        raise ShapeError(
            f"interp through {describe((at, values))}", hint="xp and fp are 1-d, of one size, with one point at least"
        )
    points = strong(x)
    dtype = to_float(result_dtype(points, at, values))
    kind = wide(dtype)
    values = ew.astype(values, kind)
    kind = real_part(kind)
    where, at = ew.astype(points, kind), ew.astype(at, kind)
    count = at.shape[0]
    last = ew.clip(searchsorted(at, where, side="right"), 1, max(count - 1, 1))
    first = ew.subtract(last, 1)
    x0, x1, y0, y1 = (indexing.gather(n, i, axes=(0,)) for n in (at, values) for i in (first, last))
    share = ew.divide(ew.subtract(where, x0), ew.subtract(x1, x0))
    line = ew.add(y0, ew.multiply(ew.subtract(y1, y0), share))
    # Exact at the points, and where neighbours are equally infinite.
    line = ew.where(ew.logical_or(ew.equal(where, x0), ew.equal(y0, y1)), y0, line)
    low, high = (reshape(part(at, 0, k, k + 1), ()) for k in (0, count - 1))
    below, above = (reshape(part(values, 0, k, k + 1), ()) for k in (0, count - 1))
    line = ew.where(ew.equal(where, high), above, line)
    line = ew.where(ew.less(where, low), below if left is None else as_dtype(left, line.dtype), line)
    line = ew.where(ew.greater(where, high), above if right is None else as_dtype(right, line.dtype), line)
    return ew.astype(line, dtype)


def polyval(p: Operand, x: Operand) -> Node:
    """The polynomial with coefficients ``p``, the highest power first, at ``x``."""
    coefficients, at = strong(p), strong(x)
    if coefficients.ndim != 1:
        raise ShapeError(f"polyval with coefficients {coefficients.aval}: they are one-dimensional")
    dtype = result_dtype(coefficients, at)
    at = as_dtype(at, dtype)
    total = constant.like(at, 0)
    for k in range(coefficients.shape[0]):
        factor = as_dtype(reshape(part(coefficients, 0, k, k + 1), ()), dtype)
        total = ew.add(ew.multiply(total, at), factor) if k else broadcast_to(factor, at.shape)
    return total


def vander(x: Operand, columns: int | None, increasing: bool) -> Node:
    """Powers of each element in a row of its own."""
    node = strong(x)
    if node.ndim != 1:
        raise ShapeError(f"vander of {node.aval}: it takes one dimension")
    count = node.shape[0]
    width = count if columns is None else columns
    if width < 0:
        raise ShapeError(f"vander with {width} columns")
    node = ew.astype(node, result_dtype(node, 0)) if node.dtype is bool_ else node
    ones = constant.full(Aval((count, min(width, 1)), node.dtype), 1)
    factors = primitives.broadcast(node, shape=(count, max(width - 1, 0)), axes=(0,))
    powers = reduction.cumulative_prod(concat([ones, factors], 1), 1, node.dtype)
    return powers if increasing else flip(powers, 1)


# Filters.


def convolve(x: Operand, kernel: Operand, mode: str) -> Node:
    """Sums of products with the reversed kernel; the shorter operand is the kernel."""
    left, right = _lines("convolve", x, kernel)
    if left.shape[0] < right.shape[0]:
        left, right = right, left
    return _slide("convolve", left, flip(right), mode)


def correlate(x: Operand, kernel: Operand, mode: str) -> Node:
    """Sums of products with the kernel as it is, conjugated."""
    left, right = _lines("correlate", x, kernel)
    if right.dtype.kind == "complex":
        right = complexes.conj(right)
    if left.shape[0] >= right.shape[0]:
        return _slide("correlate", left, right, mode)
    return flip(_slide("correlate", right, left, mode))


def _lines(op: str, x: Operand, y: Operand) -> tuple[Node, Node]:
    dtype = result_dtype(x, y)
    left, right = as_dtype(strong(x), dtype), as_dtype(strong(y), dtype)
    if left.ndim > 1 or right.ndim > 1 or not left.aval.size or not right.aval.size:
        raise ShapeError(f"{op} of {describe((left, right))}: both are one-dimensional and not empty")
    return reshape(left, -1), reshape(right, -1)


def _slide(op: str, x: Node, kernel: Node, mode: str) -> Node:
    """Sums of products of the kernel, no longer than ``x``, with what it covers at each place."""
    size = kernel.shape[0]
    if mode not in MODES:
        raise InvalidValueError(f"{op} has no mode {mode!r}", hint="use 'full', 'same' or 'valid'")
    around = {"full": (size - 1, size - 1), "same": (size // 2, size - size // 2 - 1), "valid": (0, 0)}[mode]
    dtype = x.dtype
    if dtype is bool_:
        x, kernel = ew.astype(x, int64), ew.astype(kernel, int64)
    x = primitives.pad(x, low=(around[0],), high=(around[1],), interior=(0,), value=0) if any(around) else x
    count = x.shape[0] - size + 1
    # In pieces: a long kernel over one channel is many times slower than its parts.
    step = max(_TAPS, -(-size // _TAPS))
    sums: Node | None = None
    for first in range(0, size, step):
        taps = part(kernel, 0, first, min(first + step, size))
        line = part(x, 0, first, first + count + taps.shape[0] - 1)
        piece = convolution(reshape(line, (1, -1, 1)), reshape(taps, (-1, 1, 1)))
        sums = piece if sums is None else ew.add(sums, piece)
    assert sums is not None
    result = reshape(sums, -1)
    return strong(ew.truth(result)) if dtype is bool_ else result


# Sequences, in float64: powers lose what the last digits of a small exponent say.


def logspace(start: Operand, stop: Operand, count: int, endpoint: bool, base: Operand) -> Node:
    """``base`` to evenly spaced powers."""
    powers = creation.linspace(as_dtype(start, float64), as_dtype(stop, float64), count, float64, endpoint)
    return ew.power(as_dtype(base, float64), powers)


def geomspace(start: Operand, stop: Operand, count: int, endpoint: bool) -> Node:
    """Numbers each of which is the one before it times the same factor."""
    first, last = as_dtype(start, float64), as_dtype(stop, float64)
    share = creation.linspace(0.0, 1.0, count, float64, endpoint)
    result = ew.multiply(first, ew.power(ew.divide(last, first), share))
    return ew.where(ew.equal(share, 1.0), last, result)
