"""Arrays out of nothing: constants, ranges, identity matrices, grids."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from operator import index

from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DEFAULT_FLOAT, DEFAULT_INT, DType, int64, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.size import Size
from eerie_dsl.ops import constant
from eerie_dsl.ops.comparison import equal
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_to, strong, to_float, together
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.composite.shape import broadcast_arrays, reshape, sizes_of
from eerie_dsl.ops.shape import iota

Real = int | float


def full(shape: int | Sequence[int], value: Operand, dtype: DType | None = None) -> Node:
    """``value`` everywhere."""
    node = strong(value) if dtype is None else as_dtype(value, dtype)
    return broadcast_to(node, sizes_of("full", shape), "full")


def filled(op: str, shape: int | Sequence[int], number: int, dtype: DType | None = None) -> Node:
    """A number known for ever everywhere: written in the program, not an input of it."""
    return constant.full(Aval(sizes_of(op, shape), dtype or DEFAULT_FLOAT), number)


def arange(start: Real, stop: Real | None = None, step: Real = 1, dtype: DType | None = None) -> Node:
    """Evenly spaced numbers in [start, stop)."""
    if stop is None:
        start, stop = 0, start
    bounds = (start, stop, step)
    if not all(isinstance(b, int | float | Size) for b in bounds):
        raise ArgumentError(
            f"arange({', '.join(map(repr, bounds))}): the bounds make the shape and must be Python numbers",
            hint="convert with int(...) outside of a jitted function, or make the argument static",
        )
    if step == 0:
        raise InvalidValueError("arange: a step of 0 never arrives")
    if dtype is None:
        dtype = DEFAULT_INT if not any(isinstance(b, float) for b in bounds) else DEFAULT_FLOAT
    if any(isinstance(b, Size) for b in bounds):
        count = max(-((start - stop) // step), 0)
    elif all(isinstance(b, int) for b in bounds):
        count = len(range(start, stop, step))  # type: ignore[arg-type]
    elif isfinite(length := (stop - start) / step):
        count = max(ceil(length), 0)
    else:
        raise InvalidValueError(f"arange({start}, {stop}, {step}) has no end")
    kind = int64 if dtype.kind == "bool" else wide(real_part(dtype))
    line = iota(shape=(count,), dtype=kind, axis=0)
    if step != 1:
        line = ew.multiply(line, constant.like(line, step))
    if start != 0:
        line = ew.add(line, constant.like(line, start))
    return ew.astype(line, dtype)


def linspace(start: Operand, stop: Operand, num: int, dtype: DType | None = None, endpoint: bool = True) -> Node:
    """``num`` evenly spaced numbers from start to stop, along a new first axis."""
    try:
        count = index(num)
    except TypeError:
        raise ArgumentError(f"linspace of {num!r} numbers: a count is an integer") from None
    if count < 0:
        raise ShapeError(f"linspace of {count} numbers: a count cannot be negative")
    dtype = dtype or to_float(ew.strong_dtype(start, stop))
    kind = wide(to_float(dtype))
    first, last = together("linspace", (start, stop), kind)
    line = iota(shape=(count, *first.shape), dtype=real_part(kind), axis=0)
    gaps = count - 1 if endpoint else count
    step = ew.divide(ew.subtract(last, first), constant.like(first, max(gaps, 1)))
    result = ew.add(ew.multiply(ew.astype(line, kind), step), first)
    if endpoint and count > 1:  # rounding must not miss the end
        result = ew.where(equal(line, constant.like(line, count - 1)), last, result)
    return ew.astype(ew.floor(result) if dtype.is_integer else result, dtype)


def eye(rows: int, columns: int | None = None, k: int = 0, dtype: DType | None = None) -> Node:
    """Ones on a diagonal, zeros elsewhere."""
    shape = sizes_of("eye", (rows, rows if columns is None else columns))
    row = iota(shape=shape, dtype=int64, axis=0)
    column = iota(shape=shape, dtype=int64, axis=1)
    offset = max(-shape[0], min(index(k), shape[1]))
    return ew.astype(equal(ew.add(row, constant.like(row, offset)), column), dtype or DEFAULT_FLOAT)


def meshgrid(*operands: Operand, indexing: str = "xy") -> list[Node]:
    """The coordinates of a grid, one array for each axis."""
    if indexing not in ("xy", "ij"):
        raise InvalidValueError(f"meshgrid has no indexing {indexing!r}", hint="use 'xy' or 'ij'")
    nodes = [strong(x) for x in operands]
    if any(n.ndim > 1 for n in nodes):
        raise ShapeError("meshgrid needs 1-d arrays")
    axes = list(range(len(nodes)))
    if indexing == "xy" and len(nodes) > 1:
        axes[:2] = [1, 0]
    shape = (1,) * len(nodes)
    return broadcast_arrays(
        *(reshape(n, (*shape[:axis], n.aval.size, *shape[axis + 1 :])) for n, axis in zip(nodes, axes, strict=True))
    )
