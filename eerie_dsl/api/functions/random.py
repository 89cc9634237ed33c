"""Continuous distributions on the whole line, or a part of it.

Every function takes a shape first and the rest by name. Parameters may be arrays: the result has the shape that
``shape`` and they broadcast to. Parameters that are Python numbers are checked; array parameters outside their domain
give NaN. ``key=None`` takes the next key of the default stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.functions.random_keys import key_for
from eerie_dsl.api.functions.random_parameters import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    chosen,
    drawn,
    ordered,
    parameter,
)
from eerie_dsl.ops.composite import random as rules
from eerie_dsl.ops.composite.shape import sizes_of


def uniform(
    shape: int | Sequence[int] = (),
    *,
    low: ArrayLike = 0.0,
    high: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """Uniform numbers in [low, high), never equal to ``high``.

    Between 0 and 1 they are multiples of ``2**-24`` (float64: ``2**-53``, float16: ``2**-11``, bfloat16: ``2**-8``).

    Args:
        shape: of the result, together with the parameters.
        low: smallest value.
        high: above ``low``; what is not reached.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: ``high`` is not above ``low``, or further from it than the dtype reaches.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.uniform(2, key=eerie.random.key(0))
    Array([0.94766706, 0.9785799 ], dtype=float32, device=cpu)
    """
    low, high = parameter("uniform", "low", low, FINITE), parameter("uniform", "high", high, FINITE)
    kind = rules.dtype_of("uniform", chosen(dtype), low, high)
    ordered("uniform", low, high, kind)
    return Array.of(rules.uniform(key_for("uniform", key), sizes_of("uniform", shape), low, high, kind))


def normal(
    shape: int | Sequence[int] = (),
    *,
    mean: ArrayLike = 0.0,
    std: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """Normal numbers; the tails are right down to a probability of ``2**-33``, float64 of ``2**-65``.

    Complex numbers have independent real and imaginary parts of half the variance each.

    Args:
        shape: of the result, together with the parameters.
        mean: centre.
        std: standard deviation, 0 or more.
        dtype: of the result, complex64 and complex128 too; default: that of floating point array parameters, else
            float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.normal(2, mean=1.0, key=eerie.random.key(0))
    Array([0.86844236, 0.94628197], dtype=float32, device=cpu)
    """
    std = parameter("normal", "std", std, NOT_NEGATIVE)
    found = chosen(dtype)
    if found is not None and found.kind == "complex":
        kind, mean = found, required(mean)
    else:
        mean = parameter("normal", "mean", mean, FINITE)
        kind = rules.dtype_of("normal", found, mean, std)
    return Array.of(rules.normal(key_for("normal", key), sizes_of("normal", shape), mean, std, kind))


def truncated_normal(
    shape: int | Sequence[int] = (),
    *,
    low: ArrayLike = -2.0,
    high: ArrayLike = 2.0,
    mean: ArrayLike = 0.0,
    std: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The normal distribution between two bounds, also where they are far out in a tail.

    Args:
        shape: of the result, together with the parameters.
        low: lower bound.
        high: upper bound, above ``low``.
        mean: of the distribution before it was cut.
        std: standard deviation before it was cut, above 0.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.truncated_normal(2, low=5.0, high=6.0, key=eerie.random.key(0))
    Array([5.5308266, 5.670826 ], dtype=float32, device=cpu)
    """
    low = parameter("truncated_normal", "low", low, FINITE)
    high = parameter("truncated_normal", "high", high, FINITE)
    mean = parameter("truncated_normal", "mean", mean, FINITE)
    std = parameter("truncated_normal", "std", std, POSITIVE)
    ordered("truncated_normal", low, high)
    return drawn(rules.truncated_normal, shape, key, dtype, low, high, mean, std)


def laplace(
    shape: int | Sequence[int] = (),
    *,
    mean: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Laplace distribution, of density ``exp(-abs(x - mean) / scale) / (2 * scale)``.

    Args:
        shape: of the result, together with the parameters.
        mean: centre.
        scale: mean distance from the centre, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.laplace(2, key=eerie.random.key(0))
    Array([-0.11055823, -0.04378491], dtype=float32, device=cpu)
    """
    mean = parameter("laplace", "mean", mean, FINITE)
    scale = parameter("laplace", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.laplace, shape, key, dtype, mean, scale)


def logistic(
    shape: int | Sequence[int] = (),
    *,
    mean: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The logistic distribution, of distribution function ``1 / (1 + exp(-(x - mean) / scale))``.

    Args:
        shape: of the result, together with the parameters.
        mean: centre.
        scale: width, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.logistic(2, key=eerie.random.key(0))
    Array([-0.21010107, -0.08573288], dtype=float32, device=cpu)
    """
    mean = parameter("logistic", "mean", mean, FINITE)
    scale = parameter("logistic", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.logistic, shape, key, dtype, mean, scale)


def gumbel(
    shape: int | Sequence[int] = (),
    *,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Gumbel distribution, of distribution function ``exp(-exp(-(x - location) / scale))``.

    Args:
        shape: of the result, together with the parameters.
        location: mode.
        scale: width, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.gumbel(2, key=eerie.random.key(0))
    Array([0.2185225, 0.3052595], dtype=float32, device=cpu)
    """
    location = parameter("gumbel", "location", location, FINITE)
    scale = parameter("gumbel", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.gumbel, shape, key, dtype, location, scale)


def cauchy(
    shape: int | Sequence[int] = (),
    *,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Cauchy distribution, of density ``1 / (pi * scale * (1 + ((x - location) / scale)**2))``.

    Args:
        shape: of the result, together with the parameters.
        location: centre.
        scale: half of the distance between the quartiles, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.cauchy(2, key=eerie.random.key(0))
    Array([-0.16590616, -0.06739488], dtype=float32, device=cpu)
    """
    location = parameter("cauchy", "location", location, FINITE)
    scale = parameter("cauchy", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.cauchy, shape, key, dtype, location, scale)


def student_t(
    shape: int | Sequence[int] = (),
    *,
    df: ArrayLike,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """Student's t distribution.

    Args:
        shape: of the result, together with the parameters.
        df: degrees of freedom, above 0.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.student_t(2, df=3.0, key=eerie.random.key(0))
    Array([-0.5938713,  0.47232  ], dtype=float32, device=cpu)
    """
    df = parameter("student_t", "df", df, POSITIVE)
    return drawn(rules.student_t, shape, key, dtype, df)
