"""Operations that give their operand back, and mean something to transforms only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive


class Identity(Primitive):
    """``x`` itself; passes drop it."""

    moves = True

    def infer(self, x: Aval) -> Aval:
        return x

    def reference(self, x: Any) -> Any:
        return x

    def lower(self, b: Any, x: Any, *, out: Aval) -> Any:
        return x

    def passthrough(self, x: Node) -> Node:
        return x

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None]) -> tuple[Node, int | None]:
        return self(*inputs), dims[0]


class Alias(Identity):
    """``x`` under another name: what a derivative is taken by, apart from other uses of ``x``."""

    name = "alias"

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (ct,)


class StopGradient(Identity):
    """``x`` as a constant for derivatives."""

    name = "stop_gradient"
    differentiable = False


class After(Primitive):
    """``x``, not to be had before ``token`` is: what is computed from it is not computed earlier, nor shared."""

    name = "after"

    def infer(self, x: Aval, token: Aval) -> Aval:
        return x

    def reference(self, x: Any, token: Any) -> Any:
        return x

    def lower(self, b: Any, x: Any, token: Any, *, out: Aval) -> Any:
        return b.after(x, token)

    def vjp(self, ct: Node, out: Node, x: Node, token: Node) -> Cotangents:
        return ct, None

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None]) -> tuple[Node, int | None]:
        return after(*inputs), dims[0]


after = After()
alias = Alias()
stop_gradient = StopGradient()
