"""Public functions with operands at which they are smooth: what derivatives and batches are tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie

RNG = np.random.default_rng(17)


class Function(NamedTuple):
    """A function and its operands, of which the inexact ones can move."""

    name: str
    call: Callable[..., Any]
    operands: tuple[NDArray[Any], ...]


def _normal(*shape: int) -> NDArray[Any]:
    return RNG.normal(size=shape)


def _positive(*shape: int) -> NDArray[Any]:
    return RNG.uniform(0.2, 0.9, shape)


def _complex(*shape: int) -> NDArray[Any]:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def _written(x: Any, y: Any) -> Any:
    x[1] = y[0] * 2
    x[:, 2] += y[1, 0]
    return x


INDICES = np.array([2, 0, 1])
PLACES = np.array([0, 2, 2])

UNARY_REAL = [
    "abs",
    "asinh",
    "atan",
    "atleast_2d",
    "cbrt",
    "ceil",
    "column_stack",
    "corrcoef",
    "cos",
    "cosh",
    "cov",
    "deg2rad",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "dstack",
    "ediff1d",
    "elu",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "gelu",
    "hstack",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "matrix_transpose",
    "max",
    "mean",
    "median",
    "min",
    "nan_to_num",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "negative",
    "positive",
    "prod",
    "ptp",
    "rad2deg",
    "ravel",
    "real",
    "relu",
    "rms_norm",
    "rot90",
    "round",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "sort",
    "square",
    "std",
    "sum",
    "tan",
    "tanh",
    "trace",
    "trapezoid",
    "tril",
    "triu",
    "trunc",
    "unwrap",
    "var",
    "vstack",
    "zeros_like",
    "angle",
    "average",
    "conj",
]
UNARY_POSITIVE = ["acos", "asin", "atanh", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt"]
BINARY = [
    "add",
    "atan2",
    "convolve",
    "copysign",
    "correlate",
    "cross",
    "divide",
    "dot",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "inner",
    "kron",
    "logaddexp",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "outer",
    "polyval",
    "pow",
    "remainder",
    "subtract",
    "tensordot",
    "vecdot",
]


def _named() -> list[Function]:
    found = []
    for names, make in ((UNARY_REAL, _normal), (UNARY_POSITIVE, _positive)):
        found += [Function(n, getattr(eerie, n), (make(3, 3),)) for n in names]
    for n in BINARY:
        shape = (4,) if n in ("convolve", "correlate", "outer", "polyval") else (3, 3)
        found.append(Function(n, getattr(eerie, n), (_positive(*shape), _positive(*shape))))
    return found


def _written_out() -> list[Function]:
    f: list[tuple[str, Any, tuple[Any, ...]]] = [
        ("acosh", eerie.acosh, (_positive(4) + 1.5,)),
        ("where", lambda c, x, y: eerie.where(c, x, y), (_normal(3, 4) > 0, _normal(3, 4), _normal(4))),
        ("where of a nan", lambda x: eerie.where(x > 0, eerie.sqrt(eerie.where(x > 0, x, 1.0)), 0.0), (_normal(6),)),
        ("clip", lambda x: eerie.clip(x, -0.5, 0.5), (_normal(8),)),
        ("clip by arrays", eerie.clip, (_normal(8), _normal(8) - 1, _normal(8) + 1)),
        ("pad", lambda x: eerie.pad(x, ((1, 2), (0, 1))), (_normal(2, 3),)),
        ("pad reflect", lambda x: eerie.pad(x, 2, mode="reflect"), (_normal(4),)),
        ("pad edge", lambda x: eerie.pad(x, 2, mode="edge"), (_normal(4),)),
        ("take", lambda x, i: eerie.take(x, i, axis=1), (_normal(3, 4), INDICES)),
        ("take_along_axis", lambda x, i: eerie.take_along_axis(x, i, axis=1), (_normal(3, 4), INDICES[:, None])),
        ("x[i]", lambda x, i: x[i, 1:], (_normal(3, 4), INDICES)),
        ("x[i, j]", lambda x, i: x[i, i], (_normal(3, 4), INDICES)),
        ("x[1:, ::-2]", lambda x: x[1:, ::-2, None], (_normal(3, 5),)),
        ("x[...] = y", _written, (_normal(3, 3), _normal(3, 3))),
        ("at.set", lambda x, y: x.at[1].set(y), (_normal(3, 4), _normal(4))),
        ("at[i].set", lambda x, y, i: x.at[i].set(y), (_normal(3, 4), _normal(3, 4), PLACES)),
        ("at[i].add", lambda x, y, i: x.at[i].add(y), (_normal(3, 4), _normal(3, 4), PLACES)),
        ("at[i].multiply", lambda x, y, i: x.at[i].multiply(y), (_normal(3, 4), _normal(3, 4), PLACES)),
        ("at[i].max", lambda x, y, i: x.at[i].max(y), (_normal(3, 4), _normal(3, 4), PLACES)),
        ("einsum", lambda x, y: eerie.einsum("ij,jk,k->i", x, y, y[0]), (_normal(2, 3), _normal(3, 3))),
        ("einsum trace", lambda x: eerie.einsum("ii,ij->j", x, x), (_normal(3, 3),)),
        ("matmul many", eerie.matmul, (_normal(2, 2, 3), _normal(3, 4))),
        ("matmul vector", eerie.matmul, (_normal(3, 4), _normal(4))),
        ("tensordot axes", lambda x, y: eerie.tensordot(x, y, axes=((0, 1), (1, 0))), (_normal(2, 3), _normal(3, 2))),
        ("interp", eerie.interp, (np.array([0.5, 3.0, 1.5]), np.array([0.0, 1.0, 2.0, 4.0]), _normal(4))),
        ("quantile", lambda x: eerie.quantile(x, 0.3), (_normal(7),)),
        ("percentile", lambda x: eerie.percentile(x, 40, axis=0), (_normal(5, 2),)),
        ("sort rows", lambda x: eerie.sort(x, axis=0, descending=True), (_normal(4, 3),)),
        ("topk", lambda x: eerie.topk(x, 2)[0], (_normal(3, 4),)),
        ("var ddof", lambda x: eerie.var(x, axis=1, correction=1), (_normal(3, 4),)),
        ("norm of rows", lambda x: eerie.linalg.vector_norm(x, axis=1), (_normal(3, 4),)),
        ("norm 3", lambda x: eerie.linalg.vector_norm(x, ord=3), (_normal(4),)),
        ("logsumexp rows", lambda x: eerie.logsumexp(x, axis=1), (_normal(3, 4),)),
        ("cumulative_sum axis", lambda x: eerie.cumulative_sum(x, axis=0), (_normal(3, 4),)),
        ("cumulative_prod axis", lambda x: eerie.cumulative_prod(x, axis=1), (_normal(3, 4),)),
        ("gradient", lambda x: eerie.gradient(x, axis=0), (_normal(4, 3),)),
        ("matrix_norm", eerie.linalg.matrix_norm, (_normal(3, 3),)),
        ("matrix_power", lambda x: eerie.linalg.matrix_power(x, 3), (_normal(3, 3),)),
        ("multi_dot", lambda x, y: eerie.linalg.multi_dot([x, y, x]), (_normal(2, 3), _normal(3, 2))),
        ("concat", lambda x, y: eerie.concat([x, y, x], axis=0), (_normal(2, 3), _normal(1, 3))),
        ("stack", lambda x, y: eerie.stack([x, y], axis=1), (_normal(2, 3), _normal(2, 3))),
        ("roll", lambda x: eerie.roll(x, 2, axis=1), (_normal(2, 3),)),
        ("repeat", lambda x: eerie.repeat(x, 2, axis=1), (_normal(2, 3),)),
        ("tile", lambda x: eerie.tile(x, (2, 1)), (_normal(2, 3),)),
        ("broadcast_to", lambda x: eerie.broadcast_to(x, (4, 3)), (_normal(3),)),
        ("reshape", lambda x: eerie.reshape(x, (3, 2)), (_normal(2, 3),)),
        ("moveaxis", lambda x: eerie.moveaxis(x, 0, 2), (_normal(2, 3, 2),)),
        ("split", lambda x: eerie.split(x, 2)[1], (_normal(4, 2),)),
        ("squared sum of float32", lambda x: eerie.sum(eerie.astype(x, eerie.float64) ** 2), (_normal(4),)),
        ("rfft", eerie.fft.rfft, (_normal(6),)),
        ("irfft", eerie.fft.irfft, (_complex(4),)),
        ("fft", eerie.fft.fft, (_complex(5),)),
        ("ifft2", eerie.fft.ifft2, (_complex(2, 4),)),
        ("abs of complex", eerie.abs, (_complex(4),)),
        ("complex exp", eerie.exp, (_complex(4),)),
        ("complex log", eerie.log, (_complex(4),)),
        ("complex sqrt", eerie.sqrt, (_complex(4),)),
        ("complex sin", eerie.sin, (_complex(4),)),
        ("complex tanh", eerie.tanh, (_complex(4),)),
        ("complex divide", eerie.divide, (_complex(4), _complex(4))),
        ("complex power", eerie.pow, (_complex(4), _complex(4))),
        ("complex matmul", eerie.matmul, (_complex(2, 3), _complex(3, 2))),
        ("complex prod", eerie.prod, (_complex(3),)),
        ("conj", eerie.conj, (_complex(4),)),
        ("real", eerie.real, (_complex(4),)),
        ("imag", eerie.imag, (_complex(4),)),
        ("angle of complex", eerie.angle, (_complex(4),)),
    ]
    return [Function(name, call, operands) for name, call, operands in f]


FUNCTIONS = (*_named(), *_written_out())

INTEGER_RESULTS = tuple(
    Function(n, getattr(eerie, n), (_normal(3, 4),)) for n in ("argmax", "argmin", "argsort", "isnan", "any", "signbit")
)
