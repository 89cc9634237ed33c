"""Pending graphs become values."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from sys import getrefcount
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.api.nans import check
from eerie_dsl.api.scripts import script_for
from eerie_dsl.config import config
from eerie_dsl.errors import DonatedError, ExecutionError, Source
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.graph import NO_PARAMS, Graph, Node, placeholder
from eerie_dsl.ir.scope import state
from eerie_dsl.runtime import from_numpy, lend, to_numpy
from eerie_dsl.runtime.profile import tell, watchers

SOFT = 48
"""Operations behind one another from which a pending graph is evaluated at a line where one was before."""

HARD = 128
"""Operations behind one another at which a pending graph is evaluated wherever it is."""

_HOST = (np.ndarray, np.generic)

_lock = threading.RLock()
_lines: set[Source | None] = set()


def evaluate(outputs: Sequence[Node]) -> None:
    """Compute nodes as one program. They turn into inputs that hold their values, and so does every other node on
    the way whose value somebody can still ask for.

    Raises:
        DonatedError: one of them needs an array whose memory was given away.
        CompileError: evaluation is ``"compiled"`` and the compiler refused.
        ExecutionError: there is no memory left.
        NaNError: a value holds NaN, and ``config.check_nans`` is set.
    """
    try:
        while True:
            with _lock:
                # Another thread may be done with some of these nodes.
                cut = _cut(outputs)
                if not cut.order:
                    return
                graph = Graph(cut.inputs, cut.order, cut.outputs)
                script = script_for(cut.key)
                pause = script.pause(graph)
                if not pause:
                    if script.loaded is None:
                        # Under the lock: the nodes are the graph, and nobody may change them meanwhile.
                        values = _interpret(graph)
                        _check(graph, values)
                        _store(cut.outputs, values)
                        return
                    shared = script.loaded.shared
                    views = [lent(n) if i in shared else buffer_of(n) for i, n in enumerate(cut.inputs)]
                    break
            del cut, graph  # or the next cut would count them among those who hold the nodes
            script.wait(pause)
        results = script.loaded.run(views)
        _check(graph, results)
    except (ExecutionError, MemoryError) as error:
        # The line that recorded it, not the one that happened to ask for the value.
        raise ExecutionError(getattr(error, "message", "out of memory"), source=outputs[0].source) from error
    with _lock:
        _store(cut.outputs, results)


def bounded(node: Node) -> None:
    """Evaluate a node when the graph behind it has grown long: a loop that nobody reads from would grow for ever.

    It is done at the same line each time, so that all pieces but the first have the same structure.
    """
    if node.depth >= HARD:
        if len(_lines) >= HARD:
            _lines.clear()
        _lines.add(node.source)
    elif node.source not in _lines:
        return
    evaluate([node])


def buffer_of(node: Node) -> Any:
    """The device buffer of a concrete node; what was given or computed in NumPy gets one now.

    Raises:
        DonatedError: its memory was given away.
    """
    value = node.value
    if isinstance(value, _HOST):
        value = node.value = from_numpy(np.asarray(value), node.dtype, copy=True)
    elif value is None:
        raise _donated(node)
    return value


def lent(node: Node) -> Any:
    """The device buffer of a concrete node, which somebody else will hold too.

    Raises:
        DonatedError: its memory was given away.
    """
    buffer = node.value = lend(buffer_of(node))
    return buffer


def array_of(node: Node) -> Any:
    """The value of a concrete node as a read-only NumPy array.

    Raises:
        DonatedError: its memory was given away.
    """
    value = node.value
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic):
        return np.asarray(value)
    return to_numpy(lent(node), node.aval)


def _donated(node: Node) -> DonatedError:
    return DonatedError("an operand of this array was donated to a jitted call", source=node.source)


def _store(nodes: Sequence[Node], values: Sequence[Any]) -> None:
    for node, value in zip(nodes, values, strict=True):
        node.value = value
        if state.tape is None:
            node.forget()
        else:
            node.depth = 0
            state.tape.evaluated.append(node)


def _interpret(graph: Graph) -> list[Any]:
    """The values of the outputs in NumPy, read-only and in memory of their own."""
    start = perf_counter() if watchers else 0.0
    arrays = [array_of(n) for n in graph.inputs]
    values = []
    for result in graph.evaluate(arrays):
        array = np.asarray(result)
        if array.base is not None or not array.flags.c_contiguous or any(array is a for a in arrays):
            array = array.copy(order="C")
        array.flags.writeable = False
        values.append(array)
    if start:
        tell(graph, (), start)
    return values


def _check(graph: Graph, results: Sequence[Any]) -> None:
    if config.check_nans:
        arrays = [r if isinstance(r, _HOST) else to_numpy(r, a) for r, a in zip(results, graph.out_avals, strict=True)]
        check(graph, lambda: [array_of(n) for n in graph.inputs], arrays, lambda k: "an array that it is computed from")


class _Cut(NamedTuple):
    """What has to be computed.

    Attributes:
        inputs: concrete nodes, in the order in which they are met.
        order: pending nodes, operands first.
        outputs: the pending nodes whose values are kept.
        key: equal for equal structures.
    """

    inputs: list[Node]
    order: list[Node]
    outputs: list[Node]
    key: tuple[Any, ...]


def _cut(outputs: Sequence[Node]) -> _Cut:
    # Recording apart, this is most of what a small evaluation costs.
    inputs: list[Node] = []
    order: list[Node] = []
    place: dict[Node, int] = {}
    key: list[Any] = []
    stack = [n for n in outputs if n.op is not None and n.value is None]
    wanted = set(stack)
    node: Any
    i: Any
    while stack:
        node = stack[-1]
        if node in place:
            stack.pop()
            continue
        ready = True
        for i in node.inputs:
            if i not in place:
                if i.op is None or i.value is not None:
                    place[i] = len(place)
                    inputs.append(i)
                    key.append(i.aval)
                else:
                    stack.append(i)
                    ready = False
        if ready:
            place[node] = len(place)
            order.append(node)
            key.append(node.op)
            if node.params:
                key.append(node.params.token)
            for i in node.inputs:
                key.append(place[i])
            stack.pop()
    node = i = None
    counts = [getrefcount(n) for n in order]
    kept = [n for n, c in zip(order, counts, strict=True) if n in wanted or (c > _USED_ONCE and _held(n, c, order))]
    key.append(tuple([place[n] for n in kept]))
    return _Cut(inputs, order, kept, tuple(key))


def _held(node: Node, references: int, order: Sequence[Node]) -> bool:
    """Whether someone outside the graph refers to a node whose value took work: an Array, or another graph."""
    op = node.op
    if op is None or op.moves or not node.inputs or not isinstance(node.aval, Aval):
        return False
    return references >= _USED_ONCE + sum(i is node for n in order for i in n.inputs)


def _measured() -> int:
    user = Node(None, (placeholder(Aval((), float32)),), NO_PARAMS, Aval((), float32))
    order = list(user.inputs)
    place = dict.fromkeys(order, 0)
    return max([getrefcount(n) for n in order] if place else [])


_USED_ONCE = _measured()
"""References to a node that one other node needs and nobody else refers to, while `_cut` counts them."""
