"""Real and imaginary parts, and complex numbers made of them.

Cotangents of complex numbers follow the convention of JAX: that of z = x + yi, for a real loss L, is
dL/dx - i * dL/dy. With it the rule of a holomorphic function is that of the real one, without conjugates: the
cotangent times the derivative. Where a real number became a complex one, its cotangent is the real part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import COMPLEXES, complex64, complex128, float32, float64, real_part
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Cotangents
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.constant import like


class Real(Elementwise):
    """The real part of a complex number."""

    name = "real"
    takes = COMPLEXES

    def infer(self, *avals: Aval) -> Aval:
        x = super().infer(*avals)
        return x.with_dtype(real_part(x.dtype))

    def reference(self, x: Any) -> Any:
        return np.array(x.real)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.real(x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (complex_(ct, like(ct, 0)),)


class Imag(Elementwise):
    """The imaginary part of a complex number."""

    name = "imag"
    takes = COMPLEXES

    def infer(self, *avals: Aval) -> Aval:
        x = super().infer(*avals)
        return x.with_dtype(real_part(x.dtype))

    def reference(self, x: Any) -> Any:
        return np.array(x.imag)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.imag(x)

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (conj(complex_(like(ct, 0), ct)),)


class Complex(Elementwise):
    """The complex number with a real and an imaginary part, float32 or float64."""

    name = "complex_"
    takes = (float32, float64)

    def infer(self, *avals: Aval) -> Aval:
        x = super().infer(*avals)
        return x.with_dtype(complex64 if x.dtype is float32 else complex128)

    def reference(self, re: Any, im: Any) -> Any:
        result = np.empty(np.shape(re), np.result_type(re, np.complex64))
        result.real, result.imag = re, im
        return result

    def scalar(self, s: Any, re: Any, im: Any) -> Any:
        return s.complex(re, im)

    def vjp(self, ct: Node, out: Node, re: Node, im: Node) -> Cotangents:
        return real(ct), imag(conj(ct))


class Conj(Elementwise):
    """The conjugate of a complex number: the imaginary part negated."""

    name = "conj"
    takes = COMPLEXES

    def reference(self, x: Any) -> Any:
        return np.conjugate(x)

    def scalar(self, s: Any, x: Any) -> Any:
        return s.complex(s.real(x), s.neg(s.imag(x)))

    def vjp(self, ct: Node, out: Node, x: Node) -> Cotangents:
        return (conj(ct),)


real = Real()
imag = Imag()
complex_ = Complex()
conj = Conj()
