"""Lion: steps of one size, in the direction of the sign of a moving average."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie
from eerie_dsl.optim.leafwise import Leaf, Mask, Update, leafwise
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.values import Hyper, hyper, is_zero, pair


def lion(
    learning_rate: Hyper = 1e-4,
    *,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: Hyper = 0.0,
    decay: Mask | None = None,
) -> Optimizer:
    """Lion (Chen et al. 2023): ``-learning_rate * (sign(c) + weight_decay * parameter)``.

    c is ``betas[0] * m + (1 - betas[0]) * g``, and m, the moving average of the gradient g, becomes
    ``betas[1] * m + (1 - betas[1]) * g``. The state holds it as ``mean``. The learning rate is about a tenth of
    Adam's, and the weight decay ten times Adam's.

    Args:
        learning_rate: a number or a schedule.
        betas: how much of the average counts for the direction, and how much is kept; in [0, 1).
        weight_decay: a number or a schedule.
        decay: ``decay(path, parameter)`` says which parameters decay; all do without it.

    Raises:
        InvalidValueError: a number is negative, or a beta is not below 1.

    >>> from eerie_dsl import optim
    >>> opt = optim.lion(0.5)
    >>> updates, state = opt.update(eerie.asarray([3.0, -0.1]), opt.init(eerie.ones((2,))), eerie.ones((2,)))
    >>> updates.tolist()
    [-0.5, 0.5]
    """
    first, second = pair("lion: betas", betas)
    options: dict[str, Any] = {
        "learning_rate": hyper("lion: learning_rate", learning_rate),
        "betas": (first, second),
        "weight_decay": hyper("lion: weight_decay", weight_decay),
    }
    if decay is not None:
        options["decay"] = decay
    decaying = not is_zero(options["weight_decay"])

    def rule(leaf: Leaf) -> Update:
        mean, grad = leaf.slots["mean"], leaf.grad
        change = -eerie.sign(first * mean + (1 - first) * grad)
        if decaying and leaf.decays:
            change = change - leaf.shared["weight_decay"] * leaf.param
        return leaf.shared["learning_rate"] * change, {"mean": second * mean + (1 - second) * grad}

    return leafwise("lion", options, rule, slots={"mean": 0.0}, scheduled=("learning_rate", "weight_decay"))
