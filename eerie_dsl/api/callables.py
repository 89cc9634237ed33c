"""What messages call functions and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eerie_dsl.errors import Source, user_source


def name_of(function: Callable[..., Any]) -> str:
    """The function's name, or that of its class."""
    return getattr(function, "__name__", type(function).__name__)


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """What a call gives positional arguments to, of a function written in Python; of anything else, none."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code.co_varnames[hasattr(function, "__func__") : code.co_argcount] if code is not None else ()


def argument_names(function: Callable[..., Any], places: Iterable[int]) -> list[str]:
    """What positional arguments are called, by their places."""
    names = parameter_names(function)
    return [names[i] if i < len(names) else f"argument {i}" for i in places]


def source_of(function: Callable[..., Any]) -> Source:
    """The line of the user's that is running."""
    return user_source() or Source("<unknown>", 0, name_of(function))
