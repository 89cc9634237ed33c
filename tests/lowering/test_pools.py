"""Constants as the compiler prints them, and their bytes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from eerie_dsl.errors import CompileError
from eerie_dsl.lowering.pools import constant_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dense<[1.0, -2.5e-01]> : tensor<2xf32>", np.array([1, -0.25], np.float32)),
        ("dense<1.000000e+00> : vector<2x3xf64>", np.ones((2, 3))),
        ('dense<"0x0000803F000000C0"> : tensor<2xf32>', np.array([1, -2], np.float32)),
        ("dense<[0x7F800000, 0xFFC00000]> : tensor<2xf32>", np.array([0x7F800000, 0xFFC00000], np.uint32)),
        ("dense<[[1, -2], [127, -128]]> : tensor<2x2xi8>", np.array([[1, -2], [127, -128]], np.int8)),
        ("dense<[-1, 9223372036854775807]> : tensor<2xi64>", np.array([-1, 2**63 - 1])),
        ("dense<[true, false]> : tensor<2xi1>", np.array([1, 0], np.int8)),
        ("dense<[(1.0, 2.0), (-3.0, 0.5)]> : tensor<2xcomplex<f32>>", np.array([1 + 2j, -3 + 0.5j], np.complex64)),
        ("dense<(1.0, 2.0)> : tensor<2xcomplex<f64>>", np.array([1 + 2j, 1 + 2j])),
        ("dense<[1.5, 0x7F80]> : tensor<2xbf16>", np.array([1.5, np.inf], ml_dtypes.bfloat16)),
        ("dense<2.5> : tensor<f16>", np.array(2.5, np.float16)),
        (
            "#util.composite<12xi8, [\n    dense<[1, 2]> : tensor<2xi32>,\n    dense<0> : vector<4xi8>,\n]>",
            np.array([1, 2, 0], np.int32),
        ),
    ],
)
def test_the_bytes_of_a_constant(text, expected):
    assert constant_bytes(text) == expected.tobytes()


@pytest.mark.parametrize(
    "text", ["dense_resource<a> : tensor<2xf32>", "#util.composite<9xi8, [dense<0> : tensor<8xi8>]>"]
)
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(CompileError, match="cannot be read back"):
        constant_bytes(text)
