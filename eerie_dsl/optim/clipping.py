"""Gradients of bounded size: stages to put before an optimiser in `chain`. They keep no state.

What is not finite is not hidden. Where the norm of a gradient is infinite, its infinite elements become NaN and the
others 0; where there is a NaN, all of it becomes NaN. (`clip_by_value` clips infinities and keeps NaN.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.trees import trained
from eerie_dsl.optim.values import number


def clip_by_value(max_value: float) -> Optimizer:
    """Each element between ``-max_value`` and ``max_value``.

    Raises:
        InvalidValueError: ``max_value`` is not greater than 0.

    >>> from eerie_dsl import optim
    >>> optim.clip_by_value(1.0).update(eerie.asarray([0.5, -3.0]), (), None)[0]
    Array([ 0.5, -1. ], dtype=float32, device=cpu)
    """
    limit = number("clip_by_value: max_value", max_value, positive=True)
    return _stage("clip_by_value", {"max_value": limit}, lambda grads: [eerie.clip(g, -limit, limit) for g in grads])


def clip_by_norm(max_norm: float) -> Optimizer:
    """Each gradient scaled down to the length ``max_norm`` where it is longer; each leaf by itself.

    Raises:
        InvalidValueError: ``max_norm`` is not greater than 0.

    >>> from eerie_dsl import optim
    >>> optim.clip_by_norm(1.0).update({"a": eerie.asarray([3.0, 4.0]), "b": eerie.asarray([0.5])}, (), None)[0]
    {'a': Array([0.6, 0.8], dtype=float32, device=cpu), 'b': Array([0.5], dtype=float32, device=cpu)}
    """
    limit = number("clip_by_norm: max_norm", max_norm, positive=True)
    return _stage("clip_by_norm", {"max_norm": limit}, lambda grads: [_scaled(g, _norm([g]), limit) for g in grads])


def clip_by_global_norm(max_norm: float) -> Optimizer:
    """All gradients scaled down by one factor where the length of all together exceeds ``max_norm``.

    Raises:
        InvalidValueError: ``max_norm`` is not greater than 0.

    >>> from eerie_dsl import optim
    >>> optim.clip_by_global_norm(1.0).update([eerie.asarray([3.0]), eerie.asarray([4.0])], (), None)[0]
    [Array([0.6], dtype=float32, device=cpu), Array([0.8], dtype=float32, device=cpu)]
    """
    limit = number("clip_by_global_norm: max_norm", max_norm, positive=True)

    def clip(grads: Sequence[eerie.Array]) -> list[eerie.Array]:
        norm = _norm(grads)
        return [_scaled(g, norm, limit) for g in grads]

    return _stage("clip_by_global_norm", {"max_norm": limit}, clip)


def global_norm(tree: Any) -> eerie.Array:
    """The length of all real floating point leaves as one vector.

    Returns:
        A 0-d array: float64 where a leaf is, else float32.

    >>> from eerie_dsl import optim
    >>> optim.global_norm({"a": eerie.asarray([3.0]), "b": eerie.asarray([[4.0]]), "size": 7})
    Array(5., dtype=float32, device=cpu)
    """
    return _norm([eerie.asarray(leaf) for leaf in eerie.tree.leaves(tree) if trained(leaf)])


def _norm(arrays: Sequence[eerie.Array]) -> eerie.Array:
    wide = eerie.float64 if any(a.dtype is eerie.float64 for a in arrays) else eerie.float32
    total = eerie.zeros((), dtype=wide)
    for array in arrays:
        total = total + eerie.sum(eerie.square(array.astype(wide)))
    return eerie.sqrt(total)


def _scaled(array: eerie.Array, norm: eerie.Array, limit: float) -> eerie.Array:
    # Exactly 1 up to the limit; a NaN stays one.
    return (array.astype(norm.dtype) * (limit / eerie.maximum(norm, limit))).astype(array.dtype)


def _stage(
    name: str, options: dict[str, Any], clip: Callable[[Sequence[eerie.Array]], Sequence[eerie.Array]]
) -> Optimizer:
    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        leaves, structure = eerie.tree.flatten(grads, none_is_leaf=True)
        places = [i for i, leaf in enumerate(leaves) if trained(leaf)]
        for i, clipped in zip(places, clip([eerie.asarray(leaves[i]) for i in places]), strict=True):
            leaves[i] = clipped
        return eerie.tree.unflatten(structure, leaves), state

    return Optimizer(name, options=options, init=lambda params: (), update=update)
