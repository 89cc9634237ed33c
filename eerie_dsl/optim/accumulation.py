"""Gradients of several micro-batches for one step of an optimiser."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError
from eerie_dsl.optim.optimizer import Optimizer, check
from eerie_dsl.optim.trees import Leaves
from eerie_dsl.optim.values import whole


def accumulate(optimizer: Optimizer, *, every: int) -> Optimizer:
    """An optimiser that steps at every ``every``-th call, with the mean of the gradients since the last step.

    Between steps the updates are zeros and the inner state stays as it is; its schedules count steps, not calls. Where
    the loss is a mean over the batch and micro-batches have one size, this equals one step with all of them. Only
    what is needed is computed (`eerie.cond`).

    Args:
        optimizer: takes the steps.
        every: the number of micro-batches, at least 1.

    Returns:
        An optimiser whose state is a dict of ``count`` (calls since the last step, 0-d int32), ``sum`` (like the
        parameters) and ``inner``.

    Raises:
        InvalidValueError: ``every`` is less than 1.
        ArgumentError: ``optimizer`` is not an `Optimizer`.

    >>> from eerie_dsl import optim
    >>> opt = optim.accumulate(optim.sgd(1.0), every=2)
    >>> params, state = eerie.zeros((1,)), opt.init(eerie.zeros((1,)))
    >>> for gradient in (eerie.asarray([1.0]), eerie.asarray([3.0])):
    ...     updates, state = opt.update(gradient, state, params)
    ...     print(updates.tolist())
    [0.0]
    [-2.0]
    """
    check("accumulate", optimizer)
    steps = whole("accumulate: every", every)

    def init(params: Any) -> dict[str, Any]:
        leaves = Leaves("accumulate.init", params)
        zeros = [
            eerie.zeros_like(eerie.asarray(p)) if m else None
            for p, m in zip(leaves.values, leaves.trained, strict=True)
        ]
        return {
            "count": eerie.zeros((), dtype=eerie.int32),
            "sum": leaves.build(zeros),
            "inner": optimizer.init(params),
        }

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, dict[str, Any]]:
        leaves = Leaves("accumulate.update", params)
        gradients = leaves.like("grads", grads)
        if not isinstance(state, dict) or state.keys() != {"count", "sum", "inner"}:
            raise ArgumentError("accumulate.update: the state is not one of accumulate", hint="pass what init gave")
        sums = leaves.like("state['sum']", state["sum"])
        moving = [i for i, g in enumerate(gradients) if g is not None and leaves.trained[i]]
        total = {}
        for i in moving:
            before = leaves.present("state['sum']", i, sums[i])
            total[i] = before + eerie.asarray(gradients[i]).astype(before.dtype)
        none = [None] * len(gradients)

        def placed(values: dict[int, Any], rest: list[Any]) -> Any:
            return leaves.build([values.get(i, r) for i, r in enumerate(rest)])

        def zeros(total: dict[int, Any]) -> dict[int, Any]:
            return {i: eerie.zeros_like(t) for i, t in total.items()}

        def step(total: dict[int, Any], inner: Any) -> tuple[Any, dict[int, Any], Any]:
            mean = placed({i: t / steps for i, t in total.items()}, none)
            updates, inner = optimizer.update(mean, inner, params)
            return updates, zeros(total), inner

        def wait(total: dict[int, Any], inner: Any) -> tuple[Any, dict[int, Any], Any]:
            return placed(zeros(total), none), total, inner

        count = state["count"] + 1
        full = count == steps
        updates, total, inner = eerie.cond(full, step, wait, total, state["inner"])
        new = {"count": eerie.where(full, 0, count), "sum": placed(total, sums), "inner": inner}
        return updates, new

    return Optimizer("accumulate", (optimizer,), {"every": steps}, init=init, update=update)
