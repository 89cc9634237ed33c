"""Pictures out of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

EMBER = ("#05060f", "#1d1147", "#51127c", "#932667", "#d8456c", "#f8765c", "#fdb768", "#fcfdbf")
"""From night over violet and red to pale yellow."""

DUSK = ("#00072b", "#0b2d7a", "#206bcb", "#8fd4f0", "#fffbe6", "#ffb52e", "#a4430b", "#2b0a12", "#00072b")
"""A circle: it ends where it begins."""


TEN = ("#1f77b4", "#e8710a", "#2a9d3a", "#d62839", "#8a5cc2", "#8c5a3c", "#e052a0", "#5f6b76", "#a8a012", "#0fb5c9")
"""Colours to tell ten classes apart."""


def rgb(palette: tuple[str, ...]) -> np.ndarray:
    """The colours as numbers: (colours, 3) from 0 to 255."""
    return np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in palette])


def coloured(values: np.ndarray, palette: tuple[str, ...]) -> np.ndarray:
    """Numbers from 0 to 1 as colours between those of a palette: any shape to that shape with (3,) uint8 behind it."""
    places = np.linspace(0.0, 1.0, len(palette))
    channels = [np.interp(values, places, channel) for channel in rgb(palette).T]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def save(picture: np.ndarray, path: Path) -> None:
    """Write (height, width, 3) uint8 to a file, and print where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    print(f"  {path}: {picture.shape[1]} x {picture.shape[0]} pixels")
