"""The JavaScript of a bundle: a module that runs the kernels, and a page that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Any

from eerie_dsl.compile.static_library import Copy, Dispatch, Fill
from eerie_dsl.errors import CompileError
from eerie_dsl.export.bundles.plan import Part, Plan
from eerie_dsl.version import __version__

# Functions of C that kernels call, in doubles; those of floats are rounded once more.
_FUNCTIONS = {
    "fmaximum": "(a, b) => Math.max(a, b)",
    "fminimum": "(a, b) => Math.min(a, b)",
    "fmax": "(a, b) => a !== a ? b : b !== b ? a : Math.max(a, b)",
    "fmin": "(a, b) => a !== a ? b : b !== b ? a : Math.min(a, b)",
    "round": "(a) => Math.sign(a) * Math.floor(Math.abs(a) + (Math.abs(a) < 2 ** 52 ? 0.5 : 0))",
    "fmod": "(a, b) => a % b",
    **{f: f"(a) => Math.{f}(a)" for f in (
        "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
        "tanh", "asinh", "acosh", "atanh", "cbrt",
    )},
    "atan2": "(a, b) => Math.atan2(a, b)",
    "pow": "(a, b) => Math.pow(a, b)",
}  # fmt: skip


def module(plan: Plan, needed: Iterable[str]) -> str:
    """The module that loads the kernels.

    Args:
        plan: the bundle.
        needed: functions that the kernels call and do not bring.

    Raises:
        CompileError: one of them is not known.
    """
    data = len(plan.library.weights)
    described = {
        "name": plan.name,
        "wasm": f"{plan.name}.wasm",
        "query": f"{plan.library.name}_library_query",
        "weights": {"file": f"{plan.name}_weights.bin", "bytes": data} if data else None,
        "workspace": plan.library.workspace,
        "arguments": list(map(_part, plan.arguments)),
        "results": list(map(_part, plan.results)),
        "steps": list(map(_step, plan.library.steps)),
    }  # fmt: skip
    functions = ", ".join(f"{name}: {_function(name)}" for name in needed)
    return (
        f"// {plan.name}.mjs: made by Eerie {__version__} for {plan.target}.\n"
        f"export const bundle = {json.dumps(described, separators=(',', ':'))};\n"
        f"const functions = {{ {functions} }};\n{_text('loader.mjs')}"
    )


def page(plan: Plan) -> str:
    """A page that runs the function on what is drawn or typed in."""
    return _text("page.html").replace("__NAME__", escape(plan.name))


def imports(code: bytes) -> tuple[str, ...]:
    """The functions that a WebAssembly module wants from outside."""
    for kind, body in _sections(code):
        if kind == 2:
            return tuple(_imported(body))
    return ()


def sizes(code: bytes) -> tuple[int, int]:
    """Bytes of a module that are not data, and that are."""
    data = sum(len(body) for kind, body in _sections(code) if kind == 11)
    return len(code) - data, data


def _function(name: str) -> str:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if name.endswith("f") and name[:-1] in _FUNCTIONS:
        head, _, body = _FUNCTIONS[name[:-1]].partition(" => ")
        return f"{head} => Math.fround({body})"
    raise CompileError(
        f"the kernels call {name}, which a bundle for WebAssembly does not have",
        hint="write it with other functions, or cast to float32",
    )


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name, "label": part.label, "dtype": part.aval.dtype.name,
        "shape": list(part.aval.shape), "bytes": part.bytes,
    }  # fmt: skip


def _step(step: Dispatch | Copy | Fill) -> dict[str, Any]:
    match step:
        case Dispatch():
            return step._asdict()
        case Copy(source, target):
            return {"source": source, "target": target}
        case Fill(target, pattern):
            return {"target": target, "pattern": list(pattern)}


def _text(name: str) -> str:
    return files("eerie_dsl.export.bundles").joinpath(name).read_text(encoding="utf-8")


def _sections(code: bytes) -> Iterable[tuple[int, bytes]]:
    place = 8
    while place < len(code):
        kind = code[place]
        size, place = _number(code, place + 1)
        yield kind, code[place : place + size]
        place += size


def _imported(body: bytes) -> Iterable[str]:
    count, place = _number(body, 0)
    for _ in range(count):
        words = []
        for _ in range(2):
            size, place = _number(body, place)
            words.append(body[place : place + size].decode())
            place += size
        if body[place] != 0:
            raise CompileError(f"the kernels want {words[1]} from outside, which is no function")
        _, place = _number(body, place + 1)
        yield words[1]


def _number(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
