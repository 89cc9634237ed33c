"""A loop of known length: carries handed from step to step, rows read and rows written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.arithmetic import add
from eerie_dsl.ops.constant import constant, like
from eerie_dsl.ops.shape import broadcast, front, transpose
from eerie_dsl.transforms.batching import batched
from eerie_dsl.transforms.bodies import Flags, closed, in_front, pushed, settled
from eerie_dsl.transforms.motion import Loop, moved
from eerie_dsl.transforms.reverse import pullback


class Scan(Primitive):
    """``body`` run ``length`` times, each step on what the one before left.

    Operands are ``constants`` that every step sees, the first values of ``carries``, and arrays with one row for each
    step. ``body`` takes the constants, the carries and a row of each array; it gives the carries for the next step and
    what is kept of this one. Results are the last carries and what was kept, stacked; with ``history`` then also the
    carries that each step began with, stacked. ``reverse`` starts at the last row.
    """

    name = "scan"
    sequential = True

    def infer(self, *avals: Aval, **params: Any) -> Type:
        step = Loop(**params)
        constants, carry, xs = step.parts(avals)
        for x in xs:
            if x.ndim == 0 or x.shape[0] != step.length:
                raise ShapeError(f"scan of {step.length} steps over {x!r}")
        rows = [x.with_shape(x.shape[1:]) for x in xs]
        if step.body.in_avals != (*constants, *carry, *rows):
            raise ShapeError(f"scan with a body for {list(step.body.in_avals)}, got {[*constants, *carry, *rows]}")
        after, kept = step.body.out_avals[: step.carries], step.body.out_avals[step.carries :]
        if after != tuple(carry):
            raise ShapeError(f"scan with carries {list(carry)}, which its body makes {list(after)}")
        history = tuple(carry) if step.history else ()
        return TupleAval((*carry, *map(step.stacked, (*kept, *history))))

    def extends(self, *, history: bool, **params: Any) -> dict[str, Any] | None:
        return {**params, "history": False} if history else None

    def reference(self, *arrays: Any, **params: Any) -> Any:
        step = Loop(**params)
        constants, carry, xs = step.parts(arrays)
        kept_avals = step.body.out_avals[step.carries :] + (step.body.in_avals[step.constants :][: step.carries])
        rows = [np.empty((step.length, *a.shape), a.dtype.numpy) for a in kept_avals]
        if not step.history:
            del rows[len(step.body.outputs) - step.carries :]
        for place in reversed(range(step.length)) if step.reverse else range(step.length):
            found = step.body.evaluate([*constants, *carry, *(x[place, ...] for x in xs)])
            for row, value in zip(rows, (*found[step.carries :], *carry), strict=False):
                row[place] = value
            carry = found[: step.carries]
        return (*carry, *rows)

    def decompose(self, *inputs: Node, **params: Any) -> tuple[Node, ...]:
        return moved(Loop(**params), inputs, steps)

    def vjp(self, cts: Sequence[Node], out: Node, *inputs: Node, **params: Any) -> Cotangents:
        step = Loop(**params)
        constants, _, xs = step.parts(inputs)
        ends, rows = cts[: step.carries], cts[step.carries :]
        kept = len(step.body.outputs) - step.carries
        known = out if step.history else scan(*inputs, **{**params, "history": True})
        before = [project(known, index=len(step.body.outputs) + k) for k in range(step.carries)]

        inner = [placeholder(a) for a in step.body.in_avals]
        outputs = step.body.inline(inner)
        given: dict[int, Node] = {}  # cotangents that are not zero from the start, by the place of the result
        for k, (ct, output) in enumerate(zip(cts, outputs, strict=False)):
            if output.dtype.is_inexact and (k < step.carries or not _is_zero(ct)):
                given[k] = placeholder(output.aval)
        found = pullback(inner, outputs, [given.get(k) for k in range(len(outputs))])
        of_constants, of_carries, of_rows = step.parts(
            [f if i.dtype.is_inexact else None for i, f in zip(inner, found, strict=True)]
        )

        moving = [k for k in range(step.carries) if k in given]
        asked = {k: placeholder(outputs[k].aval) for k in moving if step.history and not _is_zero(rows[kept + k])}
        passed = []
        for k in moving:
            parts = [n for n in (of_carries[k], asked.get(k)) if n is not None]
            passed.append(add(*parts) if len(parts) == 2 else parts[0] if parts else like(outputs[k], 0))
        summed = {k: placeholder(c.aval) for k, c in enumerate(of_constants) if c is not None}
        sums = [add(total, of_constants[k]) for k, total in summed.items()]
        arguments = [
            *inner[: step.constants],
            *(given[k] for k in moving),
            *summed.values(),
            *inner[step.constants :],
            *(n for k, n in given.items() if k >= step.carries),
            *asked.values(),
        ]
        back = scan(
            *constants,
            *(ends[k] for k in moving),
            *(like(n, 0) for n in summed.values()),
            *before,
            *xs,
            *(cts[k] for k in given if k >= step.carries),
            *(rows[kept + k] for k in asked),
            body=closed(arguments, [*passed, *sums, *(n for n in of_rows if n is not None)]),
            constants=step.constants,
            carries=len(moving) + len(summed),
            length=step.length,
            reverse=not step.reverse,
            history=False,
        )
        results = iter([project(back, index=i) for i in range(len(back.aval.elements))])
        first = {k: next(results) for k in moving}
        totals = {k: next(results) for k in summed}
        return (
            *(totals.get(k) for k in range(step.constants)),
            *(first.get(k) for k in range(step.carries)),
            *(None if n is None else next(results) for n in of_rows),
        )

    def jvp(self, tangents: Sequence[Node | None], out: Node, *inputs: Node, **params: Any) -> list[Node | None]:
        step = Loop(**params)
        of_constants, of_carries, of_rows = step.parts(tangents)

        def moving(flags: Flags) -> Flags:
            return [*(t is not None for t in of_constants), *flags, *(t is not None for t in of_rows)]

        flags = settled(
            [t is not None for t in of_carries],
            lambda flags: [t is not None for t in pushed(step.body, moving(flags))[3][: step.carries]],
        )
        inner, given, outputs, found = pushed(step.body, moving(flags))
        a = sum(t is not None for t in of_constants)
        z = a + sum(flags)
        constants, carry, rows = step.parts(inner)
        starts = [
            like(c, 0) if t is None else t
            for c, t, m in zip(step.parts(inputs)[1], of_carries, flags, strict=True)
            if m
        ]
        ends = [like(o, 0) if t is None else t for o, t, m in zip(outputs, found, flags, strict=False) if m]
        kept = [t for t in found[step.carries :] if t is not None]
        operands, first, xs = step.parts(inputs)
        both = scan(
            *operands,
            *(t for t in of_constants if t is not None),
            *first,
            *starts,
            *xs,
            *(t for t in of_rows if t is not None),
            body=closed(
                [*constants, *given[:a], *carry, *given[a:z], *rows, *given[z:]],
                [*outputs[: step.carries], *ends, *outputs[step.carries :], *kept],
            ),
            constants=step.constants + a,
            carries=step.carries + len(starts),
            length=step.length,
            reverse=step.reverse,
            history=step.history,
        )
        results = [project(both, index=i) for i in range(len(both.aval.elements))]
        last = iter(results[step.carries : step.carries + len(starts)])
        stacked = iter(results[len(outputs) + len(starts) : len(outputs) + len(starts) + len(kept)])
        before = iter(results[len(results) - len(starts) :])
        return [
            *(next(last) if m else None for m in flags),
            *(None if t is None else next(stacked) for t in found[step.carries :]),
            *((next(before) if m else None for m in flags) if step.history else ()),
        ]

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> list[tuple[Node, int | None]]:
        step = Loop(**params)
        size = next(x.shape[d] for x, d in zip(inputs, dims, strict=True) if d is not None)
        of_constants, of_carries, of_rows = step.parts(dims)

        def run(flags: Flags) -> tuple[list[Node], list[tuple[Node, int | None]]]:
            has = [*(d is not None for d in of_constants), *flags, *(d is not None for d in of_rows)]
            inner = [
                placeholder(a.with_shape((size, *a.shape)) if h else a)
                for a, h in zip(step.body.in_avals, has, strict=True)
            ]
            return inner, batched(step.body, inner, [0 if h else None for h in has])

        flags = settled(
            [d is not None for d in of_carries],
            lambda flags: [d is not None for _, d in run(flags)[1][: step.carries]],
        )
        inner, found = run(flags)
        outputs = [in_front(n, d, size) if k >= len(flags) or flags[k] else n for k, (n, d) in enumerate(found)]
        kept: Flags = [d is not None for _, d in found[step.carries :]]
        for k, is_batched in enumerate(kept, step.carries):
            if not is_batched:
                outputs[k] = found[k][0]
        constants, carry, xs = step.parts(inputs)
        many = scan(
            *(c if d is None else front(c, d) for c, d in zip(constants, of_constants, strict=True)),
            *(in_front(c, d, size) if m else c for c, d, m in zip(carry, of_carries, flags, strict=True)),
            *(x if d is None else _second(x, d) for x, d in zip(xs, of_rows, strict=True)),
            **{**params, "body": closed(inner, outputs)},
        )
        places = [
            *(0 if m else None for m in flags),
            *(1 if m else None for m in (*kept, *(flags if step.history else ()))),
        ]
        return [(project(many, index=i), d) for i, d in enumerate(places)]

    def flops(self, *avals: Aval, out: Type, **params: Any) -> int:
        step = Loop(**params)
        return step.length * step.body.flops


def _second(x: Node, dim: int) -> Node:
    # The steps stay in front of the examples.
    rest = [a for a in range(x.ndim) if a != dim]
    return transpose(x, axes=(rest[0], dim, *rest[1:]))


_UNROLL = 8
"""Steps that are written one after the other where they are small. The host takes 2 us for each round of a loop, and
elementwise steps become one kernel: tanh(0.9 * c + x) of 16 elements goes from 2.6 to 0.4 us a step, of 1024 from 3.2
to 0.9, an LSTM of 64 units from 8.8 to 4.2."""

_UNROLLED = 1000
"""How much arithmetic per element they may be together: more takes the compiler long."""


def _unroll(body: Graph) -> int:
    if any(n.op and (n.op.sequential or any(isinstance(v, Graph) for v in n.params.values())) for n in body.nodes):
        return 1
    cost = sum(getattr(n.op, "cost", 0) if n.op and n.op.elementwise else 4 for n in body.nodes)
    return next(n for n in (_UNROLL, 4, 2, 1) if n == 1 or n * cost <= _UNROLLED)


def _is_zero(node: Node) -> bool:
    while node.op is broadcast:
        node = node.inputs[0]
    return node.op is constant and not any(node.params["data"])


class Steps(Scan):
    """A scan of which nothing more leaves the loop: what it is lowered as."""

    name = "steps"

    def lower(self, b: Any, *values: Any, out: TupleAval, **params: Any) -> Any:
        step = Loop(**params)
        constants, carry, xs = step.parts(values)

        def body(constants: list[Any], carry: list[Any], rows: list[Any]) -> list[Any]:
            found: list[Any] = b.lower_graph(step.body, [*constants, *carry, *rows], leave=True)
            return [*found, *carry] if step.history else found

        rows = out.elements[step.carries :]
        return b.for_loop(step.length, step.reverse, constants, carry, xs, rows, body, _unroll(step.body), step.body)


scan = Scan()
steps = Steps()
