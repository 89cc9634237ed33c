"""Reads the imports of Python files without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "eerie_dsl"


@dataclass(frozen=True)
class Import:
    """One imported module, as a dotted name, and where the import stands."""

    module: str
    line: int
    at_top: bool


def module_name(path: Path, root: Path = ROOT) -> str:
    """The dotted name of a file: ``eerie_dsl/ir/graph.py`` is ``eerie_dsl.ir.graph``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_files() -> list[Path]:
    """Every Python file of the package, in a stable order."""
    return sorted(PACKAGE.rglob("*.py"))


def is_module(name: str) -> bool:
    """Whether a dotted name inside this repository is a file or a directory of Python files."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or any(path.glob("*.py"))


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import of a file: at the top, in functions, under TYPE_CHECKING, and by a literal name.

    ``from a import b`` is an import of ``a.b`` where that is a module of ours, or where `a` is foreign, as
    it may be one there.
    """
    tree = ast.parse(source)
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, _FUNCTIONS) for n in ast.walk(f) if n is not f}
    inner |= {id(n) for f in ast.walk(tree) if _is_type_checking(f) for n in ast.walk(f)}
    for node in ast.walk(tree):
        at_top = id(node) not in inner
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_top)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                own = base.split(".")[0] == "eerie_dsl"
                yield Import(base if own and not is_module(whole) else whole, node.lineno, at_top)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(name.value, node.lineno, at_top)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _is_type_checking(node: ast.AST) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    drop = node.level - 1 if is_package else node.level
    base = parts[: len(parts) - drop]
    return ".".join([*base, node.module] if node.module else base)


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
