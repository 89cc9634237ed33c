"""Functions of complex NumPy arrays where NumPy's own lose accuracy or depart from annex G of C99."""

from __future__ import annotations

from typing import Any

import numpy as np


def expm1(z: Any) -> Any:
    """e**z - 1."""
    a, b = _wide(z).real, _wide(z).imag
    whole = np.exp(_wide(z))
    half = np.sin(b / 2)
    near = np.expm1(a) * np.cos(b) - 2 * half * half + 0.0  # never -0
    usual = np.isfinite(a) & np.isfinite(b) & np.isfinite(np.expm1(a))
    return _joined(np.where(usual, near, whole.real - 1), whole.imag, z)


def log1p(z: Any) -> Any:
    """log(1 + z)."""
    wide = z.astype(np.clongdouble if z.dtype == np.complex128 else np.complex128)
    a, b = wide.real, wide.imag
    beyond = a * a + b * b + 2 * a  # |1 + z|**2 - 1
    far = np.log(_joined(1 + z.real.astype(np.float64), z.imag, _wide(z)))
    near = (beyond > -0.5) & (beyond < 1)
    return _joined(np.where(near, np.log1p(np.where(near, beyond, 0)) / 2, far.real), far.imag, z)


def tanh(z: Any) -> Any:
    """Hyperbolic tangent: at infinity the imaginary part is a zero with the sign of that of ``z``."""
    result = np.tanh(z)
    zero = np.isinf(z.real) & (result.imag == 0)
    return _joined(result.real, np.where(zero, np.copysign(0, z.imag), result.imag), z)


def tan(z: Any) -> Any:
    """Tangent, by `tanh`."""
    turned = tanh(_joined(-z.imag, z.real, z))
    return _joined(turned.imag, -turned.real, z)


def sign(z: Any) -> Any:
    """z / abs(z): the parts keep their signs, and NaN in one of them makes NaN of both."""
    result = np.sign(z)
    undefined = np.isnan(z.real) | np.isnan(z.imag)
    re, im = (np.where(undefined, np.nan, np.copysign(r, p)) for r, p in ((result.real, z.real), (result.imag, z.imag)))
    return np.where(z == 0, 0, _joined(re, im, z)).astype(z.dtype)


def _wide(z: Any) -> Any:
    return z.astype(np.complex128)


def _joined(re: Any, im: Any, like: Any) -> Any:
    result = np.empty(np.shape(like), like.dtype)
    result.real, result.imag = re, im
    return result
