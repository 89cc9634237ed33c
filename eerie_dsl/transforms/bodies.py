"""What primitives that hold graphs have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ops.shape import broadcast, front
from eerie_dsl.transforms.forward import pushforward

Flags = list[bool]


def closed(inputs: Sequence[Node], outputs: Sequence[Node]) -> Graph:
    """What was recorded from ``inputs`` to ``outputs`` as a graph of its own, simplified."""
    return simplify(Graph.of(inputs, outputs)).copied()


def settled(start: Sequence[bool], step: Callable[[Flags], Sequence[bool]]) -> Flags:
    """Flags of the carries of a loop that one more step does not raise: ``step`` says which it leaves raised."""
    flags = list(start)
    while True:
        after = [a or b for a, b in zip(flags, step(flags), strict=True)]
        if after == flags:
            return flags
        flags = after


def pushed(graph: Graph, moving: Sequence[bool]) -> tuple[list[Node], list[Node], tuple[Node, ...], list[Node | None]]:
    """Forward mode through a graph.

    Args:
        graph: to be differentiated.
        moving: which of its inputs have tangents.

    Returns:
        Stand-ins for the inputs and for the tangents of those that move; the outputs, and their tangents or None.
    """
    inputs = [placeholder(a) for a in graph.in_avals]
    tangents = [placeholder(a) for a, m in zip(graph.in_avals, moving, strict=True) if m]
    outputs = graph.inline(inputs)
    found = pushforward([i for i, m in zip(inputs, moving, strict=True) if m], outputs, tangents)
    # Integers do not move, whatever they are computed from.
    return inputs, tangents, outputs, [t if o.dtype.is_inexact else None for o, t in zip(outputs, found, strict=True)]


def in_front(x: Node, dim: int | None, size: int) -> Node:
    """``x`` with its axis of examples at 0, made there when there is none."""
    return broadcast(x, shape=(size, *x.shape), axes=tuple(range(1, x.ndim + 1))) if dim is None else front(x, dim)
