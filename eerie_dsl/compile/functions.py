"""Programs of several functions, for files that leave this machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from eerie_dsl.compile import service
from eerie_dsl.compile.cache import Cache, default_cache
from eerie_dsl.compile.key import make_key
from eerie_dsl.compile.program import Program
from eerie_dsl.compile.target import Target, get_target
from eerie_dsl.digest import digest
from eerie_dsl.errors import Source, TargetError
from eerie_dsl.ir import Graph


class Function(NamedTuple):
    """A function of a program.

    Attributes:
        name: what it is called.
        graph: what it computes.
        weights: names of the parameters, of a file apart, that its last inputs are.
    """

    name: str
    graph: Graph
    weights: tuple[str, ...] = ()


def compile_functions(
    functions: Sequence[Function], target: str | Target, *, name: str, cache: Cache | None = None
) -> Program:
    """The program of these functions: from the cache, or compiled now.

    Args:
        functions: by different names.
        target: name of a target or a `Target`.
        name: of the whole, for messages.
        cache: where to look and to store; the one in ``config.cache_dir`` when not given.

    Raises:
        TargetError: there is no such target, it lacks a dtype, or the compiler does not emit it.
        CompileError: the compiler refused, crashed, or ran out of time.
    """
    target = get_target(target)
    for function in functions:
        target.check(function.graph)
    parts = [(f.name, f.graph.encode(), f.weights) for f in functions]
    named = [repr((f.name, f.weights)).encode() for f in functions]
    key = make_key(digest(*named, *(digest(e, size=20) for _, e, _ in parts), size=20).hex(), target)
    cache = default_cache() if cache is None else cache
    program = cache.get(key)
    if program is None:
        require(target)
        lines: tuple[Source, ...] = tuple(n.source for f in functions for n in f.graph.walk() if n.source is not None)
        sources = tuple(service.plain(f.graph.sources) for f in functions)
        count = sum(len(f.graph.nodes) for f in functions)
        program = service.run("functions", tuple(parts), sources, target, name, count, lines)
        cache.put(key, program)
    return program


@cache
def backends() -> tuple[str, ...]:
    """What the installed compiler can emit code for, by its names for that.

    Raises:
        CompileError: there is no compiler.
    """
    found: tuple[str, ...] = service.run("backends", b"", (), get_target("vmvx"), "backends", 0, ())
    return tuple(found)


def require(target: Target) -> None:
    """See that the installed compiler emits code for a target.

    Raises:
        TargetError: it does not, or not yet.
        CompileError: there is no compiler.
    """
    # These are in every release of it; to ask takes a process.
    if target.backend not in ("llvm-cpu", "vmvx") and target.backend not in backends():
        raise TargetError(
            f"{target.name} is for later: {absence(target)}",
            hint=f"it has {', '.join(backends())}; a release that lists {target.backend} is used as it is",
        )


def absence(target: Target) -> str:
    """Why the installed compiler emits nothing for a target; empty when it does.

    Raises:
        CompileError: there is no compiler.
    """
    return "" if target.backend in backends() else f"the installed compiler has no backend {target.backend}"
