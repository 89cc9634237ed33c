"""Sums of products: loops that can be one are made one, then `schedule` says how the kernel is to run."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from iree.compiler import ir

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32, real_part
from eerie_dsl.lowering import schedule
from eerie_dsl.lowering.strips import product_in_strips
from eerie_dsl.lowering.values import Dim, Operand, Tensor, View, compose

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder

Axes = tuple[int, ...]


def contraction(b: Builder, out: Aval, loops: Sequence[int], operands: Sequence[Operand]) -> Tensor:
    """The sum of products of two operands over the loops after those of ``out``, whose axes are the first loops."""
    lhs, rhs = operands
    if out.dtype.kind == "complex" and _better_in_parts(out, loops, operands):
        return _in_parts(b, out, loops, operands)
    flat = _flattened(b, loops, lhs, rhs, out.ndim)
    if flat is None:
        return _emit(b, out, loops, operands)
    loops, lhs, rhs, axes = flat
    result = _scheduled(b, out.with_shape(tuple(loops[:axes])), loops, lhs, rhs)
    return b.reshape(result, out)


FEW_STEPS = 4096
"""Multiply-adds of complex numbers that are over before the kernels of `_in_parts` have started."""


def _better_in_parts(out: Aval, loops: Sequence[int], operands: Sequence[Operand]) -> bool:
    """Whether complex numbers are taken apart: kernels on them have no vectors, which shows unless memory is the limit.

    That is where each element is used once, in the order in which it lies in memory.
    """
    steps = prod(loops)
    value, dims = max(operands, key=lambda operand: operand[0].aval.size)
    last = dims[-1] if dims else None
    return steps > FEW_STEPS and not (value.aval.size == steps and isinstance(last, int) and last >= out.ndim)


def _in_parts(b: Builder, out: Aval, loops: Sequence[int], operands: Sequence[Operand]) -> Tensor:
    """A contraction of complex numbers as four of real ones."""
    (p, q), (u, v) = (_parts(b, operand) for operand in operands)
    part = out.with_dtype(real_part(out.dtype))
    sums = [contraction(b, part, loops, pair) for pair in ((p, u), (q, v), (p, v), (q, u))]

    def joined(s: Any, pu: Any, qv: Any, pv: Any, qu: Any) -> Any:
        return s.complex(s.sub(pu, qv), s.add(pv, qu))

    return b.tensor(b.map(out, joined, *sums))


def _parts(b: Builder, operand: Operand) -> tuple[Operand, Operand]:
    """The real and the imaginary parts, in memory and read at the same loops."""
    value, dims = operand
    while isinstance(value, View) and value.tensor is None:
        dims = compose(value.dims, dims)
        value = value.operand
    part = value.aval.with_dtype(real_part(value.aval.dtype))
    every = tuple(range(part.ndim))
    re, im = b.generics([part] * 2, part.shape, [(value, every)], every, lambda s, x: [s.real(x), s.imag(x)])
    return (re, dims), (im, dims)


def _emit(
    b: Builder, out: Aval, loops: Sequence[int], operands: Sequence[Operand], tiles: schedule.Tiles | None = None
) -> Tensor:
    def body(s: Any, x: Any, y: Any, total: Any) -> Any:
        return s.add(total, s.mul(s.cast(x, out.dtype), s.cast(y, out.dtype)))

    return b.generic(out, loops, operands, tuple(range(out.ndim)), body, 0, tiles)


def _scheduled(b: Builder, out: Aval, loops: Sequence[int], lhs: Operand, rhs: Operand) -> Tensor:
    left, right = _stored(lhs), _stored(rhs)
    if left is None or right is None or not b.tiled:
        return _emit(b, out, loops, [lhs, rhs])
    every = tuple(range(out.ndim))
    if out.ndim == 1 and len(left[1]) > len(right[1]):
        left, right = right, left
    product = None
    dtype = left[0].aval.dtype
    if out.static and left[0].aval.static and dtype is right[0].aval.dtype:
        product = schedule.recognised(loops, left[1], right[1], every, out.dtype, dtype)
    if product is None:
        return _emit(b, out, loops, [lhs, rhs])
    layout = schedule.layout(product)
    if product.narrow:
        left = _widened(b, left)
    if layout == "strips":
        return product_in_strips(out, product, left[0], right[0])
    if product.narrow:
        right = _widened(b, right)
    if layout == "panels":
        return _in_panels(b, out, product, left, right[0])
    if layout == "rows":
        aval = out.with_shape((product.k, product.n))
        right = _copied(b, right[0], aval, (1, 0)), (2, 1)
        product = product._replace(transposed=False)
    return _emit(b, out, loops, [left, right], schedule.tiles(product))


def _in_panels(b: Builder, out: Aval, p: schedule.Product, x: Operand, w: Tensor) -> Tensor:
    panels = p.n // schedule.PANEL
    column = b.window(0, schedule.PANEL, 2, 1)
    dims: tuple[Dim, ...] = (column, 1) if p.transposed else (1, column)
    packed = _copied(b, w, out.with_shape((panels, p.k, schedule.PANEL)), dims)
    sizes = (p.m, panels, schedule.PANEL, p.k)
    operands: list[Operand] = [(x[0], (0, 3)), (packed, (1, 3, 2))]
    return b.reshape(_emit(b, out.with_shape(sizes[:3]), sizes, operands, schedule.panel_tiles(p)), out)


def _widened(b: Builder, operand: tuple[Tensor, Axes]) -> tuple[Tensor, Axes]:
    """The same in float32."""
    x, places = operand
    return _copied(b, x, x.aval.with_dtype(float32), tuple(range(x.aval.ndim))), places


def _copied(b: Builder, x: Tensor, out: Aval, dims: tuple[Dim, ...]) -> Tensor:
    """``x`` read at ``dims``, in memory, in the dtype of ``out``.

    In a region, or the compiler folds the copy into its reader again.
    """

    def copy(x: Tensor) -> list[Tensor]:
        every = tuple(range(out.ndim))
        return [b.generic(out, out.shape, [(x, dims)], every, lambda s, element: s.cast(element, out.dtype))]

    return b.region([x], [out], copy)[0]


def _flattened(
    b: Builder, loops: Sequence[int], lhs: Operand, rhs: Operand, axes: int
) -> tuple[list[int], Operand, Operand, int] | None:
    """The same work over fewer loops: neighbours in all operands become one, loops of one step go away.

    The compiler would do so itself, and lose the tiles on the way. None where the loops cannot change: an operand
    is a window, or a view, whose axes cannot be merged in place.
    """
    reads = [dims for _, dims in (lhs, rhs)]
    if not all(isinstance(d, int) for dims in reads for d in dims):
        return None
    groups = [g for g in _merged(len(loops), [*reads, tuple(range(axes))]) if prod(loops[i] for i in g) != 1]
    place = {loop: k for k, group in enumerate(groups) for loop in group}
    sizes = [prod(loops[i] for i in group) for group in groups]
    new: list[Operand] = []
    for value, dims in (lhs, rhs):
        at = tuple(dict.fromkeys(place[d] for d in dims if d in place))
        shape = tuple(sizes[k] for k in at)
        if shape != value.aval.shape:
            if not isinstance(value, Tensor):
                return None
            value = b.reshape(value, value.aval.with_shape(shape))
        new.append((value, at))
    return sizes, new[0], new[1], sum(group[0] < axes for group in groups)


def _merged(loops: int, reads: Sequence[tuple[Any, ...]]) -> list[list[int]]:
    groups: list[list[int]] = []
    for loop in range(loops):
        if groups and all(_follows(axes, groups[-1][-1], loop) for axes in reads):
            groups[-1].append(loop)
        else:
            groups.append([loop])
    return groups


def _follows(axes: tuple[Any, ...], first: int, second: int) -> bool:
    if first not in axes or second not in axes:
        return first not in axes and second not in axes
    return axes.index(second) == axes.index(first) + 1


def _stored(operand: Operand) -> tuple[Tensor, Axes] | None:
    """The tensor behind views and the loops at which its own axes read; None where that is not so simple."""
    value, dims = operand
    while not isinstance(value, Tensor):
        if value.tensor is not None:
            value = value.tensor
        elif isinstance(value, View):
            dims = compose(value.dims, dims)
            value = value.operand
        else:
            return None
    places = tuple(d for d in dims if isinstance(d, int))
    return _untransposed(value, places) if len(places) == len(dims) else None


def _untransposed(x: Tensor, places: Axes) -> tuple[Tensor, Axes]:
    """What ``x`` is a transposition of, likewise, if it is one.

    The compiler would do so itself, after the tiles were chosen: of a transformer's step, where the weights of each
    layer are read both ways, a product of 1024x256x1024 took 38 ms in place of 3.
    """
    op = x.value.owner
    if not isinstance(op, ir.OpView) or op.operation.name != "linalg.generic" or len(op.operands) != 2:
        return x, places
    read, written = (map_.value for map_ in op.operation.attributes["indexing_maps"])
    body = op.regions[0].blocks[0]
    copies = len(list(body)) == 1 and body.operations[0].operands[0] == body.arguments[0]
    if not copies or read == written or not read.is_permutation or not written.is_permutation:
        return x, places
    loop = {ir.AffineDimExpr(e).position: place for e, place in zip(written.results, places, strict=True)}
    source = op.operands[0]
    shape = tuple(source.type.shape)
    return Tensor(x.aval.with_shape(shape), source), tuple(loop[ir.AffineDimExpr(e).position] for e in read.results)
