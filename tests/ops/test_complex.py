"""Functions of complex numbers: special values, accuracy and gradients, as interpreted and as compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.check import check
from eerie_dsl.ir.dtypes import complex64, complex128
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops import arithmetic, cast, contraction, cumulative, exponential, numpy_complex, power, reduction
from eerie_dsl.ops import complex as complexes
from eerie_dsl.ops import trigonometric as t
from tests.support.compile_cases import run_compiled
from tests.support.recording import operand
from tests.support.rules import graph_of, inputs_for

Array = NDArray[np.complexfloating]
e = exponential
INF, NAN, PI = math.inf, math.nan, math.pi

FUNCTIONS: dict[Primitive, Callable[[Array], Array]] = {
    e.exp: np.exp,
    e.expm1: numpy_complex.expm1,
    e.sinh: np.sinh,
    e.cosh: np.cosh,
    e.tanh: numpy_complex.tanh,
    t.sin: np.sin,
    t.cos: np.cos,
    t.tan: numpy_complex.tan,
    e.log: np.log,
    e.log2: np.log2,
    e.log10: np.log10,
    e.log1p: numpy_complex.log1p,
    e.sqrt: np.sqrt,
    t.asin: np.arcsin,
    t.acos: np.arccos,
    t.atan: np.arctan,
    e.asinh: np.arcsinh,
    e.acosh: np.arccosh,
    e.atanh: np.arctanh,
    arithmetic.sign: numpy_complex.sign,
}

# z, f(z), and which parts of it may have either sign. Those of conj(z) follow, but where z is on a branch cut.
SPECIAL: dict[Primitive, Sequence[tuple[complex, complex, str]]] = {
    e.exp: [
        (complex(-0.0, 0.0), complex(1, 0), ""),
        (complex(1, INF), complex(NAN, NAN), ""),
        (complex(INF, 0), complex(INF, 0), ""),
        (complex(INF, 2), complex(-INF, INF), ""),
        (complex(-INF, 2), complex(-0.0, 0), ""),
        (complex(-INF, INF), complex(0, 0), "ri"),
        (complex(-INF, NAN), complex(0, 0), "ri"),
        (complex(INF, INF), complex(INF, NAN), "r"),
        (complex(NAN, 0), complex(NAN, 0), ""),
        (complex(NAN, 1), complex(NAN, NAN), ""),
        (complex(710, PI / 2), complex(1.3679273e292, INF), ""),
    ],
    e.expm1: [
        (complex(-0.0, 0.0), complex(0, 0), ""),
        (complex(1, INF), complex(NAN, NAN), ""),
        (complex(INF, 0), complex(INF, 0), ""),
        (complex(INF, 2), complex(-INF, INF), ""),
        (complex(-INF, 2), complex(-1, 0), ""),
        (complex(-INF, INF), complex(-1, 0), "i"),
        (complex(INF, NAN), complex(INF, NAN), "r"),
        (complex(NAN, 0), complex(NAN, 0), ""),
        (complex(1e-300, 0), complex(1e-300, 0), ""),
    ],
    e.sinh: [
        (complex(0, 0), complex(0, 0), ""),
        (complex(0, INF), complex(0, NAN), "r"),
        (complex(3, INF), complex(NAN, NAN), ""),
        (complex(INF, 0), complex(INF, 0), ""),
        (complex(-INF, 2), complex(INF, INF), ""),
        (complex(INF, INF), complex(INF, NAN), "r"),
        (complex(NAN, 0), complex(NAN, 0), ""),
        (complex(NAN, 3), complex(NAN, NAN), ""),
        (complex(1420, 1e-307), complex(INF, INF), ""),
    ],
    e.cosh: [
        (complex(0, 0), complex(1, 0), ""),
        (complex(0, NAN), complex(NAN, 0), "i"),
        (complex(3, NAN), complex(NAN, NAN), ""),
        (complex(-INF, 0), complex(INF, -0.0), ""),
        (complex(INF, 2), complex(-INF, INF), ""),
        (complex(INF, NAN), complex(INF, NAN), ""),
        (complex(NAN, 0), complex(NAN, 0), "i"),
    ],
    e.tanh: [
        (complex(0, 0), complex(0, 0), ""),
        (complex(0, INF), complex(0, NAN), ""),
        (complex(1, INF), complex(NAN, NAN), ""),
        (complex(INF, 2), complex(1, 0), ""),
        (complex(-INF, NAN), complex(-1, 0), "i"),
        (complex(NAN, 0), complex(NAN, 0), ""),
        (complex(NAN, 2), complex(NAN, NAN), ""),
        (complex(800, 1), complex(1, 0), ""),
    ],
    e.log: [
        (complex(-0.0, 0), complex(-INF, PI), ""),
        (complex(0, 0), complex(-INF, 0), ""),
        (complex(1, INF), complex(INF, PI / 2), ""),
        (complex(2, NAN), complex(NAN, NAN), ""),
        (complex(-INF, 3), complex(INF, PI), ""),
        (complex(-INF, INF), complex(INF, 3 * PI / 4), ""),
        (complex(INF, NAN), complex(INF, NAN), ""),
        (complex(NAN, INF), complex(INF, NAN), ""),
        (complex(1e308, 1e308), complex(709.5427823613208, PI / 4), ""),
        (complex(3e-308, 4e-308), complex(-707.5870698083953, 0.9272952180016122), ""),
    ],
    e.log1p: [
        (complex(-1, 0), complex(-INF, 0), ""),
        (complex(1, INF), complex(INF, PI / 2), ""),
        (complex(-INF, 1), complex(INF, PI), ""),
        (complex(NAN, INF), complex(INF, NAN), ""),
        (complex(-5e-9, 1e-4), complex(1.25e-17, 1e-4), ""),
    ],
    e.sqrt: [
        (complex(-0.0, 0), complex(0, 0), ""),
        (complex(NAN, INF), complex(INF, INF), ""),
        (complex(1, NAN), complex(NAN, NAN), ""),
        (complex(-INF, 1), complex(0, INF), ""),
        (complex(INF, 1), complex(INF, 0), ""),
        (complex(-INF, NAN), complex(NAN, INF), "i"),
        (complex(INF, NAN), complex(INF, NAN), ""),
        (complex(NAN, 1), complex(NAN, NAN), ""),
        (complex(-4, 0), complex(0, 2), ""),
        (complex(1.5e308, 1.5e308), complex(1.3456e154, 5.5736e153), ""),
    ],
    t.acos: [
        (complex(-0.0, 0), complex(PI / 2, -0.0), ""),
        (complex(0, NAN), complex(PI / 2, NAN), ""),
        (complex(1, INF), complex(PI / 2, -INF), ""),
        (complex(3, NAN), complex(NAN, NAN), ""),
        (complex(-INF, 1), complex(PI, -INF), ""),
        (complex(-INF, INF), complex(3 * PI / 4, -INF), ""),
        (complex(INF, NAN), complex(NAN, INF), "i"),
        (complex(NAN, INF), complex(NAN, -INF), ""),
        (complex(2, 0), complex(0, -1.3169578969248166), ""),
    ],
    e.acosh: [
        (complex(0, 0), complex(0, PI / 2), ""),
        (complex(0, NAN), complex(NAN, PI / 2), "i"),
        (complex(-INF, INF), complex(INF, 3 * PI / 4), ""),
        (complex(NAN, INF), complex(INF, NAN), ""),
        (complex(NAN, 1), complex(NAN, NAN), ""),
    ],
    e.asinh: [
        (complex(0, 0), complex(0, 0), ""),
        (complex(1, INF), complex(INF, PI / 2), ""),
        (complex(1, NAN), complex(NAN, NAN), ""),
        (complex(INF, INF), complex(INF, PI / 4), ""),
        (complex(INF, NAN), complex(INF, NAN), ""),
        (complex(NAN, 0), complex(NAN, 0), ""),
        (complex(NAN, INF), complex(INF, NAN), "r"),
    ],
    e.atanh: [
        (complex(0, NAN), complex(0, NAN), ""),
        (complex(1, 0), complex(INF, 0), ""),
        (complex(2, INF), complex(0, PI / 2), ""),
        (complex(2, NAN), complex(NAN, NAN), ""),
        (complex(INF, NAN), complex(0, NAN), ""),
        (complex(NAN, INF), complex(0, PI / 2), "r"),
        (complex(1, 1e-200), complex(230.60508997920398, PI / 4), ""),
        (complex(1e300, 1e300), complex(5e-301, PI / 2), ""),
    ],
    t.atan: [(complex(0, 1e200), complex(PI / 2, 1e-200), ""), (complex(INF, 1), complex(PI / 2, 0), "i")],
    arithmetic.sign: [
        (complex(-0.0, 0), complex(0, 0), ""),
        (complex(NAN, INF), complex(NAN, NAN), ""),
        (complex(3, NAN), complex(NAN, NAN), ""),
        (complex(3e307, 4e307), complex(0.6, 0.8), ""),
        (complex(-INF, 2), complex(-1, 0), ""),
    ],
    arithmetic.abs: [
        (complex(3e307, 4e307), complex(5e307, 0), ""),
        (complex(3e-300, 4e-300), complex(5e-300, 0), ""),
        (complex(NAN, -INF), complex(INF, 0), ""),
    ],
}


def _points(rng: np.random.Generator) -> Array:
    """Where the functions change: around zero, on the unit circle, at 1 and -1, and far out."""
    n = 60
    signs = rng.choice((-1, 1), (2, 6 * n))
    sizes = np.abs(
        np.concatenate(
            (
                rng.uniform(0, 4, (2, n)),
                10 ** rng.uniform(-6, 0, (2, n)),
                (lambda a, r: np.array((np.cos(a) * r, np.sin(a) * r)))(
                    rng.uniform(0, 7, n), 1 + 10 ** rng.uniform(-5, -1, n)
                ),
                (1 + 10 ** rng.uniform(-6, -1, n), 10 ** rng.uniform(-6, -1, n)),
                (rng.uniform(0, 80, n), rng.uniform(0, 9, n)),
                10 ** rng.uniform(-3, 3, (2, n)),
            ),
            axis=1,
        )
    )
    re, im = signs * sizes
    z: Array = (re + 1j * im).astype(np.complex64)
    return z


@pytest.fixture(scope="module")
def compiled() -> dict[tuple[Primitive, str], Array]:
    """Each function on the special values, and in complex64 on points, from one program."""
    jobs: dict[tuple[Primitive, str], Array] = {(op, "special"): _special(op) for op in SPECIAL}
    points = _points(np.random.default_rng(3))
    jobs |= {(op, "points"): points for op in FUNCTIONS}
    graphs = [graph_of(op, [z], {}) for (op, _), z in jobs.items()]
    outcomes = run_compiled(graphs, [[z] for z in jobs.values()])
    assert not any(o.problem for o in outcomes)
    return {key: o.outputs[0] for key, o in zip(jobs, outcomes, strict=True)}


def _special(op: Primitive) -> Array:
    return np.array([z for z, _, _ in SPECIAL[op]])


def _assert_special(op: Primitive, found: Array) -> None:
    for (z, want, free), got in zip(SPECIAL[op], np.asarray(found, np.complex128), strict=True):
        for part, g, w in (("r", got.real, want.real), ("i", got.imag, want.imag)):
            assert np.isclose(abs(g), abs(w), rtol=1e-4, atol=0, equal_nan=True), f"{op.name}({z}) = {got}, not {want}"
            if part not in free and not math.isnan(w):
                assert math.copysign(1, g) == math.copysign(1, w), f"{op.name}({z}) = {got}, not {want}"


@pytest.mark.parametrize("op", SPECIAL, ids=lambda op: op.name)
def test_special_values_of_the_reference(op: Primitive) -> None:
    z = _special(op)
    _assert_special(op, graph_of(op, [z], {}).evaluate([z])[0])


@pytest.mark.parametrize("op", SPECIAL, ids=lambda op: op.name)
def test_special_values_of_compiled_code(op: Primitive, compiled: dict[tuple[Primitive, str], Array]) -> None:
    _assert_special(op, compiled[op, "special"])


@pytest.mark.parametrize("op", FUNCTIONS, ids=lambda op: op.name)
def test_each_part_is_within_a_few_ulps(op: Primitive, compiled: dict[tuple[Primitive, str], Array]) -> None:
    z = _points(np.random.default_rng(3))
    with np.errstate(all="ignore"):
        want = FUNCTIONS[op](z.astype(np.complex128))
    got = compiled[op, "points"]
    assert got.dtype == np.complex64
    info = np.finfo(np.float32)
    for g, w in ((got.real, want.real), (got.imag, want.imag)):
        fits = np.abs(w) < info.max
        # e**z - 1 cancels where e**z is near 1 without z being so; its length is right there.
        size = np.abs(want if op is e.expm1 else w)[fits]
        assert np.all(np.abs(g[fits] - w[fits]) <= 5 * info.eps * size + info.tiny)  # subnormal numbers may be zero
        np.testing.assert_array_equal(np.abs(g[~fits]), np.inf)


def _check_gradients(function: Callable[..., Node], *arrays: NDArray[np.generic], tolerance: float = 1e-6) -> None:
    """The vjp of one operation against differences: the cotangent of x + yi is dL/dx - i * dL/dy."""
    nodes = inputs_for(arrays)
    out = function(*nodes)
    assert out.op is not None
    weights = np.random.default_rng(5).normal(size=out.shape)
    if out.dtype.kind == "complex":
        weights = weights + 1j * np.random.default_rng(6).normal(size=out.shape)
    ct = placeholder(out.aval)
    found = out.op.vjp(ct, out, *nodes, **out.params)
    gradients = check(Graph.of([*nodes, ct], [c for c in found if c is not None])).evaluate([*arrays, weights])
    forward = Graph.of(nodes, [out])

    def slope(k: int, place: tuple[int, ...], step: complex) -> float:
        ends = []
        for by in (step, -step):
            moved = arrays[k].copy()
            moved[place] += by
            ends.append(np.sum((forward.evaluate([*arrays[:k], moved, *arrays[k + 1 :]])[0] * weights).real))
        return float((ends[0] - ends[1]) / (2 * abs(step)))

    for k, (array, got) in enumerate(zip(arrays, gradients, strict=True)):
        assert got.dtype == array.dtype
        for place in np.ndindex(array.shape):
            want: complex = slope(k, place, 1e-6)
            if array.dtype.kind == "c":
                want -= 1j * slope(k, place, 1e-6j)
            np.testing.assert_allclose(got[place], want, rtol=tolerance, atol=tolerance)


Z = np.array([0.3 + 0.4j, -0.7 + 1.1j, 1.6 - 0.2j, -0.4 - 0.9j, 0.2j + 0.05])
W = np.array([1.2 - 0.3j, -0.5 + 0.8j, 0.7 + 0.7j, 1.5j - 0.2, 2.0 - 1j])


@pytest.mark.parametrize(
    "op",
    [*FUNCTIONS, e.rsqrt, arithmetic.abs, arithmetic.negative, complexes.real, complexes.imag, complexes.conj],
    ids=lambda op: op.name,
)
def test_gradients_of_one_operand(op: Primitive) -> None:
    _check_gradients(op, Z)


@pytest.mark.parametrize(
    "op", [arithmetic.multiply, arithmetic.divide, arithmetic.subtract, power.power], ids=lambda op: op.name
)
def test_gradients_of_two_operands(op: Primitive) -> None:
    _check_gradients(op, Z, W)


def test_gradients_between_real_and_complex_numbers() -> None:
    _check_gradients(complexes.complex_, Z.real.copy(), Z.imag.copy())
    _check_gradients(lambda x: cast.cast(x, dtype=complex128), Z.real.copy())


def test_gradients_of_sums_and_products() -> None:
    _check_gradients(lambda x: reduction.reduce_sum(x, axes=(0,)), Z)
    _check_gradients(lambda x: reduction.reduce_prod(x, axes=(0,)), Z)
    _check_gradients(lambda x: cumulative.cumprod(x, axis=0), Z)
    params = {"contract": ((0,), (0,)), "batch": ((), ()), "dtype": complex128}
    _check_gradients(lambda x, y: contraction.dot(x, y, **params), Z, W)


def test_the_absolute_value_and_the_sign_have_no_slope_at_zero() -> None:
    for op in (arithmetic.abs, arithmetic.sign):
        x = operand(1, dtype=complex128)
        out = op(x)
        ct = placeholder(out.aval)
        graph = Graph.of([x, ct], [c for c in op.vjp(ct, out, x) if c is not None])
        zero = np.zeros(1, np.complex128)
        np.testing.assert_array_equal(graph.evaluate([zero, np.ones(1, out.dtype.numpy)])[0], zero)


def test_powers_of_zero() -> None:
    x, y = placeholder(Aval((4,), complex64)), placeholder(Aval((4,), complex64))
    graph = Graph.of([x, y], [power.power(x, y)])
    arrays = [np.zeros(4, np.complex64), np.array([0, 2, 1 + 1j, -1], np.complex64)]
    want = np.array([1, 0, 0, complex(NAN, NAN)])
    np.testing.assert_array_equal(graph.evaluate(arrays)[0], want)
    np.testing.assert_array_equal(run_compiled([graph], [arrays])[0].outputs[0], want)


@pytest.mark.parametrize("shapes", [((40, 30), (30, 20)), ((300,), (300, 40)), ((40, 300), (300,)), ((9, 9), (9, 9))])
def test_products_by_real_and_imaginary_parts(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    arrays = [(rng.normal(size=s) + 1j * rng.normal(size=s)).astype(np.complex64) for s in shapes]
    params = {"contract": ((arrays[0].ndim - 1,), (0,)), "batch": ((), ()), "dtype": complex64}
    outcome = run_compiled([graph_of(contraction.dot, arrays, params)], [arrays])[0]
    want = arrays[0].astype(np.complex128) @ arrays[1]
    np.testing.assert_allclose(outcome.outputs[0], want, atol=2e-6 * shapes[1][0])
    assert outcome.outputs[0].dtype == np.complex64
