"""Every case of the table: compiled values against the NumPy reference, inputs left alone, and all other rules."""

from __future__ import annotations

from functools import lru_cache

import pytest

from eerie_dsl.ir.dtypes import DType, float64
from tests.ops.cases import CASES
from tests.support.case import Case
from tests.support.compile_cases import Outcome, run_compiled
from tests.support.rules import check_batch, check_vjp, graph_of

VALUES = [(case, dtype) for case in CASES for dtype in case.dtypes]
BATCH = 150


@lru_cache(maxsize=1)
def outcomes(batch: int) -> list[Outcome]:
    """What the cases of one batch gave, compiled together when the first of them is looked at."""
    part = VALUES[batch * BATCH : (batch + 1) * BATCH]
    arrays = [case.arrays(dtype) for case, dtype in part]
    graphs = [graph_of(case.op, a, case.given(d)) for (case, d), a in zip(part, arrays, strict=True)]
    return run_compiled(graphs, arrays)


@pytest.mark.parametrize("k", range(len(VALUES)), ids=[f"{c.name}-{d.name}" for c, d in VALUES])
def test_compiled_values_match_the_reference_and_inputs_stay(k: int) -> None:
    case, dtype = VALUES[k]
    outcome = outcomes(k // BATCH)[k % BATCH]
    assert not outcome.problem, outcome.problem
    arrays = case.arrays(dtype)
    for before, after in zip(arrays, outcome.inputs, strict=True):
        assert after.tobytes() == before.tobytes(), "an input was written to"
    assert not outcome.shares_memory, "a result lies in the memory of an input"
    case.check(outcome.outputs[0], graph_of(case.op, arrays, case.given(dtype)).evaluate(arrays)[0])


def _wide(case: Case) -> DType:
    # References are exact enough to compare in float64; operations that do not take it are checked as they are.
    return float64 if any(d.kind == "float" for d in case.dtypes) else case.dtypes[0]


WITH_OPERANDS = [c for c in CASES if c.operands]
SMOOTH = [c for c in WITH_OPERANDS if c.smooth and c.op.differentiable and _wide(c) is float64]


@pytest.mark.parametrize("case", WITH_OPERANDS, ids=lambda c: c.name)
def test_batching_rule_agrees_with_a_loop(case: Case) -> None:
    check_batch(case.op, case.arrays(_wide(case)), case.given(_wide(case)))


@pytest.mark.parametrize("case", SMOOTH, ids=lambda c: c.name)
def test_vjp_rule_agrees_with_differences(case: Case) -> None:
    check_vjp(case.op, case.arrays(float64, special=False), case.given(float64))
