"""What lies between the nodes that a derivative is taken by and the results."""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.errors import Source
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Node, topological


def between(inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Node]:
    """The nodes that depend on ``inputs`` and that ``outputs`` depend on, operands first, without the inputs."""
    depends = set(inputs)
    found: list[Node] = []
    for node in topological(outputs, lambda n: n.op is None or n in depends):
        if not depends.isdisjoint(node.inputs):
            depends.add(node)
            found.append(node)
    return found


def moves_with(node: Node, inputs: set[Node]) -> bool:
    """Whether small changes of ``inputs`` can change a node."""

    def stop(n: Node) -> bool:
        return n.op is None or not n.op.differentiable or not (isinstance(n.aval, TupleAval) or n.dtype.is_inexact)

    return bool(inputs) and any(n in inputs for n in topological([node], stop))


def recorded_for(node: Node, what: str, asked: Source | None) -> Source | None:
    """The source of what a derivative records for a node: the node's own line, and ``what`` of which operation it is.

    Args:
        node: an operation whose derivative is taken.
        what: such as ``the tangent of``.
        asked: the source in force; nodes that were recorded under it are a part of its derivative, and keep it.
    """
    source = node.source
    if source is None or source is asked:
        return asked
    assert node.op is not None
    within = f"{what} {node.op.name}"
    if source.within:
        within += f" in {source.within}"
    return Source(source.file, source.line, source.function, within)
