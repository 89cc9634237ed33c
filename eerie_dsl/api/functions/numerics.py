"""Numerics with NumPy's signatures: comparisons with slack, differences, interpolation, filters, polynomials.

Floating point stays as given, integers become float32, unless a function says otherwise.
"""

from __future__ import annotations

import math
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.sorting import argsort
from eerie_dsl.errors import InvalidValueError, ShapeError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import numerics as rules
from eerie_dsl.ops.composite import reduction
from eerie_dsl.ops.composite.axes import many_axes
from eerie_dsl.ops.composite.indexing import take
from eerie_dsl.ops.composite.promotion import Operand, strong, to_float
from eerie_dsl.ops.composite.shape import concat, part


def _optional(x: ArrayLike | None) -> Operand | None:
    return None if x is None else required(x)


def isclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-5, atol: ArrayLike = 1e-8, equal_nan: bool = False
) -> Array:
    """Where ``|a - b| <= atol + rtol * |b|``; infinities are close to themselves, NaN to nothing.

    Args:
        a: any numbers.
        b: a shape that broadcasts with that of ``a``; the slack grows with its size.
        rtol: slack for each unit of size.
        atol: slack in any case.
        equal_nan: let NaN be close to NaN.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> isclose([1.0, 2.0], [1.000001, 2.1])
    Array([ True, False], dtype=bool, device=cpu)
    """
    return Array.of(rules.isclose(required(a), required(b), required(rtol), required(atol), equal_nan))


def allclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-5, atol: ArrayLike = 1e-8, equal_nan: bool = False
) -> Array:
    """Whether all elements are close, 0-d; arguments and errors as of `isclose`.

    >>> allclose([1.0, 2.0], [1.000001, 2.1])
    Array(False, dtype=bool, device=cpu)
    """
    return Array.of(reduction.all(rules.isclose(required(a), required(b), required(rtol), required(atol), equal_nan)))


def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> Array:
    """Whether two arrays have the same shape and elements, 0-d; ``equal_nan`` lets NaN equal NaN.

    >>> array_equal([1, 2], [1.0, 2.0])
    Array(True, dtype=bool, device=cpu)
    """
    return Array.of(rules.array_equal(required(a1), required(a2), equal_nan))


def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None,
    neginf: ArrayLike | None = None,
) -> Array:
    """Numbers in place of NaN and infinities, in the dtype of ``x``.

    Args:
        x: any numbers; integers stay as they are, of complex ones both parts are replaced.
        copy: for NumPy's sake; arrays are values, so that a copy is never seen.
        nan: in place of NaN.
        posinf: in place of inf; default: the largest number of the dtype.
        neginf: in place of -inf; default: the smallest.

    >>> nan_to_num([1.0, float("nan"), float("-inf")], neginf=-9.0)
    Array([ 1.,  0., -9.], dtype=float32, device=cpu)
    """
    return Array.of(rules.nan_to_num(required(x), required(nan), _optional(posinf), _optional(neginf)))


def sinc(x: ArrayLike) -> Array:
    """``sin(pi x) / (pi x)``, and 1 at 0.

    >>> sinc([0.0, 0.5])
    Array([1.        , 0.63661975], dtype=float32, device=cpu)
    """
    return Array.of(rules.sinc(required(x)))


def deg2rad(x: ArrayLike) -> Array:
    """Degrees as radians.

    >>> deg2rad([180.0])
    Array([3.1415927], dtype=float32, device=cpu)
    """
    return Array.of(rules.scaled(required(x), math.pi / 180))


def rad2deg(x: ArrayLike) -> Array:
    """Radians as degrees.

    >>> rad2deg([math.pi])
    Array([180.], dtype=float32, device=cpu)
    """
    return Array.of(rules.scaled(required(x), 180 / math.pi))


def heaviside(x1: ArrayLike, x2: ArrayLike) -> Array:
    """0 where ``x1`` is below zero, 1 above, ``x2`` at zero, NaN for NaN.

    >>> heaviside([-2.0, 0.0, 2.0], 0.5)
    Array([0. , 0.5, 1. ], dtype=float32, device=cpu)
    """
    return Array.of(rules.heaviside(required(x1), required(x2)))


def fmax(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The larger of the two; the other one where one is NaN. The dtypes promote.

    >>> fmax([1.0, float("nan")], 2.0)
    Array([2., 2.], dtype=float32, device=cpu)
    """
    return Array.of(rules.fmax(required(x1), required(x2)))


def fmin(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The smaller of the two; the other one where one is NaN. The dtypes promote.

    >>> fmin([1.0, float("nan")], 2.0)
    Array([1., 2.], dtype=float32, device=cpu)
    """
    return Array.of(rules.fmin(required(x1), required(x2)))


def fmod(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The remainder as in C, with the sign of ``x1``; integers over zero give 0. The dtypes promote.

    >>> fmod([-3, 3], 2)
    Array([-1,  1], dtype=int64, device=cpu)
    """
    return Array.of(rules.fmod(required(x1), required(x2)))


def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Array, Array]:
    """``x1 // x2`` and ``x1 % x2``: the quotient rounded down, and what it leaves. The dtypes promote.

    >>> divmod([-3, 3], 2)
    (Array([-2,  1], dtype=int64, device=cpu), Array([1, 1], dtype=int64, device=cpu))
    """
    left, right = required(x1), required(x2)
    return Array.of(ew.floor_divide(left, right)), Array.of(ew.remainder(left, right))


def ediff1d(ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Array:
    """Each element of the flattened array less the one before it, in the dtype of the array.

    Args:
        ary: any numbers.
        to_end: put after the differences.
        to_begin: put before them.

    Raises:
        DTypeError: bools, or an end of a kind that the dtype cannot hold.

    >>> ediff1d([1, 2, 4], to_begin=0)
    Array([0, 1, 2], dtype=int64, device=cpu)
    """
    return Array.of(rules.ediff1d(required(ary), _optional(to_end), _optional(to_begin)))


def gradient(f: ArrayLike, *varargs: ArrayLike, axis: int | tuple[int, ...] | None = None, edge_order: int = 1) -> Any:
    """Slopes: central differences of second order inside, one-sided ones at the ends.

    Args:
        f: any numbers.
        varargs: nothing for a distance of 1; one distance; or for each axis a distance or the 1-d coordinates.
        axis: one axis, several, or all.
        edge_order: 1 or 2, the order of the differences at the ends.

    Returns:
        The shape of ``f``; a tuple of such for several axes.

    Raises:
        ShapeError: too few elements along an axis, or spacings that do not fit.
        InvalidValueError: another ``edge_order``.

    >>> gradient([1.0, 2.0, 4.0, 8.0])
    Array([1. , 1.5, 3. , 4. ], dtype=float32, device=cpu)
    """
    node = strong(required(f))
    node = ew.astype(node, to_float(node.dtype))
    axes = many_axes("gradient", axis, node.ndim)
    if edge_order not in (1, 2):
        raise InvalidValueError(f"gradient with edge_order={edge_order}", hint="use 1 or 2")
    spacing: list[Operand] = [required(v) for v in varargs] or [1]
    if len(spacing) == 1 and not (isinstance(spacing[0], Node) and spacing[0].ndim):
        spacing *= len(axes)
    if len(spacing) != len(axes):
        raise ShapeError(f"gradient along {len(axes)} axes with {len(spacing)} spacings", hint="give one or all")
    results = tuple(
        Array.of(rules.gradient(node, step, place, edge_order)) for step, place in zip(spacing, axes, strict=True)
    )
    return results[0] if len(results) == 1 else results


def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """The integral along an axis, by trapezoids.

    Args:
        y: values.
        x: where they are: 1-d, or a shape that broadcasts with that of ``y``.
        dx: the distance of neighbours, where there is no ``x``.
        axis: which to integrate along.

    Raises:
        ShapeError: no such axis, or coordinates that do not fit.

    >>> trapezoid([1.0, 2.0, 3.0], dx=2.0)
    Array(8., dtype=float32, device=cpu)
    """
    return Array.of(rules.trapezoid(required(y), _optional(x), required(dx), axis))


def unwrap(p: ArrayLike, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Array:
    """Phases without jumps: steps of more than ``discont`` get shorter by whole periods.

    Args:
        p: phases; integers stay integers where the period is one.
        discont: a Python number; half a period at least, which is the default.
        axis: which to run along.
        period: a Python number.

    >>> unwrap([0, 1, 2, -1, 0], period=4)
    Array([0, 1, 2, 3, 4], dtype=int64, device=cpu)
    """
    return Array.of(rules.unwrap(required(p), discont, axis, period))


def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: float | None = None,
) -> Array:
    """The broken line through the points (xp, fp) at ``x``.

    Args:
        x: any shape.
        xp: 1-d, ascending, which is not checked; with a period in any order.
        fp: as many values, real or complex.
        left: the result below the first point; default: its value.
        right: the result above the last; default: its value.
        period: of ``xp``; the line then closes on itself, and there is no left or right.

    Raises:
        ShapeError: points that are not 1-d, differ in number, or are none.
        InvalidValueError: a period of 0.

    >>> interp([0.5, 3.0], [0.0, 1.0, 2.0], [10.0, 20.0, 0.0])
    Array([15.,  0.], dtype=float32, device=cpu)
    """
    at, places, values = required(x), strong(required(xp)), strong(required(fp))
    if period is None:
        return Array.of(rules.interp(at, places, values, _optional(left), _optional(right)))
    if period == 0:
        raise InvalidValueError("interp with a period of 0")
    whole = abs(period)
    places = ew.remainder(ew.astype(places, to_float(places.dtype)), whole)
    order = argsort(Array.of(places)).node
    places, values = take(places, order, 0), take(values, order, 0)
    count = places.shape[0]
    around = [(ew.subtract(part(places, 0, count - 1, count), whole), places, ew.add(part(places, 0, 0, 1), whole))]
    around.append((part(values, 0, count - 1, count), values, part(values, 0, 0, 1)))
    points, heights = map(concat, around)
    return Array.of(rules.interp(ew.remainder(at, whole), points, heights, None, None))


def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Array:
    """The 1-d convolution: sums of products of one array with the other reversed.

    Args:
        a: 1-d.
        v: 1-d; the dtypes promote, bools give bools.
        mode: ``full`` gives every overlap, ``same`` as many as the longer array has elements, ``valid`` those where
            the shorter one lies within.

    Raises:
        ShapeError: an array that is not 1-d, or is empty.
        InvalidValueError: another mode.

    >>> convolve([1, 2, 3], [0, 1, 2])
    Array([0, 1, 4, 7, 6], dtype=int64, device=cpu)
    """
    return Array.of(rules.convolve(required(a), required(v), mode))


def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Array:
    """The 1-d correlation: sums of products with ``v`` moved along, conjugated; arguments as of `convolve`.

    >>> correlate([1, 2, 3], [0, 1, 2], "same")
    Array([5, 8, 3], dtype=int64, device=cpu)
    """
    return Array.of(rules.correlate(required(a), required(v), mode))


def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The polynomial with coefficients ``p``, the highest power first, at ``x``. The dtypes promote.

    Raises:
        ShapeError: coefficients that are not 1-d.

    >>> polyval([3, 0, 1], [2, 5])
    Array([13, 76], dtype=int64, device=cpu)
    """
    return Array.of(rules.polyval(required(p), required(x)))


def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of each element of a 1-d array, one row for each, the highest first unless ``increasing``.

    Args:
        x: any numbers; their dtype is that of the result.
        N: how many powers; default: as many as elements.
        increasing: begin with the power 0.

    >>> vander([1, 2, 3])
    Array([[1, 1, 1],
           [4, 2, 1],
           [9, 3, 1]], dtype=int64, device=cpu)
    """
    return Array.of(rules.vander(required(x), N, increasing))
