"""One of several graphs, chosen when the program runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.comparison import equal, less_equal
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.shape import broadcast, front
from eerie_dsl.transforms.batching import batched
from eerie_dsl.transforms.bodies import closed, in_front, pushed
from eerie_dsl.transforms.reverse import pullback

Branches = Sequence[Graph]


def named(branches: Branches) -> dict[str, Graph]:
    """Graphs as the parameters of `Cond`."""
    return {f"branch{k:04}": graph for k, graph in enumerate(branches)}


def _listed(params: dict[str, Graph]) -> list[Graph]:
    return [params[name] for name in sorted(params)]


class Cond(Primitive):
    """The branch that the first operand names, on the others: of two the second where it is True, of several that of
    the index, the nearest where it is out of range. Only that branch is computed."""

    name = "cond"

    def infer(self, index: Aval, *avals: Aval, **params: Graph) -> Type:
        branches = _listed(params)
        if index.shape or not (index.dtype.is_integer or (index.dtype is bool_ and len(branches) == 2)):
            error = ShapeError if index.shape else DTypeError
            raise error(f"cond of {len(branches)} branches by {index!r}", hint="choose by a 0-d bool, or integer")
        for branch in branches:
            if branch.in_avals != avals:
                raise ShapeError(f"cond with a branch for {list(branch.in_avals)}, got {list(avals)}")
            if branch.out_avals != branches[0].out_avals:
                raise ShapeError(
                    f"cond with branches that give {list(branches[0].out_avals)} and {list(branch.out_avals)}"
                )
        return TupleAval(branches[0].out_avals)

    def reference(self, index: Any, *arrays: Any, **params: Graph) -> Any:
        branches = _listed(params)
        return tuple(branches[min(max(int(index), 0), len(branches) - 1)].evaluate(arrays))

    def lower(self, b: Any, index: Any, *values: Any, out: TupleAval, **params: Graph) -> Any:
        def emitted(branch: Graph) -> Any:
            return lambda operands: b.lower_graph(branch, operands, leave=True)

        return b.branch(index, values, out.elements, [emitted(g) for g in _listed(params)])

    def vjp(self, cts: Sequence[Node], out: Node, index: Node, *inputs: Node, **params: Graph) -> Cotangents:
        parts = []
        for branch in _listed(params):
            inner = [placeholder(i.aval) for i in inputs]
            given = [placeholder(c.aval) for c in cts]
            outputs = branch.inline(inner)
            moving = [c if o.dtype.is_inexact else None for c, o in zip(given, outputs, strict=True)]
            found = pullback(inner, outputs, moving)
            parts.append(
                ([*inner, *given], [f if i.dtype.is_inexact else None for i, f in zip(inner, found, strict=True)])
            )
        reached = [any(found[k] is not None for _, found in parts) for k in range(len(inputs))]
        back = _choice(index, [*inputs, *cts], [(i, _filled(f, inputs, reached)) for i, f in parts])
        results = iter(back)
        return (None, *(next(results) if r else None for r in reached))

    def jvp(
        self, tangents: Sequence[Node | None], out: Node, index: Node, *inputs: Node, **params: Graph
    ) -> list[Node | None]:
        moving = [t is not None for t in tangents[1:]]
        parts = []
        for branch in _listed(params):
            inner, given, _, found = pushed(branch, moving)
            parts.append(([*inner, *given], found))
        reached = [any(found[k] is not None for _, found in parts) for k in range(len(out.aval.elements))]
        types = [placeholder(a) for a in out.aval.elements]
        operands = [*inputs, *(t for t in tangents[1:] if t is not None)]
        results = iter(_choice(index, operands, [(i, _filled(f, types, reached)) for i, f in parts]))
        return [next(results) if r else None for r in reached]

    def batch(
        self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Graph
    ) -> list[tuple[Node, int | None]]:
        index, *operands = inputs
        branches = _listed(params)
        size = next(x.shape[d] for x, d in zip(inputs, dims, strict=True) if d is not None)
        if dims[0] is not None:
            return _selected(index, [batched(g, operands, dims[1:]) for g in branches], size)
        fronts = [x if d is None else front(x, d) for x, d in zip(operands, dims[1:], strict=True)]
        places = [None if d is None else 0 for d in dims[1:]]
        parts = []
        for branch in branches:
            inner = [placeholder(x.aval) for x in fronts]
            parts.append((inner, batched(branch, inner, places)))
        several = [any(found[k][1] is not None for _, found in parts) for k in range(len(branches[0].outputs))]
        graphs = [
            (inner, [in_front(n, d, size) if m else n for (n, d), m in zip(found, several, strict=True)])
            for inner, found in parts
        ]
        return [(n, 0 if m else None) for n, m in zip(_choice(index, fronts, graphs), several, strict=True)]

    def flops(self, *avals: Aval, out: Type, **params: Graph) -> int:
        return max(g.flops for g in _listed(params))


def _choice(index: Node, operands: Sequence[Node], parts: Sequence[tuple[list[Node], list[Node]]]) -> list[Node]:
    """The outputs of that one of some recorded pieces which ``index`` names."""
    result = cond(index, *operands, **named([closed(inputs, outputs) for inputs, outputs in parts]))
    return [project(result, index=i) for i in range(len(result.aval.elements))]


def _filled(found: Sequence[Node | None], types: Sequence[Node], reached: Sequence[bool]) -> list[Node]:
    return [like(t, 0) if f is None else f for f, t, r in zip(found, types, reached, strict=True) if r]


def _selected(
    index: Node, found: Sequence[Sequence[tuple[Node, int | None]]], size: int
) -> list[tuple[Node, int | None]]:
    """The results of all branches, and of them the right one for each example."""
    results: list[tuple[Node, int | None]] = []
    for column in zip(*found, strict=True):
        chosen, *others = [in_front(n, d, size) for n, d in column]
        for k, other in enumerate(others, 1):
            if index.dtype is bool_:
                here = index
            else:
                here = equal(index, like(index, k)) if k < len(others) else less_equal(like(index, k), index)
            chosen = select(broadcast(here, shape=chosen.shape, axes=(0,)), other, chosen)
        results.append((chosen, 0))
    return results


cond = Cond()
