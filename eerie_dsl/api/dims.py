"""Sizes that a jitted function leaves open: declared ones, and those that keep changing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from eerie_dsl import tree
from eerie_dsl.api.tracing import Leaf
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.size import LARGEST, Dim, Extent, Size, bounds
from eerie_dsl.transforms.rows import require_rows

Sizes = Mapping[int, Extent] | tuple[Extent | None, ...]
"""The axes of an array that are open or fixed: by place, or all in order with None for those that may be anything."""

Where = Callable[[int], str]
"""What an argument leaf is called."""


class Opened(NamedTuple):
    """A call seen as one of a program for many sizes.

    Attributes:
        types: the argument leaves, with dimensions in place of sizes.
        values: what the dimensions are in this call.
    """

    types: tuple[Leaf, ...]
    values: dict[str, Extent]


class Declared:
    """The ``dims`` of a jitted function.

    Args:
        dims: for each argument, by name, the sizes of its arrays: one entry for all of them, or a container like the
            argument.

    Raises:
        ArgumentError: something in it is not a size, or two dimensions of one name are not the same.
    """

    def __init__(self, dims: Mapping[str, Any]) -> None:
        self._specs = dict(dims)
        self.known: dict[str, Dim] = {}
        """The dimensions, by name."""
        computed: list[Size] = []
        for name, spec in self._specs.items():
            for size in _sizes_in(spec, name):
                if isinstance(size, Dim):
                    if self.known.setdefault(size.name or "", size).terms != size.terms:
                        raise ArgumentError(f"dims: two dimensions are called {size.name}, with different bounds")
                elif isinstance(size, Size):
                    computed.append(size)
        for size in computed:
            for dim, *_ in size.dims:
                if dim not in self.known:
                    raise ArgumentError(
                        f"dims: {size} is computed from {dim}, which is not the size of any axis",
                        hint=f"let some argument have the size {dim} itself",
                    )

    @property
    def names(self) -> list[str]:
        """The arguments that it is about."""
        return list(self._specs)

    def require_rows(self, graph: Graph) -> None:
        """Check that a program can be filled up where dimensions have buckets; raises ShapeError."""
        for dim in self.known.values():
            if dim.buckets is not None:
                require_rows(graph, dim)

    def bucket(self, values: Mapping[str, Extent]) -> dict[str, Extent] | None:
        """The sizes to which these are filled up, None where no dimension has buckets."""
        found = dict(values)
        for name, size in values.items():
            steps = self.known[name].buckets
            if steps is not None and isinstance(size, int):
                found[name] = next(b for b in steps if b >= size)
        return found if any(self.known[name].buckets is not None for name in values) else None

    def match(self, arguments: Sequence[tuple[str, Any]], types: Sequence[Leaf], where: Where) -> Opened | None:
        """A call with the sizes that its arguments have; None when the declaration is about none of them.

        Args:
            arguments: the call's arguments with their names, in the order of the leaves.
            types: the leaves.
            where: what a leaf is called.

        Raises:
            ShapeError: a size is out of its range, or not what it is related to.
        """
        specs: list[Sizes | None] = []
        for name, value in arguments:
            specs += _spread(self._specs.get(name), value, name)
        values: dict[str, Extent] = {}
        seen: dict[str, str] = {}
        opened: list[Leaf] = []
        related: list[tuple[int, int, Size, Extent]] = []
        for k, (leaf, spec) in enumerate(zip(types, specs, strict=True)):
            shape: list[Extent] = list(leaf.aval.shape)
            for axis, size in _axes(spec, leaf.aval, where, k):
                found = shape[axis]
                place = f"axis {axis} of {where(k)}"
                if not isinstance(size, Size):
                    if found != size:
                        raise ShapeError(f"{place} has {found} elements, and dims says {size}")
                    continue
                shape[axis] = size
                if size.name is None:
                    related.append((k, axis, size, found))
                elif values.setdefault(size.name, found) != found:
                    raise ShapeError(
                        f"{place} has {found} elements, and {size} is {values[size.name]}, from {seen[size.name]}"
                    )
                else:
                    seen.setdefault(size.name, place)
                    low, high = bounds(found)
                    if low < size.low or high > size.high:
                        raise ShapeError(f"{place} has {found} elements, and {size} is from {size.low} to {size.high}")
            opened.append(leaf._replace(aval=Aval(tuple(shape), leaf.aval.dtype)))  # type: ignore[arg-type]
        for k, axis, size, found in related:
            if any(name not in values for name, *_ in size.dims):
                raise ShapeError(f"axis {axis} of {where(k)} is {size}, and no array of this call has that dimension")
            wanted = size.at(values)
            if wanted != found:
                given = ", ".join(f"{name} = {values[name]} from {seen[name]}" for name, *_ in size.dims)
                raise ShapeError(f"axis {axis} of {where(k)} has {found} elements, and {size} is {wanted}: {given}")
        return Opened(tuple(opened), values) if values else None


class Observed:
    """The shapes that a function without declared dimensions is called with.

    When a number of calls differed in nothing but sizes, the axes that changed become dimensions: those that always
    were the same share one. Sizes below 2 keep programs of their own, because they broadcast.
    """

    SEEN = 8
    """Programs of one structure after which the sizes that change are left open."""

    def __init__(self) -> None:
        self._shapes: dict[Any, list[tuple[tuple[int, ...], ...]]] = {}
        self._open: dict[Any, tuple[Leaf, ...] | None] = {}

    def note(self, rest: Any, types: Sequence[Leaf]) -> Opened | None:
        """Take in a call that needs a new program; the general one that it can be part of, if it is time for that.

        Args:
            rest: all that must be the same: structure, static arguments, settings.
            types: the leaves.
        """
        if not all(leaf.aval.static for leaf in types):
            return None
        key = (rest, tuple((leaf.aval.dtype, leaf.aval.ndim, leaf.weak) for leaf in types))
        shapes = tuple(leaf.aval.shape for leaf in types)
        if key not in self._open:
            seen = self._shapes.setdefault(key, [])
            seen.append(shapes)
            if len(seen) < self.SEEN:
                return None
            self._open[key] = _opened(types, seen)
            del self._shapes[key]
        opened = self._open[key]
        return None if opened is None else _solved(opened, shapes)

    def give_up(self, rest: Any, types: Sequence[Leaf]) -> None:
        """The general program cannot be: let each size have its own."""
        self._open[rest, tuple((leaf.aval.dtype, leaf.aval.ndim, leaf.weak) for leaf in types)] = None


def open_axes(types: Sequence[Leaf], where: Where) -> str:
    """The axes that are dimensions, in words."""
    return ", ".join(
        f"axis {axis} of {where(k)}"
        for k, leaf in enumerate(types)
        for axis, n in enumerate(leaf.aval.shape)
        if isinstance(n, Size)
    )


def _opened(types: Sequence[Leaf], seen: Sequence[tuple[tuple[int, ...], ...]]) -> tuple[Leaf, ...]:
    names: dict[tuple[int, ...], Dim] = {}
    opened = []
    for k, leaf in enumerate(types):
        shape: list[Extent] = []
        for axis, n in enumerate(leaf.aval.shape):
            history = tuple(shapes[k][axis] for shapes in seen)
            if len(set(history)) == 1:
                shape.append(n)
            else:
                shape.append(names.setdefault(history, Dim(f"d{len(names)}", 2, LARGEST)))
        opened.append(leaf._replace(aval=Aval(tuple(shape), leaf.aval.dtype)))  # type: ignore[arg-type]
    return tuple(opened)


def _solved(types: tuple[Leaf, ...], shapes: Sequence[tuple[int, ...]]) -> Opened | None:
    values: dict[str, Extent] = {}
    for leaf, shape in zip(types, shapes, strict=True):
        for n, found in zip(leaf.aval.shape, shape, strict=True):
            if isinstance(n, Size):
                if found < n.low or values.setdefault(n.name or "", found) != found:
                    return None
            elif n != found:
                return None
    return Opened(types, values)


def _is_sizes(spec: Any) -> bool:
    if isinstance(spec, Mapping):
        return bool(spec) and all(isinstance(k, int) for k in spec)
    return isinstance(spec, tuple) and all(n is None or isinstance(n, int | Size) for n in spec)


def _sizes_in(spec: Any, name: str) -> list[Extent]:
    if spec is None:
        return []
    if _is_sizes(spec):
        found = [n for n in (spec.values() if isinstance(spec, Mapping) else spec) if n is not None]
        for n in found:
            if not isinstance(n, int | Size):
                raise ArgumentError(f"dims of argument {name}: {n!r} is neither a Dim nor a number")
        return found
    inner, structure = tree.children(spec)
    if structure is None:
        raise ArgumentError(
            f"dims of argument {name}: {spec!r} says no sizes",
            hint="write {0: batch}, or (batch, 784) with an entry for each axis, None where it may be anything",
        )
    return [size for part in inner for size in _sizes_in(part, name)]


def _spread(spec: Any, value: Any, name: str) -> list[Sizes | None]:
    """What is said about each leaf of an argument."""
    if spec is None or _is_sizes(spec):
        return [spec] * len(tree.leaves(value))
    parts, of = tree.children(spec)
    inner, structure = tree.children(value)
    if structure is None or len(parts) != len(inner):
        raise ArgumentError(f"dims of argument {name} has the structure {of}, and the argument {structure}")
    return [sizes for part, child in zip(parts, inner, strict=True) for sizes in _spread(part, child, name)]


def _axes(spec: Sizes | None, aval: Aval, where: Where, k: int) -> list[tuple[int, Extent]]:
    if spec is None:
        return []
    if isinstance(spec, tuple):
        if len(spec) != aval.ndim:
            raise ShapeError(f"{where(k)} is {aval}, and dims says {len(spec)} axes: {spec}")
        return [(axis, n) for axis, n in enumerate(spec) if n is not None]
    for axis in spec:
        if not -aval.ndim <= axis < aval.ndim:
            raise ShapeError(f"{where(k)} is {aval} and has no axis {axis}, of which dims speaks")
    return [(axis % aval.ndim, n) for axis, n in spec.items()]
