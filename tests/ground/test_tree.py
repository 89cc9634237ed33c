from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from eerie_dsl import tree
from eerie_dsl.errors import ArgumentError

Point = namedtuple("Point", "x y")


@tree.register
@dataclass(frozen=True)
class Layer:
    weight: Any
    name: str = tree.static(default="layer")
    bias: Any = None

    def __post_init__(self):
        if self.weight is Ellipsis:
            raise ValueError("checked by __init__")


@tree.register
@dataclass(frozen=True, slots=True)
class Slotted:
    a: Any
    b: Any


TREES: list[Any] = [
    1,
    None,
    (),
    [],
    {},
    (1, [2, {"b": 3, "a": (4, None)}]),
    Point(1, Point(2, 3)),
    Layer(1, "l", [2, 3]),
    Slotted({"x": 1}, (2,)),
    {"k": Layer(Layer(1), bias=2)},
]


@pytest.mark.parametrize("none_is_leaf", [False, True])
@pytest.mark.parametrize("value", TREES, ids=repr)
def test_round_trip(value, none_is_leaf):
    leaves, structure = tree.flatten(value, none_is_leaf=none_is_leaf)
    assert tree.unflatten(structure, leaves) == value
    assert tree.leaves(value, none_is_leaf=none_is_leaf) == leaves
    assert len(tree.paths(value, none_is_leaf=none_is_leaf)) == len(leaves)


def test_none():
    assert tree.leaves((1, None)) == [1]
    assert tree.leaves((1, None), none_is_leaf=True) == [1, None]


def test_dict_order_does_not_matter():
    assert tree.flatten({"a": 1, "b": 2}) == tree.flatten({"b": 2, "a": 1})


def test_structure_is_a_key():
    table = {tree.flatten(Layer(1, "a"))[1]: "a", tree.flatten(Layer(1, "b"))[1]: "b"}
    assert table[tree.flatten(Layer(9, "a"))[1]] == "a"
    assert len(table) == 2


def test_is_leaf():
    assert tree.leaves([(1, 2), (3, 4)], is_leaf=lambda x: isinstance(x, tuple)) == [(1, 2), (3, 4)]


def test_map_over_several_trees():
    assert tree.map(lambda x, y: (x, y), [1, 2], [3, {"deep": 4}]) == [(1, 3), (2, {"deep": 4})]
    with pytest.raises(ArgumentError, match="tree 3 differs"):
        tree.map(lambda *x: x, [1, 2], [3, 4], [5])
    with pytest.raises(ArgumentError, match="tree 2 differs"):
        tree.map(lambda *x: x, {"a": 1}, {"b": 1})


def test_unflatten_counts():
    _, structure = tree.flatten((1, 2))
    for leaves in ([1], [1, 2, 3]):
        with pytest.raises(ArgumentError, match="for 2 places"):
            tree.unflatten(structure, leaves)


def test_paths_read_like_python():
    value = {"k": [1, Layer(2, bias=(3,))], 0: Point(4, 5)}
    names = tree.paths(value, "value")
    assert [eval(name, {"value": value}) for name in names] == tree.leaves(value)
    assert "value['k'][1].bias[0]" in names


def test_rebuilding_skips_the_constructor():
    assert tree.map(lambda _: ..., Layer(1)).weight is ...


def test_static_field_must_be_hashable():
    with pytest.raises(ArgumentError, match=r"Layer\.name is a static field"):
        tree.leaves(Layer(1, []))  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [int, dataclass(type("Thawed", (), {})), type("Child", (Layer,), {})])
def test_only_frozen_dataclasses_register(cls):
    with pytest.raises(ArgumentError, match="not a frozen dataclass"):
        tree.register(cls)


def test_a_class_registered_after_first_use_is_a_node():
    tree.leaves(())

    @tree.register
    @dataclass(frozen=True)
    class Late:
        x: Any

    assert tree.leaves(Late([1, 2])) == [1, 2]


def test_an_endless_tree_is_an_error():
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(RecursionError):
        tree.flatten(loop)


def test_optree_waits_for_the_first_tree():
    program = (
        "import sys\nfrom dataclasses import dataclass\nfrom eerie_dsl import tree\n"
        "@tree.register\n@dataclass(frozen=True)\nclass A:\n    x: object\n"
        "print('optree' in sys.modules, tree.leaves(A([1])), 'optree' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False [1] True"
