"""A graph becomes an MLIR module: one function, one tensor argument per input, one result per output."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from io import BytesIO

from iree.compiler import ir
from iree.compiler.dialects import func

from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.passes import order
from eerie_dsl.ir.primitive import Absorbs
from eerie_dsl.ir.size import likely
from eerie_dsl.lowering.allocation import has_workspace, is_settled, placed
from eerie_dsl.lowering.bounds import Bounds
from eerie_dsl.lowering.builder import Builder
from eerie_dsl.lowering.expand import Places, expand
from eerie_dsl.lowering.inplace import take_over, takeovers
from eerie_dsl.lowering.narrowed import narrowed
from eerie_dsl.lowering.order import ordered
from eerie_dsl.lowering.recompute import recomputed
from eerie_dsl.lowering.row_clusters import clustered
from eerie_dsl.lowering.sizes import known_sizes
from eerie_dsl.lowering.steady import steady
from eerie_dsl.lowering.sweeps import sweep
from eerie_dsl.lowering.tuned import Choices, choose
from eerie_dsl.lowering.turned import turned
from eerie_dsl.lowering.values import Deferred, Index, Splat, Tensor, Value, tensor_type
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.shape import reshape, transpose

ENTRY = "main"
DEEPEST = 64
"""Operations that may follow one another in one description: building it into a kernel recurses."""
_local = threading.local()


def context() -> ir.Context:
    """This thread's MLIR context: making one costs more than lowering a small graph."""
    if not hasattr(_local, "context"):
        _local.context = ir.Context()
    return _local.context


def build(
    graph: Graph,
    *,
    tiled: bool = True,
    apart: bool = False,
    strict: bool = True,
    choices: Choices | None = None,
    allocates: bool = False,
) -> ir.Module:
    """Lower ``graph`` to a verified MLIR module. Each op is located at ``n<id>`` in the user's file,
    ``id`` being the place of its node in ``graph.walk()``. ``tiled`` kernels carry tile sizes for CPUs, those that
    were measured (``choices``, by the kernel's key) before those of the rules; operations ``apart`` are not fused.
    What compiles it further is ``strict`` if it takes no sums of floats apart. One that ``allocates`` takes memory as
    `lowering.allocation` says: its caller may have to bring some, as one more argument."""
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        add_function(module, ENTRY, graph, tiled=tiled, apart=apart, allocates=allocates)
        if choices and tiled and not apart:
            choose(module, choices)
        if not strict:
            steady(module)
        module.operation.verify()
        return module


def add_function(
    module: ir.Module, name: str, graph: Graph, *, tiled: bool, apart: bool, allocates: bool = False
) -> func.FuncOp:
    """Lower ``graph`` to a function at the end of a module."""
    donated = graph.donated
    workspace, settled = allocates and has_workspace(graph), allocates and is_settled(graph)
    graph, ids = expand(graph)
    graph = turned(narrowed(graph, ids), ids)
    if tiled and not apart:
        graph = order(_with_row_kernels(Graph(graph.inputs, graph.nodes, graph.outputs, donated), ids))
    graph = ordered(graph)
    graph = Graph(graph.inputs, graph.nodes, graph.outputs, donated)
    with ir.InsertionPoint(module.body):
        arguments = [tensor_type(a) for a in graph.in_avals]
        results = [tensor_type(a) for a in graph.out_avals]
        more = [ir.Type.parse("!hal.buffer_view")] if workspace else []
        main = func.FuncOp(name, ([*arguments, *more], results))
        with ir.InsertionPoint(main.add_entry_block()):

            def inside(inner: Graph, values: Sequence[Value], *, leave: bool = False) -> list[Value]:
                return _lower(builder, inner, values, ids, leave=leave, apart=apart and leave)

            builder = Builder(inside, tiled=tiled and not apart)
            given = list(main.arguments)[: len(arguments)]
            builder.sizes = known_sizes(graph.in_avals, given)
            values: list[Value] = [Tensor(a, v) for a, v in zip(graph.in_avals, given, strict=True)]
            outputs = _lower(builder, graph, values, ids, leave=True, apart=apart)
            tensors = [builder.tensor(v) for v in outputs]
            func.ReturnOp([t.value for t in (placed(tensors) if settled else tensors)])
        if tiled and not apart:
            sweep(main.operation)
        marks = dict.fromkeys(donated, "iree.abi.consume")
        if workspace:
            marks[len(arguments)] = "iree.abi.transients"
        if marks:
            names = [marks.get(i) for i in range(len(main.arguments))]
            main.arg_attrs = [ir.DictAttr.get({n: ir.UnitAttr.get()} if n else {}) for n in names]
    return main


def lower(
    graph: Graph, *, tiled: bool = True, apart: bool = False, strict: bool = True, choices: Choices | None = None
) -> bytes:
    """`build` as MLIR bytecode, which any MLIR context reads."""
    module = build(graph, tiled=tiled, apart=apart, strict=strict, choices=choices, allocates=tiled)
    out = BytesIO()
    module.operation.write_bytecode(out)
    return out.getvalue()


def _lower(
    b: Builder,
    graph: Graph,
    arguments: Sequence[Value],
    ids: Places,
    *,
    leave: bool = False,
    apart: bool = False,
) -> list[Value]:
    # Results that ``leave`` the function, or a region of a loop, must not lie in the memory of its arguments.
    leaving = set(map(id, graph.outputs)) if leave else set()
    last = takeovers(graph)
    together = {id(n): -1 - k for k, t in enumerate(last) for n in t.outputs}
    kept = materialised(graph, together)
    # Results that only leave the graph are left to the caller, who may emit several of them as one kernel.
    used = {id(i) for n in graph.nodes for i in n.inputs}
    values: dict[int, Value] = dict(zip(map(id, graph.inputs), arguments, strict=True))
    literals: set[int] = set()
    bounds = Bounds(graph)
    for node in graph.nodes:
        assert node.op is not None
        if node.op.literal or (node.inputs and all(id(i) in literals for i in node.inputs)):
            literals.add(id(node))
        b.source = node.source
        with b.at(_location(node, ids[id(node)])):
            # A graph that is one kernel by decree is not cut.
            for operand in bounds.enter(node) if leave else ():
                values[id(operand)] = b.apart(values[id(operand)])
            product = _reordered(node) if leave else None
            if product is not None:
                values[id(product)] = b.apart(values[id(product)])
            value: Value = node.op.lower(b, *(values[id(i)] for i in node.inputs), out=node.aval, **node.params)
            if id(node) in leaving and id(node) not in together and not _is_new(node, literals):
                value = _owned(b, value)
            if apart and id(node) not in literals and not isinstance(value, tuple | Splat | Index):
                value = b.apart(value)
            needed = id(node) in kept and id(node) in used
            if needed and isinstance(value, Deferred) and not isinstance(value, Splat | Index):
                value = b.tensor(value)
        values[id(node)] = value
    for node in graph.inputs:
        if id(node) in leaving:
            values[id(node)] = b.own(values[id(node)])
    if last:
        others = [n for n in dict.fromkeys(graph.outputs) if id(n) not in together]
        groups = [([values[id(n)] for n in t.outputs], [b.tensor(values[id(n)]) for n in t.inputs]) for t in last]
        taken, rest = take_over(b, groups, [values[id(n)] for n in others], lambda v: _owned(b, v))
        for nodes, tensors in [(others, rest), *((t.outputs, found) for t, found in zip(last, taken, strict=True))]:
            values.update(zip(map(id, nodes), tensors, strict=True))
    return [values[id(n)] for n in graph.outputs]


def _with_row_kernels(graph: Graph, ids: Places) -> Graph:
    last = takeovers(graph)
    together = {id(n): -1 - k for k, t in enumerate(last) for n in t.outputs}
    return clustered(graph, materialised(graph, together), set(together), ids)


def _owned(b: Builder, value: Value) -> Value:
    """A value that leaves the function: in memory that is no argument's."""
    return b.own(value) if _may_be_argument(value) else value


def _reordered(node: Node) -> Node | None:
    """The product, or product under another shape, whose axes ``node`` permutes in a way that its kernel must not.

    The compiler makes the order of the result the order of the loops. Attention's gradient, 8 heads of 128x32: the
    products behind a transpose took 1.6 to 2.5 ms each, and 0.35 with 0.15 for a transpose of its own.
    """
    if node.op is not transpose or not node.ndim:
        return None
    moved = node.params["axes"][-1] != node.ndim - 1
    source = x = node.inputs[0]
    while source.op is transpose or source.op is reshape:
        if _reordered(source) is not None:
            return None
        moved = moved or (source.op is transpose and source.ndim > 0 and source.params["axes"][-1] != source.ndim - 1)
        source = source.inputs[0]
    return x if source.op is dot and (moved or source.params["batch"][0]) else None


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


_SAME = {
    "flow.tensor.tie_shape",
    "iree_tensor_ext.compute_barrier.start",
    "tensor.collapse_shape",
    "tensor.expand_shape",
    "tensor.extract_slice",
    "util.optimization_barrier",
}
"""Operations whose result is their operand under another shape, or part of it."""


def _may_be_argument(value: Value) -> bool:
    """Whether the compiler might find that a value is an argument of the function under another shape."""
    if isinstance(value, Deferred):
        return not isinstance(value, Splat | Index)
    found = value.value
    while isinstance(found.owner, ir.Operation | ir.OpView):
        op = found.owner
        if op.name == "linalg.generic":
            return "reduction" not in str(op.attributes["iterator_types"])
        if op.name in _SAME:
            found = op.operands[0]
        else:
            return False
    return True


def materialised(graph: Graph, together: Mapping[int, int] | None = None) -> set[int]:
    """The nodes (by id) whose results must exist as tensors.

    A node belongs to the kernel of its consumers when all of them are in one kernel, or to each of them when it is
    `recomputed`; otherwise it ends a kernel of its own. Work that a broadcast would repeat also ends one. Results that
    are ``together`` belong to one kernel, the same number telling which.
    """
    together = together or {}
    home: dict[int, set[int]] = {}
    takes: dict[int, Absorbs] = {}
    depth: dict[int, int] = {}
    kept: set[int] = set()
    cheap = recomputed(graph)
    for node in graph.outputs:
        if id(node) not in together:
            kept.add(id(node))
    users: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for operand in node.inputs:
            users.setdefault(id(operand), []).append(node)
    for node in reversed(graph.nodes):
        assert node.op is not None
        homes: set[int] = set()
        accepted: Absorbs = node.op.absorbs
        for user in users.get(id(node), ()):
            assert user.op is not None
            repeated = node.op.elementwise and user.op.moves and likely(user.aval.size) > likely(node.aval.size)
            into = takes[id(user)]
            absorbed = into == "elements" or (into == "views" and node.op.moves)
            if repeated or not absorbed:
                kept.add(id(node))
            elif into == "views":
                accepted = into if accepted == "elements" else accepted
            homes |= home[id(user)]
        if id(node) in together:
            homes.add(together[id(node)])
        if not homes or (len(homes) > 1 and id(node) not in cheap) or not (node.op.elementwise or node.op.moves):
            kept.add(id(node))
        depth[id(node)] = 1 + max((depth[id(user)] for user in users.get(id(node), ())), default=0)
        if depth[id(node)] == DEEPEST:
            kept.add(id(node))
        if id(node) in kept:
            depth[id(node)] = 0
        home[id(node)] = {id(node)} if id(node) in kept else homes
        # Inside a kernel that takes views only, a view takes no more than that.
        takes[id(node)] = node.op.absorbs if id(node) in kept else accepted
    return kept


def _location(node: Node, numbers: tuple[int, ...]) -> ir.Location:
    source = node.source
    line = None if source is None else ir.Location.file(source.file, source.line, 0)
    names = [ir.Location.name(f"n{number}", line) for number in numbers]
    return names[0] if len(names) == 1 else ir.Location.fused(names)
