"""Programs for any size: compiled once, then compared with the NumPy references at several sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api.loaded import load
from eerie_dsl.api.tracing import Leaf, trace
from eerie_dsl.errors import Source
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.check import check
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.size import Dim
from eerie_dsl.runtime import from_numpy, to_numpy

N: Any = Dim("n", min=1, max=64)


def _ints(x: Any) -> Any:
    return eerie.astype(abs(x) * 3, eerie.int32)


def _step(c: Any, row: Any) -> Any:
    return eerie.tanh(c + row), c * row


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda x: eerie.tanh(x) * 2 + 1, ((N, 3),)),
    "broadcasting": (lambda x, y: x + y, ((N, 3), (3,))),
    "sum and count": (lambda x: x.sum(axis=0) / x.shape[0], ((N, 3),)),
    "mean": (lambda x: eerie.mean(x, axis=0), ((N, 3),)),
    "sum of all": (lambda x: eerie.sum(x), ((N, 32),)),
    "softmax of rows": (lambda x: eerie.softmax(x), ((N, 10),)),
    "softmax of columns": (lambda x: eerie.softmax(x, axis=0), ((N, 10),)),
    "logsumexp": (lambda x: eerie.logsumexp(x, axis=1), ((N, 32),)),
    "var": (lambda x: eerie.var(x, axis=0), ((N, 32),)),
    "max": (lambda x: eerie.max(x, axis=0), ((N, 32),)),
    "argmax of rows": (lambda x: eerie.argmax(x, axis=1), ((N, 6),)),
    "argmax of columns": (lambda x: eerie.argmax(x, axis=0), ((N, 6),)),
    "layer_norm": (lambda x, w, b: eerie.layer_norm(x, w, b), ((N, 32), (32,), (32,))),
    "matmul": (lambda x, w: eerie.tanh(x @ w), ((N, 16), (16, 8))),
    "linear": (lambda x, w, b: x @ w.mT + b, ((N, 128), (64, 128), (64,))),
    "gram": (lambda x: x @ x.mT, ((N, 16),)),
    "outer": (lambda x: x.mT @ x, ((N, 16),)),
    "einsum": (lambda x, y: eerie.einsum("ni,nj->ij", x, y), ((N, 4), (N, 5))),
    "attention": (lambda q, k: eerie.softmax(eerie.einsum("nqd,nkd->nqk", q, k)), ((N, 8, 16), (N, 8, 16))),
    "convolution": (lambda x, w: eerie.convolution(x, w), ((N, 8, 8, 3), (3, 3, 3, 4))),
    "ravel": (lambda x: x.reshape(-1), ((N, 6),)),
    "split an axis": (lambda x: x.reshape(x.shape[0], 2, 3), ((N, 6),)),
    "move a factor": (lambda x: x.reshape(x.shape[0] * 2, 3), ((N, 6),)),
    "transpose": (lambda x: x.mT * 1.5, ((N, 6),)),
    "all differences": (lambda x: x[:, None] - x[None, :], ((N,),)),
    "columns": (lambda x: x[:, 1:3], ((N, 6),)),
    "first and last": (lambda x: x[-1] + x[0], ((N, 6),)),
    "backwards": (lambda x: x[::-1], ((N, 6),)),
    "every second": (lambda x: x[::2], ((N, 6),)),
    "concat rows": (lambda x, y: eerie.concat([x, y], axis=0), ((N, 6), (4, 6))),
    "concat columns": (lambda x, y: eerie.concat([x, y], axis=1), ((N, 6), (N, 2))),
    "stack": (lambda x, y: eerie.stack([x, y]), ((N, 6), (N, 6))),
    "tile": (lambda x: eerie.tile(x, (2, 1)), ((N, 6),)),
    "pad": (lambda x: eerie.pad(x, ((1, 2), (0, 0))), ((N, 6),)),
    "roll": (lambda x: eerie.roll(x, 1, axis=1), ((N, 6),)),
    "where": (lambda x: eerie.where(x > 0, x, 0.0), ((N, 6),)),
    "arange": (lambda x: x * eerie.arange(x.shape[0], dtype=eerie.float32)[:, None], ((N, 6),)),
    "ones": (lambda x: x + eerie.ones((x.shape[0], 1)), ((N, 6),)),
    "a size as an array": (lambda x: eerie.asarray(x.shape[0] * 2 + 1) * eerie.ones((2,)), ((N, 6),)),
    "cumulative sum": (lambda x: eerie.cumulative_sum(x, axis=0), ((N, 6),)),
    "cumulative sum of rows": (lambda x: eerie.cumulative_sum(x, axis=1), ((N, 6),)),
    "sort rows": (lambda x: eerie.sort(x, axis=1), ((N, 8),)),
    "sort columns": (lambda x: eerie.sort(x, axis=0), ((N, 8),)),
    "topk": (lambda x: eerie.topk(x, 2), ((N, 6),)),
    "embedding": (lambda x, w: w[_ints(x[:, 0])], ((N, 3), (16, 8))),
    "take": (lambda x: eerie.take(x, eerie.asarray([0, 0]), axis=0), ((N, 3),)),
    "take along": (lambda x, y: eerie.take_along_axis(x, _ints(y)[:, None], axis=1), ((N, 10), (N,))),
    "scatter": (lambda x, i: eerie.zeros((10,)).at[_ints(i)].add(x), ((N,), (N,))),
    "at": (lambda x: x.at[0].set(1.0), ((N, 6),)),
    "random": (lambda x: x + eerie.random.uniform(x.shape, key=eerie.random.key(0)), ((N, 10),)),
    "gradient": (
        lambda x, w: eerie.grad(lambda w: eerie.mean(eerie.tanh(x @ w) ** 2))(w),
        ((N, 16), (16, 8)),
    ),
    "gradient of an embedding": (
        lambda w, i: eerie.grad(lambda w: eerie.sum(w[_ints(i)] ** 2))(w),
        ((16, 8), (N,)),
    ),
    "vmap": (lambda x, w: eerie.vmap(lambda r: eerie.tanh(r @ w))(x), ((N, 16), (16, 8))),
    "scan over other axes": (lambda x: eerie.scan(_step, eerie.zeros((x.shape[1], 8)), x), ((12, N, 8),)),
    "scan over rows": (lambda x: eerie.scan(_step, eerie.zeros((8,)), x), ((N, 8),)),
    "scan backwards": (lambda x: eerie.scan(_step, eerie.zeros((8,)), x, reverse=True), ((N, 8),)),
    "gradient of a scan": (
        eerie.grad(lambda x: eerie.sum(eerie.scan(_step, eerie.zeros((8,)), x)[1])),
        ((N, 8),),
    ),
    "fori_loop": (lambda x: eerie.fori_loop(0, x.shape[0], lambda i, c: c + x[i], eerie.zeros((8,))), ((N, 8),)),
    "solve": (
        lambda x: eerie.linalg.solve(x @ x.mT + eerie.eye(x.shape[0]), eerie.ones((x.shape[0], 1))),
        ((N, 8),),
    ),
    "while": (lambda x: eerie.while_loop(lambda c: eerie.sum(c) < 100, lambda c: c * c + 1, x), ((N, 8),)),
    "cond": (lambda x: eerie.cond(eerie.sum(x) > 0, lambda: x, lambda: -x), ((N, 8),)),
}


@pytest.mark.parametrize("third", range(3))
def test_one_program_for_all_sizes(third):
    names = list(CASES)[third::3]
    leaves = [Leaf(Aval(shape, float32)) for name in names for shape in CASES[name][1]]

    def all_of_them(*arrays: Any) -> Any:
        given = iter(arrays)
        return [function(*(next(given) for _ in shapes)) for function, shapes in map(CASES.__getitem__, names)]

    traced = trace(all_of_them, "cases", Source(__file__, 1, "f"), leaves, len(leaves), lambda a, k: (a, k))
    program = load(check(traced.graph), name="cases", mode="compiled")
    for n in (1, 5, 16, 64):
        rng = np.random.default_rng(n)
        graph = check(traced.graph.at({"n": n}))
        arrays = [rng.normal(size=a.shape).astype(np.float32) for a in graph.in_avals]
        expected = graph.evaluate(arrays)
        found = program([from_numpy(a, float32, copy=True) for a in arrays])
        for value, wanted, aval in zip(found, expected, graph.out_avals, strict=True):
            # Sums in another order: a few roundings of numbers below 100.
            np.testing.assert_allclose(to_numpy(value, aval), wanted, rtol=2e-5, atol=2e-5)
