"""Distributions over nodes: from a key, a shape and parameters that broadcast with it.

16-bit floats are computed in float32 and rounded once. Array parameters outside their domain give NaN, and counts of
-1; numbers are checked where the call is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import FLOATS, SIGNED, DType, float32, promote, real_part, uint64
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import constant
from eerie_dsl.ops.cast import bitcast
from eerie_dsl.ops.complex import complex_
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.promotion import Operand, as_dtype, broadcast_shapes, broadcast_to, scalar
from eerie_dsl.ops.composite.reduction import wide
from eerie_dsl.ops.normal import normal_quantile, normal_tail
from eerie_dsl.ops.random import random_bits, random_integers, random_tail, random_uniform
from eerie_dsl.ops.rejection import count_quantile, random_binomial, random_gamma, random_poisson

FEW = 10.0
"""Up to this mean, counts are found by inversion."""
NEXT = 4
"""Distance of streams between draws for one result: more than any draw uses."""

like = constant.like

# The smallest normal numbers: what lies below them may count as 0.
_TINY = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def dtype_of(op: str, dtype: DType | None, *parameters: Operand) -> DType:
    """The dtype of a result: the one asked for, else that of the floating point parameters, else float32."""
    if dtype is None:
        for x in parameters:
            if isinstance(x, Node) and not x.weak and x.dtype.kind == "float":
                dtype = x.dtype if dtype is None else promote(dtype, x.dtype)
        return dtype or float32
    if dtype not in FLOATS:
        raise DTypeError(f"{op} does not give {dtype.name}", hint="use float16, bfloat16, float32 or float64")
    return dtype


def full_shape(op: str, shape: Shape, *parameters: Operand) -> Shape:
    """The shape together with those of the parameters."""
    shapes = [x.shape for x in parameters if isinstance(x, Node) and x.shape]
    return broadcast_shapes(op, shape, *shapes) if shapes else shape


def bits(key: Node, shape: Shape, dtype: DType) -> Node:
    """Unsigned integers, all equally likely."""
    drawn = random_bits(key, shape=shape, stream=0, bits=64 if dtype.bits == 64 else 32)
    if dtype.bits < 32:
        drawn = ew.bitwise_right_shift(drawn, like(drawn, 32 - dtype.bits))
    return ew.astype(drawn, dtype)


def uniform(key: Node, shape: Shape, low: Operand, high: Operand, dtype: DType) -> Node:
    """In [low, high), never ``high``."""
    shape = full_shape("uniform", shape, low, high)
    u = random_uniform(key, shape=shape, stream=0, dtype=dtype)
    if not isinstance(low, Node) and not isinstance(high, Node):
        if low == 0 and high == 1:
            return u
        first, end = float(low), float(high)  # type: ignore[arg-type]
        return ew.minimum(ew.add(ew.multiply(u, end - first), first), last_below(end, dtype))
    low, high = as_dtype(low, dtype), as_dtype(high, dtype)
    result = ew.minimum(ew.add(ew.multiply(u, ew.subtract(high, low)), low), _below(high))
    return _valid(ew.less(low, high), result)


def last_below(number: float, dtype: DType) -> float:
    """The largest value of a dtype that is below a number."""
    import numpy as np

    near = dtype.numpy.type(number)
    if number == 0:
        return -_TINY[dtype.name]
    return float(near if float(near) < number else np.nextafter(near, dtype.numpy.type(-math.inf)))


def normal(key: Node, shape: Shape, mean: Operand, std: Operand, dtype: DType) -> Node:
    """The normal distribution, by its quantile function; the parts of complex numbers have half the variance each."""
    shape = full_shape("normal", shape, mean, std)
    part = wide(real_part(dtype))
    x = standard_normal(key, shape, part)
    if dtype.kind == "complex":
        half = like(x, math.sqrt(0.5))
        x = complex_(ew.multiply(x, half), ew.multiply(standard_normal(key, shape, part, 1), half))
    return _affine(x, mean, std, dtype)


def standard_normal(key: Node, shape: Shape, dtype: DType, stream: int = 0) -> Node:
    """Mean 0, variance 1; float32 or float64."""
    return normal_quantile(random_tail(key, shape=shape, stream=stream, dtype=dtype))


def _affine(x: Node, mean: Operand, scale: Operand, dtype: DType) -> Node:
    kind = x.dtype
    if isinstance(scale, Node):
        real = as_dtype(scale, real_part(kind))
        factor = _valid(ew.greater_equal(real, like(real, 0)), real)
        x = ew.multiply(x, ew.astype(factor, kind))
    elif scale != 1:
        x = ew.multiply(x, scale)
    if isinstance(mean, Node):
        x = ew.add(x, as_dtype(mean, kind))
    elif mean != 0:
        x = ew.add(x, mean)
    return ew.astype(x, dtype)


def truncated_normal(
    key: Node, shape: Shape, low: Operand, high: Operand, mean: Operand, std: Operand, dtype: DType
) -> Node:
    """The normal distribution between two bounds: the quantile of a uniform number between their probabilities."""
    shape = full_shape("truncated_normal", shape, low, high, mean, std)
    kind = wide(dtype)
    low, high = as_dtype(low, kind), as_dtype(high, kind)
    u = random_uniform(key, shape=shape, stream=0, dtype=kind)
    middle, spread = as_dtype(mean, kind), as_dtype(std, kind)
    a, b = (ew.divide(ew.subtract(x, middle), spread) for x in (low, high))
    # The upper tail is the one that is known to full precision: intervals below 0 are mirrored.
    mirrored = ew.less(ew.add(a, b), like(ew.add(a, b), 0))
    inner = normal_tail(ew.where(mirrored, ew.negative(b), a))
    outer = normal_tail(ew.where(mirrored, ew.negative(a), b))
    above = ew.subtract(inner, ew.multiply(u, ew.subtract(inner, outer)))
    half = like(above, 0.5)
    signed = ew.where(ew.greater(above, half), ew.subtract(above, like(above, 1.0)), above)
    x = normal_quantile(signed)
    x = ew.add(ew.multiply(ew.where(mirrored, ew.negative(x), x), spread), middle)
    valid = ew.logical_and(ew.less(low, high), ew.greater(spread, like(spread, 0)))
    return ew.astype(_valid(valid, ew.clip(x, low, high)), dtype)


def integers(key: Node, shape: Shape, low: Operand, high: Operand, dtype: DType) -> Node:
    """In [low, high)."""
    shape = full_shape("integers", shape, low, high)
    if not isinstance(low, Node) and not isinstance(high, Node):
        span = int(high - low)  # type: ignore[arg-type]
        reach = scalar(span % (1 << 64), uint64)
        drawn = random_integers(key, broadcast_to(reach, shape), shape=shape, stream=0, wide=span > 1 << 32)
        return ew.add(ew.astype(drawn, dtype), low) if low else ew.astype(drawn, dtype)
    first, last = as_dtype(low, dtype), as_dtype(high, dtype)
    difference = ew.subtract(ew.astype(last, uint64), ew.astype(first, uint64))
    reach = ew.where(ew.less(first, last), difference, like(difference, 1))
    drawn = random_integers(key, broadcast_to(reach, shape), shape=shape, stream=0, wide=dtype.bits == 64)
    return ew.add(ew.astype(drawn, dtype), first)


def bernoulli(key: Node, shape: Shape, p: Operand) -> Node:
    """True with probability ``p``."""
    kind = wide(dtype_of("bernoulli", None, p))
    t = random_tail(key, shape=full_shape("bernoulli", shape, p), stream=0, dtype=kind)
    chance = as_dtype(p, kind)
    below = ew.less(ew.negative(t), chance)
    return ew.where(ew.less(t, like(t, 0)), below, ew.greater(t, ew.subtract(like(chance, 1), chance)))


def rademacher(key: Node, shape: Shape, dtype: DType) -> Node:
    """-1 or 1."""
    drawn = random_bits(key, shape=shape, stream=0, bits=32)
    upper = ew.greater_equal(drawn, like(drawn, 1 << 31))
    aval = Aval(shape, dtype)
    return ew.where(upper, constant.full(aval, 1), constant.full(aval, -1))


def standard_exponential(key: Node, shape: Shape, dtype: DType, stream: int = 0) -> Node:
    """Mean 1; float32 or float64."""
    return ew.negative(ew.log1p(ew.negative(random_uniform(key, shape=shape, stream=stream, dtype=dtype))))


def exponential(key: Node, shape: Shape, scale: Operand, dtype: DType) -> Node:
    """Density ``exp(-x / scale) / scale``."""
    x = standard_exponential(key, full_shape("exponential", shape, scale), wide(dtype))
    return _affine(x, 0, scale, dtype)


def laplace(key: Node, shape: Shape, mean: Operand, scale: Operand, dtype: DType) -> Node:
    """Density ``exp(-|x - mean| / scale) / (2 scale)``."""
    t = _tail(key, full_shape("laplace", shape, mean, scale), dtype)
    return _affine(ew.copysign(ew.log(ew.multiply(ew.absolute(t), like(t, 2.0))), t), mean, scale, dtype)


def logistic(key: Node, shape: Shape, mean: Operand, scale: Operand, dtype: DType) -> Node:
    """Distribution function ``1 / (1 + exp(-(x - mean) / scale))``."""
    t = _tail(key, full_shape("logistic", shape, mean, scale), dtype)
    p = ew.absolute(t)
    x = ew.copysign(ew.subtract(ew.log1p(ew.negative(p)), ew.log(p)), t)
    return _affine(x, mean, scale, dtype)


def gumbel(key: Node, shape: Shape, mean: Operand, scale: Operand, dtype: DType) -> Node:
    """Distribution function ``exp(-exp(-(x - mean) / scale))``."""
    t = _tail(key, full_shape("gumbel", shape, mean, scale), dtype)
    p = ew.absolute(t)
    surprise = ew.where(ew.less(t, like(t, 0)), ew.log(p), ew.log1p(ew.negative(p)))
    return _affine(ew.negative(ew.log(ew.negative(surprise))), mean, scale, dtype)


def cauchy(key: Node, shape: Shape, mean: Operand, scale: Operand, dtype: DType) -> Node:
    """Density ``1 / (pi scale (1 + ((x - mean) / scale)**2))``."""
    t = _tail(key, full_shape("cauchy", shape, mean, scale), dtype)
    return _affine(ew.reciprocal(ew.tan(ew.multiply(t, like(t, math.pi)))), mean, scale, dtype)


def weibull(key: Node, shape: Shape, concentration: Operand, scale: Operand, dtype: DType) -> Node:
    """Distribution function ``1 - exp(-(x / scale)**concentration)``."""
    kind = wide(dtype)
    x = standard_exponential(key, full_shape("weibull", shape, concentration, scale), kind)
    power = _positive(concentration, kind)
    return _affine(ew.power(x, ew.divide(like(power, 1), power)), 0, scale, dtype)


def pareto(key: Node, shape: Shape, concentration: Operand, scale: Operand, dtype: DType) -> Node:
    """Distribution function ``1 - (scale / x)**concentration`` from ``scale`` on."""
    kind = wide(dtype)
    x = standard_exponential(key, full_shape("pareto", shape, concentration, scale), kind)
    return _affine(ew.exp(ew.divide(x, _positive(concentration, kind))), 0, scale, dtype)


def rayleigh(key: Node, shape: Shape, scale: Operand, dtype: DType) -> Node:
    """Distribution function ``1 - exp(-(x / scale)**2 / 2)``."""
    x = standard_exponential(key, full_shape("rayleigh", shape, scale), wide(dtype))
    return _affine(ew.sqrt(ew.add(x, x)), 0, scale, dtype)


def lognormal(key: Node, shape: Shape, mean: Operand, std: Operand, dtype: DType) -> Node:
    """``exp`` of a normal number."""
    return ew.astype(ew.exp(normal(key, shape, mean, std, wide(dtype))), dtype)


def _gamma_parts(key: Node, shape: Shape, alpha: Operand, dtype: DType, stream: int = 0) -> tuple[Node, Node]:
    """A gamma number as a product, the second factor by its logarithm: it may be too small for a float."""
    shape_parameter = broadcast_to(_positive(alpha, dtype), shape)
    # A number of shape alpha is one of shape alpha + 1 times u**(1 / alpha).
    drawn = random_gamma(key, shape_parameter, shape=shape, stream=stream)
    less = ew.divide(standard_exponential(key, shape, dtype, stream + 2), shape_parameter)
    return drawn, ew.negative(less)


def gamma(key: Node, shape: Shape, alpha: Operand, scale: Operand, dtype: DType) -> Node:
    """Density proportional to ``x**(alpha - 1) * exp(-x / scale)``."""
    drawn, power = _gamma_parts(key, full_shape("gamma", shape, alpha, scale), alpha, wide(dtype))
    return _affine(ew.multiply(drawn, ew.exp(power)), 0, scale, dtype)


def log_gamma(key: Node, shape: Shape, alpha: Operand, dtype: DType, stream: int = 0) -> Node:
    """The logarithm of a gamma number of scale 1."""
    drawn, power = _gamma_parts(key, shape, alpha, dtype, stream)
    return ew.add(ew.log(drawn), power)


def beta(key: Node, shape: Shape, a: Operand, b: Operand, dtype: DType) -> Node:
    """Density proportional to ``x**(a - 1) * (1 - x)**(b - 1)``."""
    shape, kind = full_shape("beta", shape, a, b), wide(dtype)
    apart = ew.subtract(log_gamma(key, shape, b, kind, NEXT), log_gamma(key, shape, a, kind))
    one = like(apart, 1)
    return ew.astype(ew.divide(one, ew.add(one, ew.exp(apart))), dtype)


def chisquare(key: Node, shape: Shape, df: Operand, dtype: DType) -> Node:
    """The sum of ``df`` squares of normal numbers."""
    kind = wide(dtype)
    return ew.astype(gamma(key, shape, ew.multiply(as_dtype(df, kind), 0.5), 2.0, kind), dtype)


def student_t(key: Node, shape: Shape, df: Operand, dtype: DType) -> Node:
    """A normal number over the root of an independent `chisquare` over ``df``."""
    shape, kind = full_shape("student_t", shape, df), wide(dtype)
    half = ew.multiply(as_dtype(df, kind), 0.5)
    size = log_gamma(key, shape, half, kind)
    root = ew.exp(ew.multiply(ew.subtract(ew.log(half), size), like(size, 0.5)))
    return ew.astype(ew.multiply(standard_normal(key, shape, kind, NEXT), root), dtype)


def geometric(key: Node, shape: Shape, p: Operand, dtype: DType) -> Node:
    """Trials up to the first success: 1 and above."""
    kind = wide(dtype_of("geometric", None, p))
    chance = as_dtype(p, kind)
    x = standard_exponential(key, full_shape("geometric", shape, p), kind)
    count = ew.floor(ew.divide(x, ew.negative(ew.log1p(ew.negative(chance)))))
    valid = ew.logical_and(ew.greater(chance, like(chance, 0)), ew.less_equal(chance, like(chance, 1)))
    return _count(ew.add(count, like(count, 1)), valid, dtype)


def poisson(key: Node, shape: Shape, rate: Operand, dtype: DType) -> Node:
    """Events of a process with ``rate`` on average."""
    kind = wide(dtype_of("poisson", None, rate))
    mean = as_dtype(rate, kind)
    shape = full_shape("poisson", shape, mean)
    one = like(mean, 1)
    valid = ew.greater_equal(mean, ew.subtract(one, one))

    def few() -> Node:
        return _by_inversion(key, shape, ew.exp(ew.negative(mean)), mean, ew.subtract(one, one))

    def many() -> Node:
        larger = ew.maximum(mean, like(mean, FEW))
        return random_poisson(key, broadcast_to(larger, shape), shape=shape, stream=0)

    return _count(_either(rate, ew.less(mean, like(mean, FEW)), few, many), valid, dtype)


def binomial(key: Node, shape: Shape, n: Operand, p: Operand, dtype: DType) -> Node:
    """Successes in ``n`` trials of probability ``p``."""
    kind = wide(dtype_of("binomial", None, n, p))
    trials, chance = as_dtype(n, kind), as_dtype(p, kind)
    shape = full_shape("binomial", shape, trials, chance)
    zero, one = like(chance, 0), like(chance, 1)
    rest = ew.subtract(one, chance)
    rare = ew.minimum(chance, rest)
    valid = ew.logical_and(ew.greater_equal(rare, zero), ew.greater_equal(trials, like(trials, 0)))
    mean = ew.multiply(trials, rare)

    def few() -> Node:
        odds = ew.divide(rare, ew.subtract(one, rare))
        first = ew.exp(ew.multiply(trials, ew.log1p(ew.negative(rare))))
        return _by_inversion(key, shape, first, ew.multiply(ew.add(trials, like(trials, 1)), odds), odds)

    def many() -> Node:
        safe = ew.where(ew.less(mean, like(mean, FEW)), like(mean, 0.5), rare)
        larger = ew.maximum(trials, like(trials, 2 * FEW))
        operands = (broadcast_to(x, shape) for x in (larger, safe))
        return random_binomial(key, *operands, shape=shape, stream=0)

    static: Operand = mean
    if isinstance(n, int | float) and isinstance(p, int | float):
        static = n * min(p, 1 - p)
    drawn = _either(static, ew.less(mean, like(mean, FEW)), few, many)
    counted = ew.where(ew.equal(rare, chance), drawn, ew.subtract(trials, drawn))
    return _count(counted, valid, dtype)


def _either(mean: Operand, is_few: Node, few: Callable[[], Node], many: Callable[[], Node]) -> Node:
    """The draw that suits the mean: one of the two where that is a number, else both."""
    if isinstance(mean, int | float):
        return few() if mean < FEW else many()
    return ew.where(is_few, few(), many())


def _by_inversion(key: Node, shape: Shape, first: Node, a: Node, b: Node) -> Node:
    t = random_tail(key, shape=shape, stream=NEXT, dtype=first.dtype)
    above = ew.where(ew.less(t, like(t, 0)), ew.add(t, like(t, 1)), t)
    return count_quantile(above, *(broadcast_to(x, shape) for x in (first, a, b)))


def negative_binomial(key: Node, shape: Shape, n: Operand, p: Operand, dtype: DType) -> Node:
    """Failures before ``n`` successes of probability ``p``: a Poisson number of a gamma rate."""
    kind = wide(dtype_of("negative_binomial", None, n, p))
    shape = full_shape("negative_binomial", shape, n, p)
    chance = as_dtype(p, kind)
    odds = ew.divide(ew.subtract(like(chance, 1), chance), chance)
    drawn, power = _gamma_parts(key, shape, n, kind, 2 * NEXT)
    return poisson(key, shape, ew.multiply(ew.multiply(drawn, ew.exp(power)), odds), dtype)


def _count(count: Node, valid: Node, dtype: DType) -> Node:
    return ew.astype(ew.where(valid, count, like(count, -1)), dtype)


def _tail(key: Node, shape: Shape, dtype: DType) -> Node:
    return random_tail(key, shape=shape, stream=0, dtype=wide(dtype))


def _positive(x: Operand, dtype: DType) -> Node:
    node = as_dtype(x, dtype)
    return _valid(ew.greater(node, like(node, 0)), node) if isinstance(x, Node) else node


def _valid(condition: Node, x: Node) -> Node:
    return ew.where(condition, x, like(x, math.nan))


def _below(x: Node) -> Node:
    """The next value below each, of any floating point dtype."""
    kind = next(d for d in SIGNED if d.bits == x.dtype.bits)
    pattern = bitcast(x, dtype=kind)
    one = like(pattern, 1)
    moved = ew.where(ew.greater(pattern, like(pattern, 0)), ew.subtract(pattern, one), ew.add(pattern, one))
    return ew.where(ew.equal(x, like(x, 0)), like(x, -_TINY[x.dtype.name]), bitcast(moved, dtype=x.dtype))
