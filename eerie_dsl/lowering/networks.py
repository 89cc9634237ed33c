"""Rows put in order by a sorting network, one row in each lane of a vector.

A network compares the same places whatever the numbers are, so that rows side by side need nothing but the smaller and
the larger of two vectors. It is Batcher's bitonic network in the form in which the smaller one always goes to the lower
place: runs of ``2**k`` places are merged from two of half the size by comparing places mirrored about the middle and
then, halved again and again, places at a distance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.lowering.executable import WORKGROUPS, kernel, workgroup
from eerie_dsl.lowering.lift import constant
from eerie_dsl.lowering.memory import Memory, Number, each, index, load, plus, spanned, store, times
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

LANES = 64
"""Bytes of a vector: the widest of a register."""

STAGES = 3
"""Comparisons of each number between its load and its store: eight vectors are in registers."""

LONGEST = 1 << 15
"""Elements of rows up to which a network is faster than a radix sort, which compares nothing."""


def lanes_of(dtype: DType) -> int:
    """Rows that are put in order at a time."""
    return LANES // dtype.itemsize


def sorted_by_network(b: Builder, keys: Value, finish: Callable[[Memory, Memory], None]) -> Tensor:
    """Each row of ``keys`` (unsigned) in ascending order: at least `lanes_of` rows, and as many elements in each.

    What ``finish(row, row in order)`` emits runs for each row at last.
    """
    (rows, count), dtype = keys.aval.shape, keys.aval.dtype
    lanes, kind = lanes_of(dtype), element_type(dtype)
    some = ir.VectorType.get([lanes], kind)
    padded = 1 << (count - 1).bit_length()
    blocks = rows // lanes
    groups = min(blocks, WORKGROUPS)

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        group = workgroup()
        columns = Memory(written[1], times(group, padded * lanes))

        def turned(source: Memory, step: int, target: Memory, far: int) -> None:
            lines = [load(source, k * step, some) for k in range(lanes)]
            for k, line in enumerate(_transposed(lines)):
                store(line, target, k * far)

        def block(row: ir.Value) -> None:
            first = times(row, count)

            def square(i: Number, bring: bool) -> None:
                # The last one overlaps the one before it.
                at = arith.minui(index(times(i, lanes)), index(count - lanes))
                upright = Memory(columns.ref, plus(columns.start, times(at, lanes)))
                if bring:
                    turned(Memory(read[0], plus(first, at)), count, upright, lanes)
                else:
                    turned(upright, lanes, Memory(written[0], plus(first, at)), count)

            squares = -(-count // lanes)
            each(squares, partial(square, bring=True))
            most = constant(ir.IntegerAttr.get(kind, -1), lanes)
            each(padded - count, lambda i: store(most, columns, times(plus(i, count), lanes)))
            _order(columns, padded, some)
            each(squares, partial(square, bring=False))

            def end(row: Number) -> None:
                start = plus(first, times(row, count))
                finish(Memory(read[0], start), Memory(written[0], start))

            each(lanes, end)

        def blocks_of(number: ir.Value) -> None:
            # Rows that are left over are put in order together with some of the last block, by the same workgroup.
            row = times(number, lanes)
            last = arith.cmpi(arith.CmpIPredicate.eq, number, index(blocks - 1))
            end = arith.select(last, index(rows - lanes + 1), index(plus(row, 1)))
            spanned(row, end, block, max(rows % lanes, 1))

        spanned(group, blocks, blocks_of, groups)

    return kernel([b.tensor(keys)], [keys.aval, Aval((groups * padded * lanes,), dtype)], body, groups)[0]


def _order(columns: Memory, count: int, some: ir.VectorType) -> None:
    """Vectors, a power of two of them, put in order."""
    size = min(count, 1 << STAGES)
    lanes = some.shape[0]

    def group(places: list[Number], steps: Callable[[list[ir.Value]], list[ir.Value]]) -> None:
        found = steps([load(columns, times(p, lanes), some) for p in places])
        for place, value in zip(places, found, strict=True):
            store(value, columns, times(place, lanes))

    def split(at: Number, size: int, spacing: int) -> tuple[Number, ir.Value]:
        """Where a group begins: its run of ``size`` vectors, and the place among its first ``spacing``."""
        return times(arith.divui(index(at), index(spacing)), size), arith.remui(index(at), index(spacing))

    def few(i: Number) -> None:
        group([plus(times(i, size), k) for k in range(size)], _sorted)

    def mirrored(at: Number, size: int, spacing: int) -> None:
        start, inside = split(at, size, spacing)
        steps = range(0, size // 2, spacing)
        low = [plus(plus(start, inside), k) for k in steps]
        high = [arith.subi(index(plus(start, size - 1 - k)), inside) for k in reversed(steps)]
        group([*low, *high], _merged)

    def apart(at: Number, size: int, spacing: int) -> None:
        start, inside = split(at, size, spacing)
        group([plus(plus(start, inside), k) for k in range(0, size, spacing)], _halved)

    each(count // size, few)
    while size < count:
        size *= 2
        distance = size >> STAGES
        each(count >> STAGES, partial(mirrored, size=size, spacing=distance))
        while distance > 1:
            whole, distance = distance, max(distance >> STAGES, 1)
            each(count // (whole // distance), partial(apart, size=whole, spacing=distance))


def _sorted(run: list[ir.Value]) -> list[ir.Value]:
    if len(run) == 1:
        return run
    half = len(run) // 2
    return _merged([*_sorted(run[:half]), *_sorted(run[half:])])


def _merged(run: list[ir.Value]) -> list[ir.Value]:
    """Of two halves in order."""
    half = len(run) // 2
    low, high = run[:half], run[: half - 1 : -1]
    smaller = [arith.minui(a, b) for a, b in zip(low, high, strict=True)]
    larger = [arith.maxui(a, b) for a, b in zip(low, high, strict=True)]
    return [*_halved(smaller), *_halved(larger[::-1])]


def _halved(run: list[ir.Value]) -> list[ir.Value]:
    """What is below everything else of a run that rises and then falls, or was such before its mirror, comes first."""
    half = len(run) // 2
    if not half:
        return run
    pairs = list(zip(run[:half], run[half:], strict=True))
    return [*_halved([arith.minui(a, b) for a, b in pairs]), *_halved([arith.maxui(a, b) for a, b in pairs])]


def _transposed(lines: list[ir.Value]) -> list[ir.Value]:
    """A square of as many vectors as each has lanes."""
    lanes, step = len(lines), 1
    while step < lanes:
        upper = [j if not j & step else lanes + j - step for j in range(lanes)]
        lower = [j + step if not j & step else lanes + j for j in range(lanes)]
        lines = [
            vector.shuffle(lines[i], lines[i + step], upper)
            if not i & step
            else vector.shuffle(lines[i - step], lines[i], lower)
            for i in range(lanes)
        ]
        step *= 2
    return lines
