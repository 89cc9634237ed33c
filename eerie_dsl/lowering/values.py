"""What the builder hands out: tensors, and descriptions of tensors that are not there yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.size import Size, likely
from eerie_dsl.lowering.scalar import element_type

_DYNAMIC = ir.ShapedType.get_dynamic_size()

Dim: TypeAlias = int | ir.AffineExpr | None
"""Where an operand axis reads: at a loop, at 0 (None), or at an affine expression of the loops."""
Body = Callable[..., Any]


@dataclass(eq=False, slots=True)
class Tensor:
    """A tensor that exists in the IR."""

    aval: Aval
    value: ir.Value

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.aval.dtype


@dataclass(eq=False, slots=True)
class Deferred:
    """A tensor described by its elements."""

    aval: Aval
    loc: ir.Location
    tensor: Tensor | None = field(default=None, init=False)


@dataclass(eq=False, slots=True)
class Mapped(Deferred):
    """``body`` of the operands' elements at the same place."""

    body: Body
    operands: tuple[Value, ...]


@dataclass(eq=False, slots=True)
class View(Deferred):
    """The operand's element at ``dims``: axis ``i`` of the operand reads at result axis ``dims[i]``."""

    operand: Value
    dims: tuple[Dim, ...]


@dataclass(eq=False, slots=True)
class Splat(Deferred):
    """One number everywhere."""

    number: Any


@dataclass(eq=False, slots=True)
class Index(Deferred):
    """The place along ``axis`` as a number of the result's dtype."""

    axis: int


Value = Tensor | Mapped | View | Splat | Index
Operand = tuple[Value, tuple[Dim, ...]]


def tensor_type(aval: Aval) -> ir.RankedTensorType:
    """The MLIR type of an abstract value."""
    sizes = [_DYNAMIC if isinstance(n, Size) else n for n in aval.shape]
    return ir.RankedTensorType.get(sizes, element_type(aval.dtype))


def compose(inner: tuple[Dim, ...], outer: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Where an operand read at ``inner`` places of something read at ``outer`` places reads itself."""
    return tuple(outer[d] if isinstance(d, int) else d for d in inner)


def uncovered(loops: Sequence[int], dims: Sequence[tuple[Dim, ...]]) -> list[int]:
    """The loops whose length linalg cannot read off an operand axis that is exactly that loop."""
    covered = {d for ds in dims for d in ds if isinstance(d, int)}
    return [d for d in range(len(loops)) if d not in covered]


def affine_map(loops: int, dims: tuple[Dim, ...]) -> ir.AffineMap:
    """The indexing map of an operand that reads at ``dims`` of a number of loops."""

    def expr(d: Dim) -> ir.AffineExpr:
        if d is None:
            return ir.AffineExpr.get_constant(0)
        return ir.AffineExpr.get_dim(d) if isinstance(d, int) else d

    return ir.AffineMap.get(loops, 0, [expr(d) for d in dims])


def reassociated(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes without zeros in groups of the same number of elements, as small as can be."""
    if not old or not new:
        return []
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        before, after = [i], [j]
        sizes = [old[i], new[j]]
        while sizes[0] != sizes[1]:
            if likely(sizes[0]) < likely(sizes[1]):
                i += 1
                before.append(i)
                sizes[0] *= old[i]
            else:
                j += 1
                after.append(j)
                sizes[1] *= new[j]
        groups.append((before, after))
        i, j = i + 1, j + 1
    groups[-1][0].extend(range(i, len(old)))
    groups[-1][1].extend(range(j, len(new)))
    return groups
