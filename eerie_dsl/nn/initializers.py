"""Where parameters begin: functions of a key, a shape and a dtype.

A matrix is ``(out, in)``, as `Linear` keeps it; more axes are the kernel of a convolution, ``(*window, in, out)``. The
fan of a parameter, in or out, is the number of terms that one element of the result, or of the gradient that goes
back, is the sum of. Arguments that come by name are set with `functools.partial`.

>>> from functools import partial
>>> import eerie_dsl as eerie
>>> from eerie_dsl import nn
>>> small = partial(nn.initializers.normal, std=0.02)
>>> nn.Linear.init(eerie.random.key(0), 784, 512, weight_init=small)
Linear(weight=f32[512,784], bias=f32[512])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import eerie_dsl as eerie
from eerie_dsl.errors import ShapeError

Initializer = Callable[[eerie.Array, Sequence[int], eerie.DType], eerie.Array]
"""A function ``(key, shape, dtype)`` that gives an array."""


def zeros(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Zeros; the key is not used.

    >>> import eerie_dsl as eerie
    >>> zeros(eerie.random.key(0), (2,))
    Array([0., 0.], dtype=float32, device=cpu)
    """
    return eerie.zeros(shape, dtype=dtype)


def ones(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Ones; the key is not used.

    >>> import eerie_dsl as eerie
    >>> ones(eerie.random.key(0), (2,))
    Array([1., 1.], dtype=float32, device=cpu)
    """
    return eerie.ones(shape, dtype=dtype)


def normal(
    key: eerie.Array,
    shape: Sequence[int],
    dtype: eerie.DType = eerie.float32,
    *,
    mean: float = 0.0,
    std: float = 1.0,
) -> eerie.Array:
    """The normal distribution.

    >>> import eerie_dsl as eerie
    >>> normal(eerie.random.key(0), (2,), std=0.02)
    Array([-0.00263115, -0.00107436], dtype=float32, device=cpu)
    """
    return eerie.random.normal(shape, mean=mean, std=std, dtype=dtype, key=key)


def truncated_normal(
    key: eerie.Array,
    shape: Sequence[int],
    dtype: eerie.DType = eerie.float32,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    bound: float = 2.0,
) -> eerie.Array:
    """The normal distribution within ``bound`` standard deviations; ``std`` is that of before it was cut.

    >>> import eerie_dsl as eerie
    >>> truncated_normal(eerie.random.key(0), (2,), std=0.02).shape
    (2,)
    """
    low, high = mean - bound * std, mean + bound * std
    return eerie.random.truncated_normal(shape, low=low, high=high, mean=mean, std=std, dtype=dtype, key=key)


def uniform(
    key: eerie.Array,
    shape: Sequence[int],
    dtype: eerie.DType = eerie.float32,
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> eerie.Array:
    """The uniform distribution between ``low`` and ``high``.

    >>> import eerie_dsl as eerie
    >>> uniform(eerie.random.key(0), (2,))
    Array([0.94766706, 0.9785799 ], dtype=float32, device=cpu)
    """
    return eerie.random.uniform(shape, low=low, high=high, dtype=dtype, key=key)


def lecun_normal(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Normal of variance ``1 / fan_in``, which keeps the variance of what a linear layer takes.

    LeCun et al., Efficient BackProp, 1998.

    Raises:
        ShapeError: fewer than two axes.

    >>> import eerie_dsl as eerie
    >>> lecun_normal(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _normal(key, shape, dtype, 1 / fans(shape)[0])


def lecun_uniform(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Uniform of variance ``1 / fan_in``; see `lecun_normal`.

    >>> import eerie_dsl as eerie
    >>> lecun_uniform(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _uniform(key, shape, dtype, 1 / fans(shape)[0])


def xavier_normal(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Normal of variance ``2 / (fan_in + fan_out)``, between what the way there and the way back would ask for.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.

    Raises:
        ShapeError: fewer than two axes.

    >>> import eerie_dsl as eerie
    >>> xavier_normal(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _normal(key, shape, dtype, 2 / sum(fans(shape)))


def xavier_uniform(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Uniform of variance ``2 / (fan_in + fan_out)``; see `xavier_normal`.

    >>> import eerie_dsl as eerie
    >>> xavier_uniform(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _uniform(key, shape, dtype, 2 / sum(fans(shape)))


def he_normal(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Normal of variance ``2 / fan_in``, for layers that are followed by `eerie.relu`.

    He et al., Delving deep into rectifiers, 2015.

    Raises:
        ShapeError: fewer than two axes.

    >>> import eerie_dsl as eerie
    >>> he_normal(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _normal(key, shape, dtype, 2 / fans(shape)[0])


def he_uniform(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """Uniform of variance ``2 / fan_in``; see `he_normal`.

    >>> import eerie_dsl as eerie
    >>> he_uniform(eerie.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return _uniform(key, shape, dtype, 2 / fans(shape)[0])


def orthogonal(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType = eerie.float32) -> eerie.Array:
    """A matrix of orthonormal rows or columns, whichever are fewer; all axes but the last count as rows.

    Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2013. It takes
    a QR factorisation, which is not compiled: draw it outside `eerie.jit`.

    Raises:
        ShapeError: fewer than two axes.

    >>> import eerie_dsl as eerie
    >>> q = orthogonal(eerie.random.key(0), (4, 2))
    >>> eerie.allclose(q.mT @ q, eerie.eye(2), atol=1e-6)
    Array(True, dtype=bool, device=cpu)
    """
    fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    wide = eerie.result_type(dtype, eerie.float32)
    drawn = eerie.random.normal((max(rows, columns), min(rows, columns)), dtype=wide, key=key)
    q, r = eerie.linalg.qr(drawn)
    signs = eerie.where(eerie.linalg.diagonal(r) < 0, -1.0, 1.0)  # or the signs would not be random
    q = q * eerie.astype(signs, wide)
    return eerie.astype(eerie.reshape(q if rows >= columns else q.mT, shape), dtype)


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """``(fan_in, fan_out)`` of a matrix ``(out, in)`` or of a kernel ``(*window, in, out)``.

    Raises:
        ShapeError: fewer than two axes.

    >>> fans((10, 784)), fans((3, 3, 16, 32))
    ((784, 10), (144, 288))
    """
    if len(shape) < 2:
        raise ShapeError(f"a parameter of shape {tuple(shape)} has no fan", hint="use zeros, normal or uniform")
    if len(shape) == 2:
        return shape[1], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _normal(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType, variance: float) -> eerie.Array:
    return normal(key, shape, dtype, std=math.sqrt(variance))


def _uniform(key: eerie.Array, shape: Sequence[int], dtype: eerie.DType, variance: float) -> eerie.Array:
    bound = math.sqrt(3 * variance)
    return uniform(key, shape, dtype, low=-bound, high=bound)
