"""Kernels whose tiles were measured: what tells one from another, and how measured tiles take the place of a rule's.

This runs over a whole module, so that what a kernel reads from and is read by is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from iree.compiler import ir

from eerie_dsl.digest import text_digest
from eerie_dsl.lowering.locations import nodes_at
from eerie_dsl.lowering.schedule import Axes, Tiles

LARGEST = 1 << 12
"""Elements of the largest vector tile that a kernel is given: the compiler unrolls it, and takes minutes over more."""

Choices = Mapping[str, Sequence[Axes] | None]
"""Tiles by the keys of kernels, as `Tiles` or a sequence like it; None is the compiler's choice."""

_LEVELS = ("distribution", "vector_common_parallel", "vector_reduction")


class TunableKernel(NamedTuple):
    """A kernel whose tiles can be chosen. Its loops are in the order that the compiler gives them, sums last.

    Attributes:
        key: what tells it from others: loops, types, how it reads and writes, a digest of its arithmetic and of its
            neighbours.
        sizes: of its loops.
        kinds: ``p`` for each parallel loop, ``r`` for each that sums up.
        inner: loops along which memory is read or written in order, that of the largest array first, of equal ones
            that of the result.
        bits: of an element of the result.
        tiles: what the rules gave it, None for the compiler's choice.
        nodes: the nodes of the graph inside.
        times: how many equal ones there are.
    """

    key: str
    sizes: Axes
    kinds: str
    inner: Axes
    bits: int
    tiles: Tiles | None
    nodes: Axes
    times: int


def tunable(module: ir.Module) -> list[TunableKernel]:
    """The kernels of a module, equal ones once."""
    found: dict[str, TunableKernel] = {}
    for op in _generics(module):
        kernel = _described(op)
        if kernel is not None:
            times = found[kernel.key].times + 1 if kernel.key in found else 1
            found[kernel.key] = found.get(kernel.key, kernel)._replace(times=times)
    return list(found.values())


def choose(module: ir.Module, choices: Choices) -> None:
    """Give kernels the tiles chosen for their keys in place of those that they have.

    Tiles that do not fit a kernel's loops are passed over.
    """
    for op in _generics(module):
        kernel = _described(op)
        if kernel is None or kernel.key not in choices:
            continue
        chosen = choices[kernel.key]
        if chosen is None:
            if "compilation_info" in op.attributes:
                del op.attributes["compilation_info"]
        elif len(chosen) == 3 and fits(kernel.sizes, kernel.kinds, Tiles(*chosen)):
            op.attributes["compilation_info"] = Tiles(*chosen).attribute()


def fits(sizes: Axes, kinds: str, tiles: Tiles) -> bool:
    """Whether tiles are for such loops, divide them, and make vectors that the compiler can unroll."""
    if any(len(level) != len(sizes) for level in tiles):
        return False
    volume = 1
    for size, kind, span, step, depth in zip(sizes, kinds, *tiles, strict=True):
        if kind == "p" and (step <= 0 or depth or span < 0 or (span or size) % step or size % (span or size)):
            return False
        if kind == "r" and (span or step or depth <= 0 or size % depth):
            return False
        volume *= step or depth
    return volume <= LARGEST


def _generics(module: ir.Module) -> Iterator[Any]:
    found: list[Any] = []

    def visit(op: Any) -> ir.WalkResult:
        if op.name == "linalg.generic":
            found.append(op)
            return ir.WalkResult.SKIP
        # Tiles for one operation do not suit all that is around it there.
        return ir.WalkResult.SKIP if op.name == "flow.dispatch.region" else ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return iter(found)


def _described(op: Any) -> TunableKernel | None:
    kinds = "".join("r" if "reduction" in str(k) else "p" for k in op.attributes["iterator_types"])
    maps = [ir.AffineMapAttr(m).value for m in op.attributes["indexing_maps"]]
    sizes = _sizes(op, maps, len(kinds))
    if sizes is None or "p" not in kinds:
        return None
    result = ir.RankedTensorType(op.results[0].type)
    loops = " ".join(f"{kind}{size}" for kind, size in zip(kinds, sizes, strict=True))
    accesses = " ".join(map(_access, op.operands, maps))
    around = [_neighbour(o.owner) for o in op.operands]
    around += sorted({_neighbour(use.owner) for result in op.results for use in result.uses})
    key = f"{loops} | {accesses} | {text_digest(_arithmetic(op), *around, size=6)}"
    order = sorted(range(len(kinds)), key=kinds.__getitem__)  # p before r, else as they were
    sizes, kinds = tuple(sizes[i] for i in order), "".join(kinds[i] for i in order)
    largest = sorted(zip(op.operands, maps, strict=True), key=lambda pair: _elements(pair[0]))[::-1]
    inner = tuple(dict.fromkeys(order.index(i) for _, m in largest if (i := _last(m)) is not None))
    info = op.attributes.get("compilation_info")
    tiles = None if info is None else _tiles(str(info), len(sizes))
    return TunableKernel(
        key, sizes, kinds, inner, _bits(result.element_type), tiles, tuple(sorted(nodes_at(op.location))), 1
    )


def _sizes(op: Any, maps: Sequence[Any], loops: int) -> Axes | None:
    """The sizes of the loops; None where one is not known yet."""
    sizes = [0] * loops
    for operand, map_ in zip(op.operands, maps, strict=True):
        shaped = ir.RankedTensorType(operand.type)
        if not shaped.has_static_shape:
            return None
        for size, place in zip(shaped.shape, map_.results, strict=True):
            if isinstance(place, ir.AffineDimExpr):
                sizes[ir.AffineDimExpr(place).position] = size
    return tuple(sizes) if all(sizes) else None


def _access(operand: Any, map_: Any) -> str:
    places = ",".join(str(place).removeprefix("d") for place in map_.results)
    return f"{ir.RankedTensorType(operand.type).element_type}[{places}]"


def _arithmetic(op: Any) -> str:
    return " ".join(inside.operation.name for inside in op.regions[0].blocks[0])


def _neighbour(owner: Any) -> str:
    if isinstance(owner, ir.Block):
        return "input"
    op = owner.operation
    if op.name == "hal.tensor.alias":  # a result, and where to
        return "func.return"
    if op.name != "linalg.generic":
        return str(op.name)
    return " ".join(
        (*map(str, op.attributes["iterator_types"]), *map(str, op.attributes["indexing_maps"]), _arithmetic(op))
    )


def _elements(operand: Any) -> int:
    return prod(ir.RankedTensorType(operand.type).shape)


def _last(map_: Any) -> int | None:
    places = list(map_.results)
    plain = bool(places) and isinstance(places[-1], ir.AffineDimExpr)
    return ir.AffineDimExpr(places[-1]).position if plain else None


def _bits(element: Any) -> int:
    if isinstance(element, ir.ComplexType):
        return 2 * _bits(element.element_type)
    return int(element.width)


def _tiles(info: str, loops: int) -> Tiles | None:
    levels = []
    for level in _LEVELS:
        numbers = re.search(rf"{level} = \[([\d, ]*)\]", info)
        levels.append(tuple(map(int, numbers[1].split(","))) if numbers else ())
    return Tiles(*levels) if all(len(level) == loops for level in levels) else None
