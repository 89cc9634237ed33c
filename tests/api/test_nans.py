"""The check for NaN: which operation is named, at which line, and which is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from eerie_dsl.errors import NaNError

NAN = float("nan")
X = eerie.asarray([1.0, 0.0, -1.0])
ROWS = eerie.asarray([1.0, 0.0, 3.0])


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    with config(check_nans=True, evaluation="reference"):
        yield


def value(array: Any) -> Any:
    return eerie.tree.map(np.asarray, array)


def falling(c: Any, x: Any) -> Any:
    return c - x, eerie.log(c)


MADE: dict[str, tuple[Callable[[], Any], str]] = {
    "an elementwise operation": (
        lambda: eerie.sum(eerie.log(X) + 1), r"^log of f32\[3\] makes NaN of -1.0 at \[2\]$",
    ),
    "a product": (
        lambda: eerie.asarray([[1.0, np.inf]]) @ eerie.zeros((2, 1)),
        r"^dot of .* makes NaN at \[0, 0\]; there is infinity in operand 0$",
    ),
    "complex numbers": (lambda: eerie.asarray([np.inf + 0j]) * 0, "^multiply of c64.* makes NaN of"),
    "half precision": (
        lambda: eerie.asarray([np.inf], dtype=eerie.bfloat16) * 0, r"^multiply of bf16\[1\] and .* of inf and 0 at",
    ),
    "a choice of the wrong side": (lambda: eerie.where(X > 0, 0.0, eerie.log(X)), "^log of"),
    "a backward pass": (
        lambda: eerie.grad(lambda x: eerie.sum(eerie.where(x > 0, eerie.sqrt(x), 0)))(X * X),
        r"^divide of .*, in the backward pass of sqrt, makes NaN of 0.0 and 0.0 at \[1\]$",
    ),
    "a tangent": (lambda: eerie.jvp(eerie.sqrt, (0.0,), (0.0,)), "^divide of .*, in the tangent of sqrt, makes NaN"),
    "a second derivative": (
        lambda: eerie.grad(eerie.grad(lambda x: x**1.5 * x))(eerie.asarray(0.0)),
        "in the backward pass of .* in the backward pass",
    ),
    "a batch": (lambda: eerie.vmap(eerie.log)(X), r"^log of f32\[3\]"),
    "a branch": (lambda: eerie.cond(True, eerie.log, eerie.exp, -1.0), "^log of .* makes NaN of -1.0$"),
    "a checkpoint": (
        lambda: eerie.grad(eerie.checkpoint(lambda x: eerie.sqrt(x) * x))(0.0),
        "^divide .*backward pass of sqrt, makes NaN",
    ),
    "a scan": (
        lambda: eerie.scan(falling, 2.5, eerie.ones(6))[1], "^log of f32.., in step 3 of scan, makes NaN of -0.5$",
    ),
    "a reversed scan": (
        lambda: eerie.scan(falling, 2.5, eerie.ones(6), reverse=True)[1],
        "^log of .*, in step 2 of scan, makes NaN of -0.5$",
    ),
    "the backward pass of a scan": (
        lambda: eerie.grad(lambda c: eerie.scan(lambda c, x: (eerie.sqrt(c) * x, None), c, ROWS)[0])(2.0),
        "^multiply of .*, in the backward pass of multiply, in step 1 of scan, makes NaN of inf and 0.0$",
    ),
    "a while loop": (
        lambda: eerie.while_loop(lambda s: s[1] < 9, lambda s: (eerie.log(s[0]), s[1] + 1), (eerie.asarray(5.0), 0))[0],
        "^log of .*, in step 3 of while_loop, makes NaN",
    ),
    "a loop in a loop": (
        lambda: eerie.scan(lambda c, _: (eerie.fori_loop(0, 2, lambda i, v: eerie.log(v), c), None), 5.0, None, 3)[0],
        "^log of .*, in step 1 of scan, in step 1 of scan, makes NaN",
    ),
    "what NumPy computes": (lambda: eerie.linalg.det(eerie.ones((2, 2)) * np.inf), "^det of .* gives NaN$"),
}  # fmt: skip


@pytest.mark.parametrize("what", MADE)
def test_the_operation_that_made_it_is_named_at_its_line(what: str) -> None:
    call, words = MADE[what]
    with pytest.raises(NaNError) as caught:
        value(call())
    assert isinstance(caught.value, FloatingPointError)
    assert re.search(words, caught.value.message)
    assert caught.value.source is not None
    assert caught.value.source.file == __file__


def test_the_line_is_that_of_the_operation_in_the_backward_pass_too() -> None:
    def loss(x: Any) -> Any:
        y = x * 2
        y = eerie.sqrt(y)
        return eerie.sum(y * 0)

    with pytest.raises(NaNError, match="in the backward pass of sqrt") as caught:
        value(eerie.grad(loss)(X * 0))
    assert caught.value.source is not None
    assert caught.value.source.line == loss.__code__.co_firstlineno + 2
    assert "where before it" in str(caught.value)


PASSED: dict[str, tuple[Callable[[], Any], str]] = {
    "through operations": (lambda: eerie.asarray([1.0, NAN]) * 2 + 1, r"^an array .*, f32\[2\], holds NaN at \[1\]"),
    "through a loop": (
        lambda: eerie.scan(falling, eerie.asarray(NAN), eerie.ones(3))[0], r"^an array .*, f32\[\], holds",
    ),
    "through rows of a loop": (
        lambda: eerie.scan(lambda c, x: (c + x, None), 0.0, eerie.asarray([1.0, NAN]))[0],
        r"^an array .*, f32\[2\], holds",
    ),
    "beside a choice that hides one": (
        lambda: eerie.where(X > 0, eerie.log(X), 0) + eerie.asarray([NAN, 1, 1]),
        r"^an array .*, f32\[3\], holds NaN at \[0\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PASSED)
def test_no_operation_is_blamed_for_what_came_in(what: str) -> None:
    call, words = PASSED[what]
    with pytest.raises(NaNError) as caught:
        value(call())
    assert re.search(words, caught.value.message)


def test_what_no_result_holds_is_no_error() -> None:
    chosen = eerie.where(X > 0, eerie.log(X), 0)
    assert value(chosen).tolist() == [0, 0, 0]
    unknown = eerie.isnan(eerie.asarray([NAN, 1.0]))
    assert value(unknown).tolist() == [True, False]


def test_a_script_can_go_on_after_the_error() -> None:
    y = eerie.log(X)
    for _ in range(2):
        with pytest.raises(NaNError):
            value(y)
    with config(check_nans=False):
        assert np.isnan(value(y)).tolist() == [False, False, True]


@pytest.mark.parametrize("evaluation", ["reference", "compiled"])
def test_jitted_functions_and_scripts_are_checked(evaluation: str) -> None:
    outside = eerie.asarray([1.0, 2.0])

    @eerie.jit
    def f(p: Any, x: Any) -> Any:
        return eerie.log(p["w"]) + outside, x

    good, bad = {"w": eerie.asarray([1.0, 2.0])}, {"w": np.asarray([1, -1], np.float32)}
    with config(evaluation=evaluation):
        for _ in range(2):
            assert np.isfinite(value(f(good, 1.0))[0]).all()
            with pytest.raises(NaNError, match=r"\n  log of f32\[2\] makes NaN of -1.0 at \[1\]$") as caught:
                f(bad, 1.0)
            assert caught.value.source is not None
            assert caught.value.source.function == "f"
        with pytest.raises(NaNError, match=r"\n  argument p\['w'\] of f, f32\[2\], holds NaN at \[0\], which goes on"):
            f({"w": eerie.asarray([NAN, 1.0])}, 1.0)
        with pytest.raises(NaNError, match=r"\n  argument x of f, .*, holds NaN, which goes on"):
            f(good, eerie.asarray(NAN))
        with pytest.raises(NaNError, match=r"\n  log of f32\[3\]"):
            value(eerie.log(X))
        with config(check_nans=False):
            assert np.isnan(value(f(bad, 1.0))[0]).tolist() == [False, True]
        with pytest.raises(NaNError, match=r"\n  log of f32\[4\] makes NaN of -2.0 at \[3\]$"):
            eerie.jit(eerie.log, dims={"x": (eerie.Dim("n", max=8),)})(eerie.asarray([1.0, 2, 3, -2]))
        outside = eerie.asarray([1.0, NAN])
        with pytest.raises(NaNError, match=r"\n  an array that f uses from outside, f32\[2\], holds NaN at \[1\]"):
            f(good, 1.0)
