"""How arguments and results are put together, as plain values in a file: taken apart and built without the classes that
they were made of."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eerie_dsl import tree
from eerie_dsl.errors import ArgumentError

Structure = Any
"""``None`` for a leaf, ``[]`` for nothing, else kind, name and parts: ``["list", "", [...]]`` and the same for a tuple,
``["dict", "", [[key, part], ...]]``, ``["record", class, [[field, part], ...]]``."""


def described(value: Any, where: str) -> Structure:
    """The structure of a tree, for a file.

    Raises:
        ArgumentError: a key of a dict is neither a string nor a number, or a container is of a kind that has no fields.
    """
    if value is None:
        return []
    parts, kind = tree.children(value)
    if kind is None:
        return None
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields: list[Any] = list(value._fields)
    elif isinstance(value, list | tuple):
        return ["tuple" if isinstance(value, tuple) else "list", "", [described(p, where) for p in parts]]
    else:
        fields = list(kind.entries())
    if isinstance(value, Mapping):
        for key in fields:
            if type(key) not in (str, int):
                raise ArgumentError(f"{where}: the key {key!r} of a dict cannot be written to a file")
        kind_name, name = "dict", ""
    else:
        kind_name, name = "record", type(value).__name__
        if not all(isinstance(f, str) and f.isidentifier() and not f.startswith("_") for f in fields):
            raise ArgumentError(
                f"{where}: a {name} cannot be written to a file, which takes public fields by name",
                hint="use lists, tuples, dicts, or a dataclass without leading underscores",
            )
    return [kind_name, name, [[f, described(p, where)] for f, p in zip(fields, parts, strict=True)]]


def count(structure: Structure) -> int:
    """How many leaves a structure has.

    Raises:
        ValueError: it is none.
    """
    if structure is None:
        return 1
    if structure == []:
        return 0
    kind, name, parts = structure
    if kind in ("list", "tuple"):
        return sum(map(count, parts))
    keys = [key for key, _ in parts]
    if kind == "record":
        _record(name, tuple(keys))
    elif kind != "dict" or any(type(key) not in (str, int) for key in keys):
        raise ValueError(f"there is no container {kind!r} of {keys}")
    return sum(count(part) for _, part in parts)


def taken(structure: Structure, value: Any, where: str) -> Iterator[tuple[Any, str]]:
    """The leaves of a value of that structure, with what they are called. A record is anything that has its fields.

    Raises:
        ArgumentError: the value is put together differently.
    """
    if structure is None:
        yield value, where
        return
    if not structure:
        if value is not None:
            raise ArgumentError(f"{where} is a {type(value).__name__}; it has to be None")
        return
    kind, name, parts = structure
    if kind in ("list", "tuple"):
        if not isinstance(value, list | tuple) or len(value) != len(parts):
            found = f"{len(value)} elements" if isinstance(value, list | tuple) else f"a {type(value).__name__}"
            raise ArgumentError(f"{where} is {found}; it has to be a {kind} of {len(parts)}")
        for i, part in enumerate(parts):
            yield from taken(part, value[i], f"{where}[{i}]")
        return
    if kind == "dict":
        if not isinstance(value, Mapping) or value.keys() != {k for k, _ in parts}:
            found = f"a dict with {_listed(value)}" if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise ArgumentError(f"{where} is {found}; it has to be a dict with {_listed(k for k, _ in parts)}")
        for key, part in parts:
            yield from taken(part, value[key], f"{where}[{key!r}]")
        return
    for field, part in parts:
        if not hasattr(value, field):
            fields = ", ".join(f for f, _ in parts)
            raise ArgumentError(f"{where} is a {type(value).__name__} without {field}; a {name} has {fields}")
        yield from taken(part, getattr(value, field), f"{where}.{field}")


def built(structure: Structure, leaves: Iterator[Any]) -> Any:
    """A value of that structure with the next leaves; records become named tuples with the same fields."""
    if structure is None:
        return next(leaves)
    if not structure:
        return None
    kind, name, parts = structure
    if kind == "list":
        return [built(part, leaves) for part in parts]
    if kind == "tuple":
        return tuple([built(part, leaves) for part in parts])
    values = {key: built(part, leaves) for key, part in parts}
    return values if kind == "dict" else _record(name, tuple(values))(**values)


@cache
def _record(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)  # its name and fields are those of the file


def shown(structure: Structure, leaves: Iterator[str]) -> str:
    """The structure in words, with a word for each leaf."""
    if structure is None:
        return next(leaves)
    if not structure:
        return "None"
    kind, name, parts = structure
    if kind == "list":
        return f"[{', '.join(shown(p, leaves) for p in parts)}]"
    if kind == "tuple":
        return f"({', '.join(shown(p, leaves) for p in parts)})"
    if kind == "dict":
        return "{" + ", ".join(f"{k!r}: {shown(p, leaves)}" for k, p in parts) + "}"
    return f"{name}({', '.join(f'{f}={shown(p, leaves)}' for f, p in parts)})"


def _listed(keys: Any) -> str:
    return ", ".join(map(repr, keys)) or "no keys"
