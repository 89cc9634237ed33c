"""Transforms: what they are decomposed into, against NumPy in double precision, and their derivatives."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir import Aval, Graph, Node, check, placeholder
from eerie_dsl.ir.dtypes import complex64, complex128, dtype, float32, float64
from eerie_dsl.lowering.expand import expand
from eerie_dsl.ops.constant import constant
from eerie_dsl.ops.fft import fft, irfft, rfft
from eerie_dsl.ops.fourier import LARGEST, plan
from tests.support.compile_cases import run_compiled

SIZES = [1, 2, 3, 5, 16, 31, 64, 67, 97, 128, 129, 134, 1000, 1009, 4096, 4489, 10007]
RNG = np.random.default_rng(3)


def complex_of(shape, kind=np.complex128):
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(kind)


def decomposed(op, array, **params):
    x = placeholder(Aval(array.shape, dtype(array.dtype)))
    graph, _ = expand(Graph.of([x], [op(x, **params)]))
    assert fft not in {n.op for n in graph.nodes}
    return check(graph).evaluate([array])[0]


def error(got, want):
    return np.linalg.norm(got - want) / np.linalg.norm(want)


@pytest.mark.parametrize(("kind", "most"), [(np.complex128, 2e-15), (np.complex64, 1e-6)])
@pytest.mark.parametrize("n", SIZES)
def test_decomposed_transforms_are_exact_to_rounding(n, kind, most):
    x = complex_of((2, n), kind)
    double = x.astype(np.complex128)
    half = np.ascontiguousarray(x[:, : n // 2 + 1])
    assert error(decomposed(fft, x, inverse=False, scale=1.0), np.fft.fft(double)) < most
    assert error(decomposed(fft, x, inverse=True, scale=0.5), np.fft.ifft(double) * n / 2) < most
    assert error(decomposed(rfft, x.real.copy(), scale=2.0), np.fft.rfft(double.real) * 2) < most
    assert error(decomposed(irfft, half, size=n, scale=1 / n), np.fft.irfft(double[:, : n // 2 + 1], n)) < most


@pytest.mark.parametrize("n", [1 << 17, 65537])
def test_many_roots_are_computed_by_the_program(n):
    x = placeholder(Aval((1, n), complex64))
    graph, _ = expand(Graph.of([x], [fft(x, inverse=False, scale=1.0)]))
    literals = sum(len(node.params["data"]) for node in graph.nodes if node.op is constant)
    assert literals < 1 << 20
    array = complex_of((1, n), np.complex64)
    assert error(check(graph).evaluate([array])[0], np.fft.fft(array.astype(np.complex128))) < 1e-6


def test_plans_multiply_to_the_size():
    for n in [*range(1, 300), 1000, 4489, 65536, 2 * 3 * 5 * 7 * 11 * 13 * 67, 1 << 20]:
        radices, rest = plan(n)
        assert prod(radices) * rest == n
        assert all(1 <= r <= LARGEST for r in radices)
        assert all(rest % p != 0 for p in range(2, LARGEST + 1))


def test_compiled_in_several_steps_and_as_a_convolution():
    arrays = [complex_of((3, 2, 384), np.complex64), complex_of((2, 3 * 67)), RNG.standard_normal((2, 2, 150))]
    ops = [
        lambda x: fft(x, inverse=True, scale=1.0),
        lambda x: irfft(x, size=400, scale=1.0),
        lambda x: rfft(x, scale=1.0),
    ]
    graphs = []
    for op, array in zip(ops, arrays, strict=True):
        x = placeholder(Aval(array.shape, dtype(array.dtype)))
        graphs.append(Graph.of([x], [op(x)]))
    wants = [
        np.fft.ifft(arrays[0], norm="forward"),
        np.fft.irfft(arrays[1], 400, norm="forward"),
        np.fft.rfft(arrays[2]),
    ]
    for outcome, want in zip(run_compiled(graphs, [[a] for a in arrays]), wants, strict=True):
        assert not outcome.problem
        (got,) = outcome.outputs
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        assert error(got, want) < (1e-6 if got.dtype == np.complex64 else 2e-15)


def real_dot(a, b):
    """The real part of the sum of products: what a cotangent means."""
    return float(np.sum(a * b).real)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_derivatives_are_transposes(n):
    half = complex_of((3, n // 2 + 1))
    cases = [
        (fft, complex_of((3, n)), {"inverse": False, "scale": 0.5}),
        (fft, complex_of((3, n)), {"inverse": True, "scale": 1.0}),
        (rfft, RNG.standard_normal((3, n)), {"scale": 3.0}),
        (irfft, half, {"size": n, "scale": 0.25}),
    ]
    for op, array, params in cases:
        x = placeholder(Aval(array.shape, dtype(array.dtype)))
        out: Node = op(x, **params)
        ct = placeholder(out.aval)
        (cotangent,) = op.vjp(ct, out, x, **params)
        assert cotangent is not None
        assert cotangent.aval is x.aval
        there = Graph.of([x], [out]).evaluate([array])[0]
        weights = complex_of(there.shape) if out.dtype is complex128 else RNG.standard_normal(there.shape)
        back = check(Graph.of([x, ct], [cotangent])).evaluate([array, weights])[0]
        assert real_dot(there, weights) == pytest.approx(real_dot(array, back))


@pytest.mark.parametrize(
    ("op", "kind", "shape", "params", "wrong", "words"),
    [
        (fft, float32, (3,), {"inverse": False, "scale": 1.0}, DTypeError, "fft does not take float32"),
        (rfft, complex64, (3,), {"scale": 1.0}, DTypeError, "rfft does not take complex64"),
        (irfft, float64, (3,), {"size": 4, "scale": 1.0}, DTypeError, "irfft does not take float64"),
        (fft, complex64, (), {"inverse": False, "scale": 1.0}, ShapeError, "needs an axis"),
        (rfft, float32, (2, 0), {"scale": 1.0}, ShapeError, "a transform of 0 elements"),
        (irfft, complex64, (3,), {"size": 6, "scale": 1.0}, ShapeError, "needs 4 complex ones"),
    ],
)
def test_errors(op, kind, shape, params, wrong, words):
    with pytest.raises(wrong, match=words):
        op(placeholder(Aval(shape, kind)), **params)
