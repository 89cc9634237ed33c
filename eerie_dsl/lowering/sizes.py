"""Sizes that are known when the program runs, as index values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iree.compiler import ir
from iree.compiler.dialects import arith, tensor

from eerie_dsl.errors import CompileError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.size import Atom, Extent, Size, Terms

_DYNAMIC = ir.ShapedType.get_dynamic_size()


def known_sizes(avals: Sequence[Aval], arguments: Sequence[ir.Value]) -> dict[str, ir.Value]:
    """The dimensions that arguments have, by name, with their ranges told to the compiler."""
    found: dict[str, ir.Value] = {}
    for aval, argument in zip(avals, arguments, strict=True):
        for axis, n in enumerate(aval.shape):
            if isinstance(n, Size) and n.name is not None and n.name not in found:
                read = tensor.dim(argument, arith.constant(ir.IndexType.get(), axis))
                bounds = f"[[#util.int.assumption<umin = {n.low}, umax = {n.high}>]]"
                assumed = {"assumptions": ir.Attribute.parse(bounds)}
                found[n.name] = ir.Operation.create("util.assume.int", [read.type], [read], assumed).result
    return found


def extent(size: Extent, known: Mapping[str, ir.Value]) -> ir.Value:
    """A size as an index value, of the dimensions ``known``.

    Raises:
        CompileError: it depends on others.
    """
    return _value(size.terms, known) if isinstance(size, Size) else _constant(size)


def mixed(sizes: Sequence[Extent], known: Mapping[str, ir.Value]) -> tuple[list[ir.Value], list[int]]:
    """As operations take them: values of those that are not known yet, and all, with a mark in place of these."""
    unknown = [extent(n, known) for n in sizes if isinstance(n, Size)]
    return unknown, [_DYNAMIC if isinstance(n, Size) else n for n in sizes]


def _value(terms: Terms, known: Mapping[str, ir.Value]) -> ir.Value:
    total: ir.Value | None = None
    for monomial, factor in terms:
        part: ir.Value | None = None if factor == 1 and monomial else _constant(factor)
        for atom in monomial:
            value = _atom(atom, known)
            part = value if part is None else arith.muli(part, value)
        assert part is not None
        total = part if total is None else arith.addi(total, part)
    assert total is not None
    return total


def _atom(atom: Atom, known: Mapping[str, ir.Value]) -> ir.Value:
    if atom[0] == "//":
        return arith.floordivsi(_value(atom[1], known), _value(atom[2], known))
    if atom[0] not in known:
        raise CompileError(
            f"the size {atom[0]} is not that of any argument",
            hint="a size belongs to the function in which it was read: return arrays from it, not sizes",
        )
    return known[atom[0]]


def _constant(number: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), number)
