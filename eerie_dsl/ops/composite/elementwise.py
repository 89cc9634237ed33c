"""Elementwise functions over nodes and Python scalars: dtypes promote, shapes broadcast, one primitive is recorded.

What the primitive takes as it is, it gets at once: recording one operation is on the path of every line of a script.
"""

from __future__ import annotations

from collections.abc import Callable

from eerie_dsl.errors import DTypeError
from eerie_dsl.ir.dtypes import (
    DEFAULT_COMPLEX,
    DEFAULT_FLOAT,
    DType,
    bool_,
    complex128,
    float32,
    float64,
)
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops import (
    arithmetic,
    bitwise,
    comparison,
    constant,
    exponential,
    logical,
    rounding,
    selection,
    trigonometric,
)
from eerie_dsl.ops import complex as complexes
from eerie_dsl.ops import power as powers
from eerie_dsl.ops.base import Elementwise
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.composite.promotion import (
    Operand,
    as_dtype,
    broadcast_shapes,
    broadcast_to,
    elementwise,
    result_dtype,
    splat,
    strong,
    to_float,
)

Unary = Callable[[Operand], Node]
Binary = Callable[[Operand, Operand], Node]


def _unary(primitive: Elementwise, *, floats: bool = False) -> Unary:
    """``floats``: integers and bools are computed on as floating point."""
    takes = frozenset(primitive.takes)
    dtype = to_float if floats else None

    def function(x: Operand) -> Node:
        if type(x) is Node and x.aval.dtype in takes and not x.weak:
            return primitive(x)
        return elementwise(primitive, x, dtype=dtype)

    return function


def _binary(primitive: Elementwise, *, boolean: Elementwise | None = None, floats: bool = False) -> Binary:
    """``boolean``: what stands in for the primitive between bools. ``floats``: as for one operand."""
    takes = frozenset(primitive.takes)
    dtype = to_float if floats else None

    def function(x: Operand, y: Operand) -> Node:
        if type(x) is Node and type(y) is Node and (aval := x.aval) is y.aval and aval.dtype in takes:
            if not (x.weak or y.weak):
                return primitive(x, y)
        elif type(x) is Node and type(y) in _NUMBERS and x.aval.dtype in takes and (node := splat(y, x)):  # type: ignore[arg-type]
            return primitive(x, node)
        elif type(y) is Node and type(x) in _NUMBERS and y.aval.dtype in takes and (node := splat(x, y)):  # type: ignore[arg-type]
            return primitive(node, y)
        elif boolean is not None and result_dtype(x, y) is bool_:
            return elementwise(boolean, x, y)
        return elementwise(primitive, x, y, dtype=dtype)

    return function


_NUMBERS = frozenset((int, float))


def _logical(primitive: Elementwise) -> Binary:
    def function(x: Operand, y: Operand) -> Node:
        return elementwise(primitive, truth(x), truth(y))

    return function


def _test(primitive: Elementwise, otherwise: bool) -> Unary:
    """A test of floating point classes; all other numbers give ``otherwise``."""

    def function(x: Operand) -> Node:
        node = strong(x)
        if node.dtype in primitive.takes:
            return primitive(node)
        return constant.full(node.aval.with_dtype(bool_), otherwise)

    return function


def _rounding(primitive: Elementwise) -> Unary:
    """Integers are what they round to."""

    def function(x: Operand) -> Node:
        node = strong(x)
        return primitive(node) if node.dtype.is_inexact else node

    return function


def truth(x: Operand) -> Operand:
    """``x`` as bools: where it is not zero."""
    if not isinstance(x, Node):
        return bool(x)
    return x if x.dtype is bool_ else comparison.not_equal(x, constant.like(x, 0))


def strong_dtype(*operands: Operand) -> DType:
    """The dtype in which the operands meet, where the result is no longer a mere scalar."""
    dtype = result_dtype(*operands)
    if all(not isinstance(x, Node) or x.weak for x in operands):
        return {float64: DEFAULT_FLOAT, complex128: DEFAULT_COMPLEX}.get(dtype, dtype)
    return dtype


add = _binary(arithmetic.add, boolean=logical.logical_or)
subtract = _binary(arithmetic.subtract)
multiply = _binary(arithmetic.multiply, boolean=logical.logical_and)
divide = _binary(arithmetic.divide, floats=True)
floor_divide = _binary(arithmetic.floor_divide)
remainder = _binary(arithmetic.remainder)
maximum = _binary(arithmetic.maximum, boolean=logical.logical_or)
minimum = _binary(arithmetic.minimum, boolean=logical.logical_and)
copysign = _binary(arithmetic.copysign, floats=True)
negative = _unary(arithmetic.negative)
absolute = _unary(arithmetic.abs)
sign = _unary(arithmetic.sign)

bitwise_and = _binary(bitwise.bitwise_and)
bitwise_or = _binary(bitwise.bitwise_or)
bitwise_xor = _binary(bitwise.bitwise_xor)
bitwise_invert = _unary(bitwise.bitwise_not)
bitwise_left_shift = _binary(bitwise.shift_left)
bitwise_right_shift = _binary(bitwise.shift_right)

logical_and = _logical(logical.logical_and)
logical_or = _logical(logical.logical_or)
logical_xor = _logical(logical.logical_xor)

equal = _binary(comparison.equal)
not_equal = _binary(comparison.not_equal)
less = _binary(comparison.less)
less_equal = _binary(comparison.less_equal)
greater = _binary(comparison.greater)
greater_equal = _binary(comparison.greater_equal)
isnan = _test(comparison.is_nan, False)
isinf = _test(comparison.is_inf, False)
isfinite = _test(comparison.is_finite, True)

exp = _unary(exponential.exp, floats=True)
exp2 = _unary(exponential.exp2, floats=True)
expm1 = _unary(exponential.expm1, floats=True)
log = _unary(exponential.log, floats=True)
log2 = _unary(exponential.log2, floats=True)
log10 = _unary(exponential.log10, floats=True)
log1p = _unary(exponential.log1p, floats=True)
sin = _unary(trigonometric.sin, floats=True)
cos = _unary(trigonometric.cos, floats=True)
tan = _unary(trigonometric.tan, floats=True)
asin = _unary(trigonometric.asin, floats=True)
acos = _unary(trigonometric.acos, floats=True)
atan = _unary(trigonometric.atan, floats=True)
sinh = _unary(exponential.sinh, floats=True)
cosh = _unary(exponential.cosh, floats=True)
tanh = _unary(exponential.tanh, floats=True)
asinh = _unary(exponential.asinh, floats=True)
acosh = _unary(exponential.acosh, floats=True)
atanh = _unary(exponential.atanh, floats=True)
sqrt = _unary(exponential.sqrt, floats=True)
rsqrt = _unary(exponential.rsqrt, floats=True)
erf = _unary(exponential.erf, floats=True)
atan2 = _binary(trigonometric.atan2, floats=True)
hypot = _binary(powers.hypot, floats=True)
logaddexp = _binary(exponential.logaddexp, floats=True)
nextafter = _binary(rounding.nextafter, floats=True)
cbrt = _unary(powers.cbrt, floats=True)
_power = _binary(powers.power)

floor = _rounding(rounding.floor)
ceil = _rounding(rounding.ceil)
trunc = _rounding(rounding.trunc)
_round = _rounding(rounding.round)


def positive(x: Operand) -> Node:
    """``x`` itself."""
    return x if isinstance(x, Node) else strong(x)


def logical_not(x: Operand) -> Node:
    """Where ``x`` is zero."""
    return elementwise(logical.logical_not, truth(x))


def real(x: Operand) -> Node:
    """The real part; a real ``x`` itself."""
    node = strong(x)
    return complexes.real(node) if node.dtype.kind == "complex" else node


def imag(x: Operand) -> Node:
    """The imaginary part; zero of a real ``x``."""
    node = strong(x)
    return complexes.imag(node) if node.dtype.kind == "complex" else constant.like(node, 0)


def conj(x: Operand) -> Node:
    """The complex conjugate; a real ``x`` itself."""
    node = strong(x)
    return complexes.conj(node) if node.dtype.kind == "complex" else node


def complex_(x: Operand, y: Operand) -> Node:
    """The complex numbers with real parts ``x`` and imaginary parts ``y``."""
    return elementwise(complexes.complex_, x, y, dtype=_to_part)


def _to_part(dtype: DType) -> DType:
    return float64 if dtype is float64 else dtype if dtype.kind == "complex" else DEFAULT_FLOAT


def angle(x: Operand) -> Node:
    """The angle of the complex number from the positive real axis, from -pi to pi."""
    node = strong(x)
    return atan2(imag(node), real(node))


def signbit(x: Operand) -> Node:
    """Where the sign is negative, that of -0.0 and NaN included."""
    node = strong(x)
    return comparison.sign_bit(node) if node.dtype.is_inexact else less(node, constant.like(node, 0))


def round(x: Operand, decimals: int = 0) -> Node:
    """To the nearest multiple of ``10**-decimals``, halves to even."""
    node = strong(x)
    if not decimals or (decimals > 0 and not node.dtype.is_inexact):
        return _round(node)
    if not node.dtype.is_inexact:
        raise DTypeError(
            f"round to {decimals} decimals of {node.aval}: integers keep all their digits", hint="cast to a float first"
        )
    if node.dtype.kind == "complex":
        return complexes.complex_(*(round(part(node), decimals) for part in (complexes.real, complexes.imag)))
    wide = cast(node, dtype=float32) if node.dtype.bits == 16 else node
    scale = constant.like(wide, 10.0 ** abs(decimals))
    up, down = (multiply, divide) if decimals > 0 else (divide, multiply)
    return astype(down(_round(up(wide, scale)), scale), node.dtype)


def astype(x: Operand, dtype: DType) -> Node:
    """The values in another dtype."""
    node = strong(x)
    return node if node.dtype is dtype else cast(node, dtype=dtype)


def where(condition: Operand, x: Operand, y: Operand) -> Node:
    """Elements of ``x`` where the condition holds, else of ``y``."""
    condition = strong(condition)
    if type(y) in _NUMBERS and isinstance(x, Node):
        y = splat(y, x) or y  # type: ignore[arg-type]
    elif type(x) in _NUMBERS and isinstance(y, Node):
        x = splat(x, y) or x  # type: ignore[arg-type]
    plain = isinstance(x, Node) and isinstance(y, Node) and x.aval is y.aval and not (x.weak or y.weak)
    if plain and x.aval.shape == condition.aval.shape and condition.dtype is bool_:  # type: ignore[union-attr]
        return selection.select(condition, x, y)  # type: ignore[arg-type]
    if condition.dtype is not bool_:
        raise DTypeError(f"where needs a bool condition, got {condition.aval}", hint="compare with != 0")
    dtype = strong_dtype(x, y)
    x, y = as_dtype(x, dtype), as_dtype(y, dtype)
    shape = broadcast_shapes("where", condition.shape, x.shape, y.shape)
    return selection.select(*(broadcast_to(n, shape, "where") for n in (condition, x, y)))


def clip(x: Operand, low: Operand | None = None, high: Operand | None = None) -> Node:
    """``x`` held between two bounds; the upper one wins where they cross."""
    if low is None:
        return positive(x) if high is None else minimum(x, high)
    return maximum(x, low) if high is None else elementwise(selection.clip, x, low, high)


def square(x: Operand) -> Node:
    """``x * x``."""
    return multiply(x, x)


def reciprocal(x: Operand) -> Node:
    """``1 / x``."""
    x = strong(x)
    return divide(constant.like(x, 1), x)


def power(x: Operand, y: Operand) -> Node:
    """``x`` to the power ``y``; small constant powers are products."""
    if type(y) is int and isinstance(x, Node) and x.dtype is not bool_:
        if 2 <= y <= 4:
            squared = multiply(x, x)
            return squared if y == 2 else multiply(squared, x if y == 3 else squared)
        if y < 0 and x.dtype.is_integer:
            raise DTypeError(
                f"power of {x.aval} by {y}: integers have no negative powers", hint="cast to a float first"
            )
    return _power(x, y)
