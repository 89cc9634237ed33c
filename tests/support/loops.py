"""What tests of compiled loops share: the interpreter as the reference, and the text that a function is lowered to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import tree
from eerie_dsl.config import config
from eerie_dsl.ir.passes import simplify
from eerie_dsl.lowering import build


def flat(value: Any) -> list[np.ndarray]:
    """The leaves of a tree as NumPy arrays."""
    return [np.asarray(leaf) for leaf in tree.flatten(value)[0]]


def agree(f: Callable[..., Any], args: Any) -> None:
    """Compiled, ``f(args)`` gives what the interpreter gives.

    Floats to 2e-5: a loop of some ten steps carries the rounding of each into the next.
    """
    with config(evaluation="reference"):
        want = flat(eerie.jit(f)(args))
    with config(evaluation="compiled"):
        got = flat(eerie.jit(f)(args))
    assert len(got) == len(want) > 0
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def lowered(f: Callable[..., Any], *args: Any) -> str:
    """The MLIR of a function for these arguments."""
    return str(build(simplify(eerie.jit(f).trace(*args).graph)))
