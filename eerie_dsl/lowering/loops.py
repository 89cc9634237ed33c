"""Loops and branches: regions of ``scf``, which the host runs around the kernels in them.

Whatever a region uses is made in front of it, because a description that first became a tensor inside could not be
used outside. Carries begin in memory of their own: loops update them in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from iree.compiler import ir
from iree.compiler.dialects import arith, scf, tensor

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.size import Extent, Size
from eerie_dsl.lowering.recurrence import recurrence, repetition
from eerie_dsl.lowering.sizes import mixed
from eerie_dsl.lowering.values import Index, Splat, Tensor, Value, tensor_type

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

_DYNAMIC = ir.ShapedType.get_dynamic_size()


def for_loop(
    b: Builder,
    length: Extent,
    backwards: bool,
    constants: Sequence[Value],
    init: Sequence[Value],
    xs: Sequence[Value],
    stacked: Sequence[Aval],
    body: Callable[[list[Value], list[Value], list[Value]], Sequence[Value]],
    unroll: int,
    graph: Graph,
) -> tuple[Value, ...]:
    """``length`` steps, each on what the one before left.

    Args:
        b: the builder.
        length: number of steps.
        backwards: begin at the last row.
        constants: values that every step sees.
        init: first values of the carries.
        xs: of each the row of the step is handed to the body.
        stacked: types of the results that hold one row for each step.
        body: ``body(constants, carries, rows)`` gives the next carries, then the rows of the stacked results.
        unroll: how many steps are written one after the other in the loop, if the host runs it.
        graph: what ``body`` lowers, for loops that become one kernel. It gives fewer rows than there are ``stacked``
            results where the others are the carries that each step began with.

    Returns:
        The last carries and the stacked results.
    """
    if length == 0:
        return (*init, *(b.splat(a, 0) for a in stacked))
    if b.tiled and isinstance(length, int):
        found = recurrence(b, length, backwards, constants, init, xs, stacked, graph)
        if found is not None:
            return found
    constants = [_ready(b, c) for c in constants]
    arrays = [b.tensor(x) for x in xs]
    starts = [b.tensor(b.own(c)).value for c in init]

    def run(first: int, count: Extent, unroll: int, held: Sequence[ir.Value]) -> tuple[list[ir.Value], list[Value]]:
        """``count`` steps over the rows from ``first`` on: the carries, the stacked rows."""
        sizes = _blocks(count, unroll) if stacked else [count]

        def block(level: int, begin: ir.Value, held: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
            size = prod(sizes[level + 1 :])
            rows = [b.empty(a.with_shape((sizes[level] * size, *a.shape[1:]))) for a in stacked]
            end = b.extent(sizes[level])
            if level:
                # The last blocks may be short.
                left = arith.ceildivsi(arith.subi(b.extent(count), begin), b.extent(size))
                end = arith.minsi(end, left)
            innermost = level + 1 == len(sizes)
            loop = scf.ForOp(_index(0), end, _index(unroll if innermost else 1), [*held, *rows])
            with ir.InsertionPoint(loop.body):
                now = list(loop.inner_iter_args)
                held, rows = now[: len(init)], now[len(init) :]
                for k in range(unroll if innermost else 1):
                    place = arith.addi(loop.induction_variable, _index(k))
                    if backwards:
                        place = arith.subi(arith.subi(end, place), _index(1))
                    offset = arith.muli(place, b.extent(size))
                    place = arith.addi(begin, offset)
                    if innermost:
                        taken = [_row(b, x, arith.addi(place, _index(first))) for x in arrays]
                        found = body([_again(c) for c in constants], _tensors(init, held), taken)
                        made = [b.tensor(v).value for v in found]
                        held, parts = made[: len(init)], made[len(init) :]
                    else:
                        held, parts = block(level + 1, place, held)
                    rows = [_inserted(into, part, offset) for into, part in zip(rows, parts, strict=True)]
                scf.yield_([*held, *rows])
            results = list(loop.results)
            return results[: len(init)], results[len(init) :]

        last, kept = block(0, _index(0), held)
        lengths: Any = (count,)
        types = [a.with_shape(lengths + a.shape[1:]) for a in stacked]
        return last, [_first_rows(b, k, a) for k, a in zip(kept, types, strict=True)]

    if isinstance(length, Size):
        parts: list[tuple[int, Extent, int]] = [(0, length, 1)]
    else:
        whole = length // unroll * unroll
        parts = [p for p in ((0, whole, unroll), (whole, length - whole, 1)) if p[1]]
    held, kept = starts, []
    for part in reversed(parts) if backwards else parts:
        held, rows = run(*part, held)
        kept.append(rows)
    columns = zip(*(reversed(kept) if backwards else kept), strict=True)
    return (*_tensors(init, held), *(b.concat(c, a, 0) for c, a in zip(columns, stacked, strict=True)))


_ROWS = 32
"""Rows of a block. What is written row by row into a carried tensor is copied at each step, all of it: IREE does not
see that nobody else holds it. So rows go into small blocks, those into larger ones: 10,000 rows of 64 f32 in one tensor
took 54 us each, in three layers of blocks 1."""


def _blocks(length: Extent, unroll: int) -> list[Extent]:
    """How many blocks are in each layer of them, the outermost first; in the innermost a multiple of ``unroll``."""
    if isinstance(length, Size):
        inner = _blocks(min(length.high, _ROWS**3), unroll)[1:]
        return [-(-length // prod(inner)), *inner]
    layers = 1
    while _ROWS**layers < length:
        layers += 1
    size = next(n for n in range(1, _ROWS + 1) if n**layers >= length)
    if layers == 1:
        return [length]
    rows = -(-size // unroll) * unroll
    return [-(-length // (rows * size ** (layers - 2))), *[size] * (layers - 2), rows]


def while_loop(
    b: Builder,
    seen: Sequence[Value],
    test: Callable[[list[Value], list[Value]], Value],
    constants: Sequence[Value],
    body: Callable[[list[Value], list[Value]], Sequence[Value]],
    init: Sequence[Value],
    graphs: tuple[Graph, Graph],
) -> tuple[Value, ...]:
    """``body(constants, carries)`` as long as ``test(seen, carries)`` gives True; the last carries.

    ``graphs`` are what ``test`` and ``body`` lower, for loops that become one kernel.
    """
    found = repetition(b, seen, graphs[0], constants, graphs[1], init) if b.tiled else None
    if found is not None:
        return found
    seen, constants = ([_ready(b, c) for c in values] for values in (seen, constants))
    starts = [b.tensor(b.own(c)).value for c in init]
    types = [s.type for s in starts]
    loop = scf.WhileOp(types, starts)
    before, after = (r.blocks.append(*types) for r in loop.regions)
    with ir.InsertionPoint(before):
        holds = b.tensor(test([_again(c) for c in seen], _tensors(init, before.arguments)))
        scf.condition(tensor.extract(holds.value, []), list(before.arguments))
    with ir.InsertionPoint(after):
        made = body([_again(c) for c in constants], _tensors(init, after.arguments))
        scf.yield_([b.tensor(v).value for v in made])
    return tuple(_tensors(init, loop.results))


def branch(
    b: Builder,
    index: Value,
    operands: Sequence[Value],
    outs: Sequence[Aval],
    branches: Sequence[Callable[[list[Value]], Sequence[Value]]],
) -> tuple[Value, ...]:
    """The results of the branch that ``index`` names: the second where it is True, or the nearest to the number."""
    operands = [_ready(b, o) for o in operands]
    number = tensor.extract(b.tensor(index).value, [])
    return tuple(_branch(b, number, index.aval, operands, outs, branches, 0))


def _branch(
    b: Builder,
    number: ir.Value,
    index: Aval,
    operands: Sequence[Value],
    outs: Sequence[Aval],
    branches: Sequence[Callable[[list[Value]], Sequence[Value]]],
    first: int,
) -> list[Value]:
    if len(branches) == 1:
        return [b.tensor(v) for v in branches[0]([_again(o) for o in operands])]
    middle = len(branches) // 2
    if index.dtype is bool_:
        upper = number
    else:
        order = arith.CmpIPredicate.uge if index.dtype.kind == "uint" else arith.CmpIPredicate.sge
        upper = arith.cmpi(order, number, arith.constant(number.type, first + middle))
    chosen = scf.IfOp(upper, [tensor_type(a) for a in outs], has_else=True)
    halves = ((chosen.then_block, branches[middle:], first + middle), (chosen.else_block, branches[:middle], first))
    for block, some, begin in halves:
        assert block is not None
        with ir.InsertionPoint(block):
            scf.yield_([b.tensor(v).value for v in _branch(b, number, index, operands, outs, some, begin)])
    return _tensors(outs, chosen.results)


def _ready(b: Builder, x: Value) -> Value:
    return x if isinstance(x, Splat | Index) else b.tensor(x)


def _again(x: Value) -> Value:
    """A value for one region: what is no tensor yet may become one there."""
    if isinstance(x, Splat):
        return Splat(x.aval, x.loc, x.number)
    return Index(x.aval, x.loc, x.axis) if isinstance(x, Index) else x


def _tensors(types: Sequence[Value | Aval], values: Sequence[ir.Value]) -> list[Value]:
    return [Tensor(t if isinstance(t, Aval) else t.aval, v) for t, v in zip(types, values, strict=True)]


def _index(number: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), number)


def _row(b: Builder, x: Tensor, place: ir.Value) -> Value:
    out = x.aval.with_shape(x.aval.shape[1:])
    if out.size == 0:
        return b.splat(out, 0)
    starts = [_DYNAMIC] + [0] * out.ndim
    some, sizes = mixed([1, *out.shape], b.sizes)
    kept = tensor.extract_slice(tensor_type(out), x.value, [place], some, [], starts, sizes, [1] * len(sizes))
    return Tensor(out, kept)


def _inserted(rows: ir.Value, part: ir.Value, place: ir.Value) -> ir.Value:
    """``rows`` with one row, or some, at ``place``."""
    shape, ndim = ir.RankedTensorType(part.type).shape, ir.RankedTensorType(rows.type).rank
    if 0 in shape:
        return rows
    sizes = [1] * (ndim - len(shape)) + list(shape)
    some = [tensor.dim(part, _index(axis)) for axis, n in enumerate(shape) if n == _DYNAMIC]
    starts = [_DYNAMIC] + [0] * (ndim - 1)
    return tensor.insert_slice(part, rows, [place], some, [], starts, sizes, [1] * ndim)


def _first_rows(b: Builder, rows: ir.Value, out: Aval) -> Tensor:
    if out.size and not (out.static and ir.RankedTensorType(rows.type).shape[0] == out.shape[0]):
        some, sizes = mixed(out.shape, b.sizes)
        rows = tensor.extract_slice(tensor_type(out), rows, [], some, [], [0] * out.ndim, sizes, [1] * out.ndim)
    elif not out.size:
        rows = b.empty(out)
    return Tensor(out, rows)
