"""Loops whose steps are small, as one kernel.

The host needs 2 to 3 microseconds for each step that it runs, whatever the step does. Where elements have nothing to
do with each other, see `eerie_dsl.lowering.interchange`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, scf

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int8
from eerie_dsl.ir.graph import Graph, Node, placeholder, rebuild
from eerie_dsl.lowering.executable import BINDINGS, kernel
from eerie_dsl.lowering.interchange import interchanged
from eerie_dsl.lowering.memory import Memory, allocated, copy, index, load, times
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.stepper import Stepper, is_small
from eerie_dsl.lowering.values import Value
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.contraction import dot, free

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder


def recurrence(
    b: Builder,
    length: int,
    backwards: bool,
    constants: Sequence[Value],
    init: Sequence[Value],
    xs: Sequence[Value],
    stacked: Sequence[Aval],
    graph: Graph,
) -> tuple[Value, ...] | None:
    """What `eerie_dsl.lowering.loops.for_loop` gives, by one kernel; None where the body does not suit one.

    Where ``stacked`` has more types than the body has results, the carries that each step began with are among them.
    """
    apart = interchanged(b, length, backwards, constants, init, xs, stacked, graph)
    if apart is not None:
        return apart
    found = _Body.of(b, graph, constants, len(init))
    if found is None:
        return None
    rows = found.graph.inputs[len(found.constants) + len(init) :]
    kept = [*found.graph.outputs[len(init) :], *found.carries][: len(stacked)]
    known = found.operands(b) | {id(x): v for x, v in zip(rows, xs, strict=True) if id(x) in found.used}
    if len(known) + 2 * len(init) + len(stacked) > BINDINGS:
        return None

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        memory = {n: Memory(ref) for n, ref in zip(known, read[len(init) :], strict=True)}
        state = _state(read, init)
        scratch = found.scratch()
        loop = scf.ForOp(index(0), index(length), index(1))
        with ir.InsertionPoint(loop.body):
            step = loop.induction_variable
            if backwards:
                step = arith.subi(index(length - 1), step)
            for x in rows:
                if id(x) in memory:
                    memory[id(x)] = Memory(memory[id(x)].ref, times(step, x.aval.size))
            targets = [
                (n, Memory(ref, times(step, n.aval.size))) for n, ref in zip(kept, written[len(init) :], strict=True)
            ]
            found.advance(memory, state, scratch, targets)
            scf.yield_([])
        _finish(state, written, init)

    operands = [b.tensor(v) for v in (*init, *known.values())]
    return tuple(kernel(operands, [*(c.aval for c in init), *stacked], body))


def repetition(
    b: Builder, seen: Sequence[Value], test: Graph, constants: Sequence[Value], graph: Graph, init: Sequence[Value]
) -> tuple[Value, ...] | None:
    """What `eerie_dsl.lowering.loops.while_loop` gives, by one kernel; None where it does not suit one."""
    holds = Graph.of(test.inputs, [cast(test.outputs[0], dtype=int8)])  # no kernel keeps bools
    first = _Body.of(b, holds, seen, len(init), outputs=0)
    found = _Body.of(b, graph, constants, len(init))
    if first is None or found is None:
        return None
    known = first.operands(b) | found.operands(b)
    if len(known) + 2 * len(init) > BINDINGS:
        return None

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        memory = {n: Memory(ref) for n, ref in zip(known, read[len(init) :], strict=True)}
        state = _state(read, init)
        scratches = first.scratch(), found.scratch()
        loop = scf.WhileOp([], [])
        before, after = (r.blocks.append() for r in loop.regions)
        with ir.InsertionPoint(before):
            done = first.advance(memory, state, scratches[0], [])
            result = load(done[id(first.graph.outputs[0])], 0, element_type(int8))
            scf.condition(arith.cmpi(arith.CmpIPredicate.ne, result, arith.constant(result.type, 0)), [])
        with ir.InsertionPoint(after):
            found.advance(memory, state, scratches[1], [])
            scf.yield_([])
        _finish(state, written, init)

    operands = [b.tensor(v) for v in (*init, *known.values())]
    return tuple(kernel(operands, [c.aval for c in init], body))


@dataclass(frozen=True, slots=True)
class _Body:
    """A graph of constants, carries and possibly rows, whose first results are the next carries, if it has any."""

    graph: Graph
    constants: Sequence[Value]
    carries: tuple[Node, ...]
    moves: bool
    stepper: Stepper

    @classmethod
    def of(
        cls, b: Builder, graph: Graph, constants: Sequence[Value], carries: int, outputs: int | None = None
    ) -> _Body | None:
        """None where it does not suit a kernel. ``outputs`` is 0 for a graph that makes no carries."""
        if not is_small(graph):
            return None
        graph, constants = _side_by_side(b, graph, constants)
        held = graph.inputs[len(constants) : len(constants) + carries]
        stepper = Stepper(graph)
        if not stepper.suits(2 * sum(n.aval.nbytes for n in held)):
            return None
        return cls(graph, constants, held, outputs != 0, stepper)

    @property
    def used(self) -> set[int]:
        """The nodes, by id, that somebody reads."""
        return {id(i) for n in self.graph.nodes for i in n.inputs} | set(map(id, self.graph.outputs))

    def operands(self, b: Builder) -> dict[int, Value]:
        """Constants that are used, and literals of several elements, by node."""
        used = self.used
        given = {id(n): v for n, v in zip(self.graph.inputs, self.constants, strict=False) if id(n) in used}
        return given | {id(n): b.lower_graph(Graph((), (n,), (n,)), [])[0] for n in self.stepper.extra}

    def scratch(self) -> dict[int, Memory]:
        """Memory for a step, made in front of the loop."""
        memory = self.stepper.scratch()
        outputs = self.graph.outputs[: len(self.carries)] if self.moves else ()
        for n, carry in zip(outputs, self.carries, strict=True) if self.moves else ():
            # A carry that becomes what another one was waits for its turn.
            if n.op is None and n is not carry:
                memory[id(carry)] = Memory(allocated(carry.aval))
        return memory

    def advance(
        self,
        memory: dict[int, Memory],
        state: Sequence[Memory],
        scratch: dict[int, Memory],
        targets: Sequence[tuple[Node, Memory]],
    ) -> dict[int, Memory]:
        """One step, which leaves the next carries in ``state`` and writes results to ``targets``; gives the memory of
        everything."""
        waiting = {id(c): scratch[id(c)] for c in self.carries if id(c) in scratch}
        known = memory | scratch | {id(c): m for c, m in zip(self.carries, state, strict=True)}
        also: dict[int, list[Memory]] = {}
        for n, target in targets:
            if id(n) in self.stepper.stored:
                also.setdefault(id(n), []).append(target)
            else:
                copy(known[id(n)], target, n.aval)
        outputs = self.graph.outputs
        for c, n in zip(self.carries, outputs, strict=False) if self.moves else ():
            if id(c) in waiting:
                copy(known[id(n)], waiting[id(c)], c.aval)
        done = self.stepper.emit(known, also)
        for c, n, m in zip(self.carries, outputs, state, strict=False) if self.moves else ():
            if n is not c:
                copy(waiting.get(id(c), done[id(n)]), m, c.aval)
        return done


def _state(read: Sequence[ir.Value], init: Sequence[Value]) -> list[Memory]:
    """The carries in memory of their own."""
    state = [Memory(allocated(c.aval)) for c in init]
    for ref, target, c in zip(read, state, init, strict=False):
        copy(Memory(ref), target, c.aval)
    return state


def _finish(state: Sequence[Memory], written: Sequence[ir.Value], init: Sequence[Value]) -> None:
    for source, ref, c in zip(state, written, init, strict=False):
        copy(source, Memory(ref), c.aval)


def _side_by_side(b: Builder, graph: Graph, constants: Sequence[Value]) -> tuple[Graph, Sequence[Value]]:
    """The graph with the matrices of its products stored so that what a vector of results needs lies side by side."""
    turned: dict[tuple[int, tuple[int, ...]], tuple[Node, Value]] = {}
    given = {id(n): v for n, v in zip(graph.inputs, constants, strict=False)}
    new = {id(n): n for n in graph.inputs}
    for n in graph.nodes:
        operands, params = [new[id(i)] for i in n.inputs], n.params
        if n.op is dot and not params["batch"][0]:
            pairs = list(params["contract"])
            side = 1 if free(n.inputs[1], pairs[1]) else 0
            w = n.inputs[side]
            order = (*pairs[side], *free(w, pairs[side]))
            if id(w) in given and w.ndim - 1 in pairs[side] and len(order) > len(pairs[side]):
                if (id(w), order) not in turned:
                    out = w.aval.with_shape(tuple(w.shape[a] for a in order))
                    turned[id(w), order] = placeholder(out), b.tensor(b.view(given[id(w)], out, _inverse(order)))
                operands[side] = turned[id(w), order][0]
                pairs[side] = tuple(range(len(pairs[side])))
                new[id(n)] = dot(*operands, **{**params, "contract": tuple(pairs)})
                continue
        new[id(n)] = rebuild(n, tuple(operands)) if operands else n
    inputs = [*(n for n, _ in turned.values()), *graph.inputs]
    return Graph.of(inputs, [new[id(n)] for n in graph.outputs]), [*(v for _, v in turned.values()), *constants]


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(a) for a in range(len(order)))
