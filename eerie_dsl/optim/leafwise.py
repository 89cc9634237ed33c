"""Optimisers that treat every leaf alike: a rule for one leaf, numbers that all leaves share, state beside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.trees import Leaves
from eerie_dsl.optim.values import at

Mask: TypeAlias = Callable[[str, Any], bool]
"""Whether a parameter decays: a function of its path, such as ``params['w']``, and its value."""


@dataclass(frozen=True)
class Leaf:
    """One parameter at one step, in the dtype to compute in: its own, or float32 for shorter ones.

    Attributes:
        param: its value.
        grad: its gradient.
        slots: its state.
        shared: the numbers that all leaves share.
        decays: whether weight decay is for it.
    """

    param: eerie.Array
    grad: eerie.Array
    slots: Mapping[str, eerie.Array]
    shared: Mapping[str, Any]
    decays: bool


Update: TypeAlias = tuple[eerie.Array, dict[str, eerie.Array]]
Rule: TypeAlias = Callable[[Leaf], Update]


def leafwise(
    name: str,
    options: Mapping[str, Any],
    rule: Rule,
    *,
    slots: Mapping[str, float],
    scheduled: tuple[str, ...] = ("learning_rate",),
    shared: Callable[[eerie.Array, dict[str, Any]], dict[str, Any]] | None = None,
    state_dtype: eerie.DType | None = None,
) -> Optimizer:
    """An optimiser from a rule for one leaf.

    Its state is a dict: ``count``, the number of updates so far (0-d int32), and for each slot a tree like the
    parameters, with None where nothing is trained.

    Args:
        name: the optimiser.
        options: its hyper-parameters, as they are printed; ``decay`` is the mask of weight decay.
        rule: gives the update of a leaf and its new slots.
        slots: what each slot begins with.
        scheduled: the options that may be schedules.
        shared: makes further numbers for the rule from the number of the step, from 1, and the values of the
            scheduled options. It runs once for an update, not for each leaf.
        state_dtype: dtype of the slots; None for that of each parameter.
    """
    mask: Mask | None = options.get("decay")

    def init(params: Any) -> dict[str, Any]:
        leaves = Leaves(f"{name}.init", params)
        state: dict[str, Any] = {"count": eerie.zeros((), dtype=eerie.int32)}
        for slot, value in slots.items():
            state[slot] = leaves.build(
                [
                    eerie.full(eerie.asarray(p).shape, value, dtype=state_dtype or eerie.asarray(p).dtype)
                    if moves
                    else None
                    for p, moves in zip(leaves.values, leaves.trained, strict=True)
                ]
            )
        return state

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, dict[str, Any]]:
        leaves = Leaves(f"{name}.update", params)
        gradients = leaves.like("grads", grads)
        if not isinstance(state, dict) or state.keys() != {"count", *slots}:
            raise ArgumentError(f"{name}.update: the state is not one of {name}", hint="pass what init gave")
        kept = {slot: leaves.like(f"state['{slot}']", state[slot]) for slot in slots}
        count = eerie.asarray(state["count"])
        moving = [i for i, g in enumerate(gradients) if g is not None and leaves.trained[i]]
        parameters = {i: eerie.asarray(leaves.values[i]) for i in moving}
        wide = eerie.float64 if any(p.dtype is eerie.float64 for p in parameters.values()) else eerie.float32

        numbers: dict[str, Any] = {o: at(f"{name}: {o}", options[o], count, wide) for o in scheduled}
        if shared is not None:
            numbers |= shared((count + 1).astype(wide), numbers)
        casts = {d: {k: _as(v, d) for k, v in numbers.items()} for d in (eerie.float32, wide)}

        updates: list[Any] = [None] * len(gradients)
        for i, param in parameters.items():
            dtype = param.dtype if param.dtype is eerie.float64 else eerie.float32
            before = {slot: leaves.present(f"state['{slot}']", i, kept[slot][i]) for slot in slots}
            leaf = Leaf(
                param.astype(dtype),
                eerie.asarray(gradients[i]).astype(dtype),
                {slot: value.astype(dtype) for slot, value in before.items()},
                casts[dtype],
                mask is None or bool(mask(leaves.path(i), leaves.values[i])),
            )
            change, after = rule(leaf)
            updates[i] = change.astype(param.dtype)
            for slot, value in after.items():
                kept[slot][i] = value.astype(before[slot].dtype)
        new = {"count": count + 1, **{slot: leaves.build(values) for slot, values in kept.items()}}
        return leaves.build(updates), new

    return Optimizer(name, options=options, init=init, update=update)


def _as(value: Any, dtype: eerie.DType) -> Any:
    return value.astype(dtype) if isinstance(value, eerie.Array) else value
