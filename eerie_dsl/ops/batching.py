"""What batching rules have in common."""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.shape import broadcast, front


def together(inputs: Sequence[Node], dims: Sequence[int | None]) -> list[Node]:
    """The operands with their batch axis at 0; those without one are broadcast along a new one.

    At least one of ``dims`` must be an axis.
    """
    size = next(x.shape[d] for x, d in zip(inputs, dims, strict=True) if d is not None)
    return [
        broadcast(x, shape=(size, *x.shape), axes=tuple(range(1, x.ndim + 1))) if d is None else front(x, d)
        for x, d in zip(inputs, dims, strict=True)
    ]
