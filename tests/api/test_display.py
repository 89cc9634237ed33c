"""Arrays in notebooks."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api.display import table
from eerie_dsl.ir.aval import Aval

pytestmark = pytest.mark.usefixtures("interpreted")


class Cells(HTMLParser):
    """The text of each row of a table, and a check that every tag is closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_matrix():
    cells = Cells(eerie.asarray([[1.0, 2.5], [3.0, 4.0]])._repr_html_())
    assert cells.text.startswith("Array 2 × 2, float32, cpu")
    assert cells.rows == [["", "0", "1"], ["0", "1.", "2.5"], ["1", "3.", "4."]]


def test_a_vector_and_a_scalar():
    assert Cells(eerie.asarray([True, False])._repr_html_()).rows == [["0", "1"], ["True", "False"]]
    scalar = Cells(eerie.asarray(1.5 + 2j)._repr_html_())
    assert scalar.rows == [["1.5+2.j"]]
    assert scalar.text.startswith("Array 0-d, complex64, cpu")


def test_more_than_two_dimensions_go_down_the_page():
    rows = Cells(eerie.reshape(eerie.arange(8), (2, 2, 2))._repr_html_()).rows
    assert [row[0] for row in rows] == ["", "0, 0", "0, 1", "1, 0", "1, 1"]
    assert rows[-1] == ["1, 1", "6", "7"]


@pytest.mark.parametrize("shape", [(12, 12), (13, 13), (500, 400), (1000,), (3, 1), (20, 2, 2)])
def test_the_middle_is_left_out(shape):
    values = np.arange(np.prod(shape)).reshape(shape)
    header, *rows = Cells(eerie.asarray(values)._repr_html_()).rows
    lines = values.reshape(-1, shape[-1])
    labelled = len(shape) > 1
    assert len(header) - labelled == min(shape[-1], 13)
    assert {len(row) for row in rows} == {len(header)}
    assert len(rows) == min(len(lines), 13)
    assert rows[0][labelled] == "0"
    assert rows[-1][-1] == str(values.reshape(-1)[-1])
    assert ("⋯" in header) == (shape[-1] > 12)
    assert any("⋮" in row for row in rows) == (len(lines) > 12)


def test_no_elements_and_no_values():
    assert Cells(eerie.zeros((0, 3))._repr_html_()).text == "Array 0 × 3, float32, cpu, no elements"
    shown = []

    @eerie.jit
    def shows(x):
        shown.append(x._repr_html_())
        return x

    shows(eerie.ones(3))
    assert Cells(shown[0]).text == "Array 3, float32, cpu, traced: no values yet"


def test_everything_is_escaped():
    values = np.array(["<script>", "a&b"], dtype=object)
    page = table(Aval((2,), eerie.float32), eerie.Device("<cpu>", "cpu"), values)
    assert "<script>" not in page
    assert Cells(page).rows[1] == ["'<script>'", "'a&b'"]
    assert "<cpu>" in Cells(page).text
