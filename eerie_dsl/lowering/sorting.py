"""The order of numbers on CPUs, by kernels with loops over memory.

An element is a record of 64 bits: 32 bits of its key above its place in the row. No two records are equal, and equal
keys are in the order of their places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, scf, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int32, int64
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
from eerie_dsl.lowering.memory import Memory, Number, allocated, index, load, plus, spanned, store, times
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

WORD = 32
"""Bits of a key in a record."""

WIDTH = 64
"""Keys that are compared at a time."""


def sorted_places(b: Builder, keys: Value, out: Aval) -> Tensor:
    """The places of each row's ``keys`` (unsigned) in ascending order, by a radix sort from the lowest digit on.

    A digit that all keys of a row have in common costs no pass over them.
    """
    rows, count = keys.aval.shape
    groups = min(rows, WORKGROUPS)
    bits = keys.aval.dtype.bits

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        group = workgroup()
        begin = times(group, 2 * count)
        counts = Memory(allocated(Aval((min(bits, WORD) // DIGIT << DIGIT,), int32)))

        def row(number: ir.Value) -> None:
            start = times(number, count)
            source = Memory(read[0], start)
            current: Number = begin
            for word in range(-(-bits // WORD)):
                current = _by_word(source, Memory(written[1]), counts, count, bits, word, begin, current)

            def leave(i: ir.Value) -> None:
                record = load(Memory(written[1], current), i, integer(64))
                store(arith.extui(integer(64), arith.trunci(integer(WORD), record)), Memory(written[0], start), i)

            spanned(0, count, leave)

        spanned(group, rows, row, groups)

    return kernel([b.tensor(keys)], [out, Aval((groups * 2 * count,), int64)], body, groups)[0]


def first_places(b: Builder, keys: Value, out: Aval) -> Tensor:
    """The places of the smallest ``keys`` (unsigned, at most 32 bits) of each row in ascending order, as many as
    ``out`` has.

    They are kept in a heap with the largest at the top, below which most keys of a row are not.
    """
    (rows, count), wanted = keys.aval.shape, out.shape[1]
    groups = min(rows, WORKGROUPS)
    kind = element_type(keys.aval.dtype)

    def body(read: list[ir.Value], written: list[ir.Value]) -> None:
        group = workgroup()
        heap = Memory(allocated(Aval((wanted,), int64)))

        def row(number: ir.Value) -> None:
            source = Memory(read[0], times(number, count))
            spanned(0, wanted, lambda i: store(_record(load(source, i, kind), i), heap, i))
            half = wanted // 2

            def settle(i: ir.Value) -> None:
                at = arith.subi(index(half - 1), i)
                _sift(heap, at, index(wanted), load(heap, at, integer(64)))

            spanned(0, half, settle)

            def top() -> ir.Value:
                key = arith.shrui(load(heap, 0, integer(64)), number_of(WORD, 64))
                return arith.trunci(kind, key)

            def take(i: ir.Value, limit: ir.Value) -> ir.Value:
                key = load(source, i, kind)

                def replace() -> ir.Value:
                    _sift(heap, index(0), index(wanted), _record(key, i))
                    return top()

                return when(below(key, limit), replace, limit)

            vectors = (count - wanted) // WIDTH
            some = ir.VectorType.get([WIDTH], kind)

            def several(block: ir.Value, limit: ir.Value) -> ir.Value:
                at = plus(times(block, WIDTH), wanted)
                found = below(load(source, at, some), vector.broadcast(some, limit))
                bit = ir.IntegerType.get_signless(1)
                kinds = ir.Attribute.parse("#vector.kind<or>")
                hit = vector.reduction(bit, kinds, found)
                return when(hit, lambda: folded(at, plus(at, WIDTH), limit, take), limit)

            limit = folded(0, vectors, top(), several)
            folded(wanted + vectors * WIDTH, count, limit, take)

            def leave(i: ir.Value) -> None:
                last = arith.subi(index(wanted - 1), i)
                place = load(heap, 0, integer(64))
                _sift(heap, index(0), last, load(heap, last, integer(64)))
                place = arith.extui(integer(64), arith.trunci(integer(WORD), place))
                store(place, Memory(written[0], times(number, wanted)), last)

            spanned(0, wanted, leave)

        spanned(group, rows, row, groups)

    return kernel([b.tensor(keys)], [out], body, groups)[0]


def _by_word(
    keys: Memory, records: Memory, counts: Memory, count: int, bits: int, word: int, begin: Number, current: Number
) -> ir.Value:
    """Records put in order by one word of the keys; they begin at ``current`` or, the first time, have to be made.
    Gives where they begin then: ``begin``, or behind ``count`` others."""
    digits = min(bits - word * WORD, WORD) // DIGIT if count > SHORT else 0
    zero = number_of(0, 32)
    spanned(0, digits << DIGIT, lambda i: store(zero, counts, i))
    source = Memory(records.ref, current)

    def make(i: ir.Value) -> None:
        place = i
        if word:
            place = arith.index_castui(ir.IndexType.get(), arith.trunci(integer(WORD), load(source, i, integer(64))))
        key = load(keys, place, integer(bits))
        if bits > WORD:
            key = arith.trunci(integer(WORD), arith.shrui(key, number_of(word * WORD, bits)))
        record = _record(key, place)
        store(record, source, i)
        for digit in range(digits):
            at = plus(digit_of(record, WORD + digit * DIGIT), digit << DIGIT)
            counted(counts, at)

    spanned(0, count, make)
    if count <= SHORT:
        spanned(1, count, lambda i: insert(source, i, WORD))
    for digit in range(digits):
        piles = Memory(counts.ref, digit << DIGIT)
        current = dealt(records, piles, count, WORD + digit * DIGIT, begin, current)
    return index(current)


def _sift(heap: Memory, at: ir.Value, end: ir.Value, record: ir.Value) -> None:
    """``record`` put into the heap below the place ``at``, which is free."""
    kind = ir.IndexType.get()
    loop = scf.WhileOp([kind, kind], [at])
    before, after = loop.regions[0].blocks.append(kind), loop.regions[1].blocks.append(kind, kind)
    with ir.InsertionPoint(before):
        hole = before.arguments[0]
        left = plus(times(hole, 2), 1)
        last = arith.maxsi(arith.subi(end, index(1)), index(0))
        pair = [arith.minsi(index(n), last) for n in (left, plus(left, 1))]
        found = [load(heap, n, integer(64)) for n in pair]
        right = below(*found)
        child, largest = (arith.select(right, b, a) for a, b in (pair, found))
        inside = arith.cmpi(arith.CmpIPredicate.slt, index(left), end)
        scf.condition(arith.andi(inside, below(record, largest)), [hole, child])
    with ir.InsertionPoint(after):
        hole, child = after.arguments
        store(load(heap, child, integer(64)), heap, hole)
        scf.yield_([child])
    store(record, heap, loop.results[0])


def _record(key: ir.Value, place: ir.Value) -> ir.Value:
    wide = arith.shli(arith.extui(integer(64), key), number_of(WORD, 64))
    return arith.ori(wide, arith.index_castui(integer(64), place))
