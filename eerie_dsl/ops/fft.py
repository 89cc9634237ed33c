"""Discrete Fourier transforms along the last axis: of complex numbers, of real ones, and back to real ones.

With a ``scale`` of 1 nothing is divided by the size, in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

import numpy as np

from eerie_dsl.errors import ShapeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import COMPLEXES, complex64, complex128, float32, float64, int64, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents, Primitive
from eerie_dsl.ops import shape
from eerie_dsl.ops.arithmetic import add, multiply
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.comparison import equal
from eerie_dsl.ops.complex import complex_, conj, imag, real
from eerie_dsl.ops.constant import full, like
from eerie_dsl.ops.fourier import Pair, transform
from eerie_dsl.ops.logical import logical_or
from eerie_dsl.ops.selection import select
from eerie_dsl.ops.shape import Batched, front


class Fft(Primitive):
    """``scale`` times the sums of ``x[j] * exp(-2 pi i j k / n)``, or of ``exp(2 pi i j k / n)`` if ``inverse``."""

    name = "fft"

    def infer(self, x: Aval, *, inverse: bool, scale: float) -> Aval:
        check_dtype(self, x.dtype, COMPLEXES)
        _check_size(self, x, x.shape[-1] if x.ndim else 0)
        return x

    def reference(self, x: Any, *, inverse: bool, scale: float) -> Any:
        found = np.fft.ifft(x, norm="forward") if inverse else np.fft.fft(x)
        return _scaled(found, scale)

    def decompose(self, x: Node, *, inverse: bool, scale: float) -> Node:
        if x.aval.size == 0:
            return like(x, 0)
        columns = _lines(real(x)), _lines(imag(x))
        return _joined(transform(columns, 1 if inverse else -1, scale), x.aval)

    def vjp(self, ct: Node, out: Node, x: Node, *, inverse: bool, scale: float) -> Cotangents:
        return (fft(ct, inverse=inverse, scale=scale),)  # the matrix is symmetric

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, inverse: bool, scale: float) -> Batched:
        return self(front(inputs[0], dims[0]), inverse=inverse, scale=scale), 0

    def flops(self, x: Aval, *, out: Aval, inverse: bool, scale: float) -> int:
        return 2 * _flops(x)


class Rfft(Primitive):
    """The first ``n // 2 + 1`` results of `Fft` on ``n`` real numbers; the others are their conjugates."""

    name = "rfft"

    def infer(self, x: Aval, *, scale: float) -> Aval:
        check_dtype(self, x.dtype, (float32, float64))
        _check_size(self, x, x.shape[-1] if x.ndim else 0)
        dtype = complex64 if x.dtype is float32 else complex128
        return Aval((*x.shape[:-1], x.shape[-1] // 2 + 1), dtype)

    def reference(self, x: Any, *, scale: float) -> Any:
        return _scaled(np.fft.rfft(x), scale)

    def decompose(self, x: Node, *, scale: float) -> Node:
        out = self.infer(x.aval, scale=scale)
        if out.size == 0:
            return full(out, 0)
        re, im = transform((_lines(x), None), -1, scale)
        assert im is not None
        return _joined((_first(re, out.shape[-1]), _first(im, out.shape[-1])), out)

    def vjp(self, ct: Node, out: Node, x: Node, *, scale: float) -> Cotangents:
        none = (0,) * ct.ndim
        missing = x.shape[-1] - ct.shape[-1]
        whole = shape.pad(ct, low=none, high=(*none[1:], missing), interior=none, value=0)
        return (real(fft(whole, inverse=False, scale=scale)),)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, scale: float) -> Batched:
        return self(front(inputs[0], dims[0]), scale=scale), 0

    def flops(self, x: Aval, *, out: Aval, scale: float) -> int:
        return _flops(x)


class Irfft(Primitive):
    """The ``size`` real numbers whose `Fft` in the inverse direction begins with the operand's ``size // 2 + 1``.

    The imaginary parts that such a transform cannot have, of the first and for an even size the last number, are
    taken as zero.
    """

    name = "irfft"

    def infer(self, x: Aval, *, size: int, scale: float) -> Aval:
        check_dtype(self, x.dtype, COMPLEXES)
        _check_size(self, x, size)
        if x.shape[-1] != size // 2 + 1:
            raise ShapeError(f"irfft of {x} to {size} real numbers needs {size // 2 + 1} complex ones")
        return Aval((*x.shape[:-1], size), real_part(x.dtype))

    def reference(self, x: Any, *, size: int, scale: float) -> Any:
        return _scaled(np.fft.irfft(x, size, norm="forward"), scale)

    def decompose(self, x: Node, *, size: int, scale: float) -> Node:
        out = self.infer(x.aval, size=size, scale=scale)
        if out.size == 0:
            return full(out, 0)
        # The real part of twice the half is the whole.
        high = (*(0,) * (x.ndim - 1), size - x.shape[-1])
        none = (0,) * x.ndim
        whole = shape.pad(_doubled(x, size), low=none, high=high, interior=none, value=0)
        re, im = _lines(real(whole)), _lines(imag(whole))
        result, _ = transform((re, im), 1, scale, real=True)
        return shape.reshape(result, shape=out.shape)

    def vjp(self, ct: Node, out: Node, x: Node, *, size: int, scale: float) -> Cotangents:
        return (_doubled(conj(rfft(ct, scale=scale)), size),)

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], *, size: int, scale: float) -> Batched:
        return self(front(inputs[0], dims[0]), size=size, scale=scale), 0

    def flops(self, x: Aval, *, out: Aval, size: int, scale: float) -> int:
        return _flops(out)


fft = Fft()
rfft = Rfft()
irfft = Irfft()


def _check_size(op: Primitive, x: Aval, size: int) -> None:
    if not x.ndim:
        raise ShapeError(f"{op.name} of {x} needs an axis")
    if size < 1:
        raise ShapeError(f"{op.name} of {x}: a transform of {size} elements", hint="give at least one element")


def _scaled(array: Any, scale: float) -> Any:
    return array if scale == 1 else array * scale


def _lines(x: Node) -> Node:
    return shape.reshape(x, shape=(x.aval.size // x.shape[-1], x.shape[-1], 1))


def _first(x: Node, count: int) -> Node:
    return shape.slice(x, starts=(0, 0, 0), stops=(x.shape[0], count, 1), strides=(1, 1, 1))


def _joined(x: Pair, out: Aval) -> Node:
    re, im = x
    assert im is not None
    return shape.reshape(complex_(re, im), shape=out.shape)


def _doubled(x: Node, size: int) -> Node:
    """Each element twice that stands for its conjugate too: all but the first and, of an even size, the last."""
    place = shape.iota(shape=x.shape, dtype=int64, axis=x.ndim - 1)
    alone = logical_or(equal(place, like(place, 0)), equal(multiply(place, like(place, 2)), like(place, size)))
    return select(alone, x, add(x, x))


def _flops(x: Aval) -> int:
    return round(2.5 * x.size * max(log2(x.shape[-1]), 1)) if x.size else 0
