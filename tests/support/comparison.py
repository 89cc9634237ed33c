"""Arrays to compute on, and whether an Array is what NumPy gives."""

from __future__ import annotations

from functools import partial

import numpy as np

f32 = partial(np.array, dtype=np.float32)
RNG = np.random.default_rng(7)
X = RNG.standard_normal((3, 4)).astype(np.float32)
Y = RNG.standard_normal((4,)).astype(np.float32)
POSITIVE = RNG.uniform(0.1, 0.9, (3, 4)).astype(np.float32)
N = RNG.integers(-9, 9, (3, 4), dtype=np.int32)
M = RNG.integers(1, 5, (4,), dtype=np.int32)
CUBE = np.arange(24, dtype=np.int64).reshape(2, 3, 4)
MASK = X > 0


def same(got, want, *, close=False):
    """Equal in shape, dtype and elements; within a few roundings when ``close``."""
    if isinstance(got, list | tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w, close=close)
        return
    want = np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype.numpy == want.dtype
    if close:
        np.testing.assert_allclose(got.numpy(), want, rtol=2e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(got.numpy(), want)
