"""What of a step of a loop lies in memory, and what is computed where it is used."""

from __future__ import annotations

from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.reduction import Reduction
from eerie_dsl.ops.shape import broadcast, concat, pad, reshape, slice, transpose

VIEWS = (broadcast, slice, transpose)
"""Operations that only say where elements are read."""

DEEPEST = 64
"""Operations that follow one another between memory and memory: reading them recurses."""


def stored(graph: Graph) -> set[int]:
    """The nodes, by id, that lie in memory: results, what only memory can be read of, what several others need."""
    found = {id(n) for n in graph.outputs if n.op is not None}
    homes: dict[int, set[int]] = {}
    depth: dict[int, int] = {}
    users: dict[int, list[Node]] = {}
    for n in graph.nodes:
        for i in n.inputs:
            users.setdefault(id(i), []).append(n)
    for n in reversed(graph.nodes):
        used = users.get(id(n), [])
        depth[id(n)] = 0 if id(n) in found else 1 + max((depth[id(u)] for u in used), default=0)
        into = {h for u in used for h in ({id(u)} if id(u) in found else homes[id(u)])}
        if any(u.op is reshape for u in used) or (
            n.inputs
            and (
                n.op in (dot, concat, pad, reshape)
                or isinstance(n.op, Reduction)
                or (n.op not in VIEWS and any(u.op is dot for u in used))
                or (n.op not in VIEWS and len(into) > 1 and n.dtype.kind != "bool")
                or (n.op not in VIEWS and depth[id(n)] >= DEEPEST and n.dtype.kind != "bool")
            )
        ):
            found.add(id(n))
            depth[id(n)] = 0
        homes[id(n)] = into
    # Views of what has to be in memory.
    for n in reversed(graph.nodes):
        if n.op in VIEWS and id(n) not in found and any(u.op is dot for u in users.get(id(n), [])):
            _store_below(n, found)
    return found


def _store_below(n: Node, found: set[int]) -> None:
    while n.op in VIEWS:
        if id(n) in found:
            return
        n = n.inputs[0]
    if n.op is not None and n.inputs:
        found.add(id(n))
