"""What stands between the brackets of ``x[...]``, taken apart by NumPy's rules."""

from __future__ import annotations

import builtins
from functools import lru_cache
from operator import index
from typing import Any, NamedTuple

from eerie_dsl.errors import IndexingError, InvalidValueError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.size import Size, as_extent
from eerie_dsl.ops import constant
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.composite import elementwise as ew


class Run(NamedTuple):
    """The part of one axis that a slice takes.

    Attributes:
        start: first element in memory order.
        stop: one past the last.
        stride: distance between neighbours, positive.
        flipped: the order is from last to first.
    """

    start: int
    stop: int
    stride: int = 1
    flipped: bool = False

    @property
    def size(self) -> int:
        """How many elements it takes."""
        return -(-(self.stop - self.start) // self.stride)


Item = int | Node | Run | None
"""One axis of the array: an element, computed elements, or a run; None for a new axis."""


class Key(NamedTuple):
    """A key with one item for each axis of the array, and the new axes in between.

    A bool without axes is an index array along a new axis of size 1: of no elements for False, of one for True.

    Attributes:
        items: in order.
        shape: of the array with the axes that bools bring.
        mask: the one boolean mask, if there is one; the axes that it covers are whole among the items.
        mask_at: the first item that it covers.
        apart: index arrays stand on both sides of something else, so that NumPy puts their axes first.
    """

    items: tuple[Item, ...]
    shape: tuple[int, ...]
    mask: Node | None
    mask_at: int
    apart: bool

    @property
    def has_arrays(self) -> bool:
        """Whether an index is an array with axes of its own."""
        return any(isinstance(i, Node) and i.ndim > 0 for i in self.items)


def parse(op: str, shape: tuple[int, ...], key: Any) -> Key:
    """The key in full.

    Raises:
        IndexingError: too many indices, one out of range, or one of a kind that cannot index.
        InvalidValueError: a slice with a step of 0.
    """
    parts = key if isinstance(key, tuple) else (key,)
    token = token_of(parts)
    return _parse(op, shape, parts) if token is None else _parse_static(op, shape, token)


def token_of(parts: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A key of plain integers, slices of them, new axes and ellipses as something to look up: slices have no hash."""
    token: list[Any] = []
    for part in parts:
        if type(part) is slice:
            for bound in (start := part.start, stop := part.stop, step := part.step):
                if bound is not None and type(bound) is not int:
                    return None
            token.append((start, stop, step))
        elif type(part) is int or part is None or part is Ellipsis:
            token.append(part)
        else:
            return None
    return tuple(token)


@lru_cache(maxsize=1024)
def _parse_static(op: str, shape: tuple[int, ...], token: tuple[Any, ...]) -> Key:
    return _parse(op, shape, tuple(slice(*p) if type(p) is tuple else p for p in token))


def _parse(op: str, shape: tuple[int, ...], parts: tuple[Any, ...]) -> Key:
    used = 0
    for part in parts:
        if part is not None and part is not Ellipsis and not isinstance(part, bool):
            used += part.ndim if _is_mask(part) else 1
    if used > len(shape):
        raise IndexingError(f"{op}: {used} indices for an array of shape {list(shape)}")
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexingError(f"{op}: an index may hold one ellipsis (...)")
    if not any(part is Ellipsis for part in parts):
        parts = (*parts, Ellipsis)
    items: list[Item] = []
    sizes: list[int] = []
    mask: Node | None = None
    mask_at = axis = 0
    for part in parts:
        before = axis
        if part is None:
            items.append(None)
        elif isinstance(part, bool):
            items.append(constant.full(Aval((int(part),), int64), 0))
            sizes.append(1)
        elif part is Ellipsis:
            rest = len(shape) - used
            items.extend(_whole(n) for n in shape[axis : axis + rest])
            axis += rest
        elif _is_mask(part):
            covered = shape[axis : axis + part.ndim]
            if len(covered) != part.ndim or any(k not in (n, 0) for k, n in zip(part.shape, covered, strict=True)):
                raise IndexingError(f"{op}: a mask of shape {list(part.shape)} does not cover axes of {list(shape)}")
            axis += part.ndim
            if part.aval.size == 0:  # selects nothing, whatever its other sizes
                items.extend(constant.full(Aval((0,), int64), 0) for _ in covered)
            elif mask is not None:
                raise IndexingError(f"{op}: an index may hold one boolean mask", hint="combine them with &")
            else:
                mask, mask_at = part, len(items)
                items.extend(_whole(n) for n in covered)
        else:
            items.append(_item(op, part, shape, axis))
            axis += 1
        sizes += shape[before:axis]
    return Key(tuple(items), tuple(sizes), mask, mask_at, _apart(parts))


def _is_mask(part: Any) -> bool:
    return isinstance(part, Node) and part.dtype is bool_


def _whole(size: int) -> Run:
    return Run(0, size)


def _item(op: str, part: Any, shape: tuple[int, ...], axis: int) -> Item:
    size = shape[axis]
    if isinstance(part, builtins.slice):
        return _run(op, part, size)
    if isinstance(part, Node):
        if not part.dtype.is_integer:
            raise IndexingError(f"{op}: an index of {part.aval}", hint="index with integers, or cast with astype")
        return part
    try:
        place = as_extent(part)
    except TypeError:
        raise IndexingError(
            f"{op}: a {type(part).__name__} is not an index",
            hint="use integers, slices, None, ... and integer arrays",
        ) from None
    if not -size <= place < size:
        raise IndexingError(f"{op}: index {place} is out of range for axis {axis} with size {size}")
    return place + size if place < 0 else place  # type: ignore[return-value]


def _run(op: str, part: builtins.slice, size: int) -> Run:
    if isinstance(size, Size) or isinstance(part.start, Size) or isinstance(part.stop, Size):
        return _open_run(op, part, size)
    try:
        start, stop, step = part.indices(size)
    except TypeError:
        raise IndexingError(
            f"{op}: the bounds of {part} make the shape and must be integers",
            hint="for a computed start use eerie.dynamic_slice",
        ) from None
    except ValueError:
        raise InvalidValueError(f"{op}: a slice cannot have a step of 0") from None
    count = len(range(start, stop, step))
    if not count:
        return Run(0, 0)
    last = start + (count - 1) * step
    return Run(start, last + 1, step) if step > 0 else Run(last, start + 1, -step, True)


def _open_run(op: str, part: builtins.slice, size: int) -> Run:
    """What ``slice.indices`` says, where sizes are known when the program is called."""
    try:
        step = 1 if part.step is None else index(part.step)
        bounds = [None if n is None else as_extent(n) for n in (part.start, part.stop)]
    except TypeError:
        raise IndexingError(f"{op}: the bounds of {part} make the shape and must be integers") from None
    if step == 0:
        raise InvalidValueError(f"{op}: a slice cannot have a step of 0")
    low, high = (0, size) if step > 0 else (-1, size - 1)
    ends: list[Any] = [low, high] if step > 0 else [high, low]
    for k, n in enumerate(bounds):
        if n is not None:
            ends[k] = builtins.min(builtins.max(n + size if n < 0 else n, low), high)
    start, stop = ends
    if (stop <= start) if step > 0 else (stop >= start):
        return Run(0, 0)
    if step > 0:
        return Run(start, stop, step)
    last = start + ((start - stop - 1) // -step) * step
    return Run(last, start + 1, -step, True)


def _apart(parts: tuple[Any, ...]) -> bool:
    """Whether something stands between computed indices; integers count as computed beside computed ones."""
    between = [isinstance(p, builtins.slice) or p is None or p is Ellipsis for p in parts]
    computed = [k for k, other in enumerate(between) if not other]
    return any(between[computed[0] : computed[-1]]) if computed else False


def wrapped(place: Node, size: int) -> Node:
    """Negative indices counted from the end."""
    if place.dtype.kind == "uint":
        return place
    if place.dtype.bits < 64:
        place = cast(place, dtype=int64)
    below = ew.less(place, constant.like(place, 0))
    return ew.where(below, ew.add(place, constant.like(place, size)), place)
