"""Options of layers that move a window: one number for all spatial axes, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import ArgumentError

Steps = int | Sequence[int]
Padding = str | int | Sequence[int | Sequence[int]]
Pairs = tuple[tuple[int, int], ...]


def per_axis(name: str, value: Any, axes: int, least: int = 1) -> tuple[int, ...]:
    """An option for each of so many spatial axes; ArgumentError unless these are integers from ``least`` on."""
    values = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    if len(values) != axes or not all(_is_integer(v) and v >= least for v in values):
        raise ArgumentError(
            f"{name} is an integer from {least} on, or one for each of {axes} spatial axes, got {value!r}"
        )
    return values


def pairs(padding: Padding, axes: int, totals: Sequence[int]) -> Pairs:
    """How many elements are added before and behind each axis.

    Args:
        padding: ``valid`` for none, ``same`` for ``totals``, the odd one behind; a count, a count for each axis,
            or a pair for each.
        axes: how many there are.
        totals: of each axis.

    Raises:
        ArgumentError: none of these.
    """
    if padding == "valid":
        return ((0, 0),) * axes
    if padding == "same":
        return tuple((total // 2, total - total // 2) for total in totals)
    counts = padding if isinstance(padding, list | tuple) else (padding,) * axes
    found = [tuple(c) if isinstance(c, list | tuple) else (c, c) for c in counts]
    if len(found) != axes or not all(len(p) == 2 and all(map(_is_integer, p)) for p in found):
        raise ArgumentError(
            f"padding {padding!r} does not fit {axes} spatial axes",
            hint="use 'valid', 'same', a count, or for each axis a count or a pair of counts",
        )
    return tuple((low, high) for low, high in found)


def fixed(option: Any) -> Any:
    """An option as a static field holds it: tuples in place of lists."""
    return tuple(map(fixed, option)) if isinstance(option, list | tuple) else option


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
