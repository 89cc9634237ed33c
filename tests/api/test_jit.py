"""`jit`: signatures, pytrees, static arguments, captures, rebinding, donation, tracers, stages, threads."""

from __future__ import annotations

import threading
import traceback
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import tree
from eerie_dsl.errors import (
    ArgumentError,
    DonatedError,
    DTypeError,
    EerieWarning,
    LeakedTracerError,
    ShapeError,
    TracerError,
)


def vector(*values: float) -> eerie.Array:
    return eerie.asarray([float(v) for v in values])


def test_one_trace_per_signature() -> None:
    @eerie.jit
    def double(x):
        return x + x

    assert double.traces == 0
    for _ in range(3):
        np.testing.assert_array_equal(double(vector(1, 2)), [2, 4])
    assert double.traces == 1
    np.testing.assert_array_equal(double(vector(1, 2, 3)), [2, 4, 6])
    np.testing.assert_array_equal(double(eerie.asarray([1, 2])), [2, 4])
    assert double.traces == 3
    np.testing.assert_array_equal(double(np.array([1, 2], np.float32)), [2, 4])
    assert double.traces == 3


Point = namedtuple("Point", "x y")


@tree.register
@dataclass(frozen=True)
class Affine:
    scale: Any
    shift: Any
    power: int = tree.static(default=1)


def test_trees_in_and_out() -> None:
    @eerie.jit
    def f(point, params, *, extra):
        moved = params.scale * point.x**params.power + params.shift
        return {"moved": moved, "rest": (extra[0], None, [point.y + 1])}

    result = f(Point(vector(2), vector(3)), Affine(vector(10), 1.0, power=2), extra=[vector(7)])
    assert list(result) == ["moved", "rest"]
    assert result["moved"].tolist() == [41]
    assert result["rest"][1] is None
    assert result["rest"][2][0].tolist() == [4]
    assert f(Point(vector(2), vector(3)), Affine(vector(10), 1.0, power=3), extra=[vector(7)])["moved"].tolist() == [81]
    assert f.traces == 2


def test_static_arguments() -> None:
    @eerie.jit(static_argnames="n")
    def power(x, n):
        result = x
        for _ in range(n - 1):
            result = result * x
        return result

    assert power(vector(2), 3).tolist() == [8]
    assert power(vector(2), n=3).tolist() == [8]
    assert power(vector(2), 4).tolist() == [16]
    traces = power.traces
    power(vector(5), 3)
    assert power.traces == traces
    with pytest.raises(ArgumentError, match="static argument n is a list"):
        power(vector(2), [3])
    with pytest.raises(ArgumentError, match="no such argument"):
        eerie.jit(static_argnames="m")(lambda x: x)
    with pytest.raises(ArgumentError, match="static and donated"):
        eerie.jit(static_argnums=0, donate_argnums=0)(lambda x: x)


def test_static_values_that_are_equal_but_different() -> None:
    @eerie.jit(static_argnums=1)
    def f(x, flag):
        return x + (1 if flag is True else 2)

    assert f(vector(0), True).tolist() == [1]
    assert f(vector(0), 1).tolist() == [2]


def test_python_scalars_are_inputs_and_give_way() -> None:
    @eerie.jit
    def step(x, rate):
        return x - rate

    for rate in (0.1, 0.2, 0.3):
        np.testing.assert_allclose(step(vector(1), rate), [1 - rate], rtol=1e-6)
    assert step.traces == 1
    half = eerie.asarray(np.array([1], np.float16))
    assert step(half, 0.5).dtype is eerie.float16
    wide = eerie.asarray(np.array([1.0]))
    assert step(wide, 0.1).item() == 1 - 0.1  # the scalar came in Python's own precision


def test_a_scalar_alone_has_the_default_dtype() -> None:
    @eerie.jit
    def f(a, b):
        return a * 2, b + 1

    a, b = f(0.5, 3)
    assert (a.dtype, b.dtype) == (eerie.float32, eerie.int64)
    assert (a.item(), b.item()) == (1.0, 4)


def test_captured_arrays_are_always_current() -> None:
    weights = vector(1, 2)
    table = np.array([10, 20], np.float32)

    @eerie.jit
    def f(x):
        return x * weights + table

    assert f(vector(1, 1)).tolist() == [11, 22]
    weights[0] = 5.0
    table[1] = 0
    assert f(vector(1, 1)).tolist() == [15, 2]
    assert f.traces == 1
    weights = vector(7, 7)
    assert f(vector(1, 1)).tolist() == [17, 7]
    assert f.traces == 2


SCALE = 2.0


class Config:
    shift = 1.0


SETTINGS = Config()


def helper(x):
    return x * SCALE + SETTINGS.shift


def test_rebinding_what_a_helper_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    f = eerie.jit(lambda x: helper(x))
    assert f(vector(1)).tolist() == [3]
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert f(vector(1)).tolist() == [6]
    monkeypatch.setattr(SETTINGS, "shift", 10.0, raising=False)
    assert f(vector(1)).tolist() == [15]
    monkeypatch.setitem(globals(), "helper", lambda x: x)
    assert f(vector(1)).tolist() == [1]
    assert f.traces == 4


def test_changing_a_captured_container() -> None:
    layers = [2.0, 3.0]
    options = {"bias": 1.0}

    @eerie.jit
    def f(x):
        for factor in layers:
            x = x * factor
        return x + options["bias"]

    assert f(vector(1)).tolist() == [7]
    layers.append(10.0)
    assert f(vector(1)).tolist() == [61]
    options["bias"] = 0.0
    assert f(vector(1)).tolist() == [60]


def test_methods_see_their_object() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = vector(2)
            self.on = True

        @eerie.jit
        def __call__(self, x):
            return x * self.w if self.on else x

    model = Model()
    forward = eerie.jit(lambda x: model.w * x if model.on else x)
    assert forward(vector(3)).tolist() == [6]
    model.w = vector(4)
    assert forward(vector(3)).tolist() == [12]
    model.on = False
    assert forward(vector(3)).tolist() == [3]


@tree.register
@dataclass(frozen=True)
class Doubler:
    w: Any

    @eerie.jit
    def run(self, x):
        return self.w * x * 2


def test_a_jitted_method_of_a_tree() -> None:
    doubler = Doubler(vector(3))
    assert doubler.run(vector(2)).tolist() == [12]
    assert Doubler(vector(5)).run(vector(2)).tolist() == [20]
    assert doubler.run.traces == 1
    assert "multiply" in str(doubler.run.trace(vector(2)))
    assert doubler.run.explain(vector(2)).runs == 1


def test_dicts_come_in_the_order_of_their_keys() -> None:
    f = eerie.jit(lambda d: next(iter(d.values())) * 1)
    assert f({"b": vector(2), "a": vector(1)}).tolist() == [1]
    assert f({"a": vector(1), "b": vector(2)}).tolist() == [1]


def test_two_arrays_that_were_one() -> None:
    a = vector(2, 3)
    b = eerie.asarray(a)
    f = eerie.jit(lambda x: x * a + 10 * b)
    assert f(vector(1, 1)).tolist() == [22, 33]
    a[0] = 5.0
    assert f(vector(1, 1)).tolist() == [25, 33]


def test_numbers_beyond_64_bits() -> None:
    f = eerie.jit(lambda x: x + 1)
    for number in (2**63, -(2**63) - 1, 2**100):
        with pytest.raises(DTypeError, match="does not fit in int64"):
            f(number)


GAIN = 2.0


@tree.register
@dataclass(frozen=True)
class Layer:
    weight: Any

    def __call__(self, x):
        return self.weight * x * GAIN


def test_rebinding_what_a_method_of_an_argument_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    f = eerie.jit(lambda layer, x: layer(x))
    layer = Layer(vector(1))
    assert f(layer, vector(1)).tolist() == [2]
    monkeypatch.setitem(globals(), "GAIN", 3.0)
    assert f(layer, vector(1)).tolist() == [3]
    monkeypatch.setattr(Layer, "__call__", lambda self, x: x)
    assert f(layer, vector(5)).tolist() == [5]


def test_a_captured_array_that_changes_its_type() -> None:
    total = vector(1)
    f = eerie.jit(lambda x: x + total)
    assert f(vector(1)).tolist() == [2]
    total += vector(1, 2)
    assert f(vector(1)).tolist() == [3, 4]


def test_lists_made_while_tracing() -> None:
    f = eerie.jit(lambda x: eerie.take(x, eerie.asarray([1, 0]), axis=0) * np.arange(2, dtype=np.float32))
    for _ in range(2):
        assert f(vector(3, 4)).tolist() == [0, 3]


def test_many_traces_name_their_reason() -> None:
    f = eerie.jit(lambda x: x + 1)
    for n in range(1, 16):
        f(np.zeros((1,) * n, np.float32))
    with pytest.warns(EerieWarning, match=r"traced 16 times; the type of argument x of <lambda> .* keeps changing"):
        f(np.zeros((1,) * 16, np.float32))


def test_donation() -> None:
    @eerie.jit(donate_argnums=0)
    def step(state, x):
        return {"s": state["s"] + x}

    state = {"s": vector(1)}
    old = state["s"]
    pending = old + 1
    x = vector(2)
    state = step(state, x)
    assert state["s"].tolist() == [3]
    assert x.tolist() == [2]
    with pytest.raises(DonatedError, match="was donated"):
        old.tolist()
    with pytest.raises(DonatedError, match="was donated"):
        _ = old + 1
    with pytest.raises(DonatedError, match="was donated"):
        pending.tolist()


def test_results_that_are_arguments() -> None:
    @eerie.jit
    def f(x, y):
        return y, x, x.reshape(-1), x + y

    source = np.arange(4, dtype=np.float32).reshape(2, 2)
    y, x, flat, total = f(source, 1.0)
    source[:] = 0
    assert x.tolist() == [[0, 1], [2, 3]]
    assert flat.tolist() == [0, 1, 2, 3]
    assert total.tolist() == [[1, 2], [3, 4]]
    assert y.item() == 1.0


def test_jit_in_jit_is_one_program() -> None:
    weight = vector(3)

    @eerie.jit
    def inner(x, k):
        return x * weight * k

    @eerie.jit
    def outer(x):
        return inner(x, 2) + inner(x + 1, 2.0)

    assert outer(vector(1)).tolist() == [18]
    weight[0] = 1.0
    assert outer(vector(1)).tolist() == [6]
    assert "multiply" in str(outer.trace(vector(1)))


def test_a_value_read_while_tracing() -> None:
    @eerie.jit
    def f(x):
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(TracerError) as caught:
        f(vector(1))
    assert "if x.sum() > 0" in str(caught.value)
    assert "f is being traced" in str(caught.value)
    for read in (float, int, bool, np.asarray, lambda x: x.tolist(), lambda x: x.item()):
        with pytest.raises(TracerError):
            eerie.jit(lambda x, read=read: read(x[0]))(vector(1))


def test_a_leaked_tracer() -> None:
    kept = []

    @eerie.jit
    def f(x):
        kept.append(x * 2)
        return x

    f(vector(1))
    for use in (lambda t: t + 1, lambda t: t.tolist(), np.asarray):
        with pytest.raises(LeakedTracerError, match="f, whose tracing has ended"):
            use(kept[0])
    assert "traced" in repr(kept[0])


def test_an_outer_array_that_tracing_updates() -> None:
    total = vector(0)

    @eerie.jit
    def f(x):
        total[0] = x[0]
        return x

    with pytest.raises(TracerError, match="assigns to an array that was made outside"):
        f(vector(1))
    assert total.tolist() == [0]


def test_arguments_that_a_program_cannot_take() -> None:
    f = eerie.jit(lambda x, y=None: x)
    with pytest.raises(ArgumentError, match=r"argument y\['mode'\] of <lambda> is a str"):
        f(vector(1), {"mode": "fast"})
    with pytest.raises(ArgumentError, match=r"returns a str at result\[1\]"):
        eerie.jit(lambda x: (x, "done"))(vector(1))
    with pytest.raises(DTypeError, match="is not an element type"):
        f(np.array(["a"]))
    with pytest.raises(DTypeError, match="is not an element type"):
        f(np.array([object()]))
    with pytest.raises(ArgumentError, match="jit needs a function"):
        eerie.jit(3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.arange(24, dtype=np.float32)[::2],
        np.arange(24, dtype=np.float32)[::-1],
        np.arange(13, dtype=np.float32)[1:],
        np.arange(5, dtype=">f4"),
        np.frombuffer(np.arange(5, dtype=np.float32).tobytes(), np.float32),
        np.frombuffer(b"\0" + np.arange(5, dtype=np.float32).tobytes(), np.float32, offset=1),
        np.zeros((0, 3), np.float32),
        np.float32(3),
        np.array(3, np.float32),
        np.array([[1, 2]], np.float32).view(np.matrix),
        np.broadcast_to(np.float32(2), (3, 3)),
    ],
    ids=[
        "transposed",
        "strided",
        "reversed",
        "offset",
        "big-endian",
        "read-only",
        "unaligned",
        "empty",
        "scalar",
        "0-d",
        "matrix",
        "broadcast",
    ],
)
def test_every_numpy_array(array: Any) -> None:
    f = eerie.jit(lambda x: x * 2)
    np.testing.assert_array_equal(np.asarray(f(array)), np.asarray(array) * 2)


def test_inputs_are_never_written() -> None:
    from eerie_dsl.runtime import aligned_empty

    x = aligned_empty((64, 64), eerie.float32)
    x[:] = 1
    f = eerie.jit(lambda x: (x.at[0].set(5.0), x @ x + x, x))
    before = x.copy()
    results = f(x)
    np.testing.assert_array_equal(x, before)
    x[:] = 9
    np.testing.assert_array_equal(results[2], before)


def test_shape_errors_start_with_the_users_line() -> None:
    @eerie.jit
    def f(x, y):
        return x @ y  # the wrong line

    with pytest.raises(ShapeError) as caught:
        f(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
    first = str(caught.value).splitlines()[0]
    assert first.startswith(__file__)
    assert "the wrong line" in first


def test_tracebacks_show_the_users_frames() -> None:
    def inner(x):
        return x @ x

    f = eerie.jit(lambda x: inner(x))

    def frames(**settings: str) -> list[str]:
        with eerie.config(**settings), pytest.raises(ShapeError) as caught:
            f(np.ones((2, 3), np.float32))
        return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]

    assert frames()[-2:] == ["<lambda>", "inner"]
    assert "_make" in frames(traceback="full")


def test_stages_print() -> None:
    f = eerie.jit(lambda x: eerie.exp(x) + 1)
    traced = f.trace(vector(1, 2))
    assert "exp %0" in str(traced)
    lowered = traced.lower()
    assert "linalg.generic" in lowered.mlir
    compiled = lowered.compile()
    assert "1 kernel for host" in str(compiled)
    assert compiled.program is not None
    assert f.traces == 0


def test_explain_names_ops_and_lines() -> None:
    @eerie.jit
    def f(x):
        y = eerie.tanh(x)
        return y * 2 + x

    report = f.explain(np.ones((8, 8), np.float32))
    shown = str(report)
    assert "f: 1 kernel for host" in shown
    assert "test_jit.py:" in shown
    (kernel,) = report.kernels
    assert {op for _, op in kernel.ops} >= {"tanh", "multiply", "add"}
    assert (kernel.bytes_read, kernel.bytes_written) == (256, 256)
    assert kernel.kind == "elementwise"
    assert report.flops >= 3 * 64


def test_threads_trace_once_and_agree() -> None:
    f = eerie.jit(lambda x: eerie.sin(x) * 2)
    x = np.arange(100, dtype=np.float32)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.extend(np.asarray(f(x)) for _ in range(20))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert f.traces == 1
    assert len(results) == 160
    for r in results:
        np.testing.assert_array_equal(r, results[0])


def test_reference_evaluation_agrees() -> None:
    f = eerie.jit(lambda x: (eerie.softmax(x), x.sum()))
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    native = f(x)
    with eerie.config(evaluation="reference"):
        reference = f(x)
    for a, b in zip(native, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_fuse_is_one_kernel() -> None:
    @eerie.fuse
    def scaled(x, factor):
        return eerie.exp(x) * factor, x.sum(axis=1)

    f = eerie.jit(lambda x: scaled(x, 2.0)[0] + 1)
    x = np.ones((4, 4), np.float32)
    np.testing.assert_allclose(f(x), np.exp(x) * 2 + 1, rtol=1e-6)
    assert "fused" in str(f.trace(x))


def test_arrays_numpy_arrays_and_numbers_are_mixed_in_any_order_at_every_call():
    f = eerie.jit(lambda a, b, c: a * b + c)
    x, y = eerie.asarray([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
    eerie.eval(x)
    for _ in range(3):
        np.testing.assert_array_equal(f(2.0, x, y).numpy(), [5.0, 8.0])
        np.testing.assert_array_equal(f(x, 2, y).numpy(), [5.0, 8.0])
        np.testing.assert_array_equal(f(y, x, 1).numpy(), [4.0, 9.0])
        np.testing.assert_array_equal(f(x, y, x).numpy(), [4.0, 10.0])
