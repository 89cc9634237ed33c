"""Reading back what became of a graph: which kernels the compiler formed, and which nodes each one holds.

The compiler is stopped at three phases. After ``dispatch-creation`` every kernel is still a region at the place
where it runs, so the locations inside name all nodes that were fused into it; after ``flow`` equal kernels have
been merged and have names; after ``hal`` the number of workgroups is known.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from iree.compiler import ir

from eerie_dsl.lowering.locations import nodes_at
from eerie_dsl.lowering.module import context


class Region(NamedTuple):
    """One dispatch before equal ones are merged: where it runs, the nodes inside, the bytes it moves."""

    place: str
    nodes: tuple[int, ...]
    bytes_read: int | None
    bytes_written: int | None


class Dispatched(NamedTuple):
    """One kernel with every place that runs it.

    ``sites`` has the ids of the fused nodes, one tuple per dispatch; bytes are those of one dispatch, None where
    a dimension is dynamic; ``workgroups`` is None where the count is computed when it runs.
    """

    name: str
    sites: tuple[tuple[int, ...], ...]
    bytes_read: int | None
    bytes_written: int | None
    workgroups: tuple[int, int, int] | None


class KernelReader:
    """Collects the kernels of one compilation: hand `read` the module after each of `PHASES`."""

    PHASES = ("dispatch-creation", "flow", "hal")

    def __init__(self) -> None:
        self._regions: list[Region] = []
        self._calls: list[tuple[str, Region]] = []
        self._workgroups: dict[str, tuple[int, int, int]] = {}

    def read(self, phase: str, bytecode: bytes) -> None:
        """Take what ``phase`` tells from the module, given as MLIR bytecode."""
        visit = {"dispatch-creation": self._region, "flow": self._call, "hal": self._launch}[phase]
        names = {
            "dispatch-creation": "flow.dispatch.workgroups",
            "flow": "flow.dispatch",
            "hal": "hal.command_buffer.dispatch",
        }
        with context():
            module = ir.Module.parse(BytesIO(bytecode).getvalue())
            _walk(module.operation, names[phase], visit)

    def kernels(self) -> tuple[Dispatched, ...]:
        """The kernels, in the order in which they first run."""
        sites: dict[str, list[Region]] = {}
        for (name, _), region in zip(self._calls, self._matched(), strict=True):
            sites.setdefault(name, []).append(region)
        return tuple(
            Dispatched(
                name,
                tuple(r.nodes for r in regions),
                regions[0].bytes_read,
                regions[0].bytes_written,
                self._workgroups.get(name),
            )
            for name, regions in sites.items()
        )

    def _matched(self) -> list[Region]:
        if len(self._calls) == len(self._regions):
            return self._regions
        # Passes between the two phases removed some: pair the rest by the place they came from.
        waiting: dict[str, list[Region]] = {}
        for region in self._regions:
            waiting.setdefault(region.place, []).append(region)
        # A kernel that was written out, as a loop's are, had no region: its call says what it moves.
        return [waiting[call.place].pop(0) if waiting.get(call.place) else call for _, call in self._calls]

    def _region(self, op: Any) -> None:
        nodes: set[int] = set()
        moved = {"read": 0, "written": 0}
        dynamic = set()

        def inner(inside: Any) -> ir.WalkResult:
            nodes.update(nodes_at(inside.location))
            if inside.name == "iree_tensor_ext.dispatch.tensor.load":
                size, way = _bytes(inside.results[0].type), "read"
            elif inside.name == "iree_tensor_ext.dispatch.tensor.store":
                size, way = _bytes(inside.operands[0].type), "written"
            else:
                return ir.WalkResult.ADVANCE
            if size is None:
                dynamic.add(way)
            else:
                moved[way] += size
            return ir.WalkResult.ADVANCE

        op.regions[0].blocks[0].owner.walk(inner)
        self._regions.append(
            Region(
                str(op.location),
                tuple(sorted(nodes)),
                None if "read" in dynamic else moved["read"],
                None if "written" in dynamic else moved["written"],
            )
        )

    def _call(self, op: Any) -> None:
        # The attribute lists one reference per device the kernel was compiled for.
        read, written = (
            None if None in sizes else sum(s or 0 for s in sizes)
            for sizes in (
                [_bytes(v.type) for v in values if _is_tensor(v.type)] for values in (op.operands, op.results)
            )
        )
        call = Region(str(op.location), tuple(sorted(nodes_at(op.location))), read, written)
        self._calls.append((_leaf(op.attributes["entry_points"][0]), call))

    def _launch(self, op: Any) -> None:
        lookup = op.operands[2].owner
        counts = [_constant(o) for o in list(op.operands)[3:6]]
        if getattr(lookup, "name", "") == "hal.executable.lookup.function" and None not in counts:
            x, y, z = counts
            self._workgroups[_leaf(lookup.attributes["entry_point"])] = (x or 0, y or 0, z or 0)


def _walk(root: Any, name: str, visit: Callable[[Any], None]) -> None:
    def found(op: Any) -> ir.WalkResult:
        if op.name != name:
            return ir.WalkResult.ADVANCE
        visit(op)
        return ir.WalkResult.SKIP

    root.walk(found, ir.WalkOrder.PRE_ORDER)


def _is_tensor(type_: Any) -> bool:
    return isinstance(type_, ir.RankedTensorType)


def _bytes(type_: Any) -> int | None:
    shaped = ir.ShapedType(type_)
    if not shaped.has_static_shape:
        return None
    count = 1
    for size in shaped.shape:
        count *= size
    return int(count * _element_bytes(shaped.element_type))


def _element_bytes(element: Any) -> float:
    if isinstance(element, ir.ComplexType):
        return 2 * _element_bytes(element.element_type)
    if isinstance(element, ir.IndexType):
        return 8
    # i1 is stored as a byte; types of 2 to 7 bits are packed.
    return 1 if element.width == 1 else element.width / 8


def _leaf(reference: Any) -> str:
    return str(ir.SymbolRefAttr(reference).value[-1])


def _constant(value: Any) -> int | None:
    owner = value.owner
    if getattr(owner, "name", "") == "arith.constant":
        return int(ir.IntegerAttr(owner.attributes["value"]).value)
    return None
