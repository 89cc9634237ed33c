"""Numbers that the host would compute in every call, computed when a program is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from iree.compiler import ir


def _constant(op: Any, operands: Sequence[Any]) -> int | None:
    value = op.attributes["value"]
    if isinstance(value, ir.FloatAttr):
        return _float_bits(value.value, str(value.type))
    return int(value.value) if isinstance(value, ir.IntegerAttr | ir.BoolAttr) else None


def _same(op: Any, operands: Sequence[Any]) -> Any:
    return operands[0]


def _unsigned(op: Any, operands: Sequence[Any]) -> int:
    (value,) = operands
    return int(value & _mask(op.operands[0].type) & _mask(op.results[0].type))


def _signed(op: Any, operands: Sequence[Any]) -> int:
    (value,), sign = operands, (_mask(op.operands[0].type) + 1) >> 1
    return int(((value & (2 * sign - 1)) ^ sign) - sign & _mask(op.results[0].type))


def _shifted(op: Any, operands: Sequence[Any]) -> int:
    value, count = operands
    return int((value & _mask(op.results[0].type)) >> count)


def _mask(type_: Any) -> int:
    return (1 << (type_.width if isinstance(type_, ir.IntegerType) else 64)) - 1


def _float_bits(value: float, kind: str) -> int:
    if kind == "bf16":
        return _float_bits(value, "f32") >> 16
    width = int(kind[1:]) // 8
    return int.from_bytes(np.asarray(value, f"<f{width}").tobytes(), "little")


FOLDED: dict[str, Callable[[Any, Sequence[Any]], Any]] = {
    "arith.bitcast": _same,
    "arith.constant": _constant,
    "arith.extsi": _signed,
    "arith.extui": _unsigned,
    "arith.index_cast": _signed,
    "arith.index_castui": _unsigned,
    "arith.shrui": _shifted,
    "arith.trunci": _unsigned,
    "util.optimization_barrier": _same,
}
"""By the name of an operation with one result, what gives its value from those of its operands: integers, the bits of
floats, or whatever else a reader calls values."""
