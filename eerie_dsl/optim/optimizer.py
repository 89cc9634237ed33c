"""What an optimiser is: two functions, of trees. How several become one, and how parameters take what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError
from eerie_dsl.optim.described import Described
from eerie_dsl.optim.trees import Leaves


@dataclass(frozen=True, eq=False, repr=False)
class Optimizer(Described):
    """A pair of pure functions over trees. It prints as the call that made it, with its hyper-parameters.

    Leaves of the parameters that are not real floating point (integers, bools, None) are left alone: their update
    is None. A gradient of None leaves its parameter alone too.

    Attributes:
        init: ``init(params)`` gives the state at the beginning, a tree of arrays.
        update: ``update(grads, state, params)`` gives ``(updates, state)``. The updates are a tree like the
            parameters, to be added to them by `apply`.
        name, arguments, options: what it prints.

    >>> from eerie_dsl import optim
    >>> plain = optim.Optimizer("plain", init=lambda params: (), update=lambda grads, state, params: (
    ...     eerie.tree.map(lambda g: -0.1 * g, grads), state))
    >>> updates, state = plain.update({"w": eerie.ones((2,))}, plain.init(None), None)
    >>> updates["w"]
    Array([-0.1, -0.1], dtype=float32, device=cpu)
    """

    init: Callable[[Any], Any] = lambda params: ()
    update: Callable[[Any, Any, Any], tuple[Any, Any]] = lambda grads, state, params: (grads, state)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "__wrapped__", (*vars(self)["__wrapped__"], self.init, self.update))


def chain(*optimizers: Optimizer) -> Optimizer:
    """Several optimisers as one: each takes for gradients what the one before gives for updates.

    Args:
        optimizers: in the order in which they see the gradients. The state is a tuple of theirs.

    Raises:
        ArgumentError: one of them is not an `Optimizer`.

    >>> from eerie_dsl import optim
    >>> optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1))
    chain(clip_by_global_norm(max_norm=1.0), sgd(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0))
    """
    for optimizer in optimizers:
        check("chain", optimizer)

    def init(params: Any) -> tuple[Any, ...]:
        return tuple(o.init(params) for o in optimizers)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        if not isinstance(state, tuple) or len(state) != len(optimizers):
            raise ArgumentError(
                f"chain: the state is not that of {len(optimizers)} optimisers", hint="pass what init gave"
            )
        states = []
        for optimizer, one in zip(optimizers, state, strict=True):
            grads, new = optimizer.update(grads, one, params)
            states.append(new)
        return grads, tuple(states)

    return Optimizer("chain", optimizers, init=init, update=update)


def apply(params: Any, updates: Any) -> Any:
    """The parameters with the updates added, each in its own dtype.

    Args:
        params: any tree.
        updates: a tree like it, of an optimiser; what has None stays as it is, and so do integers and bools.

    Raises:
        ArgumentError: the trees have different structures.
        ShapeError: an update has another shape than its parameter.

    >>> from eerie_dsl import optim
    >>> optim.apply({"w": eerie.ones((2,)), "size": 7}, {"w": eerie.ones((2,)), "size": None})
    {'w': Array([2., 2.], dtype=float32, device=cpu), 'size': 7}
    """
    leaves = Leaves("optim.apply", params)
    result = []
    for value, update, moves in zip(leaves.values, leaves.like("updates", updates), leaves.trained, strict=True):
        if moves and update is not None:
            array = eerie.asarray(value)
            value = (array + update).astype(array.dtype)
        result.append(value)
    return leaves.build(result)


def check(what: str, optimizer: Any) -> None:
    """Refuse what is not an `Optimizer`.

    Raises:
        ArgumentError: it is something else.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"{what} takes optimisers, got {optimizer!r}", hint="call it first: optim.adam(1e-3), not optim.adam"
        )
