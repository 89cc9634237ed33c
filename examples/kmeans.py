"""Paint a photograph in a few colours, found by k-means: ``python -m examples.kmeans [DIRECTORY]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_sample_image

import eerie_dsl as eerie
from examples.pictures import save
from examples.reporting import apart, race

COLOURS = 8
STEPS = 10


def nearest(colours: Any, pixels: Any, xp: Any) -> Any:
    """Which of (k, 3) colours is the nearest to each of (3, n) pixels: (n,) integers."""
    # The square of the distance, but for the pixel's own, which is the same for all colours.
    return xp.argmin(xp.sum(colours * colours, axis=1)[:, None] - 2.0 * (colours @ pixels), axis=0)


def step(colours: Any, pixels: Any, xp: Any) -> Any:
    """Move each colour to the mean of the pixels that it is the nearest to."""
    members = xp.astype(nearest(colours, pixels, xp) == xp.arange(colours.shape[0])[:, None], xp.float32)  # (k, n)
    counts = xp.sum(members, axis=1)[:, None]
    return xp.where(counts > 0.0, members @ pixels.mT / xp.maximum(counts, 1.0), colours)


def cluster(pixels: Any, colours: Any, *, steps: int = STEPS, xp: Any = eerie) -> Any:
    """Colours that stand for the pixels: (3, n) and (k, 3) to (k, 3) float32, from 0 to 1."""
    for _ in range(steps):
        colours = step(colours, pixels, xp)
        eerie.eval(colours)
    return colours


def start(photo: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph's pixels, (3, n), and some of them to begin with, (count, 3)."""
    pixels = photo.reshape(-1, 3).astype(np.float32) / 255.0
    by_brightness = pixels[np.argsort(pixels.sum(axis=1), kind="stable")]
    middles = (np.arange(count) + 0.5) / count * len(pixels)
    return np.ascontiguousarray(pixels.T), by_brightness[middles.astype(int)]


def painted(photo: np.ndarray, colours: eerie.Array) -> np.ndarray:
    """The photograph in these colours, the palette below it, as wide as each is used; uint8."""
    height, width, _ = photo.shape
    which = nearest(colours, eerie.asarray(start(photo, 1)[0]), eerie)
    shares = np.bincount(np.asarray(which), minlength=len(colours)) / which.size
    palette = np.round(255.0 * np.asarray(colours)).astype(np.uint8)
    edges = np.round(np.cumsum(shares)[:-1] * width)
    band = palette[np.searchsorted(edges, np.arange(width), side="right")]
    picture = palette[np.asarray(which).reshape(height, width)]
    return np.concat([picture, np.full((6, width, 3), 255, np.uint8), np.tile(band, (40, 1, 1))])


def main(out: Path = Path("out")) -> None:
    photo = load_sample_image("flower.jpg")
    print(f"Colours  {COLOURS} for flower.jpg, {photo.shape[1]} x {photo.shape[0]} pixels, {STEPS} steps\n")
    theirs, ours = race(cluster, *start(photo, COLOURS), runs=3)
    print(f"  at most {255 * apart(ours, theirs):.2f} of 255 apart")
    save(painted(photo, ours), out / "kmeans.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
