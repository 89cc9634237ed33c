"""Arithmetic on single elements: what an elementwise rule sees of MLIR while the body of a region is built.

The emitter hides what differs between element types: unsigned integers are signless ones with other operations, bool is
i1, complex arithmetic is spelled out on real and imaginary parts. Integer division and shifts are guarded, so
that no operand reaches the undefined behaviour of the machine instruction.

Operations are emitted at the current insertion point and location. Wherever an operand may be a `Scalar`, a Python
number stands for a constant of the other operand's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from iree.compiler import ir
from iree.compiler.dialects import arith, linalg, math, scf, tensor
from iree.compiler.dialects import complex as complex_

from eerie_dsl.ir.dtypes import COMPLEXES, SIGNED, UNSIGNED, DType, bool_, float32, float64, int32, int64, real_part
from eerie_dsl.ir.size import Size
from eerie_dsl.lowering.sizes import extent

Predicate = Literal["eq", "ne", "lt", "le", "gt", "ge"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One element: its MLIR value and what it means."""

    value: ir.Value
    dtype: DType


Operand = Scalar | bool | int | float | complex | Size

_ORDERED = {p: getattr(arith.CmpFPredicate, "O" + p.upper()) for p in ("eq", "lt", "le", "gt", "ge")}
_ORDERED["ne"] = arith.CmpFPredicate.UNE
_SIGNED = {p: getattr(arith.CmpIPredicate, "s" + p) for p in ("lt", "le", "gt", "ge")}
_UNSIGNED = {p: getattr(arith.CmpIPredicate, "u" + p) for p in ("lt", "le", "gt", "ge")}
_EQUALITY = {"eq": arith.CmpIPredicate.eq, "ne": arith.CmpIPredicate.ne}

_SIGNED_OF = {d.bits: d for d in SIGNED}
_UNSIGNED_OF = {d.bits: d for d in UNSIGNED}


def element_type(dtype: DType) -> ir.Type:
    """The MLIR type of one element: integers are signless, bool is i1."""
    if dtype.kind == "complex":
        return ir.ComplexType.get(element_type(real_part(dtype)))
    if dtype.kind == "float":
        if dtype.bits == 16:
            return ir.BF16Type.get() if dtype.name == "bfloat16" else ir.F16Type.get()
        return ir.F32Type.get() if dtype is float32 else ir.F64Type.get()
    return ir.IntegerType.get_signless(dtype.bits)


class ScalarEmitter:
    """Emits operations on `Scalar`s inside one block."""

    def __init__(self, sizes: Mapping[str, ir.Value] | None = None) -> None:
        self._sizes = sizes or {}
        self._constants: dict[tuple[object, DType], Scalar] = {}
        self._contract = arith.FastMathFlags.contract

    def constant(self, value: bool | int | float | complex | Size, dtype: DType) -> Scalar:
        """A constant, or a size; an integer is taken modulo the width of its dtype."""
        key = (repr(value), dtype)
        found = self._constants.get(key)
        if found is None:
            if isinstance(value, Size):
                number = arith.index_cast(element_type(int64), extent(value, self._sizes))
                found = self.cast(Scalar(number, int64), dtype)
            else:
                found = Scalar(_constant(value, dtype), dtype)
            self._constants[key] = found
        return found

    def both(self, a: Operand, b: Operand) -> tuple[Scalar, Scalar]:
        """Two operands, a Python number turned into a constant of the other's dtype."""
        if not isinstance(a, Scalar):
            assert isinstance(b, Scalar)
            return self.constant(a, b.dtype), b
        return a, b if isinstance(b, Scalar) else self.constant(b, a.dtype)

    def add(self, a: Operand, b: Operand) -> Scalar:
        """Sum; integers wrap around."""
        return self._arithmetic(arith.addf, arith.addi, a, b, lambda re, im: (self.add(*re), self.add(*im)))

    def sub(self, a: Operand, b: Operand) -> Scalar:
        """Difference; integers wrap around."""
        return self._arithmetic(arith.subf, arith.subi, a, b, lambda re, im: (self.sub(*re), self.sub(*im)))

    def mul(self, a: Operand, b: Operand) -> Scalar:
        """Product; integers wrap around."""
        return self._arithmetic(arith.mulf, arith.muli, a, b, self._complex_mul)

    def div(self, a: Operand, b: Operand) -> Scalar:
        """Quotient. Of integers: rounded towards zero, 0 for a zero divisor, wrapping for the smallest over -1."""
        a, b = self.both(a, b)
        if not a.dtype.is_integer:
            return self._arithmetic(arith.divf, arith.divsi, a, b, self._complex_div)
        op = arith.divui if a.dtype.kind == "uint" else arith.divsi
        return self.select(self.compare("eq", b, 0), 0, Scalar(op(a.value, self._divisor(a, b).value), a.dtype))

    def rem(self, a: Operand, b: Operand) -> Scalar:
        """Remainder of integers with the sign of the dividend, as C's; 0 for a zero divisor."""
        a, b = self.both(a, b)
        op = arith.remui if a.dtype.kind == "uint" else arith.remsi
        return self.select(self.compare("eq", b, 0), 0, Scalar(op(a.value, self._divisor(a, b).value), a.dtype))

    def neg(self, a: Scalar) -> Scalar:
        """Negation; of an integer modulo its width."""
        if a.dtype.kind == "complex":
            return self.complex(self.neg(self.real(a)), self.neg(self.imag(a)))
        return Scalar(arith.negf(a.value), a.dtype) if a.dtype.kind == "float" else self.sub(0, a)

    def fma(self, a: Operand, b: Operand, c: Operand) -> Scalar:
        """a * b + c of floats, fused into one instruction where the target has one, else rounded twice."""
        known = next(x for x in (a, b, c) if isinstance(x, Scalar)).dtype
        x, y, z = (v if isinstance(v, Scalar) else self.constant(v, known) for v in (a, b, c))
        product = arith.mulf(x.value, y.value, fastmath=self._contract)
        return Scalar(arith.addf(product, z.value, fastmath=self._contract), known)

    def minimum(self, a: Operand, b: Operand) -> Scalar:
        """The smaller; NaN when either is NaN."""
        a, b = self.both(a, b)
        return self._by_kind(a, b, arith.minimumf, arith.minsi, arith.minui)

    def maximum(self, a: Operand, b: Operand) -> Scalar:
        """The larger; NaN when either is NaN."""
        a, b = self.both(a, b)
        return self._by_kind(a, b, arith.maximumf, arith.maxsi, arith.maxui)

    def compare(self, predicate: Predicate, a: Operand, b: Operand) -> Scalar:
        """A bool; every comparison with NaN is false but ``ne``. Complex numbers know ``eq`` and ``ne`` only."""
        a, b = self.both(a, b)
        kind = a.dtype.kind
        if kind == "complex":
            re = self.compare(predicate, self.real(a), self.real(b))
            im = self.compare(predicate, self.imag(a), self.imag(b))
            return self.bit_and(re, im) if predicate == "eq" else self.bit_or(re, im)
        if kind == "float":
            return Scalar(arith.cmpf(_ORDERED[predicate], a.value, b.value), bool_)
        table = _EQUALITY if predicate in _EQUALITY else _SIGNED if kind == "int" else _UNSIGNED
        return Scalar(arith.cmpi(table[predicate], a.value, b.value), bool_)

    def select(self, condition: Scalar, a: Operand, b: Operand) -> Scalar:
        """``a`` where the condition holds, else ``b``."""
        a, b = self.both(a, b)
        return Scalar(arith.select(condition.value, a.value, b.value), a.dtype)

    def bit_and(self, a: Operand, b: Operand) -> Scalar:
        """Bitwise and; of bools, logical and."""
        return self._arithmetic(None, arith.andi, a, b)

    def bit_or(self, a: Operand, b: Operand) -> Scalar:
        """Bitwise or; of bools, logical or."""
        return self._arithmetic(None, arith.ori, a, b)

    def bit_xor(self, a: Operand, b: Operand) -> Scalar:
        """Bitwise exclusive or."""
        return self._arithmetic(None, arith.xori, a, b)

    def bit_not(self, a: Scalar) -> Scalar:
        """All bits inverted; of a bool, logical not."""
        return self.bit_xor(a, -1)

    def shift_left(self, a: Operand, count: Operand) -> Scalar:
        """Left shift; 0 when the count is negative or not below the width."""
        a, count = self.both(a, count) if isinstance(count, Scalar) else (a, count)
        return self._shift(arith.shli, a, count, lambda a: self.constant(0, a.dtype))

    def shift_right(self, a: Operand, count: Operand) -> Scalar:
        """Right shift, filled with the sign of a signed integer, also when the count is out of range."""
        a, count = self.both(a, count) if isinstance(count, Scalar) else (a, count)
        assert isinstance(a, Scalar)
        if a.dtype.kind == "uint":
            return self._shift(arith.shrui, a, count, lambda a: self.constant(0, a.dtype))
        return self._shift(arith.shrsi, a, count, lambda a: self.shift_right(a, a.dtype.bits - 1))

    def cast(self, a: Scalar, dtype: DType) -> Scalar:
        """The value in another dtype.

        Floats become integers by truncation, saturating at the ends of the range, NaN becomes 0. Narrower integers
        keep their low bits. Anything but zero becomes True (NaN too). A complex number loses its imaginary part,
        unless it becomes a bool. Narrower floats are rounded to nearest, ties to even.
        """
        if a.dtype is dtype:
            return a
        source, target = a.dtype.kind, dtype.kind
        if target == "bool":
            return self.compare("ne", a, 0)
        if source == "complex":
            if target == "complex":
                part = real_part(dtype)
                return self.complex(self.cast(self.real(a), part), self.cast(self.imag(a), part))
            return self.cast(self.real(a), dtype)
        if target == "complex":
            re = self.cast(a, real_part(dtype))
            return self.complex(re, self.constant(0.0, re.dtype))
        if source == "float":
            return self._round(a, dtype) if target == "float" else self._truncate(a, dtype)
        to = element_type(dtype)
        if target == "float":
            if dtype.bits == 16 and a.dtype.bits > 8:  # NumPy rounds by way of float32, and so do we everywhere
                return self.cast(self.cast(a, float32), dtype)
            op = arith.sitofp if source == "int" else arith.uitofp
            return Scalar(op(to, a.value), dtype)
        if a.dtype.bits == dtype.bits:
            return Scalar(a.value, dtype)
        if a.dtype.bits > dtype.bits:
            return Scalar(arith.trunci(to, a.value), dtype)
        return Scalar((arith.extsi if source == "int" else arith.extui)(to, a.value), dtype)

    def bitcast(self, a: Scalar, dtype: DType) -> Scalar:
        """The same bits read as another dtype of the same width."""
        if a.dtype.kind != "float" and dtype.kind != "float":
            return Scalar(a.value, dtype)
        return Scalar(arith.bitcast(element_type(dtype), a.value), dtype)

    def bits(self, a: Scalar) -> Scalar:
        """The bits of a float as a signed integer."""
        return self.bitcast(a, _SIGNED_OF[a.dtype.bits])

    def math(self, name: str, *operands: Scalar) -> Scalar:
        """An operation of the math dialect by its name there, on floats of one dtype."""
        return Scalar(getattr(math, name)(*(o.value for o in operands)), operands[0].dtype)

    def abs(self, a: Scalar) -> Scalar:
        """Absolute value; the smallest signed integer stays as it is. Floats only lose their sign bit."""
        if a.dtype.kind == "float":
            return self.math("absf", a)
        return a if a.dtype.kind == "uint" else self.select(self.compare("lt", a, 0), self.neg(a), a)

    def copysign(self, a: Operand, sign: Scalar) -> Scalar:
        """The magnitude of ``a`` with the sign of ``sign``."""
        return self.math("copysign", *self.both(a, sign))

    def is_nan(self, a: Scalar) -> Scalar:
        """Whether a float is not a number."""
        return self.compare("ne", a, a)

    def is_finite(self, a: Scalar) -> Scalar:
        """Whether a float is neither infinite nor NaN."""
        return self.compare("lt", self.abs(a), float("inf"))

    def real(self, a: Scalar) -> Scalar:
        """Real part of a complex number."""
        return Scalar(complex_.re(a.value), real_part(a.dtype))

    def imag(self, a: Scalar) -> Scalar:
        """Imaginary part of a complex number."""
        return Scalar(complex_.im(a.value), real_part(a.dtype))

    def complex(self, re: Scalar, im: Scalar) -> Scalar:
        """The complex number with these parts."""
        dtype = COMPLEXES[re.dtype is float64]
        return Scalar(complex_.create_(element_type(dtype), re.value, im.value), dtype)

    def index(self, dim: int) -> Scalar:
        """The position of the element along one loop of the region, as int64."""
        return Scalar(arith.index_cast(element_type(int64), linalg.IndexOp(dim).result), int64)

    def extract(self, source: Any, *indices: Scalar) -> Scalar:
        """The element of a tensor (an object with ``value`` and ``dtype``) at ``indices``, which must be in range."""
        at = [arith.index_cast(ir.IndexType.get(), i.value) for i in indices]
        return Scalar(tensor.extract(source.value, at), source.dtype)

    def repeat(self, count: Scalar, body: Callable[..., Sequence[Scalar]], *carried: Scalar) -> tuple[Scalar, ...]:
        """``carried = body(s, *carried)``, ``count`` (an integer) times. A region with it is not vectorised."""
        at = [arith.constant(ir.IndexType.get(), n) for n in (0, 1)]
        end = arith.index_cast(ir.IndexType.get(), count.value)
        loop = scf.ForOp(at[0], end, at[1], [c.value for c in carried])
        with ir.InsertionPoint(loop.body):
            inner = [Scalar(v, c.dtype) for v, c in zip(loop.inner_iter_args, carried, strict=True)]
            scf.yield_([r.value for r in body(ScalarEmitter(self._sizes), *inner)])
        return tuple(Scalar(r, c.dtype) for r, c in zip(loop.results, carried, strict=True))

    def _arithmetic(
        self,
        on_floats: Callable[..., ir.Value] | None,
        on_integers: Callable[..., ir.Value],
        a: Operand,
        b: Operand,
        on_complex: Callable[[tuple[Scalar, Scalar], tuple[Scalar, Scalar]], tuple[Scalar, Scalar]] | None = None,
    ) -> Scalar:
        x, y = self.both(a, b)
        if x.dtype.kind == "complex":
            assert on_complex is not None
            return self.complex(*on_complex((self.real(x), self.real(y)), (self.imag(x), self.imag(y))))
        if x.dtype.kind == "float":
            assert on_floats is not None
            return Scalar(on_floats(x.value, y.value), x.dtype)
        return Scalar(on_integers(x.value, y.value), x.dtype)

    def _by_kind(self, a: Scalar, b: Scalar, *ops: Callable[..., ir.Value]) -> Scalar:
        op = ops[{"float": 0, "int": 1, "uint": 2, "bool": 2}[a.dtype.kind]]
        return Scalar(op(a.value, b.value), a.dtype)

    def _complex_mul(self, re: tuple[Scalar, Scalar], im: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        return (
            self.sub(self.mul(*re), self.mul(*im)),
            self.add(self.mul(re[0], im[1]), self.mul(im[0], re[1])),
        )

    def _complex_div(self, re: tuple[Scalar, Scalar], im: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        # Smith's method, as NumPy: divide through by the larger part of the divisor.
        (a, c), (b, d) = re, im
        wide = self.compare("ge", self.abs(c), self.abs(d))
        big, small = self.select(wide, c, d), self.select(wide, d, c)
        zero = self.bit_and(self.compare("eq", c, 0.0), self.compare("eq", d, 0.0))
        ratio = self.select(zero, 0.0, self.div(small, big))
        scale = self.add(big, self.mul(small, ratio))
        re_first, re_second = self.select(wide, a, b), self.select(wide, b, a)
        re_part = self.div(self.add(re_first, self.mul(re_second, ratio)), scale)
        minuend = self.select(wide, b, self.mul(b, ratio))
        subtrahend = self.select(wide, self.mul(a, ratio), a)
        im_part = self.div(self.sub(minuend, subtrahend), scale)
        by_zero_re, by_zero_im = self.div(a, self.abs(c)), self.div(b, self.abs(c))
        return self.select(zero, by_zero_re, re_part), self.select(zero, by_zero_im, im_part)

    def _divisor(self, a: Scalar, b: Scalar) -> Scalar:
        bad = self.compare("eq", b, 0)
        if a.dtype.kind == "int":
            smallest = self.compare("eq", a, -(1 << (a.dtype.bits - 1)))
            bad = self.bit_or(bad, self.bit_and(smallest, self.compare("eq", b, -1)))
        return self.select(bad, 1, b)

    def _shift(
        self,
        op: Callable[..., ir.Value],
        a: Operand,
        count: Operand,
        beyond: Callable[[Scalar], Scalar],
    ) -> Scalar:
        if not isinstance(count, Scalar):
            assert isinstance(a, Scalar)
            return Scalar(op(a.value, self.constant(count, a.dtype).value), a.dtype)
        a, count = self.both(a, count)
        unsigned = Scalar(count.value, _UNSIGNED_OF[count.dtype.bits])
        fits = self.compare("lt", unsigned, a.dtype.bits)
        safe = self.select(fits, count, 0)
        return self.select(fits, Scalar(op(a.value, safe.value), a.dtype), beyond(a))

    def _round(self, a: Scalar, dtype: DType) -> Scalar:
        to = element_type(dtype)
        if dtype.bits > a.dtype.bits:
            return Scalar(arith.extf(to, a.value), dtype)
        if a.dtype.bits == dtype.bits:  # between the two formats of 16 bits
            return self._round(self._round(a, float32), dtype)
        if a.dtype is float64 and dtype.bits == 16:
            return self._round(self._round_to_odd(a), dtype)
        return Scalar(arith.truncf(to, a.value), dtype)

    def _round_to_odd(self, a: Scalar) -> Scalar:
        # Rounding twice is right when the first rounding leaves its last bit set whenever it was inexact
        # (Boldo and Melquiond 2008).
        near = Scalar(arith.truncf(element_type(float32), a.value), float32)
        bits = self.bitcast(near, int32)
        away = self.compare("gt", self.abs(self.cast(near, float64)), self.abs(a))
        inexact = self.compare("ne", self.cast(near, float64), a)
        odd = self.bit_or(self.select(away, self.sub(bits, 1), bits), 1)
        even = self.compare("eq", self.bit_and(bits, 1), 0)
        usable = self.bit_and(self.bit_and(inexact, even), self.is_finite(near))
        return self.bitcast(self.select(usable, odd, bits), float32)

    def _truncate(self, a: Scalar, dtype: DType) -> Scalar:
        if a.dtype.bits == 16:
            a = self.cast(a, float32)
        narrow = dtype.bits < 32
        wide = int32 if narrow else dtype
        signed = dtype.kind == "int"
        low = -(1 << (dtype.bits - 1)) if signed else 0
        high = (1 << (dtype.bits - signed)) - 1
        op = arith.fptosi if wide.kind == "int" else arith.fptoui
        end = float(high + 1)
        above = self.compare("ge", a, end)
        below = self.compare("le", a, float(low))
        outside = self.bit_or(self.bit_or(above, below), self.is_nan(a))
        inside = Scalar(op(element_type(wide), self.select(outside, 0.0, a).value), wide)
        ends = self.select(above, self.constant(high, wide), self.select(below, self.constant(low, wide), 0))
        return self.cast(self.select(outside, ends, inside), dtype)


def _constant(value: bool | int | float | complex, dtype: DType) -> ir.Value:
    kind = element_type(dtype)
    if dtype.kind == "complex":
        z = complex(value)
        part = element_type(real_part(dtype))
        parts = [ir.FloatAttr.get(part, z.real), ir.FloatAttr.get(part, z.imag)]
        return complex_.constant(kind, ir.ArrayAttr.get(parts))
    assert not isinstance(value, complex)
    if dtype.kind == "float":
        return arith.constant(kind, ir.FloatAttr.get(kind, float(value)))
    wrapped = int(value) & ((1 << dtype.bits) - 1)
    if wrapped >> (dtype.bits - 1):
        wrapped -= 1 << dtype.bits
    return arith.constant(kind, ir.IntegerAttr.get(kind, wrapped))
