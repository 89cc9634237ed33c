"""Numbers themselves in order on CPUs, without the places that they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int32
from eerie_dsl.lowering.dealing import (
    DIGIT,
    SHORT,
    below,
    counted,
    dealt,
    digit_of,
    folded,
    insert,
    integer,
    number_of,
    when,
)
from eerie_dsl.lowering.executable import WORKGROUPS, kernel, workgroup
from eerie_dsl.lowering.memory import (
    Memory,
    Number,
    allocated,
    copy,
    each,
    index,
    load,
    plus,
    repeat,
    spanned,
    store,
    times,
)
from eerie_dsl.lowering.networks import LONGEST, lanes_of, sorted_by_network
from eerie_dsl.lowering.values import Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

LONG = 1 << 16
"""Elements of rows whose passes are shared by several cores."""

PARTS = 16
"""Parts of a long row."""

WIDTH = 64
"""Counters that are added at a time."""


def sorted_keys(b: Builder, keys: Value, equal: int | None = None) -> Tensor:
    """Each row's ``keys`` (unsigned) in ascending order: those of many short rows by a network, others by a radix sort.

    The keys ``equal`` and the one before it count as equal, and stay in the order in which they were.
    On two cores, float32, against sorting places and reading there: 1M from 6.4 to 2.7 ms, rows of 1024x1024 from 3.2
    to 0.6, of 4096x64 from 2.8 to 0.16.
    """
    rows, count = keys.aval.shape
    lanes = lanes_of(keys.aval.dtype)

    def settle(source: Memory, target: Memory) -> None:
        if equal is not None:
            _settle(source, target, count, integer(keys.aval.dtype.bits), equal)

    if rows >= lanes and lanes <= count <= LONGEST:
        return sorted_by_network(b, keys, settle)
    if count >= LONG and rows < WORKGROUPS:
        return _by_parts(b, keys, equal)
    groups = min(rows, WORKGROUPS)
    bits = keys.aval.dtype.bits
    digits = bits // DIGIT if count > SHORT else 0

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        begin = times(workgroup(), 2 * count)
        counts = Memory(allocated(Aval((max(digits, 1) << DIGIT,), int32)))
        records = Memory(written[1])

        def row(number: ir.Value) -> None:
            start = times(number, count)
            spanned(0, digits << DIGIT, lambda i: store(number_of(0, 32), counts, i))

            def make(i: ir.Value) -> None:
                key = load(Memory(read[0], start), i, integer(bits))
                store(key, Memory(records.ref, begin), i)
                for digit in range(digits):
                    at = plus(digit_of(key, digit * DIGIT), digit << DIGIT)
                    counted(counts, at)

            spanned(0, count, make)
            if not digits:
                spanned(1, count, lambda i: insert(Memory(records.ref, begin), i, 0))
            current: Number = begin
            for digit in range(digits):
                piles = Memory(counts.ref, digit << DIGIT)
                current = dealt(records, piles, count, digit * DIGIT, begin, current)
            spanned(
                0,
                count,
                lambda i: store(load(Memory(records.ref, current), i, integer(bits)), Memory(written[0], start), i),
            )
            settle(Memory(read[0], start), Memory(written[0], start))

        spanned(workgroup(), rows, row, groups)

    return kernel([b.tensor(keys)], [keys.aval, Aval((groups * 2 * count,), keys.aval.dtype)], body, groups)[0]


def _by_parts(b: Builder, keys: Value, equal: int | None) -> Tensor:
    """Each long row of ``keys`` in ascending order: each pass of a radix sort by cores that deal out parts of the row.

    Those before have counted the digits of their parts, from which each knows where its piles begin. Passes keep the
    order of what has one digit, so that keys which are ``equal`` to another need only the same digits.
    """
    rows, count = keys.aval.shape
    dtype = keys.aval.dtype
    kind, piles = integer(dtype.bits), Aval((1 << DIGIT,), int32)
    length = -(-count // PARTS)
    some = ir.VectorType.get([WIDTH], integer(32))
    current = b.tensor(keys)

    def of_part(read: Memory, shift: int, body: Callable[[ir.Value, ir.Value], None]) -> None:
        """``body(key, its digit)`` of all in a part of a row, of which this is the begin."""
        begin = times(arith.remui(workgroup(), index(PARTS)), length)

        def step(i: ir.Value) -> None:
            key = load(read, i, kind)
            known = key
            if equal is not None:
                same = arith.cmpi(arith.CmpIPredicate.eq, key, number_of(equal - 1, dtype.bits))
                known = arith.select(same, number_of(equal, dtype.bits), key)
            body(key, digit_of(known, shift))

        spanned(begin, arith.minui(index(plus(begin, length)), index(count)), step)

    def row(ref: ir.Value) -> Memory:
        return Memory(ref, times(arith.divui(workgroup(), index(PARTS)), count))

    for shift in range(0, dtype.bits, DIGIT):

        def tally(read: list[ir.Value], written: list[ir.Value], shift: int = shift) -> None:
            counts = Memory(allocated(piles))
            zeros = vector.broadcast(some, number_of(0, 32))
            each(piles.size // WIDTH, lambda i: store(zeros, counts, times(i, WIDTH)))
            of_part(row(read[0]), shift, lambda key, digit: counted(counts, digit))
            copy(counts, Memory(written[0], times(workgroup(), piles.size)), piles)

        def deal(read: list[ir.Value], written: list[ir.Value], shift: int = shift) -> None:
            ends, totals = Memory(allocated(piles)), Memory(allocated(piles))
            part = arith.remui(workgroup(), index(PARTS))
            first = times(arith.subi(workgroup(), part), piles.size)

            def add(at: Number) -> None:
                place = times(at, WIDTH)

                def more(other: Number, held: Sequence[ir.Value]) -> list[ir.Value]:
                    found = load(Memory(read[1], plus(first, place)), times(other, piles.size), some)
                    before = arith.cmpi(arith.CmpIPredicate.ult, index(other), part)
                    return [arith.addi(held[0], found), arith.select(before, arith.addi(held[1], found), held[1])]

                zeros = vector.broadcast(some, number_of(0, 32))
                total, before = repeat(PARTS, [zeros, zeros], more)
                store(total, totals, place)
                store(before, ends, place)

            def begin(pile: ir.Value, so_far: ir.Value) -> ir.Value:
                store(arith.addi(load(ends, pile, integer(32)), so_far), ends, pile)
                return arith.addi(so_far, load(totals, pile, integer(32)))

            def put(key: ir.Value, digit: ir.Value) -> None:
                place = arith.index_castui(ir.IndexType.get(), counted(ends, digit))
                store(key, row(written[0]), place)

            each(piles.size // WIDTH, add)
            folded(0, piles.size, number_of(0, 32), begin)
            of_part(row(read[0]), shift, put)

        (counts,) = kernel([current], [Aval((rows * PARTS * piles.size,), int32)], tally, rows * PARTS)
        (current,) = kernel([current, counts], [keys.aval], deal, rows * PARTS)
    return current


def _settle(source: Memory, target: Memory, count: int, kind: ir.IntegerType, equal: int) -> None:
    """The keys ``equal`` and the one before it, in order in ``target``, put in the order of the ``source``."""
    keys = [number_of(number, kind.width) for number in (equal - 1, equal)]

    def first(key: ir.Value) -> ir.Value:
        found, step = index(0), 1 << (count.bit_length() - 1)
        while step:
            place = arith.addi(found, index(step))
            held = arith.minui(place, index(count))
            before = below(load(target, arith.subi(held, index(1)), kind), key)
            inside = arith.cmpi(arith.CmpIPredicate.eq, place, held)
            found = arith.select(arith.andi(before, inside), place, found)
            step //= 2
        return found

    def same(a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.cmpi(arith.CmpIPredicate.eq, a, b)

    begins = [first(key) for key in keys]
    found = [load(target, arith.minui(at, index(count - 1)), kind) for at in begins]
    both = arith.andi(*(same(key, other) for key, other in zip(keys, found, strict=True)))

    def take(i: ir.Value, place: ir.Value) -> ir.Value:
        key = load(source, i, kind)

        def put() -> ir.Value:
            store(key, target, place)
            return arith.addi(place, index(1))

        return when(arith.ori(*(same(key, other) for other in keys)), put, place)

    when(both, lambda: folded(0, count, begins[0], take), begins[0])
