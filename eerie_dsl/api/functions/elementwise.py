"""Functions of each element by itself; two operands promote to one dtype and broadcast to one shape."""

from __future__ import annotations

from typing import Any, Protocol

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.info import on_device
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ops.composite import elementwise as ew


class Unary(Protocol):
    """A function of one array."""

    def __call__(self, x: ArrayLike, /) -> Array:
        """The function of each element."""


class Binary(Protocol):
    """A function of two arrays."""

    def __call__(self, x1: ArrayLike, x2: ArrayLike, /) -> Array:
        """The function of each pair of elements."""


FLOAT = "floating point or complex as given, float32 for integers and bools"
SAME = "the dtype of x"
MET = "the dtype in which the operands meet"
BOOL = "bool"


def _unary(rule: ew.Unary, example: str, does: str, result: str = FLOAT) -> Unary:
    def function(x: ArrayLike, /) -> Array:
        return Array.of(rule(required(x)))

    _describe(function, example, f"{does}\n\nArgs:\n    x: any shape.\n\nReturns:\n    The shape of x; {result}.")
    return function


def _binary(rule: ew.Binary, example: str, does: str, result: str = MET) -> Binary:
    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        return Array.of(rule(required(x1), required(x2)))

    words = (
        f"{does}\n\nArgs:\n    x1: any shape.\n    x2: a shape that broadcasts with that of x1.\n\n"
        f"Returns:\n    The common shape; {result}.\n\n"
        "Raises:\n    ShapeError: the shapes do not broadcast.\n    DTypeError: a dtype that the function is not for."
    )
    _describe(function, example, words)
    return function


def _describe(function: Any, example: str, words: str) -> None:
    """Name and document a function; the example reads ``name(arguments) -> elements dtype``."""
    call, _, shown = example.partition(" -> ")
    elements, _, dtype = shown.rpartition(" ")
    function.__name__ = function.__qualname__ = call.partition("(")[0]
    function.__doc__ = f"{words}\n\n>>> {call}\nArray({elements}, dtype={dtype}, device=cpu)\n"


add = _binary(ew.add, "add([1, 2], 3) -> [4, 5] int64", "The sum ``x1 + x2``; of bools, whether either is true.")
subtract = _binary(ew.subtract, "subtract([4, 5], 3) -> [1, 2] int64", "The difference ``x1 - x2``.")
multiply = _binary(
    ew.multiply, "multiply([1, 2], 3) -> [3, 6] int64", "The product ``x1 * x2``; of bools, whether both are true."
)
divide = _binary(ew.divide, "divide([1, 3], 2) -> [0.5, 1.5] float32", "The quotient ``x1 / x2``.", FLOAT)
floor_divide = _binary(
    ew.floor_divide,
    "floor_divide([-3, 3], 2) -> [-2,  1] int64",
    "The quotient ``x1 // x2``, rounded down; integers over zero give 0.",
)
remainder = _binary(
    ew.remainder,
    "remainder([-3, 3], 2) -> [1, 1] int64",
    "The remainder ``x1 % x2``, with the sign of ``x2``; integers over zero give 0.",
)
pow = _binary(
    ew.power,
    "pow([1, 2, 3], 2) -> [1, 4, 9] int64",
    "``x1`` to the power ``x2``. A constant integer from 2 to 4 is computed as a product.",
)
maximum = _binary(ew.maximum, "maximum([1, 5], 3) -> [3, 5] int64", "The larger of the two; NaN where either is.")
minimum = _binary(ew.minimum, "minimum([1, 5], 3) -> [1, 3] int64", "The smaller of the two; NaN where either is.")
copysign = _binary(
    ew.copysign,
    "copysign(2.0, [-1.0, 0.0]) -> [-2.,  2.] float32",
    "The size of ``x1`` with the sign of ``x2``.",
    FLOAT,
)
nextafter = _binary(
    ew.nextafter, "nextafter(0.0, [1.0]) -> [1.e-45] float32", "The next number after ``x1`` towards ``x2``.", FLOAT
)
hypot = _binary(
    ew.hypot, "hypot(3.0, [4.0]) -> [5.] float32", "``sqrt(x1**2 + x2**2)``, without overflow on the way.", FLOAT
)
logaddexp = _binary(
    ew.logaddexp,
    "logaddexp([1000.0], 0.0) -> [1000.] float32",
    "``log(exp(x1) + exp(x2))``, without overflow on the way.",
    FLOAT,
)
atan2 = _binary(ew.atan2, "atan2([0.0], 1.0) -> [0.] float32", "The angle of the point (x2, x1), in (-pi, pi].", FLOAT)
abs = _unary(
    ew.absolute, "abs([-1, 2]) -> [1, 2] int64", "The absolute value.", SAME + ", that of its parts if complex"
)
negative = _unary(ew.negative, "negative([-1, 2]) -> [ 1, -2] int64", "``-x``.", SAME)
positive = _unary(ew.positive, "positive([-1, 2]) -> [-1,  2] int64", "``x`` itself.", SAME)
sign = _unary(
    ew.sign,
    "sign([-3, 0, 5]) -> [-1,  0,  1] int64",
    "-1, 0 or 1, of complex numbers ``x / abs(x)``; NaN for NaN.",
    SAME,
)
square = _unary(ew.square, "square([1, -3]) -> [1, 9] int64", "``x * x``.", SAME)
reciprocal = _unary(ew.reciprocal, "reciprocal([2.0, 4.0]) -> [0.5 , 0.25] float32", "``1 / x``.")
sqrt = _unary(ew.sqrt, "sqrt([4.0, 9.0]) -> [2., 3.] float32", "The square root; NaN below zero.")
rsqrt = _unary(ew.rsqrt, "rsqrt([4.0]) -> [0.5] float32", "``1 / sqrt(x)``.")
cbrt = _unary(ew.cbrt, "cbrt([0.0]) -> [0.] float32", "The cube root, also of negative numbers.")
floor = _unary(ew.floor, "floor([-1.5, 1.5]) -> [-2.,  1.] float32", "The largest integer not above.", SAME)
ceil = _unary(ew.ceil, "ceil([-1.5, 1.5]) -> [-1.,  2.] float32", "The smallest integer not below.", SAME)
trunc = _unary(ew.trunc, "trunc([-1.5, 1.5]) -> [-1.,  1.] float32", "The integer next to it towards zero.", SAME)
exp = _unary(ew.exp, "exp([0.0]) -> [1.] float32", "e to the power ``x``.")
exp2 = _unary(ew.exp2, "exp2([3.0]) -> [8.] float32", "2 to the power ``x``.")
expm1 = _unary(ew.expm1, "expm1([0.0]) -> [0.] float32", "``exp(x) - 1``, exact near zero.")
log = _unary(ew.log, "log([1.0]) -> [0.] float32", "The natural logarithm; NaN below zero, -inf at zero.")
log2 = _unary(ew.log2, "log2([8.0]) -> [3.] float32", "The logarithm to base 2.")
log10 = _unary(ew.log10, "log10([1.0]) -> [0.] float32", "The logarithm to base 10.")
log1p = _unary(ew.log1p, "log1p([0.0]) -> [0.] float32", "``log(1 + x)``, exact near zero.")
sin = _unary(ew.sin, "sin([0.0]) -> [0.] float32", "The sine of an angle in radians.")
cos = _unary(ew.cos, "cos([0.0]) -> [1.] float32", "The cosine of an angle in radians.")
tan = _unary(ew.tan, "tan([0.0]) -> [0.] float32", "The tangent of an angle in radians.")
asin = _unary(ew.asin, "asin([0.0]) -> [0.] float32", "The angle in [-pi/2, pi/2] of a sine.")
acos = _unary(ew.acos, "acos([1.0]) -> [0.] float32", "The angle in [0, pi] of a cosine.")
atan = _unary(ew.atan, "atan([0.0]) -> [0.] float32", "The angle in [-pi/2, pi/2] of a tangent.")
sinh = _unary(ew.sinh, "sinh([0.0]) -> [0.] float32", "The hyperbolic sine.")
cosh = _unary(ew.cosh, "cosh([0.0]) -> [1.] float32", "The hyperbolic cosine.")
tanh = _unary(ew.tanh, "tanh([0.0]) -> [0.] float32", "The hyperbolic tangent.")
asinh = _unary(ew.asinh, "asinh([0.0]) -> [0.] float32", "The inverse of the hyperbolic sine.")
acosh = _unary(ew.acosh, "acosh([1.0]) -> [0.] float32", "The inverse of the hyperbolic cosine; NaN below 1.")
atanh = _unary(ew.atanh, "atanh([0.0]) -> [0.] float32", "The inverse of the hyperbolic tangent.")
erf = _unary(ew.erf, "erf([0.0]) -> [0.] float32", "The error function.")
equal = _binary(ew.equal, "equal([1, 2], 2) -> [False,  True] bool", "Where ``x1 == x2``.", BOOL)
not_equal = _binary(ew.not_equal, "not_equal([1, 2], 2) -> [ True, False] bool", "Where ``x1 != x2``.", BOOL)
less = _binary(ew.less, "less([1, 2], 2) -> [ True, False] bool", "Where ``x1 < x2``.", BOOL)
less_equal = _binary(ew.less_equal, "less_equal([1, 2], 2) -> [ True,  True] bool", "Where ``x1 <= x2``.", BOOL)
greater = _binary(ew.greater, "greater([1, 2], 1) -> [False,  True] bool", "Where ``x1 > x2``.", BOOL)
greater_equal = _binary(
    ew.greater_equal, "greater_equal([1, 2], 1) -> [ True,  True] bool", "Where ``x1 >= x2``.", BOOL
)
isnan = _unary(ew.isnan, "isnan([1.0, 2.0]) -> [False, False] bool", "Where ``x`` is not a number.", BOOL)
isinf = _unary(ew.isinf, "isinf([1.0, 2.0]) -> [False, False] bool", "Where ``x`` is infinite.", BOOL)
isfinite = _unary(
    ew.isfinite, "isfinite([1.0, 2.0]) -> [ True,  True] bool", "Where ``x`` is neither infinite nor NaN.", BOOL
)
signbit = _unary(
    ew.signbit, "signbit([-0.0, 2.0]) -> [ True, False] bool", "Where the sign is negative, that of -0.0 too.", BOOL
)
logical_and = _binary(
    ew.logical_and, "logical_and([0, 1], True) -> [False,  True] bool", "Where neither is zero.", BOOL
)
logical_or = _binary(ew.logical_or, "logical_or([0, 1], False) -> [False,  True] bool", "Where one is not zero.", BOOL)
logical_xor = _binary(
    ew.logical_xor, "logical_xor([0, 1], True) -> [ True, False] bool", "Where exactly one is not zero.", BOOL
)
logical_not = _unary(ew.logical_not, "logical_not([0, 1]) -> [ True, False] bool", "Where ``x`` is zero.", BOOL)
bitwise_and = _binary(
    ew.bitwise_and, "bitwise_and([3, 6], 2) -> [2, 2] int64", "The bits ``x1 & x2`` of integers or bools."
)
bitwise_or = _binary(
    ew.bitwise_or, "bitwise_or([1, 4], 2) -> [3, 6] int64", "The bits ``x1 | x2`` of integers or bools."
)
bitwise_xor = _binary(
    ew.bitwise_xor, "bitwise_xor([3, 6], 2) -> [1, 4] int64", "The bits ``x1 ^ x2`` of integers or bools."
)
bitwise_invert = _unary(
    ew.bitwise_invert, "bitwise_invert([0, 1]) -> [-1, -2] int64", "The bits ``~x`` of integers or bools.", SAME
)
bitwise_left_shift = _binary(
    ew.bitwise_left_shift,
    "bitwise_left_shift([1, 3], 2) -> [ 4, 12] int64",
    "``x1 << x2``; 0 for shifts past the width.",
)
bitwise_right_shift = _binary(
    ew.bitwise_right_shift,
    "bitwise_right_shift([4, -8], 2) -> [ 1, -2] int64",
    "``x1 >> x2``, the sign kept; all sign for shifts past the width.",
)


def round(x: ArrayLike, /, decimals: int = 0) -> Array:
    """The nearest multiple of ``10**-decimals``, halves to even, of both parts of complex numbers. The shape and dtype
    of ``x``.

    Raises:
        DTypeError: negative ``decimals`` for integers.

    >>> round([0.5, 1.5, 2.25], 1)
    Array([0.5, 1.5, 2.2], dtype=float32, device=cpu)
    """
    return Array.of(ew.round(required(x), decimals))


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Elements of ``x1`` where ``condition`` holds, of ``x2`` elsewhere.

    Both are computed; only the one that is taken gets a gradient.

    Args:
        condition: bools.
        x1: a shape that broadcasts with the others.
        x2: likewise; the dtypes promote.

    Raises:
        DTypeError: the condition is not bool.
        ShapeError: the shapes do not broadcast.

    >>> where([True, False], 1.0, 2.0)
    Array([1., 2.], dtype=float32, device=cpu)
    """
    return Array.of(ew.where(required(condition), required(x1), required(x2)))


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """``x`` held between ``min`` and ``max``, which broadcast and may be left out; ``max`` wins where they cross.

    >>> clip([-1.0, 0.5, 3.0], 0.0, 1.0)
    Array([0. , 0.5, 1. ], dtype=float32, device=cpu)
    """
    low, high = (None if bound is None else required(bound) for bound in (min, max))
    return Array.of(ew.clip(required(x), low, high))


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """The values in another dtype.

    Floating point goes to integers towards zero, NaN to 0, what is out of range to the nearest end of the range;
    integers wrap around; to bool, everything but zero is true. Arrays are values: ``copy`` is there for the
    standard's sake. ``device`` is one that arrays can live on, its name, or None.

    >>> astype([1.7, -1.7], int)
    Array([ 1, -1], dtype=int64, device=cpu)
    """
    on_device(device)
    return Array.of(ew.astype(required(x), _dtype(dtype)))
