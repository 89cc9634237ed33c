"""Sums and their like, over all elements, over rows, over columns."""

from __future__ import annotations

from bench.harness import Line
from bench.inputs import normal, uniform
from bench.kernels import Row, measured
from bench.libraries import in_numba

_MATRIX = (4096, 1024)
_SIZE = "4096×1024"

ROWS = (
    Row(f"sum of all, {_SIZE}", lambda xp, x: xp.sum(x), [uniform(0, 1, *_MATRIX)], numba=in_numba.total),
    Row(f"sum of rows, {_SIZE}", lambda xp, x: xp.sum(x, -1), [normal(*_MATRIX)], numba=in_numba.row_sums, atol=1e-3),
    Row(
        f"sum of columns, {_SIZE}",
        lambda xp, x: xp.sum(x, 0),
        [normal(*_MATRIX)],
        numba=in_numba.column_sums,
        atol=1e-3,
    ),
    Row("sum over the middle axis, 64×256×256", lambda xp, x: xp.sum(x, 1), [normal(64, 256, 256)], atol=1e-3),
    Row("sum of all, 64×64", lambda xp, x: xp.sum(x), [uniform(0, 1, 64, 64)], numba=in_numba.total),
    Row(f"greatest of all, {_SIZE}", lambda xp, x: xp.max(x), [normal(*_MATRIX)], numba=in_numba.greatest),
    Row(f"argmax of rows, {_SIZE}", lambda xp, x: xp.argmax(x, -1), [normal(*_MATRIX)], numba=in_numba.row_argmax),
    Row(f"variance of rows, {_SIZE}", lambda xp, x: xp.var(x, -1), [normal(*_MATRIX)], numba=in_numba.row_variances),
    Row(f"variance of columns, {_SIZE}", lambda xp, x: xp.var(x, 0), [normal(*_MATRIX)]),
    Row(
        f"logsumexp of rows, {_SIZE}",
        lambda xp, x: xp.logsumexp(x, -1),
        [normal(*_MATRIX)],
        numba=in_numba.row_logsumexp,
    ),
    Row("dot product, 1M", lambda xp, x, y: xp.sum(x * y), [uniform(0, 1, 1 << 20)] * 2, numba=in_numba.dot),
    Row(
        f"mean of squared differences, {_SIZE}",
        lambda xp, x, y: xp.mean((x - y) ** 2),
        [normal(*_MATRIX)] * 2,
        numba=in_numba.mean_square,
    ),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
