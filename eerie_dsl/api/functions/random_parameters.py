"""What the distributions have in common: shapes, dtypes and parameters of a call, checked where it is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.random_keys import key_for
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import random as rules
from eerie_dsl.ops.composite.promotion import Operand
from eerie_dsl.ops.composite.shape import sizes_of

Domain = tuple[Callable[[Any], bool], str]

_LARGEST = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": (2 - 2.0**-52) * 2.0**1023,
}

FINITE: Domain = (math.isfinite, "a finite number")
POSITIVE: Domain = (lambda x: 0 < x < math.inf, "a finite number above 0")
NOT_NEGATIVE: Domain = (lambda x: 0 <= x < math.inf, "a finite number of 0 or more")
CHANCE: Domain = (lambda x: 0 <= x <= 1, "from 0 to 1")
CHANCE_ABOVE_0: Domain = (lambda x: 0 < x <= 1, "above 0 and at most 1")


def parameter(op: str, name: str, value: ArrayLike, domain: Domain) -> Operand:
    """A real parameter: numbers are held to their domain, arrays are not looked at.

    Raises:
        InvalidValueError: a number outside the domain.
        ArgumentError, DTypeError: not a real number or array.
    """
    test, words = domain
    if isinstance(value, int | float | np.floating | np.integer):
        if not test(value):
            raise InvalidValueError(f"{op}: {name} is {value!s}", hint=f"{name} must be {words}")
        return value if isinstance(value, int | float) else required(value)
    if isinstance(value, complex):
        raise ArgumentError(f"{op}: {name} is the complex number {value}", hint=f"{name} must be {words}")
    node = required(value)
    if isinstance(node, Node) and node.dtype.kind == "complex":
        raise DTypeError(f"{op}: {name} is {node.aval}", hint=f"{name} must be real")
    return node


def chosen(dtype: Any) -> DType | None:
    """The dtype asked for, if there is one."""
    return None if dtype is None else _dtype(dtype)


def integer_dtype(op: str, dtype: Any) -> DType:
    """The dtype of counts.

    Raises:
        DTypeError: not one of integers.
    """
    found = _dtype(dtype)
    if not found.is_integer:
        raise DTypeError(f"{op} does not give {found.name}", hint="use an integer dtype, and astype for others")
    return found


def ordered(op: str, low: Operand, high: Operand, dtype: DType | None = None) -> None:
    """Raise InvalidValueError for bounds that are numbers and not in order, or too far apart for ``dtype``."""
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return
    if not low < high:
        raise InvalidValueError(f"{op} from {low} to {high}: there is nothing between", hint="high must be above low")
    if dtype is not None and high - low > _LARGEST[dtype.name]:
        raise InvalidValueError(f"{op} from {low} to {high} is wider than {dtype.name} reaches", hint="use float64")


def drawn(rule: Callable[..., Node], shape: Any, key: ArrayLike | None, dtype: Any, *parameters: Operand) -> Array:
    """What a rule for floating point numbers gives, in the dtype asked for or that of the parameters."""
    op = rule.__name__
    kind = rules.dtype_of(op, chosen(dtype), *parameters)
    return Array.of(rule(key_for(op, key), sizes_of(op, shape), *parameters, kind))


def counted(rule: Callable[..., Node], shape: Any, key: ArrayLike | None, dtype: Any, *parameters: Operand) -> Array:
    """What a rule for counts gives."""
    op = rule.__name__
    return Array.of(rule(key_for(op, key), sizes_of(op, shape), *parameters, integer_dtype(op, dtype)))
