"""RMSprop: steps divided by the root of a moving average of squares."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie
from eerie_dsl.optim.leafwise import Leaf, Update, leafwise
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.values import Hyper, hyper, number


def rmsprop(
    learning_rate: Hyper = 1e-2,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    """RMSprop (Tieleman and Hinton 2012): ``-learning_rate * g / (sqrt(v) + eps)``, v the average of the squares.

    Args:
        learning_rate: a number or a schedule.
        alpha: how much of the average is kept at a step; in [0, 1).
        eps: added to the root.
        momentum: of the divided gradients; 0 for none.
        centered: divide by the standard deviation: the square of the average gradient is taken off v (Graves 2013).

    Raises:
        InvalidValueError: a number is negative, or ``alpha`` is not below 1.

    >>> from eerie_dsl import optim
    >>> opt = optim.rmsprop(0.1, alpha=0.75)
    >>> updates, state = opt.update(eerie.asarray([2.0, -8.0]), opt.init(eerie.ones((2,))), eerie.ones((2,)))
    >>> updates
    Array([-0.2,  0.2], dtype=float32, device=cpu)
    """
    options: dict[str, Any] = {
        "learning_rate": hyper("rmsprop: learning_rate", learning_rate),
        "alpha": (keep := number("rmsprop: alpha", alpha, below=1)),
        "eps": (small := number("rmsprop: eps", eps)),
        "momentum": (inertia := number("rmsprop: momentum", momentum)),
        "centered": centered,
    }
    slots = {"square": 0.0, **({"mean": 0.0} if centered else {}), **({"velocity": 0.0} if inertia else {})}

    def rule(leaf: Leaf) -> Update:
        grad = leaf.grad
        square = keep * leaf.slots["square"] + (1 - keep) * grad * grad
        after = {"square": square}
        if centered:
            after["mean"] = keep * leaf.slots["mean"] + (1 - keep) * grad
            # Rounding may leave less than nothing of a variance.
            square = eerie.maximum(square - after["mean"] * after["mean"], 0.0)
        step = grad / (eerie.sqrt(square) + small)
        if inertia:
            step = after["velocity"] = inertia * leaf.slots["velocity"] + step
        return -leaf.shared["learning_rate"] * step, after

    return leafwise("rmsprop", options, rule, slots=slots)
