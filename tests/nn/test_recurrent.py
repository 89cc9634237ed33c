"""Recurrent layers against loops over steps in NumPy, and their gradients against central differences."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(5)
KEY = eerie.random.key(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, state, w_ih, w_hh, b_ih=0, b_hh=0):
    h, c = state
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, state, w_ih, w_hh, b_ih=0, b_hh=0):
    (h,) = state
    xr, xz, xn = np.split(x @ w_ih.T + b_ih, 3, axis=-1)
    hr, hz, hn = np.split(h @ w_hh.T + b_hh, 3, axis=-1)
    n = np.tanh(xn + sigmoid(xr + hr) * hn)
    z = sigmoid(xz + hz)
    return ((1 - z) * n + z * h,)


def sequence(step, x, state, parameters, reverse):
    """Outputs beside their steps, and the last state."""
    outputs = [x] * x.shape[1]
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        state = step(x[:, t], state, *parameters)
        outputs[t] = state[0]
    hidden = parameters[1].shape[1]
    return (np.stack(outputs, 1) if outputs else np.zeros((x.shape[0], 0, hidden))), state


def stacked(step, parts, layer, x, state=None):
    """A layer as `nn.LSTM` and `nn.GRU` are: the outputs and each part of the state."""
    parameters = [[p.numpy() for p in eerie.tree.leaves(cell)] for cell in layer.layers]
    backward = [[p.numpy() for p in eerie.tree.leaves(cell)] for cell in layer.backward]
    cells = len(parameters) + len(backward)
    hidden = parameters[0][1].shape[1]
    state = np.zeros((parts, cells, x.shape[0], hidden)) if state is None else np.asarray(state)
    ends: list[tuple[np.ndarray, ...]] = []
    for k, own in enumerate(parameters):
        ways = [(own, layer.reverse)] + ([(backward[k], True)] if backward else [])
        outputs = []
        for weights, reverse in ways:
            output, end = sequence(step, x, tuple(state[:, len(ends)]), weights, reverse)
            outputs.append(output)
            ends.append(end)
        x = np.concatenate(outputs, -1)
    return [x, *(np.stack(part) for part in zip(*ends, strict=True))]


KINDS = pytest.mark.parametrize(
    ("layer", "cell", "step", "parts"),
    [(nn.LSTM, nn.LSTMCell, lstm_step, 2), (nn.GRU, nn.GRUCell, gru_step, 1)],
    ids=["lstm", "gru"],
)


def weights(parts, inputs=3, hidden=2):
    rows = {2: 4, 1: 3}[parts] * hidden
    shapes = [(rows, inputs), (rows, hidden), (rows,), (rows,)]
    return [RNG.normal(size=s) for s in shapes]


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def as_state(parts):
    return tuple(parts) if len(parts) == 2 else parts[0]


@KINDS
def test_cell(layer, cell, step, parts):
    x, states = RNG.normal(size=(4, 3)), [RNG.normal(size=(4, 2)) for _ in range(parts)]
    for place in range(parts):
        check(
            lambda x, *a, place=place: as_tuple(cell(*a[parts:])(x, as_state(a[:parts])))[place],
            lambda x, *a, place=place: step(x, a[:parts], *a[parts:])[place],
            x,
            *states,
            *weights(parts),
        )
    plain = cell(*map(eerie.asarray, weights(parts)[:2]))
    want = step(x, np.zeros((parts, 4, 2)), plain.weight_ih.numpy(), plain.weight_hh.numpy())
    got = as_tuple(plain(eerie.asarray(x)))
    np.testing.assert_allclose([g.numpy() for g in got], want, rtol=1e-10)
    one = as_tuple(plain(eerie.asarray(x[1])))
    np.testing.assert_allclose([g.numpy() for g in one], np.asarray(want)[:, 1], rtol=1e-10)


@KINDS
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_a_layer(layer, cell, step, parts, reverse):
    x, states = RNG.normal(size=(2, 4, 3)), [RNG.normal(size=(1, 2, 2)) for _ in range(parts)]

    def ours(x, *a):
        outputs, last = layer((cell(*a[parts:]),), reverse=reverse)(x, as_state(a[:parts]))
        return eerie.concat([eerie.moveaxis(outputs, 1, 0), *as_tuple(last)])

    def formula(x, *a):
        outputs, last = sequence(step, x, tuple(s[0] for s in a[:parts]), a[parts:], reverse)
        return np.concatenate([np.moveaxis(outputs, 1, 0), *(s[None] for s in last)])

    check(ours, formula, x, *states, *weights(parts))


@KINDS
@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"reverse": True}, {"layers": 3}, {"bidirectional": True}, {"layers": 2, "bidirectional": True}],
    ids=str,
)
def test_layers_and_directions(layer, cell, step, parts, options, bias, begin):
    made = layer.init(KEY, 3, 4, bias=bias, dtype=eerie.float64, bias_init=nn.initializers.normal, **options)
    cells = len(made.layers) + len(made.backward)
    assert cells == options.get("layers", 1) * (1 + options.get("bidirectional", False))
    x = RNG.normal(size=(2, 5, 3))
    state = RNG.normal(size=(parts, cells, 2, 4)) if begin else None
    given = () if state is None else (as_state(tuple(map(eerie.asarray, state))),)
    outputs, last = made(eerie.asarray(x), *given)
    want = stacked(step, parts, made, x, state)
    for got, right in zip([outputs, *as_tuple(last)], want, strict=True):
        np.testing.assert_allclose(got.numpy(), right, rtol=1e-10, atol=1e-12)


@KINDS
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3)], ids=["no examples", "no steps"])
def test_empty(layer, cell, step, parts, shape):
    made = layer.init(KEY, 3, 4, bidirectional=True)
    state = as_state([eerie.ones((2, shape[0], 4))] * parts)
    outputs, last = made(eerie.zeros(shape), state)
    assert outputs.shape == (*shape[:2], 8)
    assert all((end.numpy() == 1).all() and end.shape == (2, shape[0], 4) for end in as_tuple(last))
    found = eerie.grad(lambda made: eerie.sum(made(eerie.zeros(shape))[0]))(made)
    assert not any(leaf.numpy().any() for leaf in eerie.tree.leaves(found))


@KINDS
def test_init(layer, cell, step, parts):
    made = layer.init(KEY, 3, 4, layers=2, bidirectional=True, dtype=eerie.float64)
    assert [c.weight_ih.shape[1] for c in (*made.layers, *made.backward)] == [3, 8, 3, 8]
    leaves = eerie.tree.leaves(made)
    assert len(leaves) == 16
    assert {leaf.dtype for leaf in leaves} == {eerie.float64}
    assert len({leaf.tolist()[0][0] for leaf in leaves if leaf.ndim == 2}) == 8  # no key was used twice
    assert made.layers[0].bias_hh.tolist() == [0] * (made.layers[0].GATES * 4)
    one = cell.init(KEY, 300, 200)
    assert abs(float(eerie.std(one.weight_ih)) * 300**0.5 - 1) < 0.02
    assert abs(float(eerie.std(one.weight_hh)) * 200**0.5 - 1) < 0.02
    assert cell.init(KEY, 3, 4, bias=False).bias_ih is None


@KINDS
def test_errors(layer, cell, step, parts):
    made, x = layer.init(KEY, 3, 4, layers=2), eerie.zeros((2, 5, 3))
    name = layer.__name__
    with pytest.raises(ShapeError, match=rf"{name}: x of f32\[2,5,4\] does not end with the 3 features"):
        made(eerie.zeros((2, 5, 4)))
    with pytest.raises(ShapeError, match=rf"{name}: x of f32\[5,3\] is not \(batch, steps, features\)"):
        made(x[0])
    for shape in [(2, 5, 4), (1, 2, 4), (2, 4), (2, 2, 3)]:
        with pytest.raises(ShapeError, match=r"a state of f32.*\n?.*"):
            made(x, as_state([eerie.zeros(shape)] * parts))
    with pytest.raises(ShapeError, match=r"Cell: a state of f32\[4\] for x of f32\[2,3\]"):
        made.layers[0](x[:, 0], as_state([eerie.zeros(4)] * parts))
    with pytest.raises(ShapeError, match=r"Cell: x of f32\[2,5,4\]"):
        made.layers[0](eerie.zeros((2, 5, 4)))
    with pytest.raises(ArgumentError, match="both directions"):
        layer.init(KEY, 3, 4, bidirectional=True, reverse=True)
    with pytest.raises(ArgumentError, match="layers is an integer above 0"):
        layer.init(KEY, 3, 4, layers=0)
    with pytest.raises(ArgumentError, match="hidden is an integer above 0"):
        cell.init(KEY, 3, 0)


def test_compiled():
    modules = [
        nn.LSTM.init(KEY, 3, 4, reverse=True),
        nn.GRU.init(KEY, 3, 4),
        nn.LSTMCell.init(KEY, 4, 4),
        nn.GRUCell.init(KEY, 4, 4),
    ]
    x = eerie.asarray(RNG.normal(size=(2, 4, 3)).astype(np.float32))

    def all_of_them(modules, x):
        def loss(modules, x):
            lstm, gru, lstm_cell, gru_cell = modules
            ys, state = lstm(x)
            zs, last = gru(x)
            found = [ys, state, zs, last, lstm_cell(ys[:, 0]), gru_cell(zs[:, 0])]
            return sum(eerie.sum(y * y) for y in eerie.tree.leaves(found)), found

        return eerie.grad(loss, argnums=(0, 1), has_aux=True)(modules, x)

    with config(evaluation="compiled"):
        found = [a.numpy() for a in eerie.tree.leaves(eerie.jit(all_of_them)(modules, x))]
    for got, want in zip(found, eerie.tree.leaves(all_of_them(modules, x)), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-5)
