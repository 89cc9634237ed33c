"""Continuous distributions of positive numbers.

Every function takes a shape first and the rest by name. Parameters may be arrays: the result has the shape that
``shape`` and they broadcast to. Parameters that are Python numbers are checked; array parameters outside their domain
give NaN. ``key=None`` takes the next key of the default stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike
from eerie_dsl.api.functions.random_parameters import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    drawn,
    parameter,
)
from eerie_dsl.ops.composite import random as rules


def lognormal(
    shape: int | Sequence[int] = (),
    *,
    mean: ArrayLike = 0.0,
    std: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """``exp`` of normal numbers.

    Args:
        shape: of the result, together with the parameters.
        mean: of the logarithm.
        std: standard deviation of the logarithm, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.lognormal(2, key=eerie.random.key(0))
    Array([0.87672883, 0.94769925], dtype=float32, device=cpu)
    """
    mean = parameter("lognormal", "mean", mean, FINITE)
    std = parameter("lognormal", "std", std, NOT_NEGATIVE)
    return drawn(rules.lognormal, shape, key, dtype, mean, std)


def exponential(
    shape: int | Sequence[int] = (),
    *,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The exponential distribution, of density ``exp(-x / scale) / scale``.

    Args:
        shape: of the result, together with the parameters.
        scale: mean, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.exponential(2, scale=3.0, key=eerie.random.key(0))
    Array([ 8.850388, 11.530273], dtype=float32, device=cpu)
    """
    scale = parameter("exponential", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.exponential, shape, key, dtype, scale)


def weibull(
    shape: int | Sequence[int] = (),
    *,
    concentration: ArrayLike,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Weibull distribution, of distribution function ``1 - exp(-(x / scale)**concentration)``.

    Args:
        shape: of the result, together with the parameters.
        concentration: shape parameter, above 0.
        scale: 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.weibull(2, concentration=2.0, key=eerie.random.key(0))
    Array([1.717594 , 1.9604654], dtype=float32, device=cpu)
    """
    concentration = parameter("weibull", "concentration", concentration, POSITIVE)
    scale = parameter("weibull", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.weibull, shape, key, dtype, concentration, scale)


def pareto(
    shape: int | Sequence[int] = (),
    *,
    concentration: ArrayLike,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Pareto distribution, of distribution function ``1 - (scale / x)**concentration`` from ``scale`` on.

    Args:
        shape: of the result, together with the parameters.
        concentration: shape parameter, above 0.
        scale: smallest value, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.pareto(2, concentration=3.0, key=eerie.random.key(0))
    Array([2.6734679, 3.6007476], dtype=float32, device=cpu)
    """
    concentration = parameter("pareto", "concentration", concentration, POSITIVE)
    scale = parameter("pareto", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.pareto, shape, key, dtype, concentration, scale)


def rayleigh(
    shape: int | Sequence[int] = (),
    *,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The Rayleigh distribution, of distribution function ``1 - exp(-(x / scale)**2 / 2)``.

    Args:
        shape: of the result, together with the parameters.
        scale: mode, 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.rayleigh(2, key=eerie.random.key(0))
    Array([2.4290447, 2.7725167], dtype=float32, device=cpu)
    """
    scale = parameter("rayleigh", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.rayleigh, shape, key, dtype, scale)


def gamma(
    shape: int | Sequence[int] = (),
    *,
    alpha: ArrayLike,
    scale: ArrayLike = 1.0,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The gamma distribution, of density proportional to ``x**(alpha - 1) * exp(-x / scale)``.

    Args:
        shape: of the result, together with the parameters.
        alpha: shape parameter, above 0; below 1 as well.
        scale: 0 or more.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.gamma(2, alpha=0.5, key=eerie.random.key(0))
    Array([0.95994556, 0.23295334], dtype=float32, device=cpu)
    """
    alpha = parameter("gamma", "alpha", alpha, POSITIVE)
    scale = parameter("gamma", "scale", scale, NOT_NEGATIVE)
    return drawn(rules.gamma, shape, key, dtype, alpha, scale)


def beta(
    shape: int | Sequence[int] = (),
    *,
    a: ArrayLike,
    b: ArrayLike,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The beta distribution, of density proportional to ``x**(a - 1) * (1 - x)**(b - 1)``.

    Args:
        shape: of the result, together with the parameters.
        a: above 0.
        b: above 0.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.beta(2, a=2.0, b=3.0, key=eerie.random.key(0))
    Array([0.48953015, 0.3081559 ], dtype=float32, device=cpu)
    """
    a = parameter("beta", "a", a, POSITIVE)
    b = parameter("beta", "b", b, POSITIVE)
    return drawn(rules.beta, shape, key, dtype, a, b)


def chisquare(
    shape: int | Sequence[int] = (),
    *,
    df: ArrayLike,
    dtype: Any = None,
    key: ArrayLike | None = None,
) -> Array:
    """The chi-square distribution: the sum of ``df`` squares of standard normal numbers.

    Args:
        shape: of the result, together with the parameters.
        df: degrees of freedom, above 0.
        dtype: of the result; default: that of floating point array parameters, else float32.
        key: where the numbers come from; default: the default stream.

    Raises:
        InvalidValueError: a parameter outside its domain.
        ShapeError: shapes that do not broadcast, or a key of another shape.

    >>> import eerie_dsl as eerie
    >>> eerie.random.chisquare(2, df=3.0, key=eerie.random.key(0))
    Array([3.8653018, 1.9371927], dtype=float32, device=cpu)
    """
    df = parameter("chisquare", "df", df, POSITIVE)
    return drawn(rules.chisquare, shape, key, dtype, df)
