"""The runner of the standard's suite, on a suite of three tests."""

from __future__ import annotations

from collections import Counter

import pytest

from tools import conformance

CONFTEST = """
def pytest_addoption(parser):
    for name in ("--max-examples", "--skips-file", "--xfails-file"):
        parser.addoption(name)
    parser.addoption("--disable-deadline", action="store_true")
"""
TESTS = """
import importlib, os, pytest

def test_passes(request):
    assert os.environ["EERIE_EVALUATION"] == "reference"
    module = importlib.import_module(os.environ["ARRAY_API_TESTS_MODULE"])
    assert module.__array_api_version__ == os.environ["ARRAY_API_TESTS_VERSION"]
    assert request.config.getoption("--max-examples") == "7"
    assert open(request.config.getoption("--skips-file")).read() == ""

class TestClass:
    def test_fails(self):
        assert False

def test_is_skipped():
    pytest.skip()
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "array_api_tests").mkdir()
    (tmp_path / "array_api_tests" / "__init__.py").touch()
    (tmp_path / "array_api_tests" / "test_three.py").write_text(TESTS)
    (tmp_path / "array_api_tests" / "test_one.py").write_text("def test_passes(): pass")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    return tmp_path


def test_outcomes_are_counted_by_file(suite):
    counts = conformance.run(suite, "reference", 7, [])
    assert counts == {"test_one": Counter(passed=1), "test_three": Counter(passed=1, failed=1, skipped=1)}
    assert conformance.cell(conformance.total(counts)) == "2 / 1 / 1"


def test_a_run_that_breaks_counts_nothing(suite):
    assert conformance.run(suite, "reference", 7, ["nowhere.py"]) == {}


@pytest.mark.parametrize(
    ("counts", "status"),
    [(Counter(passed=2), 0), (Counter(passed=2, skipped=1), 0), (Counter(passed=2, failed=1), 1), (Counter(), 1)],
)
def test_status_says_whether_all_passed(counts, status, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(conformance, "complaints", lambda suite: [])
    monkeypatch.setattr(conformance, "run", lambda *arguments: {"test_a": counts})
    arguments = ["reference", "--suite", str(tmp_path), "--max-examples", "7", "--tests", "test_a.py"]
    assert conformance.main(arguments) == status
    printed = f"reference, 7 examples: passed / failed / skipped: {conformance.cell(counts)}"
    assert printed in capsys.readouterr().out


def test_what_is_no_checkout_is_named(tmp_path, capsys):
    assert conformance.main(["reference", "--suite", str(tmp_path)]) == 2
    assert "is not a checkout of https://github.com/data-apis/array-api-tests" in capsys.readouterr().err


def test_unknown_modes_are_refused(capsys):
    with pytest.raises(SystemExit):
        conformance.main(["eager"])
    assert "no mode eager; there are reference, tiered, compiled" in capsys.readouterr().err


def test_page_has_a_column_for_each_mode(monkeypatch, tmp_path):
    monkeypatch.setattr(conformance, "git", lambda *arguments, at: "0123abcd")
    monkeypatch.setattr(conformance, "version", lambda name: "1.0")
    outcomes = {"reference": {"test_a": Counter(passed=3)}, "compiled": {"test_a": Counter(passed=2, failed=1)}}
    page = conformance.page(tmp_path, outcomes, {"reference": 50, "compiled": 5})
    assert "| tests | reference | compiled |\n" in page
    assert "| `test_a` | 3 / 0 / 0 | 2 / 1 / 0 |\n| all | 3 / 0 / 0 | 2 / 1 / 0 |\n" in page
    assert "`0123abcd`" in page
    assert "reference, 50 examples; compiled, 5 examples" in page
