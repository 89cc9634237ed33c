"""Rounding that survives compilers which take sums apart.

Adding a large number and subtracting it again rounds to an integer, which is how the expansions of exp and others find
one. Drivers of Vulkan and Metal take ``(x + c) - c`` for ``x``. Where x is an integer already, they may.
"""

from __future__ import annotations

from iree.compiler import ir
from iree.compiler.dialects import math

from eerie_dsl.ops.expansions.formats import F32

_NUMBERS = frozenset({F32.magic, F32.magic + F32.bias, 2.0**F32.fraction})


def steady(module: ir.Module) -> None:
    """Round to an integer whatever one of these numbers is added to. The sum is the same."""
    sums: list[tuple[ir.Operation, int]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "arith.addf":
            sums.extend((op, 1 - i) for i in range(2) if _number(op.operands[i]) in _NUMBERS)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op, place in sums:
        with ir.InsertionPoint(op), op.location:
            op.operands[place] = math.roundeven(op.operands[place])


def _number(value: ir.Value) -> float | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return ir.FloatAttr(attribute).value if isinstance(attribute, ir.FloatAttr) else None
