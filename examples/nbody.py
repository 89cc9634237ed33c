"""A cloud of stars falls together under its own gravity: ``python -m examples.nbody``."""

from __future__ import annotations

from typing import Any

import numpy as np

import eerie_dsl as eerie
from examples.reporting import apart, race

STARS = 1024
STEPS = 10
STEP = 0.01
SOFTENING = 0.05
"""Distance below which the pull no longer grows."""


def distances(position: Any) -> list[Any]:
    """From each star to each, along each axis: three times (stars, stars)."""
    return [x[None, :] - x[:, None] for x in (position[:, axis] for axis in range(3))]


def acceleration(position: Any, mass: Any, xp: Any) -> Any:
    """The pull of all stars on each: (stars, 3)."""
    apart = distances(position)
    square = sum(d * d for d in apart) + SOFTENING**2
    pull = mass / (square * xp.sqrt(square))
    return xp.stack([xp.sum(d * pull, axis=1) for d in apart], axis=1)


def leap(position: Any, velocity: Any, pull: Any, mass: Any, xp: Any) -> tuple[Any, Any, Any]:
    """One step by the leapfrog's rule: half a kick, a drift, half a kick."""
    velocity = velocity + 0.5 * STEP * pull
    position = position + STEP * velocity
    pull = acceleration(position, mass, xp)
    return position, velocity + 0.5 * STEP * pull, pull


def fall(position: Any, velocity: Any, mass: Any, *, steps: int = STEPS, xp: Any = eerie) -> tuple[Any, Any]:
    """Positions and velocities after some steps: (stars, 3) each."""
    pull = acceleration(position, mass, xp)
    for _ in range(steps):
        position, velocity, pull = leap(position, velocity, pull, mass, xp)
        eerie.eval(position, velocity, pull)
    return position, velocity


def energy(position: Any, velocity: Any, mass: Any, *, xp: Any = eerie) -> float:
    """What leapfrog nearly keeps: energy of motion, and of each pair's gravity."""
    square = sum(d * d for d in distances(position)) + SOFTENING**2
    pairs = mass[:, None] * mass / xp.sqrt(square)
    gravity = 0.5 * (xp.sum(pairs) - xp.sum(mass * mass) / SOFTENING)
    return float(0.5 * xp.sum(mass[:, None] * velocity * velocity) - gravity)


def cloud(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stars at rest: positions and velocities, (count, 3), and masses, (count,), which add up to one."""
    position = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    return position, np.zeros_like(position), np.full(count, 1.0 / count, np.float32)


def main() -> None:
    print(f"Stars  {STARS} of them, {STEPS} steps, {STARS**2:,} pulls in each\n")
    start = cloud(STARS)
    theirs, ours = race(fall, *start, runs=10)
    mass = eerie.asarray(start[2])
    print(f"  at most {max(map(apart, ours, theirs)):.0e} apart")
    before, after = energy(*map(eerie.asarray, start)), energy(*ours, mass)
    print(f"  energy {before:.5f} before, {after:.5f} after")


if __name__ == "__main__":
    main()
