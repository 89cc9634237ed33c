"""The public functions on complex arrays, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import errors

Z = np.array([[1.5 - 2.5j, -0.5 + 0.0j], [0.0 + 3.5j, -1.25 - 1.0j]])
W = np.array([[0.5 + 1.0j, 2.0 - 1.0j], [-1.0 + 0.5j, 0.25 + 0.75j]])


@pytest.fixture(autouse=True)
def interpreted():
    """Values come from the reference rules of the primitives."""
    with eerie.config(evaluation="reference"):
        yield


def same(got: eerie.Array, want: object) -> None:
    """Equal in dtype and shape, and within rounding."""
    want = np.asarray(want)
    assert (got.dtype.numpy, got.shape) == (want.dtype, want.shape)
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-6 if want.dtype.itemsize < 16 else 1e-13, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_parts(dtype: type) -> None:
    z: Any = Z.astype(dtype)
    x = eerie.asarray(z)
    same(eerie.real(x), z.real)
    same(eerie.imag(x), z.imag)
    same(eerie.conj(x), z.conj())
    same(eerie.angle(x), np.angle(z))
    same(x.real, z.real)
    same(x.imag, z.imag)
    same(x.conj(), z.conj())
    same(abs(x), np.abs(z))


def test_parts_of_real_arrays() -> None:
    x = eerie.asarray([1, -2])
    assert x.conj().dtype is eerie.int64
    assert x.real.tolist() == [1, -2]
    assert x.imag.tolist() == [0, 0]
    same(eerie.angle(x), np.array([0, np.pi], np.float32))


def test_round_rounds_both_parts() -> None:
    x = eerie.asarray(Z)
    same(eerie.round(x), np.round(Z))
    same(eerie.round(x * 1.23456, 2), np.round(Z * 1.23456, 2))
    assert eerie.round(eerie.asarray([complex(np.inf, 2.75)]), 1).tolist() == [complex(np.inf, np.float32(2.8))]


@pytest.mark.parametrize(
    ("left", "right", "dtype"),
    [
        ("float64", "complex64", "complex128"),
        ("complex64", "float32", "complex64"),
        ("complex64", "complex128", "complex128"),
        ("int32", "complex64", "complex64"),
    ],
)
def test_promotion(left: str, right: str, dtype: str) -> None:
    x, y = eerie.ones(2, dtype=left), eerie.ones(2, dtype=right)
    for result in (x + y, y * x, x / y, eerie.where([True, False], x, y)):
        assert result.dtype.name == dtype


@pytest.mark.parametrize(
    ("array", "dtype"), [("float32", "complex64"), ("float64", "complex128"), ("complex64", "complex64")]
)
def test_python_complex_scalars(array: str, dtype: str) -> None:
    x = eerie.ones(2, dtype=array)
    for result in (x * 2j, 1j - x, x ** (1 + 1j), x == 1j):
        assert result.dtype.name in (dtype, "bool")
    assert (x + 1j).tolist() == [1 + 1j] * 2


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_totals(dtype: type) -> None:
    z: Any = Z.astype(dtype)
    x = eerie.asarray(z)
    same(eerie.sum(x), z.sum())
    same(eerie.prod(x, axis=0), z.prod(0))
    same(eerie.mean(x, axis=1), z.mean(1))
    same(eerie.cumulative_sum(x, axis=1), z.cumsum(1))
    same(eerie.cumulative_prod(x, axis=0), z.cumprod(0))
    same(eerie.sum(eerie.asarray([1.0, 2.0]), dtype=dtype), dtype(3))
    assert eerie.count_nonzero(x * eerie.asarray([0, 1])).item() == 2
    assert eerie.any(x).item() is True
    assert eerie.all(eerie.asarray([0j, 1])).item() is False


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_products(dtype: type) -> None:
    z: Any = Z.astype(dtype)
    w: Any = W.astype(dtype)
    x, y = eerie.asarray(z), eerie.asarray(w)
    same(x @ y, z @ w)
    same(eerie.tensordot(x, y), np.tensordot(z, w))
    same(eerie.outer(x[0], y[1]), np.outer(z[0], w[1]))
    same(eerie.einsum("ij,kj->ik", x, y), np.einsum("ij,kj->ik", z, w))
    same(eerie.vecdot(x, y), np.vecdot(z, w))
    same(eerie.vecdot(x, eerie.ones((2, 2), dtype=eerie.float32)), z.conj().sum(1))


def test_logic_and_comparison() -> None:
    z = np.array([0j, 1j, complex(np.nan, 0), complex(0, np.inf), -0.0 + 0j])
    x = eerie.asarray(z)
    assert eerie.logical_not(x).tolist() == [True, False, False, False, True]
    assert eerie.isnan(x).tolist() == np.isnan(z).tolist()
    assert eerie.isinf(x).tolist() == np.isinf(z).tolist()
    assert eerie.isfinite(x).tolist() == np.isfinite(z).tolist()
    assert (x == x).tolist() == [True, True, False, True, True]
    assert eerie.astype(x, bool).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("function", [eerie.less, eerie.maximum, eerie.remainder, eerie.atan2, eerie.floor_divide])
def test_what_complex_numbers_do_not_know(function) -> None:
    with pytest.raises(errors.DTypeError, match="does not take complex128"):
        function(eerie.asarray(Z), eerie.asarray(Z))
