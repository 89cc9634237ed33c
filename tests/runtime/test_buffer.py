"""NumPy arrays of every kind go in and come out, or are refused by name."""

from __future__ import annotations

import array
import gc
import re
import weakref
from typing import Any

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError, ExchangeError, ExecutionError
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32, int32
from eerie_dsl.runtime import ALIGNMENT, aligned_empty, array_of, from_numpy, from_scalar, to_numpy

LARGE = (100, 100)


def round_trip(values, dtype=None, **options):
    dtype = dtype or dtypes.dtype(values.dtype)
    return to_numpy(from_numpy(values, dtype, **options), Aval(values.shape, dtype))


def aligned(shape=LARGE, dtype=float32):
    values = aligned_empty(shape, dtype)
    values[...] = np.arange(values.size).reshape(shape)
    return values


def unaligned(shape=LARGE):
    size = int(np.prod(shape))
    values = aligned((size + 1,))[1:].reshape(shape)
    assert values.ctypes.data % ALIGNMENT == 4
    return values


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4), (70, 90)])
def test_every_dtype_and_shape_survives(dtype, shape):
    values = (np.arange(np.prod(shape, dtype=int)) % 100).reshape(shape).astype(dtype.numpy)
    result = round_trip(values, dtype)
    assert result.dtype == dtype.numpy
    assert result.shape == shape
    assert result.tobytes() == values.tobytes()


READ_ONLY = np.arange(10000, dtype=np.float32)
READ_ONLY.setflags(write=False)
NASTY: dict[str, Any] = {
    "transposed": np.arange(60, dtype=np.float32).reshape(6, 10).T,
    "strided": np.arange(60, dtype=np.float32)[::3],
    "negative strides": np.arange(60, dtype=np.int64)[::-1],
    "large and negative": np.arange(90000, dtype=np.int32).reshape(300, 300)[::-2, ::-1],
    "zero strides": np.broadcast_to(np.float32(3), (100, 100)),
    "big-endian": np.arange(12, dtype=">f4").reshape(3, 4),
    "big-endian large": np.arange(12000, dtype=">i8"),
    "big-endian strided": np.arange(12, dtype=">i2")[::2],
    "big-endian complex": np.arange(12, dtype=">c16"),
    "read-only": READ_ONLY,
    "read-only strided": READ_ONLY[::2],
    "0-d": np.array(3.5, np.float32),
    "unaligned": unaligned(),
    "odd address": np.frombuffer(b"x" + np.arange(9000, dtype=np.float32).tobytes(), np.uint8)[1:].view(np.float32),
    "many dimensions": np.arange(4096, dtype=np.float32).reshape((2,) * 12),
    "strided bfloat16": np.arange(20).astype(dtypes.bfloat16.numpy)[::2],
    "field of a structure": np.zeros(50, [("a", "i1"), ("b", "f4")])["b"],
    "matrix": np.asarray([[1.0, 2.0]], np.float32).view(np.matrix),
    "windows that overlap": np.lib.stride_tricks.sliding_window_view(np.arange(99, dtype=np.int32), 7),
}


@pytest.mark.parametrize("copy", [None, True])
@pytest.mark.parametrize("name", NASTY)
def test_nasty_arrays_survive(name, copy):
    values = NASTY[name]
    np.testing.assert_array_equal(round_trip(values, copy=copy), np.asarray(values))


REFUSED: dict[str, Any] = {
    "Python objects": np.array([1, "a", None], object),
    "strings": np.array(["a", "b"]),
    "structured": np.zeros(3, [("a", "f4"), ("b", "i4")]),
    "dates": np.zeros(3, "datetime64[s]"),
    "time spans": np.zeros(3, "timedelta64[s]"),
    "masked": np.ma.masked_array(np.zeros(3, np.float32), [True, False, True]),
    "float64": np.zeros(3),
    "does not hold float32": np.zeros(3, np.int32),
    "longdouble": np.zeros(3, np.longdouble),
    "void": np.zeros(3, "V4"),
}


@pytest.mark.parametrize("copy", [None, True, False])
@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_name(name, copy):
    values = REFUSED[name]
    words = str(values.dtype) if name in {"longdouble", "void"} else name
    with pytest.raises(DTypeError, match=re.escape(words)):
        from_numpy(values, float32, copy=copy)


def test_aligned_memory_is_shared_and_kept_alive():
    values = aligned()
    alive = weakref.ref(values)
    view = from_numpy(values, float32)
    values[0, 0] = 7
    result = to_numpy(view, Aval(LARGE, float32))
    assert result[0, 0] == 7
    del values, view
    gc.collect()
    assert alive() is not None
    assert result[0, 0] == 7
    del result
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("shape", [(), (3,), LARGE])
@pytest.mark.parametrize("dtype", [float32, dtypes.bfloat16, dtypes.bool_], ids=lambda d: d.name)
def test_copy_false_shares_whatever_the_size(dtype, shape):
    values = aligned_empty(shape, dtype)
    values[...] = 0
    result = round_trip(values, dtype, copy=False)
    values[...] = 1
    assert np.shares_memory(values, result)
    assert (result == 1).all()


@pytest.mark.parametrize("values", [unaligned(), aligned().T, aligned((0, 4)), READ_ONLY, np.zeros(99, ">f4")])
def test_copy_false_raises_where_memory_cannot_be_shared(values):
    with pytest.raises(ExchangeError, match="cannot be shared"):
        from_numpy(values, float32, copy=False)


@pytest.mark.parametrize("values", [aligned(), aligned((4,)), unaligned()])
def test_a_copy_does_not_see_later_writes(values):
    view = from_numpy(values, float32, copy=True)
    before = values.copy()
    values += 1
    np.testing.assert_array_equal(to_numpy(view, Aval(values.shape, float32)), before)


def test_results_are_read_only_aligned_and_keep_their_memory():
    result = round_trip(np.arange(10000, dtype=np.float32))
    churn = [from_numpy(np.full(10000, -1, np.float32), float32) for _ in range(50)]
    assert result.ctypes.data % ALIGNMENT == 0
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 1
    np.testing.assert_array_equal(result, np.arange(10000))
    del churn


def test_aligned_empty():
    for dtype in dtypes.ALL:
        for shape in ((), (0,), (7, 9)):
            values = aligned_empty(shape, dtype)
            assert values.shape == shape
            assert values.dtype == dtype.numpy
            assert values.flags.writeable
            assert values.size == 0 or values.ctypes.data % ALIGNMENT == 0


def test_no_memory_left():
    with pytest.raises(ExecutionError, match="no memory"):
        aligned_empty((1 << 50,), float32)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_scalars(dtype):
    result = to_numpy(from_scalar(1, dtype), Aval((), dtype))
    assert result.shape == ()
    assert result == 1


@pytest.mark.parametrize(("value", "dtype"), [(300, dtypes.int8), (-1, dtypes.uint32), (1j, float32)])
def test_a_scalar_that_does_not_fit(value, dtype):
    with pytest.raises(DTypeError, match=f"does not fit {dtype.name}"):
        from_scalar(value, dtype)


@pytest.mark.parametrize(
    ("exporter", "expected"),
    [
        (b"abc", np.array([97, 98, 99], np.uint8)),
        (bytearray(b"abc"), np.array([97, 98, 99], np.uint8)),
        (array.array("f", [1, 2]), np.array([1, 2], np.float32)),
        (memoryview(array.array("i", [1, 2, 3]))[::2], np.array([1, 3], np.int32)),
        (memoryview(b""), np.array([], np.uint8)),
    ],
)
def test_buffer_protocol(exporter, expected):
    values = array_of(exporter)
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(round_trip(values), expected)


@pytest.mark.parametrize("exporter", [3.5, "text", [1, 2], None])
def test_no_buffer_protocol(exporter):
    with pytest.raises(DTypeError, match="does not export memory"):
        array_of(exporter)


def test_shared_array_of_int32_is_typed():
    result = round_trip(aligned((80, 80), int32), copy=False)
    assert result.dtype == np.int32
