"""Results that take the memory of donated arguments: kernels that write where they read.

A donated argument is one that the function may consume (``iree.abi.consume``). A kernel reads and writes it element by
element when one of its results is tied to it, which only a dispatch formed here can say. Such kernels come last, when
all that reads the argument is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from iree.compiler import ir
from iree.compiler.dialects import flow, iree_tensor_ext, tensor

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import ALL, bool_
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.lowering.scalar import element_type
from eerie_dsl.lowering.values import Deferred, Tensor, Value

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

LEAST = 1 << 14
"""Bytes from which on memory is worth a kernel of its own: smaller results are better part of what comes before."""

_MOST = 32
"""Operands that the runtime gives a kernel at most."""


_FLAG = Aval((), bool_)


class Takeover(NamedTuple):
    """A kernel to be: its results, and the input whose memory each of them takes."""

    outputs: tuple[Node, ...]
    inputs: tuple[Node, ...]


def takeovers(graph: Graph) -> list[Takeover]:
    """Which results take the memory of which donated input, those that are computed together as one kernel.

    An optimiser's update is one: parameter and moments are read, and written, in one pass.
    """
    donated = set() if graph.dims else {id(graph.inputs[i]) for i in graph.donated}
    candidates = [n for n in dict.fromkeys(graph.outputs) if donated and _eligible(n)]
    regions = {id(n): _region(n) for n in candidates}
    choices: dict[int, list[Node]] = {}
    for node in candidates:
        read = dict.fromkeys(i for n in regions[id(node)].values() for i in n.inputs)
        choices[id(node)] = [i for i in read if id(i) in donated and i.aval is node.aval]
    takers: dict[int, Node] = {}  # by the output's id
    taken: set[int] = set()
    for output in sorted(choices, key=lambda k: len(choices[k])):  # who has the least choice chooses first
        for chosen in [i for i in choices[output] if id(i) not in taken][:1]:
            takers[output] = chosen
            taken.add(id(chosen))
    users: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for operand in node.inputs:
            users.setdefault(id(operand), []).append(node)
    found = []
    for group in _connected([n for n in candidates if id(n) in takers], regions, donated):
        inside = {i for n in group for i in regions[id(n)]}
        if all(id(user) in inside for n in group for user in users.get(id(n), ())):
            found.append(Takeover(tuple(group), tuple(takers[id(n)] for n in group)))
    return found


def _eligible(node: Node) -> bool:
    return node.op is not None and node.op.elementwise and node.aval.static and node.aval.nbytes >= LEAST


def _region(output: Node) -> dict[int, Node]:
    """The elementwise operations that lead to an output, all of its shape, by id."""
    found: dict[int, Node] = {}
    stack = [output]
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            shape = output.shape
            stack.extend(i for i in node.inputs if i.op is not None and i.op.elementwise and i.shape == shape)
    return found


def _connected(
    outputs: Sequence[Node], regions: Mapping[int, Mapping[int, Node]], donated: set[int]
) -> list[list[Node]]:
    """The outputs in groups of one shape that read the same donated inputs."""
    groups: list[tuple[set[int], list[Node]]] = []
    for output in outputs:
        touched = {id(i) for n in regions[id(output)].values() for i in n.inputs if id(i) in donated}
        members = [output]
        for group in [g for g in groups if g[0] & touched and g[1][0].shape == output.shape]:
            groups.remove(group)
            touched |= group[0]
            members = group[1] + members
        groups.append((touched, members))
    return [members for _, members in groups]


class _Kernel(NamedTuple):
    """A ``linalg.generic`` that may write where it reads."""

    op: ir.Operation
    storages: list[ir.Value]

    @property
    def read(self) -> list[ir.Value]:
        return list(self.op.operands)[: -len(self.storages)]

    @property
    def needs(self) -> list[ir.Value]:
        return list(dict.fromkeys([*self.storages, *self.read]))


def take_over(
    b: Builder,
    groups: Sequence[tuple[Sequence[Value], Sequence[Tensor]]],
    others: Sequence[Value],
    own: Callable[[Tensor], Value],
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """Each group's values in the memory of its storages, where one kernel can do that.

    Args:
        groups: values described and of one shape, and as many arguments of the function.
        others: its other results.
        own: a value, or what has memory of its own in place of one that might be an argument.

    Returns:
        The groups' values and the other results as tensors.
    """
    rest = [b.tensor(v) for v in others]
    results = [_generic(b, values) for values, _ in groups]
    found: dict[int, _Kernel] = {}
    for k, (made, (_, storages)) in enumerate(zip(results, groups, strict=True)):
        op = made[0].value.owner
        if not isinstance(op, ir.Block) and _fits(op.operation, made, kept := [s.value for s in storages]):
            found[k] = _Kernel(op.operation, kept)
    written = {v for k in found.values() for v in k.storages}
    found = {k: v for k, v in found.items() if not (written - set(v.storages)) & set(v.read)}
    results = [made if k in found else [b.tensor(own(t)) for t in made] for k, made in enumerate(results)]
    if any(use.owner.operation != k.op for k in found.values() for v in k.storages for use in v.uses):
        before = [*rest, *(t for k, made in enumerate(results) if k not in found for t in made)]
        token = _token(b, [*(t.value for t in before), *(v for k in found.values() for v in k.read)])
        for k, kernel in found.items():
            kernel.op.erase()
            made = _generic(b, [_when(b, token, v) for v in groups[k][0]])
            found[k] = _Kernel(made[0].value.owner.operation, kernel.storages)
    for k, kernel in found.items():
        results[k] = [Tensor(t.aval, v) for t, v in zip(results[k], _tied(kernel), strict=True)]
    return results, rest


def _generic(b: Builder, values: Sequence[Value]) -> list[Tensor]:
    if not all(isinstance(v, Deferred) and v.tensor is None for v in values):
        return [b.tensor(v) for v in values]
    shape = values[0].aval.shape
    dims = tuple(range(len(shape)))
    return b.generics([v.aval for v in values], shape, [(v, dims) for v in values], dims, lambda s, *elements: elements)


def _token(b: Builder, values: Sequence[ir.Value]) -> Tensor:
    """True, which the compiler does not find out, and known when all values are.

    The compiler orders kernels by what they compute from one another. That does not tell it that one writes where
    another reads, so what writes gets something to compute from all that is computed before.
    """
    made = [Tensor(_aval(v.type), v) for v in dict.fromkeys(values) if not isinstance(v.owner, ir.Block)]
    zeros: list[Value] = [b.map(_FLAG, lambda s, e: s.compare("eq", e, 0), _first(b, t)) for t in made if t.aval.size]
    while len(zeros) > 1:
        chunks = [zeros[i : i + _MOST - 8] for i in range(0, len(zeros), _MOST - 8)]
        zeros = [b.tensor(b.map(_FLAG, lambda s, *e: reduce(s.bit_or, e), *chunk)) for chunk in chunks]
    return b.tensor(b.map(_FLAG, lambda s, *e: reduce(s.bit_or, e, b.holds), *zeros))


def _first(b: Builder, x: Tensor) -> Tensor:
    one = x.aval.with_shape((1,) * x.aval.ndim)
    part = b.extract_slice(b.apart(x), one, [0] * one.ndim, [1] * one.ndim)
    return b.reshape(part, one.with_shape(()))


def _aval(kind: ir.Type) -> Aval:
    tensor_kind = ir.RankedTensorType(kind)
    return Aval(tuple(tensor_kind.shape), next(d for d in ALL if element_type(d) == tensor_kind.element_type))


def _when(b: Builder, token: Tensor, x: Value) -> Value:
    """``x``, computed when the token is."""
    return b.map(x.aval, lambda s, c, e: s.select(c, e, 0), b.view(token, x.aval.with_dtype(bool_), ()), x)


def _fits(op: ir.Operation, results: Sequence[Tensor], storages: Sequence[ir.Value]) -> bool:
    """Whether a kernel computes all results, reads each storage where it writes to it, and knows its operands."""
    if op.name != "linalg.generic" or [r.value for r in results] != list(op.results):
        return False
    kernel = _Kernel(op, list(storages))
    maps = [ir.AffineMapAttr(m).value for m in ir.ArrayAttr(op.attributes["indexing_maps"])]
    plain = all(
        m == ir.AffineMap.get_identity(m.n_dims) for v, m in zip(kernel.read, maps, strict=False) if v in storages
    )
    return plain and len(kernel.needs) <= _MOST and not _captures(op)


def _tied(kernel: _Kernel) -> list[ir.Value]:
    """The kernel as a dispatch whose results lie where its storages are."""
    op, storages, read, operands = kernel.op, kernel.storages, kernel.read, kernel.needs
    count = len(operands)
    index = ir.IndexType.get()
    dispatch = ir.Operation.create(
        "flow.dispatch.workgroups",
        results=[v.type for v in storages],
        operands=operands,
        attributes={
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, count, 0, 0]),
            "tied_operands": ir.ArrayAttr.get([ir.IntegerAttr.get(index, i) for i in range(len(storages))]),
        },
        regions=2,
        loc=op.location,
    )
    modes = ["readwrite" if v in storages else "readonly" for v in operands]
    types = [f"!iree_tensor_ext.dispatch.tensor<{m}:{v.type}>" for m, v in zip(modes, operands, strict=True)]
    body = dispatch.regions[0].blocks.append(*map(ir.Type.parse, types), arg_locs=[op.location] * count)
    with ir.InsertionPoint(body), op.location:
        loaded = {v: _load(a, v.type) for v, a in zip(operands, body.arguments, strict=True)}
        kinds = [ir.RankedTensorType(v.type) for v in storages]
        fresh = [tensor.empty(kind.shape, kind.element_type) for kind in kinds]
        flow.ReturnOp([])
        op.move_before(body.operations[len(body.operations) - 1])
    for i, value in enumerate([*(loaded[v] for v in read), *fresh]):
        op.operands[i] = value
    with ir.InsertionPoint.at_block_terminator(body), op.location:
        for result, argument in zip(op.results, body.arguments, strict=False):
            _store(result, argument)
    with ir.InsertionPoint(dispatch.regions[1].blocks.append()):
        counts = iree_tensor_ext.DispatchWorkgroupCountFromSliceOp([], results=[index] * 3)
        flow.ReturnOp(counts.results)
    return list(dispatch.results)


def _load(argument: ir.Value, kind: ir.Type) -> ir.Value:
    shape = ir.RankedTensorType(kind).shape
    zeros, ones = [0] * len(shape), [1] * len(shape)
    return iree_tensor_ext.DispatchTensorLoadOp(kind, argument, [], [], [], [], zeros, shape, ones).result


def _store(value: ir.Value, argument: ir.Value) -> None:
    shape = ir.RankedTensorType(value.type).shape
    zeros, ones = [0] * len(shape), [1] * len(shape)
    iree_tensor_ext.DispatchTensorStoreOp(value, argument, [], [], [], [], zeros, shape, ones)


def _captures(op: ir.Operation) -> bool:
    """Whether the body of a ``linalg.generic`` uses values from around it."""
    known: set[ir.Value] = set()
    used: set[ir.Value] = set()

    def visit(inner: ir.Operation) -> ir.WalkResult:
        known.update(inner.results)
        known.update(a for region in inner.regions for block in region.blocks for a in block.arguments)
        if inner != op:
            used.update(inner.operands)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return not used <= known
