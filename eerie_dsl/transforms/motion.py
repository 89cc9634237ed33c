"""Code motion out of loops: products that do not wait for the carry are taken for all steps at once.

A row times a matrix reads the whole matrix for each step; all rows times the matrix read it a few times. So three
kinds of products leave the loop: those of rows that are there before it, those that only what is kept of the steps
needs, and those that are summed up in a carry, which become one product summed over the steps as well. Operations on
constants alone leave, too. What is needed on the other side is stored as rows; `BUDGET` bounds how much that may be.

Measured against JAX in the same run, 10,000 steps of an LSTM of 256 units: from 0.9 of its speed to 1.3, the gradient
from 0.8 to 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Graph, Node, placeholder, rebuild, topological
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops.arithmetic import add
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.contraction import dot, free
from eerie_dsl.ops.identity import after
from eerie_dsl.ops.reduction import reduce_sum
from eerie_dsl.ops.shape import concat, pad, reshape, shifted, slice, transpose
from eerie_dsl.transforms.batching import batched
from eerie_dsl.transforms.bodies import in_front

BUDGET = 4
"""How many times the bytes of the rows that a loop reads and gives may be stored in addition."""

FREE_BYTES = 1 << 22
"""Bytes that may be stored in any case."""

FEWEST = 4
"""Steps from which on products of all of them are better than a product in each."""

ROWS = 64
"""Rows with which a product in each step makes good use of the matrix that it reads."""

TERMS = 64
"""Terms of a sum that are taken apart."""

LARGE = 1 << 14
"""Elements of a product from which on the steps that it is summed over do not fit into one kernel."""

AT_ONCE = 128
"""Steps over which such a product is summed by one kernel. 10,000 rows of 1024 by as many of 512 take 560 ms as one
kernel, 223 in parts of 500, 104 in parts of 125."""

_LITERAL, _CONSTANT, _ROW, _CARRY = range(4)


class Loop(NamedTuple):
    """The parameters of a loop: see `eerie_dsl.transforms.scan.Scan`."""

    body: Graph
    constants: int
    carries: int
    length: int
    reverse: bool
    history: bool

    def parts(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Operands, or what goes with each: of constants, carries and rows."""
        first, second = self.constants, self.constants + self.carries
        return values[:first], values[first:second], values[second:]

    def stacked(self, aval: Aval) -> Aval:
        """The type of what has a row of this type for each step."""
        return aval.with_shape((self.length, *aval.shape))


def moved(loop: Loop, operands: Sequence[Node], record: Callable[..., Node]) -> tuple[Node, ...]:
    """The results of a loop: its carries, the rows that it keeps, and its history.

    Args:
        loop: its parameters.
        operands: constants, first carries, rows.
        record: the primitive that runs what is left of the loop.
    """
    known = all(isinstance(n, int) for i in operands for n in i.shape)
    if known and isinstance(loop.length, int) and loop.length >= FEWEST:
        motion = _Motion(loop, operands, record)
        if motion.fits():
            return motion.results()
    whole = record(*operands, **loop._asdict())
    return tuple(project(whole, index=i) for i in range(len(whole.aval.elements)))


class _Motion:
    """What of a loop is computed where.

    ``record`` is the primitive of the loop that is left. A node of the body is ``early`` if it is a product of rows
    with constants, ``late`` if it is or follows one that no carry needs. ``sums`` are the carries, by place, to which
    each step adds a product, with what it adds.
    """

    def __init__(self, loop: Loop, operands: Sequence[Node], record: Callable[..., Node]) -> None:
        self._levels: dict[int, int] = {}
        self.record = record
        self.loop = loop
        self.operands = operands
        self._sums = _sums(loop)
        self.body = self._split()
        self.sums = _sums(loop._replace(body=self.body))
        outputs = self.body.outputs
        self.carried = [n for k, n in enumerate(outputs[: loop.carries]) if k not in self.sums]
        needed = _ancestors(self.carried)
        held = _ancestors([n for n in self.body.nodes if _is_opaque(n)])
        self.early = {id(n) for n in self.body.nodes if self._level(n) == _ROW and self._is_product(n)}
        self.late: set[int] = set()
        for n in self.body.nodes:
            stays = self._level(n) < _CARRY or id(n) in needed or id(n) in held
            if not stays and (self._is_product(n) or any(id(i) in self.late for i in n.inputs)):
                self.late.add(id(n))
        self.rows = [n for n in outputs[loop.carries :] if self._level(n) == _CARRY and id(n) not in self.late]
        self.kept = self._kept()

    def fits(self) -> bool:
        """Whether the memory that what leaves the loop takes is in proportion."""
        early = [n for n in self.body.nodes if id(n) in self.early]
        late = [n for n in self.body.nodes if id(n) in self.late and n.op is dot]
        more = sum(n.aval.nbytes for n in (*early, *late, *self.kept))
        rows = self.loop.parts(self.loop.body.inputs)[2]
        known = sum(n.aval.nbytes for n in (*rows, *self.loop.body.outputs[self.loop.carries :]))
        return bool(more * self.loop.length <= BUDGET * known * self.loop.length + FREE_BYTES)

    def results(self) -> tuple[Node, ...]:
        """The results of the whole."""
        loop = self.loop
        constants, carries, rows = loop.parts(self.body.inputs)
        of_constants, of_carries, of_rows = loop.parts(self.operands)
        outside: dict[int, Any] = {id(n): (x, None) for n, x in zip(constants, of_constants, strict=True)}
        outside |= {id(n): (x, 0) for n, x in zip(rows, of_rows, strict=True)}

        moving = [k for k in range(loop.carries) if k not in self.sums]
        results = [*self.carried, *self.rows, *self.kept]
        enters = {id(carries[k]) for k in moving}
        order = topological(results, lambda n: n.op is None or self._enters(n))
        entering = {id(i): i for n in order for i in n.inputs if i.op is None or self._enters(i)}
        entering |= {id(n): n for n in results if n.op is None or self._enters(n)}
        found = [n for key, n in entering.items() if key not in enters]
        groups = [[n for n in found if (self._level(n) == _ROW) is rows] for rows in (False, True)]
        inner = {id(n): placeholder(n.aval) for n in (*groups[0], *(carries[k] for k in moving), *groups[1])}
        inputs = list(inner.values())
        for n in order:
            inner[id(n)] = rebuild(n, tuple(inner[id(i)] for i in n.inputs))
        self._take(found, outside)
        body = Graph.of(inputs, [inner[id(n)] for n in results])
        left = self.record(
            *(outside[id(n)][0] for n in groups[0]),
            *(of_carries[k] for k in moving),
            *(_stacked(outside[id(n)], loop.length) for n in groups[1]),
            **loop._replace(body=body, constants=len(groups[0]), carries=len(moving))._asdict(),
        )
        parts = [project(left, index=i) for i in range(len(left.aval.elements))]
        stacked = parts[len(moving) :]
        outside |= {id(n): (x, 0) for n, x in zip((*self.rows, *self.kept), stacked, strict=False)}
        last = dict(zip(moving, parts, strict=False))
        for k, n in self.sums.items():
            last[k] = add(of_carries[k], self._total(n, outside))
        kept = self.body.outputs[loop.carries :]
        self._take(kept, outside)
        history = stacked[len(self.rows) + len(self.kept) :]
        return (
            *(last[k] for k in range(loop.carries)),
            *(_stacked(outside[id(n)], loop.length) for n in kept),
            *history,
        )

    def _enters(self, n: Node) -> bool:
        """Whether the loop that is left reads ``n``, which is not one of its carries."""
        if id(n) in self.early:
            return True
        if self._level(n) != _CONSTANT or _is_opaque(n) or n.op is project:
            return False
        return n.op is dot or n.aval.size <= max(i.aval.size for i in n.inputs)

    def _kept(self) -> list[Node]:
        """What has to be stored of each step for the sake of products after the loop."""
        ends = [n for n in self.body.outputs[self.loop.carries :] if id(n) in self.late]
        ends += [leaf for n in self.sums.values() for leaf in _leaves(n)]
        known = set(map(id, self.rows))
        order = topological(ends, lambda n: self._level(n) < _CARRY or id(n) in known or id(n) not in self.late)
        found = {id(i): i for n in order for i in n.inputs} | {id(n): n for n in ends}
        return [n for key, n in found.items() if self._level(n) == _CARRY and key not in known and key not in self.late]

    def _take(self, wanted: Sequence[Node], outside: dict[int, Any]) -> None:
        """Compute ``wanted`` for all steps at once from what is known outside of the loop."""
        for n in topological(wanted, lambda n: id(n) in outside):
            operands = list(dict.fromkeys(n.inputs))
            values, dims = [outside[id(i)][0] for i in operands], [outside[id(i)][1] for i in operands]
            outside[id(n)] = batched(Graph(operands, [n], [n]), values, dims)[0]

    def _total(self, n: Node, outside: dict[int, Any]) -> Node:
        """The sum of ``n`` over the steps."""
        if id(n) not in outside and _terms(n) != [n]:
            if n.op is add:
                return add(*(self._total(i, outside) for i in n.inputs))
            return rebuild(n, (self._total(n.inputs[0], outside),))
        product = n.op is dot and id(n) not in outside
        self._take(n.inputs if product else [n], outside)
        operands = [_stacked(outside[id(i)], self.loop.length) for i in (n.inputs if product else [n])]
        return self._product(n, operands) if product else reduce_sum(operands[0], axes=(0,))

    def _product(self, n: Node, operands: Sequence[Node]) -> Node:
        """A product summed over the steps, some of them at a time."""
        contract, batch = (tuple(map(shifted, n.params[name])) for name in ("contract", "batch"))
        params = {"contract": ((0, *contract[0]), (0, *contract[1])), "batch": batch, "dtype": n.params["dtype"]}
        size = next((s for s in range(AT_ONCE, AT_ONCE // 2, -1) if self.loop.length % s == 0), AT_ONCE)
        count, rest = divmod(self.loop.length, size)
        if count < FEWEST or n.aval.size < LARGE:
            return dot(*operands, **params)
        total = like(n, 0)
        if rest:
            total = dot(*(_cut(x, 0, count * size, self.loop.length) for x in operands), **params)
        blocks = [reshape(_cut(x, 0, 0, count * size), shape=(count, size, *x.shape[1:])) for x in operands]
        inner = [placeholder(total.aval), *(placeholder(x.aval.with_shape(x.shape[1:])) for x in blocks)]
        body = Graph.of(inner, [add(inner[0], dot(*inner[1:], **params))])
        whole = Loop(body, constants=0, carries=1, length=count, reverse=False, history=False)
        return project(self.record(total, *blocks, **whole._asdict()), index=0)

    def _level(self, n: Node) -> int:
        """What ``n`` waits for."""
        if not self._levels:
            for level, nodes in zip((_CONSTANT, _CARRY, _ROW), self.loop.parts(self.loop.body.inputs), strict=True):
                self._levels |= {id(i): level for i in nodes}
        if id(n) not in self._levels:
            for i in topological([n], lambda n: id(n) in self._levels):
                level = max((self._levels[id(j)] for j in i.inputs), default=_LITERAL)
                self._levels[id(i)] = _CARRY if level == _ROW and _is_opaque(i) else level
        return self._levels[id(n)]

    def _is_product(self, n: Node) -> bool:
        """Whether ``n`` is a matrix that is the same in each step times few rows that are not."""
        if n.op is not dot:
            return False
        for own, other in ((0, 1), (1, 0)):
            if self._level(n.inputs[other]) <= _CONSTANT < self._level(n.inputs[own]):
                x = n.inputs[own]
                axes = free(x, n.params["contract"][own])
                return prod(x.shape[a] for a in axes) < ROWS and bool(n.params["contract"][own])
        return False

    def _split(self) -> Graph:
        """The body with products in parts where only some of them can leave the loop."""
        body = self.loop.body
        needed = _ancestors([n for k, n in enumerate(body.outputs[: self.loop.carries]) if k not in self._sums])
        users: dict[int, set[bool]] = {}
        for n in body.nodes:
            for i in n.inputs:
                users.setdefault(id(i), set()).add(id(n) in needed)

        def rule(n: Node, inputs: tuple[Node, ...]) -> Node:
            if n.op is dot:
                for side in (0, 1):
                    parts = self._parts(inputs[side], n.params["contract"][side])
                    if len(parts) > 1:
                        return self._sum_of_parts(n, inputs, side, parts)
            elif n.op is slice and inputs[0].op is dot and len(users[id(n.inputs[0])]) == 2:
                return self._product_of_slice(n, inputs[0])
            return rebuild(n, inputs)

        return body.rewrite(rule)

    def _parts(self, x: Node, contract: tuple[int, ...]) -> list[Node]:
        """The operands of a join along a summed axis, neighbours together that wait for the same."""
        if x.op is not concat or x.params["axis"] not in contract:
            return []
        groups = [list(g) for _, g in groupby(x.inputs, lambda i: self._level(i) == _CARRY)]
        return [g[0] if len(g) == 1 else concat(*g, axis=x.params["axis"]) for g in groups]

    def _sum_of_parts(self, n: Node, inputs: Sequence[Node], side: int, parts: Sequence[Node]) -> Node:
        axis = inputs[side].params["axis"]
        other = inputs[1 - side]
        across = n.params["contract"][1 - side][n.params["contract"][side].index(axis)]
        total: Node | None = None
        start = 0
        for part in parts:
            stop = start + part.shape[axis]
            pair = [part, _cut(other, across, start, stop)]
            product = dot(*(pair[::-1] if side else pair), **n.params)
            total = product if total is None else add(total, product)
            start = stop
        assert total is not None
        return total

    def _product_of_slice(self, n: Node, product: Node) -> Node:
        """The slice of a product as the product of slices."""
        operands = list(product.inputs)
        contract, batch = product.params["contract"], product.params["batch"]
        place = len(batch[0])
        bounds = list(zip(n.params["starts"], n.params["stops"], n.params["strides"], strict=True))
        if any(stride != 1 for _, _, stride in bounds) or any(
            (start, stop) != (0, size) for (start, stop, _), size in zip(bounds[:place], product.shape, strict=False)
        ):
            return rebuild(n, (product,))
        for k, operand in enumerate(product.inputs):
            for axis in free(operand, contract[k] + batch[k]):
                operands[k] = _cut(operands[k], axis, *bounds[place][:2])
                place += 1
        return dot(*operands, **product.params)


def _sums(loop: Loop) -> dict[int, Node]:
    """What each step adds to carries that nothing else reads, where products are added to some."""
    if loop.history:
        return {}
    users: dict[int, int] = {}
    for used in (*(i for n in loop.body.nodes for i in n.inputs), *loop.body.outputs):
        users[id(used)] = users.get(id(used), 0) + 1
    added: dict[int, Node] = {}
    for k, (n, start) in enumerate(zip(loop.body.outputs, loop.parts(loop.body.inputs)[1], strict=False)):
        if n.op is add and start in n.inputs and users[id(n)] == 1 == users[id(start)]:
            added[k] = n.inputs[n.inputs[0] is start]
    found = {k: n for k, n in added.items() if any(map(_is_outer, _terms(n)))}
    # What is stored for the product need not be added up in the loop.
    stored = {id(leaf) for n in found.values() for leaf in _leaves(n)}
    return found | {k: n for k, n in added.items() if id(n) in stored}


def _terms(n: Node) -> list[Node]:
    """What a sum over the steps is a sum of, linear operations left out, if there is a product among them."""
    found: list[Node] = []
    rest = [n]
    while rest and len(found) + len(rest) <= TERMS:
        i = rest.pop()
        if i.op is add or _is_linear(i):
            rest += i.inputs
        else:
            found.append(i)
    return found if not rest and any(i.op is dot for i in found) else [n]


def _leaves(n: Node) -> list[Node]:
    """What the sum of ``n`` over the steps is computed from."""
    return [leaf for term in _terms(n) for leaf in (term.inputs if term.op is dot else [term])]


def _is_outer(n: Node) -> bool:
    return n.op is dot and prod(n.inputs[0].shape[a] for a in n.params["contract"][0]) < ROWS


def _is_linear(n: Node) -> bool:
    """Whether the sum of ``n`` over the steps is ``n`` of the sum."""
    return n.op in (transpose, reshape, slice) or (n.op is pad and n.params["value"] == 0)


def _is_opaque(n: Node) -> bool:
    """Whether an operation has to stay in the loop: a loop of its own, or one that waits on purpose."""
    return n.op is after or any(isinstance(v, Graph) for v in n.params.values())


def _ancestors(nodes: Sequence[Node]) -> set[int]:
    return set(map(id, topological(nodes, lambda n: False)))


def _cut(x: Node, axis: int, start: int, stop: int) -> Node:
    if (start, stop) == (0, x.shape[axis]):
        return x
    starts, stops = [0] * x.ndim, list(x.shape)
    starts[axis], stops[axis] = start, stop
    return slice(x, starts=tuple(starts), stops=tuple(stops), strides=(1,) * x.ndim)


def _stacked(value: tuple[Node, int | None], length: int) -> Node:
    """A value for all steps, the steps along its first axis."""
    return in_front(*value, length)
