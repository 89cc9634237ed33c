"""What NumPy calls the functions and dtypes that have one name here, which is that of the Array API standard."""

from __future__ import annotations

from collections.abc import Mapping

RENAMED: Mapping[str, str] = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "around": "round",
    "array": "asarray",
    "asanyarray": "asarray",
    "ascontiguousarray": "asarray",
    "bitwise_not": "bitwise_invert",
    "bool_": "bool",
    "concatenate": "concat",
    "conjugate": "conj",
    "cumprod": "cumulative_prod",
    "cumsum": "cumulative_sum",
    "degrees": "rad2deg",
    "double": "float64",
    "fix": "trunc",
    "half": "float16",
    "int_": "int64",
    "intp": "int64",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "mod": "remainder",
    "power": "pow",
    "radians": "deg2rad",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
    "single": "float32",
    "transpose": "permute_dims",
    "trapz": "trapezoid",
    "true_divide": "divide",
}
"""NumPy's name, and the one here. Names that both have are not in it."""


def missing(name: str) -> AttributeError:
    """The error for a name that `eerie_dsl` does not have.

    >>> print(missing("arcsin"))
    eerie_dsl has no arcsin: the name of it is eerie.asin
    """
    known = RENAMED.get(name)
    hint = "" if known is None else f": the name of it is eerie.{known}"
    return AttributeError(f"eerie_dsl has no {name}{hint}", name=name)
