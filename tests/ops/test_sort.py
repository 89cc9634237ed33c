"""Sorting beyond the table of cases: long rows, many passes, numbers near zero."""

from __future__ import annotations

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.dtypes import complex64
from eerie_dsl.ops.sort import argsort, order, sort
from tests.support.compile_cases import run_compiled
from tests.support.recording import Array, operand
from tests.support.rules import graph_of

RNG = np.random.default_rng(3)


def test_long_rows_and_denormals_are_sorted_as_numpy_does():
    rows = RNG.integers(-50, 50, (3, 5000)).astype(np.float32)
    rows[RNG.random(rows.shape) < 0.1] = np.nan
    rows[RNG.random(rows.shape) < 0.1] = -0.0
    tiny = np.array([1e-40, -1e-40, 0, -0.0, 3e-41, 1e-40], np.float32)
    bits = np.array([2**63, 0, 2**64 - 1, 1, 2**63 - 1], np.uint64)
    arrays: list[Array] = [rows, tiny, bits, RNG.permutation(2**17).astype(np.int32)]
    graphs = [graph_of(argsort, [a], {"descending": down}) for a in arrays for down in (False, True)]
    outcomes = run_compiled(graphs, [[a] for a in arrays for _ in range(2)])
    for k, a in enumerate(arrays):
        up, down = (o.outputs[0] for o in outcomes[2 * k : 2 * k + 2])
        np.testing.assert_array_equal(up, np.argsort(a, -1, kind="stable"))
        last = a.shape[-1] - 1
        np.testing.assert_array_equal(down, last - np.argsort(a[..., ::-1], -1, kind="stable")[..., ::-1])


def test_what_has_no_order():
    with pytest.raises(DTypeError, match="argsort does not take complex64"):
        argsort(operand(3, dtype=complex64), descending=False)
    with pytest.raises(ShapeError, match="argsort of a 0-d array"):
        argsort(operand(), descending=False)


def test_keys_with_digits_in_common_and_wanted_elements_among_ties():
    small = RNG.integers(-3, 3, (2, 700))
    wide = small * 2**40 + RNG.integers(0, 9, small.shape)
    ties = RNG.integers(0, 5, (3, 1000)).astype(np.float32)
    rising, constant = np.arange(999, dtype=np.uint16), np.zeros(999, np.float16)
    graphs, inputs, wanted = [], [], []
    for a in (small, wide, ties, rising, constant):
        for first in (a.shape[-1], 64, 1):
            graphs.append(graph_of(argsort, [a], {"descending": True, "first": first}))
            inputs.append([a])
            wanted.append(order(a, descending=True)[..., :first])
    for outcome, exact in zip(run_compiled(graphs, inputs), wanted, strict=True):
        np.testing.assert_array_equal(outcome.outputs[0], exact)


def test_more_wanted_than_there_are():
    with pytest.raises(ShapeError, match="there are no 4 elements along the last axis"):
        argsort(operand(2, 3), descending=False, first=4)


@pytest.mark.parametrize("shape", [(3, 5000), (2, 70001), (2, 30), (40, 130), (37, 1024), (17, 16)])
def test_values_are_in_the_order_of_their_places_and_so_are_zeros(shape: tuple[int, int]):
    rows = RNG.integers(-9, 9, shape).astype(np.float32)
    rows[RNG.random(shape) < 0.1] = np.nan
    rows[RNG.random(shape) < 0.1] = -0.0
    rows[0] = abs(rows[0]) + 1
    arrays: list[Array] = [rows, rows.astype(np.float64), rows.astype(np.float16), (rows > 1)]
    arrays += [RNG.integers(-(2**62), 2**62, shape), RNG.integers(0, 256, shape).astype(np.uint8)]
    cases = [(a, down) for a in arrays for down in (False, True)]
    outcomes = run_compiled([graph_of(sort, [a], {"descending": d}) for a, d in cases], [[a] for a, _ in cases])
    for outcome, (a, down) in zip(outcomes, cases, strict=True):
        exact = np.take_along_axis(a, order(a, descending=down), -1)
        np.testing.assert_array_equal(outcome.outputs[0], exact)
        if a.dtype.kind == "f":
            known = ~np.isnan(exact)
            np.testing.assert_array_equal(np.signbit(outcome.outputs[0])[known], np.signbit(exact)[known])
