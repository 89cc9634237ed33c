"""The table of cases: every primitive, over the dtypes it takes and the shapes that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eerie_dsl.ir.dtypes import (
    ALL,
    COMPLEXES,
    FLOATS,
    INTEGERS,
    DType,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops import (
    arithmetic,
    bitwise,
    cast,
    comparison,
    constant,
    contraction,
    convolution,
    cumulative,
    dynamic,
    exponential,
    histogram,
    identity,
    indexing,
    logical,
    power,
    reduction,
    rounding,
    search,
    selection,
    shape,
    sort,
    trigonometric,
)
from eerie_dsl.ops import complex as complexes
from eerie_dsl.ops import fft as fourier
from eerie_dsl.ops.base import BITS, NUMERIC, REAL
from eerie_dsl.ops.extent import extent
from eerie_dsl.ops.softmax import softmax
from tests.ops.random_cases import random_cases
from tests.support.case import EMPTY, SHAPE, Case, Operand, elementwise

LIBM = "the expansions of mathematical functions are not rounded correctly"
COMPLEX_ORDER = "complex products are summed in another order than NumPy's"


def _elementwise() -> Iterator[Case]:
    op: Primitive
    a = arithmetic
    for op in (a.add, a.subtract):
        yield from elementwise(op, 2, NUMERIC)
    yield from elementwise(a.multiply, 2, REAL)
    yield Case(a.multiply, (Operand(SHAPE),) * 2, dtypes=COMPLEXES, ulps=2, scale=9, why=COMPLEX_ORDER, smooth=False)
    yield from elementwise(a.divide, 2, FLOATS, 0.5, 3)
    yield Case(a.divide, (Operand(SHAPE),) * 2, dtypes=COMPLEXES, ulps=8, scale=4, why=COMPLEX_ORDER, smooth=False)
    yield from elementwise(a.floor_divide, 2, REAL, -30, 30)
    yield from elementwise(a.remainder, 2, REAL, -30, 30)
    yield from elementwise(a.negative, 1, NUMERIC)
    yield from elementwise(a.abs, 1, REAL)
    yield Case(a.abs, (Operand(SHAPE),), dtypes=COMPLEXES, ulps=2, why="hypot", smooth=False)
    yield from elementwise(a.sign, 1, REAL)
    for op in (a.minimum, a.maximum):
        yield from elementwise(op, 2, REAL)
    yield from elementwise(a.copysign, 2, FLOATS)
    for op in (bitwise.bitwise_and, bitwise.bitwise_or, bitwise.bitwise_xor):
        yield from elementwise(op, 2, BITS)
    yield from elementwise(bitwise.bitwise_not, 1, BITS)
    for op in (bitwise.shift_left, bitwise.shift_right):
        yield from elementwise(op, 2, INTEGERS, -2, 70)
    c = comparison
    for op in (c.equal, c.not_equal):
        yield from elementwise(op, 2, ALL)
    for op in (c.less, c.less_equal, c.greater, c.greater_equal):
        yield from elementwise(op, 2, REAL)
    for op in (c.is_nan, c.is_inf, c.is_finite, c.sign_bit):
        yield from elementwise(op, 1, FLOATS)
    for op in (logical.logical_and, logical.logical_or, logical.logical_xor):
        yield from elementwise(op, 2, (bool_,))
    yield from elementwise(logical.logical_not, 1, (bool_,))
    for op in (rounding.floor, rounding.ceil, rounding.trunc, rounding.round):
        yield from elementwise(op, 1, FLOATS)
    yield from elementwise(rounding.nextafter, 2, (float32, float64), 1, 3)
    for shape_ in (SHAPE, EMPTY, ()):
        values = (Operand(shape_, bool_), Operand(shape_, special=True), Operand(shape_, special=True))
        yield Case(selection.select, values, dtypes=ALL if shape_ == SHAPE else (float32,))
        yield Case(selection.clip, (Operand(shape_, special=True),) * 3, dtypes=REAL if shape_ == SHAPE else (float32,))
    e = exponential
    for op in (e.exp, e.exp2, e.expm1, e.sinh, e.cosh, e.tanh, e.asinh, e.erf):
        yield from elementwise(op, ulps=4, why=LIBM)
    for op in (e.log, e.log2, e.log10, e.log1p, e.sqrt, e.rsqrt):
        yield from elementwise(op, low=0.1, high=9, ulps=4, why=LIBM)
    yield from elementwise(e.acosh, low=1.1, high=9, ulps=4, why=LIBM)
    yield from elementwise(e.atanh, low=-0.9, high=0.9, ulps=4, why=LIBM)
    yield from elementwise(e.logaddexp, 2, ulps=4, scale=1, why=LIBM)
    t = trigonometric
    for op in (t.sin, t.cos, t.tan, t.atan):
        yield from elementwise(op, low=-1.3, high=1.3, ulps=4, why=LIBM)
    for op in (t.asin, t.acos):
        yield from elementwise(op, low=-0.9, high=0.9, ulps=4, why=LIBM)
    yield from elementwise(t.atan2, 2, low=0.5, ulps=4, why=LIBM)
    yield from elementwise(power.power, 2, FLOATS, 0.1, 4, ulps=8, why=LIBM)
    whole = (Operand(SHAPE, special=True), Operand(SHAPE, low=0, high=9))
    yield Case(power.power, whole, dtypes=INTEGERS, smooth=False)
    yield from elementwise(power.cbrt, low=0.5, ulps=4, why=LIBM)
    yield from elementwise(power.hypot, 2, low=0.5, ulps=4, why=LIBM)
    yield from _complex()


def _complex() -> Iterator[Case]:
    op: Primitive
    a, e, t = arithmetic, exponential, trigonometric
    holomorphic = (
        *(e.exp, e.log, e.log2, e.log10, e.log1p, e.sqrt, e.rsqrt, e.sinh, e.cosh, e.tanh, e.asinh, e.acosh, e.atanh),
        *(t.sin, t.cos, t.tan, t.asin, t.acos, t.atan, a.sign),
    )
    for op in holomorphic:
        yield from elementwise(op, 1, COMPLEXES, ulps=6, why=LIBM, smooth=False)
    yield from elementwise(e.expm1, 1, COMPLEXES, ulps=6, scale=1, why=LIBM, smooth=False)
    yield from elementwise(power.power, 2, COMPLEXES, -2, 2, ulps=16, scale=4, why=LIBM, smooth=False)
    for op in (complexes.real, complexes.imag, complexes.conj, rounding.round):
        yield from elementwise(op, 1, COMPLEXES)
    yield from elementwise(complexes.complex_, 2, (float32, float64), smooth=False)
    for op in (comparison.is_nan, comparison.is_inf, comparison.is_finite):
        yield from elementwise(op, 1, COMPLEXES)


def _casts() -> Iterator[Case]:
    for to in ALL:
        sources = [d for d in ALL if d is not to and d.kind != "complex"]
        special = to.kind == "float" or to is bool_
        operand = Operand(SHAPE, low=-9, high=9, special=special)
        yield Case(cast.cast, (operand,), {"dtype": to}, sources, tag=f"to {to.name}", smooth=to is float64)
    yield Case(cast.cast, (Operand(SHAPE),), {"dtype": float32}, COMPLEXES, tag="real", smooth=False)
    yield Case(cast.cast, (Operand(SHAPE),), {"dtype": complex128}, (complex64,), tag="wider", smooth=False)
    odd = (np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, 2.0**63, -129.0, 255.5, 300.0, -0.5, 0.9)
    for to in INTEGERS:
        ends = (Operand((12,), data=odd),)
        yield Case(cast.cast, ends, {"dtype": to}, (float32, float64), tag=f"{to.name} ends", smooth=False)
    for shape_ in (EMPTY, ()):
        yield Case(cast.cast, (Operand(shape_),), {"dtype": int32}, (float32,))
    pairs = {float32: int32, float64: int64, uint8: int8, float16: uint16, int32: float32, uint16: float16}
    yield Case(cast.bitcast, (Operand(SHAPE, special=True),), lambda d: {"dtype": pairs[d]}, tuple(pairs))


def _shapes() -> Iterator[Case]:
    s = shape
    x = Operand((2, 3, 4), special=True)
    none = Operand((2, 0, 3))
    for new in ((24,), (4, 6), (2, 1, 3, 4), (3, 2, 4)):
        yield Case(s.reshape, (x,), {"shape": new}, tag=str(new))
    yield Case(s.reshape, (x,), {"shape": (4, 3, 2)}, ALL, tag="dtypes")
    yield Case(s.reshape, (Operand((1, 1)),), {"shape": ()}, tag="to 0d")
    yield Case(s.reshape, (Operand(()),), {"shape": (1, 1)})
    yield Case(s.reshape, (none,), {"shape": (3, 0)})
    for axes in ((2, 0, 1), (0, 2, 1), (0, 1, 2)):
        yield Case(s.transpose, (x,), {"axes": axes}, tag=str(axes))
    yield Case(s.transpose, (x,), {"axes": (2, 1, 0)}, ALL, tag="dtypes")
    yield Case(s.transpose, (Operand(()),), {"axes": ()})
    yield Case(s.transpose, (none,), {"axes": (1, 2, 0)})
    yield Case(s.broadcast, (Operand((3, 1)),), {"shape": (2, 3, 4, 5), "axes": (1, 3)}, ALL)
    yield Case(s.broadcast, (Operand((2, 3)),), {"shape": (2, 3), "axes": (0, 1)}, tag="same")
    yield Case(s.broadcast, (Operand(()),), {"shape": (2, 3), "axes": ()})
    yield Case(s.broadcast, (Operand((1, 3)),), {"shape": (0, 3), "axes": (0, 1)}, tag="to none")
    yield Case(s.broadcast, (Operand((0, 1)),), {"shape": (2, 0, 5), "axes": (1, 2)})
    yield Case(s.concat, (x, Operand((2, 1, 4)), Operand((2, 0, 4)), x), {"axis": 1})
    yield Case(s.concat, (x, Operand((2, 3, 1))), {"axis": 2}, ALL)
    yield Case(s.concat, (x, x), {"axis": 0})
    yield Case(s.concat, (x,), {"axis": 0}, tag="alone")
    yield Case(s.concat, (none, none), {"axis": 1})
    padding = {"low": (1, 0, 2), "high": (0, 3, 1), "interior": (0, 2, 1)}
    yield Case(s.pad, (x,), {**padding, "value": 1}, ALL)
    edges = {"low": (0, 1, 2), "high": (0, 0, 1), "interior": (0,) * 3, "value": np.inf}
    yield Case(s.pad, (x,), edges, tag="edges", smooth=False)
    yield Case(s.pad, (none,), {**padding, "value": 5})
    yield Case(s.pad, (Operand(()),), {"low": (), "high": (), "interior": (), "value": 0})
    yield Case(s.slice, (x,), {"starts": (0, 1, 0), "stops": (2, 3, 4), "strides": (1, 1, 3)}, ALL)
    yield Case(s.slice, (x,), {"starts": (1, 0, 0), "stops": (2, 3, 4), "strides": (1, 1, 1)}, tag="leading")
    yield Case(s.slice, (x,), {"starts": (0, 0, 0), "stops": (2, 3, 4), "strides": (1, 1, 1)}, tag="whole")
    yield Case(s.slice, (x,), {"starts": (0, 2, 1), "stops": (2, 2, 4), "strides": (1, 1, 1)}, tag="none")
    yield Case(s.slice, (Operand(()),), {"starts": (), "stops": (), "strides": ()})
    yield Case(s.flip, (x,), {"axes": (0, 2)}, ALL)
    yield Case(s.flip, (x,), {"axes": ()}, tag="none")
    yield Case(s.flip, (none,), {"axes": (1, 2)})
    for d in REAL:
        for axis in (0, 1):
            params = {"shape": (3, 5), "dtype": d, "axis": axis}
            yield Case(s.iota, (), params, tag=f"{d.name} along {axis}")
    yield Case(s.iota, (), {"shape": (300,), "dtype": uint8, "axis": 0}, tag="wraps")
    yield Case(s.iota, (), {"shape": (2, 0), "dtype": int64, "axis": 0}, tag="empty")
    yield Case(extent, (), {"size": 7})
    data = np.arange(6, dtype=np.int32).tobytes()
    yield Case(constant.constant, (), {"data": data, "shape": (2, 3), "dtype": int32}, tag="several")
    for d in ALL:
        data = np.ones(3, d.numpy).tobytes()
        yield Case(constant.constant, (), {"data": data, "shape": (3,), "dtype": d}, tag=f"{d.name} alike")
        data = np.arange(3).astype(d.numpy).tobytes()
        yield Case(constant.constant, (), {"data": data, "shape": (3,), "dtype": d}, tag=d.name)
    yield Case(constant.constant, (), {"data": b"", "shape": (0,), "dtype": float32}, tag="empty")
    yield Case(constant.constant, (), {"data": bytes(4), "shape": (), "dtype": float32}, tag="0d")


ORDER = "the order of summation is not defined"


def _reductions() -> Iterator[Case]:
    op: Primitive
    r = reduction
    cube = Operand((3, 4, 5))
    families: tuple[tuple[Primitive, Sequence[DType], dict[str, Any]], ...] = (
        (r.reduce_sum, NUMERIC, {"ulps": 8, "scale": 20, "why": ORDER}),
        (r.reduce_prod, NUMERIC, {"ulps": 80, "why": ORDER}),
        (r.reduce_max, REAL, {}),
        (r.reduce_min, REAL, {}),
        (r.reduce_any, (bool_,), {}),
        (r.reduce_all, (bool_,), {}),
    )
    for op, dtypes, options in families:
        first = (float32,) if float32 in dtypes else (bool_,)
        yield Case(op, (Operand(SHAPE, low=0.5, high=1.5),), {"axes": (1,)}, dtypes, tag="rows", **options)
        for axes in ((0,), (0, 1), ()):
            yield Case(op, (Operand(SHAPE, low=0.5, high=2),), {"axes": axes}, first, tag=str(axes), **options)
        for axes in ((0, 2), (1,)):
            yield Case(op, (cube,), {"axes": axes}, first, tag=str(axes), **options)
        yield Case(op, (Operand((2, 7), special=True),), {"axes": (1,)}, first, tag="special", **options, smooth=False)
        yield Case(op, (Operand((0, 3)),), {"axes": (1,)}, first, tag="no rows", **options)
        yield Case(op, (Operand(()),), {"axes": ()}, first, **options)
        if op not in (r.reduce_max, r.reduce_min):
            yield Case(op, (Operand((3, 0)),), {"axes": (1,)}, dtypes, tag="of none", **options)
    yield Case(r.reduce_sum, (Operand((3,), data=(-0.0,) * 3),), {"axes": (0,)}, FLOATS, tag="of negative zeros")
    ties = Operand((2, 5), data=(1, 3, 3, 2, 3, 0, 0, 0, 0, 0))
    yield Case(r.reduce_prod, (ties,), {"axes": (1,)}, tag="of zeros")
    for op in (r.reduce_max, r.reduce_min):
        yield Case(op, (ties,), {"axes": (1,)}, tag="ties", smooth=False)
    for op in (r.argmax, r.argmin):
        yield Case(op, (Operand(SHAPE),), {"axis": 1}, REAL)
        yield Case(op, (Operand(SHAPE, special=True),), {"axis": 0}, tag="special")
        yield Case(op, (Operand((2, 3, 9), special=True),), {"axis": 1}, tag="middle")
        yield Case(op, (ties,), {"axis": 1}, tag="ties")
        yield Case(op, (Operand((3,), data=(-np.inf,) * 3),), {"axis": 0}, tag="infinite")
        yield Case(op, (Operand((0, 3)),), {"axis": 1})
    whole = (float32, float64)
    for axes in ((1,), (0,), (0, 1)):
        yield Case(softmax, (Operand(SHAPE),), {"axes": axes}, whole, tag=str(axes), ulps=8, why=ORDER)
    yield Case(softmax, (cube,), {"axes": (0, 2)}, whole, ulps=8, why=ORDER)
    for tag, numbers in (("infinite", (-np.inf, 0, 1, -np.inf, -np.inf, -np.inf)), ("nan", (np.nan, 0, 1, 1, 2, 3))):
        yield Case(
            softmax, (Operand((2, 3), data=numbers),), {"axes": (1,)}, whole, tag=tag, smooth=False, ulps=8, why=ORDER
        )
    yield Case(
        softmax,
        (Operand((2, 3), data=(1e30, -1e30, 0, 1000, 1001, 999)),),
        {"axes": (1,)},
        tag="large",
        smooth=False,
        ulps=8,
        why=ORDER,
    )
    yield Case(softmax, (Operand((0, 3)),), {"axes": (1,)}, whole, tag="no rows")
    for op in (cumulative.cumsum, cumulative.cumprod):
        rough: dict[str, Any] = {"ulps": 4, "scale": 60, "why": COMPLEX_ORDER}
        reals = [d for d in NUMERIC if d.kind != "complex"]
        yield Case(op, (Operand((4, 9)),), {"axis": 1}, reals)
        yield Case(
            op, (Operand((4, 9), low=0.5, high=1.5),), {"axis": 1}, COMPLEXES, **rough, tag="complex", smooth=False
        )
        yield Case(op, (cube,), {"axis": 1})
        yield Case(op, (cube,), {"axis": 0}, tag="first")
        yield Case(op, (Operand((7, 3)),), {"axis": 1}, tag="rows left over")
        yield Case(op, (Operand((3, 2, 67), low=0.5, high=1.5),), {"axis": 1}, tag="columns left over")
        yield Case(op, (Operand((2, 5), data=(1, 0, 3, 0, 5, 2, 2, 0, 1, 1)),), {"axis": 1}, tag="zeros")
        yield Case(op, (Operand((2, 7), special=True),), {"axis": 1}, tag="special", smooth=False)
        yield Case(op, (Operand((0, 3)),), {"axis": 1})
        yield Case(op, (Operand((1,)),), {"axis": 0})


def _indexing() -> Iterator[Case]:
    g, d = indexing, dynamic
    x = Operand((5, 3, 4))
    rows = Operand((2, 3), int32, data=(0, 4, 2, 2, 1, 4))
    wild = Operand((6,), int64, data=(-1, 7, 0, 4, -(2**40), 2**40))
    pair = (Operand((4,), int64, data=(0, 4, 1, 1)), Operand((4,), int64, data=(3, 0, 2, 2)))
    yield Case(g.gather, (x, rows), {"axes": (0,)}, ALL)
    yield Case(g.gather, (x, wild), {"axes": (0,)}, tag="out of range")
    for kind in (int8, int16, uint8, uint32, uint64):
        index = Operand((5,), kind, data=(0, 3, 1, 100, 4))
        yield Case(g.gather, (x, index), {"axes": (1,)}, tag=kind.name)
    yield Case(g.gather, (Operand((1000,)), Operand((3,), int8, data=(-5, 127, 3))), {"axes": (0,)}, tag="narrow")
    yield Case(g.gather, (x, *pair), {"axes": (0, 2)}, tag="two")
    yield Case(g.gather, (x, *pair), {"axes": (2, 0)}, tag="two turned")
    yield Case(g.gather, (x, Operand((), int32, data=(2,))), {"axes": (1,)})
    yield Case(g.gather, (x, Operand((0,), int32)), {"axes": (1,)})
    yield Case(g.gather, (Operand((0, 3)), rows), {"axes": (1,)}, tag="of none")
    yield Case(g.gather, (Operand((0, 3)), Operand((0,), int32)), {"axes": (0,)}, tag="none of none")
    unique = Operand((3,), int32, data=(4, 0, 2))
    factors = {"mode": "multiply", "axes": (0,)}
    repeated, zeros = Operand((2, 3), low=-2, high=2), Operand((5, 3), data=(0.0, 2, 3, 4, 0, 0, *range(9)))
    yield Case(g.scatter, (Operand((5, 3)), zeros, Operand((5,), int32, data=(0, 1, 1, 3, 0))), factors, tag="zeros")
    yield Case(g.scatter, (Operand((5,)), repeated, rows), factors, tag="repeated", ulps=4, scale=81, why=ORDER)
    modes = (("add", NUMERIC), ("multiply", NUMERIC), ("set", ALL), ("max", REAL), ("min", REAL))
    for mode, dtypes in modes:
        options: dict[str, Any] = {"ulps": 4, "scale": 81, "why": ORDER} if mode in ("add", "multiply") else {}
        given = {"axes": (0,), "mode": mode}
        yield Case(g.scatter, (x, Operand((2, 3, 3, 4)), rows), given, dtypes, tag=mode, **options)
        yield Case(g.scatter, (x, Operand((3, 3, 4), special=True), unique), given, tag=f"{mode} special", **options)
        yield Case(g.scatter, (x, Operand((6, 3, 4)), wild), given, tag=f"{mode} out of range", **options)
        narrow = Operand((4,), int8, data=(-5, 127, 3, 3))
        yield Case(g.scatter, (Operand((1000,)), Operand((4,)), narrow), given, tag=f"{mode} narrow", **options)
        both = {"axes": (2, 0), "mode": mode}
        yield Case(g.scatter, (x, Operand((4, 3)), *pair[::-1]), both, tag=f"{mode} two", **options)
        yield Case(g.scatter, (x, Operand((0, 3, 4)), Operand((0,), int32)), given, tag=f"{mode} none", **options)
        point = Operand((), int64, data=(1,))
        yield Case(g.scatter, (Operand((3,)), Operand(()), point), given, tag=f"{mode} one", **options)
        yield Case(g.scatter, (Operand((0, 2)), Operand((2, 2)), Operand((2,), int32)), given, tag=f"{mode} into none")
    for starts in ((1, 2), (-9, 1), (9, 9)):
        at = tuple(Operand((), int32, data=(i,)) for i in starts)
        yield Case(d.dynamic_slice, (Operand((5, 6)), *at), {"sizes": (3, 2)}, ALL if starts[0] == 1 else (float32,))
        both_ = (Operand((5, 6)), Operand((3, 2)), *at)
        yield Case(d.dynamic_update, both_, {}, ALL if starts[0] == 1 else (float32,), tag=str(starts))
    at = (Operand((), uint64, data=(2**63,)), Operand((), int8, data=(-128,)))
    yield Case(d.dynamic_slice, (Operand((5, 300)), *at), {"sizes": (2, 299)}, tag="index dtypes")
    yield Case(d.dynamic_slice, (Operand((5, 6)), *at), {"sizes": (0, 6)}, tag="none")
    yield Case(d.dynamic_slice, (Operand(()),), {"sizes": ()})
    yield Case(d.dynamic_update, (Operand((5, 300)), Operand((2, 299)), *at), tag="index dtypes")
    yield Case(d.dynamic_update, (Operand((5, 6)), Operand((0, 6)), *at), tag="none")
    yield Case(d.dynamic_update, (Operand(()), Operand(())))


def _ordering() -> Iterator[Case]:
    ties = Operand((2, 9), data=(3, 1, 3, 2, 1, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    zeros = Operand((6,), data=(0.0, -0.0, 1.0, -0.0, 0.0, -1.0))
    for down in (False, True):
        params, tag = {"descending": down}, "down" if down else "up"
        every = (bool_, uint8, int64, float16, float64) if down else (bool_, *REAL)
        yield Case(sort.argsort, (Operand((3, 37), special=True),), params, every, tag=tag)
        yield Case(sort.sort, (Operand((3, 37), special=True),), params, every, tag=tag)
        yield Case(sort.sort, (Operand((65, 70), special=True),), params, (uint8, int16, float32, float64), tag=tag)
        yield Case(sort.argsort, (ties,), params, (int8,), tag=f"ties {tag}")
        yield Case(sort.argsort, (zeros,), params, (float32,), tag=f"zeros {tag}")
        yield Case(sort.argsort, (Operand((16,), special=True),), params, tag=f"full {tag}")
        yield Case(sort.argsort, (Operand((3, 97), special=True),), {**params, "first": 5}, every, tag=f"some {tag}")
        yield Case(sort.argsort, (Operand((2, 9)),), {**params, "first": 7}, tag=f"most {tag}")
    table = Operand((7,), data=(-3, -1, -0.0, 0, 2, np.inf, np.nan))
    for side in ("left", "right"):
        sided = {"side": side}
        yield Case(search.searchsorted, (table, Operand((3, 8), special=True)), sided, FLOATS, tag=side)
        rising = Operand((2, 5), data=(0, 0, 1, 2, 3, 0, 1, 1, 1, 3))
        yield Case(search.searchsorted, (rising, Operand((2, 6))), sided, BITS, tag=f"rows {side}")
        for wanted in ((), (0, 3)):
            yield Case(search.searchsorted, (table, Operand(wanted)), sided, tag=side)
        yield Case(search.searchsorted, (Operand((0,)), Operand((3,))), sided, tag=f"none {side}")
    bins, edges = histogram.bin_counts, Operand((6,), data=(-2, -1.2, -0.4, 0.4, 1.2, 2))
    yield Case(bins, (Operand((40,), special=True), edges), dtypes=REAL)
    yield Case(bins, (Operand((2, 9)), Operand((2, 3), data=(-1, 0, 2, -2, 0, 0))), dtypes=(float32, int32), tag="rows")
    for amount, places in ((0, (-1, 1)), (7, (0,)), (5, (np.nan, 1))):
        yield Case(bins, (Operand((amount,)), Operand((len(places),), data=places)), tag=f"{amount} in {places}")
    for length in (40, 41):
        yield Case(sort.argsort, (Operand((3, length), special=True),), {"descending": False}, (float32, float64))
    few: Sequence[tuple[int, ...]] = ((1,), (4, 1), (0,), (3, 0), (0, 5), (2, 2, 3))
    for sizes in few:
        yield Case(sort.argsort, (Operand(sizes),), {"descending": False})
        yield Case(sort.sort, (Operand(sizes),), {"descending": False})
    yield Case(sort.argsort, (Operand((2, 3)),), {"descending": False, "first": 0}, tag="none wanted")


def _contractions() -> Iterator[Case]:
    def dot(d: DType) -> Mapping[str, Any]:
        return {"contract": ((2,), (1,)), "batch": ((0,), (0,)), "dtype": d}

    def convolution_(d: DType) -> Mapping[str, Any]:
        steps = {"strides": (2,), "padding": ((1, 0),), "lhs_dilation": (1,), "rhs_dilation": (2,)}
        return {**steps, "groups": 1, "dtype": d}

    rough: dict[str, Any] = {"ulps": 16, "scale": 20, "why": ORDER}
    dtypes = (float32, float64, float16, int8, int64, complex64)
    yield Case(contraction.dot, (Operand((2, 3, 5)), Operand((2, 5, 4))), dot, dtypes, **rough)
    operands = (Operand((2, 7, 3)), Operand((2, 3, 4)))
    yield Case(convolution.convolution, operands, convolution_, (float32, float64, float16, int8, int32), **rough)


def _transforms() -> Iterator[Case]:
    f = fourier
    rough: dict[str, Any] = {"ulps": 8, "scale": 40, "why": ORDER, "smooth": False}
    one = {"scale": 1.0}
    for n, dtypes in ((128, COMPLEXES), (67, (complex64,)), (1, (complex64,))):
        for inverse in (False, True):
            given = {"inverse": inverse, "scale": 0.5 if inverse else 1.0}
            yield Case(f.fft, (Operand((2, n)),), given, dtypes, **rough, tag="back" if inverse else "")
    for n, real_ in ((128, (float32, float64)), (21, (float32,)), (1, (float32,))):
        yield Case(f.rfft, (Operand((2, n)),), one, real_, **rough)
        wide = COMPLEXES if n == 128 else (complex64,)
        yield Case(f.irfft, (Operand((2, n // 2 + 1)),), {**one, "size": n}, wide, **rough, tag=str(n))
    none = Operand((0, 4))
    yield Case(f.fft, (none,), {**one, "inverse": False}, (complex64,), **rough)
    yield Case(f.rfft, (none,), one, (float32,), **rough)
    yield Case(f.irfft, (none,), {**one, "size": 6}, (complex64,), **rough)


def _identities() -> Iterator[Case]:
    for op in (identity.alias, identity.stop_gradient):
        yield from elementwise(op, 1, ALL)
    yield Case(identity.after, (Operand(SHAPE, special=True), Operand((3,))), dtypes=ALL)
    yield Case(identity.after, (Operand(EMPTY), Operand(())))


CASES = (
    *_elementwise(),
    *_casts(),
    *_shapes(),
    *_reductions(),
    *_indexing(),
    *_ordering(),
    *_contractions(),
    *_transforms(),
    *_identities(),
    *random_cases(),
)
