"""Control flow that is part of the program: branches and loops over functions of arrays and trees of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of, source_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.leaves import Flat, function_of, lifted, outline
from eerie_dsl.api.tracing import Leaf, Trace, trace
from eerie_dsl.errors import ArgumentError, DTypeError, EerieError, InvalidValueError, ShapeError
from eerie_dsl.ir.dtypes import bool_, int64
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.transforms.cond import cond as _cond
from eerie_dsl.transforms.cond import named
from eerie_dsl.transforms.loop import while_loop as _while
from eerie_dsl.transforms.scan import scan as _scan

Function = Callable[..., Any]
Tree = Any


def _traced(function: Function, name: str, types: Sequence[Any], build: Callable[..., Any]) -> Trace:
    """The graph of ``function`` called on ``build(arrays)``, arrays of these types."""
    leaves = [t if isinstance(t, Leaf) else Leaf(t) for t in types]
    return trace(
        lambda *flat: function(*build(flat)),
        name,
        source_of(function),
        leaves,
        len(leaves),
        lambda a, k: (a, k),
        inline=True,
    )


def _captured(traced: Trace) -> list[Node]:
    return [c if isinstance(c, Node) else lift(c) for c in traced.captured]


def _with_constants_first(traced: Trace, count: int) -> Graph:
    inputs = traced.graph.inputs
    return simplify(Graph([*inputs[count:], *inputs[:count]], traced.graph.nodes, traced.graph.outputs))


def _results(node: Node) -> list[Node]:
    return [project(node, index=i) for i in range(len(node.aval.elements))]


def cond(pred: Any, true_fn: Function, false_fn: Function, *operands: Tree) -> Tree:
    """``true_fn(*operands)`` where ``pred`` is True, else ``false_fn(*operands)``. Only that one is computed.

    Under `vmap` with a predicate for each example both are computed, and the right one is taken.

    Args:
        pred: a 0-d bool.
        true_fn: of the operands; may use other arrays from outside.
        false_fn: likewise; gives a tree of the same structure, shapes and dtypes.
        operands: arrays and trees of them.

    Raises:
        ShapeError, DTypeError: ``pred`` is not a 0-d bool, or the results of the two differ.
        ArgumentError: the results have different structures.

    >>> eerie.cond(True, lambda x: x + 1, lambda x: x * 10, 2.0)
    Array(3., dtype=float32, device=cpu)
    """
    node = _predicate("cond", strong(lifted(pred, "cond by pred")))
    return _branched("cond", node, [false_fn, true_fn], ["false_fn", "true_fn"], operands)


def switch(index: Any, branches: Sequence[Function], *operands: Tree) -> Tree:
    """``branches[index](*operands)``; an index out of range means the first or the last.

    Args:
        index: a 0-d integer.
        branches: functions of the operands that give trees of one structure, shapes and dtypes.
        operands: arrays and trees of them.

    Raises:
        ShapeError, DTypeError: ``index`` is not a 0-d integer, or the results differ.
        ArgumentError: there is no branch, or the results have different structures.

    >>> eerie.switch(1, [eerie.sin, eerie.cos, eerie.tan], 0.0)
    Array(1., dtype=float32, device=cpu)
    """
    node = strong(lifted(index, "switch by index"))
    if node.shape:
        raise ShapeError(f"switch by an index {node.aval}", hint="give a 0-d integer; eerie.vmap runs one for each")
    if not node.dtype.is_integer:
        raise DTypeError(f"switch by an index {node.aval}", hint="give an integer, or use eerie.cond for a bool")
    if not isinstance(branches, Sequence) or not branches:
        raise ArgumentError(
            "switch without branches" if isinstance(branches, Sequence) else f"switch with {type(branches).__name__}",
            hint="give a list of functions",
        )
    if len(branches) == 1:
        return branches[0](*operands)
    return _branched("switch", node, branches, [f"branch {k}" for k in range(len(branches))], operands)


def _branched(
    what: str, index: Node, functions: Sequence[Function], names: Sequence[str], operands: Sequence[Tree]
) -> Tree:
    functions = [function_of(what, f, n) for n, f in zip(names, functions, strict=True)]
    given = Flat.of(what, tuple(operands), "operands")
    count = len(given.nodes)
    types = [n.aval for n in given.nodes]
    traces = [_traced(f, name_of(f), types, lambda flat: tree.unflatten(given.structure, flat)) for f in functions]
    captured = [_captured(t) for t in traces]
    for t, name in zip(traces[1:], names[1:], strict=True):
        _same_results(what, traces[0], names[0], t, name)
    graphs = []
    for k, t in enumerate(traces):
        # Every branch takes what any of them captured.
        inputs = list(t.graph.inputs[:count])
        for other, nodes in enumerate(captured):
            inputs += t.graph.inputs[count:] if other == k else [placeholder(n.aval) for n in nodes]
        graphs.append(simplify(Graph(inputs, t.graph.nodes, t.graph.outputs)))
    result = _cond(index, *given.nodes, *(n for nodes in captured for n in nodes), **named(graphs))
    return traces[0].build([Array.of(n) for n in _results(result)])


def _same_results(what: str, a: Trace, a_name: str, b: Trace, b_name: str) -> None:
    if a.structure != b.structure:
        raise ArgumentError(
            f"{what}: {a_name} gives {outline(a.structure)} and {b_name} gives {outline(b.structure)}",
            hint="all branches give trees of one structure",
        )
    avals = [t.graph.out_avals for t in (a, b)]
    paths = ["result"] if a.structure is None else tree.paths(tree.unflatten(a.structure, avals[0]), "result")
    for path, one, other in zip(paths, *avals, strict=True):
        if one != other:
            error = ShapeError if one.shape != other.shape else DTypeError
            raise error(
                f"{what}: {path} of {a_name} is {one}, of {b_name} it is {other}",
                hint="make all branches give one type, with astype or broadcast_to",
            )


def _predicate(what: str, node: Node) -> Node:
    if node.shape:
        raise ShapeError(
            f"{what} on {node.aval}, which is not one bool", hint="reduce it with all or any, or use eerie.where"
        )
    if node.dtype is not bool_:
        raise DTypeError(f"{what} on {node.aval}, which is not a bool", hint="compare it: x != 0")
    return node


def _settled(what: str, root: str, init: Flat, step: Callable[[Flat], tuple[Any, Flat]]) -> tuple[Any, Flat]:
    """What ``step`` gives for a carry whose type it keeps.

    A Python number that a loop begins with takes on the dtype that the first step gives it.
    """
    found, after = step(init)
    if after.structure != init.structure:
        raise ArgumentError(
            f"{what} begins with {root}: {outline(init.structure)}, and its body makes it {outline(after.structure)}",
            hint="give it back in the structure in which it came",
        )
    chosen = [
        cast(n, dtype=a.dtype) if free and n.shape == a.shape and n.dtype is not a.dtype else n
        for n, a, free in zip(init.nodes, after.nodes, init.free, strict=True)
    ]
    if any(init.free):
        init = init._replace(nodes=chosen, free=[False] * len(chosen))
        found, after = step(init)
    for path, before, now in zip(init.paths, init.nodes, after.nodes, strict=True):
        if before.aval != now.aval:
            error, fix = (
                (DTypeError, f"begin with {path}.astype(eerie.{now.dtype}), or cast it back in the body")
                if before.shape == now.shape
                else (ShapeError, "a carry keeps its shape from step to step")
            )
            raise error(f"{what} begins with {path}: {before.aval}, and its body makes it {now.aval}", hint=fix)
    return (found, after), init


def scan(
    f: Function, init: Tree, xs: Tree = None, length: int | None = None, reverse: bool = False
) -> tuple[Tree, Tree]:
    """A loop that hands a carry from step to step, reads a row of ``xs`` in each and keeps a row of results.

    It is what this does, compiled once however many steps there are::

        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, stack(ys)

    All transforms go through it; for reverse mode the carry of every step is kept, and what the body computes is
    computed again.

    Args:
        f: ``f(carry, x)`` gives the next carry, in the structure, shapes and dtypes of ``init``, and what to keep of
            the step, None for nothing. It may use other arrays from outside.
        init: the first carry; an array or a tree of them.
        xs: arrays with a row for each step along their first axis, a tree of them, or None.
        length: number of steps; needed where ``xs`` is None.
        reverse: begin at the last row; results stay beside the rows that they are from.

    Returns:
        The last carry, and what was kept, stacked along a first axis.

    Raises:
        ShapeError, DTypeError: the type of a carry changes; arrays of ``xs`` differ in their number of rows.
        ArgumentError: the structure of the carry changes, ``f`` does not give a pair, or there is no ``length``.

    >>> eerie.scan(lambda total, x: (total + x, total), 0.0, eerie.asarray([1.0, 2.0, 3.0]))
    (Array(6., dtype=float32, device=cpu), Array([0., 1., 3.], dtype=float32, device=cpu))
    """
    return _scanned("scan", "carry", f, init, xs, length, reverse)


def _scanned(
    what: str, root: str, f: Function, init: Tree, xs: Tree, length: int | None, reverse: bool
) -> tuple[Tree, Tree]:
    """`scan`, where ``what`` and ``root`` are the names of the loop and its carry for messages."""
    function_of(what, f)
    rows = Flat.of(what, xs, "xs")
    steps = _length(rows, length)
    pair: list[Any] = []

    def body(carry: Tree, x: Tree) -> Any:
        result = f(carry, x)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise ArgumentError(
                f"scan: {name_of(f)} gives the pair (carry, y), got {type(result).__name__}",
                hint="return carry, None where nothing is to be kept",
            )
        pair[:] = result
        return result

    def step(init: Flat) -> tuple[Trace, Flat]:
        count = len(init.nodes)
        types = [*init.types(), *(n.aval.with_shape(n.shape[1:]) for n in rows.nodes)]
        traced = _traced(
            body,
            name_of(f),
            types,
            lambda flat: (tree.unflatten(init.structure, flat[:count]), tree.unflatten(rows.structure, flat[count:])),
        )
        structure = tree.flatten(pair[0])[1]
        return traced, Flat(list(traced.graph.outputs[: structure.num_leaves]), structure, [], [])

    (traced, _), carry = _settled(what, root, Flat.of(what, init, root), step)
    constants, count = _captured(traced), len(carry.nodes)
    result = _scan(
        *constants,
        *carry.nodes,
        *rows.nodes,
        body=_with_constants_first(traced, count + len(rows.nodes)),
        constants=len(constants),
        carries=count,
        length=steps,
        reverse=bool(reverse),
        history=False,
    )
    found = _results(result)
    return carry.build(found[:count]), tree.unflatten(tree.flatten(pair[1])[1], map(Array.of, found[count:]))


def _length(rows: Flat, length: int | None) -> int:
    lengths: dict[int, str] = {}
    for node, path in zip(rows.nodes, rows.paths, strict=True):
        if not node.shape:
            raise ShapeError(f"scan over {path}, which is {node.aval} and has no rows", hint="pass it in the carry")
        lengths.setdefault(node.shape[0], f"{path} ({node.aval}) has {node.shape[0]}")
    if length is not None:
        lengths.setdefault(_steps(length), f"length is {length}")
    if not lengths:
        raise ArgumentError("scan without xs needs its number of steps", hint="give length=")
    if len(lengths) > 1:
        raise ShapeError(f"scan over different numbers of rows: {', '.join(lengths.values())}")
    return next(iter(lengths))


def _steps(length: Any) -> int:
    if isinstance(length, bool) or not isinstance(length, int | np.integer):
        raise ArgumentError(f"scan: length is an integer, got {type(length).__name__}")
    if length < 0:
        raise InvalidValueError(f"scan of {length} steps")
    return int(length)


def while_loop(cond_fun: Function, body_fun: Function, init_val: Tree) -> Tree:
    """``val = body_fun(val)`` as long as ``cond_fun(val)`` is True, from ``init_val`` on; the last ``val``.

    Forward mode goes through it. Reverse mode does not, because the number of steps is not known: use `scan`, or
    `fori_loop` with Python integers.

    Args:
        cond_fun: gives a 0-d bool.
        body_fun: gives the next value, in the structure, shapes and dtypes of ``init_val``.
        init_val: an array or a tree of them.

    Raises:
        ShapeError, DTypeError: the type of the value changes, or ``cond_fun`` does not give a 0-d bool.
        ArgumentError: the structure of the value changes.

    >>> eerie.while_loop(lambda x: x < 100, lambda x: x * 3, 1)
    Array(243, dtype=int64, device=cpu)
    """

    function_of("while_loop", cond_fun, "cond_fun")
    function_of("while_loop", body_fun, "body_fun")

    def step(init: Flat) -> tuple[Trace, Flat]:
        traced = _traced(
            body_fun,
            name_of(body_fun),
            init.types(),
            lambda flat: (tree.unflatten(init.structure, flat),),
        )
        structure = tree.flatten(traced.build([Array.of(n) for n in traced.graph.outputs]))[1]
        return traced, Flat(list(traced.graph.outputs), structure, [], [])

    (body, _), carry = _settled("while_loop", "value", Flat.of("while_loop", init_val, "value"), step)
    types = [n.aval for n in carry.nodes]
    test = _traced(cond_fun, name_of(cond_fun), types, lambda flat: (tree.unflatten(carry.structure, flat),))
    if test.structure is not None:
        raise ArgumentError(
            f"while_loop: {name_of(cond_fun)} gives {outline(test.structure)}", hint="give one 0-d bool"
        )
    _predicate(f"while_loop: {name_of(cond_fun)}", test.graph.outputs[0])
    constants, seen = _captured(body), _captured(test)
    result = _while(
        *constants,
        *seen,
        *carry.nodes,
        body=_with_constants_first(body, len(types)),
        test=_with_constants_first(test, len(types)),
        constants=len(constants),
        seen=len(seen),
    )
    return carry.build(_results(result))


def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Tree) -> Tree:
    """``val = body_fun(i, val)`` for every ``i`` from ``lower`` up to ``upper``, without it; the last ``val``.

    With Python integers for bounds it is a `scan`, through which reverse mode goes too; with computed bounds it is a
    `while_loop`.

    Args:
        lower: first ``i``: an integer or a 0-d integer array.
        upper: where to stop.
        body_fun: gives the next value, in the structure, shapes and dtypes of ``init_val``.
        init_val: an array or a tree of them.

    Raises:
        ShapeError, DTypeError: the type of the value changes, or a bound is not a 0-d integer.
        ArgumentError: the structure of the value changes.

    >>> eerie.fori_loop(1, 5, lambda i, product: product * i, 1)
    Array(24, dtype=int64, device=cpu)
    """
    if all(isinstance(b, int | np.integer) and not isinstance(b, bool) for b in (lower, upper)):
        from eerie_dsl.api.functions.creation import arange

        numbers = arange(int(lower), max(int(lower), int(upper)), dtype=int64)
        body = function_of("fori_loop", body_fun)
        return _scanned("fori_loop", "value", lambda value, i: (body(i, value), None), init_val, numbers, None, False)[
            0
        ]
    bounds = []
    for bound, name in ((lower, "lower"), (upper, "upper")):
        node = strong(lifted(bound, f"fori_loop with {name}"))
        if node.shape or not node.dtype.is_integer:
            error: type[EerieError] = ShapeError if node.shape else DTypeError
            raise error(f"fori_loop with {name} {node.aval}", hint="give 0-d integers")
        bounds.append(Array.of(cast(node, dtype=int64)))
    first, last = bounds
    return while_loop(lambda s: s[0] < last, lambda s: (s[0] + 1, body_fun(*s)), (first, init_val))[1]
