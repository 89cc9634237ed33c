"""What the table of cases cannot say: errors by name, inputs used again after an update, sizes that once broke."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eerie_dsl.errors import DTypeError, EerieError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, dtype, float32, int32, int64
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ops.arithmetic import add, maximum, multiply
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.cumulative import cumprod, cumsum
from eerie_dsl.ops.dynamic import dynamic_slice, dynamic_update
from eerie_dsl.ops.indexing import gather, scatter
from eerie_dsl.ops.reduction import argmax, reduce_any, reduce_max, reduce_min, reduce_sum
from eerie_dsl.ops.shape import broadcast, concat, flip, iota, pad, reshape, slice, transpose
from tests.support.compile_cases import run_compiled

Array = NDArray[Any]


def node(*shape: int, of: Any = float32) -> Node:
    return placeholder(Aval(shape, of))


def program(function: Callable[..., Any], arrays: Sequence[Array]) -> Graph:
    nodes = [placeholder(Aval(a.shape, dtype(a.dtype))) for a in arrays]
    result = function(*nodes)
    return Graph.of(nodes, list(result) if isinstance(result, tuple) else [result])


ERRORS: list[tuple[str, type[EerieError], str, Callable[[], Node]]] = [
    ("reshape", ShapeError, r"reshape of f32\[2,3\] to \(4, 2\)", lambda: reshape(node(2, 3), shape=(4, 2))),
    ("reshape negative", ShapeError, "reshape", lambda: reshape(node(2, 3), shape=(-2, -3))),
    ("transpose", ShapeError, r"transpose of f32\[2,3\] by axes \(0, 0\)", lambda: transpose(node(2, 3), axes=(0, 0))),
    ("broadcast", ShapeError, "3 does not fit 4 at axis 1", lambda: broadcast(node(3), shape=(2, 4), axes=(1,))),
    ("broadcast axes", ShapeError, "increasing axes", lambda: broadcast(node(3, 4), shape=(4, 3), axes=(1, 0))),
    ("concat", ShapeError, r"f32\[2,3\] and f32\[2,4\]", lambda: concat(node(2, 3), node(2, 4), axis=0)),
    ("concat dtypes", ShapeError, "one dtype", lambda: concat(node(2), node(2, of=int32), axis=0)),
    ("concat nothing", ShapeError, "at least one", lambda: concat(axis=0)),
    ("pad", ShapeError, "none negative", lambda: pad(node(3), low=(-1,), high=(0,), interior=(0,), value=0)),
    ("slice", ShapeError, "0 <= start", lambda: slice(node(3), starts=(1,), stops=(4,), strides=(1,))),
    ("slice stride", ShapeError, "positive strides", lambda: slice(node(3), starts=(0,), stops=(3,), strides=(0,))),
    ("flip", ShapeError, "flip needs different axes", lambda: flip(node(3), axes=(1,))),
    ("iota", DTypeError, "iota does not take bool", lambda: iota(shape=(3,), dtype=bool_, axis=0)),
    ("sum axes", ShapeError, "reduce_sum needs different axes", lambda: reduce_sum(node(3, 4), axes=(0, 0))),
    ("sum 0-d", ShapeError, "of a 0-d array", lambda: reduce_sum(node(), axes=(0,))),
    ("sum bool", DTypeError, "cast to one of", lambda: reduce_sum(node(3, of=bool_), axes=(0,))),
    ("any", DTypeError, "reduce_any does not take float32", lambda: reduce_any(node(3), axes=(0,))),
    ("max of none", ShapeError, "no elements have no extremum", lambda: reduce_max(node(0, 3), axes=(0,))),
    ("min of none", ShapeError, "no elements have no extremum", lambda: reduce_min(node(0, 3), axes=(0,))),
    ("argmax of none", ShapeError, "no elements have no extremum", lambda: argmax(node(0, 3), axis=0)),
    ("cumsum", DTypeError, "cumsum does not take bool", lambda: cumsum(node(3, of=bool_), axis=0)),
    ("cumsum 0-d", ShapeError, "of a 0-d array", lambda: cumsum(node(), axis=0)),
    ("gather index", DTypeError, "gather does not take float32", lambda: gather(node(3), node(2), axes=(0,))),
    ("gather count", ShapeError, "got 0 index arrays", lambda: gather(node(3), axes=(0,))),
    (
        "gather shapes",
        ShapeError,
        r"i32\[2\] and i32\[3\]",
        lambda: gather(node(3, 3), node(2, of=int32), node(3, of=int32), axes=(0, 1)),
    ),
    ("gather of none", ShapeError, "nothing to read", lambda: gather(node(0), node(2, of=int32), axes=(0,))),
    (
        "scatter updates",
        ShapeError,
        r"must have shape \(2, 4\)",
        lambda: scatter(node(3, 4), node(2, 3), node(2, of=int32), axes=(0,), mode="add"),
    ),
    (
        "scatter dtypes",
        DTypeError,
        "cast the updates",
        lambda: scatter(node(3), node(2, of=int32), node(2, of=int32), axes=(0,), mode="set"),
    ),
    (
        "scatter add bool",
        DTypeError,
        "scatter does not take bool",
        lambda: scatter(node(3, of=bool_), node(2, of=bool_), node(2, of=int32), axes=(0,), mode="add"),
    ),
    ("dynamic_slice", ShapeError, "none larger", lambda: dynamic_slice(node(3), node(of=int32), sizes=(4,))),
    ("dynamic_slice start", ShapeError, "0-d array", lambda: dynamic_slice(node(3), node(1, of=int32), sizes=(2,))),
    ("dynamic_update", ShapeError, "none larger", lambda: dynamic_update(node(3), node(4), node(of=int32))),
    (
        "dynamic_update dtype",
        DTypeError,
        "cast the update",
        lambda: dynamic_update(node(3), node(2, of=int64), node(of=int32)),
    ),
]


@pytest.mark.parametrize(("kind", "text", "make"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_misuse_is_an_error_of_its_own_that_names_the_fix(
    kind: type[EerieError], text: str, make: Callable[[], Node]
) -> None:
    with pytest.raises(kind, match=text) as caught:
        make()
    assert type(caught.value) is kind
    assert __file__ in str(caught.value)


def _rows(rng: np.random.Generator, count: int = 7) -> Array:
    return rng.integers(0, 5, count)


def _programs() -> dict[str, tuple[Callable[..., Any], list[Array]]]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5, 4)).astype(np.float32)
    u = rng.normal(size=(7, 4)).astype(np.float32)
    i = _rows(rng)
    one = np.array(1)
    long = rng.normal(size=100_000).astype(np.float16)
    at = rng.integers(-5, 100_005, 50_000)
    found: dict[str, tuple[Callable[..., Any], list[Array]]] = {
        # An update in place would change the argument that is returned or read after it.
        f"scatter {mode}, then its input": (
            lambda x, u, i, mode=mode: (scatter(x, u, i, axes=(0,), mode=mode), add(x, x), x),
            [x, u, i],
        )
        for mode in ("add", "set", "max", "min")
    }
    return found | {
        "dynamic update, then its input": (
            lambda x, u, a: (dynamic_update(x, slice(u, starts=(0, 0), stops=(2, 2), strides=(1, 1)), a, a), x),
            [x, u, one],
        ),
        "concat with itself, pad, flip": (
            lambda x: (
                concat(x, x, axis=0),
                pad(x, low=(0, 0), high=(1, 0), interior=(0, 0), value=1),
                flip(x, axes=(0,)),
                x,
            ),
            [x],
        ),
        "reshaped twice": (lambda x: (reshape(x, shape=(20,)), reshape(reshape(x, shape=(2, 10)), shape=(5, 4))), [x]),
        "a sum over a broadcast of a transpose": (
            lambda x: reduce_sum(broadcast(transpose(x, axes=(1, 0)), shape=(3, 4, 5), axes=(1, 2)), axes=(0, 2)),
            [x],
        ),
        "what folds to the input": (
            lambda x: (x, multiply(x, like(x, 1)), maximum(x, x), reshape(multiply(x, like(x, 1)), shape=(20,))),
            [x],
        ),
        "a chain deeper than Python's stack": (lambda x: functools.reduce(add, [x] * 500), [x]),
        "computed indices": (lambda x, i: gather(x, multiply(i, like(i, -3)), axes=(0,)), [x, i]),
        "gather then scatter": (
            lambda x, i: scatter(like(x, 0), gather(x, i, axes=(0,)), i, axes=(0,), mode="add"),
            [x, i],
        ),
        # Producers fused into these would put whole arrays on the stack.
        "a long running sum of a cast": (lambda x: cumsum(cast(x, dtype=float32), axis=0), [long]),
        "a long running product of a product": (
            lambda x: cumprod(cast(multiply(x, like(x, 0)), dtype=float32), axis=0),
            [long],
        ),
        "many updates that are computed": (
            lambda x, i: scatter(
                cast(x, dtype=float32), cast(gather(x, i, axes=(0,)), dtype=float32), i, axes=(0,), mode="add"
            ),
            [long, at],
        ),
        "many updates that replace": (
            lambda x, i: scatter(
                x, multiply(gather(x, i, axes=(0,)), like(gather(x, i, axes=(0,)), 2)), i, axes=(0,), mode="set"
            ),
            [long, at],
        ),
    }


def test_programs_of_several_operations() -> None:
    programs = _programs()
    graphs = [program(f, arrays) for f, arrays in programs.values()]
    outcomes = run_compiled(graphs, [arrays for _, arrays in programs.values()])
    for (name, (_, arrays)), graph, outcome in zip(programs.items(), graphs, outcomes, strict=True):
        assert not outcome.problem, f"{name}: {outcome.problem}"
        assert not outcome.shares_memory, name
        for before, after in zip(arrays, outcome.inputs, strict=True):
            assert before.tobytes() == after.tobytes(), f"{name} wrote to its input"
        for got, want in zip(outcome.outputs, graph.evaluate(arrays), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6, err_msg=name)


def test_sums_stay_near_the_exact_ones() -> None:
    x = np.random.default_rng(4).uniform(0, 1, 1 << 20).astype(np.float32)
    graph = program(lambda x: reduce_sum(x, axes=(0,)), [x])
    got = run_compiled([graph], [[x]])[0].outputs[0]
    exact = np.sum(x, dtype=np.float64)
    assert abs(float(got) - exact) <= 1e-5 * exact
