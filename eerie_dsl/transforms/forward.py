"""Forward mode: tangents of what results are computed from become tangents of the results.

A primitive needs no rule of its own for it: its vjp is linear in the cotangent, and the transpose of that linear
function is what takes tangents forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import EerieError
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive, project
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.constant import full
from eerie_dsl.ops.identity import alias
from eerie_dsl.transforms.paths import between, recorded_for
from eerie_dsl.transforms.reverse import pullback


def pushforward(inputs: Sequence[Node], outputs: Sequence[Node], tangents: Sequence[Node]) -> list[Node | None]:
    """Tangents of ``outputs`` for those of ``inputs``; None stands for zero.

    Args:
        inputs: nodes that the outputs may depend on.
        outputs: nodes.
        tangents: one for each input, of its type.

    Raises:
        MissingRuleError: a primitive on the way has no derivative; the error names it and the user's line.
    """
    known: dict[Node, Any] = dict(zip(inputs, tangents, strict=True))
    asked = state.source
    try:
        for node in between(inputs, outputs):
            op = node.op
            assert op is not None
            if not op.differentiable:
                continue
            if op is project:
                tangent = _part(known.get(node.inputs[0]), node.params["index"])
            else:
                state.source = recorded_for(node, "the tangent of", asked)
                try:
                    tangent = _pushed(node, {k: known[i] for k, i in enumerate(node.inputs) if i in known})
                except EerieError as error:
                    error.source = node.source or error.source
                    raise
            if tangent is not None:
                known[node] = tangent
    finally:
        state.source = asked
    return [known.get(node) for node in outputs]


def _pushed(node: Node, tangents: dict[int, Node]) -> Any:
    """The tangent of a node for those of its operands; a list of them for several results."""
    op = node.op
    assert op is not None
    several = isinstance(node.aval, TupleAval)
    avals = node.aval.elements if several else [node.aval]
    if not tangents or not any(a.dtype.is_inexact for a in avals):
        return None
    if type(op).vjp is Primitive.vjp and type(op).decompose is not Primitive.decompose:
        inner = [alias(i) for i in node.inputs]
        results = op.decompose(*inner, **node.params)
        pushed = pushforward(
            [inner[k] for k in tangents], results if isinstance(results, tuple) else [results], list(tangents.values())
        )
        return pushed if several else pushed[0]
    if type(op).jvp is not Primitive.jvp:
        return op.jvp([tangents.get(k) for k in range(len(node.inputs))], node, *node.inputs, **node.params)
    # The transpose of the vjp.
    cts = [alias(full(a, 0)) for a in avals]
    found = op.vjp(cts if several else cts[0], node, *node.inputs, **node.params)
    pairs = [(c, t) for k, t in tangents.items() if (c := found[k]) is not None]
    pushed = pullback(cts, [c for c, _ in pairs], [t for _, t in pairs])
    return pushed if several else pushed[0]


def _part(tangents: Any, index: int) -> Node | None:
    return None if tangents is None else tangents[index]
