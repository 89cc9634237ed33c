"""Adam, and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.optim.leafwise import Leaf, Mask, Update, leafwise
from eerie_dsl.optim.optimizer import Optimizer
from eerie_dsl.optim.values import Hyper, hyper, is_zero, number, pair, state_type


def adam(
    learning_rate: Hyper = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    amsgrad: bool = False,
    state_dtype: Any = None,
) -> Optimizer:
    """Adam (Kingma and Ba 2015): ``-learning_rate * m / (sqrt(v) + eps)``.

    m and v are the moving averages of the gradient and of its square, divided by ``1 - beta**t`` because they begin
    at 0. The state holds them, undivided, as ``mean`` and ``square``.

    Args:
        learning_rate: a number or a schedule.
        betas: how much of the averages of gradient and square is kept at a step; in [0, 1).
        eps: added to the root.
        amsgrad: divide by the largest average of squares so far, kept as ``largest`` (Reddi et al. 2018).
        state_dtype: dtype of the averages. Without it that of each parameter; float32 is better for parameters in
            half precision, where a small change is lost to rounding.

    Raises:
        InvalidValueError: a number is negative, or a beta is not below 1.
        DTypeError: ``state_dtype`` is not real floating point.

    >>> from eerie_dsl import optim
    >>> opt = optim.adam(0.1)
    >>> params = {"w": eerie.ones((2,))}
    >>> updates, state = opt.update({"w": eerie.asarray([4.0, -0.5])}, opt.init(params), params)
    >>> eerie.round(updates["w"], 3)
    Array([-0.1,  0.1], dtype=float32, device=cpu)
    """
    return _adam("adam", learning_rate, betas, eps, amsgrad, state_dtype, {})


def adamw(
    learning_rate: Hyper = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: Hyper = 0.01,
    decay: Mask | None = None,
    amsgrad: bool = False,
    state_dtype: Any = None,
) -> Optimizer:
    """Adam with weight decay beside the gradient (Loshchilov and Hutter 2019).

    Parameters move by ``-learning_rate * (m / (sqrt(v) + eps) + weight_decay * parameter)``; the rest is as in `adam`.

    Args:
        learning_rate: a number or a schedule.
        betas: see `adam`.
        eps: see `adam`.
        weight_decay: a number or a schedule.
        decay: ``decay(path, parameter)`` says which parameters decay; all do without it. The path is how one would
            write it, ``params['w']`` or ``params.layers[0].weight``.
        amsgrad: see `adam`.
        state_dtype: see `adam`.

    Raises:
        InvalidValueError: a number is negative, or a beta is not below 1.
        DTypeError: ``state_dtype`` is not real floating point.

    >>> from eerie_dsl import optim
    >>> opt = optim.adamw(0.1, weight_decay=0.5, decay=lambda path, parameter: parameter.ndim > 1)
    >>> params = {"w": eerie.ones((1, 2)), "b": eerie.ones((2,))}
    >>> updates, state = opt.update(eerie.tree.map(eerie.zeros_like, params), opt.init(params), params)
    >>> params = optim.apply(params, updates)
    >>> eerie.round(params["w"], 3), params["b"]
    (Array([[0.95, 0.95]], dtype=float32, device=cpu), Array([1., 1.], dtype=float32, device=cpu))
    """
    more: dict[str, Any] = {"weight_decay": hyper("adamw: weight_decay", weight_decay)}
    if decay is not None:
        more["decay"] = decay
    return _adam("adamw", learning_rate, betas, eps, amsgrad, state_dtype, more)


def _adam(
    name: str,
    learning_rate: Hyper,
    betas: tuple[float, float],
    eps: float,
    amsgrad: bool,
    state_dtype: Any,
    more: dict[str, Any],
) -> Optimizer:
    first, second = pair(f"{name}: betas", betas)
    small, kept = number(f"{name}: eps", eps), state_type(f"{name}: state_dtype", state_dtype)
    options = {
        "learning_rate": hyper(f"{name}: learning_rate", learning_rate),
        "betas": (first, second),
        "eps": small,
        **more,
        **({"amsgrad": True} if amsgrad else {}),
        **({} if kept is None else {"state_dtype": kept}),
    }

    decaying = "weight_decay" in more and not is_zero(more["weight_decay"])

    def shared(step: eerie.Array, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "step_size": values["learning_rate"] / _begun(first, step),
            "scale": eerie.rsqrt(_begun(second, step)),
        }

    def rule(leaf: Leaf) -> Update:
        grad = leaf.grad
        mean = first * leaf.slots["mean"] + (1 - first) * grad
        square = second * leaf.slots["square"] + (1 - second) * grad * grad
        slots = {"mean": mean, "square": square}
        if amsgrad:
            slots["largest"] = square = eerie.maximum(leaf.slots["largest"], square)
        change = -leaf.shared["step_size"] * mean / (eerie.sqrt(square) * leaf.shared["scale"] + small)
        if decaying and leaf.decays:
            change = change - leaf.shared["learning_rate"] * leaf.shared["weight_decay"] * leaf.param
        return change, slots

    return leafwise(
        name,
        options,
        rule,
        slots=dict.fromkeys(("mean", "square", "largest") if amsgrad else ("mean", "square"), 0.0),
        scheduled=("learning_rate", "weight_decay") if more else ("learning_rate",),
        shared=shared,
        state_dtype=kept,
    )


def _begun(beta: float, step: eerie.Array) -> eerie.Array:
    # 1 - beta**step, which in float32 would lose most of its digits at the first steps.
    return -eerie.expm1(step * math.log(beta)) if beta else eerie.ones_like(step)
