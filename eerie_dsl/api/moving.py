"""What NumPy computes on values has no derivative; to lose one in silence would be a wrong result."""

from __future__ import annotations

from collections.abc import Iterable

from eerie_dsl.errors import MissingRuleError
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.scope import state
from eerie_dsl.transforms.paths import moves_with


def moving(nodes: Iterable[Node]) -> bool:
    """Whether a derivative is being taken by what these nodes depend on."""
    tape = state.tape
    return tape is not None and any(moves_with(n, tape.moving) for n in nodes)


def refuse_moving(name: str, nodes: Iterable[Node]) -> None:
    """Raise MissingRuleError where a derivative is being taken by what these nodes depend on."""
    if moving(nodes):
        raise MissingRuleError(
            f"{name} runs in NumPy and has no derivative",
            hint="give it eerie.stop_gradient(x) to take its result as a constant, or a derivative with custom_vjp",
        )
