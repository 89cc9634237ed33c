"""Which arguments of a jitted function are static or donated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from eerie_dsl import tree
from eerie_dsl.errors import ArgumentError


class Options(TypedDict, total=False):
    """What `jit` can be told."""

    static_argnums: int | Iterable[int]
    static_argnames: str | Iterable[str]
    donate_argnums: int | Iterable[int]
    donate_argnames: str | Iterable[str]
    dims: Mapping[str, Any] | None
    max_variants: int | None
    tune: bool


def exact(value: Any) -> Any:
    """A key that two values share when no function could tell them apart.

    Equality is not enough: 0.0 equals -0.0, 1 equals True, and nan does not equal itself.
    """
    kind = type(value)
    if kind is float:
        return kind, value.hex()
    if kind is complex:
        return kind, value.real.hex(), value.imag.hex()
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return kind, value.dtype, value.tobytes()
    if isinstance(value, tuple):
        return kind, tuple(map(exact, value))
    if kind is frozenset:
        return kind, frozenset(map(exact, value))
    return kind, value


class Static:
    """A static argument, as part of a call's signature.

    Attributes:
        place: its position, or its name.
        value: what the function gets.
    """

    __slots__ = ("_key", "place", "value")

    def __init__(self, place: int | str, value: Any) -> None:
        self.place = place
        self.value = value
        self._key = place, exact(value)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self._key == other._key

    def __repr__(self) -> str:
        return f"Static({self.place!r}, {self.value!r})"


class Signature:
    """Takes the static arguments out of a call, and puts them back when the function is traced.

    Args:
        function: the user's function.
        static_argnums: positions of static arguments; negative ones count from the end.
        static_argnames: names of static arguments.
        donate_argnums: positions of donated arguments.
        donate_argnames: names of donated arguments.
        named: names of arguments that other options speak of.

    Raises:
        ArgumentError: a position or a name that the function does not have, or one that is static and donated.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        static_argnums: int | Iterable[int] = (),
        static_argnames: str | Iterable[str] = (),
        donate_argnums: int | Iterable[int] = (),
        donate_argnames: str | Iterable[str] = (),
        named: Sequence[str] = (),
    ) -> None:
        self.static: frozenset[int | str] = frozenset()
        self.donated: frozenset[int | str] = frozenset()
        self.positional: tuple[str, ...] = ()
        options = (static_argnums, static_argnames, donate_argnums, donate_argnames, named)
        if all(o == () for o in options):
            return
        import inspect

        parameters = inspect.signature(function).parameters
        in_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = tuple(n for n, p in parameters.items() if p.kind in in_place)
        keywords = {n for n, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
        open_ended = {p.kind for p in parameters.values()}

        def places(numbers: int | Iterable[int], names: str | Iterable[str], option: str) -> frozenset[int | str]:
            found: set[int | str] = set()
            for number in (numbers,) if isinstance(numbers, int) else numbers:
                place = number + len(self.positional) if number < 0 else number
                if not 0 <= place < len(self.positional) and inspect.Parameter.VAR_POSITIONAL not in open_ended:
                    raise ArgumentError(f"{option}_argnums={number}: the function has {len(self.positional)} arguments")
                found.add(place)
                if place < len(self.positional):
                    found.add(self.positional[place])
            for name in (names,) if isinstance(names, str) else names:
                if name not in keywords and inspect.Parameter.VAR_KEYWORD not in open_ended:
                    raise ArgumentError(
                        f"{option}_argnames={name!r}: the function has no such argument",
                        hint="it has " + ", ".join(parameters),
                    )
                found.add(name)
                if name in self.positional:
                    found.add(self.positional.index(name))
            return frozenset(found)

        self.static = places(static_argnums, static_argnames, "static")
        self.donated = places(donate_argnums, donate_argnames, "donate")
        for name in named:
            if name not in parameters:
                raise ArgumentError(
                    f"dims: the function has no argument {name!r}", hint="it has " + ", ".join(parameters)
                )
        if both := self.static & self.donated:
            raise ArgumentError(f"argument {sorted(map(str, both))[0]} cannot be static and donated")

    def split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], tuple[Static, ...]]:
        """The call without its static arguments, and these as a hashable value.

        Raises:
            ArgumentError: a static argument is not hashable.
        """
        if not self.static:
            return args, kwargs, ()
        static = [(i, a) for i, a in enumerate(args) if i in self.static]
        static += [(k, kwargs[k]) for k in sorted(kwargs) if k in self.static]  # type: ignore[misc]
        for place, value in static:
            try:
                hash(value)
            except TypeError:
                raise ArgumentError(
                    f"static argument {self.name(place)} is a {type(value).__name__}, which cannot be hashed",
                    hint="pass a tuple or another immutable value",
                ) from None
        rest = tuple(a for i, a in enumerate(args) if i not in self.static)
        named = {k: v for k, v in kwargs.items() if k not in self.static}
        return rest, named, tuple(Static(place, value) for place, value in static)

    def join(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], static: tuple[Static, ...]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What `split` took apart."""
        if not static:
            return args, kwargs
        fixed = {s.place: s.value for s in static}
        rest = list(args)
        for place in sorted(p for p in fixed if isinstance(p, int)):
            rest.insert(place, fixed[place])
        return tuple(rest), {**kwargs, **{p: v for p, v in fixed.items() if isinstance(p, str)}}

    def donations(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
        """The argument leaves that a call donates, when its static arguments are taken out."""
        if not self.donated:
            return ()
        places = [i for i in range(len(args) + len(self.static)) if i not in self.static]
        marks = (
            tuple(tree.map(lambda _, p=p: p in self.donated, a) for p, a in zip(places, args, strict=False)),
            {k: tree.map(lambda _, k=k: k in self.donated, v) for k, v in kwargs.items()},
        )
        return tuple(i for i, mark in enumerate(tree.leaves(marks)) if mark)

    def name(self, place: int | str) -> str:
        """How the user calls an argument."""
        if isinstance(place, str):
            return place
        return self.positional[place] if place < len(self.positional) else f"number {place}"
