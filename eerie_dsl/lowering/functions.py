"""Several graphs become one module: a function each, and arrays that a file of parameters holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

from iree.compiler import ir
from iree.compiler.dialects import func

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph
from eerie_dsl.lowering.module import add_function, context
from eerie_dsl.lowering.steady import steady
from eerie_dsl.lowering.values import tensor_type

SCOPE = "weights"
"""What the file of parameters is called in the module: ``--parameters=weights=FILE`` of IREE's tools."""


class Function(NamedTuple):
    """A function of a module.

    Attributes:
        name: what it is called.
        graph: what it computes.
        weights: names of the parameters that its last inputs are.
    """

    name: str
    graph: Graph
    weights: tuple[str, ...] = ()


def lower_functions(
    functions: Sequence[Function], *, tiled: bool = True, apart: bool = False, strict: bool = True
) -> bytes:
    """One module with these functions, as MLIR bytecode.

    Args:
        functions: by different names. Parameters of one name are one array.
        tiled, apart, strict: see `build`.
    """
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        _add_globals(module, functions)
        for function in functions:
            if not function.weights:
                add_function(module, function.name, function.graph, tiled=tiled, apart=apart)
                continue
            inner = add_function(module, f"{function.name}$body", function.graph, tiled=tiled, apart=apart)
            inner.operation.attributes["sym_visibility"] = ir.StringAttr.get("private")
            _add_entry(module, function, inner)
        if not strict:
            steady(module)
        module.operation.verify()
        out = BytesIO()
        module.operation.write_bytecode(out)
        return out.getvalue()


def _add_globals(module: ir.Module, functions: Sequence[Function]) -> None:
    found: dict[str, Aval] = {}
    for function in functions:
        avals = function.graph.in_avals
        found |= zip(function.weights, avals[len(avals) - len(function.weights) :], strict=True)
    with ir.InsertionPoint(module.body):
        for name, aval in found.items():
            parameter = ir.Attribute.parse(
                f"#flow.parameter.named<{_quoted(SCOPE)}::{_quoted(name)}> : {tensor_type(aval)}"
            )
            _op(
                "util.global",
                {
                    "sym_name": ir.StringAttr.get(_symbol(name)),
                    "sym_visibility": ir.StringAttr.get("private"),
                    "type": ir.TypeAttr.get(tensor_type(aval)),
                    "initial_value": parameter,
                },
            )


def _add_entry(module: ir.Module, function: Function, inner: func.FuncOp) -> None:
    types = inner.type.inputs
    count = len(types) - len(function.weights)
    with ir.InsertionPoint(module.body):
        entry = func.FuncOp(function.name, (types[:count], inner.type.results))
        with ir.InsertionPoint(entry.add_entry_block()):
            loaded = [
                _op("util.global.load", {"global": ir.FlatSymbolRefAttr.get(_symbol(name))}, [t]).result
                for name, t in zip(function.weights, types[count:], strict=True)
            ]
            func.ReturnOp(func.CallOp(inner, [*entry.arguments, *loaded]).results)


def _op(name: str, attributes: Mapping[str, ir.Attribute], results: Sequence[ir.Type] = ()) -> ir.Operation:
    return ir.Operation.create(name, results=list(results), attributes=dict(attributes))


def _symbol(name: str) -> str:
    return f"weights.{name}"


def _quoted(text: str) -> str:
    return str(ir.StringAttr.get(text))
