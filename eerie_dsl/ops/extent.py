"""Sizes as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import int64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ir.size import Extent as Count


class Extent(Primitive):
    """A size as an int64: what ``x / x.shape[0]`` divides by when the program is for any size."""

    name = "extent"
    differentiable = False

    def infer(self, *, size: Count) -> Aval:
        return Aval((), int64)

    def reference(self, *, size: Count) -> Any:
        return np.asarray(size, np.int64)

    def lower(self, b: Any, *, out: Aval, size: Count) -> Any:
        return b.splat(out, size)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, size: Count) -> tuple[Node, int | None]:
        return self(size=size), None


extent = Extent()


def number_of(size: Count) -> Node:
    """A size as a node that gives way to the dtypes that it meets, like a Python number."""
    node = extent(size=size)
    node.weak = True
    return node
