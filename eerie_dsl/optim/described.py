"""Values made by a call that print as that call: optimisers and schedules show their hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any


@dataclass(frozen=True, eq=False, repr=False)
class Described:
    """The base of what prints as the call that made it.

    Attributes:
        name: what was called.
        arguments: its positional arguments.
        options: its keyword arguments.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A jitted function that uses this value is traced again when something changes that is found through
        # __wrapped__: so it sees what a user's own schedule reads from outside.
        object.__setattr__(self, "__wrapped__", (self.arguments, *self.options.values()))

    def __repr__(self) -> str:
        shown = [_shown(a) for a in self.arguments] + [f"{k}={_shown(v)}" for k, v in self.options.items()]
        return f"{self.name}({', '.join(shown)})"


def _shown(value: Any) -> str:
    if isinstance(value, FunctionType):
        return value.__name__
    if isinstance(value, tuple | list) and any(isinstance(v, FunctionType) for v in value):
        return f"({', '.join(map(_shown, value))})"
    return repr(value)
