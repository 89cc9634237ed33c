"""Reading and writing parts of arrays over nodes: NumPy's indexing, where the shape of the result is known.

Computed indices that are negative count from the end. Out of range, reads take the nearest element and updates are
dropped: nothing can be raised from inside a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from eerie_dsl.errors import DTypeError, IndexingError, ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import bool_, int64, promote_scalar, scalar_dtype
from eerie_dsl.ir.graph import Node, Params, placeholder
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ops import constant, dynamic, indexing, selection
from eerie_dsl.ops import shape as primitives
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.axes import describe, one_axis
from eerie_dsl.ops.composite.keys import Item, Key, Run, parse, token_of, wrapped
from eerie_dsl.ops.composite.promotion import Operand, broadcast_shapes, broadcast_to, scalar, strong
from eerie_dsl.ops.composite.shape import moveaxis, permute_dims, reshape

How = Literal["set", "add", "multiply", "max", "min"]

_MASK_HINT = (
    "the number of elements that a mask selects is known only at run time: use eerie.where(mask, x, other), "
    "or a sum of x times the mask"
)


def get_items(x: Node, key: Any) -> Node:
    """``x[key]``.

    Raises:
        IndexingError: an index out of range, of a kind that cannot index, or a boolean mask.
    """
    token = token_of(key) if type(key) is tuple else None
    if token is not None:
        for op, params in _steps(x.aval, token, key):
            x = op(x, **params)
        return x
    parsed = parse("indexing", x.shape, key)
    if parsed.mask is not None:
        raise IndexingError(f"indexing of {x.aval} with a mask: the shape of the result is unknown", hint=_MASK_HINT)
    if not parsed.has_arrays:
        return _read(x, parsed.items)
    x, plan = reshape(x, parsed.shape), _Plan(parsed)
    picked = indexing.gather(_read(x, plan.runs), *plan.places, axes=plan.axes)
    return reshape(permute_dims(picked, plan.order), plan.shape)


_known: dict[Any, list[tuple[Primitive, Params]]] = {}
_REMEMBERED = 4096


def _steps(aval: Aval, token: tuple[Any, ...], key: Any) -> list[tuple[Primitive, Params]]:
    """What reading a type of array by a key of plain numbers and slices records: the same every time."""
    steps = _known.get((aval, token))
    if steps is None:
        steps = []
        first = placeholder(aval)
        node = _read(first, parse("indexing", aval.shape, key).items)
        while node is not first:
            assert node.op is not None
            steps.insert(0, (node.op, node.params))
            (node,) = node.inputs
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[aval, token] = steps
    return steps


def set_items(x: Node, key: Any, value: Operand) -> Node:
    """``x`` after ``x[key] = value``; of several values for one place the last one stays.

    Raises:
        IndexingError: an index out of range or of a kind that cannot index.
        ShapeError: the value does not broadcast to what the key selects.
        DTypeError: the value does not fit the dtype of the array.
    """
    return update_items(x, key, value, "set")


def update_items(x: Node, key: Any, value: Operand, how: How) -> Node:
    """``x`` with what ``key`` selects replaced by, or combined with, ``value``; errors as in `set_items`."""
    parsed = parse("assignment", x.shape, key)
    new = _fitting(x, value)
    if parsed.mask is not None:
        return _write_masked(x, parsed, parsed.mask, new, how)
    if not parsed.has_arrays:
        return _write(x, parsed.items, new if how == "set" else _combined(how, _read(x, parsed.items), new))
    shape, x = x.shape, reshape(x, parsed.shape)
    plan = _Plan(parsed)
    bare = tuple(n for n, new_axis in zip(plan.shape, plan.new, strict=True) if not new_axis)
    updates = reshape(_spread(new, plan.shape), bare)
    updates = permute_dims(updates, tuple(plan.order.index(a) for a in range(len(bare))))
    part = indexing.scatter(_read(x, plan.runs), updates, *plan.places, axes=plan.axes, mode=how)
    return reshape(_write(x, plan.runs, part), shape)


def selects(shape: Shape, key: Any, value_ndim: int) -> bool:
    """Whether `update_items` can write to what a key with one mask selects, for it needs no value of the mask:
    nothing else in the key is an index, and a value of ``value_ndim`` dimensions lies behind the mask's axes."""
    parsed = parse("assignment", shape, key)
    if parsed.mask is None:  # it has no elements
        return False
    behind = parsed.items[parsed.mask_at + parsed.mask.ndim :]
    return value_ndim <= len(behind) and not any(isinstance(i, int | Node) for i in parsed.items)


def take(x: Operand, indices: Operand, axis: int | None = None) -> Node:
    """The elements of ``x`` at ``indices`` along an axis."""
    node, at = strong(x), strong(indices)
    if axis is None and node.ndim != 1:
        raise ShapeError(f"take from {node.aval} needs an axis", hint="name one, or reshape to one dimension first")
    place = one_axis("take", 0 if axis is None else axis, node.ndim)
    _check_integer("take", at)
    picked = indexing.gather(node, wrapped(at, node.shape[place]), axes=(place,))
    if not place:
        return picked
    return moveaxis(picked, tuple(range(at.ndim)), tuple(range(place, place + at.ndim)))


def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Node:
    """Along an axis, the element at each index; the other axes go together and broadcast."""
    node, at = strong(x), strong(indices)
    _check_integer("take_along_axis", at)
    if node.ndim != at.ndim:
        raise ShapeError(f"take_along_axis of {describe((node, at))} needs arrays of one number of dimensions")
    place = one_axis("take_along_axis", axis, node.ndim)
    others = broadcast_shapes("take_along_axis", *((*n.shape[:place], 1, *n.shape[place + 1 :]) for n in (node, at)))
    shape = (*others[:place], at.shape[place], *others[place + 1 :])
    node = broadcast_to(node, (*others[:place], node.shape[place], *others[place + 1 :]))
    every = tuple(range(node.ndim))
    places = [
        wrapped(broadcast_to(at, shape), node.shape[a])
        if a == place
        else primitives.iota(shape=shape, dtype=int64, axis=a)
        for a in every
    ]
    return indexing.gather(node, *places, axes=every)


def dynamic_slice(x: Operand, starts: Sequence[Operand], sizes: Sequence[int]) -> Node:
    """The part of ``sizes`` that begins at computed ``starts``, moved until it fits."""
    node = strong(x)
    return dynamic.dynamic_slice(node, *map(strong, starts), sizes=tuple(sizes))


def dynamic_update(x: Operand, update: Operand, starts: Sequence[Operand]) -> Node:
    """``x`` with ``update`` in place of the part that begins at computed ``starts``, moved until it fits."""
    node = strong(x)
    return dynamic.dynamic_update(node, _fitting(node, update), *map(strong, starts))


class _Plan:
    """How index arrays read and write: which part, where in it, and how the result is laid out.

    Attributes:
        runs: the part, one item per axis, whole along the axes with indices.
        axes: those with indices.
        places: an index array for each of ``axes``, all of one shape.
        order: takes the axes of a gather to those of the result.
        shape: of the result, new axes included.
        new: which axes of the result are new.
    """

    def __init__(self, key: Key) -> None:
        shape = key.shape
        self.runs: list[Item] = []
        axes: list[int] = []
        indices: list[int | Node] = []
        before: list[int | None] = []
        after: list[int | None] = []
        for item in key.items:
            side = after if axes and not key.apart else before
            if item is None:
                side.append(None)
            elif isinstance(item, Run):
                self.runs.append(item)
                side.append(item.size)
            else:
                axes.append(len(self.runs))
                indices.append(item)
                self.runs.append(Run(0, shape[axes[-1]]))
        self.axes = tuple(axes)
        shapes = [i.shape for i in indices if isinstance(i, Node)]
        try:
            common = broadcast_shapes("index arrays", *shapes)
        except ShapeError:
            listed = " and ".join(str(list(s)) for s in shapes)
            raise IndexingError(f"index arrays of shapes {listed} do not broadcast") from None
        self.places = [
            broadcast_to(wrapped(i, shape[a]), common, "index arrays")
            if isinstance(i, Node)
            else constant.full(Aval(common, int64), i)
            for i, a in zip(indices, axes, strict=True)
        ]
        if key.apart:
            before, after = [], before
        first = sum(n is not None for n in before)
        rank, total = len(common), len(common) + len(shape) - len(axes)
        self.order = (*range(rank, rank + first), *range(rank), *range(rank + first, total))
        sizes = (*before, *common, *after)
        self.shape = tuple(1 if n is None else n for n in sizes)
        self.new = tuple(n is None for n in sizes)


def _read(x: Node, items: Sequence[Item]) -> Node:
    """The part of ``x`` that elements and runs select."""
    if any(isinstance(i, Node) for i in items):
        axes = [i for i in items if i is not None]
        sizes = tuple(1 if isinstance(i, Node) else n for i, n in zip(axes, x.shape, strict=True))
        starts = [_start(i if isinstance(i, Node) else 0, n) for i, n in zip(axes, x.shape, strict=True)]
        x = dynamic.dynamic_slice(x, *starts, sizes=sizes)
        # A computed element is the only one of the slice that was taken for it.
        items = [0 if isinstance(i, Node) else i for i in items]
    cut = _cut(x.shape, tuple(items))
    if not cut.whole:
        x = primitives.slice(x, starts=cut.starts, stops=cut.stops, strides=cut.strides)
    if cut.flipped:
        x = primitives.flip(x, axes=cut.flipped)
    return x if x.shape == cut.selected else primitives.reshape(x, shape=cut.selected)


class _Cut(NamedTuple):
    """A part of an array at places that are known.

    Attributes:
        starts: first element of each axis in memory order.
        stops: one past the last.
        strides: distance between neighbours, positive.
        flipped: axes taken from last to first.
        whole: it is all of the array.
        sizes: how many elements of each axis.
        selected: the shape as read: without the axes of single elements, with new ones.
    """

    starts: Shape
    stops: Shape
    strides: Shape
    flipped: Shape
    whole: bool
    sizes: Shape
    selected: Shape


@lru_cache(maxsize=1024)
def _cut(shape: Shape, items: tuple[int | Run | None, ...]) -> _Cut:
    runs = [i if isinstance(i, Run) else Run(i, i + 1) for i in items if i is not None]
    return _Cut(
        tuple(r.start for r in runs),
        tuple(r.stop for r in runs),
        tuple(r.stride for r in runs),
        tuple(a for a, r in enumerate(runs) if r.flipped),
        all((r.start, r.stop, r.stride) == (0, n, 1) for r, n in zip(runs, shape, strict=True)),
        tuple(r.size for r in runs),
        tuple(1 if i is None else i.size for i in items if i is None or isinstance(i, Run)),
    )


def _write(x: Node, items: Sequence[Item], part: Node) -> Node:
    """``x`` with ``part`` in place of what `_read` gives for ``items``."""
    if any(isinstance(i, Node) for i in items):
        axes = [i for i in items if i is not None]
        # A computed place out of range takes no update: what is there stays.
        inside = constant.full(Aval((), bool_), True)
        starts = []
        for i, n in zip(axes, x.shape, strict=True):
            start = _start(i if isinstance(i, Node) else 0, n)
            starts.append(start)
            if isinstance(i, Node):
                zero, end = constant.like(start, 0), constant.like(start, n)
                inside = ew.logical_and(inside, ew.logical_and(ew.greater_equal(start, zero), ew.less(start, end)))
        sizes = tuple(1 if isinstance(i, Node) else n for i, n in zip(axes, x.shape, strict=True))
        row = dynamic.dynamic_slice(x, *starts, sizes=sizes)
        updated = _write(row, [0 if isinstance(i, Node) else i for i in items], part)
        kept = selection.select(broadcast_to(inside, row.shape), updated, row)
        return dynamic.dynamic_update(x, kept, *starts)
    cut = _cut(x.shape, tuple(items))
    part = reshape(_spread(part, cut.selected), cut.sizes)
    if cut.flipped:
        part = primitives.flip(part, axes=cut.flipped)
    if part.aval.size == 0:
        return x
    if part.shape == x.shape:
        return part
    low = cut.starts
    if all(k == 1 for k in cut.strides):
        return dynamic.dynamic_update(x, part, *(constant.full(Aval((), int64), n) for n in low))
    high = tuple(n - stop for stop, n in zip(cut.stops, x.shape, strict=True))
    between = tuple(k - 1 for k in cut.strides)
    inside = constant.full(part.aval.with_dtype(bool_), True)
    covered, spread = (primitives.pad(n, low=low, high=high, interior=between, value=0) for n in (inside, part))
    return selection.select(covered, spread, x)


def _write_masked(x: Node, key: Key, mask: Node, new: Node, how: How) -> Node:
    """``x`` updated where the mask, which covers some of its axes, holds."""
    fixed = [i for i in key.items if isinstance(i, int | Node)]
    if fixed and (key.has_arrays or new.ndim):
        raise IndexingError(
            f"assignment to {x.aval} with a mask beside other indices", hint="index twice, or use eerie.where"
        )
    part = _read(x, key.items)
    first = sum(not isinstance(i, int | Node) for i in key.items[: key.mask_at])
    covered = tuple(range(first, first + mask.ndim))
    selected = (*part.shape[:first], 1, *part.shape[first + mask.ndim :])
    if new.ndim > len(selected) or broadcast_shapes("assignment", new.shape, selected) != selected:
        raise ShapeError(
            f"assignment of {new.aval} to what a mask selects from {part.aval}",
            hint=f"it must broadcast to {list(selected)}; for one value per place use eerie.where(mask, value, x)",
        )
    new = reshape(_spread(new, selected), (*selected[:first], *(1 for _ in covered), *selected[first + 1 :]))
    new = broadcast_to(new, part.shape)
    chosen = primitives.broadcast(mask, shape=part.shape, axes=covered)
    return _write(x, key.items, selection.select(chosen, _combined(how, part, new), part))


def _combined(how: How, old: Node, new: Node) -> Node:
    """What is written where ``old`` was."""
    if how == "set":
        return new
    function = {"add": ew.add, "multiply": ew.multiply, "max": ew.maximum, "min": ew.minimum}[how]
    return function(old, _spread(new, old.shape))


def _fitting(x: Node, value: Operand) -> Node:
    """The value in the dtype of ``x``, if that is of its kind or a higher one."""
    dtype = value.dtype if isinstance(value, Node) else scalar_dtype(value)
    if promote_scalar(x.dtype, dtype.kind) is not x.dtype:
        raise DTypeError(
            f"assignment of {dtype.name} to {x.aval} would lose what makes it one", hint="cast one of them with astype"
        )
    if not isinstance(value, Node):
        return scalar(value, x.dtype)
    return value if value.dtype is x.dtype and not value.weak else cast(value, dtype=x.dtype)


def _spread(value: Node, shape: Shape) -> Node:
    # Leading axes of size 1 are forgiven, as in NumPy's assignments.
    extra = value.ndim - len(shape)
    if extra > 0 and all(n == 1 for n in value.shape[:extra]):
        value = reshape(value, value.shape[extra:])
    return broadcast_to(value, shape, "assignment")


def _start(place: int | Node, size: int) -> Node:
    return wrapped(place, size) if isinstance(place, Node) else constant.full(Aval((), int64), place)


def _check_integer(op: str, indices: Node) -> None:
    if not indices.dtype.is_integer:
        raise IndexingError(f"{op} with indices {indices.aval}", hint="cast them with astype(eerie.int64)")
