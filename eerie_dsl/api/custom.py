"""Functions whose derivative their author gives, and functions whose inner values are computed twice."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of, source_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.derivatives import leaves_like
from eerie_dsl.api.tracing import Leaf, Trace, trace
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.identity import alias
from eerie_dsl.ops.identity import stop_gradient as _stop
from eerie_dsl.transforms.checkpoint import checkpoint as _checkpoint
from eerie_dsl.transforms.custom import custom
from eerie_dsl.transforms.reverse import pullback

Function = Callable[..., Any]

_DEEPEST = 3
"""How often a function may be in its own derivative, where that uses it, and still has the given derivative."""


def stop_gradient(x: Any) -> Any:
    """``x``, an array or a tree of arrays, as a constant for derivatives.

    >>> eerie.grad(lambda x: x * eerie.stop_gradient(x))(3.0)
    Array(3., dtype=float32, device=cpu)
    """
    return tree.map(lambda leaf: Array.of(_stop(strong(lift(leaf)))), x)


def checkpoint(function: Function) -> Function:
    """A function whose inner values are not kept for its derivative: they are computed again on the way back.

    That trades time for memory: of a chain of checkpointed pieces only what passes between them is kept.

    Args:
        function: of arrays and trees of them, giving the like.

    >>> eerie.grad(eerie.checkpoint(lambda x: eerie.sin(eerie.sin(x))))(0.0)
    Array(1., dtype=float32, device=cpu)
    """

    @functools.wraps(function)
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        traced, operands = _traced(function, *tree.flatten((args, kwargs)))
        result = _checkpoint(*operands, graph=traced.graph)
        return traced.build([Array.of(project(result, index=i)) for i in range(len(traced.graph.outputs))])

    return recomputed


def custom_vjp(function: Function, forward: Function, backward: Function) -> Function:
    """``function`` with a derivative of your own, taken backwards.

    Args:
        function: of arrays and trees of them, giving the like.
        forward: takes the same arguments; gives the same value, and what ``backward`` needs beside it.
        backward: takes what ``forward`` kept, and the cotangents of the value, a tree like it; gives a tuple with a
            tree of cotangents for each argument.

    Returns:
        A function of positional arguments. All transforms use the given derivative, `jvp` its transpose.

    >>> clipped = eerie.custom_vjp(
    ...     lambda x: x, lambda x: (x, None), lambda kept, ct: (eerie.clip(ct, -1.0, 1.0),)
    ... )
    >>> eerie.grad(lambda x: 5 * clipped(x))(2.0)
    Array(1., dtype=float32, device=cpu)
    """

    def pull(args: Sequence[Any], cts: Any) -> Any:
        _, kept = _pair(forward(*args), "forward")
        return backward(kept, cts)

    return _with_derivative(function, pull)


def custom_jvp(function: Function, rule: Function) -> Function:
    """``function`` with a derivative of your own, taken forwards.

    Args:
        function: of arrays and trees of them, giving the like.
        rule: takes a tuple of the arguments and a tuple of their tangents; gives the value and its tangent. It must
            be linear in the tangents.

    Returns:
        A function of positional arguments. All transforms use the given derivative; reverse mode its transpose.

    >>> def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return eerie.log1p(eerie.exp(x)), t * eerie.sigmoid(x)
    >>> softplus = eerie.custom_jvp(lambda x: eerie.log1p(eerie.exp(x)), rule)
    >>> eerie.grad(softplus)(100.0)
    Array(1., dtype=float32, device=cpu)
    """

    def pull(args: Sequence[Any], cts: Any) -> Any:
        leaves, structure = tree.flatten(tuple(args))
        moving = [alias(like(strong(lift(leaf)), 0)) for leaf in leaves]
        _, tangent = _pair(rule(tuple(args), tree.unflatten(structure, map(Array.of, moving))), "rule")
        outputs = [strong(lift(t)) for t in tree.leaves(tangent)]
        found = pullback(moving, outputs, [strong(lift(c)) for c in tree.leaves(cts)])
        zeros = [like(n, 0) if c is None else c for n, c in zip(moving, found, strict=True)]
        return tree.unflatten(structure, map(Array.of, zeros))

    return _with_derivative(function, pull)


def _with_derivative(function: Function, pull: Callable[[Sequence[Any], Any], Any]) -> Function:
    inside = threading.local()

    @functools.wraps(function)
    def differently(*args: Any) -> Any:
        depth = getattr(inside, "depth", 0)
        if depth == _DEEPEST:
            return function(*args)
        leaves, structure = tree.flatten((args, {}))
        primal, operands = _traced(function, leaves, structure)
        count = len(leaves)
        outputs = [Leaf(n.aval) for n in primal.graph.outputs]

        def back(*flat: Any) -> Any:
            given, _ = tree.unflatten(structure, flat[:count])
            cts = primal.build(flat[count:])
            found = pull(given, cts)
            if not isinstance(found, tuple) or len(found) != len(given):
                raise ArgumentError(f"the derivative of {name_of(function)} gives a tuple with one entry per argument")
            wanted = [strong(lift(leaf)) for leaf in tree.leaves(given)]
            result = leaves_like("a cotangent", "the argument", found, tree.flatten(given)[1], wanted)
            return [Array.of(c) for c, n in zip(result, wanted, strict=True) if n.dtype.is_inexact]

        types = [*(Leaf(n.aval) for n in operands[:count]), *outputs]
        inside.depth = depth + 1
        try:
            pulled = trace(
                back, name_of(function), source_of(function), types, len(types), lambda a, k: (a, k), inline=True
            )
        finally:
            inside.depth = depth
        more = [c if isinstance(c, Node) else lift(c) for c in pulled.captured]
        graph, gradient = _aligned(primal.graph, pulled.graph, count, len(outputs))
        result = custom(*operands, *more, graph=graph, pullback=gradient)
        return primal.build([Array.of(project(result, index=i)) for i in range(len(outputs))])

    return differently


def _aligned(primal: Graph, pulled: Graph, count: int, results: int) -> tuple[Graph, Graph]:
    """Both graphs on the same operands: the arguments, what the function captured, what its derivative captured."""
    arguments, cts, own = (
        pulled.inputs[:count],
        pulled.inputs[count : count + results],
        pulled.inputs[count + results :],
    )
    theirs = [placeholder(n.aval) for n in primal.inputs[count:]]
    captured = [*theirs, *own]
    zeros = [like(n, 0) for n in captured if n.dtype.is_inexact]
    gradient = Graph.of([*arguments, *captured, *cts], [*pulled.outputs, *zeros])
    return Graph.of([*primal.inputs, *(placeholder(n.aval) for n in own)], primal.outputs), gradient


def _traced(function: Function, leaves: Sequence[Any], structure: Any) -> tuple[Trace, list[Node]]:
    """A function's graph, and its operands: the leaves, then what it captured."""
    nodes = [strong(lift(leaf)) for leaf in leaves]
    types = [Leaf(n.aval) for n in nodes]
    traced = trace(function, name_of(function), source_of(function), types, structure, lambda a, k: (a, k), inline=True)
    return traced, [*nodes, *(c if isinstance(c, Node) else lift(c) for c in traced.captured)]


def _pair(result: Any, what: str) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ArgumentError(f"{what} gives a pair, got {type(result).__name__}")
    return result
