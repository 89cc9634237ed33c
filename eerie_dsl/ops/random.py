"""Random numbers as a function of a key and a position, and nothing else.

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1,
2, 3", 2011). It needs 32-bit additions, rotations and exclusive ors only, so every target gives the same bits. The
block cipher maps a key (two words) and a counter (two words) to two words. The counter of an element is its position
in row-major order, 56 bits of it; the 8 bits above name a stream, for operations that need several numbers for one
element. The last three streams make keys, so that a key's children never meet its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import FLOATS, DType, float32, float64, int32, int64, uint32, uint64
from eerie_dsl.ir.dtypes import dtype as dtype_of
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.primitive import Primitive
from eerie_dsl.ir.size import bounds
from eerie_dsl.ops.base import check_dtype
from eerie_dsl.ops.batching import together

SEQUENCE, SPLIT, FOLD = 253, 254, 255
"""The streams that make keys."""

Words = NDArray[np.uint32]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_CHUNK = 1 << 14  # elements whose words stay in the first cache
_LARGEST = 1 << 56
_LOW = (1 << 32) - 1
# Digits kept by uniform numbers.
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def threefry(k0: Any, k1: Any, c0: Words, c1: Words) -> tuple[Words, Words]:
    """The two words of each block: 20 rounds, in NumPy.

    Args:
        k0: first word of the key, a uint32 scalar or array like the counters.
        k1: second word of the key.
        c0: first words of the counters.
        c1: second words of the counters.
    """
    x0, x1 = c0 + k0, c1 + k1
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(_PARITY))
    spare = np.empty_like(x0)
    for group in range(5):
        for count in _ROTATIONS[group % 2]:
            x0 += x1
            np.left_shift(x1, np.uint32(count), out=spare)
            x1 >>= np.uint32(32 - count)
            x1 |= spare
            x1 ^= x0
        x0 += keys[(group + 1) % 3]
        x1 += keys[(group + 2) % 3]
        x1 += np.uint32(group + 1)
    return x0, x1


def emit_threefry(s: Any, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """`threefry` on single elements through the scalar emitter ``s``; counter words may be numbers."""
    keys = (*key, s.bit_xor(s.bit_xor(*key), _PARITY))
    x0, x1 = s.add(key[0], counter[0]), s.add(key[1], counter[1])
    for group in range(5):
        for count in _ROTATIONS[group % 2]:
            x0 = s.add(x0, x1)
            x1 = s.bit_or(s.shift_left(x1, count), s.shift_right(x1, 32 - count))
            x1 = s.bit_xor(x1, x0)
        x0 = s.add(x0, keys[(group + 1) % 3])
        x1 = s.add(s.add(x1, keys[(group + 2) % 3]), group + 1)
    return x0, x1


def words(key: Words, count: int, stream: int, places: NDArray[np.int64] | None = None) -> tuple[Words, Words]:
    """The blocks of a key ``uint32[2]`` at positions 0, 1, ... ``count``, or at some of these."""
    first, second = np.empty(count, np.uint32), np.empty(count, np.uint32)
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        at = np.arange(start, stop) if places is None else places[start:stop]
        low = at.astype(np.uint32)
        high = (at >> 32).astype(np.uint32) | np.uint32(stream << 24)
        with np.errstate(over="ignore"):
            first[start:stop], second[start:stop] = threefry(key[0], key[1], high, low)
    return first, second


class Keyed(Primitive):
    """Numbers of a shape from a key ``uint32[..., 2]`` and operands of the result's shape; several keys give as many
    draws, one behind the other."""

    differentiable = False

    def infer(self, key: Aval, *others: Aval, shape: Shape, stream: int, **params: Any) -> Aval:
        check_key(self, key)
        if any(n < 0 for n in shape):
            raise ShapeError(f"{self.name} of shape {shape}: sizes cannot be negative")
        if bounds(prod(shape))[0] > _LARGEST:
            raise ShapeError(f"{self.name} of shape {shape}: a key gives 2**56 numbers")
        out = Aval((*key.shape[:-1], *shape), self.result(*others, **params))
        if any(other.shape != out.shape for other in others):
            raise ShapeError(f"{self.name} of shape {list(out.shape)} got {' and '.join(map(repr, others))}")
        return out

    def result(self, *others: Any, **params: Any) -> DType:
        """The dtype of the numbers."""
        raise self._missing("type")

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> tuple[Node, int | None]:
        return self(*together(inputs, dims), **params), 0


class Draw(Keyed):
    """Numbers that are computed from the words of a block each, or of several if ``blocks`` says so.

    A member gives its ``result`` dtype, ``finish`` for NumPy and ``emit`` for the emitter: both take the words and the
    elements of further operands to the number.
    """

    elementwise = True

    def blocks(self, *none: Any, **params: Any) -> int:
        """How many blocks one number takes, of as many streams."""
        return 1

    def finish(self, w: Sequence[Words], *others: Any, **params: Any) -> Any:
        """The numbers that words stand for, in NumPy."""
        raise self._missing("NumPy reference")

    def emit(self, s: Any, w: Sequence[Any], *others: Any, **params: Any) -> Any:
        """`finish` on single elements through the scalar emitter."""
        raise self._missing("lowering")

    def reference(self, key: Any, *others: Any, shape: Shape, stream: int, **params: Any) -> Any:
        count = prod(shape)
        streams = range(stream, stream + self.blocks(**params))
        rows = []
        for number, one in enumerate(key.reshape(-1, 2)):
            mine = [other.reshape(-1, count)[number] for other in others] if count else others
            rows.append(self.finish([w for j in streams for w in words(one, count, j)], *mine, **params))
        dtype = self.result(*(Aval(o.shape, dtype_of(o.dtype)) for o in others), **params)
        return np.array(rows, dtype.numpy).reshape((*key.shape[:-1], *shape))

    def lower(self, b: Any, key: Any, *others: Any, out: Aval, shape: Shape, stream: int, **params: Any) -> Any:
        lead = key.aval.ndim - 1
        strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        large = bounds(prod(shape))[1] > 1 << 32
        place = out.with_dtype(uint64 if large else uint32)
        rows = [b.index(out.with_dtype(int64), axis) for axis in range(lead)]
        k0, k1 = (b.read(key, out.with_dtype(uint32), [*rows, b.splat(out.with_dtype(int64), w)]) for w in (0, 1))
        axes = [axis for axis, n in enumerate(shape) if bounds(n)[1] > 1]

        def body(s: Any, k0: Any, k1: Any, *rest: Any) -> Any:
            low: Any = s.constant(0, place.dtype)
            for axis, index in zip(axes, rest, strict=False):
                low = s.add(low, s.mul(index, strides[axis]))
            high: Any = s.constant(0, uint32)
            if large:
                high, low = s.cast(s.shift_right(low, 32), uint32), s.cast(low, uint32)
            w: list[Any] = []
            for j in range(stream, stream + self.blocks(**params)):
                w += emit_threefry(s, (k0, k1), (s.bit_or(high, j << 24), low))
            return self.emit(s, w, *rest[len(axes) :], **params)

        return b.map(out, body, k0, k1, *(b.index(place, lead + axis) for axis in axes), *others)

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return out.size * 100


class RandomBits(Draw):
    """Unsigned integers of ``bits`` 32 (both words of the block, by exclusive or) or 64 (the first word above)."""

    name = "random_bits"

    def result(self, *others: Aval, bits: int) -> DType:
        return uint64 if bits == 64 else uint32

    def finish(self, w: Sequence[Words], *others: Any, bits: int) -> Any:
        return _joined(*w) if bits == 64 else w[0] ^ w[1]

    def emit(self, s: Any, w: Sequence[Any], *others: Any, bits: int) -> Any:
        return _emit_joined(s, *w) if bits == 64 else s.bit_xor(*w)


class RandomUniform(Draw):
    """Multiples of ``2**-d`` in [0, 1), all equally likely, d being the digits of the dtype: 24 for float32."""

    name = "random_uniform"

    def result(self, *others: Aval, dtype: DType) -> DType:
        check_dtype(self, dtype, FLOATS)
        return dtype

    def finish(self, w: Sequence[Words], *others: Any, dtype: DType) -> Any:
        digits = _DIGITS[dtype.name]
        if digits == 53:
            return (_joined(*w) >> np.uint64(11)).view(np.int64) * 2.0**-53
        taken = ((w[0] ^ w[1]) >> np.uint32(32 - digits)).view(np.int32)
        return (taken.astype(np.float32) * np.float32(2.0**-digits)).astype(dtype.numpy)

    def emit(self, s: Any, w: Sequence[Any], *others: Any, dtype: DType) -> Any:
        digits = _DIGITS[dtype.name]
        if digits == 53:
            return s.mul(s.cast(s.bitcast(s.shift_right(_emit_joined(s, *w), 11), int64), float64), 2.0**-53)
        taken = s.bitcast(s.shift_right(s.bit_xor(*w), 32 - digits), int32)
        return s.cast(s.mul(s.cast(taken, float32), 2.0**-digits), dtype)


class RandomTail(Draw):
    """A point of the unit interval by its distance from the nearer end, negative when that is 0.

    The distance is in (0, 1/2], rounded from an odd multiple of ``2**-33`` (of ``2**-65`` in float64): what an inverse
    distribution function needs to have both tails right.
    """

    name = "random_tail"

    def result(self, *others: Aval, dtype: DType) -> DType:
        check_dtype(self, dtype, (float32, float64))
        return dtype

    def finish(self, w: Sequence[Words], *others: Any, dtype: DType) -> Any:
        kind = dtype.numpy.type
        bits = _joined(*w).view(np.int64) if dtype is float64 else (w[0] ^ w[1]).view(np.int32)
        inside = (bits & bits.dtype.type((1 << dtype.bits - 1) - 1)).astype(dtype.numpy)
        return np.copysign((inside + kind(0.5)) * kind(2.0**-dtype.bits), bits.view(dtype.numpy))

    def emit(self, s: Any, w: Sequence[Any], *others: Any, dtype: DType) -> Any:
        bits = s.bitcast(_emit_joined(s, *w), int64) if dtype is float64 else s.bitcast(s.bit_xor(*w), int32)
        inside = s.cast(s.bit_and(bits, (1 << dtype.bits - 1) - 1), dtype)
        return s.copysign(s.mul(s.add(inside, 0.5), 2.0**-dtype.bits), s.bitcast(bits, dtype))


class RandomIntegers(Draw):
    """Integers below the operand ``span`` (uint64, 0 standing for 2**64): the whole part of a random fraction of it.

    The fraction has 64 bits, which suits spans up to 2**32, or 128 if ``wide``. No number is more likely than another
    by more than one part in 2**32, or 2**64.
    """

    name = "random_integers"

    def result(self, *others: Aval, wide: bool) -> DType:
        check_dtype(self, others[0].dtype, (uint64,))
        return uint64

    def blocks(self, *, wide: bool) -> int:
        return 2 if wide else 1

    def finish(self, w: Sequence[Words], *others: Any, wide: bool) -> Any:
        (span,) = others
        digits = [x.astype(np.uint64) for x in reversed(w)]
        if not wide:
            return digits[1] * span + (digits[0] * span >> np.uint64(32)) >> np.uint64(32)
        low, high = span & np.uint64(_LOW), span >> np.uint64(32)
        whole, carry = digits[3] << np.uint64(32) | digits[2], np.zeros_like(span)
        for digit in digits:
            total = digit * low + (carry & np.uint64(_LOW))
            carry = digit * high + (carry >> np.uint64(32)) + (total >> np.uint64(32))
        return np.where(span == 0, whole, carry)

    def emit(self, s: Any, w: Sequence[Any], *others: Any, wide: bool) -> Any:
        (span,) = others
        digits = [s.cast(x, uint64) for x in reversed(w)]
        if not wide:
            return s.shift_right(s.add(s.mul(digits[1], span), s.shift_right(s.mul(digits[0], span), 32)), 32)
        low, high = s.bit_and(span, _LOW), s.shift_right(span, 32)
        whole, carry = s.bit_or(s.shift_left(digits[3], 32), digits[2]), s.constant(0, uint64)
        for digit in digits:
            total = s.add(s.mul(digit, low), s.bit_and(carry, _LOW))
            carry = s.add(s.add(s.mul(digit, high), s.shift_right(carry, 32)), s.shift_right(total, 32))
        return s.select(s.compare("eq", span, 0), whole, carry)


class RandomKeys(Primitive):
    """A key ``uint32[2]`` for each number of ``data``: the block of a key that ``stream`` makes of the given one.

    ``key`` may have axes in front, which are then the first ones of ``data`` too.
    """

    name = "random_keys"
    differentiable = False

    def infer(self, key: Aval, data: Aval, *, stream: int) -> Aval:
        check_key(self, key)
        check_dtype(self, data.dtype, (uint64,))
        if data.shape[: key.ndim - 1] != key.shape[:-1]:
            raise ShapeError(f"{self.name} of keys {key!r} with {data!r}: the first axes differ")
        return Aval((*data.shape, 2), uint32)

    def reference(self, key: Any, data: Any, *, stream: int) -> Any:
        rows = key.reshape(-1, 2)
        places = data.reshape(len(rows), -1)
        with np.errstate(over="ignore"):
            zero = np.zeros((len(rows), 1), np.uint32)
            k0, k1 = threefry(rows[:, :1], rows[:, 1:], zero + np.uint32(stream << 24), zero)
            high, low = (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32)
            pair = threefry(np.broadcast_to(k0, high.shape), np.broadcast_to(k1, high.shape), high, low)
        return np.stack(pair, -1).reshape(*data.shape, 2)

    def lower(self, b: Any, key: Any, data: Any, *, out: Aval, stream: int) -> Any:
        rows = [b.index(out.with_dtype(int64), axis) for axis in range(key.aval.ndim - 1)]
        k0, k1 = (b.read(key, out.with_dtype(uint32), [*rows, b.splat(out.with_dtype(int64), w)]) for w in (0, 1))
        spread = b.view(data, out.with_dtype(uint64), tuple(range(data.aval.ndim)))

        def body(s: Any, k0: Any, k1: Any, data: Any, word: Any) -> Any:
            inner = emit_threefry(s, (k0, k1), (s.constant(stream << 24, uint32), s.constant(0, uint32)))
            counter = s.cast(s.shift_right(data, 32), uint32), s.cast(data, uint32)
            w0, w1 = emit_threefry(s, inner, counter)
            return s.select(s.compare("eq", word, 0), w0, w1)

        return b.map(out, body, k0, k1, spread, b.index(out.with_dtype(int64), data.aval.ndim))

    def batch(self, inputs: Sequence[Node], dims: Sequence[int | None], **params: Any) -> tuple[Node, int | None]:
        return self(*together(inputs, dims), **params), 0

    def flops(self, *avals: Aval, out: Aval, **params: Any) -> int:
        return out.size * 200


def check_key(op: Primitive, key: Aval) -> None:
    """Raise unless an operand is a key.

    Raises:
        DTypeError: not uint32.
        ShapeError: the last axis does not hold two words.
    """
    hint = "make one with eerie.random.key(seed), or take one of eerie.random.split(key)"
    if key.dtype is not uint32:
        raise DTypeError(f"{op.name} needs a key uint32[2], got {key!r}", hint=hint)
    if not key.ndim or key.shape[-1] != 2:
        raise ShapeError(f"{op.name} needs a key uint32[2], got {key!r}", hint=hint)


def _joined(w0: Words, w1: Words) -> NDArray[np.uint64]:
    return w0.astype(np.uint64) << np.uint64(32) | w1


def _emit_joined(s: Any, w0: Any, w1: Any) -> Any:
    return s.bit_or(s.shift_left(s.cast(w0, uint64), 32), s.cast(w1, uint64))


random_bits = RandomBits()
random_uniform = RandomUniform()
random_tail = RandomTail()
random_integers = RandomIntegers()
random_keys = RandomKeys()
