"""Elementwise kernels on rows: which may be tiled by themselves, and their tiles.

Where an operand is a slice, or is repeated along some axes, the loops cannot become one. The compiler's own tiles are
then blocks of columns whose width divides that of the rows: cache lines are written in parts, and where the width is no
multiple of a vector's, all is masked. Workgroups with whole rows, and vectors up to the rest of a row, gain, on one
core: 1000x1000 times a row and plus a number from 539 to 156 us, 1024x1024 from 257 to 165, 4096x384 from 703 to 347,
64x30522 from 1942 to 624, with two exponentials 1000x1023 from 3287 to 462, a step of heat on 2048x2048 from 3316 to
1390.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

from iree.compiler import ir
from iree.compiler.dialects import linalg, tensor

from eerie_dsl.lowering.schedule import Axes, Tiles

NARROWEST = 16
"""Columns of rows that gain: the compiler's tiles are as good for 300000x3 and 80000x12."""

SMALLEST = 1 << 12
"""Elements that gain."""

SHARE = 1 << 13
"""Elements of a workgroup, unless one row has more."""

LINES = 2
"""Lines of the cache that a vector tile spans, each 64 bytes."""

_GIVEN = {
    "arith.constant",
    "flow.dispatch",
    "iree_tensor_ext.compute_barrier.start",
    "tensor.empty",
    "tensor.from_elements",
    "util.optimization_barrier",
}
_RESHAPES = {"tensor.collapse_shape", "tensor.expand_shape"}
_ENDS = {
    "flow.dispatch",
    "func.return",
    "hal.tensor.alias",
    "iree_tensor_ext.compute_barrier.start",
    "scf.yield",
    "util.optimization_barrier",
}
_ARITHMETIC = ("arith.", "math.", "linalg.")


def sweep(root: Any) -> None:
    """Give tiles to the elementwise kernels in an operation that the compiler joins with no other: as their operands
    lie in memory, and nothing but memory takes their results."""
    found: list[Any] = []

    def visit(op: Any) -> ir.WalkResult:
        if op.name == "linalg.generic":
            found.append(op)
            return ir.WalkResult.SKIP
        return ir.WalkResult.SKIP if op.name == "flow.dispatch.region" else ir.WalkResult.ADVANCE

    root.walk(visit, ir.WalkOrder.PRE_ORDER)
    for op in found:
        kernel = _recognised(op)
        runs = None if kernel is None else _runs(kernel)
        if kernel is None or runs is None:
            continue
        sizes = tuple(prod(kernel.sizes[i] for i in run) for run in runs)
        tiles = row_tiles(sizes, kernel.itemsize)
        if tiles is not None:
            with ir.InsertionPoint(op), op.location:
                _tile(op, kernel, runs, sizes, tiles)


def row_tiles(sizes: Axes, itemsize: int) -> Tiles | None:
    """Tiles for elementwise work on rows, the last of the loops; ``itemsize`` is the largest of an element read or
    written. None where there is one loop only, or rows are short."""
    if len(sizes) < 2 or 1 in sizes or sizes[-1] < NARROWEST or prod(sizes) < SMALLEST:
        return None
    spans, left = [0 if sizes[-1] <= 2 * SHARE else SHARE], max(SHARE // sizes[-1], 1)
    for size in sizes[-2::-1]:
        span = min(size, left)
        spans.append(span)
        left //= span
    return Tiles(tuple(spans[::-1]), (*[1] * (len(sizes) - 1), LINES * 64 // itemsize), (0,) * len(sizes))


class _Kernel(NamedTuple):
    """Elementwise work that stands alone.

    Attributes:
        sizes: of its loops.
        reads: for each axis of each operand the loop at which it reads, None for an axis of one element.
        fixed: whether something in it keeps its loops from being joined.
        itemsize: of the largest element.
    """

    sizes: Axes
    reads: tuple[tuple[int | None, ...], ...]
    fixed: bool
    itemsize: int


def _recognised(op: Any) -> _Kernel | None:
    if "compilation_info" in op.attributes or any("parallel" not in str(k) for k in op.attributes["iterator_types"]):
        return None
    inputs = list(op.operands)[: len(op.operands) - len(op.results)]
    types = [ir.RankedTensorType(v.type) for v in op.operands]
    body = [inside.operation.name for inside in op.regions[0].blocks[0]]
    if (
        not all(t.has_static_shape and isinstance(t.element_type, ir.FloatType | ir.IntegerType) for t in types)
        or not all(map(_given, inputs))
        or not all(use.owner.operation.name in _ENDS for r in op.results for use in r.uses)
        or not all(name.startswith(_ARITHMETIC) for name in body)
    ):
        return None
    maps = [[_loop(e) for e in ir.AffineMapAttr(m).value.results] for m in op.attributes["indexing_maps"]]
    sizes = tuple(types[-1].shape)
    reads, writes = maps[: len(inputs)], maps[len(inputs) :]
    if any(axes != list(range(len(sizes))) for axes in writes):
        return None
    for axes, kind in zip(reads, types, strict=False):
        if not _is_row_by_row(axes, len(sizes) - 1) or any(kind.shape[a] != 1 for a, i in enumerate(axes) if i is None):
            return None
    fixed = "linalg.index" in body or any(map(_is_slice, inputs))
    return _Kernel(sizes, tuple(map(tuple, reads)), fixed, max((t.element_type.width + 7) // 8 for t in types))


def _is_row_by_row(axes: Sequence[int | None], last: int) -> bool:
    """Whether axes read at loops in their order, and the last at the ``last`` loop or not at all."""
    loops = [i for i in axes if i is not None]
    return -1 not in loops and all(a < b for a, b in pairwise(loops)) and (last not in loops or axes[-1] == last)


def _loop(place: ir.AffineExpr) -> int | None:
    """The loop that an axis reads at, None for 0, -1 for anything else."""
    if isinstance(place, ir.AffineDimExpr):
        return int(ir.AffineDimExpr(place).position)
    return None if isinstance(place, ir.AffineConstantExpr) and ir.AffineConstantExpr(place).value == 0 else -1


def _given(value: Any) -> bool:
    """Whether a value lies in memory, row by row."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return True
    op = owner.operation
    if op.name == "tensor.extract_slice":
        last = list(ir.DenseI64ArrayAttr(op.attributes["static_strides"]))[-1:]
        return last in ([], [1]) and _given(op.operands[0])
    return op.name in _GIVEN or (op.name in _RESHAPES and _given(op.operands[0]))


def _is_slice(value: Any) -> bool:
    owner = value.owner
    if isinstance(owner, ir.Block):
        return False
    op = owner.operation
    return op.name == "tensor.extract_slice" or (op.name in _RESHAPES and _is_slice(op.operands[0]))


def _runs(kernel: _Kernel) -> list[list[int]] | None:
    """The loops in runs that can be one loop each; None where that would be needed and cannot be done."""
    loops = range(len(kernel.sizes))
    if kernel.fixed:
        return None if any(None in axes for axes in kernel.reads) else [[i] for i in loops]
    runs = [[i] for i in loops[:1]]
    for i in loops[1:]:
        together = all((i - 1 not in axes and i not in axes) or (i - 1, i) in pairwise(axes) for axes in kernel.reads)
        if together:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _tile(op: Any, kernel: _Kernel, runs: Sequence[list[int]], sizes: Axes, tiles: Tiles) -> None:
    """Give a kernel its tiles, with one loop for each run: the compiler drops tiles of loops that it joins itself."""
    if len(runs) == len(kernel.sizes) and not any(None in axes for axes in kernel.reads):
        op.attributes["compilation_info"] = tiles.attribute(peeled=True)
        return
    place = {i: k for k, run in enumerate(runs) for i in run}
    operands, maps = [], []
    for value, axes in zip(op.operands, kernel.reads, strict=False):
        groups: dict[int, list[int]] = {}
        for axis, i in enumerate(axes):
            if i is not None:
                groups.setdefault(place[i], []).append(axis)
        operands.append(_collapsed(value, list(groups.values())))
        maps.append(ir.AffineMap.get(len(sizes), 0, [ir.AffineExpr.get_dim(k) for k in groups]))
    every = ir.AffineMap.get_identity(len(sizes))
    types = [ir.RankedTensorType.get(sizes, ir.RankedTensorType(r.type).element_type) for r in op.results]
    new = linalg.GenericOp(
        types,
        operands,
        [tensor.empty(sizes, t.element_type) for t in types],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in (*maps, *[every] * len(types))]),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * len(sizes)),
    )
    op.regions[0].blocks[0].append_to(new.regions[0])
    new.operation.attributes["compilation_info"] = tiles.attribute(peeled=True)
    for old, made in zip(op.results, new.results, strict=True):
        kind = ir.RankedTensorType(old.type)
        whole = made if len(runs) == kind.rank else tensor.expand_shape(kind, made, runs, [], kind.shape)
        old.replace_all_uses_with(whole)
    op.erase()


def _collapsed(value: Any, groups: list[list[int]]) -> Any:
    """``value`` with one axis for each group; axes in none have one element."""
    kind = ir.RankedTensorType(value.type)
    shape = [prod(kind.shape[a] for a in axes) for axes in groups]
    if shape == kind.shape:
        return value
    starts = [axes[0] for axes in groups[1:]]
    bounds = [0, *starts, kind.rank]
    parts = [list(range(a, b)) for a, b in pairwise(bounds)] if groups else []
    return tensor.collapse_shape(ir.RankedTensorType.get(shape, kind.element_type), value, parts)
