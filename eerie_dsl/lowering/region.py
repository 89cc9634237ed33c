"""Dispatch regions: a kernel whose bounds the program sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from iree.compiler import ir
from iree.compiler.dialects import flow

from eerie_dsl.ir.aval import Aval
from eerie_dsl.lowering.sizes import mixed
from eerie_dsl.lowering.values import Mapped, Tensor, Value, View, tensor_type

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder


def region(
    b: Builder, values: Sequence[Value], outs: Sequence[Aval], body: Callable[..., Sequence[Value]]
) -> list[Tensor]:
    """``body(*values)`` as one dispatch region."""
    arguments = [b.tensor(v) for v in values]
    sizes = [mixed(o.shape, b.sizes)[0] for o in outs]
    op = flow.DispatchRegionOp([tensor_type(o) for o in outs], [n for ns in sizes for n in ns], [])
    tiled, b.tiled = b.tiled, False  # tiles for one op do not suit all that is around it
    with ir.InsertionPoint(op.regions[0].blocks.append()):
        flow.return_([t.value for t in _siblings(b, body(*arguments))])
    b.tiled = tiled
    return [Tensor(o, r) for o, r in zip(outs, op.results, strict=True)]


def _siblings(b: Builder, values: Sequence[Value]) -> list[Tensor]:
    """All as tensors, descriptions of one shape by one ``linalg.generic``: a region has one loop nest to tile."""
    groups: dict[tuple[int, ...], list[Mapped | View]] = {}
    for value in dict.fromkeys(values):
        if isinstance(value, Mapped | View) and value.tensor is None:
            groups.setdefault(value.aval.shape, []).append(value)
    for shape, members in groups.items():
        dims = tuple(range(len(shape)))
        results = b.generics(
            [m.aval for m in members], shape, [(m, dims) for m in members], dims, lambda s, *elements: elements
        )
        for member, result in zip(members, results, strict=True):
            member.tensor = result
    return [b.tensor(v) for v in values]
