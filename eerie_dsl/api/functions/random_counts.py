"""Bits, integers and counts.

Every function takes a shape first and the rest by name. Parameters may be arrays: the result has the shape that
``shape`` and they broadcast to. Parameters that are Python numbers are checked; array parameters outside their domain
give counts of -1. ``key=None`` takes the next key of the default stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.random_keys import key_for
from eerie_dsl.api.functions.random_parameters import (
    CHANCE,
    CHANCE_ABOVE_0,
    NOT_NEGATIVE,
    POSITIVE,
    counted,
    integer_dtype,
    parameter,
)
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.dtypes import uint32
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import random as rules
from eerie_dsl.ops.composite.promotion import Operand
from eerie_dsl.ops.composite.shape import sizes_of


def bits(shape: int | Sequence[int] = (), *, dtype: Any = uint32, key: ArrayLike | None = None) -> Array:
    """Unsigned integers of any value, all equally likely.

    Args:
        shape: of the result.
        dtype: an unsigned integer one.
        key: where the numbers come from; default: the default stream.

    Raises:
        DTypeError: another dtype.
        ShapeError: a negative size, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.bits(2, key=eerie.random.key(0))
    Array([4070199207, 4202968722], dtype=uint32, device=cpu)
    """
    kind = _dtype(dtype)
    if kind.kind != "uint":
        raise DTypeError(f"bits does not give {kind.name}", hint="use uint8, uint16, uint32 or uint64; or integers")
    return Array.of(rules.bits(key_for("bits", key), sizes_of("bits", shape), kind))


def integers(
    shape: int | Sequence[int] = (),
    *,
    low: ArrayLike = 0,
    high: ArrayLike,
    dtype: Any = int,
    key: ArrayLike | None = None,
) -> Array:
    """Integers in [low, high), all equally likely to one part in ``2**32``.

    Where there are more than ``2**32`` of them, or for 64 bits between arrays, to one part in ``2**64``.

    Args:
        shape: of the result, together with the bounds.
        low: smallest value.
        high: above ``low``; what is not reached. Arrays give ``low`` where it is not above.
        dtype: of the result, an integer one that holds all values between the bounds.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: ``high`` is not above ``low``, or values do not fit in the dtype.
        ArgumentError, DTypeError: bounds that are not integers.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.integers(4, high=6, key=eerie.random.key(0))
    Array([2, 1, 5, 3], dtype=int64, device=cpu)
    """
    kind = integer_dtype("integers", dtype)
    low, high = _bound("low", low), _bound("high", high)
    if isinstance(low, int) and isinstance(high, int):
        least = 0 if kind.kind == "uint" else -(1 << kind.bits - 1)
        if low >= high:
            raise InvalidValueError(f"integers from {low} up to {high}: there are none", hint="high must be above low")
        if low < least or high > least + (1 << kind.bits):
            raise InvalidValueError(f"integers from {low} up to {high} do not fit in {kind.name}", hint="give a dtype")
    return Array.of(rules.integers(key_for("integers", key), sizes_of("integers", shape), low, high, kind))


def rademacher(shape: int | Sequence[int] = (), *, dtype: Any = int, key: ArrayLike | None = None) -> Array:
    """-1 or 1, equally likely.

    Args:
        shape: of the result.
        dtype: of the result, signed integers or floating point.
        key: where the numbers come from; default: the default stream.

    Raises:
        DTypeError: a dtype without -1.
        ShapeError: a negative size, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.rademacher(4, key=eerie.random.key(0))
    Array([ 1,  1, -1, -1], dtype=int64, device=cpu)
    """
    kind = _dtype(dtype)
    if kind.kind not in ("int", "float"):
        raise DTypeError(f"rademacher does not give {kind.name}", hint="use signed integers or floating point")
    return Array.of(rules.rademacher(key_for("rademacher", key), sizes_of("rademacher", shape), kind))


def bernoulli(
    shape: int | Sequence[int] = (),
    *,
    p: ArrayLike = 0.5,
    key: ArrayLike | None = None,
) -> Array:
    """True with probability ``p``, to within ``2**-32``.

    Args:
        shape: of the result, together with the parameters.
        p: probability, from 0 to 1.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.bernoulli(3, p=0.7, key=eerie.random.key(0))
    Array([ True,  True,  True], dtype=bool, device=cpu)
    """
    p = parameter("bernoulli", "p", p, CHANCE)
    return Array.of(rules.bernoulli(key_for("bernoulli", key), sizes_of("bernoulli", shape), p))


def geometric(
    shape: int | Sequence[int] = (),
    *,
    p: ArrayLike,
    dtype: Any = int,
    key: ArrayLike | None = None,
) -> Array:
    """How many trials of probability ``p`` it takes up to the first success: 1 and above.

    Args:
        shape: of the result, together with the parameters.
        p: probability, above 0 and at most 1.
        dtype: of the result, an integer one.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.geometric(3, p=0.2, key=eerie.random.key(0))
    Array([14, 18,  2], dtype=int64, device=cpu)
    """
    p = parameter("geometric", "p", p, CHANCE_ABOVE_0)
    return counted(rules.geometric, shape, key, dtype, p)


def poisson(
    shape: int | Sequence[int] = (),
    *,
    rate: ArrayLike,
    dtype: Any = int,
    key: ArrayLike | None = None,
) -> Array:
    """The Poisson distribution: how many events there are where ``rate`` is the average.

    Counts above ``2**24`` are rounded, unless ``rate`` is a float64 array.

    Args:
        shape: of the result, together with the parameters.
        rate: mean, 0 or more.
        dtype: of the result, an integer one.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.poisson(3, rate=4.0, key=eerie.random.key(0))
    Array([3, 5, 1], dtype=int64, device=cpu)
    """
    rate = parameter("poisson", "rate", rate, NOT_NEGATIVE)
    return counted(rules.poisson, shape, key, dtype, rate)


def binomial(
    shape: int | Sequence[int] = (),
    *,
    n: ArrayLike,
    p: ArrayLike,
    dtype: Any = int,
    key: ArrayLike | None = None,
) -> Array:
    """The binomial distribution: successes in ``n`` trials of probability ``p``.

    Counts above ``2**24`` are rounded, unless ``n`` or ``p`` is a float64 array.

    Args:
        shape: of the result, together with the parameters.
        n: number of trials, whole and 0 or more.
        p: probability, from 0 to 1.
        dtype: of the result, an integer one.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.binomial(3, n=10, p=0.3, key=eerie.random.key(0))
    Array([2, 3, 1], dtype=int64, device=cpu)
    """
    n = parameter("binomial", "n", n, NOT_NEGATIVE)
    p = parameter("binomial", "p", p, CHANCE)
    return counted(rules.binomial, shape, key, dtype, n, p)


def negative_binomial(
    shape: int | Sequence[int] = (),
    *,
    n: ArrayLike,
    p: ArrayLike,
    dtype: Any = int,
    key: ArrayLike | None = None,
) -> Array:
    """The negative binomial distribution: failures before ``n`` successes of probability ``p``.

    Args:
        shape: of the result, together with the parameters.
        n: successes, above 0, not necessarily whole.
        p: probability, above 0 and at most 1.
        dtype: of the result, an integer one.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.negative_binomial(3, n=2, p=0.3, key=eerie.random.key(0))
    Array([1, 8, 0], dtype=int64, device=cpu)
    """
    n = parameter("negative_binomial", "n", n, POSITIVE)
    p = parameter("negative_binomial", "p", p, CHANCE_ABOVE_0)
    return counted(rules.negative_binomial, shape, key, dtype, n, p)


def _bound(name: str, value: ArrayLike) -> Operand:
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | complex):
        raise ArgumentError(f"integers: {name} is {value}, not an integer", hint="convert it with int(...)")
    node = required(value)
    if isinstance(node, Node) and not node.dtype.is_integer:
        raise DTypeError(f"integers: {name} is {node.aval}, not integers", hint="cast with astype(eerie.int64)")
    return node
