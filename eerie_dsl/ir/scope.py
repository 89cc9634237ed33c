"""Which trace operations are being recorded for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eerie_dsl.errors import Source


class Scope:
    """One tracing of a function. What is recorded inside belongs to it, and ends with it.

    Attributes:
        name: the traced function, for messages.
        active: whether the function is still running.
        outer: the scope that this one is nested in.
        captured: what was used inside but made outside, by its id: the placeholder that stands for it, and itself.
        literals: whether Python numbers are written into the program; they are inputs of a script's.
    """

    __slots__ = ("active", "captured", "literals", "name", "outer")

    def __init__(self, name: str, outer: Scope | None, literals: bool) -> None:
        self.name = name
        self.literals = literals
        self.active = True
        self.outer = outer
        self.captured: dict[int, tuple[Any, Any]] = {}


class Tape:
    """Derivatives being taken, of a thread.

    Attributes:
        evaluated: nodes that have a value by now and still know how it was computed.
        moving: what the derivatives are taken by.
    """

    __slots__ = ("evaluated", "moving")

    def __init__(self) -> None:
        self.evaluated: list[Any] = []
        self.moving: set[Any] = set()


class _State(threading.local):
    scope: Scope | None = None
    tape: Tape | None = None
    source: Source | None = None
    """The line that derivatives are being recorded for, in place of the one that asks for them."""


state = _State()


@contextmanager
def tracing(name: str, *, inline: bool = False) -> Iterator[Scope]:
    """Record into a new scope, of this thread only.

    Args:
        name: of what is traced, for messages.
        inline: what is recorded will be part of what is around it, not a program of its own.
    """
    outer, source = state.scope, state.source
    scope = state.scope = Scope(name, outer, not inline or (outer is not None and outer.literals))
    state.source = None
    try:
        yield scope
    finally:
        scope.active = False
        state.scope, state.source = outer, source


@contextmanager
def taping(moving: Sequence[Any]) -> Iterator[None]:
    """Keep how values are computed, of this thread: a derivative is about to be taken by the nodes ``moving``.

    Outside, a node that was evaluated forgets its operands.
    """
    outer = state.tape
    tape = state.tape = outer or Tape()
    tape.moving.update(moving)
    try:
        yield
    finally:
        tape.moving.difference_update(moving)
        state.tape = outer
        if outer is None:
            for node in tape.evaluated:
                node.forget()
