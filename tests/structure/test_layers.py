"""The house has floors. Imports go downward only, and each foreign library has one door."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.structure.imports import PACKAGE, ROOT, Import, imports, module_name, package_files

FLOORS: list[set[str]] = [
    {"digest", "errors", "version"},
    {"config", "tree"},
    {"ir"},
    {"ops"},
    {"transforms"},
    {"lowering"},
    {"compile"},
    {"runtime"},
    {"api"},
    {"fft", "linalg", "random", "tuning"},
    {"nn", "optim", "interop", "export"},
    {"train"},
    {"cli"},
    {"__main__"},
]
# Written with the public names, as a user would. The front door opens them when they are asked for.
OUTSIDE = {"nn", "optim", "interop", "export", "train", "cli"}
HEIGHT = {name: height for height, floor in enumerate(FLOORS) for name in floor}

# A foreign module, and the parts of the house that may import it: the longest name that fits decides.
DOORS: dict[str, set[str]] = {
    "iree.compiler": {"lowering", "compile"},
    "iree.compiler.ir": {"lowering"},
    "iree.compiler.dialects": {"lowering"},
    "iree.compiler.api": {"compile"},
    "iree.runtime": {"runtime"},
    "iree._runtime": {"runtime"},
    "iree": set(),
    "optree": {"tree"},
}
DEPENDENCIES = {"iree", "ml_dtypes", "numpy", "optree"}


def complaint(importer: str, found: Import) -> str | None:
    """What is wrong with an import in the module `importer`, or None."""
    _, _, rest = importer.partition("eerie_dsl.")
    part = rest.split(".")[0]
    if part and part not in HEIGHT:
        return f"{part} is on no floor: add it to FLOORS"
    names = found.module.split(".")
    if names[0] != "eerie_dsl":
        return _at_the_door(part, found)
    if not part:
        return None  # the table of contents imports from every floor
    if len(names) == 1:
        return None if part in OUTSIDE else "imports the front door, which imports everything"
    other = names[1]
    if other not in HEIGHT:
        return f"imports {found.module}, which is on no floor"
    if other == part or HEIGHT[other] < HEIGHT[part]:
        return None
    return f"{part} imports its sibling {other}" if HEIGHT[other] == HEIGHT[part] else f"{part} imports {other} above"


def _at_the_door(part: str, found: Import) -> str | None:
    door = max((d for d in DOORS if (found.module + ".").startswith(d + ".")), key=len, default=None)
    if door is not None and part not in DOORS[door]:
        allowed = " and ".join(sorted(DOORS[door])) or "nobody"
        return f"{door} is imported by {allowed}, not by {part or 'the top'}"
    top = found.module.split(".")[0]
    if found.at_top and top not in DEPENDENCIES and top not in sys.stdlib_module_names:
        return f"{top} is not a dependency: import it inside the function that needs it"
    return None


@pytest.mark.parametrize("path", package_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_import_goes_down(path):
    module = module_name(path)
    found = imports(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")
    wrong = [f"line {i.line}: {words}" for i in found if (words := complaint(module, i))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "source", "words"),
    [
        ("eerie_dsl.ir.graph", "from eerie_dsl.errors import ShapeError", None),
        ("eerie_dsl.ir.graph", "from eerie_dsl import errors", None),
        ("eerie_dsl.ir.graph", "from .dtypes import DType", None),
        ("eerie_dsl.ir.graph", "def f():\n    from eerie_dsl.ops import add", "above"),
        ("eerie_dsl.ir.graph", "from ..ops import add", "above"),
        ("eerie_dsl.ir.graph", "import importlib\nimportlib.import_module('eerie_dsl.api')", "above"),
        ("eerie_dsl.ir.graph", "if TYPE_CHECKING:\n    import eerie_dsl.runtime", "above"),
        ("eerie_dsl.config", "from eerie_dsl import tree", "sibling"),
        ("eerie_dsl.nn.layers", "import eerie_dsl.optim", "sibling"),
        ("eerie_dsl.api.jit", "import eerie_dsl as eerie", "front door"),
        ("eerie_dsl.attic", "import os", "on no floor"),
        ("eerie_dsl", "from eerie_dsl.api import jit", None),
        ("eerie_dsl", "import iree.compiler", "door|imported by"),
        (
            "eerie_dsl.lowering.build",
            "from iree.compiler import ir\nfrom iree.compiler.dialects import linalg",
            None,
        ),
        ("eerie_dsl.lowering.build", "from iree.compiler.api import Session", "imported by compile"),
        ("eerie_dsl.compile.driver", "from iree.compiler import ir", "imported by lowering"),
        ("eerie_dsl.compile.driver", "from iree.compiler.api import Session", None),
        ("eerie_dsl.api.jit", "def f():\n    import iree.runtime", "imported by runtime"),
        ("eerie_dsl.runtime.device", "from iree import runtime", None),
        ("eerie_dsl.runtime.device", "from iree._runtime_libs import _runtime", "imported by nobody"),
        ("eerie_dsl.api.jit", "import optree", "imported by tree"),
        ("eerie_dsl.interop.torch", "import torch", "not a dependency"),
        ("eerie_dsl.interop.torch", "def f():\n    import torch", None),
    ],
)
def test_the_rule_itself(importer, source, words):
    complaints = [c for i in imports(source, importer) if (c := complaint(importer, i))]
    if words is None:
        assert complaints == []
    else:
        assert any(word in c for c in complaints for word in words.split("|"))


def test_importing_eerie_leaves_the_compiler_alone():
    program = (
        "import sys, eerie_dsl\n"
        "print(sorted(m for m in sys.modules if m.split('.')[:2] == ['iree', 'compiler'] or m == 'optree'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
