"""How much may become one kernel: bounds on what the compiler would otherwise fuse without end."""

from __future__ import annotations

from eerie_dsl.ir.graph import Graph, Node

COST = 1000
"""Arithmetic per element in one kernel. The compiler's time grows with the square of it: 25 sines (cost 40 each) take
1.5 s, 50 take 6 s, 100 take 13 s."""

OPERANDS = 24
"""Different operands of one kernel: the runtime binds 32 buffers to one, results among them."""

REDUCTIONS = 6
"""Reductions in a row in one kernel. The compiler's time doubles with each: 8 take 0.5 s, 11 take 3 s, 20 had not
ended after 9 minutes."""

_NONE: frozenset[int] = frozenset()


class Bounds:
    """Follows, node by node, what fusion would gather into the kernel of each value."""

    def __init__(self, graph: Graph) -> None:
        self._ops: dict[int, frozenset[int]] = {}
        self._operands: dict[int, frozenset[int]] = {}
        self._reductions: dict[int, int] = {}
        self._cost: dict[int, int] = {}
        for node in graph.inputs:
            self._start(node)

    def enter(self, node: Node) -> list[Node]:
        """Take ``node`` in; gives those of its operands that must be made by other kernels."""
        op = node.op
        assert op is not None
        self._start(node)
        if op.literal:
            self._operands[id(node)] = _NONE
        if op.literal or not (op.elementwise or op.moves or op.absorbs == "elements"):
            return []
        own = frozenset((id(node),))
        reduces = not (op.elementwise or op.moves)
        self._cost[id(node)] = 0 if op.moves else int(getattr(op, "cost", 1))
        apart: list[Node] = []
        while True:
            ops = own.union(*(self._ops[id(i)] for i in node.inputs))
            operands = _NONE.union(*(self._operands[id(i)] for i in node.inputs))
            reductions = reduces + max((self._reductions[id(i)] for i in node.inputs), default=0)
            if reductions > REDUCTIONS:
                weight = self._reductions
            elif sum(self._cost[n] for n in ops) > COST:
                weight = {id(i): len(self._ops[id(i)]) for i in node.inputs}
            elif len(operands) > OPERANDS:
                weight = {id(i): len(self._operands[id(i)]) for i in node.inputs}
            else:
                break
            heaviest = max(node.inputs, key=lambda i: weight[id(i)])
            if not self._ops[id(heaviest)]:
                break
            apart.append(heaviest)
            self._start(heaviest)
        self._ops[id(node)], self._operands[id(node)], self._reductions[id(node)] = ops, operands, reductions
        return apart

    def _start(self, node: Node) -> None:
        """``node`` is in memory: what uses it starts anew."""
        self._ops[id(node)] = _NONE
        self._operands[id(node)] = frozenset((id(node),))
        self._reductions[id(node)] = 0
