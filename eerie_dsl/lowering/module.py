"""A graph becomes an MLIR module: one function, one tensor argument per input, one result per output."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from io import BytesIO

from iree.compiler import ir
from iree.compiler.dialects import func

from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.primitive import Absorbs
from eerie_dsl.lowering.bounds import Bounds
from eerie_dsl.lowering.builder import Builder
from eerie_dsl.lowering.expand import expand
from eerie_dsl.lowering.values import Deferred, Index, Splat, Tensor, Value, tensor_type

ENTRY = "main"
DEEPEST = 64
"""Operations that may follow one another in one description: building it into a kernel recurses."""
_local = threading.local()


def context() -> ir.Context:
    """This thread's MLIR context: making one costs more than lowering a small graph."""
    if not hasattr(_local, "context"):
        _local.context = ir.Context()
    return _local.context


def build(graph: Graph, *, tiled: bool = True, apart: bool = False) -> ir.Module:
    """Lower ``graph`` to a verified MLIR module. Each op is located at ``n<id>`` in the user's file,
    ``id`` being the place of its node in ``graph.walk()``. ``tiled`` kernels carry tile sizes for CPUs; operations
    ``apart`` are not fused."""
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        graph, ids = expand(graph)
        with ir.InsertionPoint(module.body):
            arguments = [tensor_type(a) for a in graph.in_avals]
            results = [tensor_type(a) for a in graph.out_avals]
            main = func.FuncOp(ENTRY, (arguments, results))
            with ir.InsertionPoint(main.add_entry_block()):

                def inside(inner: Graph, values: Sequence[Value], *, leave: bool = False) -> list[Value]:
                    return _lower(builder, inner, values, ids, leave=leave, apart=apart and leave)

                builder = Builder(inside, tiled=tiled)
                values: list[Value] = [Tensor(a, v) for a, v in zip(graph.in_avals, main.arguments, strict=True)]
                outputs = _lower(builder, graph, values, ids, leave=True, apart=apart)
                func.ReturnOp([builder.tensor(v).value for v in outputs])
        module.operation.verify()
        return module


def lower(graph: Graph, *, tiled: bool = True, apart: bool = False) -> bytes:
    """`build` as MLIR bytecode, which any MLIR context reads."""
    module = build(graph, tiled=tiled, apart=apart)
    out = BytesIO()
    module.operation.write_bytecode(out)
    return out.getvalue()


def _lower(
    b: Builder,
    graph: Graph,
    arguments: Sequence[Value],
    ids: dict[int, int],
    *,
    leave: bool = False,
    apart: bool = False,
) -> list[Value]:
    # Results that ``leave`` the function, or a region of a loop, must not lie in the memory of its arguments.
    leaving = set(map(id, graph.outputs)) if leave else set()
    kept = materialised(graph)
    # Results that only leave the graph are left to the caller, who may emit several of them as one kernel.
    used = {id(i) for n in graph.nodes for i in n.inputs}
    values: dict[int, Value] = dict(zip(map(id, graph.inputs), arguments, strict=True))
    literals: set[int] = set()
    bounds = Bounds(graph)
    for node in graph.nodes:
        assert node.op is not None
        if node.op.literal or (node.inputs and all(id(i) in literals for i in node.inputs)):
            literals.add(id(node))
        with b.at(_location(node, ids[id(node)])):
            # A graph that is one kernel by decree is not cut.
            for operand in bounds.enter(node) if leave else ():
                values[id(operand)] = b.apart(values[id(operand)])
            value: Value = node.op.lower(b, *(values[id(i)] for i in node.inputs), out=node.aval, **node.params)
            if id(node) in leaving and not _is_new(node, literals) and _may_be_argument(value):
                value = b.own(value)
            if apart and id(node) not in literals and not isinstance(value, tuple | Splat | Index):
                value = b.apart(value)
            needed = id(node) in kept and id(node) in used
            if needed and isinstance(value, Deferred) and not isinstance(value, Splat | Index):
                value = b.tensor(value)
        values[id(node)] = value
    for node in graph.inputs:
        if id(node) in leaving:
            values[id(node)] = b.own(values[id(node)])
    return [values[id(n)] for n in graph.outputs]


def _is_new(node: Node, literals: set[int]) -> bool:
    """Whether a result is floating point arithmetic on different values, which folds to none of them.

    ``literals`` are the nodes, by id, that depend on nothing but numbers in the graph: ``x + 0`` folds to ``x``.
    """
    return (
        len(node.inputs) > 1
        and node.op is not None
        and node.op.elementwise
        and node.dtype.is_inexact
        and all(i.dtype is node.dtype and id(i) not in literals for i in node.inputs)
        and len(set(map(id, node.inputs))) == len(node.inputs)
    )


def _may_be_argument(value: Value) -> bool:
    """Whether the compiler might find that a value is an argument of the function under another shape."""
    if isinstance(value, Deferred):
        return not isinstance(value, Splat | Index)
    found = value.value
    while isinstance(found.owner, ir.Operation | ir.OpView):
        op = found.owner
        if op.name == "linalg.generic":
            return "reduction" not in str(op.attributes["iterator_types"])
        if op.name == "util.optimization_barrier":
            found = op.operands[ir.OpResult(found).result_number]
        elif op.name in ("tensor.collapse_shape", "tensor.expand_shape", "tensor.extract_slice"):
            found = op.operands[0]
        else:
            return False
    return True


def materialised(graph: Graph) -> set[int]:
    """The nodes (by id) whose results must exist as tensors.

    A node belongs to the kernel of its consumers when all of them are in one kernel; otherwise it ends a kernel of
    its own. Work that a broadcast would repeat also ends one.
    """
    home: dict[int, int] = {}
    takes: dict[int, Absorbs] = {}
    depth: dict[int, int] = {}
    kept: set[int] = set()
    for node in graph.outputs:
        kept.add(id(node))
    users: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for operand in node.inputs:
            users.setdefault(id(operand), []).append(node)
    for node in reversed(graph.nodes):
        assert node.op is not None
        homes = set()
        accepted: Absorbs = node.op.absorbs
        for user in users.get(id(node), ()):
            assert user.op is not None
            repeated = node.op.elementwise and user.op.moves and user.aval.size > node.aval.size
            into = takes[id(user)]
            absorbed = into == "elements" or (into == "views" and node.op.moves)
            if repeated or not absorbed:
                kept.add(id(node))
            elif into == "views":
                accepted = into if accepted == "elements" else accepted
            homes.add(home[id(user)])
        if len(homes) != 1 or not (node.op.elementwise or node.op.moves):
            kept.add(id(node))
        depth[id(node)] = 1 + max((depth[id(user)] for user in users.get(id(node), ())), default=0)
        if depth[id(node)] == DEEPEST:
            kept.add(id(node))
        if id(node) in kept:
            depth[id(node)] = 0
        home[id(node)] = id(node) if id(node) in kept else homes.pop()
        # Inside a kernel that takes views only, a view takes no more than that.
        takes[id(node)] = node.op.absorbs if id(node) in kept else accepted
    return kept


def _location(node: Node, number: int) -> ir.Location:
    source = node.source
    if source is None:
        return ir.Location.name(f"n{number}")
    return ir.Location.name(f"n{number}", ir.Location.file(source.file, source.line, 0))
