"""The public face: `__init__` files only re-export, each public name is documented, files stay short."""

from __future__ import annotations

import ast
import inspect

import pytest

import eerie_dsl
from tests.structure.imports import PACKAGE, ROOT, package_files

LONGEST = 400


def _not_a_reexport(source: str) -> list[str]:
    """Statements of an `__init__` file that do more than name what is elsewhere."""
    wrong = []
    for number, node in enumerate(ast.parse(source).body):
        match node:
            case ast.Expr(value=ast.Constant(value=str())) if number == 0:
                continue
            case ast.Import() | ast.ImportFrom():
                continue
            case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("__"):
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=[]) if all(
                isinstance(n, ast.Import | ast.ImportFrom) for n in body
            ):
                continue
            case ast.FunctionDef(name="__getattr__" | "__dir__"):  # a re-export on first use
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=[ast.FunctionDef(name="__getattr__")]) if (
                all(isinstance(n, ast.Import | ast.ImportFrom) for n in body)
            ):
                continue
            case _:
                wrong.append(f"line {node.lineno}: {ast.unparse(node).splitlines()[0]}")
    return wrong


@pytest.mark.parametrize("path", [p for p in package_files() if p.name == "__init__.py"], ids=str)
def test_init_files_only_reexport(path):
    assert _not_a_reexport(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["def helper(): pass", "x = 1", "if TYPE_CHECKING:\n    y = 2", "print('hi')"])
def test_the_init_rule_itself(source):
    assert _not_a_reexport(source)


def test_all_names_what_exists_once():
    names = eerie_dsl.__all__
    assert len(names) == len(set(names))
    assert [n for n in names if not hasattr(eerie_dsl, n)] == []


@pytest.mark.parametrize("name", eerie_dsl.__all__)
def test_public_name_is_documented(name):
    value = getattr(eerie_dsl, name)
    if isinstance(value, str | int | float | complex | type(None)):
        return  # a constant such as pi: its meaning is its name
    words = vars(value).get("__doc__") if isinstance(value, type) else getattr(value, "__doc__", None)
    assert words, f"{name} has no docstring"
    assert inspect.cleandoc(words).strip()
    assert not words.startswith(f"{name}("), f"{name} has only the docstring that dataclass made"


@pytest.mark.parametrize("path", package_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_file_is_short_and_says_what_it_is(path):
    source = path.read_text(encoding="utf-8")
    if path != PACKAGE / "__init__.py":  # the table of contents is as long as what is in the house
        assert source.count("\n") <= LONGEST
    assert ast.get_docstring(ast.parse(source)), "a file starts with a line that says what is in it"


def test_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_version_is_in_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {eerie_dsl.__version__} " in changelog
