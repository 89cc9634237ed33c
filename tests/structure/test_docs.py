"""Documentation that does not run fails here: Python blocks of the pages, examples of the docstrings."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
import types

import pytest

import eerie_dsl
from eerie_dsl.config import config
from tests.structure.imports import ROOT, module_name, package_files

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def python_blocks(page: str) -> list[tuple[int, str]]:
    """The ``python`` blocks of a page, each with the number of the line before its first."""
    return [
        (page.count("\n", 0, m.start(3)), re.sub(rf"(?m)^{m[1]}", "", m[3]))
        for m in FENCE.finditer(page)
        if m[2] == "python"
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # One page is one session, in a module of its own: pickling and dataclasses look a class up by module.
    session = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", session)
    for skipped, block in python_blocks(path.read_text(encoding="utf-8")):
        if ">>>" in block:
            parsed = doctest.DocTestParser().get_doctest(block, vars(session), path.name, str(path), skipped)
            _run(parsed)
            vars(session).update(parsed.globs)
        else:
            # Blank lines in front, so that errors and the user lines of kernels point into the page.
            exec(compile("\n" * skipped + block, str(path), "exec"), vars(session))


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_of_page_lead_somewhere(path):
    targets = LINK.findall(path.read_text(encoding="utf-8"))
    gone = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert gone == []


def test_blocks_are_found():
    page = "a\n```python\nx = 1\n```\n- b\n  ```python\n  y = 2\n  ```\n```console\n$ make\n```\n"
    assert python_blocks(page) == [(2, "x = 1\n"), (6, "y = 2\n")]


MODULES = [module_name(p) for p in package_files() if ">>> " in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [t for t in finder.find(module, name, extraglobs={"eerie": eerie_dsl}) if t.examples]
    assert tests, f"{name} has examples that no docstring holds"
    # The pages run natively; what an example shows does not depend on how it is computed.
    mode = "compiled" if "explain" in name or name.endswith((".jit", ".fuse")) else "reference"
    with config(evaluation=mode):
        for test in tests:
            _run(test)


def _run(test: doctest.DocTest) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)
