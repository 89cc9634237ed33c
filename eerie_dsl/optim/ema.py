"""A moving average of the parameters, which is often better than the last of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError
from eerie_dsl.optim.trees import Leaves
from eerie_dsl.optim.values import number, state_type


@dataclass(frozen=True, init=False)
class Ema:
    """An exponential moving average of trees, without the bias of its beginning: a pair of pure functions.

    After t updates, the parameters of k updates ago count with weight ``(1 - decay) * decay**k / (1 - decay**t)``:
    these add up to 1. Leaves that are not real floating point are those of the newest parameters.

    Attributes:
        decay: how much of the average is kept at an update; in [0, 1).
        state_dtype: dtype of the averages; None for that of each parameter. Half precision is too coarse for a decay
            near 1: take float32.

    Raises:
        InvalidValueError: ``decay`` is out of range.
        DTypeError: ``state_dtype`` is not real floating point.

    >>> from eerie_dsl import optim
    >>> ema = optim.Ema(0.5)
    >>> state = ema.init(eerie.asarray([7.0]))
    >>> for value in (1.0, 4.0):
    ...     state = ema.update(eerie.asarray([value]), state)
    >>> state["average"]
    Array([3.], dtype=float32, device=cpu)
    """

    decay: float
    state_dtype: eerie.DType | None

    def __init__(self, decay: float, *, state_dtype: Any = None) -> None:
        object.__setattr__(self, "decay", number("Ema: decay", decay, below=1))
        object.__setattr__(self, "state_dtype", state_type("Ema: state_dtype", state_dtype))

    def init(self, params: Any) -> dict[str, Any]:
        """The state at the beginning: ``count`` (0-d int32) and ``average``, a copy of the parameters.

        Until the first update the average is that copy, which then counts for nothing.
        """
        leaves = Leaves("Ema.init", params)
        copies = [
            eerie.asarray(p, dtype=self.state_dtype, copy=True) if m else p
            for p, m in zip(leaves.values, leaves.trained, strict=True)
        ]
        return {"count": eerie.zeros((), dtype=eerie.int32), "average": leaves.build(copies)}

    def update(self, params: Any, state: Any) -> dict[str, Any]:
        """The state after these parameters.

        Raises:
            ArgumentError: the parameters have another structure than those before.
            ShapeError: a parameter has another shape.
        """
        leaves = Leaves("Ema.update", params)
        if not isinstance(state, dict) or state.keys() != {"count", "average"}:
            raise ArgumentError("Ema.update: the state is not one of Ema", hint="pass what init gave")
        count = state["count"] + 1
        averages = leaves.like("state['average']", state["average"])
        wide = eerie.float64 if any(getattr(a, "dtype", None) is eerie.float64 for a in averages) else eerie.float32
        weight = eerie.ones((), dtype=wide)
        if self.decay:
            weight = (self.decay - 1) / eerie.expm1(count.astype(wide) * math.log(self.decay))
        result = []
        for value, average, moves in zip(leaves.values, averages, leaves.trained, strict=True):
            if moves:
                dtype = eerie.float64 if average.dtype is eerie.float64 else eerie.float32
                before, now = average.astype(dtype), eerie.asarray(value).astype(dtype)
                value = (before + weight.astype(dtype) * (now - before)).astype(average.dtype)
            result.append(value)
        return {"count": count, "average": leaves.build(result)}
