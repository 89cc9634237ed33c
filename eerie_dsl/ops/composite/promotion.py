"""Operands meet: Python scalars become nodes, dtypes promote, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import (
    DEFAULT_COMPLEX,
    DEFAULT_FLOAT,
    DType,
    complex128,
    float64,
    promote,
    promote_scalar,
    scalar_dtype,
)
from eerie_dsl.ir.graph import Node, StaticParams, placeholder
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.constant import full
from eerie_dsl.ops.shape import broadcast

PyScalar = bool | int | float | complex
Operand = Node | bool | int | float | complex


def scalar(value: PyScalar, dtype: DType) -> Node:
    """A 0-d node for a Python scalar: a literal while a function is traced, an input of the graph otherwise.

    An input, because a number that changes at every step of a script must not compile at every step.
    """
    if dtype.is_integer:
        low, high = _range_of(dtype)
        if not isinstance(value, int) or not low <= value <= high:
            raise DTypeError(f"{value!r} does not fit in {dtype.name}", hint="cast the array to a wider dtype first")
    aval = Aval((), dtype)
    if state.scope is not None and state.scope.literals:
        return full(aval, value)
    return placeholder(aval, value=dtype.numpy.type(value))


@cache
def _range_of(dtype: DType) -> tuple[int, int]:
    bits = dtype.bits - (dtype.kind == "int")
    return (-(1 << bits) if dtype.kind == "int" else 0), (1 << bits) - 1


def strong(x: Operand) -> Node:
    """``x`` as a node of a dtype of its own: a scalar that stands alone has its default dtype."""
    if not isinstance(x, Node):
        return scalar(x, scalar_dtype(x))
    return cast(x, dtype=_ALONE.get(x.dtype, x.dtype)) if x.weak else x


# Weak nodes hold Python's own precision.
_ALONE = {float64: DEFAULT_FLOAT, complex128: DEFAULT_COMPLEX}


def result_dtype(*operands: Operand) -> DType:
    """The dtype in which the operands meet; scalars give way to arrays of their kind or a higher one."""
    found: DType | None = None
    kinds: list[DType] = []
    for x in operands:
        if isinstance(x, Node) and not x.weak:
            found = x.dtype if found is None else promote(found, x.dtype)
        else:
            kinds.append(x.dtype if isinstance(x, Node) else scalar_dtype(x))
    for dtype in kinds:
        found = dtype if found is None else promote_scalar(found, dtype.kind)
    assert found is not None
    return found


def as_dtype(x: Operand, dtype: DType) -> Node:
    """``x`` as a node of ``dtype``."""
    if not isinstance(x, Node):
        return scalar(x, dtype)
    return x if x.dtype is dtype and not x.weak else cast(x, dtype=dtype)


def broadcast_shapes(op: str, *shapes: Shape) -> Shape:
    """The common shape, axes aligned at the right.

    Raises:
        ShapeError: two sizes differ and neither is 1.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape == result:
            continue
        rank = max(len(result), len(shape))
        a = (1,) * (rank - len(result)) + result
        b = (1,) * (rank - len(shape)) + shape
        if any(m != n and m != 1 and n != 1 for m, n in zip(a, b, strict=True)):
            listed = " and ".join(str(list(s)) for s in shapes)
            raise ShapeError(
                f"{op}: shapes {listed} do not broadcast",
                hint="aligned at the right, each pair of sizes must be equal or hold a 1; reshape or transpose first",
            )
        result = tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))
    return result


def broadcast_to(x: Node, shape: Shape, op: str = "broadcast_to") -> Node:
    """``x`` repeated to ``shape``, axes aligned at the right."""
    if x.shape == shape:
        return x
    if len(x.shape) > len(shape) or broadcast_shapes(op, x.shape, shape) != shape:
        raise ShapeError(f"{op}: shape {list(x.shape)} does not broadcast to {list(shape)}")
    first = len(shape) - len(x.shape)
    return broadcast(x, shape=shape, axes=tuple(range(first, len(shape))))


def together(op: str, operands: Sequence[Operand], dtype: DType) -> list[Node]:
    """All operands in one dtype and one shape."""
    nodes = [as_dtype(x, dtype) for x in operands]
    shape = broadcast_shapes(op, *(n.shape for n in nodes))
    return [n if n.shape == shape else broadcast_to(n, shape, op) for n in nodes]


def elementwise(primitive: Primitive, *operands: Operand, dtype: Callable[[DType], DType] | None = None) -> Node:
    """Record an elementwise primitive on operands that promote and broadcast.

    Args:
        primitive: takes operands of one shape and dtype.
        operands: nodes and Python scalars.
        dtype: maps the common dtype to the one computed in (integers to float for `sin`); always the same one for
            a primitive.
    """
    if len(operands) == 2:
        first, second = operands
        if isinstance(first, Node) and isinstance(second, Node) and not (first.weak or second.weak):
            step = _steps.get((primitive, first.aval, second.aval, dtype))
            if step is None:
                step = _learn(primitive, first, second, dtype)
            return primitive(step[0](first), step[1](second))
    nodes = [x for x in operands if isinstance(x, Node)]
    weak = bool(nodes) and all(x.weak for x in nodes)
    common = result_dtype(*operands)
    if weak:
        common = {DEFAULT_FLOAT: float64, DEFAULT_COMPLEX: complex128}.get(common, common)
    result = primitive(*together(primitive.name, operands, common if dtype is None else dtype(common)))
    result.weak = weak
    return result


def splat(value: PyScalar, x: Node) -> Node | None:
    """A Python number in the shape and dtype of ``x``, None when it does not give way to that dtype."""
    if x.weak:
        return None
    aval = x.aval
    known = _splats.get((type(value), aval))
    if known is None:
        dtype = aval.dtype
        if promote_scalar(dtype, scalar_dtype(value).kind) is not dtype:
            return None
        known = _splats[type(value), aval] = (dtype, _spreader(Aval((), dtype), aval.shape))
        _bound(_splats)
    dtype, spread = known
    if state.scope is not None:
        return spread(scalar(value, dtype))
    # The same number object is a constant of the program's or a variable that did not change: one input for all uses.
    # Equal numbers are not enough, or the structure would depend on what happens to be equal.
    key = (id(value), aval)
    seen = _splatted.get(key)
    if seen is None:
        _bound(_splatted)
        seen = _splatted[key] = (spread(scalar(value, dtype)), value)  # which keeps its id
    return seen[0]


_Step = Callable[[Node], Node]
_REMEMBERED = 4096
_steps: dict[Any, tuple[_Step, _Step]] = {}
_splats: dict[Any, tuple[DType, _Step]] = {}
_splatted: dict[Any, tuple[Node, PyScalar]] = {}


def _bound(memory: dict[Any, Any]) -> None:
    if len(memory) > _REMEMBERED:
        memory.clear()


def _learn(primitive: Primitive, a: Node, b: Node, dtype: Callable[[DType], DType] | None) -> tuple[_Step, _Step]:
    """How operands of two types come together for a primitive: it is the same every time."""
    common = promote(a.dtype, b.dtype)
    common = common if dtype is None else dtype(common)
    shape = broadcast_shapes(primitive.name, a.shape, b.shape)
    _bound(_steps)
    steps = _steps[primitive, a.aval, b.aval, dtype] = (_step(a.aval, common, shape), _step(b.aval, common, shape))
    return steps


def _step(aval: Aval, dtype: DType, shape: Shape) -> _Step:
    spread = _spreader(aval.with_dtype(dtype), shape)
    return spread if aval.dtype is dtype else lambda x: spread(cast(x, dtype=dtype))


def _spreader(aval: Aval, shape: Shape) -> _Step:
    """Repeats nodes of one type to a shape."""
    if aval.shape == shape:
        return _same
    first = len(shape) - aval.ndim
    params = StaticParams(shape=shape, axes=tuple(range(first, len(shape))))
    result = broadcast.infer(aval, **params)
    return lambda x: Node(broadcast, (x,), params, result, None, state.scope, None, x.depth)


def _same(x: Node) -> Node:
    return x


def to_float(dtype: DType) -> DType:
    """The dtype that a function of real numbers computes in: floating point stays, the rest becomes the default."""
    return dtype if dtype.is_inexact else DEFAULT_FLOAT
