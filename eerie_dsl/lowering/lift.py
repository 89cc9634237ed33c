"""Scalar rules on vectors: what an elementwise rule emits for one element, emitted for several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from iree.compiler import ir
from iree.compiler.dialects import func

from eerie_dsl.ir.dtypes import DType
from eerie_dsl.lowering.scalar import Scalar, ScalarEmitter, element_type


class Lifted:
    """``body(s, *elements)`` kept as scalar operations, to be emitted with any number of elements.

    Attributes:
        possible: whether all of them are arithmetic, which exists for vectors too.
    """

    def __init__(self, dtypes: Sequence[DType], body: Callable[..., Scalar]) -> None:
        self._module = ir.Module.create()
        with ir.InsertionPoint(self._module.body):
            block = func.FuncOp("scalar", ([element_type(d) for d in dtypes], [])).add_entry_block()
        with ir.InsertionPoint(block):
            elements = [Scalar(a, d) for a, d in zip(block.arguments, dtypes, strict=True)]
            self._result = body(ScalarEmitter(), *elements).value
        self._arguments = list(block.arguments)
        self._ops = [op.operation for op in block.operations]
        self.possible = all(op.name.split(".")[0] in ("arith", "math") for op in self._ops)

    def emit(self, operands: Sequence[ir.Value], width: int) -> ir.Value:
        """The result for operands of ``width`` elements, of which one is a scalar."""
        known: dict[Any, ir.Value] = dict(zip(self._arguments, operands, strict=True))
        for op in self._ops:
            if op.name == "arith.constant":
                made = constant(op.attributes["value"], width)
            else:
                types = [vector_type(r.type, width) for r in op.results]
                attributes = {a: op.attributes[a] for a in op.attributes}
                made = ir.Operation.create(op.name, types, [known[o] for o in op.operands], attributes).result
            known[op.result] = made
        return known[self._result]


def vector_type(element: ir.Type, width: int) -> ir.Type:
    """The type of ``width`` elements, of which one is a scalar."""
    return element if width == 1 else ir.VectorType.get([width], element)


def constant(number: Any, width: int) -> ir.Value:
    """``width`` times a number."""
    kind = vector_type(number.type, width)
    value = number if width == 1 else ir.DenseElementsAttr.get_splat(kind, number)
    return ir.Operation.create("arith.constant", [kind], [], {"value": value}).result
