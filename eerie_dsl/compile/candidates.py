"""Tiles worth trying for a kernel: a few to begin with, then the neighbours of the best so far."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

Axes = tuple[int, ...]
Tiles = tuple[Axes, Axes, Axes]
"""For each loop: elements per workgroup, per step of the parallel loops, per step of the sum; 0 is all."""
Choice = Tiles | None
"""None is the compiler's own choice."""
Choices = tuple[tuple[str, Choice], ...]
"""What is chosen for the kernels of a program, by their keys."""

LARGEST = 1 << 12
"""Elements of the largest vector tile that is tried: more are spilled from the registers over and over."""

_LINE_BITS = 512
_LOOPS = 8
"""Loops up to which a kernel is looked at."""


class Tunable(NamedTuple):
    """A kernel whose tiles can be chosen; see `eerie_dsl.lowering.tuned.TunableKernel`, whose fields these are."""

    key: str
    sizes: Axes
    kinds: str
    inner: Axes
    bits: int
    tiles: Choice
    nodes: Axes
    times: int

    @property
    def work(self) -> int:
        """Steps of its loops, over all places where it runs."""
        return prod(self.sizes) * self.times

    @property
    def line(self) -> int:
        """Elements in a line of the cache."""
        return max(1, _LINE_BITS // self.bits)


def seeds(kernel: Tunable) -> list[Choice]:
    """Where a search begins: the compiler's choice where a rule made another, and tiles that often do well."""
    found: list[Choice] = [] if kernel.tiles is None else [None]
    if len(kernel.sizes) > _LOOPS:
        return found
    for loop in kernel.inner:
        if kernel.kinds[loop] == "p":
            found += [
                _tiles(kernel, loop, wide, rows, deep) for deep in (1, 4) for rows in (1, 8) for wide in (4, 1, 16)
            ]
        else:
            found += [_tiles(kernel, loop, wide, rows, 1) for rows in (1, 8) for wide in (4, 1)]
    return [c for c in dict.fromkeys(found) if c is None or _allowed(kernel, c)]


def _tiles(kernel: Tunable, vector: int, wide: int, rows: int, deep: int) -> Tiles:
    """Vectors of ``wide`` lines along one loop, ``rows`` of the innermost other result loop at a time, and ``deep``
    steps of the innermost sum."""
    steps, depths = [1 if kind == "p" else 0 for kind in kernel.kinds], [int(kind == "r") for kind in kernel.kinds]
    values = {"p": steps, "r": depths}
    for kind, most in (("p", rows), ("r", deep)):
        others = [i for i, k in enumerate(kernel.kinds) if k == kind and i != vector and kernel.sizes[i] > 1]
        if others:
            values[kind][others[-1]] = _divisor(kernel.sizes[others[-1]], most)
    values[kernel.kinds[vector]][vector] = _divisor(kernel.sizes[vector], wide * kernel.line)
    return _spread(kernel, tuple(steps), tuple(depths))


def neighbours(kernel: Tunable, tiles: Choice) -> Iterator[Tiles]:
    """Tiles that differ from these in one loop, by the next divisor of its size up or down."""
    if tiles is None:
        return
    spans, steps, depths = tiles
    for i, (size, kind) in enumerate(zip(kernel.sizes, kernel.kinds, strict=True)):
        if kind == "r":
            for depth in _next(size, depths[i]):
                yield from _one(kernel, (spans, steps, _with(depths, i, depth)))
            continue
        span = spans[i] or size
        for step in _next(size, steps[i]):
            # The share of a workgroup grows with its step where it must.
            yield from _one(
                kernel, (_with(spans, i, span if span % step == 0 else step), _with(steps, i, step), depths)
            )
        for wider in _next(size, span):
            if wider % steps[i] == 0:
                yield from _one(kernel, (_with(spans, i, wider), steps, depths))


def _one(kernel: Tunable, tiles: Tiles) -> Iterator[Tiles]:
    if _allowed(kernel, tiles):
        yield tiles


def _allowed(kernel: Tunable, tiles: Tiles) -> bool:
    return prod(step or depth or 1 for step, depth in zip(tiles[1], tiles[2], strict=True)) <= LARGEST


_GROUPS = 16
"""Workgroups to begin with: enough for several threads to share, few enough to cost nothing."""


def _spread(kernel: Tunable, steps: Axes, depths: Axes) -> Tiles:
    """Tiles for these steps, the outer loops being shared out first."""
    spans, groups = [], 1
    for size, kind, step in zip(kernel.sizes, kernel.kinds, steps, strict=True):
        if kind == "r":
            spans.append(0)
            continue
        wanted = max(1, _GROUPS // groups)
        span = next((s for s in _divisors(size) if s % step == 0 and size // s <= wanted), size)
        groups *= size // span
        spans.append(span)
    return tuple(spans), steps, depths


def _divisor(size: int, most: int) -> int:
    return max(d for d in _divisors(size) if d <= max(1, most))


def _next(size: int, now: int) -> list[int]:
    """The divisors of a size next to ``now``; of those far apart only the nearer ones of a power of two."""
    found = _divisors(size)
    below = [d for d in found if d < now]
    above = [d for d in found if d > now]
    double = [d for d in above if d >= 2 * now]
    half = [d for d in below if 2 * d <= now]
    picked = [*double[:1], *half[-1:], *above[:1], *below[-1:]]
    return list(dict.fromkeys(picked))


def _divisors(size: int) -> list[int]:
    small = [d for d in range(1, int(size**0.5) + 1) if size % d == 0]
    return sorted({*small, *(size // d for d in small)})


def _with(values: Axes, place: int, value: int) -> Axes:
    return (*values[:place], value, *values[place + 1 :])
