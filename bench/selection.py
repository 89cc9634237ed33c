"""Rows of a table, sums into rows, order, running sums."""

from __future__ import annotations

from bench.harness import Line
from bench.inputs import integers, normal
from bench.kernels import COMPILE, EAGER, JAX, NUMPY, ONNX, Row, measured
from bench.libraries import in_numba

_PEERS = (JAX, EAGER, COMPILE, NUMPY)

ROWS = (
    Row(
        "4096 rows of a table, 30522×384",
        lambda xp, table, places: xp.rows(table, places),
        [normal(30522, 384, role="constant"), integers(0, 30522, 32, 128)],
        (*_PEERS, ONNX),
    ),
    Row(
        "4096 rows added into 1024×384",
        lambda xp, x, places, rows: xp.scatter_add(x, places, rows),
        [normal(1024, 384), integers(0, 1024, 4096), normal(4096, 384)],
        _PEERS,
    ),
    Row("sort, 1M", lambda xp, x: xp.sort(x), [normal(1 << 20)], (JAX, EAGER, NUMPY)),
    Row("sort of rows, 1024×1024", lambda xp, x: xp.sort(x), [normal(1024, 1024)], (JAX, EAGER, NUMPY)),
    Row(
        "largest 40 of each row, 32×32000",
        lambda xp, x: xp.largest(x, 40),
        [normal(32, 32000)],
        (JAX, EAGER, NUMPY, ONNX),
    ),
    Row("running sums, 1M", lambda xp, x: xp.cumsum(x, 0), [normal(1 << 20)], (*_PEERS, ONNX), atol=0.1),
    Row(
        "running sums of rows, 1024×1024",
        lambda xp, x: xp.cumsum(x, 1),
        [normal(1024, 1024)],
        (*_PEERS, ONNX),
        in_numba.cumsum,
        atol=1e-3,
    ),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
