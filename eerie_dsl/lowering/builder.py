"""The builder that lowering rules receive: typed tensors in, linalg on tensors out.

Element-by-element work is deferred. `map`, `view` and `index` only describe how a result element comes about; a
description becomes one ``linalg.generic`` when a tensor is needed, and is built straight into the body of the
reduction or contraction that consumes it where that saves a pass over memory. Destinations are always fresh: IREE
writes through a destination that is, or folds to, a function argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
from iree.compiler import ir
from iree.compiler.dialects import arith, linalg, tensor

from eerie_dsl.errors import Source
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import complex128, int64
from eerie_dsl.ir.size import Extent, Size
from eerie_dsl.lowering.barriers import after, apart, hidden_true, own, used
from eerie_dsl.lowering.contraction import contraction
from eerie_dsl.lowering.extended import extended
from eerie_dsl.lowering.fills import dense_complex128, filled
from eerie_dsl.lowering.keys import sorted_keys
from eerie_dsl.lowering.loops import branch, for_loop, while_loop
from eerie_dsl.lowering.reduction import reduction
from eerie_dsl.lowering.region import region
from eerie_dsl.lowering.rows import gathered, scattered
from eerie_dsl.lowering.scalar import Scalar, ScalarEmitter, element_type
from eerie_dsl.lowering.scanning import scan
from eerie_dsl.lowering.schedule import Tiles
from eerie_dsl.lowering.sizes import extent, mixed
from eerie_dsl.lowering.sorting import first_places, sorted_places
from eerie_dsl.lowering.values import (
    Body,
    Deferred,
    Dim,
    Index,
    Mapped,
    Operand,
    Splat,
    Tensor,
    Value,
    View,
    affine_map,
    compose,
    reassociated,
    tensor_type,
    uncovered,
)


class Builder:
    """Emits IR at MLIR's current insertion point. Values go in and out as `Tensor` or deferred descriptions."""

    def __init__(self, lower_graph: Callable[..., list[Value]], *, tiled: bool) -> None:
        self.lower_graph = lower_graph
        """``lower_graph(graph, values, leave=False)``: a graph's results; those that ``leave`` own their memory."""
        self.tiled = tiled
        """Whether kernels may carry tile sizes: those of `schedule` are for CPUs."""
        self.loc = ir.Location.unknown()
        self.source: Source | None = None  # of the operation that is being lowered
        self.sizes: dict[str, ir.Value] = {}  # the arguments' dimensions
        self.executables: dict[Any, str] = {}  # those that several operations may be dispatches of
        self._begin = ir.InsertionPoint.current.block
        self._holds: Scalar | None = None

    @contextmanager
    def at(self, loc: ir.Location) -> Iterator[None]:
        """Give what is emitted inside the location ``loc``."""
        outer, self.loc = self.loc, loc
        with loc:
            yield
        self.loc = outer

    @property
    def holds(self) -> Scalar:
        """True, and the compiler does not find out."""
        if self._holds is None:
            with ir.InsertionPoint.at_block_begin(self._begin):  # for all regions inside
                self._holds = hidden_true()
        return self._holds

    # Descriptions, nothing emitted.

    def map(self, out: Aval, body: Body, *values: Value) -> Value:
        """``body(s, *elements)`` at every place; all shapes equal."""
        return Mapped(out, self.loc, body, values)

    def view(self, x: Value, out: Aval, dims: tuple[Dim, ...]) -> Value:
        """Broadcast or transpose: axis ``i`` of ``x`` reads at axis ``dims[i]`` of the result, at 0 where None."""
        if isinstance(x, Splat):
            return Splat(out, self.loc, x.number)
        return View(out, self.loc, x, dims)

    def index(self, out: Aval, axis: int) -> Value:
        """The place along ``axis``."""
        return Index(out, self.loc, axis)

    def window(self, place: int, stride: int, tap: int, dilation: int) -> Dim:
        """Where a convolution reads along an axis: the loop ``place`` moves the window, ``tap`` runs inside it."""
        return ir.AffineExpr.get_dim(place) * stride + ir.AffineExpr.get_dim(tap) * dilation

    def constant(self, out: Aval, data: bytes) -> Value:
        """A constant from the little-endian bytes of its elements."""
        array = np.frombuffer(data, out.dtype.numpy).reshape(out.shape)
        if array.size and data == data[: array.itemsize] * array.size:
            return Splat(out, self.loc, array.reshape(-1)[0])
        return self.dense(out, array)

    def splat(self, out: Aval, number: Any) -> Value:
        """One number everywhere; it may be a size."""
        return Splat(out, self.loc, number)

    def extent(self, size: Extent) -> ir.Value:
        """A size as an index value."""
        return extent(size, self.sizes)

    own, apart, after = own, apart, after

    # Tensors.

    def dense(self, out: Aval, array: np.ndarray[Any, Any]) -> Tensor:
        """A constant of several elements, kept in the program."""
        if out.dtype is complex128:
            return dense_complex128(self, out, array)
        raw = array if out.dtype.kind in ("bool", "complex") else array.view(f"u{array.itemsize}")
        attr = ir.DenseElementsAttr.get(np.ascontiguousarray(raw), type=element_type(out.dtype), shape=list(out.shape))
        return Tensor(out, arith.constant(tensor_type(out), attr))

    def empty(self, out: Aval) -> ir.Value:
        """A fresh tensor without contents."""
        sizes = [self.extent(n) if isinstance(n, Size) else n for n in out.shape]
        return tensor.empty(sizes, element_type(out.dtype))

    def filled(self, out: Aval, number: Any) -> ir.Value:
        """A fresh tensor filled with a number."""
        return filled(self, out, number)

    def tensor(self, x: Value) -> Tensor:
        """``x`` as a tensor in the IR, emitted once."""
        if isinstance(x, Tensor):
            return x
        if x.tensor is None:
            loops = x.aval.shape
            dims: tuple[Dim, ...] = tuple(range(x.aval.ndim))
            if isinstance(x, Splat) and x.aval.ndim == 0 and x.aval.dtype is not complex128:
                scalar = ScalarEmitter(self.sizes).constant(x.number, x.aval.dtype)
                x.tensor = Tensor(x.aval, tensor.from_elements(tensor_type(x.aval), [scalar.value]))
            elif isinstance(x, Splat):
                x.tensor = Tensor(x.aval, self.filled(x.aval, x.number))
            else:
                x.tensor = self.generic(x.aval, loops, [(x, dims)], dims, lambda s, element: element)
        return x.tensor

    def generic(
        self,
        out: Aval,
        loops: Sequence[int],
        operands: Sequence[Operand],
        out_dims: tuple[Dim, ...],
        body: Body,
        init: Any = None,
        tiles: Tiles | None = None,
    ) -> Tensor:
        """One ``linalg.generic`` with one result; see `generics`. ``body(s, *elements[, accumulator])``."""
        inits = None if init is None else [init]
        return self.generics([out], loops, operands, out_dims, lambda *a: [body(*a)], inits, tiles)[0]

    def contraction(self, out: Aval, loops: Sequence[int], lhs: Operand, rhs: Operand) -> Tensor:
        """Sums of products of two operands, which are cast to the dtype of ``out``: the loops are the axes of the
        result and then those that are summed over."""
        return contraction(self, out, loops, [lhs, rhs])

    reduction = reduction
    scan, sorted_keys, sorted_places, first_places = scan, sorted_keys, sorted_places, first_places
    gathered, scattered = gathered, scattered

    def generics(
        self,
        outs: Sequence[Aval],
        loops: Sequence[int],
        operands: Sequence[Operand],
        out_dims: tuple[Dim, ...],
        body: Body,
        inits: Sequence[Any] | None = None,
        tiles: Tiles | None = None,
    ) -> list[Tensor]:
        """One ``linalg.generic`` with results of one shape.

        Args:
            outs: result types.
            loops: sizes of the iteration space. Loops missing in ``out_dims`` are reductions.
            operands: values and, for each of their axes, where it reads.
            out_dims: the loop of each result axis.
            body: ``body(s, *operand elements, *accumulators)`` gives the new result elements; accumulators are
                there when ``inits`` is.
            inits: the number that each accumulator starts from.
            tiles: sizes to use instead of the compiler's choice.
        """
        leaves: dict[tuple[int, tuple[Dim, ...]], tuple[Tensor, tuple[Dim, ...]]] = {}
        locs: dict[str, ir.Location] = {}
        for value, dims in operands:
            self._collect(value, dims, leaves, locs, set())
        extra = uncovered(loops, [out_dims, *(dims for _, dims in leaves.values())])
        lines = [outs[0].with_shape((loops[d],)) for d in extra]
        # The compiler knows that elements of an empty tensor may be anything.
        ranges = [
            (Tensor(line, self.empty(line)) if d in out_dims else self.apart(self.splat(line, 0)), (d,))
            for d, line in zip(extra, lines, strict=True)
        ]
        inputs = [*leaves.values(), *ranges]
        n = len(loops)
        maps = [affine_map(n, dims) for _, dims in inputs] + [affine_map(n, out_dims)] * len(outs)
        kinds = ["parallel" if d in out_dims else "reduction" for d in range(n)]
        if inits is None:
            destinations = [self.empty(o) for o in outs]
        else:
            # A fill of complex128 is a kernel: equal ones become one, and a reduction goes on where the last one ended.
            destinations = [filled(self, o, i, own=o.dtype is complex128) for o, i in zip(outs, inits, strict=True)]
        loc = ir.Location.fused(list(locs.values())) if locs else self.loc
        op = linalg.GenericOp(
            [tensor_type(o) for o in outs],
            [t.value for t, _ in inputs],
            destinations,
            ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
            ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{k}>") for k in kinds]),
            loc=loc,
        )
        if tiles is not None:
            op.operation.attributes["compilation_info"] = tiles.attribute()
        dtypes = [t.aval.dtype for t, _ in inputs] + [o.dtype for o in outs]
        block = op.regions[0].blocks.append(*map(element_type, dtypes))
        with ir.InsertionPoint(block):
            s = ScalarEmitter(self.sizes)
            arguments = [Scalar(a, d) for a, d in zip(block.arguments, dtypes, strict=True)]
            known: dict[tuple[int, tuple[Dim, ...]], Scalar] = dict(zip(leaves, arguments, strict=False))
            elements = [self._element(s, value, dims, known) for value, dims in operands]
            if any(d not in out_dims for d in extra):
                # What a sum runs over must be used, or the compiler drops the operand and with it the loop.
                spans = arguments[len(leaves) : len(inputs)]
                elements[0] = used(
                    self, s, elements[0], [e for e, d in zip(spans, extra, strict=True) if d not in out_dims]
                )
            accumulators = arguments[len(inputs) :] if inits is not None else []
            with self.loc:
                results = body(s, *elements, *accumulators)
            linalg.yield_([r.value for r in results])
        return [Tensor(o, r) for o, r in zip(outs, op.results, strict=True)]

    def reshape(self, x: Value, out: Aval) -> Tensor:
        """The same elements in row-major order under another shape."""
        value, old, new = self.tensor(x).value, x.aval.shape, out.shape
        if out.size == 0:
            return Tensor(out, self.empty(out))
        groups = reassociated(old, new)
        middle = tuple(prod(old[i] for i in axes) for axes, _ in groups)
        if middle != old:
            value = tensor.collapse_shape(tensor_type(out.with_shape(middle)), value, [axes for axes, _ in groups])
        if middle != new:
            unknown, sizes = mixed(new, self.sizes)
            value = tensor.expand_shape(tensor_type(out), value, [axes for _, axes in groups], unknown, sizes)
        return Tensor(out, value)

    def extract_slice(self, x: Value, out: Aval, starts: Sequence[int], strides: Sequence[int]) -> Tensor:
        """``x[starts[i] :: strides[i]]`` along each axis, of the shape of ``out``; strides positive."""
        if out.size == 0:  # which may begin where the axis ends, and MLIR has no such slice
            return Tensor(out, self.empty(out))
        (a, b, c), (low, sizes, steps) = zip(*(mixed(n, self.sizes) for n in (starts, out.shape, strides)), strict=True)
        return Tensor(out, tensor.extract_slice(tensor_type(out), self.tensor(x).value, a, b, c, low, sizes, steps))

    def insert_slice(self, x: Value, out: Aval, number: Any, starts: Sequence[int], strides: Sequence[int]) -> Value:
        """``x`` at ``starts[i] :: strides[i]`` along each axis, ``number`` elsewhere; strides positive."""
        if x.aval.size == 0:
            return self.splat(out, number)
        if x.aval.shape == out.shape:
            return x
        fresh = filled(self, out, number, own=True)
        return Tensor(out, self._inserted(self.tensor(x), fresh, starts, strides))

    def concat(self, values: Sequence[Value], out: Aval, axis: int) -> Value:
        """The values one after the other along ``axis``."""
        parts = [v for v in values if v.aval.size]
        if len(parts) < 2:
            return parts[0] if parts else self.splat(out, 0)
        result, start, strides = self.empty(out), 0, [1] * out.ndim
        for part in parts:  # four times faster than tensor.concat along the last axis
            starts = [start if a == axis else 0 for a in range(out.ndim)]
            result = self._inserted(self.tensor(part), result, starts, strides)
            start += part.aval.shape[axis]
        return Tensor(out, result)

    def _inserted(self, x: Tensor, into: ir.Value, starts: Sequence[int], strides: Sequence[int]) -> ir.Value:
        found = (mixed(n, self.sizes) for n in (starts, x.aval.shape, strides))
        (a, b, c), (low, sizes, steps) = zip(*found, strict=True)
        return tensor.insert_slice(x.value, into, a, b, c, low, sizes, steps)

    def read(self, x: Value, out: Aval, places: Sequence[Value]) -> Value:
        """The elements of ``x`` at ``places``: for each of its axes, int64 in range and of the shape of ``out``."""
        # A slice fused with a read at computed places is refused by the compiler.
        source = x if isinstance(x, Tensor) and isinstance(x.value.owner, ir.Block) else self.apart(x)
        return self.map(out, lambda s, *at: s.extract(source, *at), *places)

    def scatter(self, out: Aval, updates: Value, places: Value, number: Any, body: Body) -> Tensor:
        """Updates combined one after the other into a tensor filled with ``number``.

        Args:
            out: type of the result.
            updates: ``(n, ...)``, the dots being the axes of ``out`` behind the first ``k``.
            places: int32 or int64 ``(n, k)``, in range: where each update goes along the first ``k`` axes.
            number: what the elements start from.
            body: ``body(s, update element, old element)``.
        """
        attributes = {
            "dimension_map": ir.DenseI64ArrayAttr.get(list(range(places.aval.shape[1]))),
            "unique_indices": ir.BoolAttr.get(False),
        }
        return extended(
            self, "scatter", [updates, places], [filled(self, out, number, own=True)], attributes, [out], body
        )

    def region(
        self, values: Sequence[Value], outs: Sequence[Aval], body: Callable[..., Sequence[Value]]
    ) -> list[Tensor]:
        """``body(*values)`` as one dispatch region: one kernel, whatever the compiler would have chosen."""
        return region(self, values, outs, body)

    for_loop, while_loop, branch = for_loop, while_loop, branch

    # Building a description into a body.

    def _collect(
        self,
        x: Value,
        dims: tuple[Dim, ...],
        leaves: dict[tuple[int, tuple[Dim, ...]], tuple[Tensor, tuple[Dim, ...]]],
        locs: dict[str, ir.Location],
        seen: set[tuple[int, tuple[Dim, ...]]],
    ) -> None:
        key = (id(x), dims)
        if key in seen:
            return
        seen.add(key)
        if isinstance(x, Deferred):
            if x.tensor is None:
                locs.setdefault(str(x.loc), x.loc)
            if x.tensor is not None and not isinstance(x, Splat | Index):
                leaves[key] = (x.tensor, dims)
            elif isinstance(x, Mapped):
                for operand in x.operands:
                    self._collect(operand, dims, leaves, locs, seen)
            elif isinstance(x, View):
                self._collect(x.operand, compose(x.dims, dims), leaves, locs, seen)
        else:
            leaves[key] = (x, dims)

    def _element(
        self,
        s: ScalarEmitter,
        x: Value,
        dims: tuple[Dim, ...],
        known: dict[tuple[int, tuple[Dim, ...]], Scalar],
    ) -> Scalar:
        key = (id(x), dims)
        found = known.get(key)
        if found is not None:
            return found
        assert isinstance(x, Deferred)
        result: Scalar
        with x.loc:
            if isinstance(x, Mapped):
                result = x.body(s, *(self._element(s, o, dims, known) for o in x.operands))
            elif isinstance(x, View):
                result = self._element(s, x.operand, compose(x.dims, dims), known)
            elif isinstance(x, Splat):
                result = s.constant(x.number, x.aval.dtype)
            else:
                assert isinstance(x, Index)
                loop = dims[x.axis]
                assert isinstance(loop, int) or loop is None
                result = s.cast(s.constant(0, int64) if loop is None else s.index(loop), x.aval.dtype)
        known[key] = result
        return result
