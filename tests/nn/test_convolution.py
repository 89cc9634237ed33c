"""Convolutions against loops over windows in NumPy, and their gradients against central differences."""

from __future__ import annotations

import dataclasses
import itertools

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


def per_axis(option, axes):
    return option if isinstance(option, tuple) else (option,) * axes


def around(padding, axes):
    return [p if isinstance(p, tuple) else (p, p) for p in per_axis(padding, axes)]


def convolved(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """One window after the other; padding as counts or pairs."""
    axes = x.ndim - 2
    x = np.pad(x, [(0, 0), *around(padding, axes), (0, 0)])
    stride, dilation = per_axis(stride, axes), per_axis(dilation, axes)
    spans = [(k - 1) * d + 1 for k, d in zip(weight.shape, dilation, strict=False)]
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], spans, stride, strict=False)]
    channels, features = weight.shape[-2], weight.shape[-1] // groups
    y = np.zeros((x.shape[0], *counts, weight.shape[-1]), x.dtype)
    for place in np.ndindex(*counts):
        corner = [i * s for i, s in zip(place, stride, strict=True)]
        window = x[(slice(None), *(slice(c, c + k, d) for c, k, d in zip(corner, spans, dilation, strict=True)))]
        for g in range(groups):
            kernel = weight[..., g * features : (g + 1) * features]
            part = window[..., g * channels : (g + 1) * channels]
            y[(slice(None), *place, slice(g * features, (g + 1) * features))] = np.tensordot(part, kernel, axes + 1)
    return y if bias is None else y + bias


def spread(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """Each element spreads the kernel, back to front, over the result; padding is cut off, or added if negative."""
    axes = x.ndim - 2
    stride, dilation, cut = per_axis(stride, axes), per_axis(dilation, axes), around(padding, axes)
    spans = [(k - 1) * d + 1 for k, d in zip(weight.shape, dilation, strict=False)]
    sizes = [(n - 1) * s + k for n, s, k in zip(x.shape[1:], stride, spans, strict=False)]
    more = [max(-high, 0) for _, high in cut]
    y = np.zeros((x.shape[0], *(n + m for n, m in zip(sizes, more, strict=True)), weight.shape[-1]), x.dtype)
    channels, features = weight.shape[-2], weight.shape[-1] // groups
    kernel = np.flip(weight, tuple(range(axes)))
    for place in np.ndindex(*x.shape[1:-1]):
        corner = [i * s for i, s in zip(place, stride, strict=True)]
        window = tuple(slice(c, c + k, d) for c, k, d in zip(corner, spans, dilation, strict=True))
        for g in range(groups):
            ours = slice(g * features, (g + 1) * features)
            part = x[(slice(None), *place, slice(g * channels, (g + 1) * channels))]
            y[(slice(None), *window, ours)] += np.tensordot(part, kernel[..., ours], ((1,), (axes,)))
    kept = (slice(low, n + m - max(high, 0)) for n, m, (low, high) in zip(sizes, more, cut, strict=True))
    y = y[(slice(None), *kept)]
    return y if bias is None else y + bias


def same(sizes, spans, strides):
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, spans, strides, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


OPTIONS = [
    {},
    {"stride": 2},
    {"stride": 3, "padding": 1},
    {"dilation": 2, "padding": 2},
    {"groups": 2},
    {"groups": 4, "stride": 2, "padding": 1},
]
LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize(
    ("layers", "formula"), [(LAYERS, convolved), (TRANSPOSED, spread)], ids=["plain", "transposed"]
)
def test_values_and_gradients(layers, formula, axes, options):
    x = RNG.normal(size=(*(2, 6, 5)[: axes + 1], 4))
    weight = RNG.normal(size=(*(3, 2)[:axes], 4 // options.get("groups", 1), 4))
    bias = RNG.normal(size=4)
    check(
        lambda x, w, b: layers[axes](w, b, **options)(x), lambda x, w, b: formula(x, w, b, **options), x, weight, bias
    )


@pytest.mark.parametrize(
    "options",
    [
        {"stride": (1, 2, 3), "padding": (0, 1, (0, 2)), "groups": 2},
        {"stride": (2, 1, 1), "padding": ((1, 0), 0, 1), "dilation": (1, 2, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("layers", "formula"), [(LAYERS, convolved), (TRANSPOSED, spread)], ids=["plain", "transposed"]
)
def test_options_of_each_axis(layers, formula, options):
    x = RNG.normal(size=(2, 3, 4, 4, 2))
    weight = RNG.normal(size=(2, 2, 3, 2 // options.get("groups", 1), 4))
    got = layers[3](eerie.asarray(weight), **options)(eerie.asarray(x)).numpy()
    np.testing.assert_allclose(got, formula(x, weight, None, **options), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "window", "stride", "dilation"), list(itertools.product([7, 8], [1, 2, 3], [1, 2, 3], [1, 2]))
)
def test_same_padding_keeps_the_size(size, window, stride, dilation):
    x, weight = RNG.normal(size=(1, size, 2)), RNG.normal(size=(window, 2, 3))
    span = (window - 1) * dilation + 1
    layer = nn.Conv1d(eerie.asarray(weight), stride=stride, padding="same", dilation=dilation)
    y = layer(eerie.asarray(x))
    assert y.shape == (1, -(-size // stride), 3)
    padding = same([size], [span], [stride])
    want = convolved(x, weight, None, stride, padding, dilation)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-10, atol=1e-12)
    # The transposed layer makes the size that the plain one, of these options, makes x from.
    back = nn.ConvTranspose1d(eerie.asarray(weight), stride=stride, padding="same", dilation=dilation)(eerie.asarray(x))
    assert back.shape == (1, size * stride, 3)
    ((low, high),) = same([size * stride], [span], [stride])
    want = spread(x, weight, None, stride, ((low, high - max(stride - span, 0)),), dilation)
    np.testing.assert_allclose(back.numpy(), want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("padding", "cut"), [("valid", "valid"), ("same", "same"), (1, ((1, 0), (1, 0)))], ids=str)
def test_transposed_is_the_gradient_of_plain(padding, cut):
    layer = nn.Conv2d.init(KEY, 2, 4, 3, stride=2, padding=padding, bias=False, dtype=eerie.float64)
    x = eerie.asarray(RNG.normal(size=(1, 8, 8, 2)))
    y, pull = eerie.vjp(layer, x)
    ct = eerie.asarray(RNG.normal(size=y.shape))
    kernel = eerie.moveaxis(eerie.flip(layer.weight, axis=(0, 1)), 2, 3)
    found = nn.ConvTranspose2d(kernel, stride=2, padding=cut)(ct).numpy()
    (want,) = (g.numpy() for g in pull(ct))
    n = found.shape[1]
    np.testing.assert_allclose(found, want[:, :n, :n], rtol=1e-10, atol=1e-12)
    assert not want[:, n:].any()


def test_negative_padding_of_a_transposed_layer_adds():
    x, weight = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(3, 4, 2))
    layer = nn.ConvTranspose1d(eerie.asarray(weight), stride=2, padding=((0, -1),))
    y = layer(eerie.asarray(x))
    assert y.shape == (2, 8, 2)
    np.testing.assert_allclose(y.numpy(), spread(x, weight, None, 2, ((0, -1),)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layers", [LAYERS, TRANSPOSED], ids=["plain", "transposed"])
def test_no_examples(layers):
    layer = layers[2].init(KEY, 3, 4, 3, padding=1)
    x = eerie.zeros((0, 5, 5, 3))
    assert layer(x).shape == (0, 5, 5, 4)
    found = eerie.grad(lambda layer: eerie.sum(layer(x)))(layer)
    assert (np.abs(found.weight.numpy()).max(), np.abs(found.bias.numpy()).max()) == (0, 0)


def test_many_are_one_batch():
    layer = nn.Conv2d.init(KEY, 3, 4, 3)
    x = eerie.asarray(RNG.normal(size=(2, 3, 5, 5, 3)).astype(np.float32))
    many = eerie.vmap(layer)(x)
    np.testing.assert_allclose(many.numpy(), np.stack([layer(x[k]).numpy() for k in range(2)]), rtol=1e-5, atol=1e-6)


def test_init():
    layer = nn.Conv2d.init(KEY, 4, 8, (3, 5), stride=[1, 2], padding=[1, [0, 2]], dilation=2, groups=2)
    assert [p.shape for p in eerie.tree.leaves(layer)] == [(3, 5, 2, 8), (8,)]
    assert (layer.stride, layer.padding, layer.dilation, layer.groups) == ((1, 2), (1, (0, 2)), 2, 2)
    assert eerie.tree.leaves(layer)[1].tolist() == [0] * 8
    deviation = float(eerie.std(nn.Conv2d.init(KEY, 32, 64, 3).weight))
    assert abs(deviation * (9 * 32) ** 0.5 - 1) < 0.02
    assert nn.Conv1d.init(KEY, 4, 4, 3, bias=False).bias is None
    other = nn.ConvTranspose3d.init(KEY, 2, 3, 2, bias_init=nn.initializers.ones, dtype=eerie.float64)
    weight, bias = eerie.tree.leaves(other)
    assert (weight.shape, bias.tolist()) == ((2, 2, 2, 2, 3), [1] * 3)
    assert weight.dtype == bias.dtype == eerie.float64


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 4, 3), {}, "inputs is an integer above 0"),
        ((4, 4, 3), {"groups": 0}, "groups is an integer above 0"),
        ((4, 6, 3), {"groups": 4}, "Conv2d: 4 channels in and 6 out do not fall into 4 groups"),
        ((4, 4, (3, 3, 3)), {}, "kernel_size is .* 2 spatial axes"),
        ((4, 4, 3), {"stride": 0}, "stride is an integer from 1 on"),
        ((4, 4, 3), {"dilation": 1.5}, "dilation is"),
        ((4, 4, 3), {"padding": "full"}, "padding 'full' does not fit"),
        ((4, 4, 3), {"padding": (1, 2, 3)}, "does not fit 2 spatial axes"),
        ((4, 4, 3), {"padding": (1, (1, 2, 3))}, "does not fit 2 spatial axes"),
    ],
)
def test_bad_options(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        nn.Conv2d.init(KEY, *arguments, **options)


@pytest.mark.parametrize("layers", [LAYERS, TRANSPOSED], ids=["plain", "transposed"])
def test_bad_inputs(layers):
    layer = layers[2].init(KEY, 4, 6, 3)
    with pytest.raises(ShapeError, match=rf"{type(layer).__name__}: x of f32\[1,8,8,3\] does not end with the 4 chann"):
        layer(eerie.zeros((1, 8, 8, 3)))
    with pytest.raises(ShapeError, match=r"x of f32\[8,8,4\] is not \(batch, \*spatial, channels\) with 2 spatial"):
        layer(eerie.zeros((8, 8, 4)))
    with pytest.raises(ShapeError, match=r"weight of f32\[3,3,4,6\] is not .* over 1 axes"):
        layers[1](layer.weight)(eerie.zeros((1, 8, 4)))


def test_window_larger_than_the_input():
    with pytest.raises(ShapeError, match=r"Conv2d: convolution of .* a window of \(3, 3\) does not fit"):
        nn.Conv2d.init(KEY, 4, 6, 3)(eerie.zeros((1, 2, 8, 4)))
    with pytest.raises(ShapeError, match="groups"):
        dataclasses.replace(nn.Conv2d.init(KEY, 4, 6, 3, groups=2), weight=eerie.zeros((3, 3, 2, 5)))(
            eerie.zeros((1, 8, 8, 4))
        )


def test_compiled():
    layers = [
        nn.Conv1d.init(KEY, 4, 6, 3, stride=2, padding="same"),
        nn.Conv2d.init(KEY, 4, 6, 3, padding=1, groups=2),
        nn.Conv2d.init(KEY, 4, 4, 3, padding="same", groups=4),
        nn.Conv3d.init(KEY, 4, 3, 2),
        nn.ConvTranspose1d.init(KEY, 4, 6, 3, stride=2, padding="same"),
        nn.ConvTranspose2d.init(KEY, 4, 6, 3, stride=2, padding=((1, 0), 1), groups=2),
        nn.ConvTranspose3d.init(KEY, 4, 3, 2, stride=2),
    ]
    xs = [eerie.asarray(RNG.normal(size=(2, *(4,) * layer.AXES, 4)).astype(np.float32)) for layer in layers]

    def all_of_them(layers, xs):
        def loss(layers, xs):
            ys = [layer(x) for layer, x in zip(layers, xs, strict=True)]
            return sum(eerie.sum(y * y) for y in ys), ys

        return eerie.grad(loss, argnums=(0, 1), has_aux=True)(layers, xs)

    with config(evaluation="compiled"):
        found = eerie.jit(all_of_them)(layers, xs)
        found = [a.numpy() for a in eerie.tree.leaves(found)]
    for got, want in zip(found, eerie.tree.leaves(all_of_them(layers, xs)), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-4)
