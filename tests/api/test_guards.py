"""What a jitted function reads from outside: when it changes, the next call must see it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie

SCALE = 2.0


@eerie.tree.register
@dataclass(frozen=True)
class Applied:
    x: Any
    function: Any = field(metadata={"static": True})


class Leaf:
    """Reads its own attribute; the functions below do not name it."""

    kind = 2.0

    def __init__(self) -> None:
        self.w = 2.0
        self.options = {"scale": [1.0, 2.0]}

    @property
    def doubled(self) -> float:
        return 2 * self.w

    def __call__(self, x):
        return x * self.w


class Slotted:
    __slots__ = ("w",)
    w: float


class Tree:
    def __init__(self) -> None:
        self.leaves = [Leaf(), Leaf()]

    def run(self, x):
        for leaf in self.leaves:
            x = leaf(x)
        return x


def scaled(x, factor):
    return x * factor * SCALE


def decorated(function):
    @functools.wraps(function)
    def call(x):
        return function(x) + SCALE

    return call


@functools.lru_cache
def remembered() -> float:
    return SCALE


NAMES = [
    *("attribute", "property", "property code", "call", "class", "global", "partial", "decorated", "cached"),
    *("nested", "inner object", "slots", "numpy", "numpy number", "quoted", "default"),
]


def _change(name: str, patch: pytest.MonkeyPatch, leaf: Leaf, tree_: Tree, slotted: Slotted, numbers: Any) -> None:
    match name:
        case "global" | "partial" | "decorated":
            patch.setitem(globals(), "SCALE", 7.0)
        case "cached":
            patch.setitem(globals(), "SCALE", 7.0)
            remembered.cache_clear()
        case "class":
            patch.setattr(Leaf, "kind", 7.0)
        case "property code":
            patch.setattr(Leaf, "doubled", property(lambda self: 7.0))
        case "nested":
            leaf.options["scale"][1] = 7.0
        case "inner object":
            tree_.leaves[1].w = 7.0
        case "slots":
            slotted.w = 7.0
        case "numpy" | "numpy number":
            numbers[0] = 7.0
        case "quoted":
            patch.setattr(leaf, "bias", 7.0, raising=False)
        case _:
            leaf.w = 7.0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_a_function_can_reach_goes_stale(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf, whole, slotted, numbers = Leaf(), Tree(), Slotted(), np.array([2.0], np.float32)
    slotted.w = 2.0
    part = functools.partial(scaled, factor=3.0)
    remembered.cache_clear()

    def with_default(x, leaf=leaf):
        return x * leaf.w

    function = {
        "attribute": lambda x: x * leaf.w,
        "property": lambda x: x * leaf.doubled,
        "property code": lambda x: x * leaf.doubled,
        "call": leaf,
        "class": lambda x: x * leaf.kind,
        "global": lambda x: scaled(x, 1.0),
        "partial": part,
        "decorated": decorated(lambda x: x),
        "cached": lambda x: x * remembered(),
        "nested": lambda x: x * leaf.options["scale"][1],
        "inner object": whole.run,
        "slots": lambda x: x * slotted.w,
        "numpy": lambda x: x * numbers,
        "numpy number": lambda x: x * float(numbers[0]),
        "quoted": lambda x: x + getattr(leaf, "bias", 1.0),
        "default": with_default,
    }[name]
    f = eerie.jit(function)
    x = eerie.asarray([3.0])
    before = f(x).tolist()
    assert before == function(x).tolist()
    _change(name, monkeypatch, leaf, whole, slotted, numbers)
    assert f(x).tolist() == function(x).tolist() != before


def test_names_of_attributes_and_keys_are_not_those_of_variables():
    space: dict[str, Any] = {"eerie": eerie}
    exec("def f(batch):\n    return batch['x'].T * scale", space)
    f = eerie.jit(space["f"])
    space["scale"] = 2.0
    for n in range(3):
        space["x"] = space["T"] = n  # what f reads by these names is something else
        assert f({"x": eerie.ones((1, 2))}).tolist() == [[2.0], [2.0]]
    assert f.traces == 1
    space["scale"] = 3.0
    assert f({"x": eerie.ones((1, 2))}).tolist() == [[3.0], [3.0]]
    assert f.traces == 2


def test_what_functions_in_static_fields_read():
    space: dict[str, Any] = {"factor": 2.0}
    exec("def f(x):\n    return x * factor", space)
    model = Applied(eerie.ones(1), space["f"])
    call = eerie.jit(lambda m: m.function(m.x))
    assert call(model).tolist() == [2.0]
    space["factor"] = 3.0
    assert call(model).tolist() == [3.0]
    assert call.traces == 2
