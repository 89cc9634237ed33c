"""Trees that belong together: parameters, their gradients, updates and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError


def trained(leaf: Any) -> bool:
    """Whether an optimiser changes such a leaf: a real floating point array or number. Others it leaves alone."""
    if isinstance(leaf, float):
        return True
    found = getattr(leaf, "dtype", None)
    return found is not None and eerie.dtype(found).kind == "float"


class Leaves:
    """The leaves of the parameters, and their places.

    Args:
        what: the call, for messages.
        parameters: any tree. None is a leaf.

    Raises:
        DTypeError: a leaf is complex.
    """

    def __init__(self, what: str, parameters: Any) -> None:
        self.what = what
        self.parameters = parameters
        self._paths: list[str] | None = None
        self.values, self.structure = eerie.tree.flatten(parameters, none_is_leaf=True)
        self.trained = [trained(v) for v in self.values]
        for i, (value, moves) in enumerate(zip(self.values, self.trained, strict=True)):
            if not moves and _is_complex(value):
                raise DTypeError(
                    f"{what}: {self.path(i)} is complex", hint="keep its real and imaginary part as two parameters"
                )

    def path(self, index: int, root: str = "params") -> str:
        """Where a leaf is."""
        if self._paths is None:
            self._paths = eerie.tree.paths(self.parameters, none_is_leaf=True)
        return root + self._paths[index]

    def build(self, values: Sequence[Any]) -> Any:
        """A tree like the parameters with other leaves."""
        return eerie.tree.unflatten(self.structure, values)

    def like(self, name: str, other: Any) -> list[Any]:
        """The leaves of a tree that has the structure of the parameters and their shapes; None may stand anywhere.

        Raises:
            ArgumentError: the structures differ.
            ShapeError: the shapes of a leaf differ.
            DTypeError: a leaf of a parameter that is trained is not real floating point.
        """
        leaves, structure = eerie.tree.flatten(other, none_is_leaf=True)
        if structure != self.structure:
            raise ArgumentError(
                f"{self.what}: {name} has another structure than params: {self._difference(name, other)}"
            )
        for i, (leaf, value, moves) in enumerate(zip(leaves, self.values, self.trained, strict=True)):
            if not moves or leaf is None:
                continue
            if not trained(leaf):
                kind = getattr(leaf, "dtype", type(leaf).__name__)
                raise DTypeError(f"{self.what}: {self.path(i, name)} is {kind}; it must be real floating point")
            a, b = getattr(leaf, "shape", ()), getattr(value, "shape", ())
            if tuple(a) != tuple(b):
                raise ShapeError(
                    f"{self.what}: {self.path(i, name)} has shape {list(a)} where {self.path(i)} has {list(b)}"
                )
        return leaves

    def present(self, name: str, index: int, value: Any) -> eerie.Array:
        """A leaf of the state of a parameter that is trained.

        Raises:
            ArgumentError: there is none.
        """
        if value is None:
            raise ArgumentError(
                f"{self.what}: nothing at {self.path(index, name)}, and {self.path(index)} is trained",
                hint="make the state with init from parameters like these",
            )
        return eerie.asarray(value)

    def _difference(self, name: str, other: Any) -> str:
        wanted = eerie.tree.paths(self.parameters, none_is_leaf=True)
        found = eerie.tree.paths(other, none_is_leaf=True)
        missing = [f"nothing at {name}{p}" for p in wanted if p not in set(found)]
        extra = [f"{name}{p}, which params has not" for p in found if p not in set(wanted)]
        return "; ".join((missing + extra)[:6]) or "the containers or their static fields differ"


def _is_complex(leaf: Any) -> bool:
    found = getattr(leaf, "dtype", None)
    return isinstance(leaf, complex) or (found is not None and eerie.dtype(found).kind == "complex")
