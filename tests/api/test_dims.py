"""One program for many sizes: declared, found out, and in buckets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, EerieWarning, ShapeError, TracerError

BATCH = eerie.Dim("batch", min=1, max=64)
RNG = np.random.default_rng(7)


def rows(n: int, k: int = 3) -> np.ndarray:
    return RNG.normal(size=(n, k)).astype(np.float32)


def test_one_trace_and_one_program_for_fifty_sizes():
    w = rows(3, 4)

    @eerie.jit(dims={"x": (BATCH, 3)})
    def f(x, w):
        return eerie.tanh(x @ w).sum(axis=0) / x.shape[0], x * 2

    programs = set()
    for n in range(1, 51):
        x = rows(n)
        mean, double = f(x, w)
        np.testing.assert_allclose(np.asarray(mean), np.tanh(x @ w).mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(double), x * 2)
        programs.add(id(next(iter(f._fast.values())).loaded))
    assert (f.traces, len(programs)) == (1, 1)
    assert f(rows(50), w)[1].shape == (50, 3)
    assert f.traces == 1


def test_axes_of_trees():
    @eerie.jit(dims={"data": {"x": {0: BATCH}, "y": (BATCH,)}, "scale": None})
    def loss(data, scale):
        return eerie.sum((data["x"].sum(axis=1) - data["y"]) ** 2) * scale

    for n in (1, 4, 9):
        x, y = rows(n), rows(n)[:, 0].copy()
        expected = ((x.sum(axis=1) - y) ** 2).sum() * 2
        assert float(loss({"x": x, "y": y}, 2.0)) == pytest.approx(expected, rel=1e-5)
    assert loss.traces == 1
    with pytest.raises(
        ShapeError,
        match=r"axis 0 of argument data\['y'\] of loss has 5 elements, and batch is 4, from "
        r"axis 0 of argument data\['x'\]",
    ):
        loss({"x": rows(4), "y": rows(5)[:, 0].copy()}, 2.0)


def test_sizes_computed_from_others():
    @eerie.jit(dims={"x": (BATCH, 3), "y": {0: 2 * BATCH + 1}})
    def f(x, y):
        return x.sum() + y.sum()

    assert float(f(eerie.ones((3, 3)), eerie.ones((7,)))) == 16
    with pytest.raises(
        ShapeError, match=r"argument y of f has 6 elements, and 2\*batch \+ 1 is 7: batch = 3 from axis"
    ):
        f(eerie.ones((3, 3)), eerie.ones((6,)))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((65, 3), "axis 0 of argument x of f has 65 elements, and batch is from 1 to 64"),
        ((0, 3), "axis 0 of argument x of f has 0 elements, and batch is from 1 to 64"),
        ((5, 4), "axis 1 of argument x of f has 4 elements, and dims says 3"),
        ((5,), r"argument x of f is f32\[5\], and dims says 2 axes"),
    ],
)
def test_a_call_that_does_not_fit(shape, words):
    f = eerie.jit(dims={"x": (BATCH, 3)})(lambda x: x + 1)
    f.__wrapped__.__name__ = f._name = "f"
    with pytest.raises(ShapeError, match=words):
        f(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x if x.shape[0] > 10 else x + 1, "whether batch > 10 depends on the call"),
        (lambda x: x if x.shape == (1, 3) else x + 1, "whether batch == 1 depends on the call"),
        (lambda x: [x * i for i in range(x.shape[0])], r"cannot be used as a Python integer, in range\(\)"),
        (lambda x: x * (1.0 / x.shape[0]), "cannot be used with /"),
        (lambda x: x[:5], "whether .* depends on the call"),
        (lambda x: eerie.squeeze(x), "whether batch > 1 depends on the call"),
        (lambda x: list(x), "cannot be used as a Python integer"),
    ],
)
def test_nothing_depends_on_a_size_by_accident(function, words):
    with pytest.raises(TracerError, match=words) as caught:
        eerie.jit(dims={"x": (BATCH, 3)})(function)(rows(5))
    assert caught.value.source is not None
    assert caught.value.source.file == __file__


def test_shapes_that_agree_only_at_some_sizes():
    with pytest.raises(ShapeError, match=r"shapes \[batch, 3\] and \[7, 3\] do not broadcast"):
        eerie.jit(dims={"x": (BATCH, 3)})(lambda x: x + eerie.ones((7, 3)))(rows(7))


@pytest.mark.parametrize(
    ("dims", "words"),
    [
        ({"z": {0: BATCH}}, "has no argument 'z'"),
        ({"x": {0: 2 * BATCH}}, r"2\*batch is computed from batch, which is not the size of any axis"),
        ({"x": {0: BATCH}, "y": {0: eerie.Dim("batch", max=9)}}, "two dimensions are called batch"),
        ({"x": {0: "batch"}}, "is neither a Dim nor a number"),
        ({"x": 5}, "says no sizes"),
    ],
)
def test_bad_declarations(dims, words):
    with pytest.raises(ArgumentError, match=words):
        eerie.jit(dims=dims)(lambda x, y: x)


def test_gradients_batches_and_other_traces():
    w = rows(3, 2)

    @eerie.jit(dims={"x": (BATCH, 3)})
    def f(x, w):
        return eerie.mean(eerie.tanh(x @ w))

    def plain(x, w):
        return eerie.mean(eerie.tanh(x @ w))

    for n in (2, 5):
        x = rows(n)
        np.testing.assert_allclose(
            np.asarray(eerie.grad(f, argnums=1)(x, w)), np.asarray(eerie.grad(plain, argnums=1)(x, w)), rtol=1e-5
        )
    many = rows(12).reshape(4, 3, 3)
    assert eerie.vmap(f, in_axes=(0, None))(many, w).shape == (4,)
    assert f.traces == 1

    @eerie.jit(dims={"x": (BATCH, 3)})
    def outer(x, w):
        return f(x, w) * x.shape[0]

    for n in (1, 6):
        x = rows(n)
        assert float(outer(x, w)) == pytest.approx(np.tanh(x @ w).mean() * n, rel=1e-4)
    assert (outer.traces, f.traces) == (1, 1)


def test_an_inner_range_is_checked_in_an_outer_trace():
    inner = eerie.jit(dims={"x": (eerie.Dim("few", max=8), 3)})(lambda x: x + 1)
    with pytest.raises(ShapeError, match="and few is from 1 to 8"):
        eerie.jit(dims={"x": (BATCH, 3)})(lambda x: inner(x))(rows(3))


def test_captured_arrays_stay_current():
    shift = np.ones(3, np.float32)
    f = eerie.jit(dims={"x": (BATCH, 3)})(lambda x: x + shift)
    assert np.asarray(f(np.zeros((2, 3), np.float32))).tolist() == [[1, 1, 1]] * 2
    shift += 1
    assert np.asarray(f(np.zeros((1, 3), np.float32))).tolist() == [[2, 2, 2]]
    assert f.traces == 1


def test_what_is_read_from_outside_is_still_guarded():
    scale = 2.0
    f = eerie.jit(dims={"x": (BATCH, 3)})(lambda x: x * scale)
    assert float(f(np.ones((2, 3), np.float32))[0, 0]) == 2
    scale = 3.0
    assert float(f(np.ones((2, 3), np.float32))[0, 0]) == 3
    assert float(f(np.ones((4, 3), np.float32))[0, 0]) == 3
    assert f.traces == 2


def test_donated_arguments():
    @eerie.jit(donate_argnums=0, dims={"x": (BATCH, 3)})
    def f(x):
        return x + 1

    for n in (2, 3):
        x = eerie.zeros((n, 3)) + 0
        assert np.asarray(f(x)).tolist() == [[1, 1, 1]] * n
        with pytest.raises(eerie.EerieError, match="donated"):
            x.tolist()


def test_a_size_that_keeps_changing_becomes_a_dimension():
    @eerie.jit
    def f(x, y):
        return x * 2 + y

    for n in range(2, 9):
        f(rows(n), rows(n))
    assert f.traces == 7
    with pytest.warns(
        EerieWarning, match="the size of axis 0 of argument x of f, axis 0 of argument y of f keeps"
    ) as w:
        f(rows(20), rows(20))
    assert w[0].filename == __file__
    for n in (30, 31, 5):
        x, y = rows(n), rows(n)
        np.testing.assert_allclose(np.asarray(f(x, y)), x * 2 + y, rtol=1e-6)
    assert f.traces == 8
    # One element broadcasts, and axes that were equal all the time need not be: these have programs of their own.
    assert f(rows(1), rows(1)).shape == (1, 3)
    assert f(rows(6), rows(1)).shape == (6, 3)
    assert f.traces == 10


def test_what_needs_its_size_goes_on_compiling_for_each():
    f = eerie.jit(lambda x: sum(x[i] for i in range(x.shape[0])))
    for n in range(2, 9):
        f(rows(n))
    with pytest.warns(EerieWarning, match="compiles for each size of axis 0 of argument x .* in range"):
        f(rows(9))
    x = rows(10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(np.asarray(f(x)), x.sum(axis=0), rtol=1e-5, atol=1e-6)


def test_no_dims_are_no_dimensions():
    f = eerie.jit(dims={})(lambda x: x + 1)
    for n in range(1, 12):
        f(rows(n))
    assert f.traces == 11


def test_a_limit_names_the_culprit():
    f = eerie.jit(max_variants=2)(lambda x, y: x + y)
    f(rows(2), rows(2))
    f(rows(3), rows(3))
    with pytest.raises(
        ArgumentError,
        match=r"has max_variants=2, and needs one more; the type of argument x of .* "
        r"\(f32\[4,3\]\), argument y .* keeps changing",
    ):
        f(rows(4), rows(4))
    assert f(rows(3), rows(3)).shape == (3, 3)
    assert f.traces == 2


BUCKETS = eerie.Dim("batch", buckets=(1, 8, 64))


def test_buckets_give_the_same_results():
    @eerie.jit(dims={"x": (BUCKETS, 3)})
    def f(x, w):
        y = eerie.softmax(eerie.tanh(x @ w) + w[0])
        return {"y": y, "parts": x.reshape(-1, 3, 1), "sum": eerie.sum(x, axis=1), "best": eerie.argmax(y, axis=1)}

    w = rows(3, 4)
    programs = set()
    for n in (1, 2, 7, 8, 9, 64):
        x = rows(n)
        scores = np.tanh(x @ w) + w[0]
        y = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        found = f(x, w)
        np.testing.assert_allclose(np.asarray(found["y"]), y, rtol=1e-5)
        np.testing.assert_array_equal(np.asarray(found["parts"]), x[:, :, None])
        np.testing.assert_allclose(np.asarray(found["sum"]), x.sum(axis=1), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(found["best"]), y.argmax(axis=1))
        if eerie.config.evaluation != "reference":
            programs.add(id(f._entry((x, w), {})[1].loaded))
    assert f.traces == 1
    assert len(programs) in (0, 3)
    with pytest.raises(ShapeError, match="and batch is from 1 to 64"):
        f(rows(65), w)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x.sum(axis=0), "reduce_sum of .* mixes places along batch"),
        (lambda x: x.sum(axis=1) / x.shape[0], "extent of batch mixes places along batch"),
        (lambda x: x @ x.mT, r"f32\[batch,batch\] has more of batch than one axis"),
        (lambda x: x[::-1], "flip of .* mixes"),
        (lambda x: eerie.pad(x, ((1, 0), (0, 0))), "has more of batch than"),
        (lambda x: eerie.cumulative_sum(x, axis=0), "cumsum of .* mixes"),
        (lambda x: eerie.sort(x, axis=0), "mixes"),
        (lambda x: x.reshape(3, -1), "reshape of .* mixes"),
        (lambda x: x.reshape(-1), "has more of batch than"),
        (lambda x: x[eerie.asarray([0, 0])], "gather of .* mixes"),
    ],
)
def test_buckets_refuse_what_mixes_rows(function, words):
    with pytest.raises(ShapeError, match=words) as caught:
        eerie.jit(dims={"x": (BUCKETS, 3)})(function)(rows(5))
    assert caught.value.source is not None
    assert caught.value.source.file == __file__


def test_stages_show_the_dimension():
    f = eerie.jit(dims={"x": (BATCH, 3)})(lambda x: x * 2)
    traced: Any = f.trace(rows(4))
    assert "f32[batch,3]" in str(traced)
    assert "tensor<?x3xf32>" in traced.lower().mlir
