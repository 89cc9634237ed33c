"""A loop that goes on as long as a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from eerie_dsl.errors import DTypeError, MissingRuleError, ShapeError
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.dtypes import bool_
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import Cotangents, Primitive, project
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.reduction import reduce_any
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.shape import broadcast, front
from eerie_dsl.transforms.batching import batched
from eerie_dsl.transforms.bodies import Flags, closed, in_front, pushed, settled


class _Loop(NamedTuple):
    """The parameters of a while loop: see `While`."""

    body: Graph
    test: Graph
    constants: int
    seen: int

    def parts(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Operands, or what goes with each: constants of the body, those of the test, carries."""
        first, second = self.constants, self.constants + self.seen
        return values[:first], values[first:second], values[second:]


class While(Primitive):
    """``body`` as long as ``test`` gives True.

    Operands are ``constants`` for the body, as many as are ``seen`` by the test, and the first values of the carries.
    Both graphs take their constants and then the carries. Results are the last carries.
    """

    name = "while_loop"
    sequential = True

    def infer(self, *avals: Aval, **params: Any) -> Type:
        loop = _Loop(**params)
        constants, seen, carry = loop.parts(avals)
        if loop.body.in_avals != (*constants, *carry) or loop.test.in_avals != (*seen, *carry):
            raise ShapeError(f"while_loop was recorded for other operands than {list(avals)}")
        if loop.body.out_avals != tuple(carry):
            raise ShapeError(f"while_loop with carries {list(carry)}, which its body makes {list(loop.body.out_avals)}")
        if loop.test.out_avals != (Aval((), bool_),):
            raise DTypeError(f"while_loop as long as {list(loop.test.out_avals)}", hint="give a 0-d bool")
        return TupleAval(tuple(carry))

    def reference(self, *arrays: Any, **params: Any) -> Any:
        loop = _Loop(**params)
        constants, seen, carry = loop.parts(arrays)
        while loop.test.evaluate([*seen, *carry])[0]:
            carry = loop.body.evaluate([*constants, *carry])
        return tuple(carry)

    def lower(self, b: Any, *values: Any, out: TupleAval, **params: Any) -> Any:
        loop = _Loop(**params)
        constants, seen, carry = loop.parts(values)

        def test(constants: list[Any], carry: list[Any]) -> Any:
            return b.lower_graph(loop.test, [*constants, *carry], leave=True)[0]

        def body(constants: list[Any], carry: list[Any]) -> Any:
            return b.lower_graph(loop.body, [*constants, *carry], leave=True)

        return b.while_loop(seen, test, constants, body, carry, (loop.test, loop.body))

    def vjp(self, cts: Sequence[Node], out: Node, *inputs: Node, **params: Any) -> Cotangents:
        if not any(a.dtype.is_inexact for a in out.aval.elements):
            return (None,) * len(inputs)
        raise MissingRuleError(
            "reverse mode through while_loop: nothing says how many steps there are to keep values of",
            source=out.source,
            hint="use scan, or fori_loop with Python integers for bounds; or forward mode, jvp",
        )

    def jvp(self, tangents: Sequence[Node | None], out: Node, *inputs: Node, **params: Any) -> list[Node | None]:
        loop = _Loop(**params)
        of_constants, _, of_carries = loop.parts(tangents)

        def through(flags: Flags) -> tuple[list[Node], list[Node], tuple[Node, ...], list[Node | None]]:
            return pushed(loop.body, [*(t is not None for t in of_constants), *flags])

        flags = settled([t is not None for t in of_carries], lambda flags: [t is not None for t in through(flags)[3]])
        inner, given, outputs, found = through(flags)
        a, n = sum(t is not None for t in of_constants), loop.constants
        constants, seen, carry = loop.parts(inputs)

        def moved(values: Sequence[Node | None], types: Sequence[Node]) -> list[Node]:
            return [like(x, 0) if t is None else t for t, x, m in zip(values, types, flags, strict=True) if m]

        starts = moved(of_carries, carry)
        asked = [placeholder(a) for a in loop.test.in_avals]
        both = while_loop(
            *constants,
            *(t for t in of_constants if t is not None),
            *seen,
            *carry,
            *starts,
            body=closed([*inner[:n], *given[:a], *inner[n:], *given[a:]], [*outputs, *moved(found, outputs)]),
            test=closed([*asked, *(placeholder(s.aval) for s in starts)], loop.test.inline(asked)),
            constants=n + a,
            seen=loop.seen,
        )
        moving = iter(range(len(carry), len(carry) + len(starts)))
        return [project(both, index=next(moving)) if m else None for m in flags]

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> list[tuple[Node, int | None]]:
        loop = _Loop(**params)
        size = next(x.shape[d] for x, d in zip(inputs, dims, strict=True) if d is not None)
        of_constants, of_seen, of_carries = loop.parts(dims)

        def run(graph: Graph, has: Flags) -> tuple[list[Node], list[tuple[Node, int | None]]]:
            inner = [
                placeholder(a.with_shape((size, *a.shape)) if h else a)
                for a, h in zip(graph.in_avals, has, strict=True)
            ]
            return inner, batched(graph, inner, [0 if h else None for h in has])

        def tested(flags: Flags) -> tuple[list[Node], list[tuple[Node, int | None]]]:
            return run(loop.test, [*(d is not None for d in of_seen), *flags])

        def stepped(flags: Flags) -> tuple[list[Node], list[tuple[Node, int | None]]]:
            return run(loop.body, [*(d is not None for d in of_constants), *flags])

        def step(flags: Flags) -> Flags:
            if tested(flags)[1][0][1] is not None:
                return [True] * len(flags)
            return [d is not None for _, d in stepped(flags)[1]]

        flags = settled([d is not None for d in of_carries], step)
        asked, ((holds, apart),) = tested(flags)
        inner, found = stepped(flags)
        new = [in_front(x, d, size) if m else x for (x, d), m in zip(found, flags, strict=True)]
        arguments, seen = inner, []
        if apart is not None:
            # Examples that are done keep their values as long as others are not.
            seen = [x if d is None else front(x, d) for x, d in zip(loop.parts(inputs)[1], of_seen, strict=True)]
            again = [placeholder(x.aval) for x in seen]
            old = inner[loop.constants :]
            ((going, place),) = batched(
                loop.test, [*again, *old], [*(None if d is None else 0 for d in of_seen), *(0 for _ in old)]
            )
            going = in_front(going, place, size)
            new = [select(broadcast(going, shape=x.shape, axes=(0,)), x, y) for x, y in zip(new, old, strict=True)]
            arguments = [*inner[: loop.constants], *again, *old]
            holds = reduce_any(holds, axes=(apart,))
        constants, own, carry = loop.parts(inputs)
        many = while_loop(
            *(x if d is None else front(x, d) for x, d in zip(constants, of_constants, strict=True)),
            *seen,
            *(x if d is None else front(x, d) for x, d in zip(own, of_seen, strict=True)),
            *(in_front(x, d, size) if m else x for x, d, m in zip(carry, of_carries, flags, strict=True)),
            body=closed(arguments, new),
            test=closed(asked, [holds]),
            constants=loop.constants + len(seen),
            seen=loop.seen,
        )
        return [(project(many, index=i), 0 if m else None) for i, m in enumerate(flags)]

    def flops(self, *avals: Aval, out: Type, **params: Any) -> int:
        # How many steps there will be is not known; one is the least that says something of the size.
        loop = _Loop(**params)
        return loop.body.flops + loop.test.flops


while_loop = While()
