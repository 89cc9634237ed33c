"""Calls of a program that is for more rows: arguments are filled up, results cut back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph
from eerie_dsl.runtime import from_numpy, to_numpy

Run = Callable[[Sequence[Any]], list[Any]]


def filled(run: Run, larger: Graph, wanted: Graph) -> Run:
    """``run``, which takes and gives buffers of the types of ``larger``, on those of ``wanted``."""
    ins = list(zip(wanted.in_avals, larger.in_avals, strict=True))
    outs = list(zip(larger.out_avals, wanted.out_avals, strict=True))

    def within(views: Sequence[Any]) -> list[Any]:
        results = run([_filled(v, a, b) for v, (a, b) in zip(views, ins, strict=True)])
        return [_cut(v, a, b) for v, (a, b) in zip(results, outs, strict=True)]

    return within


def _filled(view: Any, aval: Aval, larger: Aval) -> Any:
    if aval is larger:
        return view
    array = np.zeros(larger.shape, larger.dtype.numpy)
    array[tuple(map(slice, aval.shape))] = to_numpy(view, aval)
    return from_numpy(array, larger.dtype, copy=True)


def _cut(view: Any, larger: Aval, aval: Aval) -> Any:
    if aval is larger:
        return view
    part = to_numpy(view, larger)[tuple(map(slice, aval.shape))]
    return from_numpy(np.ascontiguousarray(part), aval.dtype, copy=True)
