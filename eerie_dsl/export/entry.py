"""One exported function: its arguments checked against its signature, its results put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.calls import buffer_of
from eerie_dsl.api.tracing import Leaf, leaf_type
from eerie_dsl.errors import ArgumentError, DTypeError, ExecutionError, ShapeError
from eerie_dsl.export.rows import leaf_of
from eerie_dsl.export.structures import Structure, built, count, shown, taken
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.scope import state as recording
from eerie_dsl.ir.size import Size

_KINDS = {bool: 0, int: 1, float: 2, complex: 3}
_KINDS_OF = {"bool": 0, "int": 1, "uint": 1, "float": 2, "complex": 3}


class Entry:
    """A function of a file, to be called like the one that was exported; arguments may be named.

    Arguments are arrays of exactly the types that it was exported for, and results are Arrays. A dataclass or named
    tuple comes back as a named tuple with the same fields, and anything with these fields may take its place.

    Attributes:
        name: its name.
        stateful: whether it takes a state first and returns ``(state, result)``.
    """

    def __init__(self, row: Mapping[str, Any], executable: Callable[[str, bool], Any]) -> None:
        self.name: str = row["name"]
        self.stateful: bool = bool(row["stateful"])
        self._executable = executable
        self._arguments: list[tuple[str, Structure]] = [(a["name"], a["structure"]) for a in row["arguments"]]
        self._positional: int = row["positional"]
        self._leaves = [leaf_of(r) for r in row["leaves"]]
        self._result: Structure = row["result"]
        self._results = [leaf_of(r).aval for r in row["results"]]
        self._heavy = bool(row["heavy"]) and (os.cpu_count() or 1) > 1
        self._run: Any = None
        if sum(count(s) for _, s in self._arguments) != len(self._leaves) or count(self._result) != len(self._results):
            raise ValueError(f"{self.name} has other arguments than types")

    @property
    def arguments(self) -> dict[str, tuple[Aval, ...]]:
        """The types of the arrays of each argument, by name."""
        leaves = iter(self._leaves)
        return {n: tuple(next(leaves).aval for _ in range(count(s))) for n, s in self._arguments}

    def arranged(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A call's positional and named arguments from their arrays, in order.

        Raises:
            ArgumentError: there are more or fewer.
        """
        if len(leaves) != len(self._leaves):
            raise ArgumentError(f"{self.name} takes {len(self._leaves)} arrays, and {len(leaves)} are given: {self}")
        rest = iter(leaves)
        values = [(name, built(structure, rest)) for name, structure in self._arguments]
        return tuple(v for _, v in values[: self._positional]), dict(values[self._positional :])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's results.

        Raises:
            ArgumentError: arguments that the function does not have, or that are put together differently.
            ShapeError, DTypeError: an array of another type than the function was exported for.
            ExecutionError: the program failed.
        """
        if recording.scope is not None:
            raise ArgumentError(
                f"{self.name} is a program that was exported, and cannot be part of {recording.scope.name}",
                hint="call it outside of the traced function",
            )
        run = self._run
        if run is None:
            run = self._run = self._executable(self.name, self._heavy)
        sizes = _Sizes()
        views = []
        for leaf, (value, where) in zip(self._leaves, self._given(args, kwargs), strict=True):
            self._match(leaf, value, where, sizes)
            views.append(self._buffer(leaf, value, where))
        sizes.check()
        avals = [a if a.static else _at(a, sizes.known) for a in self._results]
        found = run(views)
        if len(found) != len(avals):
            raise ExecutionError(f"{self.name} gave {len(found)} results, and its file says {len(avals)}")
        return built(self._result, iter([Array.held(a, v) for a, v in zip(avals, found, strict=True)]))

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, str]]:
        """The leaves of a call, with what they are called."""
        names = [n for n, _ in self._arguments]
        if len(args) > self._positional:
            raise ArgumentError(
                f"{self.name} takes {self._positional} arguments in order, and {len(args)} are given: {self}"
            )
        bound = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in names or name in bound:
                what = "has no argument" if name not in names else "is given two arguments"
                raise ArgumentError(f"{self.name} {what} {name}: {self}")
            bound[name] = value
        if missing := [n for n in names if n not in bound]:
            raise ArgumentError(f"{self.name} needs {', '.join(missing)} too: {self}")
        return [
            (leaf, f"argument {where} of {self.name}")
            for name, structure in self._arguments
            for leaf, where in taken(structure, bound[name], name)
        ]

    def _match(self, leaf: Leaf, value: Any, where: str, sizes: _Sizes) -> None:
        """Check a leaf's type, and note what it says about dimensions."""
        wanted = leaf.aval
        if type(value) in _KINDS:
            if wanted.ndim or _KINDS[type(value)] > _KINDS_OF[wanted.dtype.kind]:
                raise DTypeError(f"{where} is the number {value!r}, and the program takes {wanted}")
            return
        try:
            found = leaf_type(value, lambda: where).aval
        except ArgumentError:
            raise ArgumentError(f"{where} is a {type(value).__name__}, and the program takes {wanted}") from None
        if found is wanted:
            return
        if found.dtype is not wanted.dtype:
            raise DTypeError(
                f"{where} is {found}, and the program takes {wanted}", hint=f"convert it to {wanted.dtype} first"
            )
        if found.ndim != wanted.ndim:
            raise ShapeError(f"{where} is {found}, and the program takes {wanted}")
        for axis, (n, size) in enumerate(zip(found.shape, wanted.shape, strict=True)):
            if isinstance(size, Size):
                sizes.note(size, n, f"axis {axis} of {where}")
            elif n != size:
                raise ShapeError(f"axis {axis} of {where} has {n} elements, and the program takes {wanted}")

    def _buffer(self, leaf: Leaf, value: Any, where: str) -> Any:
        try:
            return buffer_of(value, leaf.aval, False)
        except DTypeError as error:
            raise DTypeError(f"{where}: {error.message}", hint=error.hint) from None

    def __str__(self) -> str:
        leaves = iter([str(leaf.aval) for leaf in self._leaves])
        inner = ", ".join(f"{n}: {shown(s, leaves)}" for n, s in self._arguments)
        return f"{self.name}({inner}) -> {shown(self._result, iter(map(str, self._results)))}"

    def __repr__(self) -> str:
        return f"<exported {self}>"


class _Sizes:
    """What the arrays of a call say about dimensions."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self._computed: list[tuple[Size, int, str]] = []

    def note(self, size: Size, n: int, place: str) -> None:
        """An axis has n elements; raises ShapeError where it cannot."""
        if size.name is None:
            self._computed.append((size, n, place))
            return
        if not size.low <= n <= size.high:
            raise ShapeError(f"{place} has {n} elements, and {size} is from {size.low} to {size.high}")
        if self.known.setdefault(size.name, n) != n:
            raise ShapeError(f"{place} has {n} elements, and {size} is {self.known[size.name]} in another argument")

    def check(self) -> None:
        """Compare the sizes that are computed from others, when these are known; raises ShapeError."""
        for size, n, place in self._computed:
            wanted = size.at(self.known)
            if wanted != n:
                raise ShapeError(f"{place} has {n} elements, and {size} is {wanted}")


def _at(aval: Aval, values: Mapping[str, int]) -> Aval:
    sizes: Any = tuple(n.at(values) if isinstance(n, Size) else n for n in aval.shape)
    return Aval(sizes, aval.dtype)
