"""What cannot be a compiled kernel is computed by NumPy, at once, on values that exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eerie_dsl.api import evaluation
from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, lift
from eerie_dsl.api.moving import refuse_moving
from eerie_dsl.api.nans import check_host
from eerie_dsl.config import config
from eerie_dsl.errors import InvalidValueError, TracerError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import placeholder
from eerie_dsl.ir.scope import state


def on_host(name: str, function: Callable[..., Any], *operands: ArrayLike, instead: str) -> Any:
    """``function`` of NumPy arrays, applied to the operands' values; its results are Arrays.

    Args:
        name: of the operation, for messages.
        function: takes one NumPy array per operand; gives an array, or a tuple of arrays.
        operands: array-likes; what is pending in them is computed first, together.
        instead: what to write inside a traced function, where there are no values.

    Raises:
        TracerError: a function is being traced.
        InvalidValueError: NumPy found the values at fault, such as a singular matrix.
        MissingRuleError: a derivative is being taken, and would lose its way here.
        NaNError: a result holds NaN, and ``config.check_nans`` is set.
    """
    if state.scope is not None:
        raise TracerError(f"{name} runs in NumPy, and {state.scope.name} is being traced: no values yet", hint=instead)
    nodes = [lift(x) for x in operands]
    evaluation.evaluate(nodes)
    values = [evaluation.array_of(n) for n in nodes]
    try:
        with np.errstate(all="ignore"):
            results = function(*values)
    except np.linalg.LinAlgError as error:
        raise InvalidValueError(f"{name}: {error}") from None
    several = results if isinstance(results, tuple) else (results,)
    if config.check_nans:
        check_host(name, nodes, list(map(np.asarray, several)))
    arrays = [held(r) for r in several]
    if any(a.dtype.is_inexact for a in arrays):
        refuse_moving(name, nodes)
    return tuple(arrays) if isinstance(results, tuple) else arrays[0]


def held(value: Any) -> Array:
    """A NumPy result as an Array."""
    array = np.array(value, order="C")
    array.flags.writeable = False
    return Array.of(placeholder(Aval(array.shape, _dtype(array.dtype)), value=array))
