"""Kernels written by ourselves, as functions on memory, next to those that the compiler forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from iree.compiler import ir
from iree.compiler.dialects import arith, func

from eerie_dsl.ir.aval import Aval
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Tensor, tensor_type

BINDINGS = 30
"""Operands and results of a kernel; the runtime binds 32 buffers."""

WORKGROUPS = 16
"""Parts of a kernel that cores work on at the same time."""

_READ_ONLY, _INDIRECT = 1, 2
"""What is known of a binding. One that is not indirect has the program record its commands anew in each call, for all
of its kernels: a sum of one row took 4.0 us then, and 3.5 with commands that are recorded once."""


def kernel(
    operands: Sequence[Tensor],
    outs: Sequence[Aval],
    body: Callable[[list[ir.Value], list[ir.Value]], None],
    workgroups: int = 1,
) -> list[Tensor]:
    """One dispatch of `executable`."""
    return dispatch(executable([o.aval for o in operands], outs, body, workgroups), operands, outs)


def executable(
    ins: Sequence[Aval],
    outs: Sequence[Aval],
    body: Callable[[list[ir.Value], list[ir.Value]], None],
    workgroups: int = 1,
) -> str:
    """A kernel, to be dispatched under the name that this gives.

    Args:
        ins: types of what it reads.
        outs: types of its results.
        body: ``body(read, written)`` emits the kernel, for memory of one dimension behind each operand and result.
        workgroups: how many times the kernel runs, maybe at the same time; `workgroup` tells which one it is.
    """
    flags = [_READ_ONLY | _INDIRECT] * len(ins) + [_INDIRECT] * len(outs)
    words = {_READ_ONLY | _INDIRECT: '"ReadOnly|Indirect"', _INDIRECT: "Indirect"}
    bindings = ", ".join(f"#hal.pipeline.binding<storage_buffer, {words[f]}>" for f in flags)
    layout = ir.Attribute.parse(f"#hal.pipeline.layout<bindings = [{bindings}], flags = Indirect>")
    space = ir.Attribute.parse("#hal.descriptor_type<storage_buffer>")
    module = ir.InsertionPoint.current.block.owner
    while module.parent is not None:
        module = module.parent
    blocks = module.regions[0].blocks[0]
    name = f"loop{sum(op.operation.name == 'hal.executable.source' for op in blocks)}"
    with ir.InsertionPoint.at_block_begin(blocks):
        source = _op("hal.executable.source", {"sym_name": name, "sym_visibility": "private"}, regions=1)
    with ir.InsertionPoint(source.regions[0].blocks.append()):
        export = {"sym_name": name, "sym_visibility": "public", "ordinal": _index_attr(0), "layout": layout}
        count = _op("hal.executable.export", export, regions=2).regions[0]
        with ir.InsertionPoint(count.blocks.append(ir.Type.parse("!hal.device"))):
            counts = [arith.constant(ir.IndexType.get(), n) for n in (workgroups, 1, 1)]
            _op("hal.return", operands=counts)
        inner = _op("builtin.module", regions=1)
        with ir.InsertionPoint(inner.regions[0].blocks.append()), ir.InsertionPoint(_entry(name)):
            memory = []
            for place, (aval, flag) in enumerate(zip([*ins, *outs], flags, strict=True)):
                attributes = {
                    "layout": layout,
                    "binding": _index_attr(place),
                    "alignment": _index_attr(aval.dtype.itemsize),  # an operand may be a row of something larger
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 0]),
                    "descriptor_flags": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), flag),
                }
                zero = arith.constant(ir.IndexType.get(), 0)
                kind = ir.MemRefType.get([aval.size], element_type(aval.dtype), None, space)
                memory.append(_op("hal.interface.binding.subspan", attributes, [zero], [kind]).result)
            body(memory[: len(ins)], memory[len(ins) :])
            func.ReturnOp([])
        _op("hal.executable.source_end")
    return name


def dispatch(name: str, operands: Sequence[Tensor], outs: Sequence[Aval]) -> list[Tensor]:
    """The results of a kernel for some operands."""
    attributes = {
        "entry_points": ir.ArrayAttr.get([ir.SymbolRefAttr.get([name, name])]),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, len(operands), 0, 0]),
        "tied_operands": ir.ArrayAttr.get([_index_attr(-1)] * len(outs)),
    }
    found = _op("flow.dispatch", attributes, [o.value for o in operands], [tensor_type(o) for o in outs])
    return [Tensor(o, r) for o, r in zip(outs, found.results, strict=True)]


def workgroup() -> ir.Value:
    """The number of the workgroup that runs the kernel."""
    return _op("hal.interface.workgroup.id", {"dimension": _index_attr(0)}, results=[ir.IndexType.get()]).result


def _entry(name: str) -> ir.Block:
    return func.FuncOp(name, ([], [])).add_entry_block()


def _index_attr(number: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IndexType.get(), number)


def _op(
    name: str,
    attributes: dict[str, ir.Attribute | str] | None = None,
    operands: Sequence[ir.Value] = (),
    results: Sequence[ir.Type] = (),
    regions: int = 0,
) -> ir.Operation:
    found = {k: ir.StringAttr.get(v) if isinstance(v, str) else v for k, v in (attributes or {}).items()}
    return ir.Operation.create(name, list(results), list(operands), found, regions=regions)
