"""Handwritten digits on the plane where they differ most: a PCA, ``python -m examples.digits [DIRECTORY]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import eerie_dsl as eerie
from examples.pictures import TEN, rgb, save
from examples.reporting import apart, race


def principal(x: Any, *, count: int = 2, xp: Any = eerie) -> tuple[Any, Any]:
    """Principal components of (n, features) samples.

    Returns:
        the samples' coordinates along the ``count`` axes on which they vary most, (n, count), and which share of all
        variance lies on each, (count,).
    """
    centred = x - xp.mean(x, axis=0)
    variances, axes = xp.linalg.eigh(centred.mT @ centred / (x.shape[0] - 1))  # the smallest first
    axes = xp.flip(axes, axis=1)[:, :count]
    axes = axes * xp.sign(xp.sum(axes, axis=0))  # an axis may point either way: this way
    return centred @ axes, xp.flip(variances)[:count] / xp.sum(variances)


def plotted(places: np.ndarray, images: np.ndarray, labels: np.ndarray, size: int = 960) -> np.ndarray:
    """Each (8, 8) image at its place, three times as large, in the colour of its label: (size, size, 3) uint8."""
    low, high = places.min(axis=0), places.max(axis=0)
    corners = ((places - low) / (high - low) * (size - 24)).astype(int)
    stamps = images.repeat(3, axis=1).repeat(3, axis=2)[..., None].astype(np.float32) / 16.0
    inks = (1.0 - rgb(TEN) / 255.0)[labels, None, None].astype(np.float32)
    paper = np.ones((size, size, 3), np.float32)
    for (x, y), stamp in zip(corners, 1.0 - 0.9 * stamps**2 * inks, strict=True):
        paper[y : y + 24, x : x + 24] *= stamp
    return (255.0 * paper).astype(np.uint8)


def main(out: Path = Path("out")) -> None:
    digits = load_digits()
    samples = digits.data.astype(np.float32)
    print(f"Digits  {len(samples)} of {samples.shape[1]} pixels\n")
    theirs, ours = race(principal, samples)
    shares = " and ".join(f"{share:.1%}" for share in np.asarray(ours[1]))
    print(f"  at most {apart(ours[0], theirs[0]):.0e} apart; {shares} of the variance on the first two axes")
    save(plotted(np.asarray(ours[0]), digits.images, digits.target), out / "digits.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
