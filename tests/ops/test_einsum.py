"""einsum and matmul against NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, EerieError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, float32, float64, int32
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.einsum import einsum, matmul
from tests.support.compile_cases import run_compiled
from tests.support.recording import operand, record, recorded_on, values

SPECS: dict[str, list[tuple[int, ...]]] = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij , jk": [(2, 3), (3, 4)],
    "ba": [(2, 3)],
    "ii": [(3, 3)],
    "ii->i": [(3, 3)],
    "iij->ij": [(3, 3, 2)],
    "ijij->ji": [(3, 2, 3, 2)],
    "iii->i": [(3, 3, 3)],
    "iijj,jk->k": [(3, 3, 2, 2), (2, 4)],
    "ij->ji": [(2, 3)],
    "ij->": [(2, 3)],
    "...ij->...j": [(2, 5, 3, 4)],
    "i,i": [(4,), (4,)],
    "i,j->ji": [(2,), (3,)],
    "ij,ij->ij": [(2, 3), (2, 3)],
    "ij,ji->ij": [(2, 3), (3, 2)],
    "ij,i->j": [(2, 3), (2,)],
    "ij,kj->": [(2, 3), (4, 3)],
    "kn,mk->mn": [(3, 4), (2, 3)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "bqhd,bkhd->bhqk": [(2, 3, 2, 4), (2, 5, 2, 4)],
    "bhqk,bkhd->bqhd": [(2, 2, 3, 5), (2, 5, 2, 4)],
    "...ij,...jk": [(2, 1, 3, 4), (5, 4, 2)],
    "...ij,...jk->...ik": [(3, 4), (5, 4, 2)],
    "ij...,jk->k...i": [(2, 3, 4, 5), (3, 6)],
    "a...,b...->ab...": [(2, 5, 6), (3, 6)],
    "ij,jk": [(2, 1), (3, 4)],
    "i,,j->ij": [(2,), (), (3,)],
    ",->": [(), ()],
    "ijk,ikl,lm->jm": [(2, 3, 4), (2, 4, 5), (5, 3)],
    "ij,jk,kl,lm->im": [(2, 3), (3, 4), (4, 5), (5, 2)],
    "a,ab,abc->abc": [(2,), (2, 3), (2, 3, 4)],
    "ea,fb,abcd,gc,hd->efgh": [(2, 3), (3, 2), (3, 2, 4, 2), (2, 4), (3, 2)],
    "ij,jk->k": [(0, 3), (3, 4)],
}


@pytest.mark.parametrize("spec", SPECS)
def test_einsum_is_numpys(spec: str) -> None:
    arrays = [values(s, float64, k) for k, s in enumerate(SPECS[spec])]
    got = recorded_on(lambda *nodes: einsum(spec, *nodes), arrays).evaluate(arrays)[0]
    np.testing.assert_allclose(got, np.einsum(spec, *arrays), rtol=1e-13, atol=1e-13, strict=True)


def test_einsum_sums_in_the_dtype_asked_for() -> None:
    arrays = [np.full((2, 300), 100, np.int8), np.full((300, 2), 100, np.int8)]
    got = recorded_on(lambda a, b: einsum("ij,jk->i", a, b, dtype=int32), arrays).evaluate(arrays)[0]
    np.testing.assert_array_equal(got, np.full(2, 2 * 300 * 100 * 100, np.int32), strict=True)


def test_einsum_needs_no_transpose_for_operands_in_the_other_order() -> None:
    graph = record(lambda a, b: einsum("kn,mk->mn", a, b), Aval((3, 4), float32), Aval((2, 3), float32))
    assert [n.op for n in graph.nodes] == [dot]


def test_einsum_contracts_the_small_product_first() -> None:
    avals = (Aval((100, 100), float32), Aval((100, 100), float32), Aval((100,), float32))
    graph = record(lambda a, b, c: einsum("ij,jk,k->i", a, b, c), *avals)
    flops = [n.op.flops(*(i.aval for i in n.inputs), out=n.aval, **n.params) for n in graph.nodes if n.op is dot]
    assert flops == [20_000, 20_000]


@pytest.mark.parametrize(
    "shapes",
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((1, 2, 3), (5, 3, 4)),
        ((5, 3), (2, 5, 3, 4)),
        ((0, 2, 3), (3, 1)),
        ((2, 0), (0, 3)),
    ],
)
def test_matmul_is_numpys(shapes: tuple[tuple[int, ...], ...]) -> None:
    arrays = [values(s, float64, k) for k, s in enumerate(shapes)]
    got = recorded_on(matmul, arrays).evaluate(arrays)[0]
    np.testing.assert_allclose(got, np.matmul(*arrays), rtol=1e-13, atol=1e-13, strict=True)


def test_compiled_is_reference() -> None:
    arrays = [[values(s, float32, k) for k, s in enumerate(shapes)] for shapes in SPECS.values()]
    graphs = [recorded_on(lambda *n, spec=spec: einsum(spec, *n), a) for spec, a in zip(SPECS, arrays, strict=True)]
    for spec, graph, given, outcome in zip(SPECS, graphs, arrays, run_compiled(graphs, arrays), strict=True):
        assert not outcome.problem, (spec, outcome.problem)
        want = graph.evaluate(given)[0]
        np.testing.assert_allclose(outcome.outputs[0], want, rtol=1e-4, atol=1e-5, err_msg=spec, strict=True)


ERRORS: list[tuple[Callable[[], Any], type[EerieError], str]] = [
    (lambda: matmul(operand(2, 3), operand(4, 5)), ShapeError, "3 columns, the second 4 rows"),
    (lambda: matmul(operand(), operand(4, 5)), ShapeError, "need an axis"),
    (lambda: matmul(operand(2, 2, 3), operand(3, 3, 5)), ShapeError, r"matmul of f32\[2,2,3\] and f32\[3,3,5\]"),
    (lambda: matmul(operand(2, 3, dtype=bool_), operand(3, 5, dtype=bool_)), DTypeError, "matmul does not take bool"),
    (lambda: einsum("ij", operand(2, 3), operand(3)), ShapeError, "about 1 operands, got 2"),
    (lambda: einsum("ijk", operand(2, 3)), ShapeError, "does not name the 2 axes"),
    (lambda: einsum("i", operand(2, 3)), ShapeError, "does not name the 2 axes"),
    (lambda: einsum("i1", operand(2, 3)), ShapeError, "letters"),
    (lambda: einsum("...i...", operand(2, 3)), ShapeError, "letters"),
    (lambda: einsum("ij->ik", operand(2, 3)), ShapeError, "before it"),
    (lambda: einsum("ij->ii", operand(2, 3)), ShapeError, "once"),
    (lambda: einsum("...j->j", operand(2, 3)), ShapeError, "drops the axes"),
    (lambda: einsum("ij,jk", operand(2, 3), operand(4, 5)), ShapeError, "'j' has 3 elements and 4"),
    (
        lambda: einsum("ij,jk", operand(2, 3, dtype=bool_), operand(3, 5, dtype=bool_)),
        DTypeError,
        "einsum does not take",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors_name_what_is_wrong(call: Callable[[], Any], error: type[EerieError], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        call()
    assert caught.value.source is not None
    assert caught.value.source.file == __file__
