"""Products of matrices whose kernel brings the second one together by itself, some columns of some rows at a time.

What it brings together, as float32, stays in the first cache while all rows of the first matrix are multiplied with
it. No copy of the whole matrix goes through memory, as that of `schedule.layout` does, and any number of rows will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iree.compiler import ir
from iree.compiler.dialects import arith, memref, scf, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, float32
from eerie_dsl.lowering.executable import WORKGROUPS, kernel, workgroup
from eerie_dsl.lowering.lift import Lifted, constant, vector_type
from eerie_dsl.lowering.memory import Memory, Number, index, load, plus, spanned, store, times
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.schedule import PANEL, Product, strip_rows
from eerie_dsl.lowering.values import Tensor

DEPTH = 256
"""Rows of a strip that lie together at a time: 32 KB, two thirds of a first cache of 48. As many products of bytes add
up to less than 2 ** 24, below which float32 has every integer."""

BLOCK = 256
"""Rows from which on it pays to bring a strip together once more: for another core, where there are few strips."""

LANES = 16
"""Columns of a vector."""


def product_in_strips(out: Aval, p: Product, x: Tensor, w: Tensor) -> Tensor:
    """The product, for each of a batch if there is one.

    Args:
        out: float32, or int32 where ``x`` and ``w`` are of whole numbers of 8 bits.
        p: its sizes: columns are a multiple of `PANEL`; rows of a matrix stored ``(n, k)`` are one of `LANES`.
        x: in float32.
        w: in any dtype that float32 holds.
    """
    batch, strips = max(p.batch, 1), p.n // PANEL
    rows = strip_rows(p)
    blocks = max(min(WORKGROUPS // (batch * strips), p.m // BLOCK), 1)
    span = -(-p.m // (blocks * rows)) * rows
    jobs = batch * strips * blocks
    groups = min(jobs, WORKGROUPS)
    widened = Lifted([w.aval.dtype], lambda s, element: s.cast(element, float32))

    def emit(read: list[ir.Value], written: list[ir.Value]) -> None:
        kind = ir.MemRefType.get([min(p.k, DEPTH) * PANEL], element_type(float32))
        line = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 64)
        panel = memref.AllocaOp(kind, [], [], alignment=line).result

        def job(number: ir.Value) -> None:
            number, block = _divided(number, blocks)
            one, strip = _divided(number, strips)
            refs = zip((*read, *written), (p.m * p.k, p.k * p.n, p.m * p.n), strict=True)
            memories = tuple(Memory(ref, times(one, size)) for ref, size in refs)
            start = times(block, span)
            stop = arith.minui(index(plus(start, span)), index(p.m))
            of = _Strip(p, w.aval.dtype, out.dtype, widened, memories, Memory(panel), times(strip, PANEL))
            of.emit(start, stop, rows)

        spanned(workgroup(), jobs, job, groups)

    return kernel([x, w], [out], emit, groups)[0]


def _divided(number: ir.Value, by: int) -> tuple[ir.Value, Number]:
    """Quotient and remainder."""
    return (number, 0) if by == 1 else (arith.divui(number, index(by)), arith.remui(number, index(by)))


@dataclass(frozen=True, slots=True)
class _Strip:
    """`PANEL` columns of a product, from ``column`` on.

    Attributes:
        p: its sizes.
        narrow: the dtype of the second matrix, which ``widened`` makes float32.
        result: the dtype of the result.
        memories: of both matrices and the result.
        panel: where a part of the strip lies together.
    """

    p: Product
    narrow: DType
    result: DType
    widened: Lifted
    memories: tuple[Memory, ...]
    panel: Memory
    column: Number

    def emit(self, start: Number, stop: ir.Value, rows: int) -> None:
        """The rows from ``start`` on and before ``stop``, so many at a time."""
        p, full = self.p, self.p.m - self.p.m % rows

        def part(first: ir.Value) -> None:
            """Sums of more than `DEPTH` products go on from the result so far."""
            depth = arith.minui(index(DEPTH), arith.subi(index(p.k), first))
            if p.transposed:
                spanned(0, depth, lambda i: self.turn(i, arith.addi(first, i)), LANES)
            else:
                spanned(0, depth, lambda i: self.gather(i, arith.addi(first, i)))
            end = arith.minui(stop, index(full))
            spanned(start, end, lambda row: self.multiply(first, depth, row, rows), rows)
            if full < p.m:  # what is left over, where it belongs to these rows
                spanned(full, stop, lambda row: self.multiply(first, depth, row, p.m - full), rows)

        spanned(0, p.k, part, DEPTH)

    def gather(self, i: ir.Value, row: ir.Value) -> None:
        """A row of the strip goes to place ``i`` of the panel."""
        at = plus(times(row, self.p.n), self.column)
        store(self.read(at, PANEL), self.panel, times(i, PANEL))

    def turn(self, i: ir.Value, row: ir.Value) -> None:
        """Likewise `LANES` rows of a matrix that is stored ``(n, k)``."""
        k = self.p.k
        for v in range(0, PANEL, LANES):
            at = plus(times(plus(self.column, v), k), row)
            columns = [self.read(plus(at, j * k), LANES) for j in range(LANES)]
            for j, line in enumerate(_transposed(columns)):
                store(line, self.panel, plus(times(plus(i, j), PANEL), v))

    def read(self, at: Number, width: int) -> ir.Value:
        """Elements of the matrix."""
        return self.widened.emit([load(self.memories[1], at, vector_type(element_type(self.narrow), width))], width)

    def multiply(self, first: ir.Value, depth: ir.Value, row: Number, count: int) -> None:
        """The products of some rows with what is in the panel, added to the result or, at first, put there."""
        n, k = self.p.n, self.p.k
        x, _, out = self.memories
        element = element_type(float32)
        zero = constant(ir.FloatAttr.get(element, 0.0), LANES)
        vectors = range(0, PANEL, LANES)
        start = plus(times(row, k), first)
        loop = scf.ForOp(index(0), depth, index(1), [zero] * (count * len(vectors)))
        with ir.InsertionPoint(loop.body):
            i, sums, found = loop.induction_variable, iter(loop.inner_iter_args), []
            columns = [load(self.panel, plus(times(i, PANEL), v), zero.type) for v in vectors]
            for r in range(count):
                a = vector.broadcast(zero.type, load(x, plus(plus(start, i), r * k), element))
                found += [vector.fma(a, b, next(sums)) for b in columns]
            scf.yield_(found)
        begins = arith.cmpi(arith.CmpIPredicate.eq, first, index(0))
        corner = plus(times(row, n), self.column)
        places = [plus(corner, r * n + v) for r in range(count) for v in vectors]
        for value, place in zip(loop.results, places, strict=True):
            if self.result is float32:
                total = arith.addf(load(out, place, value.type), value)
            else:
                value = arith.fptosi(vector_type(element_type(self.result), LANES), value)
                total = arith.addi(load(out, place, value.type), value)
            store(arith.select(begins, value, total), out, place)


def _transposed(lines: Sequence[ir.Value]) -> list[ir.Value]:
    """As many vectors as each has elements, turned: squares of one, two, four elements change places and so on."""
    found, count, step = list(lines), len(lines), 1
    while step < count:
        low = [i if not i & step else count + (i ^ step) for i in range(count)]
        high = [i | step if not i & step else count + i for i in range(count)]
        for i in (i for i in range(count) if not i & step):
            pair = found[i], found[i | step]
            found[i], found[i | step] = vector.shuffle(*pair, low), vector.shuffle(*pair, high)
        step *= 2
    return found
