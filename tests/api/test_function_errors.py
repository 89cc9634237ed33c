"""What a misused function says: the op, the shapes, the user's own line."""

from __future__ import annotations

from typing import Any

import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import asarray
from eerie_dsl.api.functions.contraction import convolution
from eerie_dsl.api.functions.dtypes import finfo, isdtype, result_type
from eerie_dsl.errors import ArgumentError, DTypeError, EerieError, IndexingError, InvalidValueError, ShapeError
from tests.support.comparison import MASK, N, X, Y

pytestmark = pytest.mark.usefixtures("interpreted")

loose: Any = ee  # calls that a type checker would refuse

WRONG = [
    (lambda: ee.add(X, ee.ones(3)), ShapeError, ["add", "[3, 4]", "[3]"]),
    (lambda: loose.sin(X, 1), TypeError, ["positional"]),
    (lambda: ee.bitwise_and(X, 1), DTypeError, ["bitwise_and", "float32"]),
    (lambda: ee.add(ee.ones(2, dtype="uint64"), ee.ones(2, dtype="int64")), DTypeError, ["uint64", "int64"]),
    (lambda: ee.add(ee.ones(2, dtype="int8"), 300), DTypeError, ["300", "int8"]),
    (lambda: ee.pow(N, -1), DTypeError, ["power", "i32[3,4]"]),
    (lambda: ee.where(N, X, Y), DTypeError, ["where", "i32[3,4]"]),
    (lambda: ee.where(MASK, X, ee.ones(3)), ShapeError, ["where", "[3]"]),
    (lambda: ee.round(N, -1), DTypeError, ["round", "i32[3,4]"]),
    (lambda: ee.sum(X, axis=2), ShapeError, ["sum", "axis 2", "2 dimensions"]),
    (lambda: ee.sum(X, axis=(0, -2)), ShapeError, ["sum", "twice"]),
    (lambda: loose.sum(X, axis="x"), ArgumentError, ["sum", "'x'"]),
    (lambda: ee.mean(X, dtype=int), DTypeError, ["mean", "int64"]),
    (lambda: ee.argmax(X[:0], axis=0), ShapeError, ["argmax", "f32[0,4]"]),
    (lambda: ee.cumulative_sum(X), ShapeError, ["cumulative_sum", "axis"]),
    (lambda: ee.reshape(X, (5, -1)), ShapeError, ["reshape", "f32[3,4]", "12"]),
    (lambda: ee.reshape(X, (5, 2)), ShapeError, ["reshape", "f32[3,4]"]),
    (lambda: loose.reshape(X, (1.5,)), ArgumentError, ["reshape", "1.5"]),
    (lambda: ee.permute_dims(X, (0,)), ShapeError, ["transpose", "f32[3,4]"]),
    (lambda: ee.squeeze(X, 0), ShapeError, ["squeeze", "3 elements"]),
    (lambda: ee.broadcast_to(X, (3, 5)), ShapeError, ["broadcast_to", "[3, 4]", "[3, 5]"]),
    (lambda: ee.concat([X, Y]), ShapeError, ["concat", "f32[3,4]", "f32[4]"]),
    (lambda: ee.concat([]), ShapeError, ["concat"]),
    (lambda: ee.stack([X, Y]), ShapeError, ["stack", "f32[4]"]),
    (lambda: ee.split(X, 3, axis=1), ShapeError, ["split", "f32[3,4]"]),
    (lambda: ee.pad(X, (1, 2, 3)), ShapeError, ["pad", "(1, 2, 3)"]),
    (lambda: ee.pad(X, -1), ShapeError, ["pad", "negative"]),
    (lambda: ee.pad(X, 1, "mirror"), InvalidValueError, ["pad", "mirror"]),
    (lambda: ee.pad(N, 1, constant_values=0.5), DTypeError, ["pad", "0.5"]),
    (lambda: ee.pad(X[:0], 1, "edge"), ShapeError, ["pad", "f32[0,4]"]),
    (lambda: ee.tril(Y), ShapeError, ["tril", "f32[4]"]),
    (lambda: ee.zeros((2, -1)), ShapeError, ["zeros", "-1"]),
    (lambda: ee.arange(0, 5, 0), InvalidValueError, ["arange", "step"]),
    (lambda: loose.arange(asarray(5)), ArgumentError, ["arange"]),
    (lambda: ee.linspace(Y, Y[:3], 3), ShapeError, ["linspace", "[4]", "[3]"]),
    (lambda: ee.meshgrid(X), ShapeError, ["meshgrid"]),
    (lambda: ee.matmul(X, X), ShapeError, ["matmul", "f32[3,4]", "4 columns"]),
    (lambda: ee.matmul(X, 2.0), ShapeError, ["matmul", "f32[]"]),
    (lambda: ee.matmul(MASK, MASK.T), DTypeError, ["matmul", "bool"]),
    (lambda: ee.vecdot(X, Y[:3]), ShapeError, ["vecdot", "f32[3]"]),
    (lambda: ee.tensordot(X, Y, axes=2), ShapeError, ["tensordot", "f32[4]"]),
    (lambda: ee.outer(X, Y), ShapeError, ["outer", "f32[3,4]"]),
    (lambda: convolution(X, Y), ShapeError, ["convolution", "f32[3,4]"]),
    (lambda: ee.take(X, [0]), ShapeError, ["take", "axis"]),
    (lambda: ee.take(Y, [0.5]), IndexingError, ["take", "f32[1]"]),
    (lambda: asarray(X)[3], IndexingError, ["index 3", "axis 0", "size 3"]),
    (lambda: asarray(X)[0, -5], IndexingError, ["index -5", "axis 1", "size 4"]),
    (lambda: asarray(X)[0, 0, 0], IndexingError, ["3 indices", "[3, 4]"]),
    (lambda: asarray(X)[..., ...], IndexingError, ["ellipsis"]),
    (lambda: asarray(X)["a"], IndexingError, ["str"]),
    (lambda: asarray(X)[1.5], IndexingError, ["float"]),
    (lambda: asarray(X)[::0], InvalidValueError, ["step"]),
    (lambda: asarray(X)[asarray(X)], IndexingError, ["f32[3,4]"]),
    (lambda: asarray(X)[[0, 1, 2], [0, 1]], IndexingError, ["index arrays", "[3]", "[2]"]),
    (lambda: asarray(X).at[0].set(Y[:3]), ShapeError, ["assignment", "[3]"]),
    (lambda: asarray(N).at[0].set(0.5), DTypeError, ["float32", "i32[3,4]"]),
    (lambda: asarray(X).at[MASK].set(Y[:3]), ShapeError, ["mask", "f32[3]"]),
    (lambda: asarray(X).at[MASK[0]].set(0), IndexingError, ["mask", "[4]"]),
    (lambda: isdtype("int8", "whole"), InvalidValueError, ["whole"]),
    (lambda: finfo("int8"), DTypeError, ["int8"]),
    (lambda: result_type(), InvalidValueError, ["result_type"]),
    (lambda: asarray(Y).mT, ShapeError, ["matrix_transpose", "f32[4]"]),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors_name_the_op_the_shapes_and_the_line(case):
    function, kind, words = WRONG[case]
    with pytest.raises(kind) as caught:
        function()
    message = str(caught.value)
    assert [w for w in words if w not in message] == []
    if issubclass(kind, EerieError):
        assert message.startswith(f"{__file__}:")
