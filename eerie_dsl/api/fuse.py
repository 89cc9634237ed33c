"""`fuse`: a function whose operations become one kernel."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of, source_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.tracing import Leaf, flatten, trace
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.fused import fused

P = ParamSpec("P")
R = TypeVar("R")


def fuse(function: Callable[P, R], /) -> Callable[P, R]:
    """Mark a function whose operations become one dispatch region: one kernel, whatever the compiler would choose.

    Use it inside a jitted function, or alone. Arguments and results are arrays, numbers and containers of them.

    Raises:
        CompileError: when compiled, for operations that cannot be one kernel, such as two matrix products.

    >>> import eerie_dsl as eerie
    >>> @eerie.fuse
    ... def gelu_like(x):
    ...     return x * eerie.sigmoid(1.702 * x)
    >>> gelu_like(eerie.zeros((2,)))
    Array([0., 0.], dtype=float32, device=cpu)
    """
    name = name_of(function)

    @functools.wraps(function)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves, structure = flatten(args, kwargs)
        nodes = [lift(leaf) for leaf in leaves]
        source = source_of(function)
        types = [Leaf(n.aval, n.weak) for n in nodes]
        inside = trace(function, name, source, types, structure, lambda a, k: (a, k))
        captured = [c if isinstance(c, Node) else lift(c) for c in inside.captured]
        result = fused(*nodes, *captured, graph=inside.graph)
        if isinstance(result.aval, TupleAval):
            outputs = [project(result, index=i) for i in range(len(result.aval.elements))]
        else:
            outputs = [result]
        return inside.build([Array.of(n) for n in outputs])  # type: ignore[no-any-return]

    return recorded
