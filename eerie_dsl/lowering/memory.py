"""Loops and memory inside a kernel that is written here, in numbers that may be known already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from iree.compiler import ir
from iree.compiler.dialects import arith, memref, scf, vector

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.lowering.lift import vector_type
from eerie_dsl.lowering.scalar import element_type

Number: TypeAlias = int | ir.Value
At: TypeAlias = tuple[Number, ...]

BYTES = 256
"""Bytes of a vector of elementwise work: enough independent work for chains of slow instructions."""

UNROLLED = 4
"""Repetitions that are written out."""


class Memory(NamedTuple):
    """Elements in row-major order from a place of some memory on."""

    ref: ir.Value
    start: Number = 0


def width_of(dtype: DType) -> int:
    """Elements of a vector."""
    return max(BYTES // dtype.itemsize, 1)


def vector_slice(value: ir.Value, start: int, width: int) -> ir.Value:
    """``width`` elements of a vector."""
    if width == 1:
        return vector.extract(value, [], [start])
    kind = ir.VectorType.get([width], value.type.element_type)
    return vector.extract_strided_slice(kind, value, [start], [width], [1])


def pieces(size: int, width: int) -> Iterator[tuple[int, int, int]]:
    """An axis in vectors: where some begin, how many they are, how wide; widths are ``width`` halved and again."""
    start = 0
    width = 1 << (width.bit_length() - 1)
    while start < size:
        count = (size - start) // width
        if count:
            yield start, count, width
            start += count * width
        width //= 2


def nest(shape: Sequence[int], width: int, part: Callable[[At, int], None]) -> None:
    """``part(at, width)`` for vectors along the last axis that together cover a shape."""

    def level(at: At) -> None:
        if len(at) == len(shape):
            part(at, 1)
        elif len(at) + 1 < len(shape):
            each(shape[len(at)], lambda i: level((*at, i)))
        else:
            for start, count, w in pieces(shape[-1], width):
                each(count, lambda i, start=start, w=w: part((*at, plus(times(i, w), start)), w))  # type: ignore[misc]

    level(())


def each(count: int, body: Callable[[Number], None]) -> None:
    """``body`` of every number below ``count``."""

    def step(i: Number, held: Sequence[ir.Value]) -> list[ir.Value]:
        body(i)
        return []

    repeat(count, [], step)


def spanned(start: Number, end: Number, body: Callable[[ir.Value], None], step: int = 1) -> None:
    """``body`` of every ``step``-th number from ``start`` on and below ``end``."""
    loop = scf.ForOp(index(start), index(end), index(step))
    with ir.InsertionPoint(loop.body):
        body(loop.induction_variable)
        scf.yield_([])


def repeat(
    count: int,
    held: Sequence[ir.Value],
    body: Callable[[Number, Sequence[ir.Value]], list[ir.Value]],
    unroll: int = 1,
) -> Sequence[ir.Value]:
    """``held = body(i, held)`` for every ``i`` below ``count``; written out where that is short."""
    if count <= UNROLLED:
        for i in range(count):
            held = body(i, held)
        return held
    while count % unroll:
        unroll //= 2
    loop = scf.ForOp(index(0), index(count), index(unroll), list(held))
    with ir.InsertionPoint(loop.body):
        inner: Sequence[ir.Value] = list(loop.inner_iter_args)
        for k in range(unroll):
            inner = body(plus(loop.induction_variable, k), inner)
        scf.yield_(list(inner))
    return list(loop.results)


def index(number: Number) -> ir.Value:
    """A number as a value."""
    return arith.constant(ir.IndexType.get(), number) if isinstance(number, int) else number


def plus(a: Number, b: Number) -> Number:
    """A sum."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if 0 in (x for x in (a, b) if isinstance(x, int)):
        return b if isinstance(a, int) else a
    return arith.addi(index(a), index(b))


def times(a: Number, b: int) -> Number:
    """A product."""
    if isinstance(a, int):
        return a * b
    return a if b == 1 else 0 if b == 0 else arith.muli(a, index(b))


def linear(shape: Sequence[int], at: At) -> Number:
    """Where an element lies in row-major order."""
    place: Number = 0
    for axis, i in enumerate(at):
        place = plus(place, times(i, prod(shape[axis + 1 :])))
    return place


def allocated(aval: Aval) -> ir.Value:
    """Memory on the stack."""
    return memref.alloca(ir.MemRefType.get([aval.size], element_type(aval.dtype)), [], [])


def load(memory: Memory, place: Number, kind: ir.Type) -> ir.Value:
    """A vector, or one element."""
    at = [index(plus(place, memory.start))]
    return vector.load(kind, memory.ref, at) if isinstance(kind, ir.VectorType) else memref.load(memory.ref, at)


def store(value: ir.Value, memory: Memory, place: Number) -> None:
    """Write a vector, or one element."""
    at = [index(plus(place, memory.start))]
    if isinstance(value.type, ir.VectorType):
        vector.store(value, memory.ref, at)
    else:
        memref.store(value, memory.ref, at)


def prefetch(memory: Memory, place: Number) -> None:
    """Have the line of the cache with an element brought there while the kernel goes on."""
    memref.PrefetchOp(memory.ref, [index(plus(place, memory.start))], False, 3, True)  # to read, soon, no instructions


def spread(value: ir.Value, width: int) -> ir.Value:
    """One element, ``width`` times."""
    return value if width == 1 else vector.broadcast(vector_type(value.type, width), value)


def copy(source: Memory, target: Memory, aval: Aval) -> None:
    """All elements."""
    kind = element_type(aval.dtype)

    def part(at: At, width: int) -> None:
        store(load(source, at[0], vector_type(kind, width)), target, at[0])

    nest((aval.size,), width_of(aval.dtype), part)
