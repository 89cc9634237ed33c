"""Reverse mode: cotangents of results become cotangents of what they were computed from.

A cotangent has the type of its node. That of a complex node z stands for dL/d(Re z) - i dL/d(Im z), so that the rules
of holomorphic functions are those of real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import EerieError
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive, project
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.arithmetic import add
from eerie_dsl.ops.constant import full
from eerie_dsl.ops.identity import alias
from eerie_dsl.transforms.paths import between, recorded_for


def pullback(inputs: Sequence[Node], outputs: Sequence[Node], cotangents: Sequence[Node | None]) -> list[Node | None]:
    """Cotangents of ``inputs`` for those of ``outputs``; None stands for zero.

    Args:
        inputs: nodes that the outputs may depend on; operations are differentiated down to them.
        outputs: nodes.
        cotangents: one for each output, of its type, or None.

    Raises:
        MissingRuleError: a primitive on the way has no derivative; the error names it and the user's line.
    """
    total: dict[Node, Any] = {}
    for node, ct in zip(outputs, cotangents, strict=True):
        _accumulate(total, node, ct)
    asked = state.source
    try:
        for node in reversed(between(inputs, outputs)):
            ct = total.pop(node, None)
            op = node.op
            assert op is not None
            if ct is None or not op.differentiable:
                continue
            state.source = recorded_for(node, "the backward pass of", asked)
            if op is project:
                parts = total.setdefault(node.inputs[0], [None] * len(node.inputs[0].aval.elements))
                parts[node.params["index"]] = _sum(parts[node.params["index"]], ct)
                continue
            if not isinstance(node.aval, TupleAval) and not node.dtype.is_inexact:
                continue
            try:
                found = _rule(node, ct)
            except EerieError as error:
                error.source = node.source or error.source
                raise
            for operand, cotangent in zip(node.inputs, found, strict=True):
                _accumulate(total, operand, cotangent)
    finally:
        state.source = asked
    return [total.get(node) for node in inputs]


def _rule(node: Node, ct: Any) -> Sequence[Node | None]:
    op = node.op
    assert op is not None
    if isinstance(node.aval, TupleAval):
        ct = [full(a, 0) if c is None else c for a, c in zip(node.aval.elements, ct, strict=True)]
    if type(op).vjp is not Primitive.vjp:
        return op.vjp(ct, node, *node.inputs, **node.params)
    if type(op).decompose is Primitive.decompose:
        return op.vjp(ct)  # says that there is no rule
    inner = [alias(i) for i in node.inputs]
    results = op.decompose(*inner, **node.params)
    if isinstance(results, tuple):
        return pullback(inner, results, ct if isinstance(ct, list) else [ct])
    return pullback(inner, [results], [ct])


def _accumulate(total: dict[Node, Any], node: Node, ct: Node | None) -> None:
    if ct is not None:
        total[node] = _sum(total.get(node), ct)


def _sum(a: Node | None, b: Node) -> Node:
    return b if a is None else add(a, b)
