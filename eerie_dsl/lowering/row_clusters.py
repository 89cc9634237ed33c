"""Which operations of a graph become one kernel along rows: reductions along the last axis of arrays of one shape, what
leads to them, and what is computed from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from eerie_dsl.errors import MissingRuleError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.graph import Graph, Node, placeholder, rebuild
from eerie_dsl.ir.passes import cse
from eerie_dsl.ir.primitive import project
from eerie_dsl.lowering.executable import BINDINGS
from eerie_dsl.lowering.expand import Places
from eerie_dsl.lowering.row_kernel import along_rows, of_rows, row_shapes, rule_of
from eerie_dsl.lowering.stepper import is_number, lifted
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.reduction import Reduction
from eerie_dsl.ops.shape import broadcast, iota, reshape

SHORT = 16
"""Elements of rows that fill a vector: shorter ones are better worked on side by side, as the compiler does."""

PARTS = 8
"""Rows that keep all cores busy; fewer are shared out in parts if they are long."""

WORK = 400
"""Arithmetic of an element in one kernel: it is written out for vectors of several widths."""

LONG = 1 << 17
"""Elements that are worth more than one core."""


def clustered(graph: Graph, kept: set[int], reserved: set[int], places: Places) -> Graph:
    """The graph with such operations replaced by `along_rows`.

    Args:
        graph: what is lowered.
        kept: by id, the nodes whose results would be in memory.
        reserved: by id, nodes that other kernels make.
        places: by the id of a node, where it comes from; new nodes are entered.
    """
    found: dict[int, _Cluster] = {}  # by the id of a result
    able: dict[Any, bool] = {}  # by the rule of an operation
    for shape in dict.fromkeys(n.inputs[0].shape for n in graph.nodes if isinstance(n.op, Reduction)):
        if worthwhile(shape):
            for cluster in _Finder(graph, shape, kept, reserved, set(found)).clusters():
                if cluster.is_possible(found, graph, kept, able):
                    found |= dict.fromkeys(map(id, cluster.outputs), cluster)
    return _replaced(graph, found, places) if found else graph


def worthwhile(shape: Sequence[Any]) -> bool:
    """Whether there is a row for every core, or little work, and rows fill vectors."""
    if not shape or not all(isinstance(n, int) for n in shape) or shape[-1] < SHORT:
        return False
    rows = prod(shape[:-1])
    return bool(rows) and (rows >= PARTS or rows * shape[-1] < LONG)


@dataclass(eq=False)
class _Cluster:
    """Operations that become one kernel.

    Attributes:
        shape: of the arrays that it works on.
        nodes: in the order of the graph.
        after: by id, those that need a reduction of the cluster, or are one.
    """

    shape: tuple[int, ...]
    nodes: list[Node]
    after: set[int]

    def __post_init__(self) -> None:
        self.outputs: list[Node] = []

    @property
    def leaves(self) -> list[Node]:
        """What the kernel reads."""
        inside = set(map(id, self.nodes))
        read = (i for n in self.nodes for i in n.inputs if id(i) not in inside or not of_rows(n, self.shape))
        return list(dict.fromkeys(i for i in read if not _is_splat(i)))

    def is_possible(self, found: dict[int, _Cluster], graph: Graph, kept: set[int], able: dict[Any, bool]) -> bool:
        """Whether a kernel can hold it. Sorts out what is computed elsewhere, and finds what others need of it."""
        if not self._cut(found):
            return False
        self._find_outputs(graph, kept)
        leaves = self.leaves
        work = sum(n.op.cost for n in self.nodes if isinstance(n.op, Elementwise))
        fits = work <= WORK and len(leaves) + len(self.outputs) <= BINDINGS
        return fits and all(map(_is_stored, leaves)) and all(_can(n, able) for n in self.nodes)

    def _cut(self, found: dict[int, _Cluster]) -> bool:
        """Leave out operations that something it reads needs; False where these need reductions."""
        while True:
            inside = set(map(id, self.nodes))
            needed: set[int] = set()
            stack: list[Node] = self.leaves
            seen: set[int] = set()
            while stack:
                n = stack.pop()
                if id(n) in seen:
                    continue
                seen.add(id(n))
                if id(n) in inside and not _is_splat(n):
                    needed.add(id(n))
                stack.extend(found[id(n)].leaves if id(n) in found else n.inputs)
            if needed & self.after:
                return False
            if not needed:
                return True
            self.nodes = [n for n in self.nodes if id(n) not in needed]

    def _find_outputs(self, graph: Graph, kept: set[int]) -> None:
        """What others need of it, but not what each of them computes for itself."""
        inside = set(map(id, self.nodes))
        needed = set(map(id, graph.outputs)) | {id(i) for n in graph.nodes if id(n) not in inside for i in n.inputs}
        for n in reversed(self.nodes):
            if id(n) not in needed or _is_splat(n):
                continue
            small = n.shape != self.shape and n.op is not broadcast
            if (small or (isinstance(n.op, Elementwise) and id(n) in kept)) and n.dtype.kind != "bool":
                self.outputs.append(n)
            else:
                needed |= set(map(id, n.inputs))

    def graph(self) -> Graph:
        """What the kernel computes."""
        leaves = self.leaves
        new = {id(n): placeholder(n.aval) for n in leaves}

        def rebuilt(n: Node) -> Node:
            if id(n) not in new:
                new[id(n)] = rebuild(n, tuple(map(rebuilt, n.inputs)))
            return new[id(n)]

        for n in self.nodes:  # in order: the rest are numbers
            rebuilt(n)
        return cse(Graph.of([new[id(n)] for n in leaves], [new[id(n)] for n in self.outputs]))


class _Finder:
    """Looks for clusters of arrays of one shape.

    Operations that need each other by way of others cannot be in one kernel. So each has a stage, the number of times
    that one leaves such operations and comes back to them on the way there.
    """

    def __init__(self, graph: Graph, shape: tuple[int, ...], kept: set[int], reserved: set[int], taken: set[int]):
        self.graph = graph
        self.shape = shape
        self.kept = kept
        self.reserved = reserved | taken
        self.inside = {id(n) for n in graph.nodes if id(n) not in self.reserved and self._fits(n)}
        self.stage: dict[int, int] = dict.fromkeys(map(id, graph.inputs), 0)
        self.fed: set[int] = set()
        for n in graph.nodes:
            away = id(n) not in self.inside
            self.stage[id(n)] = max((self.stage[id(i)] + (away and id(i) in self.inside) for i in n.inputs), default=0)
            if any(_is_made_by_others(i) or (id(i) in self.fed and id(i) not in kept) for i in n.inputs):
                self.fed.add(id(n))

    def clusters(self) -> Iterator[_Cluster]:
        """All clusters."""
        seeds = [n for n in self.graph.nodes if id(n) in self.inside and isinstance(n.op, Reduction)]
        for stage in dict.fromkeys(self.stage[id(n)] for n in seeds):
            yield from self._connected(*self._at(stage))

    def _at(self, stage: int) -> tuple[list[Node], set[int]]:
        """The operations of a stage that are worth being in a kernel, and those of them that need reductions."""
        nodes = [n for n in self.graph.nodes if id(n) in self.inside and self.stage[id(n)] == stage]
        after: set[int] = set()
        for n in nodes:
            if isinstance(n.op, Reduction) or any(id(i) in after for i in n.inputs):
                after.add(id(n))
        chosen: set[int] = set()
        for n in reversed(nodes):
            wanted = id(n) in chosen
            if id(n) in after:
                wanted = wanted or isinstance(n.op, Reduction) or (id(n) in self.kept and n.op is not broadcast)
            else:
                wanted = wanted and id(n) not in self.fed
            if wanted:
                chosen.add(id(n))
                chosen |= {id(i) for i in n.inputs if id(i) in self.inside and of_rows(n, self.shape)}
            else:
                chosen.discard(id(n))
        return [n for n in nodes if id(n) in chosen], after

    def _connected(self, nodes: Sequence[Node], after: set[int]) -> Iterator[_Cluster]:
        """The operations in clusters: those that have to do with each other."""
        group = {id(n): id(n) for n in nodes}

        def root(k: int) -> int:
            while group[k] != k:
                group[k] = k = group[group[k]]
            return k

        def joins(n: Node) -> bool:
            return id(n) in group and (id(n) in after or isinstance(n.op, Elementwise))

        for n in nodes:
            for i in n.inputs:
                if joins(i):
                    group[root(id(n))] = root(id(i))
        members: dict[int, list[Node]] = {}
        for n in nodes:
            if joins(n):
                members.setdefault(root(id(n)), []).append(n)
        for part in members.values():
            inside = set(map(id, part))
            for n in reversed(nodes):
                if id(n) in inside:
                    inside |= {id(i) for i in n.inputs if id(i) in group and not joins(i)}
            cluster = _Cluster(self.shape, [n for n in nodes if id(n) in inside], inside & after)
            if cluster.after and not any(self._is_view(n) for n in cluster.leaves):
                yield cluster

    def _is_view(self, n: Node) -> bool:
        """Whether it would be in memory only for the kernel to read it."""
        return n.op is not None and n.op.moves and n.op is not reshape and id(n) not in self.kept

    def _fits(self, n: Node) -> bool:
        if not _is_known(n):
            return False
        rows = row_shapes(self.shape)
        full = n.shape == self.shape
        if isinstance(n.op, Reduction):
            along = n.inputs[0].shape == self.shape and n.params["axes"] == (len(self.shape) - 1,)
            return along and not _is_half(n) and n.dtype.kind != "bool"
        if isinstance(n.op, Elementwise):
            # The compiler has vectors of 16 bit floats, but no arithmetic on vectors of every width.
            half = any(map(_is_half, (n, *n.inputs)))
            return bool(n.inputs) and (full or n.shape in rows) and (not half or _is_rounding(n))
        if n.op is reshape:
            return n.shape in rows and n.inputs[0].shape in rows
        if n.op is broadcast:
            return full or (n.shape in rows and (of_rows(n, self.shape) or is_number(n.inputs[0])))
        return full and n.op is iota and n.params["axis"] == n.ndim - 1 and n.dtype.kind == "int"


def _is_known(n: Node) -> bool:
    """Whether it is an array of known size that has vectors."""
    return isinstance(n.aval, Aval) and n.aval.static and n.aval.size > 0 and n.dtype.kind != "complex"


def _is_half(n: Node) -> bool:
    return n.dtype.kind == "float" and n.dtype.bits == 16


def _is_rounding(n: Node) -> bool:
    """Whether it makes float32 of 16 bit floats, or the other way round."""
    return n.op is cast and float32 in (n.dtype, n.inputs[0].dtype)


def _is_splat(n: Node) -> bool:
    """Whether it is one number everywhere."""
    return is_number(n) or (n.op is broadcast and is_number(n.inputs[0]))


def _is_stored(n: Node) -> bool:
    """Whether a kernel can read it."""
    return _is_known(n) and n.dtype.kind != "bool"


def _is_made_by_others(n: Node) -> bool:
    """Whether it has a kernel of which the compiler may make what follows a part, as of a product."""
    return n.op is not None and not (n.op.elementwise or n.op.moves or n.op.literal or isinstance(n.op, Reduction))


def _can(n: Node, able: dict[Any, bool]) -> bool:
    """Whether a kernel can compute it with vectors."""
    key = rule_of(n)
    if key not in able:
        try:
            able[key] = not isinstance(n.op, Elementwise | Reduction) or lifted(n).possible
        except MissingRuleError:
            able[key] = False
    return able[key]


def _replaced(graph: Graph, found: dict[int, _Cluster], places: Places) -> Graph:
    new: dict[int, Node] = {id(n): n for n in graph.inputs}
    stack = list(graph.outputs)
    while stack:
        node = stack[-1]
        cluster = found.get(id(node))
        operands = list(node.inputs) if cluster is None else cluster.leaves
        missing = [i for i in operands if id(i) not in new]
        if id(node) in new or not missing:
            stack.pop()
        if id(node) in new:
            continue
        if missing:
            stack.extend(missing)
        elif cluster is None:
            made = rebuild(node, tuple(new[id(i)] for i in operands))
            new[id(node)] = made
            places[id(made)] = places[id(node)]
        else:
            whole = along_rows(*(new[id(i)] for i in operands), graph=cluster.graph(), shape=cluster.shape)
            whole.source = node.source
            origin = tuple(sorted({k for n in cluster.nodes for k in places[id(n)]}))
            places[id(whole)] = origin
            for k, n in enumerate(cluster.outputs):
                new[id(n)] = project(whole, index=k)
                places[id(new[id(n)])] = origin
    return Graph.of(graph.inputs, [new[id(n)] for n in graph.outputs])
