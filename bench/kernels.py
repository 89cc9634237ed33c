"""Rows of the kernel table: a function of arrays, written once, against every library in which one would write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from bench.harness import EERIE, Contender, Line, Miss, race
from bench.inputs import Input, drawn
from bench.libraries import in_eerie, in_jax, in_numba, in_numpy, in_onnx, in_torch
from eerie_dsl import EerieError

JAX, EAGER, COMPILE, NUMPY, NUMBA, ONNX = (
    "JAX",
    "PyTorch eager",
    "PyTorch compile",
    "NumPy",
    "Numba",
    "ONNX Runtime",
)

_Program = Callable[[Callable[..., Any], Sequence[Input], Sequence[NDArray[Any]]], Callable[[], Any]]

_PROGRAMS: dict[str, tuple[Any, _Program]] = {
    EERIE: (in_eerie, in_eerie.program),
    JAX: (in_jax, in_jax.program),
    EAGER: (in_torch, in_torch.program),
    COMPILE: (in_torch, in_torch.compiled),
    NUMPY: (in_numpy, in_numpy.program),
    NUMBA: (in_numba, in_numba.program),
    ONNX: (in_onnx, in_onnx.program),
}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        task: what is done, with its sizes.
        function: of a namespace out of `bench.libraries` and the arrays.
        inputs: what the arrays are.
        peers: whom Eerie is compared with, Numba aside.
        numba: the function as loops, where one would write them.
        rtol: relative tolerance of the answers.
        atol: absolute tolerance of the answers.
        image: whether the result is one, in the layout of the library.
        compared: what of an answer is compared.
    """

    task: str
    function: Callable[..., Any]
    inputs: Sequence[Input]
    peers: Sequence[str] = (JAX, EAGER, COMPILE, NUMPY)
    numba: Callable[..., Any] | None = None
    rtol: float = 1e-4
    atol: float = 1e-4
    image: bool = False
    compared: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray


def measured(rows: Sequence[Row], budget: float) -> list[Line]:
    """The lines of all rows; a fifth of the budget each, of which there are many."""
    return [line for row in rows for line in _measured(row, budget / 5)]


def _measured(row: Row, budget: float) -> list[Line]:
    arrays = drawn(row.inputs)
    reference = row.compared(np.asarray(row.function(in_numpy, *map(_widened, arrays))))
    ours = _contender(EERIE, row, arrays)
    try:
        answer = ours.value(ours.call())
    except EerieError as error:
        return [Miss(row.task, f"does not run: {error.message.splitlines()[0]}")]
    if not np.allclose(answer, reference, row.rtol, row.atol):
        return [Miss(row.task, "gives a wrong answer")]
    peers = [*row.peers, *([NUMBA] if row.numba else [])]
    contenders = [ours, *(_contender(name, row, arrays) for name in peers)]
    return race(contenders, reference, budget=budget, rtol=row.rtol, atol=row.atol).ratios(row.task)


def _contender(name: str, row: Row, arrays: Sequence[NDArray[Any]]) -> Contender:
    library, program = _PROGRAMS[name]
    function = row.numba if name == NUMBA and row.numba else partial(row.function, library)
    call = program(function, row.inputs, arrays)
    return Contender(name, call, lambda result: row.compared(library.value(result, row.image)))


def _widened(array: NDArray[Any]) -> NDArray[Any]:
    floating = array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
    return array.astype(np.float64) if floating else array
