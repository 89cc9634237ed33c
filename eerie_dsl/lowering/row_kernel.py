"""Reductions along rows, and what is computed from them and from the rows, as one kernel that reads each row once.

A row lies in the nearest cache while it is worked on: one pass over it for each reduction that needs another one's
result, and one for what is written last. Costly results of a pass that a later one needs are kept, as softmax's
powers are, in the memory of a result where there is one.

On one core, float32, from the compiler's kernels to these, microseconds: softmax of 1024x1024 457 to 215, of 32x32000
491 to 181, of 10000x40 914 to 143; logsumexp of rows of 4096x1024 1514 to 854, their variances 886 to 273, the places
of their largest 1012 to 555; root mean square norm of 512x2048 268 to 96, layer norm of 1024x768 157 to 87; gradient of
a cross entropy of 512x1000 432 to 166; means of 3000x300 223 to 48, sums of 10000x17 86 to 14, of 1024x64 5 to 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from iree.compiler import ir
from iree.compiler.dialects import arith

from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.lowering.executable import WORKGROUPS, dispatch, executable, workgroup
from eerie_dsl.lowering.lift import Lifted, constant, vector_type
from eerie_dsl.lowering.memory import (
    BYTES,
    Memory,
    Number,
    allocated,
    index,
    load,
    pieces,
    plus,
    repeat,
    spanned,
    spread,
    store,
    times,
    vector_slice,
)
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.stepper import STACK, is_number, lifted, literal_number, number
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.reduction import Reduction
from eerie_dsl.ops.shape import broadcast, iota, reshape

CHEAP = 8
"""Arithmetic that is done again in a later pass rather than kept."""

LIGHT = 10
"""Arithmetic of a pass below which it has twice as many sums at a time: one waits for another less."""

TOGETHER = 2 << 10
"""Bytes of rows that are worked on at a time: what one has to wait for, its sum for example, takes its time, and long
rows hide that themselves. Softmax of 96x128x128 from 556 to 405 us on one core, of 1024x1024 no change."""


class AlongRows(Primitive):
    """``graph`` applied to the operands: elementwise work on arrays of one shape, and reductions along its last axis.

    Made by `eerie_dsl.lowering.row_clusters`, which knows what may be inside.
    """

    name = "along_rows"

    def infer(self, *avals: Aval, graph: Graph, shape: tuple[int, ...]) -> Type:
        return TupleAval(graph.out_avals)

    def lower(self, b: Any, *values: Any, out: Type, graph: Graph, shape: tuple[int, ...]) -> Any:
        outs = graph.out_avals
        key = (self, graph.digest, shape)
        if key not in b.executables:
            b.executables[key] = self._executable(graph, shape)
        return tuple(dispatch(b.executables[key], [b.tensor(v) for v in values], outs))

    def _executable(self, graph: Graph, shape: tuple[int, ...]) -> str:
        plan = _Plan(graph, shape)
        groups = min(plan.rows, WORKGROUPS)

        def body(read: list[ir.Value], written: list[ir.Value]) -> None:
            first, end = (arith.divui(index(times(plus(workgroup(), k), plan.rows)), index(groups)) for k in (0, 1))
            scratch = [{n: Memory(allocated(a)) for n, a in plan.scratch.items()} for _ in range(plan.together)]

            def some(row: ir.Value, count: int) -> None:
                _emit([_Row(plan, index(plus(row, k)), read, written, scratch[k]) for k in range(count)])

            if plan.together > 1:
                whole = arith.muli(arith.divui(arith.subi(end, first), index(plan.together)), index(plan.together))
                middle = arith.addi(first, whole)
                spanned(first, middle, lambda row: some(row, plan.together), plan.together)
                first = middle
            if plan.together == 1 or plan.rows % (groups * plan.together):
                spanned(first, end, lambda row: some(row, 1))

        return executable(graph.in_avals, graph.out_avals, body, groups)


along_rows = AlongRows()


class _Plan:
    """What is computed in which pass over a row.

    Attributes:
        rows: how many.
        size: elements of each.
        together: how many are worked on at a time.
        level: by node, the pass in which it can be computed first; for a number of the row, the one before which.
        stored: by node, the node whose result, or scratch, has the place where it is kept for later passes.
        scratch: memory for those that have no result to be kept in.
    """

    def __init__(self, graph: Graph, shape: tuple[int, ...]) -> None:
        self.graph = graph
        self.shape = shape
        self.rows, self.size = prod(shape[:-1]), shape[-1]
        self.lifts: dict[Any, Lifted] = {}
        self.level: dict[int, int] = dict.fromkeys(map(id, graph.inputs), 0)
        for n in graph.nodes:
            before = max((self.level[id(i)] for i in n.inputs), default=0)
            self.level[id(n)] = before + isinstance(n.op, Reduction)
        reductions = [n for n in graph.nodes if isinstance(n.op, Reduction)]
        self.outputs = [n for n in dict.fromkeys(graph.outputs) if self.is_full(n)]
        self.passes = 1 + max(self.level[id(n)] for n in (*(r.inputs[0] for r in reductions), *self.outputs))
        self.reductions = [[r for r in reductions if self.level[id(r)] == p + 1] for p in range(self.passes)]
        self.written = [[n for n in self.outputs if self.level[id(n)] == p] for p in range(self.passes)]
        bytes_of_row = self.size * max(n.dtype.itemsize for n in (*graph.inputs, *graph.outputs))
        most = max(min(TOGETHER // bytes_of_row, self.rows // WORKGROUPS), 1)
        self.together = next(k for k in (4, 2, 1) if k <= most)
        self._keep()

    def is_full(self, n: Node) -> bool:
        """Whether it has an element for each of a row."""
        return n.shape == self.shape

    def lift(self, n: Node) -> Lifted:
        """How an element is computed."""
        key = rule_of(n)
        if key not in self.lifts:
            self.lifts[key] = lifted(n)
        return self.lifts[key]

    def cost(self, n: Node, seen: set[int] | None = None) -> int:
        """Arithmetic that leads to an element from memory and numbers of the row."""
        seen = set() if seen is None else seen
        if id(n) in seen or not isinstance(n.op, Elementwise):
            return 0
        seen.add(id(n))
        return n.op.cost + sum(self.cost(i, seen) for i in n.inputs)

    def width(self, roots: Sequence[Node]) -> int:
        """Elements that a pass works on at a time."""
        seen: set[int] = set()
        light = sum(self.cost(n, seen) for n in roots) < LIGHT
        return (2 if light else 1) * BYTES // max(n.dtype.itemsize for n in roots)

    def narrower(self, reductions: Sequence[Node], totals: Sequence[ir.Value], width: int, less: int) -> list[ir.Value]:
        """The elements of vectors combined into fewer."""
        while width > less:
            width //= 2
            pairs = [[vector_slice(t, start, width) for start in (0, width)] for t in totals]
            totals = [self.lift(r).emit(pair, width) for r, pair in zip(reductions, pairs, strict=True)]
        return list(totals)

    def _keep(self) -> None:
        needed: dict[int, set[int]] = {id(n): set() for n in (*self.graph.inputs, *self.graph.nodes)}
        self.stored: dict[int, int] = {id(n): id(n) for n in self.outputs}
        self.scratch: dict[int, Aval] = {}
        free = list(self.outputs)
        for p, members in enumerate(self.reductions):
            for r in members:
                needed[id(r.inputs[0])].add(p)
        for n in self.outputs:
            needed[id(n)].add(self.level[id(n)])
        self.kept: list[list[Node]] = [[] for _ in range(self.passes)]
        for n in reversed(self.graph.nodes):
            if not isinstance(n.op, Elementwise) or not self.is_full(n) or not needed[id(n)]:
                continue
            first, last = min(needed[id(n)]), max(needed[id(n)])
            if id(n) not in self.stored and first < last and self.cost(n) >= CHEAP and n.dtype.kind != "bool":
                there = [o for o in free if o.dtype is n.dtype and self.level[id(o)] >= last]
                some = n.aval.with_shape((self.size,))
                if there:
                    free.remove(there[0])
                    self.stored[id(n)] = id(there[0])
                elif some.nbytes + sum(a.nbytes for a in self.scratch.values()) <= STACK:
                    self.stored[id(n)] = id(n)
                    self.scratch[id(n)] = some
                if id(n) in self.stored:
                    self.kept[first].append(n)
            for i in n.inputs:
                needed[id(i)] |= {first} if id(n) in self.stored else needed[id(n)]


def _emit(rows: Sequence[_Row]) -> None:
    """All passes over some rows at a time."""
    plan = rows[0].plan
    for row in rows:
        row.compute_numbers(0)
    for p in range(plan.passes):
        _pass(rows, plan.reductions[p], [*plan.kept[p], *plan.written[p]])
        for row in rows:
            row.compute_numbers(p + 1)
    for row in rows:
        row.write_numbers()


def _pass(rows: Sequence[_Row], reductions: Sequence[Node], kept: Sequence[Node]) -> None:
    plan = rows[0].plan
    roots = [*(r.inputs[0] for r in reductions), *kept]
    totals: list[list[ir.Value]] = []
    last = 0
    for start, count, w in pieces(plan.size, plan.width(roots) // len(rows)):
        if last:
            totals = [plan.narrower(reductions, some, last, w) for some in totals]
        else:
            totals = [[constant(_identity(r), w) for r in reductions] for _ in rows]

        def step(i: Number, held: Sequence[ir.Value], start: int = start, w: int = w) -> list[ir.Value]:
            at = plus(times(i, w), start)
            # All is read before anything is written to where it may have been read.
            values = [row.elements(roots, at, w) for row in rows]
            for row, some in zip(rows, values, strict=True):
                row.keep(kept, some[len(reductions) :], at)
            found = [v for some in values for v in some[: len(reductions)]]
            return [plan.lift(r).emit(pair, w) for r, *pair in zip([*reductions] * len(rows), held, found, strict=True)]

        made = repeat(count, [t for some in totals for t in some], step)
        totals = [list(made[k : k + len(reductions)]) for k in range(0, len(made), len(reductions) or 1)]
        last = w
    for row, some in zip(rows, totals, strict=False):
        row.numbers |= zip(map(id, reductions), plan.narrower(reductions, some, last, 1), strict=True)
    for row in rows:
        row.there |= set(map(id, kept))


class _Row:
    """What is known of a row while its kernel is emitted.

    Attributes:
        numbers: by node, what there is one of.
        there: the nodes whose elements have been kept.
    """

    def __init__(
        self,
        plan: _Plan,
        row: ir.Value,
        read: Sequence[ir.Value],
        written: Sequence[ir.Value],
        scratch: Mapping[int, Memory],
    ) -> None:
        self.plan = plan
        self.row = row
        self.read = dict(zip(map(id, plan.graph.inputs), read, strict=True))
        self.written = list(zip(plan.graph.outputs, written, strict=True))
        self.begin = times(row, plan.size)
        self.memory = {**scratch, **{id(n): Memory(ref, self.begin) for n, ref in self.written if plan.is_full(n)}}
        self.numbers: dict[int, ir.Value] = {}
        self.there: set[int] = set()
        self._known: dict[int, ir.Value] = {}

    def compute_numbers(self, level: int) -> None:
        """What there is one of, and can be computed before the pass of this number."""
        plan = self.plan
        for n in (*plan.graph.inputs, *plan.graph.nodes):
            if plan.level[id(n)] != level or id(n) in self.numbers or plan.is_full(n):
                continue
            if n.op is None:
                if n.aval.size in (1, plan.rows):
                    place: Number = 0 if n.aval.size == 1 else self.row
                    self.numbers[id(n)] = load(Memory(self.read[id(n)]), place, element_type(n.dtype))
            elif is_number(n):
                self.numbers[id(n)] = constant(number(literal_number(n), n.dtype), 1)
            elif n.op in (broadcast, reshape):
                self.numbers[id(n)] = self.numbers[id(n.inputs[0])]
            else:
                self.numbers[id(n)] = plan.lift(n).emit([self.numbers[id(i)] for i in n.inputs], 1)

    def write_numbers(self) -> None:
        """Those that are results."""
        for n, ref in self.written:
            if not self.plan.is_full(n):
                store(self.numbers[id(n)], Memory(ref), self.row)

    def keep(self, nodes: Sequence[Node], values: Sequence[ir.Value], at: Number) -> None:
        """Write elements to where they belong."""
        for n, value in zip(nodes, values, strict=True):
            results = [Memory(ref, self.begin) for m, ref in self.written if m is n]
            for target in results or [self.memory[self.plan.stored[id(n)]]]:
                store(value, target, at)

    def elements(self, nodes: Sequence[Node], at: Number, width: int) -> list[ir.Value]:
        """``width`` elements from ``at`` on of each of some nodes."""
        self._known = {}
        return [self._element(n, at, width) for n in nodes]

    def _element(self, n: Node, at: Number, width: int) -> ir.Value:
        if id(n) not in self._known:
            self._known[id(n)] = self._made(n, at, width)
        return self._known[id(n)]

    def _made(self, n: Node, at: Number, width: int) -> ir.Value:
        plan = self.plan
        kind = vector_type(element_type(n.dtype), width)
        if id(n) in self.there:
            return load(self.memory[plan.stored[id(n)]], at, kind)
        if n.op is None:
            return load(Memory(self.read[id(n)], self.begin), at, kind)
        if n.op is broadcast:
            (x,) = n.inputs
            if of_rows(n, plan.shape) or is_number(x):
                return spread(self.numbers[id(x)], width)
            begin, along = place_of(x.shape, n.params["axes"], plan.shape, self.row)
            memory = Memory(self.read[id(x)], begin)
            return load(memory, at, kind) if along else spread(load(memory, 0, element_type(n.dtype)), width)
        if n.op is iota:
            first = arith.index_cast(element_type(n.dtype), index(at))
            if width == 1:
                return first
            steps = [ir.IntegerAttr.get(first.type, k) for k in range(width)]
            ahead = arith.constant(kind, ir.DenseElementsAttr.get(steps, kind))
            return arith.addi(spread(first, width), ahead)
        return plan.lift(n).emit([self._element(i, at, width) for i in n.inputs], width)


def rule_of(n: Node) -> Any:
    """What tells how an element of a node is computed: equal for equal rules."""
    return n.op, tuple(i.dtype for i in n.inputs), tuple((k, type(v), repr(v)) for k, v in sorted(n.params.items()))


def row_shapes(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """What arrays look like that have one element for each row."""
    return (shape[:-1], (*shape[:-1], 1))


def of_rows(n: Node, shape: tuple[int, ...]) -> bool:
    """Whether an operation reads its operand at the row that it is at: all do but some broadcasts."""
    if n.op is not broadcast:
        return True
    (x,) = n.inputs
    return x.shape in row_shapes(shape) and n.params["axes"] == tuple(range(x.ndim))


def place_of(x: Sequence[int], axes: Sequence[int], shape: Sequence[int], row: ir.Value) -> tuple[Number, bool]:
    """Where the part of an array begins that a broadcast repeats into a row, and whether it goes along the row."""
    sizes = dict(zip(axes, x, strict=True))
    place: Number = 0
    inner, stride = 1, sizes.get(len(shape) - 1, 1)
    for axis in reversed(range(len(shape) - 1)):
        if sizes.get(axis, 1) > 1:
            i: ir.Value = row if inner == 1 else arith.divui(row, index(inner))
            if axis:
                i = arith.remui(i, index(shape[axis]))
            place = plus(place, times(i, stride))
            stride *= shape[axis]
        inner *= shape[axis]
    return place, sizes.get(len(shape) - 1, 1) > 1


def _identity(r: Node) -> ir.Attribute:
    op: Any = r.op
    return number(op.identity(r.dtype), r.dtype)
