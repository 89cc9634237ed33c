"""Complex numbers and their parts. Real arrays are complex numbers without an imaginary part."""

from __future__ import annotations

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.ops.composite import elementwise as ew


def real(x: ArrayLike, /) -> Array:
    """The real part.

    Args:
        x: any shape; complex, or real and given back as it is.

    Returns:
        The shape of x; float32 of complex64, float64 of complex128.

    >>> real([1 + 2j, 3 - 4j])
    Array([1., 3.], dtype=float32, device=cpu)
    """
    return Array.of(ew.real(required(x)))


def imag(x: ArrayLike, /) -> Array:
    """The imaginary part; zero of real numbers.

    Args:
        x: any shape.

    Returns:
        The shape of x; float32 of complex64, float64 of complex128.

    >>> imag([1 + 2j, 3 - 4j])
    Array([ 2., -4.], dtype=float32, device=cpu)
    """
    return Array.of(ew.imag(required(x)))


def conj(x: ArrayLike, /) -> Array:
    """The complex conjugate: the imaginary part negated.

    Args:
        x: any shape; complex, or real and given back as it is.

    Returns:
        The shape and dtype of x.

    >>> conj([1 + 2j, 3 - 4j])
    Array([1.-2.j, 3.+4.j], dtype=complex64, device=cpu)
    """
    return Array.of(ew.conj(required(x)))


def angle(x: ArrayLike, /) -> Array:
    """The angle of a complex number from the positive real axis, in radians, in [-pi, pi].

    Args:
        x: any shape.

    Returns:
        The shape of x; the dtype of its real part, float32 for integers and bools.

    >>> angle([1.0, 1j, -1.0])
    Array([0.       , 1.5707964, 3.1415927], dtype=float32, device=cpu)
    """
    return Array.of(ew.angle(required(x)))
