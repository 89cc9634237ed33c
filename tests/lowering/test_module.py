"""Lowering whole graphs: what is built into one kernel, and what the compiler must not be given."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir import Aval, Graph, placeholder
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.lowering import build
from eerie_dsl.lowering.bounds import COST, OPERANDS
from eerie_dsl.ops.arithmetic import add, multiply, negative
from eerie_dsl.ops.exponential import exp
from eerie_dsl.ops.reduction import reduce_sum
from eerie_dsl.ops.shape import broadcast, transpose
from eerie_dsl.runtime import aligned_empty

MATRIX = Aval((4, 8), float32)


def generics(graph: Graph) -> int:
    return str(build(graph)).count("linalg.generic")


def test_an_elementwise_chain_is_one_generic() -> None:
    x, y = placeholder(MATRIX), placeholder(MATRIX)
    assert generics(Graph.of([x, y], [add(exp(multiply(x, y)), x)])) == 1


def test_a_reduction_takes_its_producer_in() -> None:
    x = placeholder(MATRIX)
    assert generics(Graph.of([x], [reduce_sum(exp(x), axes=(1,))])) == 1


def test_work_is_not_repeated_by_a_broadcast() -> None:
    x, y = placeholder(Aval((8,), float32)), placeholder(MATRIX)
    wide = broadcast(exp(x), shape=(4, 8), axes=(1,))
    assert generics(Graph.of([x, y], [multiply(wide, y)])) == 2


def test_what_two_kernels_need_is_made_once() -> None:
    x = placeholder(MATRIX)
    e = exp(x)
    graph = Graph.of([x], [reduce_sum(e, axes=(0,)), reduce_sum(e, axes=(1,))])
    assert generics(graph) == 3


def test_ops_are_located_at_the_users_line() -> None:
    x = placeholder(MATRIX)
    graph = Graph.of([x], [exp(x)])
    shown = build(graph).operation.get_asm(enable_debug_info=True)
    assert "test_module.py" in shown
    assert '"n0"' in shown


@pytest.mark.parametrize("axis", [0, 1])
def test_a_long_chain_of_reductions_compiles(axis: int) -> None:
    # Left to itself the compiler fuses all of them, in time that doubles with each.
    @eerie.jit
    def f(x):
        for _ in range(20):
            x = x - x.max(axis=axis, keepdims=True) * 0.5
        return x

    x = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    expected = x
    for _ in range(20):
        expected = expected - expected.max(axis=axis, keepdims=True) * np.float32(0.5)
    np.testing.assert_allclose(f(x), expected, rtol=1e-5, atol=1e-6)


def test_a_kernel_has_a_bounded_number_of_operands() -> None:
    inputs = [placeholder(MATRIX) for _ in range(100)]
    total = inputs[0]
    for x in inputs[1:]:
        total = add(total, x)
    graph = Graph.of(inputs, [total])
    assert str(build(graph)).count("iree_tensor_ext.compute_barrier.start") == 99 // (OPERANDS - 1)
    values = [np.full((4, 8), k, np.float32) for k in range(100)]
    np.testing.assert_array_equal(eerie.jit(lambda *a: sum(a))(*values), sum(values))


def test_a_script_may_use_many_numbers() -> None:
    x = eerie.asarray(np.ones(4, np.float32))
    for k in range(80):
        x = x + float(k)
    assert x.tolist() == [3161.0] * 4


def test_a_kernel_has_a_bounded_amount_of_work() -> None:
    x = placeholder(MATRIX)
    node = x
    for _ in range(100):
        node = exp(negative(node))
    text = str(build(Graph.of([x], [node])))
    work = 100 * (exp.cost + negative.cost)
    assert text.count("iree_tensor_ext.compute_barrier.start") in (work // COST, work // COST + 1)


def test_a_fused_function_is_never_cut() -> None:
    @eerie.fuse
    def chain(x):
        for _ in range(60):
            x = eerie.exp(-x)
        return x

    f = eerie.jit(chain)
    assert f.trace(np.ones(4, np.float32)).lower().mlir.count("iree_tensor_ext.compute_barrier.start") <= 1
    x = np.ones(4, np.float32)
    assert f.explain(x).runs == 1


def test_reading_a_slice_at_computed_places() -> None:
    x = np.arange(4 * 6 * 8, dtype=np.uint8).reshape(4, 6, 8)
    f = eerie.jit(lambda x, i: (eerie.take(eerie.astype(x[..., 0], eerie.float32), i, axis=0), x[:, :, ::2][i[0]]))
    a, b = f(x, np.array([3, 1, 1]))
    np.testing.assert_array_equal(a, x[..., 0][[3, 1, 1]].astype(np.float32))
    np.testing.assert_array_equal(b, x[:, :, ::2][3])


def test_results_have_memory_of_their_own() -> None:
    x = aligned_empty((128, 64), eerie.float32)
    x[:] = 1
    f = eerie.jit(
        lambda x: (x, x.reshape(-1), x.T, x * 1.0, x + 0.0, eerie.negative(-x), x[:64], eerie.where(x == x, x, x))
    )
    results = [np.asarray(r) for r in f(x)]
    x[:] = 2
    for r in results:
        assert r.min() == r.max() == 1


def test_reductions_over_single_elements_have_memory_of_their_own() -> None:
    x = aligned_empty((8192, 1), eerie.float32)
    x[:] = 1
    f = eerie.jit(lambda x: (x.sum(axis=1), x.max(axis=1), x.prod(axis=1), eerie.cumulative_sum(x, axis=1), x @ x[:1]))
    results = [np.asarray(r) for r in f(x)]
    x[:] = 2
    for r in results:
        assert r.min() == r.max() == 1


def test_transposes_fold_into_the_reader() -> None:
    x, y = placeholder(MATRIX), placeholder(Aval((8, 4), float32))
    assert generics(Graph.of([x, y], [add(transpose(x, axes=(1, 0)), y)])) == 1
