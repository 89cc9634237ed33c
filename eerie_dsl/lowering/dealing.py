"""Records dealt out to piles by their digits: the passes of radix sorts, and the loops that these are made of."""

from __future__ import annotations

from collections.abc import Callable

from iree.compiler import ir
from iree.compiler.dialects import arith, scf

from eerie_dsl.lowering.memory import Memory, Number, index, load, plus, spanned, store, times

DIGIT = 8
"""Bits by which records are dealt out at a time: their counters, and the ends of their piles, stay in the cache."""

SHORT = 40
"""Elements of rows that are put in order one by one: 256 piles take longer."""


def dealt(records: Memory, piles: Memory, count: int, shift: int, begin: Number, current: Number) -> ir.Value:
    """One pass: records dealt out to piles by the digit above ``shift`` bits, unless there is one pile only. Gives
    where they begin then."""
    kind = records.ref.type.element_type
    loop = scf.ForOp(index(0), index(1 << DIGIT), index(1), [number_of(0, 32), number_of(0, 32)])
    with ir.InsertionPoint(loop.body):
        total, largest = loop.inner_iter_args
        size = load(piles, loop.induction_variable, integer(32))
        store(total, piles, loop.induction_variable)
        scf.yield_([arith.addi(total, size), arith.maxui(largest, size)])

    def deal() -> ir.Value:
        target = arith.subi(index(plus(times(begin, 2), count)), index(current))

        def move(i: ir.Value) -> None:
            record = load(Memory(records.ref, current), i, kind)
            pile = digit_of(record, shift)
            place = arith.index_castui(ir.IndexType.get(), counted(piles, pile))
            store(record, Memory(records.ref, target), place)

        spanned(0, count, move)
        return target

    several = arith.cmpi(arith.CmpIPredicate.ult, loop.results[1], number_of(count, 32))
    return when(several, deal, index(current))


def insert(records: Memory, at: ir.Value, shift: int) -> None:
    """The record ``at`` a place put behind those before it, which are in order, that are not larger above ``shift``
    bits."""
    element = records.ref.type.element_type
    record = load(records, at, element)
    above = number_of(shift, element.width)
    key = arith.shrui(record, above)
    kind = ir.IndexType.get()
    loop = scf.WhileOp([kind, element], [at])
    before, after = loop.regions[0].blocks.append(kind), loop.regions[1].blocks.append(kind, element)
    with ir.InsertionPoint(before):
        hole = before.arguments[0]
        other = load(records, arith.subi(arith.maxui(hole, index(1)), index(1)), element)
        larger = below(key, arith.shrui(other, above))
        inside = arith.cmpi(arith.CmpIPredicate.ne, hole, index(0))
        scf.condition(arith.andi(inside, larger), [hole, other])
    with ir.InsertionPoint(after):
        hole, other = after.arguments
        store(other, records, hole)
        scf.yield_([arith.subi(hole, index(1))])
    store(record, records, loop.results[0])


def counted(counts: Memory, at: Number) -> ir.Value:
    """What a counter was before it went up by one."""
    found = load(counts, at, integer(32))
    store(arith.addi(found, number_of(1, 32)), counts, at)
    return found


def folded(start: Number, end: Number, held: ir.Value, body: Callable[[ir.Value, ir.Value], ir.Value]) -> ir.Value:
    """``held = body(i, held)`` for the numbers from ``start`` on and below ``end``."""
    loop = scf.ForOp(index(start), index(end), index(1), [held])
    with ir.InsertionPoint(loop.body):
        scf.yield_([body(loop.induction_variable, loop.inner_iter_args[0])])
    return loop.results[0]


def when(condition: ir.Value, body: Callable[[], ir.Value], otherwise: ir.Value) -> ir.Value:
    """What ``body`` gives where a condition holds."""
    chosen = scf.IfOp(condition, [otherwise.type], has_else=True)
    assert chosen.else_block is not None
    with ir.InsertionPoint(chosen.then_block):
        scf.yield_([body()])
    with ir.InsertionPoint(chosen.else_block):
        scf.yield_([otherwise])
    return chosen.results[0]


def digit_of(record: ir.Value, shift: int) -> ir.Value:
    """The digit of a record above ``shift`` bits, as a place."""
    bits = record.type.width
    digit = arith.shrui(record, number_of(shift, bits))
    if bits > DIGIT:
        digit = arith.andi(digit, number_of((1 << DIGIT) - 1, bits))
    return arith.index_castui(ir.IndexType.get(), digit)


def below(a: ir.Value, b: ir.Value) -> ir.Value:
    """Whether one unsigned number is smaller."""
    return arith.cmpi(arith.CmpIPredicate.ult, a, b)


def integer(bits: int) -> ir.Type:
    """The type of integers."""
    return ir.IntegerType.get_signless(bits)


def number_of(number: int, bits: int) -> ir.Value:
    """An unsigned number as a value."""
    return arith.constant(integer(bits), number if number < 1 << (bits - 1) else number - (1 << bits))
