"""Descriptions of tensors under another shape, where all that they read can be reshaped in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.lowering.values import Dim, Mapped, Splat, Tensor, Value, View

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

Group: TypeAlias = tuple[int, tuple[int, ...]]
"""How many axes, in order, become axes of these sizes: of the same number of elements."""


def regrouped(b: Builder, x: Value, groups: Sequence[Group]) -> Value | None:
    """``x`` reshaped without becoming a tensor. None where something in it reads only a part of a group that changes.

    The tensors behind it are kept apart from what made them.
    """
    return _regrouped(b, x, tuple(groups), {})


def _regrouped(
    b: Builder, x: Value, groups: tuple[Group, ...], known: dict[tuple[int, tuple[Group, ...]], Value | None]
) -> Value | None:
    key = (id(x), groups)
    if key not in known:
        known[key] = _again(b, x, groups, known)
    return known[key]


def _again(
    b: Builder, x: Value, groups: tuple[Group, ...], known: dict[tuple[int, tuple[Group, ...]], Value | None]
) -> Value | None:
    out = x.aval.with_shape(tuple(n for _, sizes in groups for n in sizes))
    if isinstance(x, Splat):
        return Splat(out, x.loc, x.number)
    if isinstance(x, Tensor) or x.tensor is not None:
        return _reshaped(b, x if isinstance(x, Tensor) else b.tensor(x), out)
    if isinstance(x, Mapped):
        operands = [_regrouped(b, o, groups, known) for o in x.operands]
        found = tuple(o for o in operands if o is not None)
        return Mapped(out, x.loc, x.body, found) if len(found) == len(operands) else None
    if not isinstance(x, View):
        return None
    read = _read(x.operand.aval, x.dims, groups)
    if read is None:
        return None
    inner, dims = read
    operand = _regrouped(b, x.operand, inner, known)
    return None if operand is None else View(out, x.loc, operand, dims)


def _reshaped(b: Builder, x: Tensor, out: Aval) -> Tensor:
    return b.reshape(x if isinstance(x.value.owner, ir.Block) else b.apart(x), out)


def _read(
    operand: Aval, dims: tuple[Dim, ...], groups: tuple[Group, ...]
) -> tuple[tuple[Group, ...], tuple[Dim, ...]] | None:
    """The groups of a view's operand, and where it then reads. Axes of one element go: they are slow to read."""
    starts = [sum(count for count, _ in groups[:k]) for k in range(len(groups))]
    places = [sum(len(sizes) for _, sizes in groups[:k]) for k in range(len(groups))]
    inner: list[Group] = []
    new: list[Dim] = []
    at = 0
    while at < len(dims):
        first = dims[at]
        if first is None and operand.shape[at] == 1:
            inner.append((1, ()))
            at += 1
            continue
        if not isinstance(first, int) or first not in starts:
            return None
        k = starts.index(first)
        count, sizes = groups[k]
        if dims[at : at + count] != tuple(range(first, first + count)):
            return None
        inner.append(groups[k])
        new.extend(range(places[k], places[k] + len(sizes)))
        at += count
    return tuple(inner), tuple(new)
