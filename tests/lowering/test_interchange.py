"""Loops whose steps mix no elements run all steps for some elements at a time, and give what the interpreter gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import tree
from eerie_dsl.config import config
from eerie_dsl.errors import NaNError
from tests.support.loops import agree, flat, lowered

RNG = np.random.default_rng(11)
STEPS = 9


def data(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    if dtype is bool:
        return RNG.uniform(size=shape) < 0.5
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(0, 100, shape).astype(dtype)
    return RNG.uniform(-1, 1, shape).astype(dtype)


def masked(state: Any, x: Any) -> Any:
    value, seen = state
    now = seen | (x > 0.8)
    return (eerie.where(seen, value, value + x), now), (seen, now & (x < 0))


def counted(state: Any, x: Any) -> Any:
    value, steps = state
    return (value * 0.5 + x * eerie.astype(steps, eerie.float32), steps + 1), (value, steps)


# fmt: off
BODIES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "no multiple of a vector": (lambda c, x: (eerie.tanh(c + x), c * 2), data(203), data(STEPS, 203)),
    "a few": (lambda c, x: (c * 0.9 + x, c), data(3), data(STEPS, 3)),
    "many": (lambda c, x: (c * 0.9 + x, None), data(100_001), data(STEPS, 100_001)),
    "numbers": (lambda c, x: (c * x + 1, c), data(), data(STEPS)),
    "float64": (
        lambda c, x: (eerie.exp(-c * c) + x, c / 3), data(77, dtype=np.float64), data(STEPS, 77, dtype=np.float64)
    ),
    "int32": (lambda c, x: (c * 3 + x // 7, c % 5), data(131, dtype=np.int32), data(STEPS, 131, dtype=np.int32)),
    "uint8": (lambda c, x: (c * 3 + x, c >> 1), data(300, dtype=np.uint8), data(STEPS, 300, dtype=np.uint8)),
    "masks": (masked, (data(70), data(70, dtype=bool)), data(STEPS, 70)),
    "only masks": (lambda c, x: (c ^ x, ~c), data(9, dtype=bool), data(STEPS, 9, dtype=bool)),
    "mixed": (
        lambda c, x: ((c[0] + eerie.astype(c[1], eerie.float64), c[1] * 2 - eerie.astype(x, eerie.int32)), c[0]),
        (data(37, dtype=np.float64), data(37, dtype=np.int32)), data(STEPS, 37)
    ),
    "a number among arrays": (counted, (data(90), np.int32(0)), data(STEPS, 90)),
    "a number for each row": (lambda c, x: (c * x, c), data(90), data(STEPS)),
    "unchanged": (lambda c, x: ((c[0], c[1] + c[0] * x), c[0]), (data(66), data(66)), data(STEPS, 66)),
    "swapped": (lambda c, x: ((c[1], c[2], c[0] + x), c[1]), (data(40), data(40), data(40)), data(STEPS, 40)),
    "row as carry": (lambda c, x: (x, c), data(40), data(STEPS, 40)),
    "number as carry": (lambda c, x: (eerie.full((4,), 2.5), c + x), data(4), data(STEPS, 4)),
    "table": (
        lambda c, x: (c + eerie.arange(5.0) * x, eerie.asarray([1.0, 2.0, 4.0, 8.0, 16.0]) * c), data(5), data(STEPS, 5)
    ),
    "two axes": (lambda c, x: (c + eerie.reshape(x, (6, 7)), eerie.reshape(c, (42,))), data(6, 7), data(STEPS, 42)),
}
# fmt: on
BIAS = data(7)


def is_interchanged(text: str) -> bool:
    """One kernel, which keeps nothing in memory between steps."""
    return text.count("flow.dispatch @loop") == 1 and "memref.alloca" not in text and "iter_args" in text


@pytest.mark.parametrize("reverse", [False, True])
def test_values(reverse: bool) -> None:
    def every(args: Any) -> Any:
        return {n: eerie.scan(BODIES[n][0], c, xs, reverse=reverse) for n, (c, xs) in args.items()}

    agree(every, {n: (c, xs) for n, (_, c, xs) in BODIES.items()})


@pytest.mark.parametrize("name", BODIES)
def test_state_stays_in_registers(name: str) -> None:
    body, *args = BODIES[name]
    assert is_interchanged(lowered(lambda c, xs: eerie.scan(body, c, xs), *args))


def test_gradients() -> None:
    names = [n for n, (_, *args) in BODIES.items() if all(a.dtype.kind == "f" for a in flat(args)) and n != "many"]

    def loss(name: str, args: Any) -> Any:
        return sum(eerie.sum(eerie.tanh(leaf)) for leaf in tree.flatten(eerie.scan(BODIES[name][0], *args))[0])

    agree(
        lambda args: {n: eerie.grad(lambda a, n=n: loss(n, a))(args[n]) for n in names},
        {n: args for n, (_, *args) in BODIES.items() if n in names},
    )


def test_the_counter_and_constants() -> None:
    loops = {
        "counter": lambda x: eerie.fori_loop(0, STEPS, lambda i, c: c * 0.5 + i, x),
        "counter from 3 on": lambda x: eerie.fori_loop(3, STEPS, lambda i, c: c * 0.5 + i, x),
        "no steps": lambda x: eerie.fori_loop(0, 0, lambda i, c: c * 0.5 + i, x),
        "one step": lambda x: eerie.fori_loop(0, 1, lambda i, c: c * 0.5 + i, x),
        "a mean in front": lambda x: eerie.fori_loop(0, STEPS, lambda i, c: c * 0.5 + eerie.mean(x), x),
        "a row for all": lambda x: eerie.fori_loop(0, STEPS, lambda i, c: c * BIAS + x, x),
        "zeros": lambda x: eerie.fori_loop(0, STEPS, lambda i, c: c * x + 1, eerie.zeros_like(x)),
        "no arrays": lambda x: eerie.fori_loop(0, STEPS, lambda i, c: c * 1.5 + i, 1.0),
    }
    agree(lambda x: {name: f(x) for name, f in loops.items()}, data(5, 7))
    for name in ("counter", "a row for all", "zeros"):
        assert is_interchanged(lowered(loops[name], data(5, 7))), name


def test_batches_of_loops() -> None:
    agree(
        lambda args: eerie.vmap(lambda c, xs: eerie.scan(lambda c, x: (eerie.sin(c) * x, c), c, xs))(*args),
        (data(4, 11), data(4, STEPS, 11)),
    )


def test_nans_are_found() -> None:
    f = eerie.jit(lambda x: eerie.fori_loop(0, STEPS, lambda i, c: eerie.log(c), x))
    with config(check_nans=True), pytest.raises(NaNError):
        f(data(70))


@pytest.mark.parametrize(
    "body",
    [
        lambda c, x: (c[::-1] + x, None),
        lambda c, x: (c - eerie.mean(c) + x, None),
        lambda c, x: (eerie.roll(c, 1) + x, None),
    ],
    ids=["reversed", "mean", "roll"],
)
def test_mixed_elements_are_left_to_others(body: Any) -> None:
    args = data(20), data(STEPS, 20)
    assert not is_interchanged(lowered(lambda c, xs: eerie.scan(body, c, xs), *args))
    agree(lambda args: eerie.scan(body, *args), args)
