"""What is known of a bundle before its files are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from eerie_dsl.compile.static_library import StaticLibrary
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.aval import Aval

# Of C99, C11 and C++ as far as a parameter may meet them, and what the generated code calls things itself.
_WORDS = """
    auto bool break case catch char class const constexpr continue default delete do double else enum explicit
    export extern false float for friend goto if inline int long mutable namespace new nullptr operator private
    protected public register restrict return short signed sizeof static struct switch template this throw true try
    typedef typename union unsigned using virtual void volatile while and or not xor main
    workspace workspace_size arena bindings call constants lengths library pattern status
"""
_RESERVED = frozenset(_WORDS.split())


class Part(NamedTuple):
    """An argument or a result.

    Attributes:
        name: of it in C and JavaScript.
        label: the way to it in Python.
        aval: its type.
    """

    name: str
    label: str
    aval: Aval

    @property
    def size(self) -> int:
        """How many elements it has."""
        return int(self.aval.size)

    @property
    def bytes(self) -> int:
        """How many bytes it has."""
        return int(self.aval.size) * self.aval.dtype.itemsize


class Plan(NamedTuple):
    """A bundle.

    Attributes:
        name: what its symbols and files start with.
        target: name of the target.
        arguments: of its function.
        results: of its function.
        library: the kernels and what to do with them.
        parameters: bytes of the arrays that the function captured.
    """

    name: str
    target: str
    arguments: tuple[Part, ...]
    results: tuple[Part, ...]
    library: StaticLibrary
    parameters: int


class Sizes(NamedTuple):
    """What a bundle takes, in bytes.

    Attributes:
        code: machine code of the kernels; for WebAssembly, of the whole module.
        rodata: constants and tables next to the code.
        data: tables of addresses, which some linkers' scripts put into RAM.
        weights: the file of weights.
        parameters: the arrays that the function captured, wherever they are.
        workspace: RAM that a call needs beyond arguments and results.
        stack: bound of the stack that a call needs, None where it is not known.
    """

    code: int
    rodata: int
    data: int
    weights: int
    parameters: int
    workspace: int
    stack: int | None

    @property
    def beyond(self) -> int:
        """Code and tables beyond the parameters."""
        return self.code + self.rodata + self.data + self.weights - self.parameters


def check_name(name: str) -> str:
    """A name that symbols can start with.

    Raises:
        ArgumentError: it is none.
    """
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,39}", name) or name in _RESERVED:
        raise ArgumentError(
            f"bundle: {name!r} cannot start the names of C functions",
            hint="give name= letters, digits and underscores, 40 at most, and no keyword",
        )
    return name


def parts(labels: Sequence[str], avals: Sequence[Aval], taken: set[str]) -> tuple[Part, ...]:
    """Arguments or results with names that differ; ``taken`` grows by them."""
    found = []
    for label, aval in zip(labels, avals, strict=True):
        plain = re.sub(r"[^a-zA-Z0-9]+", "_", label).strip("_") or "x"
        name = plain = f"x{plain}" if plain[0].isdigit() else plain
        number = 0
        while name in taken or name in _RESERVED:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        found.append(Part(name, label, aval))
    return tuple(found)


def labels(structure: Any, where: str) -> Iterator[str]:
    """The ways to the leaves of a result; see `eerie_dsl.export.structures`."""
    if structure is None:
        yield where
    elif structure:
        kind, _, inner = structure
        for i, part in enumerate(inner):
            if kind in ("list", "tuple"):
                yield from labels(part, f"{where}[{i}]")
            else:
                key, below = part
                yield from labels(below, f"{where}[{key!r}]" if kind == "dict" else f"{where}.{key}")
