"""Running combinations in logarithmic depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of
from eerie_dsl.api.functions.shape import concat, flip, stack
from eerie_dsl.api.leaves import Flat, function_of, outline
from eerie_dsl.errors import ArgumentError, ShapeError

Function = Callable[..., Any]
Tree = Any


def associative_scan(fn: Function, elems: Tree, reverse: bool = False, axis: int = 0) -> Tree:
    """All running combinations ``e0``, ``fn(e0, e1)``, ``fn(fn(e0, e1), e2)``, ... along an axis, in a number of steps
    that grows with the logarithm of their number.

    Args:
        fn: takes two trees like ``elems``, combines them element by element along ``axis``, and is associative.
        elems: an array or a tree of them, of one length along ``axis``.
        reverse: run from the end.
        axis: along which the elements are.

    Returns:
        A tree like ``elems``.

    Raises:
        ShapeError: the arrays have different lengths, or no such axis.
        ArgumentError: ``fn`` gives another structure than it takes, or there is nothing in ``elems``.

    >>> eerie.associative_scan(eerie.multiply, eerie.asarray([1, 2, 3, 4]))
    Array([ 1,  2,  6, 24], dtype=int64, device=cpu)
    """
    function_of("associative_scan", fn)
    nodes, structure, paths, _ = Flat.of("associative_scan", elems, "elems")
    if not nodes:
        raise ArgumentError("associative_scan of nothing")
    for node, path in zip(nodes, paths, strict=True):
        if not -node.ndim <= axis < node.ndim:
            raise ShapeError(f"associative_scan along axis {axis} of {path}, which is {node.aval}")
    lengths = {n.shape[axis] for n in nodes}
    if len(lengths) > 1:
        named = ", ".join(f"{p} is {n.aval}" for n, p in zip(nodes, paths, strict=True))
        raise ShapeError(f"associative_scan along axis {axis} of arrays of different lengths: {named}")
    places = [axis % n.ndim for n in nodes]
    arrays = [Array.of(n) for n in nodes]

    def part(arrays: Sequence[Array], key: slice) -> list[Array]:
        return [a[(slice(None),) * p + (key,)] for a, p in zip(arrays, places, strict=True)]

    def combined(a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
        result = Flat.of(
            f"associative_scan: {name_of(fn)}", fn(*(tree.unflatten(structure, x) for x in (a, b))), "result"
        )
        if result.structure != structure:
            raise ArgumentError(
                f"associative_scan: {name_of(fn)} gives {outline(result.structure)} for two of {outline(structure)}"
            )
        for node, path, one in zip(result.nodes, result.paths, a, strict=True):
            if node.shape != one.shape:
                raise ShapeError(
                    f"associative_scan: {path} of {name_of(fn)} is {node.aval}, of two {one._aval}",
                    hint="combine element by element along the axis: rows of one with rows of the other",
                )
        return [Array.of(n) for n in result.nodes]

    def woven(even: Sequence[Array], odd: Sequence[Array]) -> list[Array]:
        result = []
        for a, b, p in zip(even, odd, places, strict=True):
            count = b.shape[p]
            front = (slice(None),) * p
            pairs = stack([a[(*front, slice(count))], b], axis=p + 1)
            shape = (*a.shape[:p], 2 * count, *a.shape[p + 1 :])
            rest = [a[(*front, slice(count, None))]] if a.shape[p] > count else []
            result.append(concat([pairs.reshape(shape), *rest], axis=p) if rest else pairs.reshape(shape))
        return result

    def running(arrays: list[Array]) -> list[Array]:
        count = arrays[0].shape[places[0]]
        if count < 2:
            return arrays
        odd = running(combined(part(arrays, slice(0, count - 1, 2)), part(arrays, slice(1, None, 2))))
        later = part(arrays, slice(2, None, 2))
        first = part(arrays, slice(1))
        if count > 2:
            before = part(odd, slice(len(range(2, count, 2))))
            first = [concat([a, b], axis=p) for a, b, p in zip(first, combined(before, later), places, strict=True)]
        return woven(first, odd)

    if reverse:
        turned = running([flip(a, axis=p) for a, p in zip(arrays, places, strict=True)])
        return tree.unflatten(structure, [flip(a, axis=p) for a, p in zip(turned, places, strict=True)])
    return tree.unflatten(structure, running(arrays))
