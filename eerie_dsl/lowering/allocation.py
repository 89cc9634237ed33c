"""Where programs for CPUs get the memory of their results, and of what they compute in between.

The runtime would give both. What it gives worker threads is fresh from the system at every call if it is more than
64 MB, and the system clears fresh memory page by page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iree.compiler import ir
from iree.compiler.dialects import arith

from eerie_dsl.ir.graph import Graph
from eerie_dsl.lowering.order import size_of
from eerie_dsl.lowering.values import Tensor

WORKSPACE = 1 << 16
"""Bytes of results from which a program may have a workspace."""

_MEMORY = 48
"""``DeviceVisible|DeviceLocal``: the memory that the compiler asks for itself."""
_USAGE = 3075
"""``Transfer|DispatchStorage``, likewise."""


def is_settled(graph: Graph) -> bool:
    """Whether all sizes are known, and every kernel runs once: loops hand memory from step to step."""
    nested = any(isinstance(v, Graph) for n in graph.nodes for v in n.params.values())
    return all(a.static for a in graph.in_avals) and not nested


def has_workspace(graph: Graph) -> bool:
    """Whether the caller brings memory for what is computed in between: it is more than a little, and of known size.

    Attention of 1024 tokens spent 53 ms in the system to get it and 31 ms in its kernels. To bring it takes 0.2 us.
    """
    return is_settled(graph) and sum(size_of(n) for n in graph.nodes) >= WORKSPACE


def placed(results: Sequence[Tensor]) -> list[Tensor]:
    """Results of a function, in memory of the device's allocator, which keeps what is freed.

    A sum of two matrices of 128 MB on worker threads went from 55 to 7.6 ms; a call for two of 1 kB from 1.87 to 1.76
    us, as what the runtime hands out itself comes with a fence to wait for. What other kernels read, or what is part of
    something, would be computed elsewhere and copied: that is left to the runtime.
    """
    counts = Counter(r.value for r in results)
    fit = [r.aval.size and counts[r.value] == 1 and _is_computed_for_this(r.value) for r in results]
    if not any(fit):
        return list(results)
    integer, index = ir.IntegerType.get_signless, ir.IndexType.get()
    wanted = [r for r, fits in zip(results, fit, strict=True) if fits]
    with ir.InsertionPoint.at_block_begin(wanted[0].value.owner.operation.block):
        device = _create("hal.devices.get", "!hal.device", [arith.constant(index, 0)])
        allocator = _create("hal.device.allocator", "!hal.allocator", [device])
        flags = [arith.constant(integer(bits), n) for bits, n in ((64, -1), (32, _MEMORY), (32, _USAGE))]
        sizes = [arith.constant(index, r.aval.nbytes) for r in wanted]
        buffers = iter([_create("hal.allocator.allocate", "!hal.buffer", [allocator, *flags, n]) for n in sizes])
    segments = {"operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 0, 1, 0])}
    found = []
    for result, fits in zip(results, fit, strict=True):
        if fits:
            with ir.InsertionPoint.after(result.value.owner.operation):
                operands = [result.value, next(buffers)]
                result = Tensor(result.aval, _create("hal.tensor.alias", result.value.type, operands, segments))
        found.append(result)
    return found


def _is_computed_for_this(value: ir.Value) -> bool:
    """Whether it is the result of a kernel that writes to no argument, and nothing else reads it."""
    owner = value.owner
    if isinstance(owner, ir.Block) or next(iter(value.uses), None) is not None:
        return False
    return owner.name.startswith("linalg.") or (
        owner.name == "flow.dispatch" and "tied_operands" not in owner.attributes
    )


def _create(
    name: str, kind: str | ir.Type, operands: Sequence[ir.Value], attributes: dict[str, ir.Attribute] | None = None
) -> ir.Value:
    results = [ir.Type.parse(kind) if isinstance(kind, str) else kind]
    return ir.Operation.create(name, results=results, operands=operands, attributes=attributes).result
