"""Operations of IREE's dialect linalg_ext, which has no Python bindings of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.lowering.scalar import Scalar, ScalarEmitter, element_type
from eerie_dsl.lowering.values import Body, Tensor, Value, tensor_type

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder


def extended(
    b: Builder,
    name: str,
    values: Sequence[Value],
    destinations: Sequence[ir.Value],
    attributes: dict[str, ir.Attribute],
    outs: Sequence[Aval],
    body: Body,
) -> Tensor:
    """``iree_linalg_ext.<name>``; ``body(s, element, element)`` makes its region. Gives the first result."""
    # Producers fused into these operations would put their whole result on the stack.
    operands = [*(b.apart(v).value for v in values), *destinations]
    types = [tensor_type(o) for o in outs]
    op = ir.Operation.create(f"iree_linalg_ext.{name}", types, operands, attributes, regions=1)
    kind = element_type(outs[0].dtype)
    block = op.regions[0].blocks.append(kind, kind)
    with ir.InsertionPoint(block):
        result = body(ScalarEmitter(b.sizes), *(Scalar(a, outs[0].dtype) for a in block.arguments))
        ir.Operation.create("iree_linalg_ext.yield", operands=[result.value])
    return Tensor(outs[0], op.results[0])
