"""Hyper-parameters: numbers that are checked once, or schedules that are asked at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError

Hyper: TypeAlias = "float | eerie.Array | Callable[[eerie.Array], Any]"
"""A number, a 0-d array, or a function of the step, which is a 0-d int32 array that counts from 0."""


def number(what: str, value: Any, *, positive: bool = False, below: float = math.inf) -> float:
    """``value`` as a float.

    Args:
        what: the call and the parameter, for messages.
        value: a real number.
        positive: zero is not allowed.
        below: the first number that is too large.

    Raises:
        ArgumentError: it is not a real number.
        InvalidValueError: it is negative, not finite or too large.
    """
    if isinstance(value, bool | eerie.Array) or not hasattr(value, "__float__"):
        raise ArgumentError(f"{what} must be a number, got {value!r}")
    found = float(value)
    if not (0 <= found < below and (found > 0 or not positive)):
        least = "greater than 0" if positive else "at least 0"
        most = "finite" if below == math.inf else f"below {below:g}"
        raise InvalidValueError(f"{what} must be {least} and {most}, got {found:g}")
    return found


def whole(what: str, value: Any) -> int:
    """``value`` as an int of at least 1.

    Raises:
        ArgumentError: it is not an integer.
        InvalidValueError: it is less than 1.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentError(f"{what} must be an integer, got {value!r}")
    if (found := int(value)) < 1:
        raise InvalidValueError(f"{what} must be at least 1, got {found}")
    return found


def hyper(what: str, value: Any) -> Any:
    """``value`` as a hyper-parameter: a checked number, an array, or a schedule.

    Raises:
        ArgumentError, InvalidValueError: see `number`.
        ShapeError: it is an array, and not 0-d.
    """
    if isinstance(value, eerie.Array):
        return _scalar(what, value)
    return value if callable(value) else number(what, value)


def is_zero(value: Any) -> bool:
    """Whether a hyper-parameter is the number 0, and what it scales can be left out."""
    return isinstance(value, float) and value == 0.0


def at(what: str, value: Any, count: eerie.Array, dtype: eerie.DType) -> float | eerie.Array:
    """The value of a hyper-parameter at a step: a Python number, or a 0-d array of ``dtype``.

    Raises:
        ShapeError: the schedule gives something that is not 0-d.
        DTypeError: it gives something that is not a real number.
    """
    if isinstance(value, float):
        return value
    found = value if isinstance(value, eerie.Array) else value(count)
    return _scalar(what, eerie.asarray(found)).astype(dtype)


def _scalar(what: str, value: eerie.Array) -> eerie.Array:
    if value.shape:
        raise ShapeError(f"{what} is {value.dtype}{list(value.shape)}", hint="a hyper-parameter is one number, 0-d")
    if value.dtype.kind not in ("float", "int", "uint"):
        raise DTypeError(f"{what} is of {value.dtype}; it must be a real number")
    return value


def pair(what: str, value: Any) -> tuple[float, float]:
    """``value`` as two floats in [0, 1).

    Raises:
        ArgumentError: it is not a pair of numbers.
        InvalidValueError: one of them is not in that range.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentError(f"{what} must be two numbers, got {value!r}")
    return number(f"{what}[0]", value[0], below=1), number(f"{what}[1]", value[1], below=1)


def state_type(what: str, dtype: Any) -> eerie.DType | None:
    """``dtype`` as that of state; None stays None.

    Raises:
        DTypeError: it is not real floating point.
    """
    if dtype is None:
        return None
    found = eerie.dtype(dtype)
    if found.kind != "float":
        raise DTypeError(f"{what} must be real floating point, got {found.name}")
    return found
