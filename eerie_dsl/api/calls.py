"""What a call passes: leaves of its arguments and captured arrays, as buffers or as nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eerie_dsl.api import evaluation
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.tracing import SCALARS
from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Node
from eerie_dsl.runtime import from_dlpack, from_numpy, to_numpy, unseen

SCALAR_OF = {aval: kind for kind, aval in SCALARS.items()}


def node_of(leaf: Any, placeholder: Node) -> Node:
    """A leaf as a node of the type that the traced placeholder has."""
    node = lift(leaf, dtype=placeholder.dtype) if type(leaf) in SCALARS else lift(leaf)
    if placeholder.weak:
        node.weak = True
    return node


def buffer_of(leaf: Any, aval: Aval, shared: bool) -> Any:
    """A leaf in a buffer of type ``aval``.

    Args:
        leaf: an Array, NumPy array or scalar, Python scalar, node, or an object with ``__dlpack__``.
        aval: its type, known to fit.
        shared: whether a result may be this very buffer, which must then be nobody's memory who does not know it.

    Raises:
        DTypeError: a Python integer beyond 64 bits.
    """
    if type(leaf) is Array:
        return leaf.lent() if shared else leaf.buffer()
    if isinstance(leaf, np.ndarray):
        return from_numpy(leaf, aval.dtype, copy=shared or None)
    if isinstance(leaf, np.generic) or type(leaf) in SCALARS:
        try:
            return from_numpy(np.asarray(leaf, aval.dtype.numpy), aval.dtype, copy=True)
        except OverflowError:
            raise DTypeError(
                f"{leaf} does not fit in {aval.dtype}", hint="pass it as a float, or as an array of a wider dtype"
            ) from None
    if isinstance(leaf, Node):
        if leaf.op is not None:
            evaluation.evaluate([leaf])
        return evaluation.lent(leaf) if shared else evaluation.buffer_of(leaf)
    return from_dlpack(leaf, copy=shared or None)[0]


def given(views: list[Any], leaves: Sequence[Any], avals: Sequence[Aval], donated: Iterable[int]) -> None:
    """Have the program write into nothing but memory of its own: a donated array whose memory somebody else holds, or
    the call itself twice, is copied."""
    for i in donated:
        leaf, view = leaves[i], views[i]
        if not (leaf.alone(view) if type(leaf) is Array else unseen(view)):
            views[i] = from_numpy(to_numpy(view, avals[i]), avals[i].dtype, copy=True)
