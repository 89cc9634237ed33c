"""Abstract values: what is known of an array before it is computed."""

from __future__ import annotations

from math import prod

from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.size import Extent, Size

Shape = tuple[int, ...]
"""Sizes of the axes. Where a program is recorded for any size of a `Dim`, some are a `Size`, which is declared an int
because it takes part in the same arithmetic."""

_interned: dict[tuple[Shape, DType], Aval] = {}


class Aval:
    """The type of an array: shape and dtype. Interned, so that equal types are the same object.

    >>> from eerie_dsl.ir.dtypes import float32
    >>> Aval((2, 3), float32)
    f32[2,3]
    >>> Aval((2, 3), float32) is Aval((2, 3), float32)
    True
    """

    __slots__ = ("dtype", "ndim", "shape", "size", "static")
    shape: Shape
    dtype: DType
    ndim: int
    size: int
    static: bool

    def __new__(cls, shape: Shape, dtype: DType) -> Aval:
        found = _interned.get((shape, dtype))
        if found is not None:
            return found
        self = object.__new__(cls)
        sizes: tuple[Extent, ...] = tuple([n if isinstance(n, Size) else int(n) for n in shape])
        self.shape = shape = sizes  # type: ignore[assignment]
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = prod(shape)
        self.static = not any(isinstance(n, Size) for n in shape)
        return _interned.setdefault((shape, dtype), self)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in memory."""
        return self.size * self.dtype.itemsize

    def with_dtype(self, dtype: DType) -> Aval:
        """The same shape with another dtype."""
        return Aval(self.shape, dtype)

    def with_shape(self, shape: Shape) -> Aval:
        """The same dtype with another shape."""
        return Aval(shape, self.dtype)

    def __repr__(self) -> str:
        return f"{self.dtype.short}[{','.join(map(str, self.shape))}]"

    def __reduce__(self) -> tuple[object, tuple[Shape, DType]]:
        return (Aval, (self.shape, self.dtype))


class TupleAval:
    """The type of a primitive with several results; ``project`` takes them apart."""

    __slots__ = ("elements",)

    def __init__(self, elements: tuple[Aval, ...]) -> None:
        self.elements = elements

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TupleAval) and self.elements == other.elements

    def __hash__(self) -> int:
        return hash(self.elements)

    def __repr__(self) -> str:
        return "(" + ", ".join(map(repr, self.elements)) + ")"


Type = Aval | TupleAval
