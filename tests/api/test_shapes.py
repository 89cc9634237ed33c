"""Shape and creation functions against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.api.array import asarray
from tests.support.comparison import CUBE, M, N, X, Y, same

pytestmark = pytest.mark.usefixtures("interpreted")

SHAPES = {
    "reshape": lambda m, x: m.reshape(x, (4, -1)),
    "reshape to 1-d": lambda m, x: m.reshape(x, -1),
    "permute_dims": lambda m, x: m.permute_dims(x, (2, 0, -2)),
    "matrix_transpose": lambda m, x: m.matrix_transpose(x),
    "moveaxis": lambda m, x: m.moveaxis(x, (0, -1), (-1, 0)),
    "moveaxis of one": lambda m, x: m.moveaxis(x, 0, 1),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, -1),
    "expand_dims": lambda m, x: m.expand_dims(x, axis=(0, -1)),
    "squeeze": lambda m, x: m.squeeze(x[:1, :, :1]),
    "squeeze one": lambda m, x: m.squeeze(x[:1, :, :1], axis=-1),
    "broadcast_to": lambda m, x: m.broadcast_to(x[:, :1], (5, 2, 3, 4)),
    "broadcast_arrays": lambda m, x: m.broadcast_arrays(x, x[0], x[:1, 0]),
    "concat": lambda m, x: m.concat([x, x[:, :1]], axis=1),
    "concat flattened": lambda m, x: m.concat([x, x[0]], axis=None),
    "stack": lambda m, x: m.stack([x, x + 1], axis=-2),
    "unstack": lambda m, x: m.unstack(x, axis=1),
    "split": lambda m, x: m.split(x, 2, axis=-1),
    "split at places": lambda m, x: m.split(x, [1, 1, 9], axis=2),
    "flip": lambda m, x: m.flip(x),
    "flip axes": lambda m, x: m.flip(x, axis=(0, -1)),
    "roll": lambda m, x: m.roll(x, 5),
    "roll axes": lambda m, x: m.roll(x, (1, -6), axis=(0, -1)),
    "roll one axis twice": lambda m, x: m.roll(x, (1, 1), axis=(1, 1)),
    "roll all axes": lambda m, x: m.roll(x, 1, axis=(0, 1, 2)),
    "repeat": lambda m, x: m.repeat(x, 3, axis=1),
    "repeat flattened": lambda m, x: m.repeat(x, 2),
    "repeat by counts": lambda m, x: m.repeat(x, [2, 0, 3], axis=1),
    "tile": lambda m, x: m.tile(x, 2),
    "tile more axes": lambda m, x: m.tile(x[0, 0], (2, 1, 3)),
    "tile fewer axes": lambda m, x: m.tile(x, (2, 3)),
    "tril": lambda m, x: m.tril(x),
    "tril above": lambda m, x: m.tril(x, k=1),
    "triu": lambda m, x: m.triu(x),
    "triu below": lambda m, x: m.triu(x, k=-1),
    "diag of a matrix": lambda m, x: m.diag(x[0], k=1),
}


class _Numpy:
    """NumPy with the defaults of the Array API standard."""

    def __getattr__(self, name):
        return getattr(np, name)

    def concat(self, arrays, axis=0):
        return np.concatenate(arrays, axis)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    same(SHAPES[name](ee, asarray(CUBE)), SHAPES[name](_Numpy(), CUBE))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("widths", [0, 1, (2, 1), ((0, 2), (5, 4)), ((7, 0), (0, 11))])
def test_pad(mode, widths):
    x = CUBE[0]
    same(ee.pad(x, widths, mode), np.pad(x, widths, mode))


def test_pad_with_a_value():
    same(ee.pad(X, 1, constant_values=-1.5), np.pad(X, 1, constant_values=-1.5))
    same(ee.pad(X[:, :1], ((0, 0), (2, 2)), "reflect"), np.pad(X[:, :1], ((0, 0), (2, 2)), "reflect"))


@pytest.mark.parametrize("offset", [-4, -3, -1, 0, 1, 3, 4, 9])
def test_diagonals(offset):
    same(ee.diagonal(CUBE, offset=offset), np.diagonal(CUBE, offset, -2, -1))
    same(ee.diagonal(CUBE, offset=offset, axis1=0, axis2=2), np.diagonal(CUBE, offset, 0, 2))
    same(ee.diag(Y, k=offset), np.diag(Y, offset))
    same(ee.diag(Y[:1], k=offset), np.diag(Y[:1], offset))


CREATED = [
    (ee.zeros((2, 3)), np.zeros((2, 3), np.float32)),
    (ee.ones(3, dtype=int), np.ones(3, np.int64)),
    (ee.empty((0, 2)), np.zeros((0, 2), np.float32)),
    (ee.full((2, 2), 2.5), np.full((2, 2), 2.5, np.float32)),
    (ee.full((), 7, dtype="int8"), np.int8(7)),
    (ee.full((2, 2), [1, 2]), np.full((2, 2), [1, 2])),
    (ee.zeros_like(N), np.zeros_like(N)),
    (ee.ones_like(N, dtype="float32"), np.ones_like(N, np.float32)),
    (ee.empty_like(X), np.zeros_like(X)),
    (ee.full_like(N, 3), np.full_like(N, 3)),
    (ee.arange(5), np.arange(5)),
    (ee.arange(2, 11, 3), np.arange(2, 11, 3)),
    (ee.arange(5, -5, -3), np.arange(5, -5, -3)),
    (ee.arange(5, 1), np.arange(5, 1)),
    (ee.arange(0.5, 3, 0.5), np.arange(0.5, 3, 0.5).astype(np.float32)),
    (ee.arange(4, dtype="float16"), np.arange(4, dtype=np.float16)),
    (ee.linspace(0, 1, 7), np.linspace(0, 1, 7, dtype=np.float32)),
    (ee.linspace(1.0, -3.0, 5, endpoint=False), np.linspace(1, -3, 5, endpoint=False, dtype=np.float32)),
    (ee.linspace(2, 5, 1), np.linspace(2, 5, 1, dtype=np.float32)),
    (ee.linspace(2, 5, 0), np.linspace(2, 5, 0, dtype=np.float32)),
    (ee.eye(3), np.eye(3, dtype=np.float32)),
    (ee.eye(2, 4, k=1, dtype=int), np.eye(2, 4, 1, dtype=np.int64)),
    (ee.eye(4, 2, k=-2, dtype=bool), np.eye(4, 2, -2, dtype=bool)),
    (ee.meshgrid(Y, M), np.meshgrid(Y, M)),
    (ee.meshgrid(Y, M[:2], [1, 2], indexing="ij"), np.meshgrid(Y, M[:2], [1, 2], indexing="ij")),
    (ee.meshgrid(Y), np.meshgrid(Y)),
]


@pytest.mark.parametrize("case", range(len(CREATED)))
def test_creation(case):
    same(*CREATED[case], close=True)


def test_linspace_ends_where_it_should():
    assert float(ee.linspace(0.1, 0.7, 1000)[-1]) == np.float32(0.7)
