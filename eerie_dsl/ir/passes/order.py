"""The order in which a program computes: what gives memory back comes as soon as it can."""

from __future__ import annotations

from eerie_dsl.ir.aval import Aval, TupleAval
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import project
from eerie_dsl.ir.size import likely

_FEW = 8
"""Uses of a value that are looked at together."""


def order(graph: Graph) -> Graph:
    """The same operations; where the last uses of a value make less than it takes, they come as soon as they can.

    Graphs are cut out from their results down, which puts all that leads to the first result in front. For gradients
    that is the wrong way round: that of the first layer needs the cotangents of all layers, and the gradients of the
    other weights, the last use of each cotangent, come behind. The compiler keeps the order: of a perceptron with 8
    layers of 1024 and 4096 rows the backward pass took 126 MB beside what the forward pass keeps, and takes 42.
    """
    line = _Line(graph)
    for node in graph.nodes:
        line.put(node)
    return Graph(graph.inputs, line.nodes, graph.outputs)


class _Line:
    """Operations behind one another.

    Attributes:
        nodes: those that are in place.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self._placed: set[Node] = set(graph.inputs)
        self._shares: dict[Node, Node] = {}
        self._operands: dict[Node, list[Node]] = {}
        self._uses: dict[Node, dict[Node, None]] = {n: {} for n in graph.nodes}
        for node in graph.nodes:
            assert node.op is not None
            operands = list(dict.fromkeys(self._shares.get(i, i) for i in node.inputs))
            if len(operands) == 1 and (node.op.moves or node.op is project):
                self._shares[node] = operands[0]
                continue
            self._operands[node] = operands
            for i in operands:
                if i in self._uses:
                    self._uses[i][node] = None
        for node in graph.outputs:  # these are kept in any case
            self._uses.pop(self._shares.get(node, node), None)

    def put(self, node: Node) -> None:
        """Place an operation, and behind it those that give memory back then."""
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node in self._placed:
                continue
            self._place(node)
            for value in (*self._operands.get(node, ()), node):
                uses = self._uses.get(value)
                if uses:
                    uses.pop(node, None)
                    if self._ends(value, uses):
                        waiting += reversed(uses)

    def _ends(self, value: Node, uses: dict[Node, None]) -> bool:
        """Whether all that is left to do with a value can be done now, and makes less than that takes."""
        return (
            0 < len(uses) <= _FEW
            and all(i in self._placed for n in uses for i in self._operands[n])
            and sum(map(_bytes, uses)) < _bytes(value)
        )

    def _place(self, node: Node) -> None:
        behind = [node]
        while behind:
            missing = [i for i in behind[-1].inputs if i not in self._placed]
            if missing:  # views of what is there
                behind += missing
                continue
            last = behind.pop()
            if last not in self._placed:
                self._placed.add(last)
                self.nodes.append(last)


def _bytes(node: Node) -> int:
    aval = node.aval
    parts: tuple[Aval, ...] = aval.elements if isinstance(aval, TupleAval) else (aval,)
    return sum(likely(a.nbytes) for a in parts)
