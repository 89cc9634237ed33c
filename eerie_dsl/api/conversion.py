"""Anything array-like becomes a node."""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node, capture, placeholder
from eerie_dsl.ir.scope import state
from eerie_dsl.ir.size import Size
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, scalar, strong
from eerie_dsl.ops.composite.shape import stack
from eerie_dsl.ops.constant import constant_of
from eerie_dsl.ops.extent import number_of
from eerie_dsl.ops.identity import alias
from eerie_dsl.runtime import array_of, from_dlpack, from_numpy, to_numpy

ArrayLike = Any
"""An Array, a NumPy array or scalar, a Python number, nested lists of numbers, or anything with ``__dlpack__``."""


_LITERAL = 256  # elements


class Recorded:
    """What stands for a node: the base of `Array`."""

    __slots__ = ()

    @property
    def node(self) -> Node:
        """The node, to record operations on."""
        raise NotImplementedError

    def buffer(self) -> Any:
        """The device buffer, computed now if need be."""
        raise NotImplementedError


def lift(value: ArrayLike, *, dtype: Any = None, copy: bool | None = None) -> Node:
    """The node of anything array-like; see `asarray`."""
    if isinstance(value, Recorded):
        node = value.node
    elif isinstance(value, np.ndarray):
        node = _from_numpy(value, copy)
    elif isinstance(value, np.generic):
        node = _made_here(np.asarray(value))
    elif isinstance(value, bool | int | float | complex):
        if dtype is not None:
            wanted = _dtype(dtype)
            whole, real = not wanted.is_inexact, wanted.kind != "complex"
            if (whole and isinstance(value, float)) or (real and isinstance(value, complex)):
                value = _numbers(value, wanted).item()  # to a lower kind as NumPy does it
            return scalar(value, wanted)
        node = strong(value)
    elif isinstance(value, Size):
        node = strong(number_of(value))
    elif isinstance(value, list | tuple | range):
        node = _from_sequence(value, None if dtype is None else _dtype(dtype))
    elif hasattr(value, "__dlpack__"):
        buffer, aval = from_dlpack(value, copy=copy is not False)
        node = placeholder(aval, value=buffer)
    elif hasattr(value, "__array__"):
        node = _from_numpy(np.asarray(value), copy)
    else:
        node = _from_numpy(_exported(value), copy)
    if copy and isinstance(value, Recorded) and state.scope is None:
        if state.tape is None:
            node = placeholder(node.aval, value=from_numpy(to_numpy(value.buffer(), node.aval), node.dtype, copy=True))
        else:
            node = alias(node)  # memory of its own comes with its evaluation
    return node if dtype is None else as_dtype(node, _dtype(dtype))


def _from_numpy(array: np.ndarray[Any, Any], copy: bool | None) -> Node:
    aval = Aval(array.shape, _dtype(array.dtype))
    scope = state.scope
    if scope is None:
        return placeholder(aval, value=from_numpy(array, aval.dtype, copy=copy is not False))
    # Captured by a traced function: a hidden input that is read anew at every call.
    return capture(scope, array, aval)


def _exported(value: Any) -> np.ndarray[Any, Any]:
    # Before Python 3.12 nothing but trying tells whether an object exports a buffer.
    try:
        memoryview(value)
    except TypeError:
        raise ArgumentError(
            f"an object of type {type(value).__name__} is not array-like",
            hint="pass an Array, a NumPy array, a number, nested lists of numbers, or an object with __dlpack__",
        ) from None
    return array_of(value)


def _from_sequence(value: Any, dtype: DType | None) -> Node:
    if any(isinstance(v, Recorded | list | tuple) for v in value) and _holds_array(value):
        return stack([lift(v) for v in value])
    array = _numbers(value, dtype)
    if dtype is None and not _holds_numpy(value):
        array = array.astype(_UNNAMED.get(array.dtype, array.dtype), copy=False)
    return _made_here(array)


def _numbers(value: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value, None if dtype is None else dtype.numpy)
    except (OverflowError, TypeError, ValueError) as error:
        if "inhomogeneous" in str(error):
            raise ShapeError(f"nested lists of different lengths are not an array: {error}") from None
        raise DTypeError(f"these numbers do not fit in {dtype}: {error}", hint="choose a wider dtype") from None


# What NumPy makes of Python's numbers, and what it is here.
_UNNAMED = {np.dtype(np.float64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.complex64)}


def _made_here(array: np.ndarray[Any, Any]) -> Node:
    """An array that nobody else can write to: small ones are part of a traced program."""
    if state.scope is not None and array.size <= _LITERAL:
        return constant_of(array, _dtype(array.dtype))
    return _from_numpy(array, True)


def _holds_array(value: Any) -> bool:
    return any(isinstance(v, Recorded) or (isinstance(v, list | tuple) and _holds_array(v)) for v in value)


def _holds_numpy(value: Any) -> bool:
    return any(
        isinstance(v, np.ndarray | np.generic) or (isinstance(v, list | tuple) and _holds_numpy(v)) for v in value
    )


def operand(value: ArrayLike) -> Operand | Any:
    if isinstance(value, Recorded):
        return value.node
    if type(value) in _PY_SCALARS:
        return value
    if isinstance(value, np.ndarray | np.generic | bool | int | float | complex):
        return lift(value)
    if isinstance(value, Size):
        return number_of(value)
    return NotImplemented


def required(value: ArrayLike) -> Operand:
    found = operand(value)
    return lift(value) if found is NotImplemented else found


_PY_SCALARS = frozenset((bool, int, float, complex))
