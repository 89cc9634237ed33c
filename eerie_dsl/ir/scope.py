"""Which trace operations are being recorded for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Scope:
    """One tracing of a function. What is recorded inside belongs to it, and ends with it.

    Attributes:
        name: the traced function, for messages.
        active: whether the function is still running.
        outer: the scope that this one is nested in.
        captured: what was used inside but made outside, by its id: the placeholder that stands for it, and itself.
    """

    __slots__ = ("active", "captured", "name", "outer")

    def __init__(self, name: str, outer: Scope | None) -> None:
        self.name = name
        self.active = True
        self.outer = outer
        self.captured: dict[int, tuple[Any, Any]] = {}


class _State(threading.local):
    scope: Scope | None = None


state = _State()


@contextmanager
def tracing(name: str) -> Iterator[Scope]:
    """Record into a new scope, of this thread only."""
    outer = state.scope
    scope = state.scope = Scope(name, outer)
    try:
        yield scope
    finally:
        scope.active = False
        state.scope = outer
