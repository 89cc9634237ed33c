"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from eerie_dsl.errors import ArgumentError
from eerie_dsl.optim.leafwise import Leaf, Mask, Update, leafwise
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.values import Hyper, hyper, is_zero


def sgd(
    learning_rate: Hyper,
    *,
    momentum: Hyper = 0.0,
    nesterov: bool = False,
    weight_decay: Hyper = 0.0,
    decay: Mask | None = None,
) -> Optimizer:
    """Gradient descent, with momentum where that is not 0.

    With g the gradient plus ``weight_decay`` times the parameter, the velocity v becomes ``momentum * v + g``, and the
    parameter moves by ``-learning_rate * v``; with ``nesterov`` by ``-learning_rate * (g + momentum * v)``
    (Sutskever et al. 2013, in PyTorch's form).

    Args:
        learning_rate: a number or a schedule.
        momentum: a number or a schedule; without it there is no velocity in the state.
        nesterov: look ahead along the velocity.
        weight_decay: a number or a schedule; added to the gradient, as an L2 penalty.
        decay: ``decay(path, parameter)`` says which parameters decay; all do without it.

    Raises:
        InvalidValueError: a number is negative.
        ArgumentError: ``nesterov`` without momentum.

    >>> from eerie_dsl import optim
    >>> opt = optim.sgd(0.1, momentum=0.9)
    >>> params = {"w": eerie.ones((2,))}
    >>> updates, state = opt.update({"w": eerie.full((2,), 2.0)}, opt.init(params), params)
    >>> optim.apply(params, updates)
    {'w': Array([0.8, 0.8], dtype=float32, device=cpu)}
    """
    options: dict[str, Any] = {
        "learning_rate": hyper("sgd: learning_rate", learning_rate),
        "momentum": hyper("sgd: momentum", momentum),
        "nesterov": nesterov,
        "weight_decay": hyper("sgd: weight_decay", weight_decay),
    }
    if decay is not None:
        options["decay"] = decay
    still, decaying = is_zero(options["momentum"]), not is_zero(options["weight_decay"])
    if nesterov and still:
        raise ArgumentError("sgd: nesterov needs momentum", hint="sgd(..., momentum=0.9, nesterov=True)")

    def rule(leaf: Leaf) -> Update:
        rate, grad = leaf.shared["learning_rate"], leaf.grad
        if decaying and leaf.decays:
            grad = grad + leaf.shared["weight_decay"] * leaf.param
        if still:
            return -rate * grad, {}
        velocity = leaf.shared["momentum"] * leaf.slots["velocity"] + grad
        ahead = grad + leaf.shared["momentum"] * velocity if nesterov else velocity
        return -rate * ahead, {"velocity": velocity}

    scheduled = ("learning_rate", "momentum", "weight_decay")
    return leafwise("sgd", options, rule, slots={} if still else {"velocity": 0.0}, scheduled=scheduled)
