"""Loops that become one kernel give what the interpreter gives; those that do not suit one are left to the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import tree
from tests.support.loops import agree, flat, lowered

RNG = np.random.default_rng(7)
STEPS = 7


def data(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(0, 100, shape).astype(dtype)
    return RNG.uniform(-1, 1, shape).astype(dtype)


def softmax(x: Any) -> Any:
    e = eerie.exp(x - eerie.max(x, axis=-1, keepdims=True))
    return e / eerie.sum(e, axis=-1, keepdims=True)


V, JOINED = data(50, 50) / 7, data(50, 20) / 5
# What to run, the first carry, the rows.
# fmt: off
BODIES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "odd size": (lambda c, x: (eerie.tanh(c + x), c * 2), data(67), data(STEPS, 67)),
    "single": (lambda c, x: (c * x + 1, c), data(), data(STEPS)),
    "one element": (lambda c, x: (c * x, eerie.reshape(c, ())), data(1), data(STEPS, 1)),
    "large": (lambda c, x: (eerie.sin(c) + x, x), data(1000), data(STEPS, 1000)),
    "two axes": (lambda c, x: (c * x[:, None] + x, c[1:, ::1]), data(6, 6), data(STEPS, 6)),
    "float64": (
        lambda c, x: (eerie.exp(-c * c) + x, c / 3), data(33, dtype=np.float64), data(STEPS, 33, dtype=np.float64)
    ),
    "int64": (lambda c, x: (c * 3 + x // 7, c % 5), data(21, dtype=np.int64), data(STEPS, 21, dtype=np.int64)),
    "uint8": (lambda c, x: (c * 3 + x, c >> 1), data(70, dtype=np.uint8), data(STEPS, 70, dtype=np.uint8)),
    "comparison": (
        lambda c, x: (eerie.where(c > x, c - x, x), eerie.where((c > 0) & (x < 0), c, 0.5)), data(9), data(STEPS, 9)
    ),
    "cast": (
        lambda c, x: (c + eerie.astype(x, eerie.float32), eerie.astype(c * 10, eerie.int32)),
        data(9), data(STEPS, 9, dtype=np.int32)
    ),
    "matrix first": (lambda c, x: (eerie.tanh(V @ c + x), c), data(50), data(STEPS, 50)),
    "matrix last": (lambda c, x: (eerie.tanh(c @ V + x), c), data(50), data(STEPS, 50)),
    "matrix transposed": (lambda c, x: (eerie.tanh(c @ V.T + x), c), data(50), data(STEPS, 50)),
    "rows": (lambda c, x: (eerie.tanh(c @ V + x), c), data(6, 50), data(STEPS, 6, 50)),
    "matrix in the carry": (
        lambda c, x: ((c[0] * 0.5 + x[:, None] * x, c[0] @ c[1]), c[1]), (data(5, 5), data(5)), data(STEPS, 5)
    ),
    "product of rows": (lambda c, x: (c + x @ V, eerie.tanh(c) @ V), data(50), data(STEPS, 50)),
    "join in a product": (lambda c, x: (eerie.tanh(eerie.concat([x, c]) @ JOINED), c), data(20), data(STEPS, 30)),
    "pieces": (lambda c, x: (eerie.concat([c[3:], x, c[:1] * 2]), c[1:]), data(12), data(STEPS, 2)),
    "padding": (lambda c, x: (eerie.pad(c[2:] * x, (1, 1)), c), data(12), data(STEPS)),
    "softmax": (lambda c, x: (softmax(c + x), eerie.max(c, axis=-1)), data(3, 67), data(STEPS, 3, 67)),
    "mean": (
        lambda c, x: ((c + x - eerie.mean(c)) / (1 + eerie.sum(x * x)), eerie.prod(c[:5] + 2)),
        data(40), data(STEPS, 40)
    ),
    "turned": (lambda c, x: (eerie.permute_dims(c, (1, 0, 2)) + x, c), data(3, 3, 8), data(STEPS, 8)),
    "element": (lambda c, x: (c * x[1] + c[2], c[0]), data(6), data(STEPS, 6)),
    "reshaped": (
        lambda c, x: (eerie.reshape(eerie.reshape(c * 2, (4, 6)) + x, (24,)), eerie.reshape(c, (2, 12))),
        data(24), data(STEPS, 6)
    ),
    "swapped": (lambda c, x: ((c[1], c[2], c[0] + x), c[1]), (data(4), data(4), data(4)), data(STEPS, 4)),
    "row as carry": (lambda c, x: (x, c), data(4), data(STEPS, 4)),
    "constant as carry": (lambda c, x: (eerie.full((4,), 2.5), c + x), data(4), data(STEPS, 4)),
    "nothing kept": (lambda c, x: (c + x, None), data(4), data(STEPS, 4)),
    "table": (
        lambda c, x: (c + eerie.arange(5.0) * x, eerie.asarray([1.0, 2.0, 4.0, 8.0, 16.0]) * c), data(5), data(STEPS, 5)
    ),
    "outer sum": (
        lambda c, x: ((c[0] + eerie.tanh(c[1] * x)[:, None] * x, eerie.cos(c[1]) + x), c[1]),
        (data(5, 5), data(5)), data(STEPS, 5)
    ),
}
# fmt: on


def program(name: str, *, reverse: bool = False) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    body, init, xs = BODIES[name]
    return lambda init, xs: eerie.scan(body, init, xs, reverse=reverse), (init, xs)


@pytest.mark.parametrize("reverse", [False, True])
def test_values(reverse: bool) -> None:
    programs = {name: program(name, reverse=reverse) for name in BODIES}
    agree(
        lambda args: {name: f(*args[name]) for name, (f, _) in programs.items()},
        {name: args for name, (_, args) in programs.items()},
    )


@pytest.mark.parametrize("name", BODIES)
def test_one_kernel(name: str) -> None:
    f, args = program(name)
    text = lowered(f, *args)
    assert text.count("flow.dispatch") == 1
    assert "scf.for" in text


def test_gradients() -> None:
    names = [n for n in BODIES if all(np.asarray(a).dtype.kind == "f" for a in flat(BODIES[n][1:]))]

    def loss(name: str, args: Any) -> Any:
        f, _ = program(name)
        return sum(eerie.sum(eerie.tanh(leaf)) for leaf in tree.flatten(f(*args))[0])

    agree(
        lambda args: {n: eerie.grad(lambda a, n=n: loss(n, a))(args[n]) for n in names},
        {n: program(n)[1] for n in names},
    )


@pytest.mark.parametrize(
    ("body", "init", "xs"),
    [
        (lambda c, x: (eerie.sort(c + x), c), data(6), data(STEPS, 6)),
        (lambda c, x: (eerie.cumulative_sum(c) + x, c), data(6), data(STEPS, 6)),
        (lambda c, x: (~c[::-1], x), np.ones(6, bool), data(STEPS, 6)),
        (lambda c, x: (c * x, c), data(6).astype(np.complex64), data(STEPS, 6).astype(np.complex64)),
        (lambda c, x: (eerie.tanh(c @ c) + x, None), data(400, 400), data(STEPS, 400)),
    ],
    ids=["sort", "cumulative sum", "bool", "complex", "much work"],
)
def test_left_to_the_host(body: Any, init: Any, xs: Any) -> None:
    _, _, main = lowered(lambda c, x: eerie.scan(body, c, x), init, xs).partition("func.func @main")
    assert "scf.for" in main


def test_while_loops() -> None:
    loops = {
        "newton": lambda a: eerie.while_loop(lambda x: eerie.abs(x * x - a) > 1e-5, lambda x: 0.5 * (x + a / x), a),
        "swapped": lambda a: eerie.while_loop(lambda s: s[2] < 5, lambda s: (s[1], s[0] + a, s[2] + 1), (a, a * 2, 0)),
        "vector": lambda a: eerie.while_loop(lambda x: eerie.max(x) < 9, lambda x: x + x[1], a + eerie.arange(5.0)),
        "never": lambda a: eerie.while_loop(lambda x: x < 0, lambda x: x * 2, a),
        "computed bounds": lambda a: eerie.fori_loop(0, eerie.astype(a, eerie.int32) + 3, lambda i, x: x * 1.5 + i, a),
    }
    agree(lambda a: {name: f(a) for name, f in loops.items()}, np.float32(2))
    for name, f in loops.items():
        assert lowered(f, np.float32(2)).count("flow.dispatch @loop") == 1, name


def test_what_does_not_fit_on_the_stack_is_left_to_the_host() -> None:
    args = data(100_000), data(STEPS, 100_000)
    text = lowered(lambda c, xs: eerie.scan(lambda c, x: (c[::-1] + x, None), c, xs), *args)
    assert "flow.dispatch @loop" not in text
