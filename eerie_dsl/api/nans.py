"""The check for NaN: a program whose results hold one is interpreted again, to find the operation that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from eerie_dsl.errors import NaNError
from eerie_dsl.ir.aval import TupleAval
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.composite.axes import describe
from eerie_dsl.ops.selection import select
from eerie_dsl.runtime import to_numpy

_AROUND = "keep the operands of that operation where its derivative is finite: choose with where before it, not after"


@dataclass(frozen=True)
class _Made:
    """An operation whose result holds NaN where its operands led to none.

    Attributes:
        node: the operation.
        operands: their values.
        result: its value.
        loops: the steps of the loops that it is in, innermost first.
    """

    node: Node
    operands: Sequence[Any]
    result: Any
    loops: tuple[str, ...] = ()


Origin: TypeAlias = "_Made | int | None"
"""Where the NaN of a value came from: an operation, an input by its place; None for a value without."""


def check(
    graph: Graph, arguments: Callable[[], Sequence[Any]], results: Sequence[Any], called: Callable[[int], str]
) -> None:
    """Nothing, unless a result holds NaN.

    Args:
        graph: what was computed.
        arguments: gives the values of its inputs.
        results: values of its outputs, in NumPy.
        called: what an input is called, by its place.

    Raises:
        NaNError: one does; the error names the first operation that made NaN of operands without, with its line.
    """
    bad = [k for k, r in enumerate(results) if _holds(r)]
    if bad:
        arrays = arguments()
        _, origins = _follow(graph, arrays, [k if _holds(a) else None for k, a in enumerate(arrays)])
        found = [origins[k] for k in bad]
        raise _error(graph, arrays, found, called)


def check_host(name: str, operands: Sequence[Node], results: Sequence[Any]) -> None:
    """`check` for what NumPy computes at once.

    Args:
        name: of the operation.
        operands: for the message.
        results: in NumPy.

    Raises:
        NaNError: one holds NaN.
    """
    for result in results:
        if _holds(result):
            at = _first(result)
            raise NaNError(f"{name} of {describe(operands)} gives NaN{f' at {at}' if at else ''}")


class Checked:
    """A program that is called on buffers and whose results are searched for NaN.

    Args:
        graph: what it computes.
        run: the program.
        name: the function's.
        names: what its arguments are called; what comes after them is captured.
    """

    def __init__(
        self, graph: Graph, run: Callable[[Sequence[Any]], list[Any]], name: str, names: Sequence[str]
    ) -> None:
        self._graph = graph
        self._run = run
        self._name = name
        self._names = names

    def __call__(self, views: Sequence[Any]) -> list[Any]:
        """The results' buffers for one buffer per input.

        Raises:
            NaNError: see `check`.
        """
        results = self._run(views)
        graph = self._graph
        check(graph, lambda: _arrays(views, graph.inputs), _arrays(results, graph.outputs), self._called)
        return results

    def _called(self, place: int) -> str:
        return self._names[place] if place < len(self._names) else f"an array that {self._name} uses from outside"


def _arrays(views: Sequence[Any], nodes: Sequence[Node]) -> list[Any]:
    return [to_numpy(v, n.aval) for v, n in zip(views, nodes, strict=True)]


def _holds(array: Any) -> bool:
    return array.dtype.kind in "fcV" and bool(np.isnan(array).any())


def _follow(graph: Graph, arrays: Sequence[Any], origins: Sequence[Any]) -> tuple[list[Any], list[Origin]]:
    """The outputs of a graph, and where their NaNs came from, for its inputs and where theirs did."""
    values: dict[Node, tuple[Any, Any]] = dict(zip(graph.inputs, zip(arrays, origins, strict=True), strict=True))
    last = {i: node for node in graph.nodes for i in node.inputs}
    kept = set(graph.outputs)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            values[node] = _step(node, [values[i] for i in node.inputs])
            for i in node.inputs:
                if last[i] is node and i not in kept:
                    values.pop(i, None)
    return [values[n][0] for n in graph.outputs], [values[n][1] for n in graph.outputs]


def _step(node: Node, operands: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    op = node.op
    assert op is not None
    if op is project:
        (values, origins), index = operands[0], node.params["index"]
        return values[index], origins[index]
    arrays = [a for a, _ in operands]
    watch = _Watch(node, operands)
    result = op.evaluate(node.aval, arrays, watch.params)
    if isinstance(node.aval, TupleAval):
        return result, [watch.origin(r, k) for k, r in enumerate(result)]
    return result, watch.origin(result, 0)


class _Watch:
    """One evaluation of an operation, and of the graphs among its parameters."""

    def __init__(self, node: Node, operands: Sequence[tuple[Any, Any]]) -> None:
        self.node = node
        self.operands = operands
        self.graphs = {k: _Watched(v, self) for k, v in node.params.items() if isinstance(v, Graph)}
        self.params: Mapping[str, Any] = {**node.params, **self.graphs}

    def origin(self, result: Any, place: int) -> Origin:
        """Where the NaN of a result came from."""
        if not _holds(result):
            return None
        inner = [known for g in self.graphs.values() if (known := g.origin(result, place)) is not None]
        if inner:
            return inner[0]
        arrays = [a for a, _ in self.operands]
        taken = _taken(arrays) if self.node.op is select else arrays
        handed = [o for a, (_, o) in zip(taken, self.operands, strict=True) if o is not None and _holds(a)]
        return handed[0] if handed else _Made(self.node, arrays, result)

    def known(self, array: Any) -> Origin:
        """Where the NaN of what a graph among the parameters is given came from."""
        if not _holds(array):
            return None
        handed = [*self.operands, *(pair for g in self.graphs.values() for pair in g.last)]
        return next(
            (o for a, o in handed if o is not None and (a is array or getattr(array, "base", None) is a)),
            next((o for _, o in handed if o is not None), None),
        )


class _Watched:
    """A graph in place of the one that an operation interprets: it says where the NaNs of its results came from."""

    def __init__(self, graph: Graph, watch: _Watch) -> None:
        self._graph = graph
        self._watch = watch
        self._runs = 0
        self._first: dict[int, Origin] = {}
        self.last: list[tuple[Any, Origin]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def evaluate(self, arrays: Sequence[Any]) -> list[Any]:
        given = [self._watch.known(a) for a in arrays]
        results, origins = _follow(self._graph, arrays, given)
        origins = [o if o is None or any(o is g for g in given) else self._labelled(o) for o in origins]
        for place, origin in enumerate(origins):
            if origin is not None:
                self._first.setdefault(place, origin)
        self.last = list(zip(results, origins, strict=True))
        self._runs += 1
        return results

    def origin(self, result: Any, place: int) -> Origin:
        """Of a result of the operation that holds NaN; None where it came from no run of this graph."""
        handed = next((o for a, o in self.last if a is result and o is not None), None)
        return handed if handed is not None else self._first.get(place)

    def _labelled(self, origin: Origin) -> Origin:
        op, params = self._watch.node.op, self._watch.params
        if not isinstance(origin, _Made) or op is None or not op.sequential:
            return origin
        step = params["length"] - 1 - self._runs if params.get("reverse") else self._runs
        return replace(origin, loops=(*origin.loops, f"in step {step} of {op.name}"))


def _taken(arrays: Sequence[Any]) -> list[Any]:
    """Of the operands of a select, the elements that it takes."""
    condition, x, y = arrays
    return [condition, x[condition], y[~condition]]


def _error(graph: Graph, arrays: Sequence[Any], origins: Sequence[Origin], called: Callable[[int], str]) -> NaNError:
    made = next((o for o in origins if isinstance(o, _Made)), None)
    if made is not None:
        return _blame(made)
    place = next((o for o in origins if isinstance(o, int)), None)
    if place is None:
        return NaNError("a result holds NaN, which NumPy does not find for the same arguments")
    at = _first(arrays[place])
    return NaNError(
        f"{called(place)}, {graph.inputs[place].aval}, holds NaN{f' at {at}' if at else ''}, which goes on to a result",
        source=graph.inputs[place].source,
    )


def _blame(made: _Made) -> NaNError:
    node, source = made.node, made.node.source
    assert node.op is not None
    place = _first(made.result)
    within = source.within if source is not None else ""
    parts = [f"{node.op.name} of {describe(node.inputs)}" if node.inputs else node.op.name]
    parts += [f"in {within}"] if within else []
    words = ", ".join([*parts, *made.loops]) + (", " if within or made.loops else " ") + "makes NaN"
    if node.op.elementwise and node.inputs:
        words += f" of {' and '.join(str(a[tuple(place)]) for a in made.operands)}"
    if place:
        words += f" at {place}"
    infinite = [] if node.op.elementwise else [str(k) for k, a in enumerate(made.operands) if _infinite(a)]
    if infinite:
        words += f"; there is infinity in operand {' and '.join(infinite)}"
    return NaNError(words, source=source, hint=_AROUND if within.startswith("the backward") else None)


def _first(array: Any) -> list[int]:
    return [int(i) for i in np.argwhere(np.isnan(array))[0]]


def _infinite(array: Any) -> bool:
    return array.dtype.kind in "fcV" and bool(np.isinf(array).any())
