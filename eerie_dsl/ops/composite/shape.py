"""Shapes over nodes: arguments in all their usual forms, brought to the primitives' one."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import prod
from operator import index as _index

from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.ir.aval import Shape
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.size import as_extent
from eerie_dsl.ops import shape as primitives
from eerie_dsl.ops.composite.axes import describe, many_axes, one_axis
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_shapes, result_dtype, strong
from eerie_dsl.ops.composite.promotion import broadcast_to as _broadcast_to


def shape_of(op: str, shape: int | Sequence[int]) -> Shape:
    """A shape given as one size or several."""
    if type(shape) is tuple and all(type(n) is int for n in shape):
        return shape
    sizes = shape if isinstance(shape, Sequence) else (shape,)
    try:
        return tuple([as_extent(n) for n in sizes])  # type: ignore[misc]
    except TypeError:
        raise ArgumentError(f"{op}: a shape is a tuple of integers, not {shape!r}") from None


def sizes_of(op: str, shape: int | Sequence[int]) -> Shape:
    """A shape given as one size or several, none of them negative."""
    sizes = shape_of(op, shape)
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{op} of shape {sizes}: sizes cannot be negative")
    return sizes


def reshape(x: Operand, shape: int | Sequence[int]) -> Node:
    """The elements in row-major order under another shape; one size may be -1 and follows from the rest."""
    node = strong(x)
    sizes = shape_of("reshape", shape)
    if sizes == node.shape:
        return node
    if -1 in sizes:
        rest = -prod(sizes)
        if sizes.count(-1) > 1 or rest <= 0 or node.aval.size % rest:
            raise ShapeError(
                f"reshape of {node.aval} to {sizes}: no size in place of -1 fits {node.aval.size} elements",
                hint="use -1 once, beside sizes whose product divides the number of elements",
            )
        sizes = tuple(node.aval.size // rest if n == -1 else n for n in sizes)
    return primitives.reshape(node, shape=sizes)


def permute_dims(x: Operand, axes: Sequence[int]) -> Node:
    """The axes in another order."""
    node = strong(x)
    order = many_axes("permute_dims", axes, node.ndim)
    if order == tuple(range(node.ndim)):
        return node
    return primitives.transpose(node, axes=order)


def reverse_dims(x: Operand) -> Node:
    """The axes from last to first."""
    node = strong(x)
    return permute_dims(node, range(node.ndim)[::-1])


def matrix_transpose(x: Operand) -> Node:
    """The last two axes exchanged."""
    node = strong(x)
    if node.ndim < 2:
        raise ShapeError(f"matrix_transpose of {node.aval} needs two dimensions")
    return swapaxes(node, -2, -1)


def swapaxes(x: Operand, first: int, second: int) -> Node:
    """Two axes exchanged."""
    node = strong(x)
    order = list(range(node.ndim))
    a, b = one_axis("swapaxes", first, node.ndim), one_axis("swapaxes", second, node.ndim)
    order[a], order[b] = order[b], order[a]
    return permute_dims(node, order)


def moveaxis(x: Operand, source: int | Sequence[int], destination: int | Sequence[int]) -> Node:
    """Axes moved to new places; the others keep their order."""
    node = strong(x)
    old = many_axes("moveaxis", source, node.ndim)
    new = many_axes("moveaxis", destination, node.ndim)
    if len(old) != len(new):
        raise ShapeError(f"moveaxis of {len(old)} axes to {len(new)} places")
    order = [a for a in range(node.ndim) if a not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return permute_dims(node, order)


def expand_dims(x: Operand, axis: int | Sequence[int] = 0) -> Node:
    """New axes of size 1; ``axis`` counts in the result."""
    node = strong(x)
    count = node.ndim + (len(axis) if isinstance(axis, Sequence) else 1)
    new = many_axes("expand_dims", axis, count)
    sizes = iter(node.shape)
    return primitives.reshape(node, shape=tuple(1 if a in new else next(sizes) for a in range(count)))


def squeeze(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """Axes of size 1 taken away: the named ones, or all."""
    node = strong(x)
    if axis is None:
        gone: Sequence[int] = [a for a, n in enumerate(node.shape) if not n > 1 and n]
    else:
        gone = many_axes("squeeze", axis, node.ndim)
        for a in gone:
            if node.shape[a] != 1:
                raise ShapeError(
                    f"squeeze of {node.aval}: axis {a} has {node.shape[a]} elements",
                    hint="only an axis of size 1 can be taken away",
                )
    if not gone:
        return node
    return primitives.reshape(node, shape=tuple(n for a, n in enumerate(node.shape) if a not in gone))


def broadcast_to(x: Operand, shape: int | Sequence[int]) -> Node:
    """Repeated to ``shape``, axes aligned at the right."""
    return _broadcast_to(strong(x), sizes_of("broadcast_to", shape))


def broadcast_arrays(*operands: Operand) -> list[Node]:
    """All operands in their common shape."""
    nodes = [strong(x) for x in operands]
    shape = broadcast_shapes("broadcast_arrays", (), *(n.shape for n in nodes))
    return [_broadcast_to(n, shape, "broadcast_arrays") for n in nodes]


def concat(operands: Sequence[Operand], axis: int | None = 0) -> Node:
    """One after the other along an axis; flattened first for None. The dtypes promote."""
    if not operands:
        raise ShapeError("concat needs at least one array")
    dtype = result_dtype(*operands)
    nodes = [as_dtype(x, dtype) for x in operands]
    if axis is None:
        return primitives.concat(*(reshape(n, -1) for n in nodes), axis=0) if len(nodes) > 1 else reshape(nodes[0], -1)
    place = one_axis("concat", axis, nodes[0].ndim)
    return primitives.concat(*nodes, axis=place) if len(nodes) > 1 else nodes[0]


def stack(operands: Sequence[Operand], axis: int = 0) -> Node:
    """One after the other along a new axis. The dtypes promote."""
    if not operands:
        raise ShapeError("stack needs at least one array")
    dtype = result_dtype(*operands)
    nodes = [as_dtype(x, dtype) for x in operands]
    if any(n.shape != nodes[0].shape for n in nodes):
        raise ShapeError(f"stack of {describe(nodes)} needs arrays of one shape")
    return concat([expand_dims(n, axis) for n in nodes], axis)


def unstack(x: Operand, axis: int = 0) -> tuple[Node, ...]:
    """The parts along an axis, which goes away."""
    node = strong(x)
    place = one_axis("unstack", axis, node.ndim)
    return tuple(squeeze(part(node, place, i, i + 1), place) for i in range(node.shape[place]))


def split(x: Operand, sections: int | Sequence[int], axis: int = 0) -> list[Node]:
    """Cut into a number of equal parts, or before each of the given places."""
    node = strong(x)
    place = one_axis("split", axis, node.ndim)
    size = node.shape[place]
    if isinstance(sections, Sequence):
        cuts = [builtins.slice(None, _index(c)).indices(size)[1] for c in sections]
    else:
        if sections < 1 or size % sections:
            raise ShapeError(
                f"split of {node.aval} along axis {place} into {sections}: {size} elements do not divide",
                hint="give the places to cut at instead",
            )
        cuts = [size // sections * k for k in range(1, sections)]
    return [part(node, place, start, max(start, stop)) for start, stop in zip([0, *cuts], [*cuts, size], strict=True)]


def part(x: Node, axis: int, start: int, stop: int, stride: int = 1) -> Node:
    """``x[..., start:stop:stride, ...]`` along one axis, from within bounds."""
    if (start, stop, stride) == (0, x.shape[axis], 1):
        return x
    starts, stops, strides = [0] * x.ndim, list(x.shape), [1] * x.ndim
    starts[axis], stops[axis], strides[axis] = start, stop, stride
    return primitives.slice(x, starts=tuple(starts), stops=tuple(stops), strides=tuple(strides))


def flip(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The order reversed along the axes, or along all."""
    node = strong(x)
    axes = many_axes("flip", axis, node.ndim)
    return primitives.flip(node, axes=axes) if axes else node
