"""A step of a loop as straight code on memory: vectors where elements lie side by side.

IREE runs a loop on the host, one dispatch or more for each step, and has no kernels with a loop over steps inside. So
bodies of elementwise work, moves of elements, sums and small products are emitted here, on memory of one dimension.
Measured, microseconds a step: ``tanh(0.9 * c + x)`` of 16 elements 0.014 (0.31 as dispatches), of 1024 0.17 (0.8), a
recurrent layer of 64 units 0.17 (2.1), an LSTM of 64 units 1.0 (3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from iree.compiler import ir

from eerie_dsl.errors import MissingRuleError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.lowering.lift import Lifted, constant, vector_type
from eerie_dsl.lowering.memory import (
    BYTES,
    UNROLLED,
    At,
    Memory,
    Number,
    allocated,
    copy,
    linear,
    load,
    nest,
    pieces,
    plus,
    repeat,
    spread,
    store,
    times,
    vector_slice,
    width_of,
)
from eerie_dsl.lowering.placing import VIEWS, stored
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.constant import constant as literal
from eerie_dsl.ops.contraction import dot, free
from eerie_dsl.ops.reduction import Reduction
from eerie_dsl.ops.shape import concat, pad, reshape, slice, transpose

LANES = 128
"""Sums that a product works on at a time."""

NODES = 400
"""Operations of a body: each is written out for a whole vector."""

WORK = 1 << 22
"""Arithmetic of a step, above which the compiler's own kernels, and threads, are worth what they cost the host."""

STACK = 48 << 10
"""Bytes of what a step keeps."""

_MOVES = (*VIEWS, reshape, concat, pad)


def is_small(graph: Graph) -> bool:
    """Whether a graph is so little work, on arrays of sizes that are known, that it may be worth a `Stepper`."""
    return all(map(is_plain, (*graph.inputs, *graph.nodes))) and len(graph.nodes) <= NODES and graph.flops <= WORK


class Stepper:
    """Emits a graph that `is_small`, once or more; see `suits` for which.

    Args:
        graph: what a step computes.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._lifted: dict[int, Lifted] = {}
        self.extra = [n for n in graph.nodes if not n.inputs and not is_number(n)]
        """Literals of several elements: somebody has to give them, behind the graph's inputs."""
        self.stored = stored(graph) - set(map(id, self.extra))

    def suits(self, more: int) -> bool:
        """Whether every operation can be emitted here, and the stack holds what is stored and ``more`` bytes."""
        graph = self.graph
        kept = [n for n in (*graph.inputs, *graph.nodes) if id(n) in self.stored or n.op is None]
        if any(n.dtype.kind == "bool" for n in (*kept, *self.extra, *graph.outputs)):
            return False
        if sum(n.aval.nbytes for n in kept if n.op) + more > STACK:
            return False
        try:
            return all(self._can(n) for n in graph.nodes)
        except MissingRuleError:
            return False

    def scratch(self) -> dict[int, Memory]:
        """Memory for what a step keeps, by node; made in front of the loop."""
        return {
            id(n): Memory(allocated(n.aval)) for n in self.graph.nodes if id(n) in self.stored and n.op is not reshape
        }

    def emit(self, memory: dict[int, Memory], also: dict[int, list[Memory]]) -> dict[int, Memory]:
        """One step; gives the memory of everything.

        Args:
            memory: where inputs, and what is stored, lie, by node.
            also: where else to write some of what is stored.
        """
        memory = dict(memory)
        for n in self.graph.nodes:
            if id(n) not in self.stored:
                continue
            if n.op is reshape:
                memory[id(n)] = memory[id(n.inputs[0])]
                for target in also.get(id(n), ()):
                    copy(memory[id(n)], target, n.aval)
                continue
            _Writer(self._lift, memory, [memory[id(n)], *also.get(id(n), ())]).write(n)
        return memory

    def _can(self, n: Node) -> bool:
        if n.op in _MOVES:
            last = n.params.get("axes", ()) if n.op is transpose else ()
            if last and last[-1] != n.ndim - 1 and n.shape[-1] != 1:
                return False
            steps = n.params["strides"] if n.op is slice else [i + 1 for i in n.params.get("interior", ())]
            return not steps or steps[-1] == 1
        if n.op is dot:
            return _layout(n) is not None
        if isinstance(n.op, Reduction):
            axes = n.params["axes"]
            return axes == (n.inputs[0].ndim - 1,) and hasattr(type(n.op), "combine") and self._lift(n).possible
        return not n.inputs or (isinstance(n.op, Elementwise) and self._lift(n).possible)

    def _lift(self, n: Node) -> Lifted:
        if id(n) not in self._lifted:
            self._lifted[id(n)] = lifted(n)
        return self._lifted[id(n)]


def lifted(n: Node) -> Lifted:
    """How an element of a node is computed: for a product or a reduction, how one more is taken in."""
    op: Any = n.op
    if op is dot:
        return Lifted([n.dtype] * 3, _multiply_add)
    if isinstance(op, Reduction):
        return Lifted([n.dtype] * 2, op.combine)
    return Lifted([i.dtype for i in n.inputs], partial(_with_params, op.scalar, n.params))


def _with_params(scalar: Callable[..., Any], params: Any, s: Any, *elements: Any) -> Any:
    return scalar(s, *elements, **params)


def _multiply_add(s: Any, x: Any, y: Any, total: Any) -> Any:
    return s.fma(x, y, total) if total.dtype.kind == "float" else s.add(s.mul(x, y), total)


class _Writer:
    """Writes one node, and computes on the way what is not stored of it."""

    def __init__(self, lift: Callable[[Node], Lifted], memory: dict[int, Memory], targets: Sequence[Memory]) -> None:
        self.lift = lift
        self.memory = memory
        self.targets = targets
        self.known: dict[Any, ir.Value] = {}
        self.written: Node | None = None

    def write(self, n: Node) -> None:
        """All elements of ``n``."""
        self.written = n
        if n.op is concat:
            start = 0
            for x in n.inputs:
                place = [0] * n.ndim
                place[n.params["axis"]] = start
                self._each(x, n.shape, place, [1] * n.ndim)
                start += x.shape[n.params["axis"]]
        elif n.op is pad:
            (x,) = n.inputs
            if n.shape != x.shape:
                filler = constant(number(n.params["value"], n.dtype), 1)
                nest(n.shape, width_of(n.dtype), lambda at, w: self._put(spread(filler, w), linear(n.shape, at)))
            self._each(x, n.shape, n.params["low"], [k + 1 for k in n.params["interior"]])
        elif n.op is dot:
            self._product(n)
        elif isinstance(n.op, Reduction):
            self._reduction(n)
        else:
            self._each(n, n.shape, [0] * n.ndim, [1] * n.ndim)

    def _each(self, x: Node, shape: Sequence[int], starts: Sequence[int], steps: Sequence[int]) -> None:
        """``x`` into a result of some shape."""

        def part(at: At, width: int) -> None:
            self.known = {}
            value = self.read(x, at, width)
            place = tuple(plus(times(i, k), a) for i, k, a in zip(at, steps, starts, strict=True))
            self._put(value, linear(shape, place))

        nest(x.shape, width_of(x.dtype), part)

    def _put(self, value: ir.Value, place: Number) -> None:
        for target in self.targets:
            store(value, target, place)

    def read(self, n: Node, at: At, width: int) -> ir.Value:
        """``width`` elements along the last axis from ``at`` on."""
        key = (id(n), at, width)
        if key not in self.known:
            self.known[key] = self._read(n, at, width)
        return self.known[key]

    def _read(self, n: Node, at: At, width: int) -> ir.Value:
        if id(n) in self.memory and n is not self.written:
            memory = self.memory[id(n)]
            return load(memory, linear(n.shape, at), vector_type(element_type(n.dtype), width))
        if not n.inputs:
            return constant(number(literal_number(n), n.dtype), width)
        if n.op in VIEWS:
            x = n.inputs[0]
            if n.op is slice:
                starts, steps = n.params["starts"], n.params["strides"]
                return self.read(
                    x, tuple(plus(times(i, k), a) for i, k, a in zip(at, steps, starts, strict=True)), width
                )
            if n.op is transpose:
                return self.read(x, tuple(at[n.params["axes"].index(a)] for a in range(x.ndim)), width)
            axes = n.params["axes"]
            place = tuple(0 if size == 1 else at[a] for size, a in zip(x.shape, axes, strict=True))
            along = bool(axes) and axes[-1] == n.ndim - 1 and x.shape[-1] != 1
            return self.read(x, place, width) if along else spread(self.read(x, place, 1), width)
        return self.lift(n).emit([self.read(i, at, width) for i in n.inputs], width)

    def _reduction(self, n: Node) -> None:
        (x,) = n.inputs
        op: Any = n.op
        lifted = self.lift(n)

        def one(at: At, width: int) -> None:
            def more(total: ir.Value, k: Number, w: int) -> ir.Value:
                return lifted.emit([total, self.read(x, (*at, k), w)], w)

            total = self._total(x.shape[-1], number(op.identity(n.dtype), n.dtype), more, lifted)
            self._put(total, linear(n.shape, at))

        nest(n.shape, 1, one)

    def _inner_product(self, n: Node, depth: int) -> None:
        """Along the last axes of both operands."""
        lifted = self.lift(n)
        both = Lifted([n.dtype] * 2, lambda s, a, b: s.add(a, b))

        def one(at: At, width: int) -> None:
            def more(total: ir.Value, k: Number, w: int) -> ir.Value:
                factors = [self.read(x, _operand_place(n, side, at, k), w) for side, x in enumerate(n.inputs)]
                return lifted.emit([*factors, total], w)

            self._put(self._total(depth, number(0, n.dtype), more, both), linear(n.shape, at))

        nest(n.shape, 1, one)

    def _total(
        self, size: int, start: ir.Attribute, more: Callable[[ir.Value, Number, int], ir.Value], both: Lifted
    ) -> ir.Value:
        """``total = more(total, k, width)`` along an axis; ``both`` are two totals in one."""
        result = constant(start, 1)
        for first, count, w in pieces(size, BYTES // 4):

            def step(k: Number, held: Sequence[ir.Value], first: int = first, w: int = w) -> list[ir.Value]:
                self.known = {}
                return [more(held[0], plus(times(k, w), first), w)]

            (total,) = repeat(count, [constant(start, w)], step)
            result = both.emit([result, _folded(both, total, w)], 1)
        return result

    def _product(self, n: Node) -> None:
        lifted = self.lift(n)
        layout = _layout(n)
        assert layout is not None
        side, depth = layout
        if side is None:
            self._inner_product(n, depth)
            return
        x, w = n.inputs[1 - side], n.inputs[side]
        rows = next(r for r in (4, 2, 1) if n.ndim > 1 and n.shape[-2] % r == 0) if n.ndim > 1 else 1
        outer = (*n.shape[:-2], n.shape[-2] // rows, n.shape[-1]) if n.ndim > 1 else n.shape
        zero = number(0, n.dtype)

        def part(at: At, width: int) -> None:
            places = [at]
            if n.ndim > 1:
                places = [(*at[:-2], plus(times(at[-2], rows), r), at[-1]) for r in range(rows)]

            def step(k: Number, held: Sequence[ir.Value]) -> list[ir.Value]:
                self.known = {}
                found = []
                for place, total in zip(places, held, strict=True):
                    factors = []
                    for operand, own in ((x, 1 - side), (w, side)):
                        at = _operand_place(n, own, place, k)
                        along = own == side
                        value = self.read(operand, at, width if along else 1)
                        factors.append(value if along else spread(value, width))
                    found.append(lifted.emit([*factors, total], width))
                return found

            totals = repeat(depth, [constant(zero, width)] * len(places), step, UNROLLED)
            for place, total in zip(places, totals, strict=True):
                self._put(total, linear(n.shape, place))

        nest(outer, max(LANES // rows, 1), part)


def _operand_place(n: Node, side: int, at: At, k: Number) -> At:
    contract = n.params["contract"][side]
    own = free(n.inputs[side], contract)
    first = n.inputs[0].ndim - len(n.params["contract"][0]) if side else 0
    place = {axis: at[first + i] for i, axis in enumerate(own)} | dict.fromkeys(contract, k)
    return tuple(place[axis] for axis in range(n.inputs[side].ndim))


def _layout(n: Node) -> tuple[int | None, int] | None:
    """Which operand of a product has the last axis of the result, elements side by side, and how many are summed.

    There is no such operand where what is summed lies side by side in both; None instead of both where neither holds.
    """
    contract = n.params["contract"]
    if n.params["batch"][0] or len(contract[0]) > 1 or any(i.dtype is not n.dtype for i in n.inputs):
        return None
    last = [bool(axes) and axes[0] == x.ndim - 1 for axes, x in zip(contract, n.inputs, strict=True)]
    depth = n.inputs[0].shape[contract[0][0]] if contract[0] else 1
    side = 1 if free(n.inputs[1], contract[1]) else 0
    if n.ndim and not last[side]:
        return side, depth
    return (None, depth) if all(last) else None


def is_plain(n: Node) -> bool:
    """Whether it is an array of known size whose elements kernels can work on."""
    return (
        isinstance(n.aval, Aval)
        and all(isinstance(s, int) for s in n.shape)
        and n.aval.size > 0
        and n.dtype.kind != "complex"
        and not (n.dtype.kind == "float" and n.dtype.bits == 16)
    )


def is_number(n: Node) -> bool:
    """Whether it is a literal of one element."""
    return n.op is literal and n.aval.size == 1


def literal_number(n: Node) -> Any:
    """The element of such a literal."""
    return literal.reference(**n.params).reshape(-1)[0]


def number(value: Any, dtype: DType) -> ir.Attribute:
    """A number as an attribute of the element type."""
    kind = element_type(dtype)
    if dtype.kind == "float":
        return ir.FloatAttr.get(kind, float(value))
    bits = int(value) & ((1 << dtype.bits) - 1)
    return ir.IntegerAttr.get(kind, bits - (1 << dtype.bits) if bits >> (dtype.bits - 1) else bits)


def _folded(lifted: Lifted, total: ir.Value, width: int) -> ir.Value:
    """The elements of a vector combined into one."""
    while width > 1:
        width //= 2
        halves = [vector_slice(total, start, width) for start in (0, width)]
        total = lifted.emit(halves, width)
    return total
