"""Arrays that are made from a few numbers.

The default dtype of floating point is float32, of integers int64. ``device`` is a device that arrays can live on, its
name, or None for the default: the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, lift, required
from eerie_dsl.api.info import on_device
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.composite import creation as rules


def _chosen(dtype: Any) -> DType | None:
    return None if dtype is None else _dtype(dtype)


def _made(node: Node, device: Any) -> Array:
    on_device(device)
    return Array.of(node)


def zeros(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros, float32 by default.

    Raises:
        ShapeError: a negative size.

    >>> zeros(2)
    Array([0., 0.], dtype=float32, device=cpu)
    """
    return _made(rules.filled("zeros", shape, 0, _chosen(dtype)), device)


def ones(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Array:
    """Ones, float32 by default.

    >>> ones((1, 2))
    Array([[1., 1.]], dtype=float32, device=cpu)
    """
    return _made(rules.filled("ones", shape, 1, _chosen(dtype)), device)


def empty(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Array:
    """Elements that are about to be replaced; they are zeros, so that a mistake shows the same everywhere.

    >>> empty(2)
    Array([0., 0.], dtype=float32, device=cpu)
    """
    return _made(rules.filled("empty", shape, 0, _chosen(dtype)), device)


def full(shape: int | Sequence[int], fill_value: ArrayLike, *, dtype: Any = None, device: Any = None) -> Array:
    """``fill_value`` everywhere; the default dtype is its own.

    Args:
        shape: sizes.
        fill_value: a number, or an array that broadcasts to the shape.
        dtype: of the elements.

    >>> full(2, 7)
    Array([7, 7], dtype=int64, device=cpu)
    """
    return _made(rules.full(shape, required(fill_value), _chosen(dtype)), device)


def zeros_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of ``x``, and in its dtype by default.

    >>> zeros_like([1, 2])
    Array([0, 0], dtype=int64, device=cpu)
    """
    node = lift(x)
    return _made(rules.filled("zeros_like", node.shape, 0, _chosen(dtype) or node.dtype), device)


def ones_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones in the shape of ``x``, and in its dtype by default.

    >>> ones_like([1, 2])
    Array([1, 1], dtype=int64, device=cpu)
    """
    node = lift(x)
    return _made(rules.filled("ones_like", node.shape, 1, _chosen(dtype) or node.dtype), device)


def empty_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Array:
    """As `empty`, in the shape of ``x``, and in its dtype by default.

    >>> empty_like([1, 2])
    Array([0, 0], dtype=int64, device=cpu)
    """
    node = lift(x)
    return _made(rules.filled("empty_like", node.shape, 0, _chosen(dtype) or node.dtype), device)


def full_like(x: ArrayLike, /, fill_value: ArrayLike, *, dtype: Any = None, device: Any = None) -> Array:
    """``fill_value`` in the shape of ``x``, and in its dtype by default.

    >>> full_like([1, 2], 3)
    Array([3, 3], dtype=int64, device=cpu)
    """
    node = lift(x)
    return _made(rules.full(node.shape, required(fill_value), _chosen(dtype) or node.dtype), device)


def arange(
    start: int | float,
    /,
    stop: int | float | None = None,
    step: int | float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Array:
    """``start``, ``start + step``, ... up to but not including ``stop``; from 0 when there is one bound.

    Args:
        start: a Python number, as are the others: they make the shape.
        stop: where it ends.
        step: the distance, not 0.
        dtype: by default int64 when all bounds are integers, else float32.

    Raises:
        InvalidValueError: a step of 0, or a bound that is not finite.
        ArgumentError: bounds that are not Python numbers.

    >>> arange(1, 7, 2)
    Array([1, 3, 5], dtype=int64, device=cpu)
    """
    return _made(rules.arange(start, stop, step, _chosen(dtype)), device)


def linspace(
    start: ArrayLike, stop: ArrayLike, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Array:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, which is the last of them unless ``endpoint`` is False.

    Args:
        start: the first number; of arrays, each pair of elements is a line along a new first axis of the result.
        stop: where it ends.
        num: how many.
        dtype: by default that of the ends if floating point, else float32; numbers go down to integers.
        device: one that arrays can live on, its name, or None for the default.
        endpoint: whether ``stop`` is one of them.

    Raises:
        ShapeError: ends that do not broadcast, or a negative ``num``.

    >>> linspace(0, 1, 5)
    Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32, device=cpu)
    """
    return _made(rules.linspace(required(start), required(stop), num, _chosen(dtype), endpoint), device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Array:
    """Ones on the ``k``-th diagonal, zeros elsewhere; float32 by default, square by default.

    >>> eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32, device=cpu)
    """
    return _made(rules.eye(n_rows, n_cols, k, _chosen(dtype)), device)


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> tuple[Array, ...]:
    """The coordinates of a grid, one array for each of the 1-d ``arrays``.

    Args:
        arrays: coordinates along each axis.
        indexing: ``ij`` gives the shape (len(a), len(b), ...); ``xy`` exchanges the first two axes.

    Raises:
        ShapeError: an array of several dimensions.

    >>> meshgrid([1, 2], [3, 4])[0]
    Array([[1, 2],
           [1, 2]], dtype=int64, device=cpu)
    """
    return tuple(Array.of(n) for n in rules.meshgrid(*map(required, arrays), indexing=indexing))
