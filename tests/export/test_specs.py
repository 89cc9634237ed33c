"""Specs as values and as text."""

from __future__ import annotations

from typing import Any, cast

import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError
from eerie_dsl.export import spec


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (spec((2, 3)), "f32[2,3]"),
        (spec(4, "int8"), "i8[4]"),
        (spec((), eerie.bool), "bool[]"),
        (spec((0, 1), eerie.bfloat16), "bf16[0,1]"),
        (spec("float16[ 2 , 3 ]"), "f16[2,3]"),
        (spec("u8[]"), "u8[]"),
        (spec((2 * eerie.Dim("n"), 3)), "f32[2*n,3]"),
    ],
)
def test_a_spec_is_a_type(made, text):
    assert repr(made) == f"spec({text!r})"
    assert str(made.dtype) in repr(made.dtype)


def test_specs_of_one_type_are_equal():
    assert spec((2, 3)) == spec("f32[2,3]")
    assert hash(spec((2, 3))) == hash(spec("f32[2,3]"))
    assert spec((2, 3)) != spec((2, 3), eerie.float64)
    assert spec((2, 3)) != (2, 3)


def test_a_dimension_in_text_has_bounds():
    open_, bounded = spec("f32[n,3]").shape[0], spec("f32[n:2..8]").shape[0]
    assert isinstance(open_, eerie.Dim)
    assert isinstance(bounded, eerie.Dim)
    assert (open_.low, bounded.low, bounded.high) == (1, 2, 8)
    assert bounded.name == "n"


@pytest.mark.parametrize("text", ["", "f32", "f32[", "f32[2]3]", "[2]", "f32[-1]", "f32[n:3]", "f32[2.5]", "f32[[2]]"])
def test_a_text_that_is_no_type(text):
    with pytest.raises(ArgumentError, match="is not a"):
        spec(text)


def test_what_is_no_shape_or_dtype():
    with pytest.raises(ArgumentError, match="not a shape"):
        spec((2, -1))
    with pytest.raises(ArgumentError, match="not a shape"):
        spec((2, cast(Any, 1.5)))
    with pytest.raises(ArgumentError, match="says the dtype already"):
        spec("f32[2]", eerie.float32)
    with pytest.raises(DTypeError, match=r"'f33\[2\]'"):
        spec("f33[2]")
