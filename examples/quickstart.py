"""The ten lines of the README, and the kernel that they become: ``python -m examples.quickstart``."""

from __future__ import annotations

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import Array


@eerie.jit
def normalise(x: Array, scale: Array) -> Array:
    """Rows of mean 0 and variance 1, times a scale per column."""
    centred = x - eerie.mean(x, axis=-1, keepdims=True)
    variance = eerie.mean(centred * centred, axis=-1, keepdims=True)
    return scale * centred / eerie.sqrt(variance + 1e-5)


def main() -> None:
    x = eerie.asarray(np.random.default_rng(0).normal(size=(512, 768)).astype(np.float32))
    scale = eerie.ones((768,))
    y = normalise(x, scale)
    print(f"{y.shape}, mean {abs(float(eerie.mean(y))):.3f}, deviation {float(eerie.std(y)):.3f}")
    print(normalise.explain(x, scale))


if __name__ == "__main__":
    main()
