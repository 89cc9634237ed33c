"""`Array`: making, reading, printing, exchanging, and values that are computed when they are needed."""

from __future__ import annotations

import array as stdlib_array
import copy
import gc
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api import loaded
from eerie_dsl.errors import ArgumentError, DTypeError, ExchangeError, IndexingError, InvalidValueError, ShapeError
from eerie_dsl.ir import dtypes
from eerie_dsl.runtime import aligned_empty


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1.5, eerie.float32, ()),
        (3, eerie.int64, ()),
        (True, eerie.bool, ()),
        ([1.0, 2], eerie.float32, (2,)),
        ([[1, 2], [3, 4]], eerie.int64, (2, 2)),
        ([True, False], eerie.bool, (2,)),
        ([], eerie.float32, (0,)),
        (np.zeros((2, 0), np.int8), eerie.int8, (2, 0)),
        ([np.float64(1), np.float64(2)], eerie.float64, (2,)),
        (np.float16(2), eerie.float16, ()),
        (b"\x01\x02", eerie.uint8, (2,)),
        (stdlib_array.array("i", [1, 2, 3]), eerie.int32, (3,)),
    ],
)
def test_asarray(value: Any, dtype: eerie.DType, shape: tuple[int, ...]) -> None:
    x = eerie.asarray(value)
    assert (x.dtype, x.shape, x.ndim, x.size) == (dtype, shape, len(shape), int(np.prod(shape)))
    assert x.nbytes == x.size * np.asarray(x).itemsize


def test_asarray_of_arrays_stacks() -> None:
    x = eerie.asarray([eerie.asarray([1.0, 2.0]), eerie.asarray([3.0, 4.0])])
    assert x.tolist() == [[1, 2], [3, 4]]


def test_asarray_copies_what_could_change() -> None:
    source = aligned_empty((4096, 8), eerie.float32)
    source[:] = 1
    held, shared = eerie.asarray(source), eerie.asarray(source, copy=False)
    source[:] = 2
    assert held[0, 0].item() == 1
    assert shared[0, 0].item() == 2
    with pytest.raises(ExchangeError, match="cannot be shared"):
        eerie.asarray(source[::2], copy=False)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ([[1], [1, 2]], ShapeError, "different lengths"),
        (["a"], DTypeError, "not an element type"),
        (object(), ArgumentError, "not array-like"),
        (np.array([object()]), DTypeError, "not an element type"),
        (np.array(["2020-01-01"], "datetime64[D]"), DTypeError, "not an element type"),
        (np.ma.masked_array([1.0], [True]), DTypeError, "masked"),
    ],
)
def test_asarray_refuses_by_name(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        eerie.asarray(value)


def test_dtypes_go_through_numpy() -> None:
    for one in dtypes.ALL:
        array = np.array([0, 1], dtype=one.numpy)
        back = np.asarray(eerie.asarray(array))
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


def test_printing() -> None:
    assert repr(eerie.asarray([1.0, 2.5])) == "Array([1. , 2.5], dtype=float32, device=cpu)"
    assert str(eerie.asarray([[1, 2]])) == "[[1 2]]"
    assert f"{eerie.asarray(2.0):.2f}" == "2.00"
    assert f"{eerie.asarray([1])}" == "[1]"


def test_scalars_out() -> None:
    x = eerie.asarray(3.0)
    assert (float(x), int(x), bool(x), complex(x), x.item()) == (3.0, 3, True, 3 + 0j, 3.0)
    assert [10, 20, 30][eerie.asarray(1)] == 20
    with pytest.raises(InvalidValueError, match="one element"):
        bool(eerie.asarray([1, 2]))
    with pytest.raises(ArgumentError, match="integer"):
        [1, 2][eerie.asarray(1.0)]
    with pytest.raises(ArgumentError, match="0-d"):
        len(eerie.asarray(1))
    with pytest.raises(TypeError):
        hash(x)


def test_iteration_and_containers() -> None:
    rows = list(eerie.asarray([[1, 2], [3, 4]]))
    assert [r.tolist() for r in rows] == [[1, 2], [3, 4]]
    assert len(eerie.asarray([1, 2, 3])) == 3


def test_numpy_sees_a_read_only_view() -> None:
    x = eerie.asarray([1.0, 2.0]) + 1
    view = np.asarray(x)
    assert not view.flags.writeable
    assert np.shares_memory(view, np.asarray(x))
    assert np.array(x, copy=True).flags.writeable
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    del x
    gc.collect()
    assert view.tolist() == [2, 3]
    with pytest.raises(InvalidValueError, match="without a copy"):
        (eerie.asarray([1.0])).__array__(np.float64, copy=False)


def test_numpy_on_the_left() -> None:
    assert isinstance(np.ones(2, np.float32) + eerie.asarray([1.0, 2.0]), eerie.Array)
    assert (np.float32(2) * eerie.asarray([1.0, 2.0])).tolist() == [2, 4]


def test_dlpack_both_ways() -> None:
    x = eerie.asarray([1.0, 2.0]) * 2
    assert np.from_dlpack(x).tolist() == [2, 4]
    assert x.__dlpack_device__() == (1, 0)
    assert eerie.asarray(np.from_dlpack(x)).tolist() == [2, 4]

    class Exporter:
        def __init__(self, a: np.ndarray[Any, Any]) -> None:
            self.a = a

        def __dlpack__(self, **options: Any) -> Any:
            return self.a.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.a.__dlpack_device__()

    assert eerie.asarray(Exporter(np.arange(3, dtype=np.int32))).tolist() == [0, 1, 2]


def test_buffer_protocol_shares_the_memory() -> None:
    x = eerie.asarray([1.0, 2.0]) + 1
    view = memoryview(x) if sys.version_info >= (3, 12) else x.__buffer__(0)
    assert (view.tolist(), view.format, view.readonly) == ([2.0, 3.0], "f", True)


def test_pickle_and_copy() -> None:
    x = eerie.asarray(np.arange(6, dtype=np.int16).reshape(2, 3)) + 1
    for y in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert y.dtype is eerie.int16
        assert y.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_assignment_rebinds_and_leaves_others_alone() -> None:
    x = eerie.zeros((3,))
    y = x
    z = x + 1
    x[1] = 5.0
    x += 1
    assert x.tolist() == [1, 6, 1]
    assert y.tolist() == [0, 5, 0]
    assert z.tolist() == [1, 1, 1]


def test_chains_are_one_program_and_structure_is_reused() -> None:
    def chain(scale: float) -> eerie.Array:
        x = eerie.asarray(np.arange(8, dtype=np.float32))
        return (x * scale + 1.0).reshape(2, 4).sum(axis=1)

    chain(2.0).tolist()
    before = len(loaded._recent)
    for scale in (3.0, 4.0, 5.5):
        np.testing.assert_allclose(chain(scale), (np.arange(8) * scale + 1).reshape(2, 4).sum(1))
    assert len(loaded._recent) == before


def test_evaluated_values_are_not_computed_again() -> None:
    x = eerie.asarray([1.0, 2.0])
    y = x * 3
    z = y + 1
    assert y.tolist() == [3, 6]
    assert y.node.op is None
    assert z.node.inputs[0] is y.node
    assert z.tolist() == [4, 7]


def test_a_loop_frees_what_it_computed() -> None:
    x = eerie.asarray(np.zeros(4, np.float32))
    for _ in range(300):
        x = x + 1.0
        x.tolist()
    assert x.node.inputs == ()
    assert x.tolist() == [300] * 4


def test_a_long_pending_chain() -> None:
    x = eerie.asarray(np.zeros(4, np.float32))
    with eerie.config(evaluation="reference"):
        for _ in range(3000):
            x = x + 1.0
        assert x.tolist() == [3000] * 4


def test_threads_read_the_same_pending_value() -> None:
    x = eerie.exp(eerie.asarray(np.zeros(16, np.float32)))
    y = x + 1
    results: list[Any] = []
    threads = [threading.Thread(target=lambda a=a: results.append(a.tolist())) for a in (x, y, x, y)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r[0] for r in results) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda x: x + eerie.zeros((4,)), ShapeError, r"add: shapes \[3\] and \[4\] do not broadcast"),
        (lambda x: x @ eerie.zeros((4,)), ShapeError, r"\[3\].*\[4\]|f32\[3\].*f32\[4\]"),
        (lambda x: x[5], IndexingError, "5.*size 3|size 3.*5"),
        (lambda x: x & x, DTypeError, "bitwise_and does not take float32"),
        (lambda x: x.reshape(2, 2), ShapeError, "reshape"),
        (lambda x: eerie.asarray(np.uint64(1)) + eerie.asarray(np.int64(1)), DTypeError, "no integer type holds both"),
        (lambda x: eerie.asarray(np.int8(1)) + 1000, DTypeError, "1000 does not fit in int8"),
        (lambda x: eerie.Array(), ArgumentError, "asarray"),
    ],
)  # fmt: skip
def test_errors_name_the_line_the_op_and_the_fix(use: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        use(eerie.zeros((3,)))
    assert str(caught.value).startswith(__file__)


def test_operators_against_strangers() -> None:
    with pytest.raises(TypeError):
        eerie.zeros((2,)) + "a"
    assert eerie.zeros((2,)) != "a"
