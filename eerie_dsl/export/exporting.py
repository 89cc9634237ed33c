"""Functions become files: traced, compiled for each target, written with what a caller has to know."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of
from eerie_dsl.api.loaded import heavy
from eerie_dsl.api.tracing import Leaf, flatten, trace
from eerie_dsl.compile import Function, Target, compile_functions, get_target
from eerie_dsl.compile.key import compiler_part
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, Source, TargetError
from eerie_dsl.export import container
from eerie_dsl.export.front import Exported, Specs
from eerie_dsl.export.names import weight_names
from eerie_dsl.export.rows import row_of
from eerie_dsl.export.specs import arguments, check_dims, leaf_of, paths
from eerie_dsl.export.structures import Structure, described
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bool_, complex128
from eerie_dsl.ir.graph import Graph, Node, rebuild
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ops.constant import constant_of
from eerie_dsl.version import __version__


class Traced(NamedTuple):
    """A function ready to be compiled, and what the file says of it."""

    function: Function
    arrays: dict[str, np.ndarray[Any, Any]]
    row: dict[str, Any]


def write(
    function: Callable[..., Any] | Mapping[str, tuple[Callable[..., Any], Specs]],
    specs: Specs,
    out: str | os.PathLike[str],
    target: str | Target | Sequence[str | Target] | None,
    weights: str,
    state: Any,
) -> Exported:
    """What `eerie_dsl.export.export` does."""
    if weights not in ("inside", "apart"):
        raise ArgumentError(f"export: weights={weights!r}", hint='it is "inside" or "apart"')
    path = os.fspath(out)
    targets = _targets(target)
    functions = _functions(function, specs)
    first = State(state)
    apart = weights == "apart"
    traced = [traced_function(name, f, s, first, apart) for name, (f, s) in functions.items()]
    arrays = _together(traced)
    title = os.path.basename(path)
    programs = [(t, compile_functions([t_.function for t_ in traced], t, name=title)) for t in targets]
    beside = os.path.splitext(path)[0] + ".safetensors" if apart and arrays else None
    manifest = {
        "format": container.FORMAT,
        "eerie": __version__,
        "compiler": compiler_part(),
        "functions": [t_.row for t_ in traced],
        "programs": [
            {
                "target": {k: getattr(t, k) for k in TARGET_FIELDS},
                "flags": t.all_flags,
                "kernels": [k.name for k in p.kernels],
                "bytes": len(p.vmfb),
            }
            for t, p in programs
        ],
        "weights": beside and {
            "file": os.path.basename(beside),
            "arrays": {name: {"dtype": str(a.dtype), "shape": a.shape} for name, a in arrays.items()},
        },
        "state": first.row,
    }  # fmt: skip
    if beside is not None:
        import eerie_dsl as eerie

        eerie.interop.safetensors.save(beside, arrays)
    size = container.write(path, [(t.name, p.vmfb) for t, p in programs], first.data, manifest)
    return Exported(path, beside, tuple(t.name for t in targets), tuple(functions), size)


TARGET_FIELDS = ("name", "driver", "variant", "needs", "machine", "features", "system")


def _targets(target: Any) -> list[Target]:
    wanted = config.target if target is None else target
    found = [get_target(t) for t in ([wanted] if isinstance(wanted, str | Target) else wanted)]
    if not found:
        raise ArgumentError("export: target is an empty list", hint="name at least one, such as host")
    names = [t.name for t in found]
    for t in found:
        if names.count(t.name) > 1:
            raise ArgumentError(f"export: {t.name} is among the targets twice")
        if not t.driver:
            raise TargetError(f"{t.name} has no runtime that could load a file", hint="use eerie.bundle for it")
    return found


def _functions(function: Any, specs: Specs) -> dict[str, tuple[Callable[..., Any], Specs]]:
    if not isinstance(function, Mapping):
        if not callable(function):
            raise ArgumentError(f"export needs a function, got {type(function).__name__}")
        name = name_of(function)
        return {name if name.isidentifier() else "main": (function, specs)}
    if specs is not None:
        raise ArgumentError("export: specs belong to each function: {name: (function, specs)}")
    if not function:
        raise ArgumentError("export: no functions")
    for name, entry in function.items():
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise ArgumentError(f"export: {name!r} is not the name of a function", hint="use letters and digits")
        if not isinstance(entry, tuple) or len(entry) != 2 or not callable(entry[0]):
            raise ArgumentError(f"export: {name} has to be (function, specs), got {entry!r}")
    return dict(function)


class State:
    """The state that functions hand on, as the file has it."""

    def __init__(self, state: Any) -> None:
        self.given = state is not None
        self.value = state
        self.row: dict[str, Any] | None = None
        self.data = b""
        if not self.given:
            return
        self.structure: Structure = described(state, "state")
        rows, parts, start = [], [], 0
        self.leaves: list[Leaf] = []
        for leaf, path in zip(tree.leaves(state), tree.paths(state, "state"), strict=True):
            self.leaves.append(Leaf(leaf_of(leaf, path).aval))
            aval = self.leaves[-1].aval
            array = np.asarray(leaf.numpy() if isinstance(leaf, Array) else leaf, aval.dtype.numpy)
            raw = array.astype(aval.dtype.numpy.newbyteorder("<"), copy=False).tobytes()
            row = row_of(Leaf(aval))
            if any(raw):  # a cache is zero at first: no need to write that down
                row |= {"start": start, "length": len(raw)}
                parts.append(raw)
                start += len(raw)
            rows.append(row)
        self.data = b"".join(parts)
        self.row = {"structure": self.structure, "leaves": rows}


def traced_function(name: str, function: Callable[..., Any], specs: Specs, state: State, apart: bool) -> Traced:
    args, kwargs = arguments(specs, name)
    if state.given:
        args = (state.value, *args)
    names = _parameters(function, args, kwargs, name)
    leaves, structure = flatten(args, kwargs)
    where = paths(args, kwargs, names)
    types = [leaf_of(v, f"argument {p} of {name}") for v, p in zip(leaves, where, strict=True)]
    if state.given:
        types[: len(state.leaves)] = state.leaves
    check_dims(name, types)
    code = getattr(function, "__code__", None)
    source = Source(code.co_filename, code.co_firstlineno, name) if code else Source(name, 0, name)
    found = trace(function, name, source, types, structure, lambda a, k: (a, k))
    places: Any = [_Place(n.aval) for n in found.graph.outputs]
    result = found.build(places)
    if state.given:
        _check_state(name, state, result)
    row = {
        "name": name,
        "arguments": [
            {"name": n, "structure": described(v, f"argument {n} of {name}")}
            for n, v in [*zip(names, args, strict=False), *sorted(kwargs.items())]
        ],
        "positional": len(args),
        "leaves": [row_of(t) for t in types],
        "result": described(result, f"the result of {name}"),
        "results": [row_of(Leaf(n.aval)) for n in found.graph.outputs],
        "stateful": state.given,
        "heavy": heavy(found.graph),
    }
    graph = simplify(found.graph)
    used = {id(i) for n in graph.nodes for i in n.inputs} | {id(n) for n in graph.outputs}
    count = len(types)
    hidden = graph.inputs[count:]
    labels = weight_names(function, found.captured)
    inside: dict[int, Node] = {}
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    kept: list[Node] = []
    for node, captured, label in zip(hidden, found.captured, labels, strict=True):
        if id(node) not in used:
            continue
        array = _value(captured, name)
        if apart and node.dtype not in (bool_, complex128):
            arrays[label] = array
            kept.append(node)
        else:
            inside[id(node)] = constant_of(array, node.dtype)
    graph = _filled(graph, inside, [*graph.inputs[:count], *kept])
    return Traced(Function(name, graph, tuple(arrays)), arrays, row)


class _Place:
    """Stands for an array of a result."""

    def __init__(self, aval: Aval) -> None:
        self.aval = aval


def _parameters(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> list[str]:
    """What a call gives positional arguments to; raises ArgumentError when the specs do not fit the function."""
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return [f"arg{i}" for i in range(len(args))]
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"export: the specs of {name} do not fit {name}{signature}: {error}") from None
    in_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = [p.name for p in signature.parameters.values() if p.kind in in_place]
    return [*found[: len(args)], *(f"arg{i}" for i in range(len(found), len(args)))]


def _check_state(name: str, state: State, result: Any) -> None:
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(f"{name} has to return (state, result), because it is exported with state")
    after = described(result[0], f"the state that {name} returns")
    if after != state.structure:
        raise ArgumentError(f"{name} returns a state that is put together differently from the one it takes")
    for leaf, given, path in zip(tree.leaves(result[0]), state.leaves, tree.paths(result[0], "state"), strict=True):
        if leaf.aval is not given.aval:
            raise ArgumentError(
                f"{name} returns {path} as {leaf.aval}, and takes it as {given.aval}",
                hint="give the first state the type that it will have: eerie.zeros(shape, dtype=...)",
            )


def _value(captured: Any, name: str) -> np.ndarray[Any, Any]:
    if isinstance(captured, Node):
        raise ArgumentError(f"export of {name} inside another traced function", hint="export it outside")
    return captured.numpy() if isinstance(captured, Array) else np.asarray(captured)


def _filled(graph: Graph, values: Mapping[int, Node], inputs: Sequence[Node]) -> Graph:
    """The graph with constants in place of some inputs."""
    new: dict[int, Node] = {id(n): n for n in inputs} | dict(values)
    for node in graph.nodes:
        new[id(node)] = rebuild(node, tuple(new[id(i)] for i in node.inputs))
    return Graph.of(inputs, [new[id(n)] for n in graph.outputs])


def _together(traced: Sequence[Traced]) -> dict[str, np.ndarray[Any, Any]]:
    """The weights of all functions; one name is one array."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for t in traced:
        for name, array in t.arrays.items():
            other = found.setdefault(name, array)
            if other is not array and (other.dtype != array.dtype or not np.array_equal(other, array, equal_nan=False)):
                raise ArgumentError(
                    f"export: {t.function.name} and another function have different weights called {name!r}",
                    hint="give the variables that hold them different names, or let both capture one array",
                )
    return found
