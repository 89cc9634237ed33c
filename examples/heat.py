"""A glowing coil heats a cold plate: ``python -m examples.heat [DIRECTORY]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import eerie_dsl as eerie
from examples.pictures import EMBER, coloured, save
from examples.reporting import apart, race

SIZE = 768
STEPS = 100
ROUNDS = 20
"""How often so many steps, for the picture."""

RATE = 0.24
"""Heat that moves to each neighbour in a step; above 0.25 nothing is stable."""


def step(plate: Any, coil: Any, xp: Any) -> Any:
    """The heat equation by finite differences: 0 at the rim of the plate, 1 where the coil is."""
    inner = plate[1:-1, 1:-1]
    around = plate[:-2, 1:-1] + plate[2:, 1:-1] + plate[1:-1, :-2] + plate[1:-1, 2:]
    return xp.where(coil, 1.0, xp.pad(inner + RATE * (around - 4.0 * inner), 1))


def heat(plate: Any, coil: Any, *, steps: int = STEPS, xp: Any = eerie) -> Any:
    """The plate some steps later: (size, size) float32, from 0 to 1."""
    for _ in range(steps):
        plate = step(plate, coil, xp)
        eerie.eval(plate)
    return plate


def coiled(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A cold plate, (size, size) float32, and where the coil on it is, boolean."""
    axis = np.linspace(-1.0, 1.0, size)
    x, y = axis[None, :], axis[:, None]
    radius, turn = np.hypot(x, y), np.arctan2(y, x) / (2.0 * np.pi)
    winding, across = np.divmod(5.0 * radius - turn, 1.0)
    return np.zeros((size, size), np.float32), np.isin(winding, (1, 2, 3)) & (np.abs(across - 0.5) < 0.1)


def main(out: Path = Path("out")) -> None:
    print(f"Heat  {SIZE} x {SIZE} points, {STEPS} steps\n")
    plate, coil = coiled(SIZE)
    theirs, ours = race(heat, plate, coil, runs=5)
    print(f"  at most {apart(ours, theirs):.0e} apart")
    values = np.asarray(heat(ours, eerie.asarray(coil), steps=(ROUNDS - 1) * STEPS))
    picture = coloured(values, EMBER)
    save(picture, out / "heat.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
