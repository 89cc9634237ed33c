"""Exchange with other libraries; NumPy stands for them, it both exports and imports."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from eerie_dsl.errors import ExchangeError, MissingProtocolError
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.runtime import (
    DLPACK_CPU,
    Executable,
    aligned_empty,
    from_dlpack,
    from_numpy,
    to_dlpack,
    to_numpy,
)

NUMPY_EXPORTS = [d for d in dtypes.ALL if d is not dtypes.bfloat16]


class Exported:
    """An array as other libraries see it."""

    def __init__(self, view, aval, device=DLPACK_CPU):
        self.view, self.aval, self.device = view, aval, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        return to_dlpack(self.view, self.aval, **options)


@pytest.mark.parametrize("dtype", NUMPY_EXPORTS, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4, 1, 1, 2, 1, 3)])
def test_in_and_out(dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype.numpy)
    view, aval = from_dlpack(values)
    assert aval is Aval(shape, dtype)
    result = np.from_dlpack(Exported(view, aval))
    del view
    gc.collect()
    assert result.dtype == values.dtype
    assert result.shape == shape
    assert result.tobytes() == values.tobytes()


def test_bfloat16_in_and_out():
    values = np.arange(6).astype(dtypes.bfloat16.numpy)
    exported = Exported(from_numpy(values, dtypes.bfloat16), Aval((6,), dtypes.bfloat16))
    view, aval = from_dlpack(exported)
    assert aval.dtype is dtypes.bfloat16
    np.testing.assert_array_equal(to_numpy(view, aval), values)


def test_aligned_memory_is_shared():
    values = aligned_empty((4, 4), float32)
    values[...] = 0
    view, aval = from_dlpack(values, copy=False)
    values[0, 0] = 5
    assert to_numpy(view, aval)[0, 0] == 5
    assert np.shares_memory(np.from_dlpack(Exported(view, aval)), values)
    copied, aval = from_dlpack(values, copy=True)
    values[0, 0] = 6
    assert to_numpy(copied, aval)[0, 0] == 5


def nasty():
    base = aligned_empty((8, 16), float32)
    base[...] = np.arange(128).reshape(8, 16)
    frozen = base.copy()
    frozen.setflags(write=False)
    return {
        "unaligned": base.reshape(-1)[1:],
        "strided": base[:, ::2],
        "transposed": base.T,
        "reversed": base[::-1],
        "read-only": frozen,
        "stride zero": np.broadcast_to(base[:1], (4, 16)),
    }


@pytest.mark.parametrize("name", nasty())
def test_what_cannot_be_shared_is_copied(name):
    values = nasty()[name]
    view, aval = from_dlpack(values)
    np.testing.assert_array_equal(to_numpy(view, aval), values)
    with pytest.raises(ExchangeError, match="cannot be shared"):
        from_dlpack(values, copy=False)


def test_every_result_of_a_program_is_exported(program):
    ones = from_numpy(np.full(4, 3, np.float32), float32)
    results = Executable(program, function="several")([ones, ones])
    exported = [np.from_dlpack(Exported(view, Aval((4,), float32))) for view in results]
    np.testing.assert_array_equal(exported, [[6] * 4, [0] * 4, [9] * 4])


def test_unsigned_results_are_exported_unsigned(program):
    values = np.full((2, 3), 200, np.uint8)
    (view,) = Executable(program, function="same_i8")([from_numpy(values, dtypes.uint8)])
    result = np.from_dlpack(Exported(view, Aval((3, 2), dtypes.uint8)))
    assert result.dtype == np.uint8
    assert (result == 200).all()


def test_a_copy_is_exported_where_asked():
    aval = Aval((3,), float32)
    view = from_numpy(np.zeros(3, np.float32), float32)
    copied = np.from_dlpack(Exported(view, aval), copy=True)
    assert not np.shares_memory(copied, to_numpy(view, aval))


def test_no_dlpack():
    with pytest.raises(MissingProtocolError, match="list does not offer itself"):
        from_dlpack([1, 2])


@pytest.mark.parametrize(("device", "words"), [((2, 1), "cuda:1"), ((10, 0), "hip:0"), ((99, 0), "device type 99:0")])
def test_arrays_elsewhere_are_refused(device, words):
    view = from_numpy(np.zeros(3, np.float32), float32)
    with pytest.raises(ExchangeError, match=f"lives on {words}"):
        from_dlpack(Exported(view, Aval((3,), float32), device))


@pytest.mark.parametrize("values", [np.zeros(3, object), np.zeros(3, "S3"), np.zeros(3, "datetime64[s]")])
def test_dtypes_without_dlpack_are_refused(values):
    with pytest.raises(ExchangeError, match="cannot be read through DLPack"):
        from_dlpack(values)


def test_an_exporter_that_refuses():
    class Guarded(Exported):
        def __dlpack__(self, **options):
            raise RuntimeError("it requires grad")

    with pytest.raises(ExchangeError, match="requires grad"):
        from_dlpack(Guarded(None, None))


def test_streams_and_other_devices_are_refused():
    aval = Aval((3,), float32)
    view = from_numpy(np.zeros(3, np.float32), float32)
    with pytest.raises(ExchangeError, match="without a stream"):
        to_dlpack(view, aval, stream=1)
    with pytest.raises(ExchangeError, match="not to"):
        to_dlpack(view, aval, dl_device=(2, 0))


def test_a_capsule_that_nobody_takes_gives_its_memory_back():
    for _ in range(3):
        view, aval = from_dlpack(np.zeros((64, 64), np.float32))
        capsule = to_dlpack(view, aval)
        del view
        del capsule
    gc.collect()
