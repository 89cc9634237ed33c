"""Types of arrays as plain values in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array, asarray
from eerie_dsl.api.tracing import Leaf
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype
from eerie_dsl.ir.size import decoded, encoded


def row_of(leaf: Leaf) -> dict[str, Any]:
    """The type of an argument or a result."""
    row: dict[str, Any] = {"dtype": leaf.aval.dtype.name, "shape": [_lists(encoded(n)) for n in leaf.aval.shape]}
    return row | {"number": True} if leaf.weak else row


def _lists(value: Any) -> Any:
    return [_lists(v) for v in value] if isinstance(value, tuple) else value


def leaf_of(row: Mapping[str, Any]) -> Leaf:
    """What `row_of` made a row of."""
    return Leaf(aval_of(row), bool(row.get("number")))


def aval_of(row: Mapping[str, Any]) -> Aval:
    """The type of an array."""
    sizes: Any = tuple(decoded(_tuples(n)) for n in row["shape"])
    return Aval(sizes, dtype(row["dtype"]))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def array_of(row: Mapping[str, Any], data: memoryview) -> Array:
    """An array that a file holds, its bytes at a place of ``data``, or zero."""
    aval = aval_of(row)
    if "start" not in row:
        return asarray(np.zeros(aval.shape, aval.dtype.numpy))
    raw = data[row["start"] : row["start"] + row["length"]]
    kind = aval.dtype.numpy
    return asarray(np.frombuffer(raw, kind.newbyteorder("<")).astype(kind).reshape(aval.shape))
