"""How arrays of some size are reduced on CPUs, where the compiler's own choice is slow or keeps one core busy.

Each rule says what it was measured to gain: IREE 3.13, one core of an AVX-512 x86-64 machine, float32, best of
many runs. Vector tiles that do not divide the sizes are slower than no tiles at all, so no rule has any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.lowering.regrouped import Group, regrouped
from eerie_dsl.lowering.schedule import Axes, Tiles
from eerie_dsl.lowering.values import Body, Mapped, Tensor, Value, View

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

SMALL = 1 << 15
"""Elements that the compiler's one kernel reduces before two have started."""

LARGE = 1 << 22
"""Elements whose rows are better read once, in one kernel with all that is done with them: caches do not hold them."""

PARALLEL = 1 << 17
"""Elements that are worth more than one core."""

PARTS = 8
"""Sums of parts that cores work on at the same time."""


class Stage(NamedTuple):
    """A reduction of which the sums of parts may be kept, to be reduced in turn.

    Attributes:
        groups: of the runs of axes that are reduced or kept together: how many, and the sizes that take their place.
        sums: the new axes that are reduced.
        tiles: for the new axes, those that are reduced last.
        parts: the shape of the result and the axis of it that remains to be reduced.
    """

    groups: tuple[Group, ...]
    sums: Axes
    tiles: Tiles
    parts: tuple[Axes, int] | None = None


def reduction(b: Builder, out: Aval, x: Value, axes: Axes, body: Body, init: Any) -> Value:
    """``body(s, element, accumulator)`` over the ``axes`` of ``x``; the result's are the others."""
    if b.tiled and x.aval.static and x.aval.size >= SMALL and out.dtype.kind in ("float", "int", "uint"):
        runs = _runs(x.aval.shape, axes)
        reduced = tuple(run[2] for run in runs)
        in_rows = reduced == (False, True) and (x.aval.size > LARGE or (init == 0 and _with_mean(x)))
        for stage in [] if in_rows else stages([run[1] for run in runs], reduced, out.dtype.bits):
            parts = regrouped(b, x, _of_axes(stage.groups, [run[0] for run in runs]))
            if parts is not None:
                return b.reshape(_staged(b, out, parts, stage, body, init), out)
    every = tuple(range(x.aval.ndim))
    return b.generic(out, x.aval.shape, [(x, every)], tuple(a for a in every if a not in axes), body, init)


def _with_mean(x: Value) -> bool:
    """Whether the sum of ``x`` along rows is one kernel with other sums along them, if the compiler may choose.

    So it is for a mean and what is taken from it: in two kernels layer norm of 4096x384 went from 324 to 598 us.
    """
    if isinstance(x, Tensor) or x.tensor is not None:
        return True
    return any(_is_sum(value, x.aval.size) for value in _tensors(x))


def _tensors(x: Value) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    elif x.tensor is not None:
        yield x.tensor
    elif isinstance(x, View):
        yield from _tensors(x.operand)
    elif isinstance(x, Mapped):
        for operand in x.operands:
            yield from _tensors(operand)


def _is_sum(x: Tensor, size: int) -> bool:
    """Whether kernels that the compiler may fuse with the readers of ``x`` reduce something to less than ``size``."""
    found = [x.value]
    for _ in range(16):
        if not found:
            return False
        value = found.pop()
        if isinstance(value.owner, ir.Block) or value.owner.name not in _FUSED:
            continue
        op = value.owner
        if op.name == "linalg.generic" and "reduction" in str(op.attributes["iterator_types"]):
            if prod(ir.RankedTensorType(value.type).shape) < size:
                return True
        else:
            found.extend(op.operands)
    return False


_FUSED = ("linalg.generic", "tensor.collapse_shape", "tensor.expand_shape")


def _of_axes(groups: Sequence[Group], counts: Sequence[int]) -> list[Group]:
    """Groups of runs as groups of axes."""
    found: list[Group] = []
    first = 0
    for runs, sizes in groups:
        found.append((sum(counts[first : first + runs]), sizes))
        first += runs
    return found


def _staged(b: Builder, out: Aval, x: Value, stage: Stage, body: Body, init: Any) -> Value:
    order = (*(a for a in range(x.aval.ndim) if a not in stage.sums), *stage.sums)
    sizes = tuple(x.aval.shape[a] for a in order)
    kept = tuple(range(len(order) - len(stage.sums)))
    some = out.with_shape(sizes[: len(kept)])
    reads = tuple(order.index(a) for a in range(x.aval.ndim))
    if out.dtype.kind == "float" and init == 0 and not isinstance(x, Tensor):
        # The vectoriser takes sums of products for contractions, which it makes scalar code of: variance of columns
        # of 4096x1024 from 1.46 to 0.39 ms.
        x = b.map(x.aval, lambda s, element: s.add(element, 0.0), x)
    # One kernel takes the tiles of one operation.
    result = b.apart(b.generic(some, sizes, [(x, reads)], kept, body, init, stage.tiles))
    if stage.parts is None:
        return result
    shape, axis = stage.parts
    every = tuple(range(len(shape)))
    rest = tuple(a for a in every if a != axis)
    last = out.with_shape(tuple(shape[a] for a in rest))
    return b.generic(last, shape, [(b.reshape(result, out.with_shape(shape)), every)], rest, body, init)


def _runs(shape: Axes, axes: Axes) -> list[tuple[int, int, bool]]:
    """Neighbouring axes that are reduced, or kept, together: how many, of how many elements, whether reduced."""
    runs: list[tuple[int, int, bool]] = []
    for a, n in enumerate(shape):
        if runs and (runs[-1][2] == (a in axes) or n == 1):
            runs[-1] = (runs[-1][0] + 1, runs[-1][1] * n, runs[-1][2])
        elif len(runs) == 1 and runs[0][1] == 1:
            runs[0] = (runs[0][0] + 1, n, a in axes)
        else:
            runs.append((1, n, a in axes))
    return runs


def stages(sizes: Sequence[int], reduced: tuple[bool, ...], bits: int) -> list[Stage]:
    """What to try, the best first, for runs of axes of these sizes and results of so many bits."""
    found: list[Stage | None] = []
    if reduced == (True,):
        found = [whole(sizes[0])]
    elif reduced == (False, True):
        found = [few_rows(*sizes) if sizes[0] < PARTS else rows(*sizes)]
    elif reduced == (True, False):
        found = [folded_columns(*sizes, bits=bits), columns(*sizes, bits=bits)]
    elif reduced == (False, True, False):
        found = [middle(*sizes, bits=bits)]
    return [stage for stage in found if stage is not None]


def whole(n: int) -> Stage | None:
    """Everything, in parts, with a vector of many elements at each step. The maximum of 4096x1024 from 558 to 171 us,
    the dot product of a million elements from 98 to 78."""
    depth = _divisor(n // PARTS, (128, 64))
    if not depth or n % PARTS:
        return None
    return Stage(((1, (PARTS, n // PARTS)),), (1,), Tiles((1, 0), (1, 0), (0, depth)), ((PARTS,), 0))


def rows(m: int, n: int) -> Stage | None:
    """Rows, with a vector of many elements at each step: maxima of 4096x1024 from 478 to 168 us, logsumexp from 1.92 to
    0.81 ms, softmax of 1024x1024 from 615 to 377 us, mean squares of 1024x768 from 397 to 116."""
    depth = _divisor(n, (128, 64))
    if not depth:
        return None
    span = next(d for d in (64, 32, 16, 8, 4, 2, 1) if m % d == 0 and (m // d >= PARTS or d == 1))
    return Stage(((1, (m,)), (1, (n,))), (1,), Tiles((span, 0), (1, 0), (0, depth)))


def few_rows(m: int, n: int) -> Stage | None:
    """Fewer rows than there are parts for cores: each in parts."""
    depth = _divisor(n // PARTS, (128, 64))
    if not depth or n % PARTS:
        return None
    tiles = Tiles((1, 1, 0), (1, 1, 0), (0, 0, depth))
    return Stage(((1, (m,)), (1, (PARTS, n // PARTS))), (2,), tiles, ((m, PARTS), 1))


def folded_columns(m: int, n: int, *, bits: int) -> Stage | None:
    """Columns, of several rows side by side as one: 4096x1024 from 1.52 ms to 207 us, 8192x16 from 37.5 to 8.5,
    8192x10 from 45.8 to 6.6, 4096x1000 from 804 to 160."""
    fold = next((k for k in _FOLDS if m % k == 0 and m >= 8 * k and _busy(k * n, m * n, bits)), 0)
    if not fold:
        return None
    width = _width(fold * n, bits)
    parts = None if fold == 1 else ((fold, n), 0)
    return Stage(((2, (m // fold, fold * n)),), (0,), Tiles((width, 0), (width, 0), (0, 1)), parts)


def columns(m: int, n: int, *, bits: int) -> Stage | None:
    """Columns, where something has a value for each of them: variance of 4096x1024 from 3.5 ms to 435 us."""
    width = _width(n, bits)
    if not width:
        return None
    if n // width >= PARTS or m % PARTS or m * n < PARALLEL:
        return Stage(((1, (m,)), (1, (n,))), (0,), Tiles((width, 0), (width, 0), (0, 1)))
    tiles = Tiles((1, width, 0), (1, width, 0), (0, 0, 1))
    return Stage(((1, (PARTS, m // PARTS)), (1, (n,))), (1,), tiles, ((PARTS, n), 0))


def middle(m: int, n: int, k: int, *, bits: int) -> Stage | None:
    """Columns of each of some matrices: 64 of 256x256 from 442 to 165 us."""
    width = _width(k, bits)
    tiles = Tiles((1, width, 0), (1, width, 0), (0, 0, 1))
    return Stage(((1, (m,)), (1, (n,)), (1, (k,))), (1,), tiles) if width else None


def _busy(n: int, elements: int, bits: int) -> bool:
    """Whether columns make vectors, and work for every core if there is enough of it."""
    width = _width(n, bits)
    return width > 0 and (elements < PARALLEL or n >= PARTS * width)


_FOLDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def _width(n: int, bits: int) -> int:
    return _divisor(n, (8192 // bits, 4096 // bits, 2048 // bits))


def _divisor(size: int, widths: Axes) -> int:
    return next((w for w in widths if size and size % w == 0), 0)
