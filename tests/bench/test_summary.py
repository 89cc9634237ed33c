from __future__ import annotations

import pytest

from bench import report
from bench.harness import Figure, Line, Miss, Ratio, Spread
from bench.subjects import FAMILIES, SUBJECTS
from bench.summary import families, together


def line(task: str, peer: str, theirs: float, ours: float = 1.0, target: float | None = None) -> Ratio:
    ratio = theirs / ours
    return Ratio(task, peer, ours, theirs, Spread(ratio, ratio / 2, ratio * 2), target)


RESULTS: dict[str, list[Line]] = {
    "overhead": [line("call", "JAX", 2.0)],
    "reductions": [line("sum", "JAX", 4.0), line("sum", "NumPy", 2.0), line("argmax", "NumPy", 0.5)],
    "normalization": [line("softmax", "JAX", 8.0), Miss("layer norm", "does not run: no such op")],
    "matvec": [line("512", "JAX", 0.95, target=1.5), Figure("over a copy", 1.5, "", 1.1)],
}


def test_a_row_counts_with_its_fastest_peer():
    norms, matvec = families(RESULTS)
    assert [(best.task, best.peer) for best in norms.best] == [
        ("sum", "NumPy"),
        ("argmax", "NumPy"),
        ("softmax", "JAX"),
    ]
    assert norms.mean == pytest.approx((2.0 * 0.5 * 8.0) ** (1 / 3))
    assert norms.met is True
    assert norms.below == 2  # argmax, and the row without a time
    assert matvec.mean == pytest.approx(0.95)
    assert (matvec.met, matvec.below) == (None, 0)


def test_all_rows_together():
    everything = together(families(RESULTS))
    assert everything.mean == pytest.approx((2.0 * 0.5 * 8.0 * 0.95) ** (1 / 4))
    assert everything.met is True
    assert everything.below == 2


def test_a_family_of_which_nothing_runs():
    results: dict[str, list[Line]] = {"normalization": [Miss("softmax", "gives a wrong answer")]}
    (norms,) = families(results)
    assert (norms.mean, norms.met, norms.below) == (None, None, 1)
    assert "- softmax: gives a wrong answer" in report.body(
        {"normalization": [Miss("softmax", "gives a wrong answer")]}
    )


def test_families_are_of_subjects_that_there_are():
    named = [subject for family in FAMILIES for subject in family.subjects]
    assert set(named) <= set(SUBJECTS)
    assert len(named) == len(set(named))


def test_the_kernel_table_says_what_was_missed():
    text = report.body(RESULTS)
    kernels, others = text.split("## Everything else")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in kernels.splitlines() if row.startswith("|")]
    assert ["reductions, softmax, norms", "4", "2.00", "≥ 1.20", "yes", "2"] in rows
    assert ["task", "Eerie", "JAX", "NumPy", "fastest", "middle half"] in rows
    assert ["sum", "1 s", "4.00", "2.00", "2.00", "1.00 to 4.00"] in rows
    assert ["argmax", "1 s", "", "0.50", "**0.50**", "0.25 to 1.00"] in rows
    assert ["512", "1 s", "**0.95**", "", "0.95", "0.47 to 1.90"] in rows
    assert "- layer norm: does not run: no such op" in kernels
    # What is no kernel, and every figure, is in the other tables.
    assert "| call" in others
    assert "over a copy" in others


@pytest.mark.parametrize(("ratio", "text"), [(12.344, "12.34"), (0.1, "0.10"), (0.094, "0.09"), (0.0042, "0.004")])
def test_no_ratio_is_shown_as_nothing(ratio, text):
    assert report.times(ratio) == text
