"""From a function to the files of its bundle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eerie_dsl.api.callables import name_of
from eerie_dsl.compile import TARGETS, Target, get_target
from eerie_dsl.compile.object_file import ObjectFile
from eerie_dsl.compile.stack import frame
from eerie_dsl.compile.static_library import STACK, Dispatch, compile_static
from eerie_dsl.errors import ArgumentError, TargetError
from eerie_dsl.export.bundles import c_source, missing, report, wasm
from eerie_dsl.export.bundles.plan import Plan, Sizes, check_name, labels, parts
from eerie_dsl.export.exporting import State, traced_function
from eerie_dsl.export.specs import arguments, paths
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ops.constant import constant

Files = dict[str, bytes]

# What a call in C may hold in registers and save on top of its variables.
_SAVED = 64


def make(
    function: Callable[..., Any], specs: Any, target: str | Target, out: Path, name: str | None
) -> tuple[Any, ...]:
    """Write a bundle; gives the fields of `eerie_dsl.export.standalone.Bundle`."""
    found = _target(target)
    _check_out(out)
    named = check_name(name_of(function) if name is None else name)
    plan = _plan(function, specs, found, named)
    files, sizes, undefined = (_wasm if found.machine == "wasm32" else _c)(plan, found)
    files[report.MARK] = report.record(plan, sizes, [*files, report.MARK], undefined).encode()
    _write(out, files)
    return str(out), named, found.name, tuple(sorted(files)), sizes


def _target(target: str | Target) -> Target:
    found = get_target(target.replace("_", "-") if isinstance(target, str) and target not in TARGETS else target)
    if found.backend != "llvm-cpu" or found.system or "windows" in found.name or not found.machine:
        names = [t for t, row in TARGETS.items() if row.machine and not row.system and "windows" not in t]
        raise TargetError(f"there are no bundles for {found.name}", hint=f"there are for {', '.join(names)}")
    return found


def _plan(function: Callable[..., Any], specs: Any, target: Target, name: str) -> Plan:
    args, kwargs = arguments(specs, name)
    traced = traced_function(name, function, specs, State(None), False)
    graph = traced.function.graph
    _check(graph, name)
    places = paths(args, kwargs, [row["name"] for row in traced.row["arguments"][: len(args)]])
    taken: set[str] = set()
    given = parts(places, graph.in_avals, taken)
    results = parts(list(labels(traced.row["result"], "result")), graph.out_avals, taken)
    library = compile_static(graph, target, name)
    if not library.name.startswith(name):
        raise ArgumentError(f"bundle of {name}: it computes nothing from its arguments")
    held = sum(n.aval.size * n.aval.dtype.itemsize for n in graph.nodes if n.op is constant and n.aval.ndim)
    return Plan(name, target.name, given, results, library, held)


def _check(graph: Graph, name: str) -> None:
    if graph.dims:
        raise ArgumentError(
            f"bundle of {name}: {', '.join(sorted(map(str, graph.dims)))} is known at the call only, and a bundle has "
            "fixed sizes",
            hint="give numbers in place of Dim, and make a bundle for each size",
        )
    for node in graph.walk():
        if node.op is not None and node.op.sequential:
            raise ArgumentError(
                f"bundle of {name}: {node.op.name} is a loop that a host runs, and a bundle is a fixed list of kernels",
                source=node.source,
                hint="unroll it with a Python loop, or bundle one step and loop around its call",
            )


def _c(plan: Plan, target: Target) -> tuple[Files, Sizes, tuple[str, ...]]:
    library = plan.library
    code = ObjectFile(library.code)
    sections = code.reachable(f"{library.name}_library_query")
    kernels, undefined = code.kernels(library.name), code.undefined(sections)
    found = code.sizes(sections)
    sizes = Sizes(
        found.code, found.rodata, found.data, len(library.weights), plan.parameters, library.workspace,
        _stack(plan, code, sections, kernels),
    )  # fmt: skip
    p = plan.name
    texts = {
        f"{p}.h": c_source.header(plan),
        f"{p}.c": c_source.source(plan, kernels, missing.provided(undefined, target.machine), code.pointer),
        "README.md": report.c_readme(plan, sizes, undefined, target.machine),
    }
    if library.weights:
        texts[f"{p}_weights.c"] = c_source.weights(plan)
    return {f"{p}_kernels.o": library.code} | _encoded(texts), sizes, undefined


def _stack(plan: Plan, code: ObjectFile, sections: set[int], kernels: tuple[str, ...]) -> int | None:
    frames = {name: frame(code.machine, body) for name, body in code.functions(sections)}
    if None in frames.values():
        return None
    known = {name: size or 0 for name, size in frames.items()}
    helpers = sum(size for name, size in known.items() if name not in kernels)
    most = max((len(s.spans) for s in plan.library.steps if isinstance(s, Dispatch)), default=0)
    # The variables of the C file: two structures, and an address for each buffer.
    own = 36 + 28 + most * code.pointer + (24 if code.pointer == 8 else 0)
    return max(known[k] for k in kernels) + helpers + own + 2 * _SAVED


def _wasm(plan: Plan, target: Target) -> tuple[Files, Sizes, tuple[str, ...]]:
    library = plan.library
    undefined = wasm.imports(library.code)
    code, data = wasm.sizes(library.code)
    sizes = Sizes(code, data, 0, len(library.weights), plan.parameters, library.workspace, STACK)
    p = plan.name
    texts = {
        f"{p}.mjs": wasm.module(plan, undefined),
        "index.html": wasm.page(plan),
        "README.md": report.wasm_readme(plan, sizes),
    }
    files = {f"{p}.wasm": library.code} | _encoded(texts)
    return files | ({f"{p}_weights.bin": library.weights} if library.weights else {}), sizes, undefined


def _encoded(texts: Mapping[str, str]) -> Files:
    return {name: text.encode() for name, text in texts.items()}


def _check_out(out: Path) -> None:
    """See that a directory may be made there, or replaced.

    Raises:
        ArgumentError: there is something that no bundle has put there.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise ArgumentError(f"bundle: {out} is no directory", hint="give another out")
    there = set(os.listdir(out))
    with suppress(OSError, ValueError, TypeError, KeyError):
        there -= set(json.loads((out / report.MARK).read_text(encoding="utf-8"))["files"])
    if there:
        raise ArgumentError(
            f"bundle: {out} has files that are no bundle's: {', '.join(sorted(there)[:3])}",
            hint="give a directory that is empty, or not there yet",
        )


def _write(out: Path, files: Files) -> None:
    """Put a directory in place, whole or not at all."""
    out = Path(os.path.realpath(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        made, before = work / "new", work / "old"
        made.mkdir()
        for name, data in files.items():
            (made / name).write_bytes(data)
        if out.exists():
            _check_out(out)
            os.replace(out, before)
        try:
            os.replace(made, out)
        except BaseException:
            if before.exists():
                os.replace(before, out)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
