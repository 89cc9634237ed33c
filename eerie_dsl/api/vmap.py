"""Functions of one example become functions of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import argument_names, name_of, source_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.tracing import Leaf, trace
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.composite.shape import moveaxis
from eerie_dsl.ops.shape import broadcast
from eerie_dsl.transforms.batching import batched

Axes = Any
"""An axis, None for what all examples share, or a tree of these: one that the argument's tree continues."""


def vmap(function: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """A function of many examples from a function of one, without a loop.

    The function is called once, on arrays of one example's shape; every operation that it records is then recorded
    for all of them.

    Args:
        function: of arrays and trees of them, giving the like.
        in_axes: where the examples are in each positional argument: an axis for all, or a tuple with one entry for
            each argument. None for an argument that all examples share.
        out_axes: where they shall be in the results.

    Returns:
        A function of the same arguments, those by keyword included, along whose first axis the examples are.

    Raises:
        ArgumentError: an axis is out of range, no argument has one, or the axes do not fit the arguments.
        ShapeError: the arguments hold different numbers of examples.
        MissingRuleError: a primitive cannot be batched.

    >>> eerie.vmap(eerie.sum)(eerie.ones((3, 2)))
    Array([2., 2., 2.], dtype=float32, device=cpu)
    """
    name = name_of(function)

    @functools.wraps(function)
    def over_examples(*args: Any, **kwargs: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError(f"vmap of {name}: in_axes has {len(axes)} entries for {len(args)} arguments")
        leaves, structure = tree.flatten((args, kwargs))
        names = argument_names(function, range(len(args)))
        where = [
            path for n, a in (*zip(names, args, strict=True), *sorted(kwargs.items())) for path in tree.paths(a, n)
        ]
        dims = _prefix(f"in_axes of vmap of {name}", axes, args) + [0] * (len(leaves) - len(tree.leaves(args)))
        nodes = [strong(lift(leaf)) for leaf in leaves]
        dims = [_within(name, d, n, w) for d, n, w in zip(dims, nodes, where, strict=True)]
        size = _size(name, nodes, dims, where)
        types = [Leaf(_without(n, d)) for n, d in zip(nodes, dims, strict=True)]
        traced = trace(function, name, source_of(function), types, structure, lambda a, k: (a, k), inline=True)
        captured = [c if isinstance(c, Node) else lift(c) for c in traced.captured]
        found = batched(traced.graph, [*nodes, *captured], [*dims, *(None for _ in captured)])
        results = traced.build([Array.of(n) for n, _ in found])
        places = _prefix(f"out_axes of vmap of {name}", out_axes, results)
        outputs = [_placed(name, n, d, to, size) for (n, d), to in zip(found, places, strict=True)]
        return traced.build([Array.of(n) for n in outputs])

    return over_examples


def _prefix(what: str, axes: Axes, of: Any) -> list[int | None]:
    """One axis for each leaf of a tree, from a tree that ends where several leaves share one."""
    result: list[int | None] = []

    def walk(axis: Any, value: Any) -> None:
        if axis is None or (isinstance(axis, int) and not isinstance(axis, bool)):
            result.extend([axis] * len(tree.leaves(value)))
            return
        inner, found = tree.children(value)
        given, structure = tree.children(axis)
        if found is None or found != structure:
            raise ArgumentError(f"{what}: {axis!r} does not fit {type(value).__name__}", hint="use an integer or None")
        for a, v in zip(given, inner, strict=True):
            walk(a, v)

    walk(axes, of)
    return result


def _within(name: str, dim: int | None, node: Node, where: str) -> int | None:
    if dim is None:
        return None
    if not -node.ndim <= dim < node.ndim:
        raise ArgumentError(f"vmap of {name}: {where} is {node.aval} and has no axis {dim}")
    return dim % node.ndim


def _size(name: str, nodes: Sequence[Node], dims: Sequence[int | None], where: Sequence[str]) -> int:
    sizes = {w: n.shape[d] for n, d, w in zip(nodes, dims, where, strict=True) if d is not None}
    if not sizes:
        raise ArgumentError(f"vmap of {name}: no argument has an axis of examples", hint="give one an axis in in_axes")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{w} has {n}" for w, n in sizes.items())
        raise ShapeError(f"vmap of {name}: the arguments hold different numbers of examples: {listed}")
    return next(iter(sizes.values()))


def _without(node: Node, dim: int | None) -> Any:
    if dim is None:
        return node.aval
    return node.aval.with_shape((*node.shape[:dim], *node.shape[dim + 1 :]))


def _placed(name: str, node: Node, dim: int | None, to: int | None, size: int) -> Node:
    if to is None:
        if dim is not None:
            raise ArgumentError(f"vmap of {name}: a result differs between examples, and its out_axes is None")
        return node
    if dim is None:
        node, dim = broadcast(node, shape=(size, *node.shape), axes=tuple(range(1, node.ndim + 1))), 0
    if not -node.ndim <= to < node.ndim:
        raise ArgumentError(f"vmap of {name}: a result is {node.aval} and has no axis {to} (out_axes)")
    return moveaxis(node, dim, to % node.ndim)
