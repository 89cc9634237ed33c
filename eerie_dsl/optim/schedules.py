"""Hyper-parameters that change with the step: functions from the number of the step, counted from 0, to a value.

A schedule works on integers of any shape, so that a whole table of it is one call. It computes in float32. Any
function of a 0-d int32 array that gives a number can stand where these do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, InvalidValueError
from eerie_dsl.optim.described import Described
from eerie_dsl.optim.values import number, whole


@dataclass(frozen=True, eq=False, repr=False)
class Schedule(Described):
    """A function of the step, which prints as the call that made it.

    Attributes:
        function: takes integers, gives values.
        name, arguments, options: what it prints.

    >>> from eerie_dsl import optim
    >>> schedule = optim.linear(0.0, 1.0, 4)
    >>> schedule(eerie.arange(6))
    Array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ], dtype=float32, device=cpu)
    >>> schedule
    linear(start=0.0, end=1.0, steps=4)
    """

    function: Callable[[eerie.Array], Any] = lambda step: step

    def __call__(self, step: Any) -> Any:
        """The value at a step, or at each of several."""
        return self.function(eerie.asarray(step))

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "__wrapped__", (*vars(self)["__wrapped__"], self.function))


def constant(value: float) -> Schedule:
    """One value for all steps; of use in `join`.

    Raises:
        InvalidValueError: it is negative.

    >>> from eerie_dsl import optim
    >>> optim.constant(0.5)(100)
    Array(0.5, dtype=float32, device=cpu)
    """
    fixed = number("constant: value", value)
    return Schedule("constant", (fixed,), function=lambda step: eerie.full_like(_float(step), fixed))


def linear(start: float, end: float, steps: int) -> Schedule:
    """From ``start`` to ``end`` in equal steps, then ``end``.

    Raises:
        InvalidValueError: a value is negative, or there are no steps.

    >>> from eerie_dsl import optim
    >>> optim.linear(1.0, 0.0, 2)(eerie.arange(4))
    Array([1. , 0.5, 0. , 0. ], dtype=float32, device=cpu)
    """
    options = {
        "start": (first := number("linear: start", start)),
        "end": (last := number("linear: end", end)),
        "steps": (count := whole("linear: steps", steps)),
    }
    return Schedule("linear", options=options, function=lambda step: _line(first, last, _float(step) / count))


def exponential(start: float, rate: float, *, every: int = 1) -> Schedule:
    """``start * rate ** (step / every)``.

    Raises:
        InvalidValueError: ``start`` is negative, or ``rate`` is not greater than 0.

    >>> from eerie_dsl import optim
    >>> optim.exponential(1.0, 0.25, every=2)(eerie.arange(3))
    Array([1.  , 0.5 , 0.25], dtype=float32, device=cpu)
    """
    options = {
        "start": (first := number("exponential: start", start)),
        "rate": (factor := number("exponential: rate", rate, positive=True)),
        "every": (period := whole("exponential: every", every)),
    }
    slope = math.log(factor) / period
    return Schedule("exponential", options=options, function=lambda step: first * eerie.exp(slope * _float(step)))


def step_decay(start: float, rate: float, *, every: int) -> Schedule:
    """``start * rate ** (step // every)``.

    Raises:
        InvalidValueError: ``start`` is negative, ``rate`` is not greater than 0, or ``every`` is less than 1.

    >>> from eerie_dsl import optim
    >>> optim.step_decay(1.0, 0.5, every=2)(eerie.arange(5))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25], dtype=float32, device=cpu)
    """
    options = {
        "start": (first := number("step_decay: start", start)),
        "rate": (factor := number("step_decay: rate", rate, positive=True)),
        "every": (period := whole("step_decay: every", every)),
    }
    slope = math.log(factor)
    return Schedule(
        "step_decay", options=options, function=lambda step: first * eerie.exp(slope * _float(step // period))
    )


def piecewise(values: Sequence[float], boundaries: Sequence[int]) -> Schedule:
    """``values[k]`` from step ``boundaries[k - 1]`` on.

    Args:
        values: one more than boundaries.
        boundaries: increasing steps, from 1.

    Raises:
        ArgumentError: the numbers of values and boundaries do not fit.
        InvalidValueError: a value is negative, or the boundaries do not increase.

    >>> from eerie_dsl import optim
    >>> optim.piecewise([1.0, 0.5, 0.25], [2, 3])(eerie.arange(5))
    Array([1.  , 1.  , 0.5 , 0.25, 0.25], dtype=float32, device=cpu)
    """
    numbers = tuple(number(f"piecewise: values[{i}]", v) for i, v in enumerate(values))
    return _joined("piecewise", numbers, [constant(v) for v in numbers], boundaries)


def join(schedules: Sequence[Callable[[eerie.Array], Any]], boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other: ``schedules[k]`` from step ``boundaries[k - 1]`` on, counting from 0 there.

    Args:
        schedules: one more than boundaries; any functions of the step.
        boundaries: increasing steps, from 1.

    Raises:
        ArgumentError: the numbers of schedules and boundaries do not fit, or one is not a function.
        InvalidValueError: the boundaries do not increase.

    >>> from eerie_dsl import optim
    >>> optim.join([optim.linear(0.0, 1.0, 2), optim.linear(1.0, 0.0, 4)], [2])(eerie.arange(5))
    Array([0.  , 0.5 , 1.  , 0.75, 0.5 ], dtype=float32, device=cpu)
    """
    for i, schedule in enumerate(schedules):
        if not callable(schedule):
            raise ArgumentError(f"join: schedules[{i}] is {schedule!r}", hint="write optim.constant(value)")
    return _joined("join", tuple(schedules), schedules, boundaries)


def cosine(peak: float, steps: int, *, warmup: int = 0, start: float = 0.0, end: float = 0.0) -> Schedule:
    """From ``start`` to ``peak`` in a line of ``warmup`` steps, then to ``end`` at ``steps`` along half a cosine.

    (Loshchilov and Hutter 2017, without restarts.)

    Args:
        peak: the highest value.
        steps: all steps, those of the warm-up among them; afterwards the value is ``end``.
        warmup: steps of the warm-up; the value is ``start`` at step 0 and ``peak`` at step ``warmup``.
        start: where the warm-up begins.
        end: the last value.

    Raises:
        InvalidValueError: a value is negative, or ``warmup`` is not less than ``steps``.

    >>> from eerie_dsl import optim
    >>> eerie.round(optim.cosine(1.0, 6, warmup=2)(eerie.arange(8)), 3)
    Array([0.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 0.   , 0.   ], dtype=float32, device=cpu)
    """
    options = {
        "peak": (top := number("cosine: peak", peak)),
        "steps": (count := whole("cosine: steps", steps)),
        "warmup": (rising := whole("cosine: warmup", warmup) if warmup else 0),
        "start": (first := number("cosine: start", start)),
        "end": (last := number("cosine: end", end)),
    }
    if rising >= count:
        raise InvalidValueError(f"cosine: warmup must be less than steps, got {rising} of {count}")

    def function(step: eerie.Array) -> eerie.Array:
        at = _float(step)
        falling = _half_cosine(top, last, (at - rising) / (count - rising))
        return eerie.where(at < rising, _line(first, top, at / rising), falling) if rising else falling

    return Schedule("cosine", options=options, function=function)


def one_cycle(
    peak: float, steps: int, *, warmup: float = 0.3, start_factor: float = 25.0, end_factor: float = 1e4
) -> Schedule:
    """Up to ``peak`` and down again, both along half a cosine (Smith and Topin 2018, in PyTorch's form).

    Args:
        peak: the highest value, reached after ``warmup * steps - 1`` steps.
        steps: all steps, at least 2; the last value is that of step ``steps - 1``.
        warmup: the part of the steps that goes up; in [0, 1).
        start_factor: the first value is ``peak / start_factor``.
        end_factor: the last value is the first one divided by this.

    Raises:
        InvalidValueError: a number is out of range, or the way up is shorter than one step.

    >>> from eerie_dsl import optim
    >>> eerie.round(optim.one_cycle(1.0, 10, warmup=0.4)(eerie.arange(10)), 2)
    Array([0.04, 0.28, 0.76, 1.  , 0.93, 0.75, 0.5 , 0.25, 0.07, 0.  ], dtype=float32, device=cpu)
    """
    options = {
        "peak": (top := number("one_cycle: peak", peak)),
        "steps": (count := whole("one_cycle: steps", steps)),
        "warmup": (part := number("one_cycle: warmup", warmup, below=1)),
        "start_factor": (low := number("one_cycle: start_factor", start_factor, positive=True)),
        "end_factor": (lower := number("one_cycle: end_factor", end_factor, positive=True)),
    }
    turn, last = part * count - 1, count - 1
    if turn <= 0 or turn >= last:
        raise InvalidValueError(
            f"one_cycle: {part:g} of {count} steps leave no step to go up or down", hint="take more steps"
        )

    def function(step: eerie.Array) -> eerie.Array:
        at = _float(step)
        rising = _half_cosine(top / low, top, at / turn)
        falling = _half_cosine(top, top / low / lower, (at - turn) / (last - turn))
        return eerie.where(at < turn, rising, falling)

    return Schedule("one_cycle", options=options, function=function)


def _float(step: eerie.Array) -> eerie.Array:
    return step.astype(eerie.float32)


def _line(start: float, end: float, part: eerie.Array) -> eerie.Array:
    return start + (end - start) * eerie.clip(part, 0.0, 1.0)


def _half_cosine(start: float, end: float, part: eerie.Array) -> eerie.Array:
    return end + (start - end) * (0.5 + 0.5 * eerie.cos(math.pi * eerie.clip(part, 0.0, 1.0)))


def _joined(
    name: str, shown: tuple[Any, ...], schedules: Sequence[Callable[[eerie.Array], Any]], boundaries: Sequence[int]
) -> Schedule:
    places = [whole(f"{name}: boundaries[{i}]", b) for i, b in enumerate(boundaries)]
    if len(schedules) != len(places) + 1:
        raise ArgumentError(
            f"{name}: {len(schedules)} pieces and {len(places)} boundaries",
            hint="there is a boundary between two pieces",
        )
    if any(a >= b for a, b in pairwise(places)):
        raise InvalidValueError(f"{name}: the boundaries must increase, got {places}")

    def function(step: eerie.Array) -> Any:
        value = schedules[0](step)
        for schedule, begin in zip(schedules[1:], places, strict=True):
            value = eerie.where(step < begin, value, schedule(step - begin))
        return value

    return Schedule(name, (shown, tuple(places)), function=function)
