"""Random order, and random choice between given things."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, lift
from eerie_dsl.api.functions.random_keys import key_for
from eerie_dsl.api.functions.random_parameters import chosen
from eerie_dsl.api.functions.sorting import argsort
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import FLOATS, float32, int64, uint64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import random as rules
from eerie_dsl.ops.composite.activation import softmax
from eerie_dsl.ops.composite.axes import one_axis
from eerie_dsl.ops.composite.indexing import take
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.composite.reduction import argmax, cumulative_sum, sum, wide
from eerie_dsl.ops.composite.shape import expand_dims, moveaxis, part, reshape, sizes_of


def permutation(x: ArrayLike, /, axis: int = 0, *, key: ArrayLike | None = None) -> Array:
    """The integers below ``x``, or the slices of an array along ``axis``, in random order.

    The order is that of 64 random bits for each: two that are equal, one pair in ``2**64``, keep their places.

    Args:
        x: a Python integer of 0 or more, or an array.
        axis: along which an array is put in order.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a negative integer.
        ShapeError: there is no such axis.

    >>> import eerie_dsl as eerie
    >>> eerie.random.permutation(5, key=eerie.random.key(0))
    Array([1, 0, 4, 3, 2], dtype=int64, device=cpu)
    """
    drawn = key_for("permutation", key)
    if isinstance(x, int | np.integer):
        return _order(drawn, _how_many("permutation", x))
    node = lift(x)
    place = one_axis("permutation", axis, node.ndim)
    return Array.of(take(node, _order(drawn, node.shape[place]).node, place))


def choice(
    a: ArrayLike,
    /,
    shape: int | Sequence[int] = (),
    *,
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
    key: ArrayLike | None = None,
) -> Array:
    """Elements of ``a``, or integers below it, picked at random.

    Args:
        a: a Python integer above 0, or an array, whose slices along ``axis`` are picked.
        shape: of the picks.
        replace: whether one can be picked again.
        p: the probability of each, or a weight: they need not add up to 1. A float32 array cannot tell shares below
            ``2**-24``.
        axis: of ``a`` along which to pick.
        key: where the numbers come from; default: the default stream.

    Returns:
        The shape of ``a`` with ``axis`` replaced by ``shape``.

    Raises:
        InvalidValueError: nothing to pick from, or fewer than are picked without replacement; negative weights, or
            none above 0, where ``p`` is a list.
        ShapeError: ``p`` is not one number for each; there is no such axis.

    >>> import eerie_dsl as eerie
    >>> eerie.random.choice(10, 3, replace=False, key=eerie.random.key(0))
    Array([9, 1, 5], dtype=int64, device=cpu)
    """
    drawn, sizes = key_for("choice", key), sizes_of("choice", shape)
    whole = isinstance(a, int | np.integer)
    node = None if whole else lift(a)
    place = 0 if node is None else one_axis("choice", axis, node.ndim)
    count = _how_many("choice", a) if node is None else node.shape[place]
    picks = prod(sizes)
    if count == 0 and picks:
        raise InvalidValueError("choice from nothing", hint="give an array with elements, or an integer above 0")
    if not replace and picks > count:
        raise InvalidValueError(
            f"choice of {picks} out of {count} without replacement", hint="pick fewer, or use replace=True"
        )
    weights = None if p is None else _weights(p, count)
    if not replace:
        order = _order(drawn, count) if weights is None else _weighted_order(drawn, weights)
        picked = part(order.node, 0, 0, picks)
    elif weights is None:
        picked = rules.integers(drawn, (picks,), 0, max(count, 1), int64)
    else:
        picked = _by_weight(drawn, picks, weights)
    picked = reshape(picked, sizes)
    return Array.of(picked if node is None else take(node, picked, place))


def categorical(
    logits: ArrayLike, /, shape: int | Sequence[int] = (), axis: int = -1, *, key: ArrayLike | None = None
) -> Array:
    """Categories in int64, by the logarithms of their probabilities up to a constant: the largest of the logits plus
    `gumbel` numbers.

    Args:
        logits: one for each category along ``axis``; -inf for what cannot be. The other axes are separate draws.
        shape: draws for each of them, in front.
        axis: the categories.
        key: where the numbers come from; default: the default stream.

    Returns:
        ``shape``, and the shape of ``logits`` without ``axis``.

    Raises:
        ShapeError: no categories, or no such axis.

    >>> import eerie_dsl as eerie
    >>> eerie.random.categorical([0.0, 1.0, 2.0], 4, key=eerie.random.key(0))
    Array([2, 2, 2, 2], dtype=int64, device=cpu)
    """
    drawn, sizes = key_for("categorical", key), sizes_of("categorical", shape)
    node = _floats(lift(logits))
    node = moveaxis(node, one_axis("categorical", axis, node.ndim), -1)
    if not node.shape[-1]:
        raise ShapeError(f"categorical of {node.aval}: there are no categories")
    noise = rules.gumbel(drawn, (*sizes, *node.shape), 0, 1, node.dtype)
    return Array.of(argmax(ew.add(node, noise), -1))


def dirichlet(
    alpha: ArrayLike, /, shape: int | Sequence[int] = (), *, dtype: Any = None, key: ArrayLike | None = None
) -> Array:
    """Shares that add up to 1, of density proportional to the product of ``x**(alpha - 1)``.

    Args:
        alpha: one number above 0 for each share, along the last axis; NaN comes of others.
        shape: draws for each of the other axes, in front.
        dtype: of the result; default: that of ``alpha``, float32 for integers.
        key: where the numbers come from; default: the default stream.

    Returns:
        ``shape``, and the shape of ``alpha``.

    Raises:
        ShapeError: ``alpha`` has no axis.

    >>> import eerie_dsl as eerie
    >>> eerie.random.dirichlet([1.0, 2.0, 3.0], key=eerie.random.key(0))
    Array([0.4227958 , 0.39525485, 0.18194929], dtype=float32, device=cpu)
    """
    node = lift(alpha)
    if not node.ndim:
        raise ShapeError(f"dirichlet of {node.aval}: one number is needed for each share, along the last axis")
    kind = rules.dtype_of("dirichlet", chosen(dtype), node)
    full = (*sizes_of("dirichlet", shape), *node.shape)
    logs = rules.log_gamma(key_for("dirichlet", key), full, node, wide(kind))
    return Array.of(ew.astype(softmax(logs, -1), kind))


def _how_many(op: str, n: Any) -> int:
    count = index(n)
    if count < 0:
        raise InvalidValueError(f"{op} of {count}: a number of things cannot be negative")
    return count


def _order(key: Node, count: int) -> Array:
    return argsort(Array.of(rules.bits(key, (count,), uint64)))


def _weighted_order(key: Node, weights: Node) -> Array:
    # The first k of this order are k picks without replacement (Efraimidis and Spirakis 2006).
    noise = rules.gumbel(key, weights.shape, 0, 1, weights.dtype)
    return argsort(Array.of(ew.add(ew.log(weights), noise)), descending=True)


def _by_weight(key: Node, picks: int, weights: Node) -> Node:
    reached = cumulative_sum(weights, 0)
    total = part(reached, 0, weights.shape[0] - 1, weights.shape[0])
    u = ew.multiply(rules.uniform(key, (picks,), 0, 1, weights.dtype), total)
    passed = ew.greater_equal(expand_dims(u, 1), expand_dims(reached, 0))
    picked = sum(ew.astype(passed, int64), 1)
    return ew.minimum(picked, constant.like(picked, weights.shape[0] - 1))


def _weights(p: ArrayLike, count: int) -> Node:
    node = _floats(lift(p))
    if node.shape != (count,):
        raise ShapeError(f"choice between {count} with p of {node.aval}", hint="give one probability for each")
    if isinstance(p, list | tuple | np.ndarray):
        values = np.asarray(p, np.float64)
        if not (np.all(values >= 0) and 0 < float(np.sum(values)) < np.inf):
            raise InvalidValueError("choice: p has negative or infinite weights, NaN, or none above 0")
    return node


def _floats(node: Node) -> Node:
    node = strong(node)
    if node.dtype.kind == "complex":
        raise ArgumentError(f"random choice by {node.aval}: weights are real")
    return ew.astype(node, wide(node.dtype) if node.dtype in FLOATS else float32)
