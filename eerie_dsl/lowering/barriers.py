"""What keeps the compiler from finding out that two values are the same, or from making one kernel of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.lowering.scalar import Scalar, ScalarEmitter
from eerie_dsl.lowering.sizes import mixed
from eerie_dsl.lowering.values import Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder


def own(b: Builder, x: Value) -> Value:
    """``x`` in memory of its own, also where the compiler finds that it equals an argument of the function.

    IREE drops every plain copy, so each element is chosen by a condition that only looks unknown.
    """
    return b.map(x.aval, lambda s, e: s.select(b.holds, e, 0), x)


def apart(b: Builder, x: Value) -> Tensor:
    """``x`` produced by other kernels than those that use it."""
    made = b.tensor(x)
    if x.aval.static:
        known = ir.Operation.create("iree_tensor_ext.compute_barrier.start", [made.value.type], [made.value]).result
    else:
        # This one ends the command buffer too: the host waits, and what crosses it is memory that only the host frees,
        # which the runtime's pool does not use again while a result beside it is held. The other one does not stand in
        # every program of unknown sizes.
        known = ir.Operation.create("util.optimization_barrier", [made.value.type], [made.value]).result
        sizes, _ = mixed(x.aval.shape, b.sizes)  # which are lost behind the barrier
        known = ir.Operation.create("flow.tensor.tie_shape", [known.type], [known, *sizes]).result
    return Tensor(x.aval, known)


def after(b: Builder, x: Value, token: Value) -> Value:
    """``x``, read when ``token`` is there: the compiler does not find that it is ``x``, nor that the condition by
    which its elements are chosen, which needs the token, is always True."""
    if not token.aval.size:
        return b.own(x)
    # A slice: reading at 0 and 0 miscompiles where IREE makes it part of the token's own kernel.
    one = Aval((1,) * token.aval.ndim, token.aval.dtype)
    first = b.extract_slice(token, one, [0] * token.aval.ndim, [1] * token.aval.ndim)
    first = b.reshape(first, one.with_shape(()))
    there = b.map(Aval((), bool_), lambda s, e: s.bit_or(b.holds, s.compare("eq", e, 0)), first)
    everywhere = b.view(b.tensor(there), x.aval.with_dtype(bool_), ())
    return b.map(x.aval, lambda s, c, e: s.select(c, e, 0), everywhere, x)


def used(b: Builder, s: ScalarEmitter, element: Scalar, others: Sequence[Scalar]) -> Scalar:
    """``element``, which for all that the compiler knows depends on the others."""
    for other in others:
        element = s.select(b.holds, element, s.cast(other, element.dtype))
    return element


def hidden_true() -> Scalar:
    """True, and the compiler does not find out."""
    true = ScalarEmitter().constant(True, bool_).value
    return Scalar(ir.Operation.create("util.optimization_barrier", [true.type], [true]).result, bool_)
