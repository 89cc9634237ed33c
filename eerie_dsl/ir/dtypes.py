"""Element types and how they promote, as the Python Array API standard has it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np

from eerie_dsl.errors import DTypeError

Kind = Literal["bool", "int", "uint", "float", "complex"]


class DType:
    """An element type; compare with ``is`` or ``==``. Use the instances of this module.

    Attributes:
        name: ``"float32"`` and so on, as NumPy spells it.
        kind: ``"bool"``, ``"int"``, ``"uint"``, ``"float"`` or ``"complex"``.
        bits: width of one element; a bool has 1 in the graph and a byte in memory.
    """

    __slots__ = ("__dict__", "bits", "kind", "name", "short")

    def __init__(self, name: str, kind: Kind, bits: int, short: str) -> None:
        self.name = name
        self.kind = kind
        self.bits = bits
        self.short = short

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype with the same layout in memory."""
        if self.name == "bfloat16":
            import ml_dtypes

            found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        else:
            found = np.dtype(self.name)
        return found

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return max(self.bits // 8, 1)

    @property
    def is_integer(self) -> bool:
        """Signed or unsigned integer (not bool)."""
        return self.kind == "int" or self.kind == "uint"

    @property
    def is_inexact(self) -> bool:
        """Real or complex floating point."""
        return self.kind == "float" or self.kind == "complex"

    def __repr__(self) -> str:
        return f"eerie.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (dtype, (self.name,))


bool_ = DType("bool", "bool", 1, "bool")
int8 = DType("int8", "int", 8, "i8")
int16 = DType("int16", "int", 16, "i16")
int32 = DType("int32", "int", 32, "i32")
int64 = DType("int64", "int", 64, "i64")
uint8 = DType("uint8", "uint", 8, "u8")
uint16 = DType("uint16", "uint", 16, "u16")
uint32 = DType("uint32", "uint", 32, "u32")
uint64 = DType("uint64", "uint", 64, "u64")
float16 = DType("float16", "float", 16, "f16")
bfloat16 = DType("bfloat16", "float", 16, "bf16")
float32 = DType("float32", "float", 32, "f32")
float64 = DType("float64", "float", 64, "f64")
complex64 = DType("complex64", "complex", 64, "c64")
complex128 = DType("complex128", "complex", 128, "c128")

SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (float16, bfloat16, float32, float64)
COMPLEXES = (complex64, complex128)
ALL = (bool_, *INTEGERS, *FLOATS, *COMPLEXES)

DEFAULT_INT = int64
DEFAULT_FLOAT = float32
DEFAULT_COMPLEX = complex64

_BY_NAME = {d.name: d for d in ALL}
numpy_dtypes: dict[np.dtype[Any], DType] = {}  # filled as they are met: finding the name of one is slow
_BY_SCALAR_TYPE: dict[type, DType] = {
    bool: bool_,
    int: DEFAULT_INT,
    float: DEFAULT_FLOAT,
    complex: DEFAULT_COMPLEX,
}
_RANK = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}


def dtype(spec: object) -> DType:
    """The DType meant by an Eerie or NumPy dtype, a dtype name, or a Python scalar type.

    >>> dtype("float32"), dtype(np.int8), dtype(bool)
    (eerie.float32, eerie.int8, eerie.bool)

    Raises:
        DTypeError: there is no such element type in Eerie.
    """
    if type(spec) is DType:
        return spec
    if isinstance(spec, np.dtype) and spec in numpy_dtypes:
        return numpy_dtypes[spec]
    if isinstance(spec, type) and spec in _BY_SCALAR_TYPE:
        return _BY_SCALAR_TYPE[spec]
    name = spec if isinstance(spec, str) else None
    if name not in _BY_NAME:
        try:
            name = np.dtype(spec).name  # type: ignore[call-overload]
        except TypeError:
            name = None
    found = _BY_NAME.get(name) if name is not None else None
    if found is None:
        raise DTypeError(
            f"{spec!r} is not an element type of Eerie",
            hint="use one of " + ", ".join(_BY_NAME),
        )
    if isinstance(spec, np.dtype):
        numpy_dtypes[spec] = found
    return found


def scalar_dtype(value: bool | int | float | complex) -> DType:
    """The default dtype of a Python scalar that stands alone."""
    for kind, found in _BY_SCALAR_TYPE.items():
        if type(value) is kind:
            return found
    for kind, found in _BY_SCALAR_TYPE.items():
        if isinstance(value, kind):
            return found
    raise DTypeError(f"{value!r} is not a scalar")


def promote(a: DType, b: DType) -> DType:
    """The dtype in which values of two dtypes meet.

    Within one kind and for signed with unsigned integers this is the table of the Array API standard. Where the
    standard leaves it open, bool gives way to numbers and integers give way to floating point of the other
    operand's width, as in JAX and PyTorch; float16 with bfloat16 gives float32.

    Raises:
        DTypeError: uint64 with a signed integer, which no integer type can hold.
    """
    if a is b:
        return a
    rank_a, rank_b = _RANK[a.kind], _RANK[b.kind]
    if rank_a > rank_b:
        if a.kind == "complex" and b is float64:
            return complex128
        return a
    if rank_a < rank_b:
        return promote(b, a)
    if a.kind == b.kind:
        if a.bits == b.bits:
            return float32  # float16 with bfloat16
        return a if a.bits > b.bits else b
    unsigned, signed = (a, b) if a.kind == "uint" else (b, a)
    if unsigned.bits < signed.bits:
        return signed
    if unsigned.bits == 64:
        raise DTypeError(
            f"no integer type holds both {a.name} and {b.name}",
            hint="cast one of them first, for example with astype(eerie.int64)",
        )
    return _BY_NAME[f"int{unsigned.bits * 2}"]


def promote_scalar(a: DType, kind: Kind) -> DType:
    """The dtype of an array of dtype ``a`` that meets a Python scalar of ``kind``: the array's, if it can hold it."""
    if _RANK[a.kind] >= _RANK[kind]:
        return a
    if kind == "complex":
        return complex128 if a is float64 else complex64
    return DEFAULT_INT if kind == "int" else DEFAULT_FLOAT


def real_part(a: DType) -> DType:
    """The dtype of the real part of ``a``."""
    return {complex64: float32, complex128: float64}.get(a, a)
