"""The same elements in other shapes and orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as _np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.errors import InvalidValueError, TracerError
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import arrange, searching
from eerie_dsl.ops.composite import shape as rules
from eerie_dsl.ops.composite.arrange import Widths
from eerie_dsl.ops.composite.promotion import broadcast_shapes as _broadcast_shapes
from eerie_dsl.ops.composite.promotion import strong


def reshape(x: ArrayLike, /, shape: int | Sequence[int], *, copy: bool | None = None) -> Array:
    """The elements in row-major order under another shape.

    Args:
        x: any array.
        shape: sizes; one may be -1 and follows from the others.
        copy: for the standard's sake; arrays are values, so that a copy is never seen.

    Raises:
        ShapeError: the number of elements would change.

    >>> reshape([1, 2, 3, 4], (2, -1))
    Array([[1, 2],
           [3, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.reshape(required(x), shape))


def permute_dims(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Array:
    """Axis ``i`` of the result is axis ``axes[i]`` of ``x``; from last to first for None.

    Raises:
        ShapeError: ``axes`` is not a permutation.

    >>> permute_dims([[1, 2], [3, 4]], (1, 0))
    Array([[1, 3],
           [2, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.permute_dims(required(x), axes) if axes is not None else rules.reverse_dims(required(x)))


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged.

    Raises:
        ShapeError: fewer than two dimensions.

    >>> matrix_transpose([[1, 2], [3, 4]])
    Array([[1, 3],
           [2, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.matrix_transpose(required(x)))


def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int], /) -> Array:
    """Axes moved to new places; the others keep their order.

    >>> moveaxis([[[1, 2, 3]]], -1, 0).shape
    (3, 1, 1)
    """
    return Array.of(rules.moveaxis(required(x), source, destination))


def swapaxes(x: ArrayLike, axis1: int, axis2: int, /) -> Array:
    """Two axes exchanged.

    >>> swapaxes([[[1, 2, 3]]], 0, 2).shape
    (3, 1, 1)
    """
    return Array.of(rules.swapaxes(required(x), axis1, axis2))


def expand_dims(x: ArrayLike, /, axis: int | Sequence[int] = 0) -> Array:
    """New axes of size 1; ``axis`` counts in the result.

    >>> expand_dims([1, 2], axis=-1).shape
    (2, 1)
    """
    return Array.of(rules.expand_dims(required(x), axis))


def squeeze(x: ArrayLike, /, axis: int | Sequence[int] | None = None) -> Array:
    """Axes of size 1 taken away: the named ones, or all.

    Raises:
        ShapeError: a named axis has another size.

    >>> squeeze([[[1, 2]]], 0).shape
    (1, 2)
    """
    return Array.of(rules.squeeze(required(x), axis))


def broadcast_to(x: ArrayLike, /, shape: int | Sequence[int]) -> Array:
    """Repeated to ``shape``: axes are aligned at the right, those of size 1 repeat, new ones come first.

    Raises:
        ShapeError: the shape does not broadcast to that.

    >>> broadcast_to([1, 2], (2, 2))
    Array([[1, 2],
           [1, 2]], dtype=int64, device=cpu)
    """
    return Array.of(rules.broadcast_to(required(x), shape))


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        ShapeError: they do not broadcast.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    sizes = [rules.sizes_of("broadcast_shapes", s) for s in shapes]
    return _broadcast_shapes("broadcast_shapes", *sizes) if sizes else ()


def broadcast_arrays(*arrays: ArrayLike) -> tuple[Array, ...]:
    """All arrays in their common shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> [a.shape for a in broadcast_arrays([1, 2], [[1], [2]])]
    [(2, 2), (2, 2)]
    """
    return tuple(Array.of(n) for n in rules.broadcast_arrays(*map(required, arrays)))


def concat(arrays: Sequence[ArrayLike], /, axis: int | None = 0) -> Array:
    """One after the other along ``axis``, flattened first for None. The dtypes promote.

    Raises:
        ShapeError: no array, or other axes that differ.

    >>> concat([[1, 2], [3]])
    Array([1, 2, 3], dtype=int64, device=cpu)
    """
    return Array.of(rules.concat([required(a) for a in arrays], axis))


def stack(arrays: Sequence[ArrayLike], /, axis: int = 0) -> Array:
    """One after the other along a new axis. The dtypes promote.

    Raises:
        ShapeError: no array, or shapes that differ.

    >>> stack([[1, 2], [3, 4]], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64, device=cpu)
    """
    return Array.of(rules.stack([required(a) for a in arrays], axis))


def unstack(x: ArrayLike, /, axis: int = 0) -> tuple[Array, ...]:
    """The parts along an axis, which goes away.

    >>> unstack([[1, 2], [3, 4]])
    (Array([1, 2], dtype=int64, device=cpu), Array([3, 4], dtype=int64, device=cpu))
    """
    return tuple(Array.of(n) for n in rules.unstack(required(x), axis))


def split(x: ArrayLike, indices_or_sections: int | Sequence[int], /, axis: int = 0) -> list[Array]:
    """Cut along an axis: into that many equal parts, or before each of the given places.

    Raises:
        ShapeError: the axis does not divide into equal parts.

    >>> split([1, 2, 3, 4], [1, 3])
    [Array([1], dtype=int64, device=cpu), Array([2, 3], dtype=int64, device=cpu), Array([4], dtype=int64, device=cpu)]
    """
    return [Array.of(n) for n in rules.split(required(x), indices_or_sections, axis)]


def flip(x: ArrayLike, /, axis: int | Sequence[int] | None = None) -> Array:
    """The order reversed along the axes; along all for None.

    >>> flip([1, 2, 3])
    Array([3, 2, 1], dtype=int64, device=cpu)
    """
    return Array.of(rules.flip(required(x), axis))


def roll(x: ArrayLike, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """Moved by ``shift``; what leaves at one end comes back at the other. None rolls the flattened array.

    >>> roll([1, 2, 3], 1)
    Array([3, 1, 2], dtype=int64, device=cpu)
    """
    return Array.of(arrange.roll(required(x), shift, axis))


def diff(
    x: ArrayLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:
    """Each element less the one before it along an axis, ``n`` times over; of bools, whether they differ.

    Args:
        x: any array.
        axis: which to go along; it becomes ``n`` shorter.
        n: how many times.
        prepend: goes before ``x`` along the axis first; an array, or a number for one element.
        append: goes after ``x`` in the same way.

    Raises:
        InvalidValueError: a negative ``n``.
        ShapeError: no such axis, or other axes that differ.

    >>> diff([1, 4, 9])
    Array([3, 5], dtype=int64, device=cpu)
    >>> diff([1, 4, 9], prepend=0)
    Array([1, 3, 5], dtype=int64, device=cpu)
    """
    around = (None if v is None else required(v) for v in (prepend, append))
    return Array.of(arrange.diff(required(x), n, axis, *around))


def pad(x: ArrayLike, pad_width: Widths, mode: str = "constant", *, constant_values: bool | int | float = 0) -> Array:
    """Elements added around an array.

    Args:
        x: any array.
        pad_width: how many: one integer, (before, after), or such a pair for each axis.
        mode: ``constant`` adds ``constant_values``; ``edge`` repeats the outermost; ``reflect`` mirrors without and
            ``symmetric`` with the outermost; ``wrap`` continues from the other end.
        constant_values: a Python number, part of the program.

    Raises:
        ShapeError: counts that do not fit the dimensions or are negative, or nothing to repeat.
        InvalidValueError: an unknown mode.

    >>> pad([1, 2, 3], (2, 1), "reflect")
    Array([3, 2, 1, 2, 3, 2], dtype=int64, device=cpu)
    """
    return Array.of(arrange.pad(required(x), pad_width, mode, constant_values))


def repeat(x: ArrayLike, repeats: int | ArrayLike, /, axis: int | None = None, *, total: int | None = None) -> Array:
    """Each element several times in a row. None repeats the elements of the flattened array.

    Args:
        x: any array.
        repeats: how many times; for all elements, or one count for each along the axis. Computed counts are read at
            once, because the shape depends on them.
        axis: which to repeat along.
        total: the size of the result along the axis, which computed counts in a traced function need: what they make
            beyond it is left out, and the last element fills what is missing.

    Raises:
        ShapeError: no such axis, or not one count for each element.
        InvalidValueError: a negative count.
        TracerError: counts of a traced function without a ``total``.

    >>> repeat([1, 2], 2)
    Array([1, 1, 2, 2], dtype=int64, device=cpu)
    """
    if isinstance(repeats, int) or (isinstance(repeats, list | tuple) and state.scope is not None):
        return Array.of(arrange.repeat(required(x), repeats, axis))
    counts = strong(required(repeats))
    if not counts.ndim and counts.dtype.is_integer:
        counts = rules.reshape(counts, (1,))
    node, counts = searching.repeatable(required(x), counts, axis)
    if total is None:
        if state.scope is not None:
            raise TracerError(
                f"repeat of {node.aval} by {counts.aval}: the shape depends on values, and {state.scope.name} has none",
                hint="give the size of the result: repeat(x, counts, total=n)",
            )
        values = _np.broadcast_to(Array.of(counts).numpy(), node.shape[0 if axis is None else axis])
        if values.size and values.min() < 0:
            raise InvalidValueError(f"repeat of {node.aval} by {int(values.min())}: a count cannot be negative")
        total = int(values.sum())
    return Array.of(searching.repeat(node, counts, total, 0 if axis is None else axis))


def tile(x: ArrayLike, repetitions: int | Sequence[int], /) -> Array:
    """The whole array several times along each axis, aligned at the right.

    >>> tile([1, 2], 2)
    Array([1, 2, 1, 2], dtype=int64, device=cpu)
    """
    return Array.of(arrange.tile(required(x), repetitions))


def tril(x: ArrayLike, /, *, k: int = 0) -> Array:
    """Zeros above the ``k``-th diagonal of the last two axes.

    >>> tril([[1, 2], [3, 4]])
    Array([[1, 0],
           [3, 4]], dtype=int64, device=cpu)
    """
    return Array.of(arrange.tril(required(x), k))


def triu(x: ArrayLike, /, *, k: int = 0) -> Array:
    """Zeros below the ``k``-th diagonal of the last two axes.

    >>> triu([[1, 2], [3, 4]])
    Array([[1, 2],
           [0, 4]], dtype=int64, device=cpu)
    """
    return Array.of(arrange.triu(required(x), k))


def diagonal(x: ArrayLike, /, *, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Array:
    """The elements of a diagonal of two axes, as the last axis of the result.

    Raises:
        ShapeError: fewer than two dimensions.

    >>> diagonal([[1, 2], [3, 4]])
    Array([1, 4], dtype=int64, device=cpu)
    """
    return Array.of(arrange.diagonal(required(x), offset, axis1, axis2))


def diag(x: ArrayLike, /, *, k: int = 0) -> Array:
    """The ``k``-th diagonal of a matrix; or, of a 1-d array, the matrix that has it there and zeros elsewhere.

    >>> diag([1, 2])
    Array([[1, 0],
           [0, 2]], dtype=int64, device=cpu)
    """
    return Array.of(arrange.diag(required(x), k))
