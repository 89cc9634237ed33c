"""Graphs of plain functions on nodes, and arrays to run them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, dtype, float32
from eerie_dsl.ir.graph import Graph, Node, placeholder

Array = NDArray[Any]
Function = Callable[..., Any]


def record(function: Function, *avals: Aval) -> Graph:
    """The graph of a function that takes nodes and gives one or several."""
    inputs = [placeholder(a) for a in avals]
    result = function(*inputs)
    return Graph.of(inputs, list(result) if isinstance(result, tuple | list) else [result])


def recorded_on(function: Function, arrays: Sequence[Array]) -> Graph:
    """The graph of a function of nodes like the arrays."""
    return record(function, *(Aval(a.shape, dtype(a.dtype)) for a in arrays))


def operand(*shape: int, dtype: DType = float32) -> Node:
    """A graph input."""
    return placeholder(Aval(shape, dtype))


def values(shape: Sequence[int], dtype: DType, seed: int) -> Array:
    """Normal numbers, or integers up to 100."""
    rng = np.random.default_rng(seed)
    if dtype.is_integer:
        return rng.integers(0 if dtype.kind == "uint" else -100, 100, shape).astype(dtype.numpy)
    sample = rng.normal(size=shape)
    if dtype.kind == "complex":
        sample = sample + 1j * rng.normal(size=shape)
    return np.asarray(sample.astype(dtype.numpy))
