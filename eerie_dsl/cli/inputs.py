"""Arguments of an exported function as a command line gives them: files of arrays, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eerie_dsl.errors import ArgumentError, InvalidValueError
from eerie_dsl.ir.size import Size

if TYPE_CHECKING:
    from eerie_dsl.export import Entry, Library


def function_of(library: Library, name: str | None) -> Entry:
    """The function that was asked for, or the only one.

    Raises:
        ArgumentError: there is no such function, or there are several and none was named.
    """
    names = ", ".join(library.functions)
    if name is None:
        if len(library.functions) > 1:
            raise ArgumentError(f"{library.path} has several functions: {names}", hint="name one with --function")
        return next(iter(library.functions.values()))
    if name not in library.functions:
        raise ArgumentError(f"{library.path} has no function {name}; it has {names}")
    return library.functions[name]


def read(texts: Sequence[str]) -> list[Any]:
    """Arrays of ``.npy`` files, and numbers.

    Raises:
        InvalidValueError: a file that holds no array, or a text that is neither.
        OSError: a file cannot be read.
    """
    found: list[Any] = []
    for text in texts:
        if text.endswith(".npy"):
            try:
                found.append(np.load(text, allow_pickle=False))
            except (ValueError, EOFError) as error:
                raise InvalidValueError(f"{text} is not an array that NumPy wrote: {error}") from None
        else:
            try:
                found.append(complex(text) if "j" in text else float(text) if set(text) & set(".einf") else int(text))
            except ValueError:
                raise InvalidValueError(f"{text!r} is neither a .npy file nor a number") from None
    return found


def drawn(entry: Entry, sizes: dict[str, int], first: int = 0) -> list[Any]:
    """Arrays of the types that a function takes, from the argument leaf ``first`` on: ones in all places.

    Raises:
        ArgumentError: a dimension is not among ``sizes``.
    """
    found = []
    for aval in [a for avals in entry.arguments.values() for a in avals][first:]:
        shape = []
        for n in aval.shape:
            size = n.at(sizes) if isinstance(n, Size) else n
            if isinstance(size, Size):
                names = " ".join(f"--dim {name}={max(low, 1)}" for name, low, _ in size.dims)
                raise ArgumentError(f"the size of {size} is open", hint=f"say one, such as {names}")
            shape.append(size)
        found.append(np.ones(shape, aval.dtype.numpy))
    return found


def sizes(texts: Sequence[str]) -> dict[str, int]:
    """``name=8`` as a size by name.

    Raises:
        ArgumentError: it is something else.
    """
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not name or not number.isdecimal():
            raise ArgumentError(f"--dim {text}: write it like batch=8")
        found[name] = int(number)
    return found
