"""The order of numbers on CPUs, by kernels with loops over memory.

An element is a record of 64 bits: 32 bits of its key above its place in the row. No two records are equal, and equal
keys are in the order of their places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import arith, scf, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int32, int64
from eerie_dsl.lowering.executable import kernel, workgroup
from eerie_dsl.lowering.memory import Memory, Number, allocated, index, load, plus, store, times
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

DIGIT = 8
"""Bits by which records are dealt out at a time: their counters, and the ends of their piles, stay in the cache."""

WORD = 32
"""Bits of a key in a record."""

WORKGROUPS = 16
"""Parts of the rows that cores work on at the same time."""

SHORT = 40
"""Elements of rows that are put in order one by one: 256 piles take longer."""

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
                record = load(Memory(written[1], current), i, _type(64))
                store(arith.extui(_type(64), arith.trunci(_type(WORD), record)), Memory(written[0], start), i)

            _each(0, count, leave)

        _each(group, rows, row, groups)

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
            _each(0, wanted, lambda i: store(_record(load(source, i, kind), i), heap, i))
            half = wanted // 2

            def settle(i: ir.Value) -> None:
                at = arith.subi(index(half - 1), i)
                _sift(heap, at, index(wanted), load(heap, at, _type(64)))

            _each(0, half, settle)

            def top() -> ir.Value:
                key = arith.shrui(load(heap, 0, _type(64)), _number(WORD, 64))
                return arith.trunci(kind, key)

            def take(i: ir.Value, limit: ir.Value) -> ir.Value:
                key = load(source, i, kind)

                def replace() -> ir.Value:
                    _sift(heap, index(0), index(wanted), _record(key, i))
                    return top()

                return _when(_below(key, limit), replace, limit)

            vectors = (count - wanted) // WIDTH
            some = ir.VectorType.get([WIDTH], kind)

            def several(block: ir.Value, limit: ir.Value) -> ir.Value:
                at = plus(times(block, WIDTH), wanted)
                found = _below(load(source, at, some), vector.broadcast(some, limit))
                bit = ir.IntegerType.get_signless(1)
                kinds = ir.Attribute.parse("#vector.kind<or>")
                hit = vector.reduction(bit, kinds, found)
                return _when(hit, lambda: _folded(at, plus(at, WIDTH), limit, take), limit)

            limit = _folded(0, vectors, top(), several)
            _folded(wanted + vectors * WIDTH, count, limit, take)

            def leave(i: ir.Value) -> None:
                last = arith.subi(index(wanted - 1), i)
                place = load(heap, 0, _type(64))
                _sift(heap, index(0), last, load(heap, last, _type(64)))
                place = arith.extui(_type(64), arith.trunci(_type(WORD), place))
                store(place, Memory(written[0], times(number, wanted)), last)

            _each(0, wanted, leave)

        _each(group, rows, row, groups)

    return kernel([b.tensor(keys)], [out], body, groups)[0]


def _by_word(
    keys: Memory, records: Memory, counts: Memory, count: int, bits: int, word: int, begin: Number, current: Number
) -> ir.Value:
    """Records put in order by one word of the keys; they begin at ``current`` or, the first time, have to be made.
    Gives where they begin then: ``begin``, or behind ``count`` others."""
    digits = min(bits - word * WORD, WORD) // DIGIT if count > SHORT else 0
    zero = _number(0, 32)
    _each(0, digits << DIGIT, lambda i: store(zero, counts, i))
    source = Memory(records.ref, current)

    def make(i: ir.Value) -> None:
        place = i
        if word:
            place = arith.index_castui(ir.IndexType.get(), arith.trunci(_type(WORD), load(source, i, _type(64))))
        key = load(keys, place, _type(bits))
        if bits > WORD:
            key = arith.trunci(_type(WORD), arith.shrui(key, _number(word * WORD, bits)))
        record = _record(key, place)
        store(record, source, i)
        for digit in range(digits):
            at = plus(_digit(record, digit), digit << DIGIT)
            store(arith.addi(load(counts, at, _type(32)), _number(1, 32)), counts, at)

    _each(0, count, make)
    if count <= SHORT:
        _each(1, count, lambda i: _insert(source, i))
    for digit in range(digits):
        piles = Memory(counts.ref, digit << DIGIT)
        current = _dealt(records, piles, count, digit, begin, current)
    return index(current)


def _dealt(records: Memory, piles: Memory, count: int, digit: int, begin: Number, current: Number) -> ir.Value:
    """One pass: records dealt out to piles by a digit, unless there is one pile only. Gives where they begin then."""
    loop = scf.ForOp(index(0), index(1 << DIGIT), index(1), [_number(0, 32), _number(0, 32)])
    with ir.InsertionPoint(loop.body):
        total, largest = loop.inner_iter_args
        size = load(piles, loop.induction_variable, _type(32))
        store(total, piles, loop.induction_variable)
        scf.yield_([arith.addi(total, size), arith.maxui(largest, size)])

    def deal() -> ir.Value:
        target = arith.subi(index(plus(times(begin, 2), count)), index(current))

        def move(i: ir.Value) -> None:
            record = load(Memory(records.ref, current), i, _type(64))
            pile = _digit(record, digit)
            end = load(piles, pile, _type(32))
            store(arith.addi(end, _number(1, 32)), piles, pile)
            store(record, Memory(records.ref, target), arith.index_castui(ir.IndexType.get(), end))

        _each(0, count, move)
        return target

    several = arith.cmpi(arith.CmpIPredicate.ult, loop.results[1], _number(count, 32))
    return _when(several, deal, index(current))


def _insert(records: Memory, at: ir.Value) -> None:
    """The record ``at`` a place put behind those before it, which are in order, whose keys are not larger."""
    record = load(records, at, _type(64))
    key = arith.shrui(record, _number(WORD, 64))
    kind = ir.IndexType.get()
    loop = scf.WhileOp([kind, _type(64)], [at])
    before, after = loop.regions[0].blocks.append(kind), loop.regions[1].blocks.append(kind, _type(64))
    with ir.InsertionPoint(before):
        hole = before.arguments[0]
        other = load(records, arith.subi(arith.maxui(hole, index(1)), index(1)), _type(64))
        larger = _below(key, arith.shrui(other, _number(WORD, 64)))
        inside = arith.cmpi(arith.CmpIPredicate.ne, hole, index(0))
        scf.condition(arith.andi(inside, larger), [hole, other])
    with ir.InsertionPoint(after):
        hole, other = after.arguments
        store(other, records, hole)
        scf.yield_([arith.subi(hole, index(1))])
    store(record, records, loop.results[0])


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
        found = [load(heap, n, _type(64)) for n in pair]
        right = _below(*found)
        child, largest = (arith.select(right, b, a) for a, b in (pair, found))
        inside = arith.cmpi(arith.CmpIPredicate.slt, index(left), end)
        scf.condition(arith.andi(inside, _below(record, largest)), [hole, child])
    with ir.InsertionPoint(after):
        hole, child = after.arguments
        store(load(heap, child, _type(64)), heap, hole)
        scf.yield_([child])
    store(record, heap, loop.results[0])


def _each(start: Number, end: int, body: Callable[[ir.Value], None], step: int = 1) -> None:
    loop = scf.ForOp(index(start), index(end), index(step))
    with ir.InsertionPoint(loop.body):
        body(loop.induction_variable)
        scf.yield_([])


def _folded(start: Number, end: Number, held: ir.Value, body: Callable[[ir.Value, ir.Value], ir.Value]) -> ir.Value:
    loop = scf.ForOp(index(start), index(end), index(1), [held])
    with ir.InsertionPoint(loop.body):
        scf.yield_([body(loop.induction_variable, loop.inner_iter_args[0])])
    return loop.results[0]


def _when(condition: ir.Value, body: Callable[[], ir.Value], otherwise: ir.Value) -> ir.Value:
    chosen = scf.IfOp(condition, [otherwise.type], has_else=True)
    assert chosen.else_block is not None
    with ir.InsertionPoint(chosen.then_block):
        scf.yield_([body()])
    with ir.InsertionPoint(chosen.else_block):
        scf.yield_([otherwise])
    return chosen.results[0]


def _record(key: ir.Value, place: ir.Value) -> ir.Value:
    wide = arith.shli(arith.extui(_type(64), key), _number(WORD, 64))
    return arith.ori(wide, arith.index_castui(_type(64), place))


def _digit(record: ir.Value, number: int) -> ir.Value:
    digit = arith.shrui(record, _number(WORD + number * DIGIT, 64))
    return arith.index_castui(ir.IndexType.get(), arith.andi(digit, _number((1 << DIGIT) - 1, 64)))


def _below(a: ir.Value, b: ir.Value) -> ir.Value:
    return arith.cmpi(arith.CmpIPredicate.ult, a, b)


def _type(bits: int) -> ir.Type:
    return ir.IntegerType.get_signless(bits)


def _number(number: int, bits: int) -> ir.Value:
    return arith.constant(_type(bits), number)
