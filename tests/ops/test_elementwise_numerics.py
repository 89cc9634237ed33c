"""Elementwise primitives over the whole range of their dtypes, compiled, and their gradients in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from eerie_dsl.ir.dtypes import (
    FLOATS,
    INTEGERS,
    DType,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int64,
    uint16,
    uint64,
)
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops import arithmetic as a
from eerie_dsl.ops import exponential as e
from eerie_dsl.ops import power as p
from eerie_dsl.ops import rounding, selection
from eerie_dsl.ops import trigonometric as t
from eerie_dsl.ops.cast import cast
from tests.support.compile_cases import Outcome, run_compiled
from tests.support.rules import check_vjp, graph_of

Array = NDArray[Any]

EDGES: tuple[float, ...] = (
    *(0.0, 1.0, 0.5, 2.0, 3.0, 10.0, 1000.0, np.inf, 0.9, 1.5, 2.5, 1e-10, 1e-30, 1e10, 1e15, 1e22, 1e30, 3e38),
    *(0.99999994, 1.0000001, 0.7071067, 0.70710677, 0.4142135, 2.4142136, 16777215.0, 16777217.0, 4503599627370497.0),
    *(1.5707964, 3.1415927, 4.712389, 6.2831855, 88.72, 88.73, 89.41, 89.42, 103.9, 104.1, 127.99, 128.0, 149.0, 150.0),
    *(709.78, 709.79, 710.47, 710.48, 745.0, 1023.9, 1024.0, 1075.0, 3.92, 3.94, 5.9, 6.1, 1e200, 1e300, 1.7e308),
    *(32767.5, 65504.0, 65519.0, 65520.0, 2.0**31, 2.0**32, 2.0**63, 2.0**64, 1.1754944e-38, 2.3e-38, 2.3e-308),
)
"""Magnitudes at which something changes in one format or another; used with both signs."""


def values(dtype: DType, count: int, seed: int = 0) -> Array:
    """Edges of both signs and NaN, random bits, and random numbers of usual size; no subnormals."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 256, (count // 2) * dtype.itemsize, np.uint8).view(dtype.numpy)
    usual = np.concatenate([rng.normal(0, 3, count), rng.uniform(-1.1, 1.1, count), rng.uniform(-120, 120, count)])
    edges = [*EDGES, *(-x for x in EDGES), np.nan]
    with np.errstate(all="ignore"):
        parts = [np.array(edges).astype(dtype.numpy), bits, rng.choice(usual, count).astype(dtype.numpy)]
        found = np.concatenate(parts)[:count]
        found[np.abs(found) < ml_dtypes.finfo(dtype.numpy).tiny] = 0
    return np.asarray(rng.permutation(found))


def ulps(got: Array, want: Array) -> Array:
    """The error of each element in units of the last place of ``want`` (of more precision) in the dtype of ``got``.

    What can only be a subnormal may be zero; what overflows in rounding may be infinite or the largest number.
    """
    info = ml_dtypes.finfo(got.dtype)
    wide = np.longdouble if got.dtype == np.float64 else np.float64
    with np.errstate(all="ignore"):
        exact: Array = want.astype(wide)
        found: Array = got.astype(wide)
        exponent = np.maximum(np.floor(np.log2(np.abs(exact))), float(info.minexp))
        error = np.abs(found - exact) / np.exp2(exponent - info.nmant)
        largest = wide(info.max)
        error = np.where(np.abs(exact) > largest, np.where(np.isinf(found) & (found * exact > 0), 0, np.inf), error)
        near = np.abs(np.abs(exact) - largest) <= largest * wide(info.eps)
        error = np.where(near & (np.isinf(found) | (np.abs(found) == largest)) & (found * exact > 0), 0, error)
        vanishing = (np.abs(exact) < float(info.tiny)) & (np.abs(found) <= float(info.tiny))
        error = np.where(vanishing, 0, error)
        error = np.where(
            np.isnan(exact) | np.isnan(found), np.where(np.isnan(exact) & np.isnan(found), 0, np.inf), error
        )
    return np.asarray(error)


def wide_reference(op: Primitive, arrays: list[Array], params: Mapping[str, Any]) -> Array:
    """The reference on operands of more precision, where the platform has it."""
    wide = np.longdouble if arrays[0].dtype == np.float64 and op is not e.erf else np.float64
    with np.errstate(all="ignore"):
        return np.asarray(op.reference(*(x.astype(wide) for x in arrays), **params))


@dataclass(frozen=True)
class Check:
    """One primitive in one dtype, on `values` put into its domain by ``domain``."""

    op: Primitive
    dtype: DType
    arity: int = 1
    bound: float = 2.5
    params: Mapping[str, Any] = field(default_factory=dict)
    domain: Callable[[Array], Array] | None = None

    @property
    def name(self) -> str:
        return f"{self.op.name}-{self.dtype.name}" + "".join(f"-{v}" for v in self.params.values())

    def arrays(self) -> list[Array]:
        found = [values(self.dtype, 6000, seed) for seed in range(self.arity)]
        return found if self.domain is None else [self.domain(x) for x in found]


TRANSCENDENTAL = (
    *(e.exp, e.exp2, e.expm1, e.log, e.log2, e.log10, e.log1p, e.sqrt, e.rsqrt, e.sinh, e.cosh, e.tanh),
    *(e.asinh, e.acosh, e.atanh, e.erf, t.sin, t.cos, t.tan, t.asin, t.acos, t.atan, p.cbrt),
)
BOUNDS: dict[Primitive, float] = {t.tan: 4, e.erf: 3.5, e.tanh: 3, e.sqrt: 0.5}

CHECKS = [
    *(Check(op, d, bound=BOUNDS.get(op, 2.5)) for op in TRANSCENDENTAL for d in (float32, float64)),
    *(Check(op, d, bound=0.6) for op in (e.exp, e.log, e.tanh, t.sin) for d in (float16, bfloat16)),
    *(Check(op, d, 2) for op in (p.power, p.hypot, t.atan2) for d in (float32, float64)),
    *(Check(p.power, d, 2, bound=0.6) for d in (float16, bfloat16)),
    *(Check(op, d, 2, bound=0.5) for op in (a.add, a.subtract, a.multiply, a.divide) for d in FLOATS),
]


@pytest.fixture(scope="module")
def compiled() -> list[Outcome]:
    arrays = [c.arrays() for c in CHECKS]
    return run_compiled([graph_of(c.op, x, c.params) for c, x in zip(CHECKS, arrays, strict=True)], arrays)


@pytest.mark.parametrize("k", range(len(CHECKS)), ids=[c.name for c in CHECKS])
def test_error_over_the_whole_range(k: int, compiled: list[Outcome]) -> None:
    case, arrays = CHECKS[k], CHECKS[k].arrays()
    assert not compiled[k].problem, compiled[k].problem
    got, want = compiled[k].outputs[0], wide_reference(case.op, arrays, case.params)
    error = ulps(got, want)
    worst = int(np.argmax(error))
    at = [x[worst] for x in arrays]
    assert error[worst] <= case.bound, f"{error[worst]} ulp at {at}: {got[worst]!r}, not {want[worst]!r}"
    zeros = (want == 0) & (got == 0)
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


def _around(dtype: DType, points: Sequence[float], steps: int) -> Array:
    """Each of the points with its neighbours in the dtype on both sides."""
    integer = np.dtype(f"i{dtype.itemsize}")
    middle = np.array([*points, *(-x for x in points)], dtype.numpy).view(integer)
    near = middle[:, None] + np.arange(-steps, steps + 1, dtype=integer)
    return np.asarray(near.ravel().view(dtype.numpy))


def _dense(dtype: DType) -> Array:
    """Numbers from 1e-4 to 30 of both signs, as many in each octave."""
    found = np.exp(np.linspace(np.log(1e-4), np.log(30), 100_000)).astype(dtype.numpy)
    return np.concatenate([found, -found])


STEPS: list[tuple[Primitive, Array]] = [
    *((e.tanh, _dense(d)) for d in (float32, float64)),
    (e.exp, _around(float32, (87.33654, 88.72283), 300)),
    (e.exp, _around(float64, (708.3964185322641, 709.782712893384), 300)),
    (e.exp2, _around(float32, (126, 128), 300)),
    (e.exp2, _around(float64, (1022, 1024), 300)),
]
"""Where one branch of a function ends and the next begins, more densely than `values`."""


def test_error_where_branches_meet() -> None:
    found = run_compiled([graph_of(op, [x], {}) for op, x in STEPS], [[x] for _, x in STEPS])
    for (op, x), outcome in zip(STEPS, found, strict=True):
        assert not outcome.problem, outcome.problem
        got, want = outcome.outputs[0], wide_reference(op, [x], {})
        error = ulps(got, want)
        worst = int(np.argmax(error))
        assert error[worst] <= BOUNDS.get(op, 2.5), f"{op.name}({x[worst]!r}): {got[worst]!r}, not {want[worst]!r}"
        if op is e.tanh:
            assert np.max(np.abs(got)) == 1.0
            np.testing.assert_array_equal(got[np.abs(x) >= 20], np.sign(x[np.abs(x) >= 20]))


def _integers(dtype: DType, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype.numpy)
    ends = np.array([info.min, info.max, info.min + 1, 0, 1, 2, 3, info.max // 2], dtype.numpy)
    small = rng.integers(max(info.min, -9), 9, 500).astype(dtype.numpy)
    whole = rng.integers(info.min, info.max, 500, dtype.numpy, endpoint=True)
    return np.asarray(rng.permutation(np.concatenate([ends, ends, small, whole])))


def _float_to_integer(source: DType, target: DType) -> tuple[Primitive, list[Array], dict[str, Any]]:
    return cast, [values(source, 3000)], {"dtype": target}


def _pairs(dtype: DType) -> list[Array]:
    if dtype.is_integer:
        return [_integers(dtype, 1), _integers(dtype, 2)]
    return [values(dtype, 3000, 1), values(dtype, 3000, 2)]


def _next() -> list[Array]:
    x, y = values(float32, 2000, 3), values(float32, 2000, 4)
    x[:100] = np.arange(-50, 50).astype(np.int32).view(np.float32)
    y[:100] = np.where(np.arange(100) % 2, -1, 1)
    y[100:200] = x[100:200]
    return [x, y]


ROUNDINGS = (rounding.floor, rounding.ceil, rounding.trunc, rounding.round)
EXACT: list[tuple[Primitive, list[Array], dict[str, Any]]] = [
    *((op, _pairs(d), {}) for op in (a.floor_divide, a.remainder) for d in (int8, int64, uint16, uint64, *FLOATS)),
    *((p.power, _pairs(d), {}) for d in (int8, int64, uint16, uint64)),
    *((op, [values(d, 2000)], {}) for op in ROUNDINGS for d in FLOATS),
    *((op, _pairs(d), {}) for op in (a.minimum, a.maximum) for d in (float16, float32, float64)),
    *(_float_to_integer(source, target) for source in (float16, bfloat16, float32, float64) for target in INTEGERS),
    *((cast, [values(float64, 6000)], {"dtype": d}) for d in (float16, bfloat16, float32)),
    *((cast, [_integers(s, 5)], {"dtype": d}) for s in (int64, uint64) for d in FLOATS),
    (rounding.nextafter, _next(), {}),
]


@pytest.fixture(scope="module")
def exact() -> list[Outcome]:
    return run_compiled([graph_of(op, x, params) for op, x, params in EXACT], [x for _, x, _ in EXACT])


@pytest.mark.parametrize(
    "k",
    range(len(EXACT)),
    ids=["-".join([op.name, x[0].dtype.name, *(v.name for v in params.values())]) for op, x, params in EXACT],
)
def test_bit_for_bit(k: int, exact: list[Outcome]) -> None:
    op, arrays, params = EXACT[k]
    assert not exact[k].problem, exact[k].problem
    got, want = exact[k].outputs[0], graph_of(op, arrays, params).evaluate(arrays)[0]
    if got.dtype.kind in "iu" or op is rounding.nextafter:
        np.testing.assert_array_equal(got, want)
        return
    tiny = float(ml_dtypes.finfo(want.dtype).tiny)
    with np.errstate(all="ignore"):
        found, expected = got.astype(np.float64), want.astype(np.float64)
        subnormal = (np.abs(expected) < tiny) & (np.abs(found) <= tiny)
        if op in (a.floor_divide, a.remainder):  # the remainder towards zero decides on which side they go on
            rest = np.abs(np.fmod(*(x.astype(np.float64) for x in arrays)))
            subnormal |= (rest > 0) & (rest < tiny)
    np.testing.assert_array_equal(found[~subnormal], expected[~subnormal])
    np.testing.assert_array_equal(np.signbit(found[found == found]), np.signbit(expected[found == found]))


@pytest.mark.parametrize("dtype", [complex64, complex128])
def test_complex_numbers(dtype: DType) -> None:
    rng = np.random.default_rng(9)
    x, y = (rng.normal(0, 2, (2, 400)) + 1j * rng.normal(0, 2, (2, 400))).astype(dtype.numpy)
    cases = [(a.multiply, [x, y]), (a.divide, [x, y]), (a.abs, [x]), (e.exp, [x])]
    found = run_compiled([graph_of(op, arrays, {}) for op, arrays in cases], [arrays for _, arrays in cases])
    for (op, arrays), outcome in zip(cases, found, strict=True):
        eps = np.finfo(dtype.numpy).eps
        want = op.reference(*arrays)
        assert np.max(np.abs(outcome.outputs[0] - want) / np.abs(want)) < 6 * eps, op.name


DOMAINS: list[tuple[Primitive, tuple[tuple[float, float], ...]]] = [
    *((op, ((-2, 2),)) for op in (e.exp, e.exp2, e.expm1, e.sinh, e.cosh, e.tanh, e.asinh, e.erf)),
    *((op, ((0.2, 3),)) for op in (e.log, e.log2, e.log10, e.sqrt, e.rsqrt, p.cbrt, a.abs)),
    *((op, ((-0.8, 0.8),)) for op in (e.log1p, e.atanh, t.asin, t.acos)),
    (e.acosh, ((1.2, 3),)),
    *((op, ((-1.3, 1.3),)) for op in (t.sin, t.cos, t.tan, t.atan, a.negative, a.sign)),
    *((op, ((-3, 3), (0.5, 2))) for op in (a.add, a.subtract, a.multiply, a.divide, a.copysign, t.atan2, p.hypot)),
    *((op, ((-3, 3), (-3, 3))) for op in (a.minimum, a.maximum, e.logaddexp)),
    (a.remainder, ((2.1, 2.9), (0.6, 0.65))),
    (p.power, ((0.3, 2), (-2, 2))),
    *((op, ((0.1, 0.4),)) for op in (rounding.floor, rounding.ceil, rounding.trunc, rounding.round)),
    (selection.clip, ((-3, 3), (-1, -0.5), (0.5, 1))),
]


@pytest.mark.parametrize(("op", "ranges"), DOMAINS, ids=[op.name for op, _ in DOMAINS])
def test_gradients_against_differences(op: Primitive, ranges: tuple[tuple[float, float], ...]) -> None:
    rng = np.random.default_rng(3)
    check_vjp(op, [rng.uniform(low, high, 12) for low, high in ranges], {})


def test_gradients_where_there_are_two_sides() -> None:
    x, ones = np.array([1.0, -2.0]), np.ones(2)
    for op in (a.minimum, a.maximum):
        assert [g.tolist() for g in _gradients(op, [x, x], ones)] == [[0.5, 0.5], [0.5, 0.5]]
    zero = np.zeros(1)
    assert _gradients(a.abs, [zero], np.ones(1))[0] == 0
    assert _gradients(e.sqrt, [zero], np.ones(1))[0] == np.inf
    assert _gradients(p.cbrt, [zero], np.ones(1))[0] == np.inf
    assert [g.tolist() for g in _gradients(p.power, [zero, np.array([2.0])], np.ones(1))] == [[0.0], [0.0]]
    assert [g.tolist() for g in _gradients(p.power, [zero, zero], np.ones(1))] == [[0.0], [0.0]]
    assert [g.tolist() for g in _gradients(p.hypot, [zero, zero], np.ones(1))] == [[0.0], [0.0]]


def _gradients(op: Primitive, arrays: list[Array], ct: Array) -> list[Array]:
    from eerie_dsl.ir.graph import Graph, placeholder
    from tests.support.rules import inputs_for

    nodes = inputs_for(arrays)
    out = op(*nodes)
    given = placeholder(out.aval)
    return Graph.of([*nodes, given], [c for c in op.vjp(given, out, *nodes) if c is not None]).evaluate([*arrays, ct])
