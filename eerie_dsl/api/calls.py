"""What a call passes: leaves of its arguments and captured arrays, as buffers or as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.api import evaluation
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.tracing import SCALARS
from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Node
from eerie_dsl.runtime import from_dlpack, from_numpy

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
        shared: whether a result may be this very buffer, which must then be nobody else's memory.

    Raises:
        DTypeError: a Python integer beyond 64 bits.
    """
    if type(leaf) is Array:
        return leaf.buffer()
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
        return evaluation.buffer_of(leaf)
    return from_dlpack(leaf, copy=shared or None)[0]
