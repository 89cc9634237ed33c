"""Functions of one example become functions of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import argument_names, name_of, source_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.leaves import function_of, lifted, outline
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
        in_axes: where the examples are in each positional argument: an axis for all, or a tuple or list with one
            entry for each argument. None for an argument that all examples share.
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
    name = name_of(function_of("vmap", function))

    @functools.wraps(function)
    def over_examples(*args: Any, **kwargs: Any) -> Any:
        axes = tuple(in_axes) if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError(f"vmap of {name}: in_axes has {len(axes)} entries for {len(args)} arguments")
        leaves, structure = tree.flatten((args, kwargs))
        names = argument_names(function, range(len(args)))
        where = [
            path for n, a in (*zip(names, args, strict=True), *sorted(kwargs.items())) for path in tree.paths(a, n)
        ]
        dims: list[int | None] = []
        for axis, value, path in zip(axes, args, names, strict=True):
            dims += _prefix(f"in_axes of vmap of {name}", axis, value, path)
        dims += [0] * (len(leaves) - len(dims))
        nodes = [strong(lifted(leaf, f"vmap of {name} over {w}")) for leaf, w in zip(leaves, where, strict=True)]
        dims = [_within(name, d, n, w) for d, n, w in zip(dims, nodes, where, strict=True)]
        size = _size(name, nodes, dims, where)
        types = [Leaf(_without(n, d)) for n, d in zip(nodes, dims, strict=True)]
        traced = trace(function, name, source_of(function), types, structure, lambda a, k: (a, k), inline=True)
        captured = [c if isinstance(c, Node) else lift(c) for c in traced.captured]
        found = batched(traced.graph, [*nodes, *captured], [*dims, *(None for _ in captured)])
        results = traced.build([Array.of(n) for n, _ in found])
        places = _prefix(f"out_axes of vmap of {name}", out_axes, results, "result")
        paths = tree.paths(results, "result")
        outputs = [_placed(name, n, d, to, size, p) for (n, d), to, p in zip(found, places, paths, strict=True)]
        return traced.build([Array.of(n) for n in outputs])

    return over_examples


def _prefix(what: str, axes: Axes, of: Any, path: str) -> list[int | None]:
    """One axis for each leaf of the tree at ``path``, from a tree that ends where several leaves share one."""
    result: list[int | None] = []

    def walk(axis: Any, value: Any) -> None:
        if axis is None or (isinstance(axis, int) and not isinstance(axis, bool)):
            result.extend([axis] * len(tree.leaves(value)))
            return
        inner, found = tree.children(value)
        given, structure = tree.children(axis)
        if found is None or found != structure:
            raise ArgumentError(
                f"{what}: {axis!r} does not fit {path}, which is {outline(tree.flatten(of)[1])}",
                hint="use an integer, None, or a tree of them like it",
            )
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


def _placed(name: str, node: Node, dim: int | None, to: int | None, size: int, path: str) -> Node:
    if to is None:
        if dim is not None:
            raise ArgumentError(
                f"vmap of {name}: {path} differs between examples, and its out_axes is None",
                hint="give it an axis, or reduce it inside",
            )
        return node
    if dim is None:
        node, dim = broadcast(node, shape=(size, *node.shape), axes=tuple(range(1, node.ndim + 1))), 0
    if not -node.ndim <= to < node.ndim:
        raise ArgumentError(f"vmap of {name}: {path} is {node.aval} for all examples and has no axis {to} (out_axes)")
    return moveaxis(node, dim, to % node.ndim)
