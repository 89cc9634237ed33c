"""The order of elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import SIGNED, UNSIGNED, DType, bool_, int32, int64, uint8
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ir.size import bounds
from eerie_dsl.ops.base import REAL, check_dtype
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.indexing import scatter
from eerie_dsl.ops.shape import Batched, front, iota

FEW = 8
"""How many times more elements than wanted ones a row has where only the wanted ones are kept in order."""

HEAP = 1024
"""Wanted elements that a kernel keeps on its stack."""


class ArgSort(Primitive):
    """The indices (int64) that put each row, along the last axis, in order.

    With ``first`` only so many of them. Equal elements keep their order in both directions; -0.0 equals 0.0. NaN is
    larger than everything: last in ascending order, first in descending.
    """

    name = "argsort"
    differentiable = False

    def infer(self, x: Aval, *, descending: bool, first: int | None = None) -> Aval:
        check_dtype(self, x.dtype, (bool_, *REAL))
        if not x.ndim:
            raise ShapeError(f"{self.name} of a 0-d array: there is no axis to sort along")
        if first is not None and not 0 <= first <= bounds(x.shape[-1])[0]:
            raise ShapeError(f"{self.name} of {x!r}: there are no {first} elements along the last axis")
        return Aval(x.shape if first is None else (*x.shape[:-1], first), int64)

    def reference(self, x: Any, *, descending: bool, first: int | None = None) -> Any:
        return order(x, descending=descending)[..., :first]

    def lower(self, b: Any, x: Any, *, out: Aval, descending: bool, first: int | None = None) -> Any:
        count = x.aval.shape[-1]
        if out.size == 0 or count == 1:
            return b.splat(out, 0)
        kind = key_dtype(x.aval.dtype)
        rows, wanted = prod(x.aval.shape[:-1]), out.shape[-1]
        key = b.map(x.aval.with_dtype(kind), lambda s, e: order_key(s, e, kind, descending), x)
        if b.tiled and x.aval.static and count < 1 << 31:
            return b.reshape(_by_kernel(b, key, Aval((rows, wanted), int64)), out)
        passes = (bounds(count)[1] - 1).bit_length()
        padded = 1 << passes
        flat = Aval((rows * padded,), int32 if bounds(rows * padded)[1] < 1 << 31 else int64)
        # Padding has the largest key and stands behind all elements, so that it stays behind them.
        key = b.reshape(key, Aval((rows, count), kind))
        key = b.insert_slice(key, Aval((rows, padded), kind), np.iinfo(kind.numpy).max, (0, 0), (1, 1))
        keys = b.apart(b.reshape(key, flat.with_dtype(kind)))
        places = b.apart(b.index(flat, 0))
        for number in range(passes):
            # Passes differ by a value in memory alone, so that all of them are one kernel, compiled once.
            level = b.apart(b.splat(Aval((1,), flat.dtype), number))
            places = b.apart(b.map(flat, _merge(keys, places, level), b.index(flat, 0)))
        inside = b.map(flat, lambda s, place: s.bit_and(place, padded - 1), places)
        table = b.reshape(inside, flat.with_shape((rows, padded)))
        first = b.reshape(
            b.extract_slice(table, flat.with_shape((rows, wanted)), (0, 0), (1, 1)), out.with_dtype(flat.dtype)
        )
        return b.map(out, lambda s, place: s.cast(place, int64), first)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return row != avals[0].ndim - 1

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> Batched:
        return argsort(front(inputs[0], dims[0]), **params), 0

    def flops(self, x: Aval, *, out: Aval, **params: Any) -> int:
        return x.size * max(x.shape[-1] - 1, 0).bit_length() ** 2


class Sort(Primitive):
    """Each row, along the last axis, in the order of `ArgSort`. Which NaN each is, is lost."""

    name = "sort"

    def infer(self, x: Aval, *, descending: bool) -> Aval:
        argsort.infer(x, descending=descending)
        return x

    def reference(self, x: Any, *, descending: bool) -> Any:
        return np.take_along_axis(x, order(x, descending=descending), -1)

    def lower(self, b: Any, x: Any, *, out: Aval, descending: bool) -> Any:
        count = out.shape[-1]
        if out.size == 0 or count == 1:
            return x
        if not b.tiled or not out.static or count >= 1 << 31:
            places = argsort.lower(b, x, out=out.with_dtype(int64), descending=descending)
            before = [b.index(out.with_dtype(int64), axis) for axis in range(out.ndim - 1)]
            return b.read(x, out, [*before, places])
        kind = key_dtype(out.dtype)
        key = b.map(out.with_dtype(kind), lambda s, e: order_key(s, e, kind, descending, one_zero=False), x)
        key = _unsigned(b, key)
        keys = b.reshape(key, Aval((prod(out.shape[:-1]), count), key.aval.dtype))
        found = b.sorted_keys(keys, 1 << (kind.bits - 1) if out.dtype.kind == "float" else None)
        return b.map(out, lambda s, k: _element(s, k, kind, out.dtype, descending), b.reshape(found, key.aval))

    def vjp(self, ct: Node, out: Node, x: Node, *, descending: bool) -> Cotangents:
        places = [iota(shape=x.shape, dtype=int64, axis=a) for a in range(x.ndim - 1)]
        every = tuple(range(x.ndim))
        return (scatter(like(x, 0), ct, *places, argsort(x, descending=descending), axes=every, mode="add"),)

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return row != avals[0].ndim - 1

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> Batched:
        return sort(front(inputs[0], dims[0]), **params), 0

    def flops(self, x: Aval, *, out: Aval, descending: bool) -> int:
        return argsort.flops(x, out=out, descending=descending)


argsort = ArgSort()
sort = Sort()


def order(x: Any, *, descending: bool) -> Any:
    """`ArgSort` of a NumPy array."""
    if x.dtype.kind == "V":  # bfloat16, which NumPy sorts without a rule for NaN
        x = x.astype(np.float32)
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    return x.shape[-1] - 1 - np.flip(np.argsort(np.flip(x, -1), axis=-1, kind="stable"), -1)


def key_dtype(dtype: DType) -> DType:
    """The integers of `order_key`."""
    if dtype is bool_:
        return uint8
    return next(d for d in SIGNED if d.bits == dtype.bits) if dtype.kind == "float" else dtype


def order_key(s: Any, x: Any, kind: DType, descending: bool, one_zero: bool = True) -> Any:
    """For scalar emitters: an integer that is ordered as the elements are, or the other way round.

    Without ``one_zero`` that of -0.0 is one less than that of 0.0.
    """
    if x.dtype.kind == "float":
        least, most = -(1 << (kind.bits - 1)), (1 << (kind.bits - 1)) - 1
        bits = s.bits(x)
        below = s.bit_xor(bits, most)
        if one_zero:
            below = s.select(s.compare("eq", bits, least), 0, below)
        key = s.select(s.is_nan(x), most, s.select(s.compare("lt", bits, 0), below, bits))
    else:
        key = s.cast(x, kind)
    return s.bit_xor(key, -1) if descending else key


def _element(s: Any, key: Any, kind: DType, dtype: DType, descending: bool) -> Any:
    """For scalar emitters: the element of an unsigned key of those of two zeros."""
    if kind.kind == "int":
        key = s.bit_xor(s.bitcast(key, kind), -(1 << (kind.bits - 1)))
    if descending:
        key = s.bit_xor(key, -1)
    if dtype.kind != "float":
        return s.cast(key, dtype)
    bits = s.select(s.compare("lt", key, 0), s.bit_xor(key, (1 << (kind.bits - 1)) - 1), key)
    return s.bitcast(bits, dtype)


def _unsigned(b: Any, key: Any) -> Any:
    """Keys as unsigned integers in the same order."""
    kind = key.aval.dtype
    if kind.kind != "int":
        return key
    unsigned = next(d for d in UNSIGNED if d.bits == kind.bits)
    lowest = 1 << (kind.bits - 1)
    return b.map(key.aval.with_dtype(unsigned), lambda s, k: s.bit_xor(s.bitcast(k, unsigned), lowest), key)


def _by_kernel(b: Any, key: Any, out: Aval) -> Any:
    """The first places of each row by kernels that are loops over memory; ``out`` tells how many."""
    key = _unsigned(b, key)
    kind, count = key.aval.dtype, key.aval.shape[-1]
    rows, wanted = out.shape
    keys = b.reshape(key, Aval((rows, count), kind))
    if FEW * wanted <= count and wanted <= HEAP and kind.bits <= 32:
        return b.first_places(keys, out)
    places = b.sorted_places(keys, out.with_shape((rows, count)))
    return b.extract_slice(places, out, (0, 0), (1, 1))


def _merge(keys: Any, places: Any, level: Any) -> Any:
    """One pass: neighbouring runs of ``2**level`` places, each in order, become one.

    An element of the result finds its source alone: of the first ``d`` elements of the merged run, how many come from
    the left one is found by bisection, as in merge path (Odeh et al. 2012).
    """

    def body(s: Any, at: Any) -> Any:
        step = s.extract(level, s.constant(0, int64))
        width = s.shift_left(s.constant(1, step.dtype), step)
        behind = s.bit_and(at, s.sub(s.shift_left(width, 1), 1))
        left = s.sub(at, behind)
        right = s.add(left, width)

        def key_at(s: Any, place: Any) -> Any:
            return s.extract(keys, s.extract(places, place))

        def in_order(s: Any, i: Any, j: Any) -> Any:
            return s.compare("le", key_at(s, s.add(left, i)), key_at(s, s.add(right, j)))

        def halve(s: Any, low: Any, high: Any) -> Any:
            middle = s.shift_right(s.add(low, high), 1)
            more = s.bit_and(s.compare("lt", low, high), in_order(s, middle, s.sub(s.sub(behind, 1), middle)))
            return s.select(more, s.add(middle, 1), low), s.select(more, high, middle)

        low, high = s.maximum(s.sub(behind, width), 0), s.minimum(behind, width)
        taken, _ = s.repeat(s.add(step, 1), halve, low, high)
        other = s.sub(behind, taken)
        last = s.sub(width, 1)
        first = s.bit_or(
            s.compare("gt", other, last),
            s.bit_and(s.compare("le", taken, last), in_order(s, taken, s.minimum(other, last))),
        )
        return s.extract(places, s.select(first, s.add(left, taken), s.add(right, other)))

    return body
