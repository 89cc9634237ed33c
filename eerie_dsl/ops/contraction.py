"""Contraction: the product of two arrays summed over shared axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, promote
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops.base import NUMERIC, check_dtype
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.reduction import accumulator
from eerie_dsl.ops.shape import Axes, transpose

Pair = tuple[Axes, Axes]


class Dot(Primitive):
    """Sum of products over pairs of axes: every matrix product, inner product and batched product.

    Result axes are the batch axes, then the free axes of ``lhs``, then those of ``rhs``. Integers wrap around.
    float16 and bfloat16 accumulate in float32 and are rounded once.

    Params:
        contract: the axes of ``lhs`` and, in the same order, those of ``rhs`` that are summed over.
        batch: likewise, the axes that both operands keep.
        dtype: of the result, the operands' or a wider one of their kind (int8 into int32, bfloat16 into float32).
    """

    name = "dot"
    absorbs = "views"

    def infer(self, lhs: Aval, rhs: Aval, *, contract: Pair, batch: Pair, dtype: DType) -> Aval:
        check_product(self, lhs, rhs, dtype)
        for what, (left, right) in (("contract", contract), ("batch", batch)):
            if len(left) != len(right):
                raise ShapeError(f"dot pairs axes up: {what}={left, right} has {len(left)} and {len(right)}")
            for axes, aval in ((left, lhs), (right, rhs)):
                for axis in axes:
                    if not 0 <= axis < aval.ndim:
                        raise ShapeError(f"dot has no axis {axis} in {aval} to {what}")
            for i, j in zip(left, right, strict=True):
                if lhs.shape[i] != rhs.shape[j]:
                    raise ShapeError(
                        f"dot of {lhs} and {rhs}: axis {i} of the first has {lhs.shape[i]} elements, "
                        f"axis {j} of the second {rhs.shape[j]}",
                        hint="transpose or reshape one operand so that the two axes agree",
                    )
        for aval, axes in ((lhs, contract[0] + batch[0]), (rhs, contract[1] + batch[1])):
            if len(set(axes)) < len(axes):
                raise ShapeError(f"dot uses an axis of {aval} twice in contract={contract}, batch={batch}")
        return Aval(
            tuple(lhs.shape[i] for i in batch[0] + free(lhs, contract[0] + batch[0]))
            + tuple(rhs.shape[i] for i in free(rhs, contract[1] + batch[1])),
            dtype,
        )

    def reference(self, lhs: Any, rhs: Any, *, contract: Pair, batch: Pair, dtype: DType) -> Any:
        lhs_free = free(lhs, contract[0] + batch[0])
        rhs_free = free(rhs, contract[1] + batch[1])
        count = prod(lhs.shape[i] for i in batch[0])
        depth = prod(lhs.shape[i] for i in contract[0])
        rows, columns = (prod(a.shape[i] for i in axes) for a, axes in ((lhs, lhs_free), (rhs, rhs_free)))
        kind = accumulator(dtype).numpy
        with np.errstate(all="ignore"):
            a = lhs.transpose(batch[0] + lhs_free + contract[0]).reshape(count, rows, depth).astype(kind)
            b = rhs.transpose(batch[1] + contract[1] + rhs_free).reshape(count, depth, columns).astype(kind)
            product = np.matmul(a, b).astype(dtype.numpy)
        return product.reshape(tuple(lhs.shape[i] for i in batch[0] + lhs_free) + tuple(rhs.shape[i] for i in rhs_free))

    def lower(self, b: Any, lhs: Any, rhs: Any, *, out: Aval, contract: Pair, batch: Pair, dtype: DType) -> Any:
        sums = tuple(lhs.aval.shape[i] for i in contract[0])
        if 0 in sums or out.size == 0:
            return b.splat(out, 0)
        # The result's axes are the first loops, the summed axes the last.
        first_rhs = len(batch[0]) + lhs.aval.ndim - len(contract[0] + batch[0])
        lhs_dims = _loops(lhs.aval, contract[0], batch[0], len(batch[0]), out.ndim)
        rhs_dims = _loops(rhs.aval, contract[1], batch[1], first_rhs, out.ndim)
        loops = (*out.shape, *sums)
        return multiply_add(b, out, loops, (lhs, lhs_dims), (rhs, rhs_dims))

    def vjp(
        self, ct: Node, out: Node, lhs: Node, rhs: Node, *, contract: Pair, batch: Pair, dtype: DType
    ) -> Cotangents:
        if not dtype.is_inexact:
            return (None, None)
        return (
            _operand_cotangent(ct, lhs, rhs, contract, batch, ct_has_lhs_first=True),
            _operand_cotangent(ct, rhs, lhs, contract[::-1], batch[::-1], ct_has_lhs_first=False),
        )

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Aval, **params: Any) -> bool:
        return True

    def batch(
        self, inputs: Sequence[Node], dims: Sequence[int | None], *, contract: Pair, batch: Pair, dtype: DType
    ) -> tuple[Node, int | None]:
        lhs_dim, rhs_dim = dims
        lhs_contract, rhs_contract = (_shifted(a, d) for a, d in zip(contract, dims, strict=True))
        lhs_batch, rhs_batch = (_shifted(a, d) for a, d in zip(batch, dims, strict=True))
        if lhs_dim is not None and rhs_dim is not None:
            lhs_batch, rhs_batch, place = (lhs_dim, *lhs_batch), (rhs_dim, *rhs_batch), 0
        elif lhs_dim is not None:
            place = len(lhs_batch) + free(inputs[0], lhs_contract + lhs_batch).index(lhs_dim)
        else:
            assert rhs_dim is not None
            lhs_free = free(inputs[0], lhs_contract + lhs_batch)
            place = len(lhs_batch) + len(lhs_free) + free(inputs[1], rhs_contract + rhs_batch).index(rhs_dim)
        return self(*inputs, contract=(lhs_contract, rhs_contract), batch=(lhs_batch, rhs_batch), dtype=dtype), place

    def flops(self, lhs: Aval, rhs: Aval, *, out: Aval, contract: Pair, batch: Pair, dtype: DType) -> int:
        return 2 * out.size * prod(lhs.shape[i] for i in contract[0])


dot = Dot()


def free(array: Any, used: Axes) -> Axes:
    """The axes of ``array`` that are not among ``used``."""
    return tuple(i for i in range(array.ndim) if i not in used)


def multiply_add(b: Any, out: Aval, loops: Axes, lhs: Any, rhs: Any) -> Any:
    """Emit the sum of products over the loops that follow the axes of ``out``, rounded to it at the end."""
    kind = accumulator(out.dtype)
    total = b.contraction(out.with_dtype(kind), loops, lhs, rhs)
    return total if kind is out.dtype else b.map(out, lambda s, x: s.cast(x, out.dtype), total)


def check_product(op: Primitive, lhs: Aval, rhs: Aval, dtype: DType) -> None:
    """Raise DTypeError unless the operands have one numeric dtype that the result's can hold."""
    check_dtype(op, lhs.dtype, NUMERIC)
    if lhs.dtype is not rhs.dtype:
        raise DTypeError(
            f"{op.name} needs operands of one dtype, got {lhs} and {rhs}", hint="cast one of them to the other's dtype"
        )
    same_kind = dtype.kind == lhs.dtype.kind or (dtype.is_integer and lhs.dtype.is_integer)
    if not same_kind or promote(lhs.dtype, dtype) is not dtype:
        raise DTypeError(
            f"{op.name} of {lhs} and {rhs} cannot have a result of {dtype.name}",
            hint=f"ask for {lhs.dtype.name} or a wider dtype of its kind, and cast the result",
        )


def _loops(aval: Aval, contract: Axes, batch: Axes, first_free: int, first_contract: int) -> Axes:
    place = {axis: k for k, axis in enumerate(batch)}
    place |= {axis: first_contract + k for k, axis in enumerate(contract)}
    place |= {axis: first_free + k for k, axis in enumerate(free(aval, contract + batch))}
    return tuple(place[axis] for axis in range(aval.ndim))


def _operand_cotangent(
    ct: Node, operand: Node, other: Node, contract: Pair, batch: Pair, *, ct_has_lhs_first: bool
) -> Node:
    """The cotangent of ``operand``, whose axes come first in ``contract`` and ``batch``."""
    own_free = free(operand, contract[0] + batch[0])
    other_free = free(other, contract[1] + batch[1])
    start = len(batch[0]) + (len(own_free) if ct_has_lhs_first else 0)
    ct_other = tuple(range(start, start + len(other_free)))
    ct_batch = tuple(range(len(batch[0])))
    other = as_dtype(other, ct.dtype)
    result = dot(ct, other, contract=(ct_other, other_free), batch=(ct_batch, batch[1]), dtype=ct.dtype)
    # The axes are now: batch, own free, and the contracted ones in the order of the other operand.
    partner = dict(zip(contract[1], contract[0], strict=True))
    axes = batch[0] + own_free + tuple(partner[axis] for axis in sorted(contract[1]))
    order = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    if order != tuple(range(len(order))):
        result = transpose(result, axes=order)
    return as_dtype(result, operand.dtype)


def as_dtype(x: Node, dtype: DType) -> Node:
    """``x`` in another dtype."""
    return x if x.dtype is dtype else cast(x, dtype=dtype)


def _shifted(axes: Axes, dim: int | None) -> Axes:
    """``axes`` of an unbatched operand as axes of the batched one."""
    return axes if dim is None else tuple(a + (a >= dim) for a in axes)
