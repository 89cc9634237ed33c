"""Rows of a table: asked for ahead where that pays, and the right ones, the first and the last included."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.ir.dtypes import float32, float64, int8
from eerie_dsl.lowering.rows import FEWEST, LINE, MOST
from tests.support.loops import agree, lowered
from tests.support.recording import values

TABLES = {
    "float32": values((50, 64), float32, 1),
    "float64, no whole lines": values((50, 70), float64, 2),
    "int8": values((50, 999), int8, 3),
    "long": values((9, 5000), float32, 4),
    "short": values((50, 20), float32, 5),
}


@pytest.mark.parametrize(("columns", "lines"), [(63, 0), (64, FEWEST), (65, 5), (5000, MOST)])
def test_lines_asked_for_ahead(columns: int, lines: int) -> None:
    assert 16 * np.dtype(np.float32).itemsize == LINE
    text = lowered(lambda x, at: eerie.take(x, at, axis=0), np.zeros((10, columns), np.float32), np.zeros(7, np.int64))
    assert text.count("memref.prefetch") == lines


def test_values() -> None:
    counts = (1, 3, 200)
    places = [np.resize([*range(9), 8, 0, -1], n) for n in counts]
    agree(
        lambda given: [[eerie.take(x, at, axis=0) for at in places] for x in given.values()],
        TABLES,
    )
