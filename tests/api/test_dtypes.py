"""What can be asked about dtypes, against NumPy and the standard's tables."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import DTypeError, InvalidValueError
from eerie_dsl.ir import dtypes

KINDS = {
    "bool": {"bool"},
    "signed integer": {"int8", "int16", "int32", "int64"},
    "unsigned integer": {"uint8", "uint16", "uint32", "uint64"},
    "real floating": {"float16", "bfloat16", "float32", "float64"},
    "complex floating": {"complex64", "complex128"},
}
KINDS["integral"] = KINDS["signed integer"] | KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] | KINDS["real floating"] | KINDS["complex floating"]


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind):
    assert {d.name for d in dtypes.ALL if eerie.isdtype(d, kind)} == KINDS[kind]
    assert {d.name for d in dtypes.ALL if eerie.isdtype(d, kind=(kind, "bool"))} == KINDS[kind] | {"bool"}


def test_a_dtype_is_a_kind_of_its_own():
    for one in dtypes.ALL:
        assert [d for d in dtypes.ALL if eerie.isdtype(one, d)] == [one]
    assert eerie.isdtype(np.dtype("int8"), (eerie.bool, np.int8))
    with pytest.raises(InvalidValueError, match=r"no kind of dtypes 'float'\n.*real floating"):
        eerie.isdtype("int8", "float")


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d.is_inexact], ids=lambda d: d.name)
def test_finfo(dtype):
    expected = ml_dtypes.finfo(dtype.numpy)
    for asked in (dtype, dtype.name, dtype.numpy, eerie.ones((), dtype=dtype)):
        info = eerie.finfo(asked)
        assert info.bits == expected.bits
        for field in ("eps", "max", "min", "smallest_normal"):
            assert type(getattr(info, field)) is float
            assert getattr(info, field) == float(getattr(expected, field))
        assert info.dtype is dtypes.real_part(dtype)
    with pytest.raises(DTypeError, match="not an integer dtype"):
        eerie.iinfo(dtype)


@pytest.mark.parametrize("dtype", dtypes.INTEGERS, ids=lambda d: d.name)
def test_iinfo(dtype):
    expected = np.iinfo(dtype.numpy)
    for asked in (dtype, dtype.name, eerie.ones((), dtype=dtype), np.ones(2, dtype.numpy)):
        info = eerie.iinfo(asked)
        assert (info.bits, info.max, info.min) == (expected.bits, expected.max, expected.min)
        assert info.dtype is dtype
    with pytest.raises(DTypeError, match="not floating point"):
        eerie.finfo(dtype)


def standard(a, b):
    """The standard's table where it has an entry: NumPy's, within one kind of numbers."""
    kinds = {"bool": 0, "int": 1, "uint": 1, "float": 2, "complex": 2}
    if dtypes.bfloat16 in (a, b) or kinds[a.kind] != kinds[b.kind]:
        return None
    found = np.promote_types(a.numpy, b.numpy)
    return None if found.kind == "f" and a.is_integer else found


@pytest.mark.parametrize("a", dtypes.ALL, ids=lambda d: d.name)
def test_promotion_is_that_of_the_standard(a):
    for b in dtypes.ALL:
        expected = standard(a, b)
        if expected is not None:
            assert eerie.result_type(a, b).numpy == expected
            assert eerie.can_cast(a, b) == (expected == b.numpy)
            together = eerie.ones(2, dtype=a), eerie.ones((), dtype=b)
            assert eerie.result_type(*together).numpy == expected


def test_numbers_give_way_to_arrays():
    x = eerie.ones(2, dtype="int8")
    assert eerie.result_type(x, 1, True) is eerie.int8
    assert eerie.result_type(x, 1.5) is eerie.float32
    assert eerie.result_type(eerie.float64, 1j) is eerie.complex128
    assert eerie.result_type(1, 2.5) is eerie.float32
    assert eerie.can_cast(x, "int16")
    assert not eerie.can_cast("uint64", "int64")
    with pytest.raises(InvalidValueError, match="at least one"):
        eerie.result_type()
    with pytest.raises(DTypeError, match="uint64 and int8"):
        eerie.result_type("uint64", x)
