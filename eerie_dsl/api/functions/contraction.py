"""Products of arrays. float16 and bfloat16 are summed in float32 and rounded once; float32 stays float32."""

from __future__ import annotations

from collections.abc import Sequence

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.ops.composite import contraction as rules
from eerie_dsl.ops.composite import convolution as convolutions
from eerie_dsl.ops.composite.convolution import Padding, Steps


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The matrix product, ``x1 @ x2``.

    Args:
        x1: ``(..., m, k)``, or ``(k,)`` as a row.
        x2: ``(..., k, n)``, or ``(k,)`` as a column.

    Returns:
        ``(..., m, n)`` without the axes that an operand lacks; the axes in front broadcast, the dtypes promote.

    Raises:
        ShapeError: a 0-d operand, inner sizes that differ, or axes in front that do not broadcast.
        DTypeError: bools.

    >>> matmul([[1, 2], [3, 4]], [1, 1])
    Array([3, 7], dtype=int64, device=cpu)
    """
    return Array.of(rules.matmul(required(x1), required(x2)))


def vecdot(x1: ArrayLike, x2: ArrayLike, /, axis: int = -1) -> Array:
    """The sum of products along one axis, counted from the end; the others broadcast.

    Of complex numbers the first factors are conjugated.

    >>> vecdot([[1, 2], [3, 4]], [1, 1])
    Array([3, 7], dtype=int64, device=cpu)
    """
    return Array.of(rules.vecdot(required(x1), required(x2), axis))


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """The sum of products over pairs of axes.

    Args:
        x1: any shape.
        x2: any shape.
        axes: how many of the last axes of ``x1`` meet the first of ``x2``, or which of each.

    Raises:
        ShapeError: axes that do not exist or whose sizes differ.

    >>> tensordot([[1, 2], [3, 4]], [[1, 0], [0, 1]])
    Array(5, dtype=int64, device=cpu)
    """
    return Array.of(rules.tensordot(required(x1), required(x2), axes))


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """All products of an element of ``x1`` with one of ``x2``, both 1-d.

    >>> outer([1, 2], [3, 4])
    Array([[3, 4],
           [6, 8]], dtype=int64, device=cpu)
    """
    return Array.of(rules.outer(required(x1), required(x2)))


def einsum(spec: str, /, *arrays: ArrayLike) -> Array:
    """Sums of products in Einstein's notation, as of `numpy.einsum`.

    Each axis gets a letter; axes with one letter are the same index. With ``->`` the letters after it are the axes of
    the result, all others are summed over; without it those that occur once are kept, in alphabetical order. ``...``
    stands for axes that broadcast. Several operands are contracted two at a time, in a cheap order.

    Raises:
        ShapeError: the letters do not fit the operands.
        DTypeError: bools.

    >>> einsum("ij,kj->ik", [[1, 2], [3, 4]], [[1, 1]])
    Array([[3],
           [7]], dtype=int64, device=cpu)
    """
    return Array.of(rules.einsum(spec, *map(required, arrays)))


def convolution(
    x: ArrayLike,
    kernel: ArrayLike,
    /,
    *,
    stride: Steps = 1,
    padding: Padding = "valid",
    dilation: Steps = 1,
    input_dilation: Steps = 1,
    groups: int = 1,
) -> Array:
    """Sums of products of a kernel with the windows of ``x``, over any number of spatial axes.

    The kernel is not flipped.

    Args:
        x: ``(batch, *spatial, channels)``.
        kernel: ``(*window, channels / groups, features)``.
        stride: step of the window; one number, or one for each spatial axis.
        padding: zeros around: ``valid`` adds none, ``same`` as many as keep the size at stride 1, the odd one behind;
            or a number, or a number or a pair (before, after) for each spatial axis.
        dilation: distance of neighbouring elements of the kernel.
        input_dilation: distance of neighbouring elements of ``x``, zeros in between, as in a transposed convolution.
        groups: channels and features fall into so many groups, each convolved on its own.

    Returns:
        ``(batch, *spatial, features)``.

    Raises:
        ShapeError: shapes, steps, padding or groups that do not fit together.
        DTypeError: bools.

    >>> convolution([[[1.0], [2.0], [3.0], [4.0]]], [[[1.0]], [[1.0]]]).tolist()
    [[[3.0], [5.0], [7.0]]]
    """
    return Array.of(
        convolutions.convolution(required(x), required(kernel), stride, padding, dilation, input_dilation, groups)
    )
