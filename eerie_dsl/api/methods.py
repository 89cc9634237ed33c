"""The methods of `Array` that a function of the namespace does as well; each is one call of the rule for nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from eerie_dsl.api.at import At
from eerie_dsl.api.conversion import ArrayLike, Recorded, required
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite import reduction, shape
from eerie_dsl.ops.composite.axes import AxisLike


class Methods(Recorded):
    """The methods, for `Array` to inherit; the functions of the same names say more.

    Code for NumPy passes ``out`` to methods; it has to be None.
    """

    __slots__ = ()

    @classmethod
    def of(cls, node: Node) -> Self:
        """The array that a node computes."""
        raise NotImplementedError

    @property
    def at(self) -> At[Self]:
        """Functional updates: ``x.at[key].set(value)``, ``.add``, ``.subtract``, ``.multiply``, ``.max``, ``.min``."""
        return At(self)

    @property
    def T(self) -> Self:
        """The transpose of a matrix; of other arrays, the axes from last to first. `mT` is for stacks of matrices."""
        return self.of(shape.reverse_dims(self.node))

    @property
    def mT(self) -> Self:
        """The last two axes exchanged."""
        return self.of(shape.matrix_transpose(self.node))

    @property
    def real(self) -> Self:
        """The real part; a real array itself."""
        return self.of(ew.real(self.node))

    @property
    def imag(self) -> Self:
        """The imaginary part; zero of a real array."""
        return self.of(ew.imag(self.node))

    def conj(self) -> Self:
        """The complex conjugate; a real array itself."""
        return self.of(ew.conj(self.node))

    def astype(self, dtype: Any, /, *, copy: bool = True) -> Self:
        """The values in another dtype; see `eerie.astype`."""
        return self.of(ew.astype(self.node, _dtype(dtype)))

    def reshape(self, *sizes: int | Sequence[int]) -> Self:
        """The elements under another shape, given as one tuple or as several sizes."""
        return self.of(shape.reshape(self.node, _unpacked(sizes)))

    def flatten(self) -> Self:
        """The elements in row-major order along one axis."""
        return self.of(shape.reshape(self.node, -1))

    def transpose(self, *axes: int | Sequence[int]) -> Self:
        """The axes in another order; from last to first when none is named."""
        if not axes:
            return self.of(shape.reverse_dims(self.node))
        return self.of(shape.permute_dims(self.node, _unpacked(axes)))

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Self:
        """Axes of size 1 taken away: the named ones, or all."""
        return self.of(shape.squeeze(self.node, axis))

    def swapaxes(self, axis1: int, axis2: int, /) -> Self:
        """Two axes exchanged."""
        return self.of(shape.swapaxes(self.node, axis1, axis2))

    def clip(self, min: ArrayLike | None = None, max: ArrayLike | None = None, *, out: None = None) -> Self:
        """Held between two bounds, either of which may be left out."""
        _no_out(out)
        low, high = (None if bound is None else required(bound) for bound in (min, max))
        return self.of(ew.clip(self.node, low, high))

    def round(self, decimals: int = 0, *, out: None = None) -> Self:
        """The nearest multiple of ``10**-decimals``, halves to even."""
        _no_out(out)
        return self.of(ew.round(self.node, decimals))

    def sum(self, axis: AxisLike = None, dtype: Any = None, keepdims: bool = False, *, out: None = None) -> Self:
        """The sum along the axes; see `eerie.sum` for the dtype."""
        _no_out(out)
        return self.of(reduction.sum(self.node, axis, _chosen(dtype), keepdims))

    def prod(self, axis: AxisLike = None, dtype: Any = None, keepdims: bool = False, *, out: None = None) -> Self:
        """The product along the axes; see `eerie.prod` for the dtype."""
        _no_out(out)
        return self.of(reduction.prod(self.node, axis, _chosen(dtype), keepdims))

    def mean(self, axis: AxisLike = None, dtype: Any = None, keepdims: bool = False, *, out: None = None) -> Self:
        """The arithmetic mean along the axes."""
        _no_out(out)
        return self.of(reduction.mean(self.node, axis, _chosen(dtype), keepdims))

    def _in(self, dtype: Any) -> Node:
        return self.node if dtype is None else ew.astype(self.node, _dtype(dtype))

    def var(
        self,
        axis: AxisLike = None,
        correction: float = 0.0,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        ddof: float = 0.0,
        out: None = None,
    ) -> Self:
        """The variance along the axes; ``ddof`` is NumPy's name for ``correction``."""
        _no_out(out)
        return self.of(reduction.var(self._in(dtype), axis, correction or ddof, keepdims))

    def std(
        self,
        axis: AxisLike = None,
        correction: float = 0.0,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        ddof: float = 0.0,
        out: None = None,
    ) -> Self:
        """The standard deviation along the axes; ``ddof`` is NumPy's name for ``correction``."""
        _no_out(out)
        return self.of(reduction.std(self._in(dtype), axis, correction or ddof, keepdims))

    def max(self, axis: AxisLike = None, keepdims: bool = False, *, out: None = None) -> Self:
        """The largest element along the axes."""
        _no_out(out)
        return self.of(reduction.max(self.node, axis, keepdims))

    def min(self, axis: AxisLike = None, keepdims: bool = False, *, out: None = None) -> Self:
        """The smallest element along the axes."""
        _no_out(out)
        return self.of(reduction.min(self.node, axis, keepdims))

    def any(self, axis: AxisLike = None, keepdims: bool = False, *, out: None = None) -> Self:
        """Whether an element along the axes is not zero."""
        _no_out(out)
        return self.of(reduction.any(self.node, axis, keepdims))

    def all(self, axis: AxisLike = None, keepdims: bool = False, *, out: None = None) -> Self:
        """Whether no element along the axes is zero."""
        _no_out(out)
        return self.of(reduction.all(self.node, axis, keepdims))

    def argmax(self, axis: int | None = None, keepdims: bool = False, *, out: None = None) -> Self:
        """Where the largest element along the axis is."""
        _no_out(out)
        return self.of(reduction.argmax(self.node, axis, keepdims))

    def argmin(self, axis: int | None = None, keepdims: bool = False, *, out: None = None) -> Self:
        """Where the smallest element along the axis is."""
        _no_out(out)
        return self.of(reduction.argmin(self.node, axis, keepdims))


def _unpacked(sizes: tuple[int | Sequence[int], ...]) -> Sequence[int]:
    first = sizes[0] if len(sizes) == 1 else sizes
    return first if isinstance(first, Sequence) else (first,)  # type: ignore[return-value]


def _no_out(out: object) -> None:
    if out is not None:
        raise ArgumentError("out is not None, and arrays cannot be written into", hint="use the result instead")


def _chosen(dtype: Any) -> DType | None:
    return None if dtype is None else _dtype(dtype)
