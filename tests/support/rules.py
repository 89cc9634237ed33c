"""Checks of the rules of any primitive against its NumPy reference, which needs no compiler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.check import check
from eerie_dsl.ir.dtypes import dtype
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import Primitive

Array = NDArray[Any]


def inputs_for(arrays: Sequence[Array]) -> list[Node]:
    """A graph input for each array."""
    return [placeholder(Aval(a.shape, dtype(a.dtype))) for a in arrays]


def graph_of(op: Primitive, arrays: Sequence[Array], params: Mapping[str, Any]) -> Graph:
    """The operation alone on operands like the arrays."""
    nodes = inputs_for(arrays)
    return Graph.of(nodes, [op(*nodes, **params)])


def check_vjp(
    op: Primitive, arrays: Sequence[Array], params: Mapping[str, Any], *, step: float = 1e-5, tolerance: float = 1e-6
) -> None:
    """The vjp rule against central differences; the arrays that are float64 are those to differentiate by.

    Where the rule gives None for one of them, the operation must not depend on it.
    """
    nodes = inputs_for(arrays)
    out = op(*nodes, **params)
    ct = placeholder(out.aval)
    cotangents = op.vjp(ct, out, *nodes, **params)
    assert len(cotangents) == len(nodes), f"{op.name}: one cotangent per operand"
    assert all(c is None or c.aval is n.aval for c, n in zip(cotangents, nodes, strict=True)), op.name
    weights = np.random.default_rng(5).normal(size=out.shape)
    given = [k for k, c in enumerate(cotangents) if c is not None]
    backward = check(Graph.of([*nodes, ct], [c for c in cotangents if c is not None]))
    gradients = dict(zip(given, backward.evaluate([*arrays, weights]), strict=True))
    forward = Graph.of(nodes, [out])

    def total(changed: Sequence[Array]) -> float:
        return float(np.sum(forward.evaluate(changed)[0] * weights))

    for k, array in enumerate(arrays):
        if array.dtype != np.float64:
            assert k not in gradients, f"{op.name}: operand {k} has no tangent space"
            continue
        numeric = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            above, below = array.copy(), array.copy()
            above[place] += step
            below[place] -= step
            high, low = (total([*arrays[:k], a, *arrays[k + 1 :]]) for a in (above, below))
            numeric[place] = (high - low) / (2 * step)
        found = gradients.get(k, np.zeros(array.shape))
        np.testing.assert_allclose(found, numeric, rtol=tolerance, atol=tolerance, err_msg=f"{op.name}, operand {k}")


def check_batch(op: Primitive, arrays: Sequence[Array], params: Mapping[str, Any], *, size: int = 3) -> None:
    """The batching rule against a loop, for every choice of batched operands, batched in front or at the end."""
    rng = np.random.default_rng(7)
    for batched in product((False, True), repeat=len(arrays)):
        if not any(batched):
            continue
        for at_end in (False, True):
            dims = [(a.ndim if at_end else 0) if b else None for a, b in zip(arrays, batched, strict=True)]
            stacks = [_variants(a, size, rng) if b else [a] * size for a, b in zip(arrays, batched, strict=True)]
            operands = [
                s[0] if d is None else np.ascontiguousarray(np.stack(s, d)) for s, d in zip(stacks, dims, strict=True)
            ]
            nodes = inputs_for(operands)
            found = op.batch(nodes, dims, **params)
            assert isinstance(found, tuple)
            result, dim = found
            got = check(Graph.of(nodes, [result])).evaluate(operands)[0]
            for k in range(size):
                row = [s[k] for s in stacks]
                want = graph_of(op, row, params).evaluate(row)[0]
                part = got if dim is None else np.take(got, k, dim)
                np.testing.assert_allclose(
                    np.asarray(part, np.result_type(part.dtype, np.float64)),
                    np.asarray(want, np.result_type(want.dtype, np.float64)),
                    rtol=1e-12,
                    atol=1e-12,
                    err_msg=f"{op.name} batched at {dims}",
                )


def _variants(array: Array, size: int, rng: np.random.Generator) -> list[Array]:
    # The same elements in other orders: still in the operation's domain.
    return [rng.permutation(array.reshape(-1)).reshape(array.shape) for _ in range(size)]
