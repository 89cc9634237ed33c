"""Develop a photograph: local contrast, a tone curve, richer colour, and edges drawn in ink.

`develop` is written once, on a namespace ``xp``: NumPy runs it one operation after the other, Eerie compiles it to a
few kernels. Run ``python -m examples.photo``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

import eerie_dsl as eerie
from examples.reporting import milliseconds, show

Plane: TypeAlias = Any
"""(height, width) float32, of NumPy or of Eerie."""

Photo: TypeAlias = Any
"""(height, width, 3) uint8, of NumPy or of Eerie."""


def gaussian(sigma: float) -> list[float]:
    """Weights of a Gaussian window, which add up to one."""
    radius = math.ceil(2.5 * sigma)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    return [w / sum(weights) for w in weights]


FINE = gaussian(1.2)
COARSE = gaussian(5.0)
SMOOTH = [0.25, 0.5, 0.25]
SLOPE = [-1.0, 0.0, 1.0]
MARGIN = len(COARSE) // 2


def window(plane: Plane, down: list[float], across: list[float]) -> Plane:
    """Weighted sums over the window around each pixel that has a whole one: first down the columns, then along rows."""
    height, width = plane.shape[0] - len(down) + 1, plane.shape[1] - len(across) + 1
    plane = sum(w * plane[k : k + height, :] for k, w in enumerate(down) if w)
    return sum(w * plane[:, k : k + width] for k, w in enumerate(across) if w)


def smoothstep(plane: Plane, low: float, high: float, xp: Any) -> Plane:
    """An S-curve from 0 at ``low`` to 1 at ``high``."""
    t = xp.clip((plane - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def to_bytes(x: Any, xp: Any) -> Any:
    """0 to 1 as 0 to 255."""
    return xp.astype(xp.clip(255.0 * x + 0.5, 0.0, 255.0), xp.uint8)


def develop(photo: Photo, xp: Any = eerie) -> tuple[Photo, Plane]:
    """The developed photograph, and its edges in ink, (height, width) uint8."""
    colour = xp.astype(photo, xp.float32) / 255.0
    luma = 0.2126 * colour[..., 0] + 0.7152 * colour[..., 1] + 0.0722 * colour[..., 2]
    padded = xp.pad(luma, MARGIN, mode="edge")

    rest = MARGIN - len(FINE) // 2 - 1  # what the fine window and Sobel's leave of the margin
    soft = window(padded[rest:-rest, rest:-rest], FINE, FINE)
    across, down = window(soft, SMOOTH, SLOPE), window(soft, SLOPE, SMOOTH)  # Sobel
    ink = smoothstep(xp.sqrt(across * across + down * down), 0.05, 0.36, xp)

    local = luma - window(padded, COARSE, COARSE)  # what stands out from its surroundings
    tone = smoothstep(luma + 0.15 * xp.tanh(4.0 * local), -0.18, 1.10, xp)
    grey = tone[..., None]
    toned = colour * grey / (luma + 1e-3)[..., None]
    vivid = grey + 1.2 * (toned - grey)
    return to_bytes(vivid * (1.0 - 0.85 * ink)[..., None], xp), to_bytes(1.0 - ink, xp)


develop_compiled = eerie.jit(develop)


def main(out: Path = Path("out")) -> None:
    photo = load_sample_image("china.jpg")
    developed, ink = map(np.asarray, develop_compiled(photo))
    expected = develop(photo, np)
    difference = max(int(np.max(np.abs(x.astype(int) - y))) for x, y in zip((developed, ink), expected, strict=True))

    out.mkdir(parents=True, exist_ok=True)
    path = out / "photo.png"
    Image.fromarray(np.concat([photo, np.stack([ink] * 3, axis=-1), developed], axis=1)).save(path)

    print(f"Photograph  china.jpg, {photo.shape[1]} x {photo.shape[0]} pixels\n")
    show(develop_compiled.explain(photo))
    numpy = milliseconds(lambda: develop(photo, np), runs=5)
    ours = milliseconds(lambda: develop_compiled(photo))
    print(f"\n  NumPy {numpy:8.2f} ms")
    print(f"  Eerie {ours:8.2f} ms, {numpy / ours:.1f} times as fast, at most {difference} of 255 apart")
    print(f"  {path}: before, edges, after")


if __name__ == "__main__":
    main()
