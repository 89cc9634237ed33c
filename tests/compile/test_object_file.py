"""Object files of kernels, read without tools."""

from __future__ import annotations

import pytest

import eerie_dsl as eerie
from eerie_dsl.compile import get_target
from eerie_dsl.compile.object_file import ObjectFile
from eerie_dsl.compile.static_library import Dispatch, compile_static
from eerie_dsl.errors import CompileError


def graph(function, *shapes):
    return eerie.jit(function).trace(*map(eerie.zeros, shapes)).graph


@pytest.mark.parametrize("target", ["cortex-m0", "aarch64"])
def test_what_a_library_holds(target):
    library = compile_static(graph(lambda x, y: eerie.maximum(x @ y, 0.0), (6, 5), (5, 3)), get_target(target), "two")
    code = ObjectFile(library.code)
    assert library.name.startswith("two")
    sections = code.reachable(f"{library.name}_library_query")
    kernels = code.kernels(library.name)
    assert set(kernels) == {s.kernel for s in library.steps if isinstance(s, Dispatch)}
    bodies = dict(code.functions(sections))
    assert set(kernels) < set(bodies)
    sizes = code.sizes(sections)
    assert sum(map(len, bodies.values())) <= sizes.code
    assert ("__mulsf3" in code.undefined(sections)) == (target == "cortex-m0")
    # Helpers for other types are in the file, and in no program.
    assert sizes.code < code.sizes(range(len(code.sections))).code


def test_other_files():
    with pytest.raises(CompileError, match="not ELF"):
        ObjectFile(b"MZ" + bytes(100))
