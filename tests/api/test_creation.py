"""Arrays that are made: their values against NumPy, their dtypes, devices, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import (
    ArgumentError,
    AxisError,
    DTypeError,
    ExchangeError,
    InvalidValueError,
    MissingProtocolError,
    ShapeError,
)
from eerie_dsl.ir import dtypes

pytestmark = pytest.mark.usefixtures("interpreted")

MADE = {
    "arange": lambda **k: eerie.arange(3, **k),
    "asarray": lambda **k: eerie.asarray([0, 1], **k),
    "astype": lambda **k: eerie.astype(eerie.ones(2), "int8", **k),
    "empty": lambda **k: eerie.empty(2, **k),
    "empty_like": lambda **k: eerie.empty_like([1, 2], **k),
    "eye": lambda **k: eerie.eye(2, **k),
    "from_dlpack": lambda **k: eerie.from_dlpack(np.arange(2), **k),
    "full": lambda **k: eerie.full(2, 3, **k),
    "full_like": lambda **k: eerie.full_like([1, 2], 3, **k),
    "linspace": lambda **k: eerie.linspace(0, 1, 3, **k),
    "ones": lambda **k: eerie.ones(2, **k),
    "ones_like": lambda **k: eerie.ones_like([1, 2], **k),
    "zeros": lambda **k: eerie.zeros(2, **k),
    "zeros_like": lambda **k: eerie.zeros_like([1, 2], **k),
}


@pytest.mark.parametrize("name", MADE)
def test_every_function_that_makes_an_array_takes_a_device(name):
    expected = MADE[name]().tolist()
    for there in (None, "cpu", eerie.cpu):
        made = MADE[name](device=there)
        assert made.device == eerie.cpu
        assert made.tolist() == expected
    for device in ("gpu", 0, eerie.Device("cuda:0", "cuda")):
        with pytest.raises(InvalidValueError, match=r"arrays cannot live on device .*\n.*use one of: cpu"):
            MADE[name](device=device)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype(dtype):
    made = {
        "zeros": (eerie.zeros((2, 2), dtype=dtype), [[0, 0], [0, 0]]),
        "ones": (eerie.ones(2, dtype=dtype), [1, 1]),
        "full": (eerie.full((2, 1), 1, dtype=dtype), [[1], [1]]),
        "eye": (eerie.eye(2, 3, k=1, dtype=dtype), [[0, 1, 0], [0, 0, 1]]),
        "arange": (eerie.arange(2, dtype=dtype), [0, 1]),
        "linspace": (eerie.linspace(0, 1, 2, dtype=dtype), [0, 1]),
        "asarray": (eerie.asarray([[1, 0]], dtype=dtype), [[1, 0]]),
        "scalar": (eerie.asarray(1, dtype=dtype), 1),
    }
    for name, (x, expected) in made.items():
        assert x.dtype is dtype, name
        assert x.tolist() == expected, name


def test_default_dtypes():
    assert eerie.zeros(1).dtype is eerie.full(1, 1.5).dtype is eerie.arange(1.0).dtype is eerie.float32
    assert eerie.linspace(0, 1, 2).dtype is eerie.eye(1).dtype is eerie.asarray([]).dtype is eerie.float32
    assert eerie.arange(2).dtype is eerie.full(1, 2).dtype is eerie.asarray(range(2)).dtype is eerie.int64
    assert eerie.full(1, 2j).dtype is eerie.asarray([1j]).dtype is eerie.linspace(0, 1j, 2).dtype is eerie.complex64
    assert eerie.full(1, True).dtype is eerie.bool
    assert eerie.asarray([np.float64(1), 2]).dtype is eerie.float64


BOUNDS = [(5,), (-3,), (1, 7, 2), (7, 1, -2), (0, 1, 0.1), (0.5, 3), (1, 1), (5, 0), (2**40, 2**40 + 3), (0, -1, -0.25)]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_arange(bounds):
    for dtype in (np.float64, np.int64) if all(isinstance(b, int) for b in bounds) else (np.float64,):
        made = eerie.arange(*bounds, dtype=dtype)
        np.testing.assert_allclose(made.numpy(), np.arange(*bounds, dtype=dtype), rtol=1e-15, atol=1e-15)
        assert made.shape == np.arange(*bounds).shape


def test_arange_refuses():
    with pytest.raises(InvalidValueError, match="never arrives"):
        eerie.arange(0, 1, 0.0)
    for bound in (float("inf"), float("nan")):
        with pytest.raises(InvalidValueError, match="no end"):
            eerie.arange(bound)
    with pytest.raises(ArgumentError, match="Python numbers"):
        eerie.arange(eerie.ones(()))  # type: ignore[arg-type]


@pytest.mark.parametrize("num", [0, 1, 2, 7])
@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("ends", [(0, 1), (5, 5), (1, -2.5), (0, 2**53), (1j, 2 - 3j)], ids=str)
def test_linspace(num, endpoint, ends):
    dtype: Any = np.complex128 if isinstance(ends[0], complex) else np.float64
    made = eerie.linspace(ends[0], ends[1], num, dtype=dtype, endpoint=endpoint)
    expected = np.linspace(ends[0], ends[1], num, endpoint=endpoint, dtype=dtype)
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-15)
    if endpoint and num > 1:
        assert made[-1].item() == ends[1]


def test_linspace_of_arrays_and_to_integers():
    start = np.array([0.0, 10.0])
    np.testing.assert_array_equal(eerie.linspace(start, 20, 5).numpy(), np.linspace(start, 20, 5))
    assert eerie.linspace(-1, 1, 4, dtype=int).tolist() == np.linspace(-1, 1, 4, dtype=int).tolist()


def test_linspace_refuses():
    with pytest.raises(ShapeError, match="cannot be negative"):
        eerie.linspace(0, 1, -1)
    with pytest.raises(ArgumentError, match="a count is an integer"):
        eerie.linspace(0, 1, 2.0)  # type: ignore[arg-type]


def test_a_diagonal_anywhere():
    for k in (-(2**70), -3, -1, 0, 2, 2**70):
        expected = [[float(j - i == k) for j in range(3)] for i in range(2)]
        assert eerie.eye(2, 3, k=k).tolist() == expected
        assert eerie.tril(eerie.ones((2, 3)), k=k).tolist() == [[float(j - i <= k) for j in range(3)] for i in range(2)]
        assert eerie.triu(eerie.ones((2, 3)), k=k).tolist() == [[float(j - i >= k) for j in range(3)] for i in range(2)]


def test_meshgrid():
    assert eerie.meshgrid() == ()
    for indexing in ("xy", "ij"):
        made = eerie.meshgrid([1, 2], [3.5], 4, indexing=indexing)
        expected = np.meshgrid([1, 2], [3.5], 4, indexing=indexing)
        assert type(made) is tuple
        assert [m.tolist() for m in made] == [e.tolist() for e in expected]
        assert [m.dtype for m in made] == [eerie.int64, eerie.float32, eerie.int64]
    with pytest.raises(InvalidValueError, match="no indexing 'yx'"):
        eerie.meshgrid([1], indexing="yx")


def test_numbers_in_the_dtype_asked_for():
    assert eerie.asarray([16777217.0], dtype="float64").tolist() == [16777217.0]
    assert eerie.asarray([2**63], dtype="uint64").tolist() == [2**63]
    assert eerie.asarray(1.7, dtype=int).item() == eerie.asarray([1.7], dtype=int)[0].item() == 1
    for value in (300, [300], float("nan"), [float("nan")], 1j, [1j]):
        with pytest.raises(DTypeError, match=r"fit in uint8"):
            eerie.asarray(value, dtype="uint8")
    with pytest.raises(DTypeError, match="fit in float32"):
        eerie.asarray(1j, dtype="float32")


def test_copies():
    x = eerie.asarray([1.0, 2.0])
    assert eerie.asarray(x, copy=False) is x
    kept, copied = eerie.asarray(x), eerie.asarray(x, copy=True)
    x[0] = 5
    assert (kept.tolist(), copied.tolist()) == ([1, 2], [1, 2])
    for value in (1, [1.0], (2,)):
        with pytest.raises(ExchangeError, match="by copying it"):
            eerie.asarray(value, copy=False)
    with pytest.raises(ExchangeError, match="in float64 is a copy"):
        eerie.asarray(x, dtype="float64", copy=False)
    with pytest.raises(ValueError, match="cannot be shared"):
        eerie.asarray(np.arange(10)[::2], copy=False)


def test_from_dlpack_refuses():
    with pytest.raises(MissingProtocolError, match="list does not offer itself"):
        eerie.from_dlpack([1])
    with pytest.raises(BufferError, match="cannot be shared"):
        eerie.from_dlpack(np.arange(10)[::2], copy=False)
    with pytest.raises(BufferError, match="not to"):
        eerie.ones(1).__dlpack__(dl_device=(2, 0))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("axis", [0, -1])
def test_diff(n, axis):
    values = np.arange(12).reshape(3, 4) ** 3
    assert eerie.diff(values, n=n, axis=axis).tolist() == np.diff(values, n=n, axis=axis).tolist()


def test_diff_of_more():
    values = np.array([[1, 5], [2, 9]], np.int16)
    made = eerie.diff(values, prepend=0, append=values[:, :1])
    assert made.tolist() == np.diff(values, prepend=0, append=values[:, :1]).tolist()
    assert made.dtype is eerie.int16
    assert eerie.diff([True, False, False]).tolist() == [True, False]
    assert eerie.diff(np.zeros((2, 0))).shape == (2, 0)
    with pytest.raises(AxisError, match="diff: axis 1 of an array of 1 dimension"):
        eerie.diff([1, 2], axis=1)
    with pytest.raises(InvalidValueError, match="-1 times"):
        eerie.diff([1, 2], n=-1)


def test_broadcast_shapes():
    assert eerie.broadcast_shapes() == ()
    assert eerie.broadcast_shapes((2, 1), 3, (1, 1, 1)) == (1, 2, 3)
    assert eerie.broadcast_shapes((0,), (1,)) == (0,)
    with pytest.raises(ShapeError, match=r"\[2\] and \[3\]"):
        eerie.broadcast_shapes((2,), (3,))
    with pytest.raises(ShapeError, match="cannot be negative"):
        eerie.broadcast_shapes((-1,))
    assert type(eerie.broadcast_arrays([1], 2)) is tuple


def test_compiled_programs_make_the_same():
    def made():
        return (
            [eerie.ones(shape, dtype=dtype) for dtype in dtypes.ALL for shape in ((), (3,))],
            [eerie.arange(5, 0, -2), eerie.arange(0, 1, 0.25), eerie.arange(2, dtype=bool)],
            [eerie.linspace(-1, 1, 4, dtype=int), eerie.linspace(0, 1j, 3), eerie.linspace([0, 1], 5.0, 3)],
            [eerie.eye(3, 2, k=-1), eerie.eye(2, k=2**70), eerie.tril(eerie.ones((2, 3)), k=-(2**70))],
            [eerie.diff([1, 4, 9, 16], n=2, prepend=0), eerie.diff([True, False])],
        )

    expected = eerie.tree.leaves(made())
    with eerie.config(evaluation="compiled"):
        results = eerie.tree.leaves(eerie.jit(made)())
    for result, one in zip(results, expected, strict=True):
        assert (result.dtype, result.shape) == (one.dtype, one.shape)
        np.testing.assert_array_equal(result.numpy(), one.numpy())
