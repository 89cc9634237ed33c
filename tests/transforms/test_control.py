"""Branches and loops: values against plain Python, gradients against differences and unrolled code, errors by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, MissingRuleError, ShapeError
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.passes import simplify
from eerie_dsl.lowering import build
from eerie_dsl.transforms.scan import scan

RNG = np.random.default_rng(3)
XS = RNG.uniform(-1, 1, (5, 3))
W = RNG.uniform(-1, 1, (3, 3))
C = RNG.uniform(-1, 1, 3)


@pytest.fixture(params=["reference", "compiled"], autouse=True)
def mode(request):
    with config(evaluation=request.param):
        yield request.param


@pytest.fixture
def interpreted(mode):
    if mode != "reference":
        pytest.skip("says nothing new when it is compiled")


def array(x: Any) -> eerie.Array:
    return eerie.asarray(np.asarray(x))


def unrolled(f: Callable[..., Any], init: Any, xs: Any, *, reverse: bool = False) -> Any:
    """What `scan` means."""
    ys = []
    places = range(len(xs))
    for i in reversed(places) if reverse else places:
        init, y = f(init, xs[i])
        ys.append(y)
    return init, eerie.stack(ys[::-1] if reverse else ys)


def close(got: Any, want: Any, tolerance: float = 1e-10) -> None:
    # One program for all arrays of a side, not one for each.
    eerie.eval(got)
    eerie.eval(want)
    a, b = eerie.tree.leaves(got), eerie.tree.leaves(want)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), tolerance, tolerance)


def cell(w: Any) -> Callable[..., Any]:
    def step(c: Any, x: Any) -> Any:
        new = eerie.tanh(c @ w + x)
        return new, new * c

    return step


def loss(loop: Callable[..., Any], c: Any, xs: Any, w: Any) -> Any:
    last, ys = loop(cell(w), c, xs)
    return eerie.sum(ys * ys * eerie.cos(ys)) + eerie.sum(last * C)


def differences(f: Callable[..., Any], args: list[np.ndarray], k: int) -> np.ndarray:
    """Central differences of ``f`` by its argument ``k``."""
    found = np.zeros_like(args[k])
    for place in np.ndindex(found.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = args[k].copy()
            moved[place] += step
            sides.append(float(f(*(array(moved if i == k else a) for i, a in enumerate(args)))))
        found[place] = (sides[0] - sides[1]) / 2e-6
    return found


class TestValues:
    @pytest.mark.parametrize("reverse", [False, True])
    def test_scan_is_a_python_loop(self, reverse):
        c, xs, w = array(C), array(XS), array(W)
        close(eerie.scan(cell(w), c, xs, reverse=reverse), unrolled(cell(w), c, xs, reverse=reverse), 1e-14)

    @pytest.mark.parametrize("length", [1, 31, 33, 40, 1100])
    def test_rows_stay_in_order_however_many(self, length):
        xs = np.arange(2 * length, dtype=np.float32).reshape(length, 2)
        for reverse in (False, True):
            last, ys = eerie.scan(lambda c, x: (c + 1, (x, c)), 0, xs, reverse=reverse)
            eerie.eval(last, ys)
            steps = np.arange(length)
            assert int(last) == length
            np.testing.assert_array_equal(ys[0], xs)
            np.testing.assert_array_equal(ys[1], steps[::-1] if reverse else steps)

    def test_carries_of_several_dtypes_in_a_tree(self):
        def step(carry, x):
            n, (flag, z) = carry["n"], carry["rest"]
            new = {"n": n + x["i"], "rest": (flag ^ (x["i"] > 1), z * 1j + x["v"])}
            return new, {"n": n, "flag": flag, "none": None}

        xs = {"i": array(np.array([1, 2, 3], np.int32)), "v": array(np.array([0.5, 1.5, 2.5], np.float32))}
        init = {"n": array(np.int32(4)), "rest": (array(np.array(True)), array(np.complex64(1)))}
        last, ys = eerie.scan(step, init, xs)
        eerie.eval(last, ys)
        assert int(last["n"]) == 10
        assert bool(last["rest"][0]) is True
        np.testing.assert_allclose(np.asarray(last["rest"][1]), 1 * 1j**3 + 0.5 * 1j**2 + 1.5j + 2.5, 1e-6)
        assert ys["none"] is None
        assert np.asarray(ys["n"]).tolist() == [4, 5, 7]
        assert np.asarray(ys["flag"]).tolist() == [True, True, False]
        assert str(ys["n"].dtype) == "int32"

    def test_no_steps_give_the_first_carry_and_no_rows(self):
        c = array(C)
        last, ys = eerie.scan(cell(array(W)), c, eerie.zeros((0, 3), dtype=eerie.float64))
        np.testing.assert_array_equal(last, C)
        assert ys.shape == (0, 3)
        assert int(eerie.fori_loop(3, 3, lambda i, v: v + 1, 7)) == 7
        assert eerie.scan(lambda c, x: (c, None), 1.5, None, length=0) == (1.5, None)

    def test_carries_may_change_places(self):
        def fibonacci(v):
            return eerie.fori_loop(0, 10, lambda i, ab: (ab[1], ab[0] + ab[1]), v)

        assert [int(x) for x in eerie.jit(fibonacci)((0, 1))] == [55, 89]

    def test_inputs_stay_intact(self):
        c, xs = np.ones(3), XS.copy()

        @eerie.jit
        def program(c, xs):
            last, ys = eerie.scan(lambda c, x: (x, c), c, xs)
            kept = eerie.cond(xs[0, 0] > 5, lambda v: v * 2, lambda v: v, c)
            same = eerie.while_loop(lambda v: eerie.sum(v) < 0, lambda v: v + 1, c)
            return last, ys, kept, same, eerie.fori_loop(0, 3, lambda i, v: c, c + 1)

        last, ys, kept, same, other = program(c, xs)
        np.testing.assert_array_equal(last, XS[-1])
        np.testing.assert_array_equal(ys, np.concatenate([[np.ones(3)], XS[:-1]]))
        for result in (kept, same, other):
            np.testing.assert_array_equal(result, np.ones(3))
            assert not np.shares_memory(np.asarray(result), c)
        np.testing.assert_array_equal(c, np.ones(3))
        np.testing.assert_array_equal(xs, XS)

    def test_cond_and_switch_choose(self):
        x, w = array(C), array(W)
        for flag in (True, False, array(np.array(True))):
            close(eerie.cond(flag, lambda x: x @ w, lambda x: x * 2, x), C @ W if bool(flag) else C * 2)
        branches = [lambda x: x, lambda x: x + w[0], lambda x: x * 3, lambda x: -x]
        want = [C, C + W[0], C * 3, -C]
        chosen = eerie.jit(lambda i, x: eerie.switch(i, branches, x))
        for index, k in ((-5, 0), (0, 0), (1, 1), (2, 2), (3, 3), (9, 3)):
            close(chosen(array(index), x), want[k])
        close(chosen(array(np.uint8(200)), x), want[3])

    def test_while_loop_counts(self):
        limit = array(np.int64(100))
        found = eerie.while_loop(
            lambda s: s["n"] < limit, lambda s: {"n": s["n"] * 3, "k": s["k"] + 1}, {"n": 1, "k": 0}
        )
        eerie.eval(found)
        assert (int(found["n"]), int(found["k"])) == (243, 5)

    def test_fori_loop_with_computed_bounds(self):
        total = eerie.jit(lambda n: eerie.fori_loop(2, n, lambda i, s: s + i, 0))
        assert [int(total(n)) for n in (0, 2, 3, 6)] == [0, 0, 2, 14]

    @pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
    def test_associative_scan(self, count, interpreted):
        x = RNG.uniform(0.5, 1.5, (2, count))
        close(eerie.associative_scan(eerie.multiply, array(x), axis=1), np.cumprod(x, 1))
        close(
            eerie.associative_scan(eerie.multiply, array(x), reverse=True, axis=-1), np.cumprod(x[:, ::-1], 1)[:, ::-1]
        )

    def test_associative_scan_of_a_linear_recurrence(self):
        a, b = XS, XS[::-1].copy()
        pair = eerie.associative_scan(lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (array(a), array(b)))
        state, states = np.zeros(3), []
        for i in range(5):
            state = a[i] * state + b[i]
            states.append(state)
        close(pair[1], np.array(states))

    def test_loops_in_loops(self):
        def program(x, n):
            def row(total, r):
                inner = eerie.scan(lambda c, v: (c * 0.5 + v, c), total, r)
                return eerie.cond(inner[0] > 0, lambda v: v, lambda v: -v, inner[0]), inner[1]

            doubled = eerie.cond(
                n > 2,
                lambda x: eerie.while_loop(lambda v: eerie.sum(v) < 50, lambda v: v * 2, x),
                lambda x: x,
                eerie.abs(x),
            )
            return eerie.scan(row, 0.25, x), doubled

        def plain(x, n):
            total, rows = 0.25, []
            for r in x:
                kept = []
                for v in r:
                    kept.append(total)
                    total = total * 0.5 + v
                total = abs(total)
                rows.append(kept)
            x = np.abs(x)
            while n > 2 and x.sum() < 50:
                x = x * 2
            return (np.float64(total), np.array(rows)), x

        for n in (1, 3):
            close(eerie.jit(program)(array(XS), n), plain(XS, n))

    def test_a_number_takes_on_the_dtype_of_the_loop(self):
        last = eerie.fori_loop(0, 4, lambda i, s: s + XS[0, 0], 0)
        assert last.dtype is eerie.float64
        np.testing.assert_allclose(float(last), 4 * XS[0, 0])


class TestDerivatives:
    def test_gradients_are_those_of_unrolled_code_and_of_differences(self, mode):
        args = [C, XS, W]
        got = eerie.jit(eerie.grad(lambda *a: loss(eerie.scan, *a), (0, 1, 2)))(*map(array, args))
        close(got, eerie.grad(lambda *a: loss(unrolled, *a), (0, 1, 2))(*map(array, args)))
        if mode == "reference":
            for k, g in enumerate(got):
                np.testing.assert_allclose(g, differences(lambda *a: loss(eerie.scan, *a), args, k), 1e-6, 1e-8)

    def test_second_order(self):
        def hessian(loop):
            f = lambda c, w: loss(loop, c, XS, w)  # noqa: E731
            return [eerie.jit(eerie.hessian(f, k))(array(C), array(W)) for k in (0, 1)]

        close(hessian(eerie.scan), hessian(unrolled), 1e-9)

    def test_forward_mode(self, interpreted):
        args, tangents = (array(C), array(W)), (array(C[::-1]), array(W.T))
        for f in (
            lambda loop: lambda c, w: loop(cell(w), c, array(XS)),
            lambda loop: lambda c, w: loss(loop, c, XS, w),
        ):
            close(eerie.jvp(f(eerie.scan), args, tangents), eerie.jvp(f(unrolled), args, tangents))

    def test_reverse_of_forward_is_forward_of_reverse(self, interpreted):
        def f(c):
            return loss(eerie.scan, c, XS, W)

        v = array(C[::-1])
        one = eerie.grad(lambda c: eerie.jvp(f, (c,), (v,))[1])(array(C))
        close(one, eerie.jvp(eerie.grad(f), (array(C),), (v,))[1])

    def test_integers_have_no_gradient_and_stop_none(self, interpreted):
        def f(x):
            def step(carry, k):
                i, v = carry
                return (i + 1, v * eerie.sin(v + i)), i * k

            (_, v), ks = eerie.scan(step, (0, x), np.arange(4))
            return v + eerie.sum(ks)

        def plain(x):
            for i in range(4):
                x = x * eerie.sin(x + i)
            return x

        close(eerie.grad(f)(array(0.7)), eerie.grad(plain)(array(0.7)))

    def test_checkpoint_inside_a_body(self, interpreted):
        def f(loop, wrap):
            return eerie.grad(lambda w: loss(lambda g, c, xs: loop(wrap(g), c, xs), C, array(XS), w))(array(W))

        close(f(eerie.scan, eerie.checkpoint), f(unrolled, lambda g: g))

    def test_through_nested_control_flow(self):
        def f(loop, choose):
            def step(c, x):
                inner = loop(lambda a, v: (eerie.sin(a) + v, a * v), c, eerie.stack([x, x * 2]))
                return choose(eerie.sum(x) > 0, lambda a: a * a, lambda a: a + x, inner[0]), eerie.sum(inner[1])

            def total(c, xs):
                last, ys = loop(step, c, xs)
                return eerie.sum(last) + eerie.sum(ys * ys)

            return eerie.jit(eerie.grad(total, (0, 1)))(array(C), array(XS))

        close(f(eerie.scan, eerie.cond), f(unrolled, lambda p, a, b, x: eerie.where(p, a(x), b(x))))

    def test_of_cond_is_that_of_the_branch(self, interpreted):
        w = array(W)

        def f(p, x):
            return eerie.sum(eerie.cond(p, lambda x: x @ w, lambda x: eerie.sin(x), x))

        close(eerie.grad(f, 1)(True, array(C)), W.sum(1))
        close(eerie.grad(f, 1)(False, array(C)), np.cos(C))
        close(eerie.jvp(lambda x: f(True, x), (array(C),), (array(C),))[1], np.float64(C @ W.sum(1)))
        close(eerie.grad(lambda x: eerie.sum(eerie.grad(f, 1)(False, x)))(array(C)), -np.sin(C))

    def test_forward_mode_through_while_loop(self, interpreted):
        def f(x):
            return eerie.while_loop(lambda v: v[1] < 4, lambda v: (eerie.sin(v[0]) * x, v[1] + 1), (x, 0))[0]

        def plain(x):
            v = x
            for _ in range(4):
                v = eerie.sin(v) * x
            return v

        x = array(1.3)
        close(eerie.jvp(f, (x,), (array(1.0),)), eerie.jvp(plain, (x,), (array(1.0),)))

    def test_reverse_mode_through_fori_loop(self, interpreted):
        close(eerie.grad(lambda x: eerie.fori_loop(0, 5, lambda i, v: v * x, 1.0))(array(2.0)), np.float64(80))

    def test_forward_pass_runs_once(self, mode, interpreted):
        graph = eerie.jit(eerie.value_and_grad(lambda c: loss(eerie.scan, c, XS, W))).trace(array(C)).graph
        assert sum(n.op is scan for n in simplify(graph).nodes) == 2


class TestBatching:
    @pytest.mark.parametrize("axes", [(0, None, None), (None, 1, None), (None, None, 0), (0, 1, 2)])
    def test_scan(self, axes, interpreted):
        args = [C, XS, W]
        many = [a if d is None else np.stack([a, a * 0.5, -a], d) for a, d in zip(args, axes, strict=True)]

        def f(c, xs, w):
            return eerie.scan(cell(w), c, xs)

        got = eerie.vmap(f, axes)(*map(array, many))
        for k in range(3):
            one = [array(m if d is None else np.take(m, k, d)) for m, d in zip(many, axes, strict=True)]
            close((got[0][k], got[1][k]), f(*one))

    def test_gradients_of_examples(self):
        xs = np.stack([XS, XS[::-1]])
        got = eerie.jit(eerie.vmap(eerie.grad(lambda xs, w: loss(eerie.scan, C, xs, w), (0, 1)), (0, None)))(
            array(xs), array(W)
        )
        for k in range(2):
            want = eerie.grad(lambda xs, w: loss(unrolled, C, xs, w), (0, 1))(array(xs[k]), array(W))
            close((got[0][k], got[1][k]), want)

    def test_cond(self, interpreted):
        def f(p, x):
            return eerie.cond(p, lambda x: x * 2, lambda x: eerie.sum(x) + array(C), x)

        xs, flags = array(XS), array(np.array([True, False, True, True, False]))
        want = np.where(np.asarray(flags)[:, None], XS * 2, XS.sum(1, keepdims=True) + C)
        close(eerie.vmap(f)(flags, xs), want)
        close(eerie.vmap(lambda x: f(True, x))(xs), XS * 2)
        index = array(np.array([-1, 0, 1, 2, 7]))
        found = eerie.vmap(lambda i, x: eerie.switch(i, [lambda x: x, lambda x: -x, lambda x: x * 3], x))(index, xs)
        close(found, XS * np.array([1, 1, -1, 3, 3.0])[:, None])

    def test_while_loop(self):
        def f(limit, step):
            return eerie.while_loop(lambda v: v[0] < limit, lambda v: (v[0] + step, v[1] + 1), (0.0, 0))

        limits = array(np.array([0.0, 3.0, 10.0], np.float32))
        total, count = eerie.jit(eerie.vmap(f, (0, None)))(limits, array(np.float32(2)))
        assert np.asarray(total).tolist() == [0, 4, 10]
        assert np.asarray(count).tolist() == [0, 2, 5]
        total, count = eerie.vmap(lambda step: f(array(np.float32(5)), step))(array(np.array([1, 2], np.float32)))
        assert (np.asarray(total).tolist(), np.asarray(count).tolist()) == ([5, 6], [5, 3])
        shared = eerie.vmap(lambda x: eerie.while_loop(lambda v: v[0] < 3, lambda v: (v[0] + 1, v[1] * x), (0, 1.0))[1])
        assert np.asarray(shared(array(np.array([1, 2], np.float32)))).tolist() == [1, 8]


def _ops(graph: Graph) -> int:
    text = str(build(simplify(graph)))
    return text.count(" = ")


class TestPrograms:
    def test_size_does_not_grow_with_the_number_of_steps(self, interpreted):
        def program(steps: int) -> Graph:
            xs = eerie.zeros((steps, 3))
            return eerie.jit(eerie.grad(lambda w: eerie.sum(eerie.scan(cell(w), w[0], xs)[1]))).trace(w).graph

        w = eerie.ones((3, 3))
        few, many = program(10), program(10_000)
        assert len(list(few.walk())) == len(list(many.walk()))
        assert _ops(many) < _ops(few) + 100  # some for each layer of blocks that rows are written into
        kernels = [str(build(simplify(g))).count("linalg.generic") for g in (few, many)]
        assert kernels[1] <= kernels[0]

    def test_many_small_operands(self):
        xs = [RNG.uniform(-1, 1, (17, 4)).astype(np.float32) for _ in range(6)]

        def step(c, x):
            new = [eerie.sin(a * b + x[0]) for a, b in zip(c, x, strict=True)]
            return new, [a * b for a, b in zip(new, x, strict=True)]

        init = [x[0] for x in xs]
        got = eerie.jit(lambda c, x: eerie.scan(step, c, x))(init, xs)
        carry, rows = [array(c) for c in init], []
        with config(evaluation="reference"):
            for i in range(17):
                carry, y = step(carry, [array(x[i]) for x in xs])
                rows.append([np.asarray(v) for v in y])
            close(got[0], carry, 1e-5)
        close(got[1], [np.stack(column) for column in zip(*rows, strict=True)], 1e-5)

    def test_ten_thousand_steps_in_one_program(self, mode):
        if mode == "reference":
            pytest.skip("ten thousand steps in Python")
        f = eerie.jit(lambda x: eerie.scan(lambda c, _: (c * 0.5 + 1, None), x, None, length=10_000)[0])
        np.testing.assert_allclose(np.asarray(f(eerie.zeros(3))), 2.0)
        assert f.traces == 1


class Refused:
    """The line that is wrong is this file's, and what is said names the trouble."""

    def __init__(self, kind: type[Exception], *words: str) -> None:
        self._kind, self._words = kind, words

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        assert kind is self._kind, f"{kind}: {error}"
        for word in (*self._words, "test_control.py:", "Fix: "):
            assert word in str(error), str(error)
        return True


@pytest.mark.usefixtures("interpreted")
class TestErrors:
    def test_carry_of_another_dtype(self):
        with Refused(DTypeError, "carry['a']", "f32[]", "f64[]", "astype"):
            eerie.scan(lambda c, x: ({"a": c["a"] + x}, None), {"a": eerie.zeros(())}, array(C))

    def test_carry_of_another_shape(self):
        with Refused(ShapeError, "carry", "f64[3]", "f64[5,3]", "keeps its shape"):
            eerie.scan(lambda c, x: (c + array(XS), None), array(C), array(C))

    def test_carry_of_another_structure(self):
        with Refused(ArgumentError, "scan begins", "structure"):
            eerie.scan(lambda c, x: ((c, c), None), array(C), array(C))

    def test_value_of_while_and_fori_loops(self):
        with Refused(DTypeError, "value[1]", "i32[]", "f64[]"):
            eerie.while_loop(lambda v: v[0] < 3, lambda v: (v[0], v[1] + 0.5 * array(1.0)), (0, array(np.int32(1))))
        with Refused(ShapeError, "carry", "f64[3]", "f64[]"):
            eerie.fori_loop(0, 3, lambda i, v: eerie.sum(v), array(C))

    def test_body_without_a_pair(self):
        with Refused(ArgumentError, "pair"):
            eerie.scan(lambda c, x: c, array(C), array(XS))

    def test_rows_that_do_not_match(self):
        with Refused(ShapeError, "xs['a']", "xs['b']", "5", "3"):
            _fixed(lambda: eerie.scan(lambda c, x: (c, None), 0, {"a": array(XS), "b": array(C)}))
        with Refused(ShapeError, "no rows", "xs"):
            eerie.scan(lambda c, x: (c, None), 0, 1.0)

    def test_missing_or_bad_length(self):
        with Refused(ArgumentError, "length"):
            eerie.scan(lambda c, x: (c, None), 0)
        with pytest.raises(InvalidValueError, match="-1 steps"):
            eerie.scan(lambda c, x: (c, None), 0, None, length=-1)
        with pytest.raises(ArgumentError, match="integer, got float"):
            eerie.scan(lambda c, x: (c, None), 0, None, length=2.0)  # type: ignore[arg-type]

    def test_predicate(self):
        with Refused(DTypeError, "cond", "f32[]", "!= 0"):
            eerie.cond(1.0, lambda: 1, lambda: 2)
        with Refused(ShapeError, "cond", "bool[3]", "where"):
            eerie.cond(array(C) > 0, lambda: 1, lambda: 2)
        with Refused(ShapeError, "while_loop", "bool[3]"):
            eerie.while_loop(lambda v: v < 3, lambda v: v + 1, array(C))
        with Refused(DTypeError, "switch", "bool[]"):
            eerie.switch(True, [lambda: 1, lambda: 2])
        with Refused(DTypeError, "fori_loop with upper f32[]"):
            eerie.fori_loop(0, eerie.asarray(2.0), lambda i, v: v, 0)

    def test_branches_that_differ(self):
        with Refused(DTypeError, "true_fn", "false_fn", "f64[3]", "bool[3]"):
            eerie.cond(True, lambda x: x, lambda x: x > 0, array(C))
        with Refused(ShapeError, "result[1]", "branch 0", "branch 2", "f64[3]", "f64[]"):
            eerie.switch(0, [lambda x: (x, x), lambda x: (x, x), lambda x: (x, x[0])], array(C))
        with Refused(ArgumentError, "structure"):
            eerie.cond(True, lambda x: (x, x), lambda x: x, array(C))

    def test_reverse_mode_through_while_loop(self):
        with Refused(MissingRuleError, "reverse mode through while_loop", "fori_loop", "scan"):
            eerie.grad(lambda x: eerie.while_loop(lambda v: v < 3, lambda v: v * 2, x))(array(1.0))

    def test_associative_scan(self):
        with pytest.raises(ShapeError, match="axis 2"):
            eerie.associative_scan(eerie.add, array(XS), axis=2)
        with pytest.raises(ShapeError, match="different lengths"):
            eerie.associative_scan(lambda a, b: a, (array(XS), array(C)))
        with pytest.raises(ArgumentError, match="gives"):
            eerie.associative_scan(lambda a, b: (a, b), array(XS))


def _fixed(call: Callable[[], Any]) -> None:
    """An error that shows the fix itself."""
    try:
        call()
    except ShapeError as error:
        error.hint = "give each the same number"
        raise
