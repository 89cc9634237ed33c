"""Rows of a table read and written at computed places, by kernels that move vectors along the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, scf

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int64
from eerie_dsl.lowering.executable import WORKGROUPS, kernel, workgroup
from eerie_dsl.lowering.lift import Lifted, vector_type
from eerie_dsl.lowering.memory import (
    Memory,
    Number,
    each,
    index,
    load,
    pieces,
    plus,
    prefetch,
    spanned,
    store,
    times,
    width_of,
)
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Body, Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

LONG = 16
"""Elements of rows that are worth a kernel of their own: shorter ones are read where they are used."""

AHEAD = 4
"""Rows of a workgroup that are on their way to the cache while one is copied."""

LINE = 64
"""Bytes of a line of the cache."""

FEWEST, MOST = 4, 64
"""Lines of rows that are asked for ahead, and how many of a row. Processors read several short rows at a time as it is:
of 16 elements, 100000 rows went from 730 to 889 us. In long rows they see the other lines coming."""

SINGLE = {"bool", "complex"}
"""Kinds of elements that have no vectors."""


def gathered(b: Builder, x: Value, places: Value, out: Aval) -> Tensor | None:
    """The rows of ``x`` at ``places`` (int64, in range): what lies behind the axes that ``places`` count through.

    None where they are short: such are better read where they are used. On two cores, 4096 rows of 384 float32 out of
    30522: from 0.54 to 0.18 ms. Processors see no row coming: with the one `AHEAD` asked for, on one core, from 456 to
    288 us; 1000 of 4096 out of 4000 from 1474 to 1337.
    """
    if not (b.tiled and x.aval.static and out.static and out.size and out.dtype.kind not in SINGLE):
        return None
    count = places.aval.size
    inner, kind = out.size // count, element_type(out.dtype)
    if inner < LONG:
        return None
    groups, line = min(count, WORKGROUPS), LINE // out.dtype.itemsize

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        def row_at(number: ir.Value) -> Memory:
            row = arith.index_cast(ir.IndexType.get(), load(Memory(read[1]), number, element_type(int64)))
            return Memory(read[0], times(row, inner))

        def move(number: ir.Value) -> None:
            if inner >= FEWEST * line:
                later = row_at(arith.minui(index(plus(number, AHEAD * groups)), index(count - 1)))
                for start in range(0, min(inner, MOST * line), line):
                    prefetch(later, start)
            source = row_at(number)
            target = Memory(written[0], times(number, inner))
            for start, columns, width in pieces(inner, width_of(out.dtype)):

                def part(i: Number, start: int = start, width: int = width) -> None:
                    at = plus(times(i, width), start)
                    store(load(source, at, vector_type(kind, width)), target, at)

                each(columns, part)

        spanned(workgroup(), count, move, groups)

    return kernel([b.tensor(x), b.tensor(places)], [out], body, groups)[0]


def scattered(b: Builder, x: Value, updates: Value, places: Value, body: Body) -> Tensor | None:
    """``x`` with ``updates`` combined into its rows at ``places`` one after the other.

    Workgroups have columns of their own, so that no two write to one place. None where a row is a single element: then
    the compiler's kernel is as fast. On two cores, 4096 rows of 384 float32 into 1024: from 0.79 to 0.17 ms, 100000 of
    8 into 131072: from 0.77 to 0.32.

    Args:
        b: the builder.
        x: what is there before.
        updates: a row for each place.
        places: int64, the numbers of the rows; negative where there is nothing to do.
        body: ``body(s, update element, old element)``.
    """
    out = x.aval
    if not (b.tiled and out.static and updates.aval.static) or {out.dtype.kind, updates.aval.dtype.kind} & SINGLE:
        return None
    count = places.aval.size
    inner = updates.aval.size // count
    rows = out.size // inner
    lifted = Lifted([updates.aval.dtype, out.dtype], body)
    if inner == 1 or not lifted.possible:
        return None
    kinds = [element_type(a.dtype) for a in (updates.aval, out)]

    def emit(read: list[ir.Value], written: list[ir.Value]) -> None:
        def column(at: Number, width: int) -> None:
            new, old = (vector_type(k, width) for k in kinds)
            source, values, target = (Memory(ref, at) for ref in (*read[:2], written[0]))

            def copy(row: Number) -> None:
                place = times(row, inner)
                store(load(source, place, old), target, place)

            def meet(number: Number) -> None:
                place = load(Memory(read[2]), number, element_type(int64))
                inside = arith.cmpi(arith.CmpIPredicate.sge, place, arith.constant(element_type(int64), 0))
                with ir.InsertionPoint(scf.IfOp(inside).then_block):
                    row = times(arith.index_cast(ir.IndexType.get(), place), inner)
                    made = [load(values, times(number, inner), new), load(target, row, old)]
                    store(lifted.emit(made, width), target, row)
                    scf.yield_([])

            each(rows, copy)
            each(count, meet)

        for start, columns, width in pieces(inner, width_of(out.dtype)):

            def part(i: ir.Value, start: int = start, width: int = width) -> None:
                column(plus(times(i, width), start), width)

            spanned(workgroup(), columns, part, groups)

    groups = min(max(columns for _, columns, _ in pieces(inner, width_of(out.dtype))), WORKGROUPS)
    return kernel([b.tensor(v) for v in (x, updates, places)], [out], emit, groups)[0]
