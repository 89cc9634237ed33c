"""Nodes that operations record, and graphs cut out of them.

A node points at its operands, so what nobody refers to any more is freed by itself. A `Graph` is a closed piece in
topological order: the unit that passes, keys, the compiler and the interpreter work on.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eerie_dsl.digest import digest
from eerie_dsl.errors import GraphError, Source
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.dtypes import DType, dtype
from eerie_dsl.ir.scope import Scope, state
from eerie_dsl.ir.size import Extent, Size, decoded, encoded, likely

if TYPE_CHECKING:
    from eerie_dsl.ir.primitive import Primitive

Params = Mapping[str, Any]
Sources = tuple[tuple[Source | None, tuple[Any, ...]], ...]


class StaticParams(dict[str, Any]):
    """The parameters of a node that was recorded, never changed; `token` is equal for equal ones only."""

    __slots__ = ("_token",)

    @property
    def token(self) -> bytes:
        """Canonical bytes of the parameters."""
        try:
            return self._token
        except AttributeError:
            self._token: bytes = marshal.dumps(_encode_params(self), 2)
            return self._token


NO_PARAMS = StaticParams()


class Node:
    """One value: the result of a primitive, or an input (``op is None``).

    Attributes:
        op: the primitive, None for an input.
        inputs: operand nodes.
        params: static parameters: numbers, strings, bytes, dtypes, graphs, and tuples of them.
        aval: type of the result.
        source: the user's line that recorded it.
        scope: the trace it was recorded in, None for a value that can be computed at once.
        value: what an input stands for when it is concrete; the result of a node once it was evaluated.
        weak: it stands for a Python scalar and gives way to the dtype of an array that it meets.
        depth: how many operations lie one behind the other between it and values that exist.
    """

    __slots__ = ("__weakref__", "aval", "depth", "inputs", "op", "params", "scope", "source", "value", "weak")

    def __init__(
        self,
        op: Primitive | None,
        inputs: tuple[Node, ...],
        params: Params,
        aval: Type,
        source: Source | None = None,
        scope: Scope | None = None,
        value: object = None,
        depth: int = 0,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.aval: Any = aval
        self.source = source
        self.scope = scope
        self.value = value
        self.weak = False
        self.depth = depth

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return self.aval.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        """Element type of the result."""
        return self.aval.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of dimensions of the result."""
        return self.aval.ndim  # type: ignore[no-any-return]

    @property
    def flops(self) -> int:
        """Arithmetic operations of one evaluation, as the primitive estimates them."""
        return 0 if self.op is None else self.op.flops(*(i.aval for i in self.inputs), out=self.aval, **self.params)

    def forget(self) -> None:
        """Become an input: the value is there, and how it was computed is of no use any more."""
        self.op, self.inputs, self.params, self.depth = None, (), NO_PARAMS, 0

    def __repr__(self) -> str:
        return f"<{'input' if self.op is None else self.op.name}: {self.aval}>"


def placeholder(aval: Aval, source: Source | None = None, scope: Scope | None = None, value: object = None) -> Node:
    """An input of a graph to be; concrete when it has a value."""
    return Node(None, (), NO_PARAMS, aval, source, scope, value)


def capture(scope: Scope, outside: object, aval: Aval, *, weak: bool = False) -> Node:
    """The placeholder inside ``scope`` for something that was made outside, the same one each time."""
    if id(outside) not in scope.captured:
        node = placeholder(aval, scope=scope)
        node.weak = weak
        scope.captured[id(outside)] = (node, outside)
    return scope.captured[id(outside)][0]  # type: ignore[no-any-return]


class Graph:
    """A closed, topologically ordered piece of computation: ``outputs`` as a function of ``inputs``.

    Immutable. Inputs keep their place even when nothing uses them. Equal structure gives an equal `digest`,
    whatever the source lines. ``donated`` are the places of inputs whose memory results may take; what rewrites a
    graph does not keep it.
    """

    __slots__ = ("__weakref__", "_digest", "_encoded", "donated", "inputs", "nodes", "outputs")

    def __init__(
        self, inputs: Sequence[Node], nodes: Sequence[Node], outputs: Sequence[Node], donated: Sequence[int] = ()
    ) -> None:
        self.inputs = tuple(inputs)
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs)
        self.donated = tuple(donated)
        self._encoded: tuple[Any, ...] | None = None
        self._digest: str | None = None

    @classmethod
    def of(cls, inputs: Sequence[Node], outputs: Sequence[Node]) -> Graph:
        """The graph that computes ``outputs``; nodes that they do not need are left out.

        Raises:
            GraphError: an output depends on an input that is not among ``inputs``.
        """
        given = set(map(id, inputs))
        order = topological(outputs, lambda n: id(n) in given)
        for node in order:
            if node.op is None:
                raise GraphError(f"the graph uses {node!r}, which is not one of its inputs", source=node.source)
        return cls(inputs, order, outputs)

    @property
    def in_avals(self) -> tuple[Aval, ...]:
        """Types of the inputs."""
        return tuple(n.aval for n in self.inputs)

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        """Types of the outputs."""
        return tuple(n.aval for n in self.outputs)

    @property
    def flops(self) -> int:
        """Arithmetic operations of one evaluation of all nodes."""
        return sum(n.flops for n in self.nodes)

    @property
    def sources(self) -> Sources:
        """The user's line of each node in the order of ``nodes``, with those of the graphs among its parameters."""
        return tuple(
            (n.source, tuple(v.sources for _, v in sorted(n.params.items()) if isinstance(v, Graph)))
            for n in self.nodes
        )

    def walk(self) -> Iterator[Node]:
        """The nodes in order, each followed by those of the graphs among its parameters."""
        for node in self.nodes:
            yield node
            for _, value in sorted(node.params.items()):
                if isinstance(value, Graph):
                    yield from value.walk()

    def rewrite(self, rule: Callable[[Node, tuple[Node, ...]], Node]) -> Graph:
        """A graph in which each node is what ``rule(node, its new operands)`` gives."""
        new: dict[int, Node] = {id(n): n for n in self.inputs}
        for node in self.nodes:
            new[id(node)] = rule(node, tuple(new[id(i)] for i in node.inputs))
        return Graph.of(self.inputs, [new[id(n)] for n in self.outputs])

    def inline(self, arguments: Sequence[Node]) -> tuple[Node, ...]:
        """Record the graph anew on other operands, keeping source lines; gives its outputs."""
        new: dict[int, Node] = dict(zip(map(id, self.inputs), arguments, strict=True))
        for node in self.nodes:
            new[id(node)] = rebuild(node, tuple(new[id(i)] for i in node.inputs))
        return tuple(new[id(n)] for n in self.outputs)

    def evaluate(self, arguments: Sequence[Any]) -> list[Any]:
        """Interpret with the primitives' reference rules: the oracle, and the way without a compiler."""
        values: dict[int, Any] = dict(zip(map(id, self.inputs), arguments, strict=True))
        last = {id(i): node for node in self.nodes for i in node.inputs}
        kept = set(map(id, self.outputs))
        with np.errstate(all="ignore"):
            for node in self.nodes:
                assert node.op is not None
                values[id(node)] = node.op.evaluate(node.aval, [values[id(i)] for i in node.inputs], node.params)
                for i in node.inputs:
                    if last[id(i)] is node and id(i) not in kept:
                        values.pop(id(i), None)
        return [values[id(n)] for n in self.outputs]

    @property
    def dims(self) -> dict[str, Size]:
        """The dimensions of the inputs that are known when the program is called, by name."""
        sizes: Iterator[Extent] = (n for a in self.in_avals for n in a.shape)
        return {n.name: n for n in sizes if isinstance(n, Size) and n.name is not None}

    def at(self, values: Mapping[str, Extent]) -> Graph:
        """The graph where dimensions have these values, every type inferred again.

        Raises:
            ShapeError: it does not hold for them.
        """
        return _decode_graph(_at(self.encoded(), values), self.sources)

    @property
    def typical(self) -> Graph:
        """The graph at sizes on which estimates can be based."""
        dims = self.dims
        return self.at({name: likely(n) for name, n in dims.items()}) if dims else self

    def copied(self) -> Graph:
        """The same graph on nodes of its own, which hold no values and belong to no scope."""
        return Graph.decode(self.encode(), self.sources)

    def encoded(self) -> tuple[Any, ...]:
        """The structure as nested tuples of plain values; no source lines."""
        if self._encoded is None:
            number: dict[int, int] = {}
            for node in (*self.inputs, *self.nodes):
                number[id(node)] = len(number)
            self._encoded = (
                tuple(_encode_aval(n.aval) for n in self.inputs),
                tuple(
                    (n.op.path, tuple(number[id(i)] for i in n.inputs), _encode_params(n.params))  # type: ignore[union-attr]
                    for n in self.nodes
                ),
                tuple(number[id(n)] for n in self.outputs),
                self.donated,
            )
        return self._encoded

    def encode(self) -> bytes:
        """Canonical bytes of the structure, the same in every process."""
        return marshal.dumps(self.encoded(), 2)

    @property
    def digest(self) -> str:
        """Hex digest of the structure."""
        if self._digest is None:
            self._digest = digest(self.encode(), size=20).hex()
        return self._digest

    @staticmethod
    def decode(data: bytes, sources: Sources | None = None) -> Graph:
        """The graph that `encode` wrote, with its source lines put back; every type is inferred again."""
        return _decode_graph(marshal.loads(data), sources)


def topological(outputs: Iterable[Node], stop: Callable[[Node], bool]) -> list[Node]:
    """All nodes that ``outputs`` need, operands first, down to those that ``stop``, which are left out."""
    done: set[int] = set()
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(n, False) for n in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in done and not stop(node):
            done.add(id(node))
            stack.append((node, True))
            stack.extend((i, False) for i in reversed(node.inputs) if id(i) not in done)
    return order


def rebuild(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other operands, typed anew, its source line kept."""
    # What has no operands belongs to no scope yet, and is recorded anew: the scope would take it for captured.
    if node.op is None or (inputs and all(a is b for a, b in zip(node.inputs, inputs, strict=True))):
        return node
    aval = node.op.infer(*(i.aval for i in inputs), **node.params)
    depth = 1 + max([i.depth for i in inputs], default=0)
    new = Node(node.op, inputs, node.params, aval, node.source, state.scope, None, depth)
    new.weak = node.weak
    return new


def _encode_aval(aval: Type) -> tuple[Any, ...]:
    if isinstance(aval, TupleAval):
        raise GraphError("a graph input cannot be a tuple")
    return (tuple(map(encoded, aval.shape)), aval.dtype.name)


def _decode_aval(shape: tuple[Any, ...], name: str) -> Aval:
    sizes: Any = tuple(map(decoded, shape))
    return Aval(sizes, dtype(name))


def _encode_params(params: Params) -> tuple[Any, ...]:
    return tuple((k, _encode_param(params[k])) for k in sorted(params))


def _encode_param(value: Any) -> Any:
    if isinstance(value, tuple):
        return ("t", *map(_encode_param, value))
    if isinstance(value, DType):
        return ("d", value.name)
    if isinstance(value, Graph):
        return ("g", value.encoded())
    if isinstance(value, Size):
        return encoded(value)
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    raise GraphError(f"a parameter of type {type(value).__name__} cannot be part of a graph")


def _decode_param(value: Any, graph_sources: Iterator[Sources]) -> Any:
    if not isinstance(value, tuple):
        return value
    tag, *rest = value
    if tag == "t":
        return tuple(_decode_param(v, graph_sources) for v in rest)
    if tag == "d":
        return dtype(rest[0])
    if tag == "$":
        return decoded(value)
    return _decode_graph(rest[0], next(graph_sources, None))


def _decode_graph(encoded: tuple[Any, ...], sources: Sources | None) -> Graph:
    from eerie_dsl.ir.primitive import primitive_at

    in_types, node_rows, outputs, donated = encoded
    nodes = [placeholder(_decode_aval(shape, name)) for shape, name in in_types]
    for k, (path, operands, params) in enumerate(node_rows):
        op = primitive_at(path)
        inputs = tuple(nodes[i] for i in operands)
        source, inner = sources[k] if sources else (None, ())
        graph_sources = iter(inner)
        known = StaticParams((name, _decode_param(value, graph_sources)) for name, value in params)
        aval = op.infer(*(i.aval for i in inputs), **known)
        nodes.append(Node(op, inputs, known, aval, source))
    return Graph(nodes[: len(in_types)], nodes[len(in_types) :], [nodes[i] for i in outputs], donated)


def _at(encoded_value: Any, values: Mapping[str, Extent]) -> Any:
    """What was encoded, with values in place of dimensions."""
    if type(encoded_value) is not tuple:
        return encoded_value
    if len(encoded_value) == 2 and encoded_value[0] == "$":
        return encoded(Size(encoded_value[1]).at(values))
    return tuple([_at(v, values) for v in encoded_value])
