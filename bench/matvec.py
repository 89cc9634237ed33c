"""Products of a matrix and a vector, which are as fast as memory at best: against the peers and against a copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from bench.harness import EERIE, Contender, Figure, Line, race
from bench.inputs import drawn, normal, weights
from bench.kernels import EAGER, JAX, NUMPY, ONNX, Row, measured
from bench.libraries import in_eerie

_PEERS = (JAX, EAGER, NUMPY, ONNX)
_COPY = "copy"


def matvec(xp: Any, w: Any, x: Any) -> Any:
    """Rows times a vector."""
    return w @ x


def vecmat(xp: Any, w: Any, x: Any) -> Any:
    """A vector times columns."""
    return x @ w


def _row(size: int, task: str, function: Callable[..., Any]) -> Row:
    return Row(f"{task}, {size}", function, [weights(size, size, role="constant"), normal(size)], _PEERS)


_KINDS = (("matrix @ vector", matvec), ("vector @ matrix", vecmat))
_LARGE = [_row(size, *kind) for size in (2048, 8192) for kind in _KINDS]
ROWS = (*(_row(512, *kind) for kind in _KINDS), *_LARGE)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`; and the time in terms of what a copy moves, where the matrix leaves the inner caches."""
    return [*measured(ROWS, budget), *(_over_copy(row, budget / 5) for row in _LARGE)]


def _over_copy(row: Row, budget: float) -> Figure:
    matrix, vector = arrays = drawn(row.inputs)
    source, destination = torch.from_numpy(matrix), torch.empty(matrix.shape)
    contenders = [
        Contender(EERIE, in_eerie.program(partial(row.function, in_eerie), row.inputs, arrays)),
        Contender(_COPY, lambda: destination.copy_(source), lambda copied: row.function(np, copied.numpy(), vector)),
    ]
    found = race(contenders, row.function(np, matrix, vector), budget=budget, rtol=1e-3, atol=1e-4).seconds
    # A copy reads as much, and writes as much again.
    over = median(2 * ours / copy for ours, copy in zip(found[EERIE], found[_COPY], strict=True))
    return Figure(f"{row.task}: time over that in which a copy moves as many bytes", over, "", 1 / 0.9)
