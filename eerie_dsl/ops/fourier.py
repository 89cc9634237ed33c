"""The discrete Fourier transform of pairs of real arrays, as products with small matrices.

One step takes a factor ``r`` of the size: an ``r`` by ``r`` product, then a turn of each element by a root of unity.
The results of the steps line up behind what is left to transform, the latest first, so that every step is a plain
matrix product and the last one leaves the frequencies in their order. What has prime factors beyond `LARGEST` is
computed as a convolution of a size that has none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, reduce
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.ir.dtypes import DType, int64
from eerie_dsl.ir.graph import Graph, Node, placeholder
from eerie_dsl.ir.primitive import project
from eerie_dsl.ops import shape
from eerie_dsl.ops.arithmetic import add, minimum, multiply, negative, remainder, subtract
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.comparison import equal, greater_equal, less
from eerie_dsl.ops.constant import constant_of, like
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.fused import fused
from eerie_dsl.ops.logical import logical_xor
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.trigonometric import cos, sin

Roots = tuple[Node, Node]
Pair = tuple[Node, Node | None]
"""Real and imaginary parts; None for an imaginary part that is zero, or that nobody asked for."""

LARGEST = 64
"""The largest factor that is transformed as one matrix product."""
_PASS = 24  # what a step costs beside its arithmetic, in rows of its matrix; measured
_TABLE = 1 << 16  # roots of unity that a program holds as a table; more are computed when it runs


def transform(x: Pair, sign: int, scale: float = 1.0, *, real: bool = False) -> Pair:
    """``scale`` times the sums of ``x[j] * exp(sign * 2 pi i j k / n)`` over the middle one of three axes.

    Args:
        x: arrays of shape ``(batch, n, columns)``.
        sign: 1 or -1.
        scale: of the result.
        real: leave out the imaginary part of the result.
    """
    batch, size, columns = whole = x[0].shape
    dtype = x[0].dtype
    radices, rest = plan(size)
    left = size
    for radix in radices:
        left //= radix
        columns *= radix
        x = _each(x, partial(shape.reshape, shape=(batch, radix, left, columns // radix)))
        x = _step(x, _matrix(radix, sign, scale, dtype), real=real and left == 1)
        if left > 1:
            x = _product(x, _turns(left, radix, sign, dtype))
        scale = 1.0
    if rest > 1:
        x = _convolved(_each(x, partial(shape.reshape, shape=(batch, rest, columns))), sign, scale, real=real)
    re, im = _each(x, partial(shape.reshape, shape=whole))
    return re, im


@lru_cache(maxsize=256)
def plan(size: int) -> tuple[tuple[int, ...], int]:
    """The factors of ``size`` to take in turn, and what is left: 1, or a product of primes beyond `LARGEST`."""
    smooth, rest = 1, size
    for p in range(2, LARGEST + 1):
        while rest % p == 0:
            smooth, rest = smooth * p, rest // p
    if size == 1:
        return (1,), 1
    return tuple(sorted(_cheapest(smooth)[1], reverse=True)), rest


@lru_cache(maxsize=1024)
def _cheapest(size: int) -> tuple[int, tuple[int, ...]]:
    if size == 1:
        return 0, ()
    ways = []
    for radix in range(2, LARGEST + 1):
        if size % radix == 0:
            cost, others = _cheapest(size // radix)
            ways.append((cost + radix + _PASS, (radix, *others)))
    return min(ways)


def _step(x: Pair, roots: Roots, *, real: bool) -> Pair:
    """The matrix of roots times the second axis, which moves behind the third."""
    re, im = x
    c, s = roots

    def times(part: Node, matrix: Node) -> Node:
        out = dot(part, matrix, contract=((1,), (0,)), batch=((), ()), dtype=part.dtype)
        return shape.transpose(out, axes=(0, 1, 3, 2))

    if im is None:
        return times(re, c), None if real else times(re, s)
    first = subtract(times(re, c), times(im, s))
    return first, None if real else add(times(im, c), times(re, s))


def _matrix(radix: int, sign: int, scale: float, dtype: DType) -> Roots:
    return _roots(np.outer(np.arange(radix), np.arange(radix)), radix, sign, dtype, scale)


def _convolved(x: Pair, sign: int, scale: float, *, real: bool) -> Pair:
    # With 2jk = j^2 + k^2 - (k - j)^2 the sum is a convolution with the roots of the squares (Bluestein).
    size, dtype = x[0].shape[1], x[0].dtype
    padded = min(k << (-(-(2 * size - 1) // k) - 1).bit_length() for k in (1, 3, 5))
    chirp = _chirp(size, sign, dtype)
    spectrum = transform(_each(_apart(x, chirp), lambda v: _padded(v, padded)), -1)
    spectrum = _product(spectrum, _filter(size, padded, -sign, scale / padded, dtype))
    result = _each(transform(spectrum, 1), lambda v: _cut(v, size))
    return _product(result, chirp, real=real)


def _chirp(size: int, sign: int, dtype: DType) -> Roots:
    """``exp(sign * pi i k^2 / size)``."""
    if size <= _TABLE:
        return _roots(np.arange(size) ** 2 % (2 * size), 2 * size, sign, dtype)
    return _squares(shape.iota(shape=(size,), dtype=int64, axis=0), size, sign, dtype)


def _filter(size: int, padded: int, sign: int, scale: float, dtype: DType) -> Roots:
    """The transform of the chirp that lies around 0 in a cycle of ``padded`` elements."""
    if padded <= _TABLE:
        places = np.minimum(np.arange(padded), padded - np.arange(padded))
        chirp = np.exp(places**2 % (2 * size) * (sign * 1j * pi / size))
        found = np.fft.fft(np.where(places < size, chirp, 0)) * scale
        return constant_of(found.real, dtype), constant_of(found.imag, dtype)
    along = shape.iota(shape=(padded,), dtype=int64, axis=0)
    distance = minimum(along, subtract(like(along, padded), along))
    inside = less(distance, like(distance, size))
    cycle = _each(_squares(distance, size, sign, dtype), lambda v: select(inside, v, like(v, 0)))
    spectrum = transform(_each(cycle, partial(shape.reshape, shape=(1, padded, 1))), -1, scale)
    re, im = _each(spectrum, partial(shape.reshape, shape=(padded,)))
    return re, im


def _squares(places: Node, size: int, sign: int, dtype: DType) -> Roots:
    return _computed(remainder(multiply(places, places), like(places, 2 * size)), 2 * size, sign, dtype)


def _turns(left: int, radix: int, sign: int, dtype: DType) -> Roots:
    """By what each element is turned after a step: ``(left, radix)``."""
    size = left * radix
    if size <= _TABLE:
        exponents = np.outer(np.arange(left), np.arange(radix))
        return _roots(exponents, size, sign, dtype)
    row, column = (shape.iota(shape=(left, radix), dtype=int64, axis=a) for a in (0, 1))
    return _computed(multiply(row, column), size, sign, dtype)


def _roots(exponents: NDArray[Any], modulus: int, sign: int, dtype: DType, scale: float = 1.0) -> Roots:
    """``scale * exp(sign * 2 pi i e / modulus)`` as tables."""
    values = np.exp(exponents % modulus * (sign * 2j * pi / modulus)) * scale
    return constant_of(values.real, dtype), constant_of(values.imag, dtype)


def _computed(exponents: Node, modulus: int, sign: int, dtype: DType) -> Roots:
    """The same for int64 exponents from 0 to ``modulus - 1``: of angles brought near 0 in exact integers."""
    eighths = multiply(exponents, like(exponents, 8))
    first, second, third, fourth = passed = [greater_equal(eighths, like(eighths, k * modulus)) for k in (1, 3, 5, 7)]
    quarters = reduce(add, (cast(p, dtype=int64) for p in passed))
    near = subtract(multiply(exponents, like(exponents, 4)), multiply(quarters, like(quarters, modulus)))
    part = cast(near, dtype=dtype)
    angle = multiply(part, like(part, pi / 2 / modulus))
    along, across = cos(angle), sin(angle)
    odd = reduce(logical_xor, passed)
    c, s = select(odd, across, along), select(odd, along, across)
    return (
        select(logical_xor(first, third), negative(c), c),
        select(logical_xor(second, fourth) if sign > 0 else equal(second, fourth), negative(s), s),
    )


def _product(x: Pair, y: Roots, *, real: bool = False) -> Pair:
    """Element by element; the axes of ``y`` are those of ``x`` from the second on."""
    re, im = x
    c, s = (shape.broadcast(v, shape=re.shape, axes=tuple(range(1, v.ndim + 1))) for v in y)
    if im is None:
        return multiply(re, c), None if real else multiply(re, s)
    first = subtract(multiply(re, c), multiply(im, s))
    return first, None if real else add(multiply(re, s), multiply(im, c))


def _each(x: Pair, function: Callable[[Node], Node]) -> Any:
    """Both parts changed alike."""
    re, im = x
    return function(re), None if im is None else function(im)


def _apart(x: Pair, y: Roots) -> Pair:
    """`_product` as one kernel: what comes before it may not join those that put its results into larger arrays.

    The compiler refuses some kernels of matrix products with two such results.
    """
    operands = [v for v in (*x, *y) if v is not None]
    inner = [placeholder(v.aval) for v in operands]
    re, im = _product((inner[0], inner[1] if len(inner) == 4 else None), (inner[-2], inner[-1]))
    assert im is not None
    both = fused(*operands, graph=Graph.of(inner, [re, im]))
    return project(both, index=0), project(both, index=1)


def _padded(x: Node, size: int) -> Node:
    return shape.pad(x, low=(0, 0, 0), high=(0, size - x.shape[1], 0), interior=(0, 0, 0), value=0)


def _cut(x: Node, size: int) -> Node:
    return shape.slice(x, starts=(0, 0, 0), stops=(x.shape[0], size, x.shape[2]), strides=(1, 1, 1))
