"""What is refused: by class, by words that name the argument, and at the user's own line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError, EerieError, MissingRuleError, ShapeError, TracerError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.primitive import Primitive

pytestmark = pytest.mark.usefixtures("interpreted")

X = eerie.asarray([1.0, 2.0, 3.0])
VALUE, BACK = eerie.vjp(lambda p: {"y": p, "z": p[0]}, X)
_, PUSH = eerie.linearize(lambda p: p["a"] * 2, {"a": X})
REFUSED: dict[str, tuple[Callable[[], Any], type[EerieError], str]] = {
    "a loss with axes": (lambda: eerie.grad(lambda x: x)(X), ShapeError, r"grad of <lambda>, which gives f32\[3\]"),
    "a loss of integers": (lambda: eerie.grad(eerie.argmax)(X), DTypeError, "grad of argmax, which gives i64"),
    "a complex loss": (lambda: eerie.grad(lambda x: x * 1j)(2.0), DTypeError, "must be a real number"),
    "an integer": (lambda: eerie.grad(lambda n: n * 2.0)(3), DTypeError, r"by n, which is i64\[\]"),
    "an integer in a tree": (
        lambda: eerie.grad(lambda p: p["w"][1])({"w": [X, eerie.asarray(1)]}),
        DTypeError,
        r"by p\['w'\]\[1\], which is i64\[\]",
    ),
    "an integer in jit": (lambda: eerie.jit(eerie.grad(lambda n: n * 2.0))(3), DTypeError, r"by n, which is i64\[\]"),
    "an integer primal": (lambda: eerie.vjp(lambda a, b: a, X, 1), DTypeError, r"vjp of <lambda> by b"),
    "no such argument": (lambda: eerie.grad(lambda x: x, 1)(2.0), ArgumentError, "by argument 1, and it was called"),
    "no such argument of jacobian": (lambda: eerie.jacobian(lambda x: x, 1)(2.0), ArgumentError, "argument 1"),
    "argnums of no use": (lambda: eerie.grad(lambda x: x, "x"), ArgumentError, "argnums='x'"),  # type: ignore[arg-type]
    "an argument by keyword": (
        lambda: eerie.grad(lambda x: x)(x=2.0), ArgumentError, r"by argument 0 \(x\), and it was .*by position",
    ),
    "an argument twice": (lambda: eerie.grad(lambda x: x, (0, -1))(2.0), ArgumentError, "same argument twice: 0, -1"),
    "a leaf that is no array": (
        lambda: eerie.grad(lambda p: p["w"])({"w": 1.0, "name": "sgd"}), ArgumentError, r"by p\['name'\]: .* str",
    ),
    "no function": (lambda: eerie.grad(2.0), ArgumentError, "grad needs a function, got float"),  # type: ignore[arg-type]
    "an integer of jacobian": (
        lambda: eerie.jacobian(lambda x, n: x * n, 1)(2.0, 3), DTypeError, r"jacobian of .* by n, which is i64\[\]",
    ),
    "a tree as the loss": (
        lambda: eerie.grad(lambda x: {"loss": x})(2.0), ArgumentError, "grad of <lambda>, which gives a dict.*has_aux",
    ),
    "no loss": (lambda: eerie.grad(lambda x: None)(2.0), ArgumentError, "which gives a NoneType"),
    "primals without a tuple": (
        lambda: eerie.jvp(eerie.sin, X, X), ArgumentError, "primals of type Array.*a tuple",  # type: ignore[arg-type]
    ),
    "a cotangent that is no array": (lambda: BACK({"y": "a", "z": 1}), ArgumentError, r"cotangent at \['y'\]: .* str"),
    "an unknown mode": (lambda: eerie.jacobian(lambda x: x, mode="both"), ArgumentError, "mode='both'"),  # type: ignore[arg-type]
    "aux without a pair": (lambda: eerie.grad(lambda x: x, has_aux=True)(2.0), ArgumentError, "gives a pair"),
    "cotangents of another structure": (
        lambda: BACK({"y": X}), ArgumentError, r"arrays at \['y'\] instead of \['y'\], \['z'\]",
    ),
    "a cotangent of another shape": (
        lambda: BACK({"y": X, "z": X}), ShapeError, r"the cotangent at \['z'\] is f32\[3\] where .* is f32\[\]",
    ),
    "a complex cotangent": (lambda: BACK({"y": X * 1j, "z": 1.0}), DTypeError, r"at \['y'\] is c64"),
    "tangents of another structure": (lambda: PUSH([X]), ArgumentError, r"the tangent of p has another structure"),
    "a tangent of another shape": (lambda: PUSH({"a": X[:2]}), ShapeError, r"the tangent of p at \['a'\] is f32\[2\]"),
    "too many tangents": (lambda: PUSH(X, X), ArgumentError, "takes 1 tangents, got 2"),
    "too few tangents": (lambda: eerie.jvp(eerie.add, (X, X), (X,)), ArgumentError, "2 primals and 1 tangents"),
    "an axis out of range": (
        lambda: eerie.vmap(lambda x, y: x, (0, 1))(X, X),
        ArgumentError,
        r"vmap of <lambda>: y is f32\[3\] and has no axis 1",
    ),
    "examples in a number": (lambda: eerie.vmap(lambda x, y: x)(X, 2.0), ArgumentError, "y is f32.. and has no axis 0"),
    "different sizes": (
        lambda: eerie.vmap(lambda p, y: y)({"a": X}, eerie.ones(4)), ShapeError, r"p\['a'\] has 3, y has 4",
    ),
    "too few axes": (lambda: eerie.vmap(eerie.add, (0,))(X, X), ArgumentError, "in_axes has 1 entries for 2 arguments"),
    "axes of another structure": (
        lambda: eerie.vmap(lambda p: p["a"], ({"b": 0},))({"a": X}),
        ArgumentError,
        r"in_axes .*\{'b': 0\} does not fit p, which is \{'a': \*\}",
    ),
    "an axis that is no integer": (lambda: eerie.vmap(eerie.sin, 0.0)(X), ArgumentError, "0.0 does not fit"),
    "an example that is no array": (
        lambda: eerie.vmap(lambda x, s: x)(X, {"how": "fast"}), ArgumentError, r"over s\['how'\]: .* str",
    ),
    "no axis at all": (lambda: eerie.vmap(lambda x: x, None)(X), ArgumentError, "no argument has an axis of examples"),
    "a result that differs": (lambda: eerie.vmap(lambda x: x, 0, None)(X), ArgumentError, "result differs between"),
    "a part of a result that differs": (
        lambda: eerie.vmap(lambda x: {"y": [x]}, 0, {"y": [None]})(X), ArgumentError, r"result\['y'\]\[0\] differs",
    ),
    "no place in a result": (lambda: eerie.vmap(lambda x: x, 0, 1)(X), ArgumentError, r"no axis 1 \(out_axes\)"),
    "a value under vmap": (lambda: eerie.vmap(lambda x: x if x > 0 else -x)(X), TracerError, "no values"),
    "a derivative through NumPy": (
        lambda: eerie.grad(lambda x: eerie.linalg.svdvals(x[None])[0])(X), MissingRuleError, "svdvals runs in NumPy",
    ),
    "a derivative through a function of NumPy": (
        lambda: eerie.grad(lambda x: np.linalg.eigvals(eerie.outer(x, x))[0])(X),
        MissingRuleError,
        "eigvals .*in NumPy",
    ),
    "custom derivatives of another number": (
        lambda: eerie.custom_vjp(lambda x, y: x, lambda x, y: (x, None), lambda kept, ct: (ct,))(X, X),
        ArgumentError, "a tuple with one entry per argument",
    ),
    "a custom derivative of another shape": (
        lambda: eerie.custom_vjp(lambda x: x, lambda x: (x, None), lambda kept, ct: (ct[0],))(X),
        ShapeError,
        "cotangent",
    ),
    "a forward without a pair": (
        lambda: eerie.custom_vjp(lambda x: x, lambda x: x, lambda kept, ct: (ct,))(X),
        ArgumentError,
        "forward gives a pair",
    ),
    "a carry of another structure": (
        lambda: eerie.scan(lambda c, x: ({"a": x}, None), {"a": 0.0, "b": [1.0]}, X), ArgumentError,
        r"^scan begins with carry: \{'a': \*, 'b': \[\*\]\}, and its body makes it \{'a': \*\}",
    ),
    "a value of another shape": (
        lambda: eerie.fori_loop(0, 3, lambda i, v: {"y": v["y"] + X}, {"y": 0.0}), ShapeError,
        r"^fori_loop begins with value\['y'\]: f32\[\], and its body makes it f32\[3\]",
    ),
    "branches of other structures": (
        lambda: eerie.cond(True, lambda: None, lambda: (X, X)), ArgumentError,
        r"false_fn gives \(\*, \*\) and true_fn gives nothing",
    ),
    "an operand that is no array": (
        lambda: eerie.cond(True, eerie.sin, eerie.cos, {"x": "y"}),
        ArgumentError,
        r"cond with operands\[0\]\['x'\]: .* str",
    ),
    "rows that are no array": (
        lambda: eerie.scan(lambda c, x: (c, x), 0, {"x": "y"}), ArgumentError, r"scan with xs\['x'\]: .* str",
    ),
    "a branch that is no function": (
        lambda: eerie.cond(True, 1.0, eerie.sin, 2.0), ArgumentError, "needs a function for true_fn, got float",  # type: ignore[arg-type]
    ),
    "a combination of another shape": (
        lambda: eerie.associative_scan(lambda a, b: {"x": a["x"][:1]}, {"x": eerie.ones((5, 2))}), ShapeError,
        r"result\['x'\] of <lambda> is f32\[1,2\], of two f32\[2,2\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str) -> None:
    call, kind, words = REFUSED[what]
    with pytest.raises(kind) as caught:
        call()
    # The whole text holds the user's line, which is that of the words here.
    assert re.search(words, f"{caught.value.message} {caught.value.hint}")
    assert caught.value.source is not None
    assert caught.value.source.file == __file__


class Halved(Primitive):
    """Half of ``x``, without rules for transforms."""

    name = "halved"

    def infer(self, x: Aval) -> Aval:
        return x

    def reference(self, x: Any) -> Any:
        return x / 2


halved = Halved()


@pytest.mark.parametrize(
    ("transform", "rule"),
    [
        (eerie.grad, "vjp"),
        (lambda f: lambda x: eerie.jvp(f, (x,), (x,)), "vjp"),
        (lambda f: lambda x: eerie.vmap(f)(x[None]), "batching"),
    ],
)
def test_a_missing_rule_is_named_at_the_line_that_recorded_it(transform: Any, rule: str) -> None:
    line = test_a_missing_rule_is_named_at_the_line_that_recorded_it.__code__.co_firstlineno

    def f(x: Any) -> Any:
        return eerie.Array.of(halved(x.node)) * 2

    with pytest.raises(MissingRuleError, match=f"primitive halved has no {rule} rule") as caught:
        transform(f)(eerie.asarray(1.0))
    assert caught.value.source is not None
    assert caught.value.source.line == f.__code__.co_firstlineno + 1 > line
