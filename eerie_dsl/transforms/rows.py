"""Whether the rows of a program depend on one another: where they do not, more rows can be filled in."""

from __future__ import annotations

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, Type
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.size import Size


def require_rows(graph: Graph, dim: Size) -> None:
    """Check that each result along the dimension ``dim`` depends on the arguments at its own place only.

    Raises:
        ShapeError: an operation mixes rows, or is not known to keep them apart.
    """
    for node in (*graph.inputs, *graph.nodes):
        row = _row(node.aval, dim, node)
        rows = [_row(i.aval, dim, node) for i in node.inputs]
        if node.op is None or (row is None and not any(r is not None for r in rows) and not _speaks(node, dim)):
            continue
        if row is None or not node.op.rowwise(rows, row, *(i.aval for i in node.inputs), **node.params):
            operands = " and ".join(repr(i.aval) for i in node.inputs)
            raise ShapeError(
                f"{node.op.name} of {operands or dim} mixes places along {dim}, or may: a bucket would fill it up "
                "with zeros",
                source=node.source,
                hint="give the Dim min and max in place of buckets: one program is then for all sizes",
            )


def _row(aval: Type, dim: Size, node: Node) -> int | None:
    if not isinstance(aval, Aval):
        return None
    found = [axis for axis, n in enumerate(aval.shape) if isinstance(n, Size) and set(n.dims) & set(dim.dims)]
    if len(found) > 1 or any(aval.shape[axis] != dim for axis in found):
        raise ShapeError(
            f"{aval} has more of {dim} than one axis of just that size, and cannot be filled up to a bucket",
            source=node.source,
            hint="give the Dim min and max in place of buckets: one program is then for all sizes",
        )
    return found[0] if found else None


def _speaks(node: Node, dim: Size) -> bool:
    return any(isinstance(v, Size) and set(v.dims) & set(dim.dims) for v in node.params.values())
