"""Pending graphs become values."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.api.loaded import load, recall
from eerie_dsl.errors import DonatedError
from eerie_dsl.ir.graph import Graph, Node, topological
from eerie_dsl.runtime import from_numpy

_lock = threading.Lock()


def evaluate(outputs: Sequence[Node]) -> list[Any]:
    """Compute nodes as one program; gives their buffers, and the nodes become inputs that hold them.

    Raises:
        DonatedError: one of them needs an array whose memory was given away.
    """
    inputs: list[Node] = []
    seen: set[int] = set()

    def known(node: Node) -> bool:
        if node.op is None and id(node) not in seen:
            seen.add(id(node))
            inputs.append(node)
        return node.op is None

    with _lock:
        # Another thread may be done with some of these nodes.
        order = topological(outputs, known)
        views = [buffer_of(n) for n in inputs]
        loaded = recall(graph := Graph(inputs, order, outputs))
        if loaded is None:
            graph = graph.copied()
    results = (loaded or load(graph, name="script"))(views)
    with _lock:
        for node, view in zip(outputs, results, strict=True):
            node.value = view
            node.op, node.inputs, node.params = None, (), {}
    return results


def buffer_of(node: Node) -> Any:
    """The buffer of a concrete node; a scalar of a script gets one now."""
    value = node.value
    if value is None:
        raise DonatedError("an operand of this array was donated to a jitted call", source=node.source)
    if isinstance(value, np.generic):
        value = node.value = from_numpy(np.asarray(value), node.dtype, copy=True)
    return value
