"""A small copy of the Mandelbrot set at its rim: ``python -m examples.mandelbrot [DIRECTORY]``."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

import eerie_dsl as eerie
from examples.pictures import DUSK, coloured, save
from examples.reporting import race

CENTRE = -0.235125, 0.827215
WIDTH = 0.009
SIZE = 960, 600
STEPS = 200
FAR = 256.0
"""Square of a distance from which there is no way back."""


def step(x: Any, y: Any, left: Any, right: Any, up: Any, xp: Any) -> tuple[Any, Any, Any]:
    """z*z + c for the points z = (x, y) that are not far away yet; ``left`` counts how often that was so."""
    xx, yy = x * x, y * y
    near = xx + yy < FAR
    x, y = xp.where(near, xx - yy + right, x), xp.where(near, 2.0 * x * y + up, y)
    return x, y, left + near


def escape(right: Any, up: Any, *, steps: int = STEPS, xp: Any = eerie) -> Any:
    """How many steps each point c = (right, up) takes to get far away, with a fraction; ``steps`` if it stays.

    Args:
        right: (1, width) float32.
        up: (height, 1) float32.
    """
    x = xp.zeros((up.shape[0], right.shape[1]), dtype=xp.float32)
    y, count = x, x
    for k in range(steps):
        x, y, count = step(x, y, count, right, up, xp)
        if k % 10 == 9:
            eerie.eval(x, y, count)
    square = xp.maximum(x * x + y * y, FAR)
    fraction = xp.log2(xp.log2(square) / math.log2(FAR))  # 0 at the border, 1 one step beyond it
    return xp.where(count < steps, count - fraction, float(steps))


def grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of pixels, (1, width) and (height, 1) float32."""
    right = CENTRE[0] + WIDTH * np.linspace(-0.5, 0.5, width)
    up = CENTRE[1] - WIDTH * height / width * np.linspace(-0.5, 0.5, height)
    return right[None, :].astype(np.float32), up[:, None].astype(np.float32)


def main(out: Path = Path("out")) -> None:
    print(f"Mandelbrot  {SIZE[0]} x {SIZE[1]} points, {STEPS} steps\n")
    theirs, ours = race(escape, *grid(*SIZE), runs=3)
    values = np.asarray(ours)
    print(f"  {np.mean(np.abs(values - theirs) > 1):.1%} of the points more than one step apart: they are chaotic")
    picture = coloured((0.9 + 0.55 * np.log(values + 1.0)) % 1.0, DUSK)
    picture[values == STEPS] = 0
    save(picture, out / "mandelbrot.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
