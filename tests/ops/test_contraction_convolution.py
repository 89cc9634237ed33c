"""dot and convolution: compiled values against NumPy, and every other rule against those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, EerieError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.check import check
from eerie_dsl.ir.dtypes import (
    DType,
    bfloat16,
    bool_,
    complex64,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ops.arithmetic import negative
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.convolution import convolution
from eerie_dsl.ops.einsum import matmul
from eerie_dsl.ops.shape import broadcast, transpose
from tests.support.compile_cases import Outcome, run_compiled
from tests.support.recording import Array, Function, operand, recorded_on, values
from tests.support.rules import check_batch

DTYPES = (float32, float64, float16, bfloat16, int8, int16, int32, int64, uint8, complex64)


def _eps(kind: DType) -> float:
    return float(ml_dtypes.finfo(kind.numpy).eps)


class Bilinear:
    """A function of two arrays that multiplies and sums, with the bound on the error of any order of summing."""

    def __init__(self, name: str, function: Function, shapes: tuple[tuple[int, ...], ...], dtype: DType, terms: int):
        self.name, self.function, self.dtype = name, function, dtype
        self.arrays = [values(s, dtype, k) for k, s in enumerate(shapes)]
        self.terms = terms

    def graph(self) -> Graph:
        return recorded_on(self.function, self.arrays)

    def check(self, got: Array, want: Array) -> None:
        out = dtype(want.dtype)
        assert got.shape == want.shape
        if not out.is_inexact:
            np.testing.assert_array_equal(got, want)
            return
        # Sums of n terms are within n roundings of the sum of the absolute terms, whatever the order.
        sizes = [np.abs(a.astype(np.complex128)) for a in self.arrays]
        bound = recorded_on(lambda *n: self.function(*n, into=float64), sizes).evaluate(sizes)[0]
        unit = _eps(float32 if out.bits == 16 else out) * (4 if out.kind == "complex" else 1)
        limit = 2 * unit * (self.terms + 1) * bound + (_eps(out) * bound if out.bits == 16 else 0)
        difference = np.abs(got.astype(np.complex128) - want.astype(np.complex128))
        assert (difference <= limit).all(), f"off by {difference.max()}"


def _dot(contract: Any, batch: Any = ((), ()), result: DType | None = None) -> Function:
    def function(lhs: Node, rhs: Node, into: DType | None = None) -> Node:
        return dot(lhs, rhs, contract=contract, batch=batch, dtype=into or result or lhs.dtype)

    return function


def _conv(n: int, *, groups: int = 1, result: DType | None = None, **given: Any) -> Function:
    params: dict[str, Any] = {"strides": (1,) * n, "padding": ((0, 0),) * n, "lhs_dilation": (1,) * n}
    params |= {"rhs_dilation": (1,) * n, "groups": groups} | given

    def function(x: Node, kernel: Node, into: DType | None = None) -> Node:
        return convolution(x, kernel, **params, dtype=into or result or x.dtype)

    return function


MATRIX = ((1,), (0,))
DOTS = [
    *(Bilinear(f"batched {d.name}", _dot(((2,), (0,)), ((0,), (1,))), ((2, 5, 7), (7, 2, 6)), d, 7) for d in DTYPES),
    Bilinear("matrices", _dot(MATRIX), ((33, 65), (65, 17)), float32, 65),
    Bilinear("second transposed", _dot(((1,), (1,))), ((128, 96), (80, 96)), float32, 96),
    Bilinear("first transposed", _dot(((0,), (0,))), ((31, 8), (31, 9)), float32, 31),
    Bilinear("matrix and vector", _dot(((1,), (0,))), ((40, 50), (50,)), float32, 50),
    Bilinear("vector and matrix", _dot(((0,), (0,))), ((1024,), (1024, 512)), float32, 1024),
    Bilinear("inner", _dot(((0,), (0,))), ((100,), (100,)), float32, 100),
    Bilinear("outer", _dot(((), ())), ((3,), (4,)), float32, 1),
    Bilinear("all axes", _dot(((0, 1), (1, 0))), ((6, 5), (5, 6)), float32, 30),
    Bilinear("batch only", _dot(((), ()), ((0, 1), (1, 0))), ((6, 5), (5, 6)), float32, 1),
    Bilinear("scalars", _dot(((), ())), ((), ()), float32, 1),
    Bilinear("nothing summed up", _dot(MATRIX), ((3, 0), (0, 4)), float32, 0),
    Bilinear("no rows", _dot(MATRIX), ((0, 3), (3, 4)), float32, 3),
    Bilinear("attention", _dot(((3,), (3,)), ((0, 2), (0, 2))), ((2, 9, 3, 16), (2, 11, 3, 16)), float32, 16),
    Bilinear("int8 into int32", _dot(MATRIX, result=int32), ((9, 300), (300, 8)), int8, 300),
    Bilinear("uint8 into int32", _dot(MATRIX, result=int32), ((9, 30), (30, 8)), uint8, 30),
    Bilinear("bfloat16 into float32", _dot(MATRIX, result=float32), ((9, 30), (30, 8)), bfloat16, 30),
    Bilinear("float16 into float64", _dot(MATRIX, result=float64), ((9, 30), (30, 8)), float16, 30),
]
# One for each rule of eerie_dsl/lowering/schedule.py, and some that just miss one.
SCHEDULED = [
    Bilinear(
        f"{m}x{k}x{n} {'(n, k)' if turned else '(k, n)'}", function, ((m, k), (n, k) if turned else (k, n)), float32, k
    )
    for turned, function in ((False, _dot(MATRIX)), (True, _dot(((1,), (1,)))))
    for m, k, n in ((1, 40, 256), (3, 40, 128), (8, 12, 64), (16, 9, 64), (24, 9, 32), (32, 48, 48), (256, 24, 64))
] + [
    Bilinear("256x1024x1024 (n, k)", _dot(((1,), (1,))), ((256, 1024), (1024, 1024)), float32, 1024),
    Bilinear("256x1024x1024 (k, n)", _dot(MATRIX), ((256, 1024), (1024, 1024)), float32, 1024),
    Bilinear("2x128x1x40x64 (k, n)", _dot(((3,), (0,))), ((2, 128, 1, 40), (40, 64)), float32, 40),
    Bilinear("2x128x40x64 (n, k)", _dot(((2,), (1,))), ((2, 128, 40), (64, 40)), float32, 40),
    Bilinear("one image by one by one", _conv(2), ((1, 16, 16, 8), (1, 1, 8, 32)), float32, 8),
]
CONVOLUTIONS = [
    *(
        Bilinear(f"2-d {d.name}", _conv(2, padding=((1, 1), (0, 1))), ((2, 7, 6, 3), (3, 2, 3, 5)), d, 18)
        for d in DTYPES
    ),
    Bilinear("1-d", _conv(1, strides=(2,), padding=((2, 1),)), ((2, 20, 4), (5, 4, 6)), float32, 20),
    Bilinear(
        "3-d", _conv(3, padding=((1, 0),) * 3, rhs_dilation=(1, 2, 1)), ((1, 5, 6, 4, 2), (2, 2, 2, 2, 3)), float32, 16
    ),
    Bilinear("0-d", _conv(0), ((4, 6), (6, 5)), float32, 6),
    Bilinear("wide", _conv(2, padding=((1, 1),) * 2), ((1, 14, 14, 32), (3, 3, 32, 64)), float32, 288),
    Bilinear("one by one", _conv(2), ((1, 14, 14, 32), (1, 1, 32, 64)), float32, 32),
    Bilinear("strided", _conv(2, strides=(2, 3), padding=((3, 3),) * 2), ((1, 17, 16, 3), (7, 7, 3, 8)), float32, 147),
    Bilinear("dilated", _conv(2, rhs_dilation=(2, 3)), ((1, 9, 12, 3), (3, 3, 3, 8)), float32, 27),
    Bilinear(
        "transposed", _conv(2, lhs_dilation=(2, 3), padding=((2, 2),) * 2), ((1, 4, 5, 3), (3, 3, 3, 4)), float32, 27
    ),
    Bilinear("cropped", _conv(2, padding=((-1, 2), (0, -2))), ((1, 7, 8, 3), (3, 3, 3, 4)), float32, 27),
    Bilinear(
        "dilated and cropped", _conv(1, lhs_dilation=(3,), padding=((-2, -1),)), ((1, 7, 3), (3, 3, 4)), float32, 9
    ),
    Bilinear("grouped", _conv(2, groups=2, padding=((1, 1),) * 2), ((2, 6, 6, 4), (3, 3, 2, 6)), float32, 18),
    Bilinear("depthwise", _conv(2, groups=32, padding=((1, 1),) * 2), ((1, 9, 9, 32), (3, 3, 1, 32)), float32, 9),
    Bilinear("depthwise strided", _conv(2, groups=16, strides=(2, 2)), ((1, 9, 9, 16), (3, 3, 1, 16)), float32, 9),
    Bilinear("depth multiplied", _conv(1, groups=4, rhs_dilation=(2,)), ((2, 9, 4), (3, 1, 12)), float32, 3),
    Bilinear("no images", _conv(2), ((0, 5, 5, 3), (3, 3, 3, 4)), float32, 27),
    Bilinear("no channels", _conv(1), ((2, 5, 0), (3, 0, 4)), float32, 0),
    Bilinear("no features", _conv(1), ((2, 5, 3), (3, 3, 0)), float32, 9),
    Bilinear("int8 into int32", _conv(2, result=int32), ((1, 8, 8, 16), (3, 3, 16, 16)), int8, 144),
    Bilinear("uint8 into int32", _conv(2, result=int32), ((1, 8, 8, 16), (3, 3, 16, 16)), uint8, 144),
    Bilinear("depthwise uint8 into int32", _conv(1, groups=4, result=int32), ((1, 8, 4), (3, 1, 4)), uint8, 3),
    Bilinear("bfloat16 into float32", _conv(1, result=float32), ((2, 9, 4), (3, 4, 12)), bfloat16, 12),
]


def _names(cases: Sequence[Bilinear]) -> list[str]:
    return [case.name for case in cases]


CASES = DOTS + SCHEDULED + CONVOLUTIONS


@pytest.fixture(scope="module")
def outcomes() -> dict[int, Outcome]:
    """What the compiled cases give, all of them in one program."""
    ran = run_compiled([case.graph() for case in CASES], [case.arrays for case in CASES])
    return {id(case): outcome for case, outcome in zip(CASES, ran, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=_names(CASES))
def test_compiled_is_reference(case: Bilinear, outcomes: dict[int, Outcome]) -> None:
    outcome = outcomes[id(case)]
    assert not outcome.problem, outcome.problem
    assert not outcome.shares_memory
    assert [a.tobytes() for a in outcome.inputs] == [a.tobytes() for a in case.arrays]
    case.check(outcome.outputs[0], case.graph().evaluate(case.arrays)[0])


def direct_convolution(x: Array, kernel: Array, params: dict[str, Any]) -> Array:
    """Convolution by its definition, one result element at a time."""
    n = x.ndim - 2
    window, depth, features = kernel.shape[:n], kernel.shape[n], kernel.shape[-1]
    sizes = []
    for axis in range(n):
        reach = (x.shape[1 + axis] - 1) * params["lhs_dilation"][axis] + 1 + sum(params["padding"][axis])
        taps = (window[axis] - 1) * params["rhs_dilation"][axis] + 1
        sizes.append((reach - taps) // params["strides"][axis] + 1)
    out = np.zeros((x.shape[0], *sizes, features), x.dtype)
    for image, *place, feature in np.ndindex(out.shape):
        group = feature // (features // params["groups"])
        for tap in np.ndindex(window):
            at = []
            for axis in range(n):
                position = place[axis] * params["strides"][axis] + tap[axis] * params["rhs_dilation"][axis]
                position -= params["padding"][axis][0]
                step = params["lhs_dilation"][axis]
                inside = position % step == 0 and 0 <= position // step < x.shape[1 + axis]
                at.append(position // step if inside else -1)
            if min(at) >= 0:
                pixel = x[(image, *at)][group * depth : (group + 1) * depth]
                out[(image, *place, feature)] += pixel @ kernel[(*tap, slice(None), feature)]
    return out


def _geometries() -> list[tuple[int, dict[str, Any]]]:
    found = []
    for n, stride, low, high, lhs, rhs, groups in product((1, 2, 3), (1, 2), (0, 2), (1, -1), (1, 2), (1, 2), (1, 2)):
        if n == 3 and (lhs, rhs) == (2, 2):
            continue
        one = (1,) * (n - 1)
        params: dict[str, Any] = {"strides": (*one, stride), "lhs_dilation": (lhs, *one), "groups": groups}
        found.append((n, params | {"padding": ((low, high), *((0, 1),) * (n - 1)), "rhs_dilation": (rhs, *one)}))
    return found


GEOMETRIES = _geometries()


def _conv_arrays(n: int, groups: int) -> list[Array]:
    sizes = {1: (8,), 2: (6, 4), 3: (6, 3, 3)}[n]
    return [values((2, *sizes, 4), float64, 0), values((*(3, 2, 2)[:n], 4 // groups, 4), float64, 1)]


@pytest.mark.parametrize(("n", "params"), GEOMETRIES)
def test_convolution_is_its_definition(n: int, params: dict[str, Any]) -> None:
    arrays = _conv_arrays(n, params["groups"])
    got = recorded_on(lambda x, k: convolution(x, k, **params, dtype=float64), arrays).evaluate(arrays)[0]
    np.testing.assert_allclose(
        got, direct_convolution(arrays[0], arrays[1], params), rtol=1e-12, atol=1e-12, strict=True
    )


def check_vjp(function: Function, arrays: Sequence[Array], seed: int = 3) -> None:
    """The vjp rule against differences, which are exact for what is linear in each operand."""
    graph = recorded_on(function, arrays)
    (node,) = graph.outputs
    assert node.op is not None
    ct = placeholder(node.aval)
    cotangents = node.op.vjp(ct, node, *node.inputs, **node.params)
    assert None not in cotangents
    backward = check(Graph.of([*graph.inputs, ct], [c for c in cotangents if c is not None]))
    assert backward.out_avals == graph.in_avals
    weights = values(node.shape, float64, seed)
    rules = backward.evaluate([*arrays, weights])
    for k, (array, rule) in enumerate(zip(arrays, rules, strict=True)):
        step = values(array.shape, float64, seed + 1 + k)
        ahead, behind = ([*arrays[:k], array + s * step, *arrays[k + 1 :]] for s in (0.5, -0.5))
        change = graph.evaluate(ahead)[0] - graph.evaluate(behind)[0]
        np.testing.assert_allclose((rule * step).sum(), (change * weights).sum(), rtol=1e-9, atol=1e-9)


VJP_DOTS = [case for case in DOTS if case.dtype is float32 and 0 not in case.arrays[0].shape + case.arrays[1].shape]


@pytest.mark.parametrize("case", VJP_DOTS, ids=_names(VJP_DOTS))
def test_dot_vjp(case: Bilinear) -> None:
    check_vjp(case.function, [a.astype(np.float64) for a in case.arrays])


@pytest.mark.parametrize("axes", [((0, 2), (3, 1)), ((2, 0), (1, 3)), ((1, 2), (3, 2))])
def test_dot_vjp_of_several_axes(axes: Any) -> None:
    lhs, rhs = [3, 4, 5, 2], [6, 0, 0, 0]
    for i, j in zip(*axes, strict=True):
        rhs[j] = lhs[i]
    rhs = [n or 2 for n in rhs]
    rest = next(i for i in range(4) if i not in axes[0])
    rhs[0] = lhs[rest]
    check_vjp(_dot(axes, ((rest,), (0,))), [values(lhs, float64, 0), values(rhs, float64, 1)])


@pytest.mark.parametrize(("n", "params"), GEOMETRIES)
def test_convolution_vjp(n: int, params: dict[str, Any]) -> None:
    arrays = _conv_arrays(n, params["groups"])
    check_vjp(lambda x, k: convolution(x, k, **params, dtype=float64), arrays)


def test_cotangents_have_the_dtype_of_the_operands() -> None:
    x, y = placeholder(Aval((2, 3), bfloat16)), placeholder(Aval((3, 4), bfloat16))
    params: dict[str, Any] = {"contract": MATRIX, "batch": ((), ()), "dtype": float32}
    out = dot(x, y, **params)
    cotangents = dot.vjp(placeholder(out.aval), out, x, y, **params)
    assert [c.aval for c in cotangents if c is not None] == [x.aval, y.aval]


def test_integers_have_no_cotangents() -> None:
    x, y = placeholder(Aval((2, 3), int32)), placeholder(Aval((3, 4), int32))
    params: dict[str, Any] = {"contract": MATRIX, "batch": ((), ()), "dtype": int32}
    out = dot(x, y, **params)
    assert dot.vjp(placeholder(out.aval), out, x, y, **params) == (None, None)


SMALL = [case for case in DOTS + CONVOLUTIONS if case.dtype is float32 and case.arrays[1].size < 1000]


@pytest.mark.parametrize("case", SMALL, ids=_names(SMALL))
def test_batch_is_a_loop(case: Bilinear) -> None:
    node = case.graph().outputs[0]
    assert node.op is not None
    arrays = [a.astype(np.float64) for a in case.arrays]
    check_batch(node.op, arrays, {**node.params, "dtype": float64})


VIEWS: dict[str, tuple[Function, list[tuple[int, ...]]]] = {
    "transposed left": (lambda x, y: matmul(transpose(x, axes=(1, 0)), y), [(5, 64), (5, 32)]),
    "transposed right": (lambda x, y: matmul(x, transpose(y, axes=(1, 0))), [(64, 32), (48, 32)]),
    "transposed right, many rows": (lambda x, y: matmul(x, transpose(y, axes=(1, 0))), [(256, 24), (64, 24)]),
    "vector": (lambda x, y: matmul(x, transpose(y, axes=(1, 0))), [(24,), (128, 24)]),
    "broadcast": (lambda x, y: matmul(x, broadcast(y, shape=(6, 5, 7), axes=(1, 2))), [(6, 4, 5), (5, 7)]),
    "computed": (lambda x, y: matmul(transpose(negative(x), axes=(1, 0)), negative(y)), [(5, 64), (5, 32)]),
}


def test_operands_that_are_views() -> None:
    arrays = [[values(s, float32, k) for k, s in enumerate(shapes)] for _, shapes in VIEWS.values()]
    graphs = [recorded_on(f, a) for (f, _), a in zip(VIEWS.values(), arrays, strict=True)]
    for name, graph, given, outcome in zip(VIEWS, graphs, arrays, run_compiled(graphs, arrays), strict=True):
        assert not outcome.problem, (name, outcome.problem)
        want = graph.evaluate(given)[0]
        np.testing.assert_allclose(outcome.outputs[0], want, rtol=1e-5, atol=1e-5, err_msg=name)


def _dot_of(lhs: Node, rhs: Node, contract: Any = MATRIX, batch: Any = ((), ()), dtype: DType = float32) -> Node:
    return dot(lhs, rhs, contract=contract, batch=batch, dtype=dtype)


def test_not_a_number_spreads() -> None:
    arrays = [values((3, 4), float32, 0), values((4, 5), float32, 1)]
    arrays[0][1, 2], arrays[1][0, 3] = np.nan, np.inf
    (outcome,) = run_compiled([recorded_on(matmul, arrays)], [arrays])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(outcome.outputs[0], arrays[0] @ arrays[1], rtol=1e-5)


ERRORS: list[tuple[Callable[[], Any], type[EerieError], str]] = [
    (
        lambda: _dot_of(operand(2, 3), operand(4, 5)),
        ShapeError,
        "axis 1 of the first has 3 elements, axis 0 of the second 4",
    ),
    (lambda: _dot_of(operand(2, 3), operand(3, 5), contract=((2,), (0,))), ShapeError, r"no axis 2 in f32\[2,3\]"),
    (lambda: _dot_of(operand(2, 3), operand(3, 5), contract=((1, 0), (0,))), ShapeError, "pairs axes up"),
    (lambda: _dot_of(operand(3, 3), operand(3, 3), batch=((1,), (1,))), ShapeError, "twice"),
    (lambda: _dot_of(operand(2, 3), operand(3, 5, dtype=float64)), DTypeError, "one dtype"),
    (lambda: _dot_of(operand(2, 3, dtype=bool_), operand(3, 5, dtype=bool_)), DTypeError, "does not take bool"),
    (lambda: _dot_of(operand(2, 3, dtype=float64), operand(3, 5, dtype=float64)), DTypeError, "result of float32"),
    (lambda: _dot_of(operand(2, 3, dtype=int8), operand(3, 5, dtype=int8)), DTypeError, "result of float32"),
    (lambda: _conv(2)(operand(2, 8, 3), operand(3, 3, 3, 4)), ShapeError, "two axes more"),
    (lambda: _conv(1)(operand(2, 8, 3), operand(3, 4, 4)), ShapeError, "3 channels and 4 features do not fit"),
    (lambda: _conv(1, groups=2)(operand(2, 8, 4), operand(3, 2, 3)), ShapeError, "in 2 groups"),
    (lambda: _conv(1)(operand(2, 2, 3), operand(3, 3, 4)), ShapeError, "does not fit in"),
    (lambda: _conv(1)(operand(2, 2, 3), operand(0, 3, 4)), ShapeError, "does not fit in"),
    (lambda: _conv(1, strides=(0,))(operand(2, 8, 3), operand(3, 3, 4)), ShapeError, "1 positive strides"),
    (lambda: _conv(1, padding=())(operand(2, 8, 3), operand(3, 3, 4)), ShapeError, "1 pairs of padding"),
    (lambda: _conv(1)(operand(2, 8, 3, dtype=bool_), operand(3, 3, 4, dtype=bool_)), DTypeError, "does not take bool"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors_name_what_is_wrong(call: Callable[[], Any], error: type[EerieError], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        call()
    assert caught.value.source is not None
    assert caught.value.source.file == __file__
