"""Graphs as text."""

from __future__ import annotations

import os
from typing import Any

from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.graph import Graph


def text(graph: Graph, name: str = "graph", *, sources: bool = True, indent: str = "") -> str:
    """The graph in a readable form, one line a node, the user's line behind it.

    >>> from eerie_dsl.ir import Aval, Graph, placeholder, dtypes
    >>> x = placeholder(Aval((2,), dtypes.float32))
    >>> print(text(Graph.of([x], [x]), "identity"))
    identity(%0: f32[2]) {
      return %0
    }
    """
    names = {id(n): f"%{k}" for k, n in enumerate((*graph.inputs, *graph.nodes))}
    head = ", ".join(f"{names[id(n)]}: {n.aval}" for n in graph.inputs)
    rows: list[tuple[str, str]] = []
    for node in graph.nodes:
        assert node.op is not None
        words = [node.op.name, *(names[id(i)] for i in node.inputs)]
        words += [f"{k}={_param(v, indent)}" for k, v in sorted(node.params.items())]
        place = f"{os.path.basename(node.source.file)}:{node.source.line}" if node.source and sources else ""
        rows.append((f"{indent}  {names[id(node)]}: {node.aval} = {' '.join(words)}", place))
    width = max((len(row) for row, _ in rows if len(row) < 100 and "\n" not in row), default=0)
    lines = [f"{row:<{width}}  # {place}" if place else row for row, place in rows]
    tail = ", ".join(names[id(n)] for n in graph.outputs)
    return "\n".join([f"{name}({head}) {{", *lines, f"{indent}  return {tail}", f"{indent}}}"])


def _param(value: Any, indent: str) -> str:
    if isinstance(value, Graph):
        return text(value, "graph", indent=indent + "    ")
    if isinstance(value, DType):
        return value.name
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 16 else f"<{len(value)} bytes>"
    if isinstance(value, tuple):
        inner = ", ".join(_param(v, indent) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)
