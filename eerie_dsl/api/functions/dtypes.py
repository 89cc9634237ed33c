"""What can be asked about dtypes, as the Array API standard has it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.api.conversion import Recorded
from eerie_dsl.api.info import KINDS
from eerie_dsl.errors import DTypeError, InvalidValueError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import ALL, DType, promote
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import placeholder
from eerie_dsl.ops.composite.elementwise import strong_dtype
from eerie_dsl.ops.composite.promotion import Operand


class FloatInfo(NamedTuple):
    """The limits of a floating point dtype.

    Attributes:
        bits: width of a number.
        eps: distance of 1 and the next number.
        max: the largest number.
        min: the smallest number, ``-max``.
        smallest_normal: the smallest positive number with all digits.
        dtype: whose limits these are.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


class IntegerInfo(NamedTuple):
    """The limits of an integer dtype.

    Attributes:
        bits: width of a number.
        max: the largest number.
        min: the smallest number.
        dtype: whose limits these are.
    """

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating point dtype, or of that of an array; of a complex one, those of its parts.

    Raises:
        DTypeError: it is not floating point.

    >>> finfo("float32").eps
    1.1920928955078125e-07
    """
    dtype = _meant(type)
    if not dtype.is_inexact:
        raise DTypeError(f"finfo of {dtype.name}, which is not floating point", hint="use iinfo")
    import ml_dtypes

    info = ml_dtypes.finfo(dtype.numpy)  # type: ignore[no-untyped-call]
    return FloatInfo(
        info.bits, float(info.eps), float(info.max), float(info.min), float(info.smallest_normal), _dtype(info.dtype)
    )


def iinfo(type: Any, /) -> IntegerInfo:
    """The limits of an integer dtype, or of that of an array.

    Raises:
        DTypeError: it is not an integer dtype.

    >>> iinfo("int8").max
    127
    """
    dtype = _meant(type)
    if not dtype.is_integer:
        raise DTypeError(f"iinfo of {dtype.name}, which is not an integer dtype", hint="use finfo")
    signed = dtype.kind == "int"
    top = (1 << (dtype.bits - signed)) - 1
    return IntegerInfo(dtype.bits, top, -top - 1 if signed else 0, dtype)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype in which arrays, dtypes and Python numbers meet.

    Raises:
        DTypeError: uint64 meets a signed integer.
        InvalidValueError: there is nothing to meet.

    >>> result_type("int8", "uint8"), result_type("bfloat16", 1.5)
    (eerie.int16, eerie.bfloat16)
    """
    if not arrays_and_dtypes:
        raise InvalidValueError("result_type needs at least one array or dtype")
    return strong_dtype(*(_operand(value) for value in arrays_and_dtypes))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether a dtype, or that of an array, gives way to ``to`` where they meet; see `result_type`.

    >>> can_cast("int8", "int16"), can_cast("float32", "int64")
    (True, False)
    """
    try:
        return promote(_meant(from_), _dtype(to)) is _dtype(to)
    except DTypeError:
        return False


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind.

    Args:
        dtype: what is asked about.
        kind: a dtype; ``bool``, ``signed integer``, ``unsigned integer``, ``integral``, ``real floating``,
            ``complex floating`` or ``numeric``; or a tuple of these, any of which will do.

    Raises:
        InvalidValueError: there is no such kind.

    >>> isdtype("int8", "integral"), isdtype("int8", ("bool", "real floating"))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str) and kind in KINDS:
        return _dtype(dtype).kind in KINDS[kind]
    if isinstance(kind, str) and kind not in {d.name for d in ALL}:
        raise InvalidValueError(f"there is no kind of dtypes {kind!r}", hint="use one of " + ", ".join(KINDS))
    return _dtype(dtype) is _dtype(kind)


def _meant(value: Any) -> DType:
    """The dtype of an array, or that a specification stands for."""
    if isinstance(value, Recorded):
        return value.node.dtype
    return _dtype(value.dtype if isinstance(value, np.ndarray | np.generic) else value)


def _operand(value: Any) -> Operand:
    """What promotes as the value does."""
    if isinstance(value, Recorded):
        return value.node
    if isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic):
        return value
    return placeholder(Aval((), _meant(value)))
