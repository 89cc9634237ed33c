"""Every primitive is complete, is found at its own path, and stands in the table of cases."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import eerie_dsl.ops
import eerie_dsl.transforms
from eerie_dsl.ir.primitive import Primitive, primitive_at
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.fused import fused
from tests.ops.cases import CASES


def _primitives() -> Iterator[Primitive]:
    for package in (eerie_dsl.ops, eerie_dsl.transforms):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, Primitive) and type(value).__module__ == module.name:
                    yield value


def _holds_graphs(op: Primitive) -> bool:
    """Whether what it computes is given by graphs among its parameters, which no table can list."""
    return op is fused or op.path.startswith(f"{eerie_dsl.transforms.__name__}.")


COVERED = {case.op.path for case in CASES}
TAKES_OPERANDS = {case.op.path for case in CASES if case.operands}
PRIMITIVES = sorted(set(_primitives()), key=lambda p: p.path)


def _has(op: Primitive, rule: str) -> bool:
    for cls in type(op).__mro__:
        if rule in vars(cls):
            return cls is not Primitive and not (rule == "lower" and cls is Elementwise and not _has(op, "scalar"))
    return False


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda p: p.name)
class TestPrimitive:
    def test_has_every_rule(self, op: Primitive) -> None:
        rules = ["infer", "reference", "decompose" if _has(op, "decompose") else "lower"]
        if op.path in TAKES_OPERANDS or (_holds_graphs(op) and op is not fused):  # which transforms decompose
            rules += ["batch", "vjp"] if op.differentiable else ["batch"]
        assert [r for r in rules if not _has(op, r)] == []

    def test_is_found_at_its_own_path(self, op: Primitive) -> None:
        assert primitive_at(op.path) is op

    def test_says_what_it_computes(self, op: Primitive) -> None:
        assert (type(op).__doc__ or "").strip()

    def test_stands_in_the_table_of_cases(self, op: Primitive) -> None:
        assert op.path in COVERED or _holds_graphs(op)
