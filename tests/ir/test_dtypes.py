"""Promotion against the Array API standard's table, and what the standard leaves open."""

from itertools import product

import numpy as np
import pytest

from eerie_dsl.errors import DTypeError
from eerie_dsl.ir import dtypes as d

SAME = {
    (d.int8, d.int16): d.int16,
    (d.uint8, d.uint32): d.uint32,
    (d.int8, d.uint8): d.int16,
    (d.int8, d.uint16): d.int32,
    (d.int8, d.uint32): d.int64,
    (d.int64, d.uint32): d.int64,
    (d.float32, d.float64): d.float64,
    (d.float32, d.complex64): d.complex64,
    (d.float64, d.complex64): d.complex128,
    (d.float16, d.bfloat16): d.float32,
    (d.int64, d.float16): d.float16,
    (d.bool_, d.uint8): d.uint8,
    (d.int64, d.float32): d.float32,
}


@pytest.mark.parametrize(("pair", "expected"), SAME.items(), ids=lambda v: str(v))
def test_promote(pair: tuple[d.DType, d.DType], expected: d.DType) -> None:
    assert d.promote(*pair) is expected
    assert d.promote(*reversed(pair)) is expected


WITHIN_A_KIND = [
    *product(d.INTEGERS, d.INTEGERS),
    *product((d.float32, d.float64, d.complex64, d.complex128), (d.float32, d.float64, d.complex64, d.complex128)),
]


@pytest.mark.parametrize(("a", "b"), WITHIN_A_KIND, ids=lambda v: v.name)
def test_promotes_as_numpy_within_a_kind(a: d.DType, b: d.DType) -> None:
    ints = a.is_integer
    expected = np.result_type(a.numpy, b.numpy)
    if ints and expected.kind == "f":
        with pytest.raises(DTypeError, match="no integer type holds both"):
            d.promote(a, b)
    else:
        assert d.promote(a, b).numpy == expected


def test_scalars_give_way() -> None:
    assert d.promote_scalar(d.float16, "float") is d.float16
    assert d.promote_scalar(d.int8, "int") is d.int8
    assert d.promote_scalar(d.int8, "float") is d.float32
    assert d.promote_scalar(d.bool_, "int") is d.int64
    assert d.promote_scalar(d.float64, "complex") is d.complex128


def test_dtype_names_what_it_does_not_know() -> None:
    with pytest.raises(DTypeError, match="not an element type"):
        d.dtype(np.dtype("datetime64[s]"))
    with pytest.raises(DTypeError, match="float8"):
        d.dtype("float8")


def test_dtype_takes_every_spelling() -> None:
    for one in d.ALL:
        assert d.dtype(one.name) is d.dtype(one.numpy) is d.dtype(one) is one
    assert d.dtype(np.float32) is d.float32
    assert d.dtype(float) is d.float32
