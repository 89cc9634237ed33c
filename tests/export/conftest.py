"""Files that several tests read, each exported once."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import tree
from eerie_dsl.export import export, spec

Point = namedtuple("Point", "x y")
WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3) / 8
MASK = np.array([True, False, True])


@tree.register
@dataclass(frozen=True)
class Scale:
    factor: Any
    label: str = tree.static(default="scale")


def sizes():
    """A dimension of its own for each use: equal names are equal sizes."""
    return eerie.Dim("batch", min=1, max=64)


def make_dense():
    weight, mask = eerie.asarray(WEIGHT), eerie.asarray(MASK)

    def dense(x, scale):
        return eerie.where(mask, x @ weight, -1.0) * scale

    return dense


def expected_dense(x, scale):
    return np.where(MASK, x @ WEIGHT, np.float32(-1)) * np.float32(scale)


def containers(points, options, scale):
    moved = Point(points.x + options["shift"], points.y)
    return moved, {"sum": [points.x.sum(), None], "scale": Scale(scale.factor * 2)}


def step(state, token):
    cache = eerie.concat([state["cache"][1:], token[None]])
    return {"cache": cache, "count": state["count"] + 1}, cache.sum(axis=0)


def peek(state):
    return state, state["count"] * 10


def first_state():
    return {"cache": eerie.zeros((3, 2)), "count": eerie.asarray(np.int32(4))}


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, Path]:
    """The files, by name."""
    folder = tmp_path_factory.mktemp("exported")
    found = {name: folder / f"{name}.vmfb" for name in ("inside", "apart", "containers", "stateful")}
    dims = [spec((sizes(), 4)), spec(())]
    export(make_dense(), dims, out=found["inside"])
    export(make_dense(), dims, out=found["apart"], weights="apart", target=["x86-64", "host", "aarch64"])
    export(
        containers,
        {"points": Point(spec(3), spec("f32[3]")), "options": {"shift": 1.0}, "scale": Scale(spec((), eerie.int32))},
        out=found["containers"],
    )
    export({"step": (step, [spec(2)]), "peek": (peek, [])}, state=first_state(), out=found["stateful"])
    return found
