"""Arithmetic that survives compilers and interpreters which do it in their own way.

- Adding a large number and subtracting it again rounds to an integer, which is how the expansions of exp and others
  find one. Drivers of Vulkan and Metal, and the compiler for IREE's interpreter, take ``(x + c) - c`` for ``x``. They
  may where x is an integer already.
- The interpreter rounds where a float becomes an integer, instead of dropping the fraction, and has no copysign.
"""

from __future__ import annotations

from iree.compiler import ir
from iree.compiler.dialects import arith, math

from eerie_dsl.ops.expansions.formats import F32, F64

_NUMBERS = frozenset(n for f in (F32, F64) for n in (f.magic, f.magic + f.bias, 2.0**f.fraction))


def steady(module: ir.Module) -> None:
    """Round to an integer whatever one of these numbers is added to; spell out copysign and what drops a fraction.
    The results are the same."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in ("arith.addf", "arith.fptosi", "arith.fptoui", "math.copysign"):
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        with ir.InsertionPoint(op), op.location:
            if op.name == "math.copysign":
                op.result.replace_all_uses_with(_copysign(*op.operands))
                op.erase()
            elif op.name == "arith.addf":
                for i in range(2):
                    if _number(op.operands[i]) in _NUMBERS:
                        op.operands[1 - i] = math.roundeven(op.operands[1 - i])
            else:
                op.operands[0] = _toward_zero(op.operands[0])


def _copysign(magnitude: ir.Value, sign: ir.Value) -> ir.Value:
    width = ir.FloatType(magnitude.type).width
    bits = ir.IntegerType.get_signless(width)
    top = arith.constant(bits, -(1 << (width - 1)))
    rest = arith.constant(bits, (1 << (width - 1)) - 1)
    kept, taken = (arith.andi(arith.bitcast(bits, v), m) for v, m in ((magnitude, rest), (sign, top)))
    return arith.bitcast(magnitude.type, arith.ori(kept, taken))


def _toward_zero(x: ir.Value) -> ir.Value:
    negative = arith.cmpf(arith.CmpFPredicate.OLT, x, arith.constant(x.type, 0.0))
    return arith.select(negative, math.ceil(x), math.floor(x))


def _number(value: ir.Value) -> float | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return ir.FloatAttr(attribute).value if isinstance(attribute, ir.FloatAttr) else None
