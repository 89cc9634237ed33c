"""Reading back the constants of a module as they will lie in memory: the compiler folds them and packs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from iree.compiler import ir

from eerie_dsl.errors import CompileError
from eerie_dsl.lowering.module import context

_ARRAY = re.compile(r'dense<("0x[0-9A-F]*"|[^"<>]*)> : (?:tensor|vector)<((?:\d+x)*)(complex<)?([a-z]+\d+)>')
_NUMBER = re.compile(r"true|false|0x[0-9A-Fa-f]+|-?\d[\d.]*(?:[eE][+-]?\d+)?")
_SIZE = re.compile(r"#util\.composite<(\d+)xi8")


def read_pools(bytecode: bytes) -> dict[str, bytes]:
    """The constants in a module after ``stream``, by the global that holds them.

    Raises:
        CompileError: they are of a kind that is not understood.
    """
    found: dict[str, bytes] = {}
    with context():
        module = ir.Module.parse(bytecode)
        for initializer in operations(module.body):
            if initializer.name != "util.initializer":
                continue
            for op in (o for block in initializer.regions[0].blocks for o in operations(block)):
                data = _origin(op.operands[0]) if op.name == "util.global.store" else None
                if data is not None:
                    found[leaf(op.attributes["global"])] = data
    return found


def operations(block: Any) -> Iterator[Any]:
    """The operations of a block, without the classes of their dialects."""
    return (op.operation for op in block.operations)


def leaf(reference: Any) -> str:
    """The last name of a symbol: ``c`` of ``@a::@b::@c``."""
    return str(ir.SymbolRefAttr(reference).value[-1])


def _origin(value: Any) -> bytes | None:
    """The bytes of the constant that a resource was made of, None for one that is computed."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return _handed_over(owner, ir.BlockArgument(value).arg_number)
    owner = owner.operation  # whose name is that of the operation, not an attribute
    if owner.name == "util.buffer.constant":
        return constant_bytes(str(owner.attributes["value"]))
    if owner.name == "stream.resource.subview":
        whole, start, length = _origin(owner.operands[0]), _number(owner.operands[2]), _number(owner.operands[3])
        return whole if whole is None else whole[start : start + length]
    if owner.name == "stream.resource.try_map":
        return _origin(owner.operands[0])
    if owner.name == "stream.timepoint.await":
        return _origin(owner.operands[ir.OpResult(value).result_number])
    return None


def _handed_over(block: Any, place: int) -> bytes | None:
    """What comes to a block where the constant could be mapped; where it cannot, the same bytes are read."""
    for other in block.region.blocks:
        last = list(operations(other))[-1]
        if last.name == "cf.cond_br" and last.successors[0] == block:
            return _origin(last.operands[1 + place])
    return None


def _number(value: Any) -> int:
    return int(ir.IntegerAttr(value.owner.attributes["value"]).value)


def constant_bytes(text: str) -> bytes:
    """The bytes of a constant as the compiler prints it: one array, or several in a row.

    Raises:
        CompileError: it is printed in another way.
    """
    parts = [_array(*found.groups()) for found in _ARRAY.finditer(text)]
    data = b"".join(parts)
    size = _SIZE.match(text)
    if not parts or (size and int(size[1]) != len(data)):
        raise CompileError(f"a constant cannot be read back: {text[:80]}")
    return data


def _array(values: str, shape: str, pairs: str | None, element: str) -> bytes:
    count = prod(map(int, shape.split("x")[:-1])) * (2 if pairs else 1)
    kind = _dtype(element)
    if values.startswith('"'):
        data = bytes.fromhex(values[3:-1])
    else:
        data = b"".join(_element(word, kind) for word in _NUMBER.findall(values))
    # One for all, where all are equal.
    return data if len(data) == count * kind.itemsize else data * (count * kind.itemsize // len(data))


def _dtype(element: str) -> np.dtype[Any]:
    if element == "bf16":
        import ml_dtypes

        kind: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return kind
    bits = int(element.lstrip("abcdefghijklmnopqrstuvwxyz"))
    return np.dtype(f"<{'f' if element[0] == 'f' else 'i'}{max(1, bits // 8)}")


def _element(word: str, kind: np.dtype[Any]) -> bytes:
    if word.startswith("0x"):  # bits of what is no number, or not a finite one
        return int(word, 16).to_bytes(kind.itemsize, "little")
    if kind.kind == "i":
        number = {"true": 1, "false": 0}.get(word)
        return (int(word) if number is None else number).to_bytes(kind.itemsize, "little", signed=True)
    return np.asarray(float(word), kind).tobytes()
