"""Whole derivatives: Jacobians and Hessians, by a batch of products with unit vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.derivatives import Aliased, chosen_of, grad, linearize, numbers_of, vjp
from eerie_dsl.api.leaves import function_of
from eerie_dsl.api.vmap import vmap
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ops.composite.creation import eye
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.composite.shape import reshape
from eerie_dsl.ops.constant import full

Function = Callable[..., Any]


def jacobian(
    function: Function, argnums: int | Sequence[int] = 0, *, mode: Literal["reverse", "forward"] = "reverse"
) -> Function:
    """A function that gives all partial derivatives of ``function``.

    Args:
        function: of arrays and trees of them, giving the like.
        argnums: which positional arguments to differentiate by.
        mode: ``"reverse"`` costs one pass for each element of the result, ``"forward"`` one for each element of the
            arguments; the passes run as one batch.

    Returns:
        A function of the same arguments. It gives a tree like the result, in each leaf's place a tree like the
        argument (a tuple of them when ``argnums`` is a sequence), whose leaves have the result's axes and then the
        argument's.

    Raises:
        DTypeError: an argument is not floating point.

    >>> jacobian(lambda x: x * x)(eerie.asarray([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float32, device=cpu)
    """
    if mode not in ("reverse", "forward"):
        raise ArgumentError(f"jacobian with mode={mode!r}", hint="use 'reverse' or 'forward'")

    function_of("jacobian", function)
    places = numbers_of("jacobian", argnums)

    @functools.wraps(function)
    def differentiated(*args: Any) -> Any:
        numbers = chosen_of("jacobian", function, places, args)

        def of_chosen(*chosen: Any) -> Any:
            full = list(args)
            for i, value in zip(numbers, chosen, strict=True):
                full[i] = value
            return function(*full)

        primals = [args[i] for i in numbers]
        Aliased("jacobian", function, primals, numbers)  # refuses what cannot move under the names of the user
        single = isinstance(argnums, int | np.integer)
        return (_reverse if mode == "reverse" else _forward)(of_chosen, primals, single)

    return differentiated


def hessian(function: Function, argnums: int = 0) -> Function:
    """A function that gives the second derivatives of a function with a 0-d value: the Jacobian of its gradient.

    >>> hessian(lambda x: eerie.sum(x**3))(eerie.asarray([1.0, 2.0]))
    Array([[ 6.,  0.],
           [ 0., 12.]], dtype=float32, device=cpu)
    """
    return jacobian(grad(function, argnums), argnums, mode="forward")


def _reverse(function: Function, primals: list[Any], single: bool) -> Any:
    value, back = vjp(function, *primals)
    leaves, structure = tree.flatten(value)
    rows = []
    for k, leaf in enumerate(leaves):
        units = _units(leaf._aval)
        zeros = [_nothing(other._aval, leaf.size) for other in leaves]
        cotangent = tree.unflatten(structure, [*zeros[:k], units, *zeros[k + 1 :]])
        found = vmap(back)(cotangent)
        shaped = [tree.map(lambda a, s=leaf.shape: a.reshape((*s, *a.shape[1:])), f) for f in found]
        rows.append(shaped[0] if single else tuple(shaped))
    return tree.unflatten(structure, rows)


def _forward(function: Function, primals: list[Any], single: bool) -> Any:
    value, push = linearize(function, *primals)
    out_leaves, out_structure = tree.flatten(value)
    leaves, structure = tree.flatten(primals)
    arrays = [Array.of(strong(lift(leaf))) for leaf in leaves]
    columns: list[list[Any]] = [[] for _ in out_leaves]
    for k, leaf in enumerate(arrays):
        zeros = [_nothing(other._aval, leaf.size) for other in arrays]
        tangents = tree.unflatten(structure, [*zeros[:k], _units(leaf._aval), *zeros[k + 1 :]])
        pushed = vmap(push, out_axes=-1)(*tangents)
        for column, out in zip(columns, tree.leaves(pushed), strict=True):
            column.append(out.reshape((*out.shape[:-1], *leaf.shape)))
    built = [tree.unflatten(structure, column) for column in columns]
    return tree.unflatten(out_structure, [b[0] if single else tuple(b) for b in built])


def _units(aval: Aval) -> Array:
    """The unit vectors of a space of arrays, along a first axis."""
    size = prod(aval.shape)
    return Array.of(reshape(eye(size, dtype=aval.dtype), (size, *aval.shape)))


def _nothing(aval: Aval, count: int) -> Array:
    return Array.of(full(aval.with_shape((count, *aval.shape)), 0))
