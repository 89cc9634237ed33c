"""Adagrad: steps divided by the root of the sum of all squares so far."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie
from eerie_dsl.optim.leafwise import Leaf, Update, leafwise
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.values import Hyper, hyper, number


def adagrad(learning_rate: Hyper = 1e-2, *, initial: float = 0.0, eps: float = 1e-10) -> Optimizer:
    """Adagrad (Duchi et al. 2011): ``-learning_rate * g / (sqrt(s) + eps)``, s the sum of the squares.

    Args:
        learning_rate: a number or a schedule.
        initial: what the sum begins with.
        eps: added to the root.

    Raises:
        InvalidValueError: a number is negative.

    >>> from eerie_dsl import optim
    >>> opt = optim.adagrad(0.5)
    >>> updates, state = opt.update(eerie.asarray([3.0, -4.0]), opt.init(eerie.ones((2,))), eerie.ones((2,)))
    >>> updates.tolist(), state["sum"].tolist()
    ([-0.5, 0.5], [9.0, 16.0])
    """
    options: dict[str, Any] = {
        "learning_rate": hyper("adagrad: learning_rate", learning_rate),
        "initial": number("adagrad: initial", initial),
        "eps": (small := number("adagrad: eps", eps)),
    }

    def rule(leaf: Leaf) -> Update:
        total = leaf.slots["sum"] + leaf.grad * leaf.grad
        return -leaf.shared["learning_rate"] * leaf.grad / (eerie.sqrt(total) + small), {"sum": total}

    return leafwise("adagrad", options, rule, slots={"sum": options["initial"]})
