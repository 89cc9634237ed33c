"""Convolutions, pooling, recurrent layers and the CTC loss against PyTorch: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.config import config

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("interpreted")]

RNG = np.random.default_rng(5)
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-4), ("float64", 1e-9)], ids=["f32", "f64"])


def same(ours: Any, theirs: Any, tolerance: float, to_torch: Any, from_torch: Any, *operands: Any) -> None:
    """Assert that values and gradients agree.

    Args:
        ours: of Eerie arrays.
        theirs: of tensors, in PyTorch's layouts.
        tolerance: relative, and absolute.
        to_torch: for each operand, how it is laid out there.
        from_torch: the result in our layout; a gradient goes back by the inverse of ``to_torch``.
        operands: NumPy arrays in our layouts.
    """
    tensors = [
        torch.from_numpy(np.ascontiguousarray(to(a))).requires_grad_() for to, a in zip(to_torch, operands, strict=True)
    ]
    want = theirs(*tensors)
    given = [eerie.asarray(a) for a in operands]
    got = ours(*given)
    expected = from_torch(want.detach().numpy())
    np.testing.assert_allclose(got.numpy(), expected, rtol=tolerance, atol=tolerance)
    ct = RNG.normal(size=expected.shape).astype(expected.dtype)
    pulled = eerie.vjp(ours, *given)[1](eerie.asarray(ct))
    index = np.arange(expected.size).reshape(want.shape)
    their_ct = np.empty(want.shape, expected.dtype)
    their_ct.reshape(-1)[from_torch(index).reshape(-1)] = ct.reshape(-1)
    for to, a, mine, tensor in zip(
        to_torch, operands, pulled, torch.autograd.grad(want, tensors, torch.from_numpy(their_ct)), strict=True
    ):
        back = np.empty(a.size, a.dtype)
        back[to(np.arange(a.size).reshape(a.shape)).reshape(-1)] = tensor.numpy().reshape(-1)
        np.testing.assert_allclose(mine.numpy(), back.reshape(a.shape), rtol=10 * tolerance, atol=10 * tolerance)


def plain(x):
    return x


def channels_first(x):
    return np.moveaxis(x, -1, 1)


def channels_last(x):
    return np.moveaxis(x, 1, -1)


def kernel(w):
    """(*window, in / groups, out) as (out, in / groups, *window)."""
    return np.moveaxis(w, (-1, -2), (0, 1))


def transposed_kernel(groups):
    """(*window, in / groups, out) as (in, out / groups, *window), back to front."""

    def convert(w):
        *window, inputs, outputs = w.shape
        w = np.flip(w, tuple(range(len(window)))).reshape(*window, inputs, groups, outputs // groups)
        w = np.moveaxis(w, (-2, -3, -1), (0, 1, 2))
        return w.reshape(groups * inputs, outputs // groups, *window)

    return convert


@DTYPES
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"padding": "same", "dilation": 2},
        {"groups": 2, "dilation": 2, "padding": 2},
        {"groups": 4, "stride": 3},
    ],
    ids=str,
)
def test_convolution(axes, options, dtype, tolerance):
    layer = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes]
    theirs = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[axes]
    x = RNG.normal(size=(2, *(9, 8, 6)[:axes], 4)).astype(dtype)
    w = RNG.normal(size=(*(3, 2, 1)[:axes], 4 // options.get("groups", 1), 8)).astype(dtype)
    b = RNG.normal(size=8).astype(dtype)
    same(
        lambda x, w, b: layer(w, b, **options)(x),
        lambda x, w, b: theirs(x, w, b, **options),
        tolerance,
        (channels_first, kernel, plain),
        channels_last,
        x,
        w,
        b,
    )


@DTYPES
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, 0),
        ({"stride": 2}, 0),
        ({"stride": 2, "padding": 1}, 1),
        ({"stride": 3, "padding": 2, "dilation": 2, "groups": 2}, 2),
        ({"stride": 1, "padding": 1, "groups": 4}, 0),
        ({"stride": 2}, 1),
    ],
    ids=str,
)
def test_transposed_convolution(axes, options, more, dtype, tolerance):
    layer = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[axes]
    theirs = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}[axes]
    groups, cut = options.get("groups", 1), options.get("padding", 0)
    x = RNG.normal(size=(2, *(5, 4, 3)[:axes], 4)).astype(dtype)
    w = RNG.normal(size=(*(3, 2, 3)[:axes], 4 // groups, 8)).astype(dtype)
    b = RNG.normal(size=8).astype(dtype)
    ours = {**options, "padding": ((cut, cut - more),) * axes}
    same(
        lambda x, w, b: layer(w, b, **ours)(x),
        lambda x, w, b: theirs(x, w, b, output_padding=more, **options),
        tolerance,
        (channels_first, transposed_kernel(groups), plain),
        channels_last,
        x,
        w,
        b,
    )


@DTYPES
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    ("window", "options"),
    [
        (2, {}),
        (3, {"stride": 2, "padding": 1}),
        (3, {"stride": 1}),
        (2, {"stride": 3}),
        (5, {"stride": 2, "padding": 2}),
    ],
    ids=str,
)
@pytest.mark.parametrize("ties", [False, True])
def test_pooling(axes, window, options, ties, dtype, tolerance):
    x = RNG.normal(size=(2, *(8, 7, 5)[:axes], 3)).astype(dtype)
    x = np.round(x) if ties else x
    maximum = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[axes]
    mean = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[axes]
    layouts = (channels_first,), channels_last
    same(lambda x: nn.max_pool(x, window, **options), lambda x: maximum(x, window, **options), tolerance, *layouts, x)
    for include in (True, False):
        same(
            lambda x, include=include: nn.avg_pool(x, window, count_include_pad=include, **options),
            lambda x, include=include: mean(x, window, count_include_pad=include, **options),
            tolerance,
            *layouts,
            x,
        )


@DTYPES
@pytest.mark.parametrize("size", [1, 3, 5])
def test_adaptive_pooling(size, dtype, tolerance):
    x = RNG.normal(size=(2, 8, 7, 3)).astype(dtype)
    layouts = (channels_first,), channels_last
    same(lambda x: nn.adaptive_avg_pool(x, size), lambda x: F.adaptive_avg_pool2d(x, size), tolerance, *layouts, x)


@DTYPES
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent(kind, layers, bidirectional, bias, dtype, tolerance):
    theirs = getattr(torch.nn, kind)(
        3, 4, layers, bias=bias, batch_first=True, bidirectional=bidirectional, dtype=getattr(torch, dtype)
    )
    parts, directions = (2 if kind == "LSTM" else 1), (2 if bidirectional else 1)

    def cells(suffix):
        def named(k):
            names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if bias else [])]
            return [eerie.asarray(getattr(theirs, f"{n}_l{k}{suffix}").detach().numpy()) for n in names]

        return tuple(getattr(nn, f"{kind}Cell")(*named(k)) for k in range(layers))

    ours = getattr(nn, kind)(cells(""), cells("_reverse") if bidirectional else ())
    x = RNG.normal(size=(2, 6, 3)).astype(dtype)
    state = RNG.normal(size=(parts, layers * directions, 2, 4)).astype(dtype)
    ct = RNG.normal(size=(2, 6, 4 * directions)).astype(dtype)

    def loss(model, x, state):
        outputs, last = model(x, tuple(state[k] for k in range(parts)) if parts == 2 else state[0])
        ends = last if isinstance(last, tuple) else (last,)
        weighted = (outputs * (eerie.asarray(ct) if model is not theirs else torch.from_numpy(ct))).sum()
        return weighted + sum((e * e).sum() for e in ends)

    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, state)]
    want = loss(theirs, *tensors)
    want.backward()
    value, (model, *found) = eerie.value_and_grad(loss, argnums=(0, 1, 2))(ours, eerie.asarray(x), eerie.asarray(state))
    np.testing.assert_allclose(float(value), want.item(), rtol=tolerance)
    for mine, tensor in zip(found, tensors, strict=True):
        np.testing.assert_allclose(mine.numpy(), tensor.grad.numpy(), rtol=10 * tolerance, atol=10 * tolerance)
    for k in range(layers):
        for suffix, cell in [("", model.layers[k]), *([("_reverse", model.backward[k])] if bidirectional else [])]:
            for name in ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if bias else [])]:
                right = getattr(theirs, f"{name}_l{k}{suffix}").grad.numpy()
                np.testing.assert_allclose(
                    getattr(cell, name).numpy(), right, rtol=10 * tolerance, atol=10 * tolerance, err_msg=name
                )


@DTYPES
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("blank", [0, 4])
@pytest.mark.parametrize("lengths", [False, True])
def test_ctc(lengths, blank, reduction, dtype, tolerance):
    logits = RNG.normal(size=(4, 12, 5)).astype(dtype)
    labels = RNG.integers(1, 4, size=(4, 4))
    logit_lengths = np.array([12, 9, 8, 12] if lengths else [12] * 4)
    label_lengths = np.array([4, 3, 2, 0] if lengths else [4] * 4)

    def theirs(x):
        scores = F.log_softmax(x, -1).transpose(0, 1)
        given = [torch.from_numpy(a) for a in (labels, logit_lengths, label_lengths)]
        return F.ctc_loss(scores, *given, blank=blank, reduction=reduction)

    def ours(x):
        given = [eerie.asarray(a) for a in ((labels, logit_lengths, label_lengths) if lengths else (labels,))]
        return nn.ctc_loss(x, *given, blank=blank, reduction=reduction)

    same(ours, theirs, tolerance, (plain,), plain, logits)


def test_a_small_network_compiled():
    """A convolution, pooling and a recurrent layer in one program, as PyTorch has it."""
    conv, cell = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.GRU(16, 5, batch_first=True)
    x = RNG.normal(size=(2, 8, 8, 1)).astype(np.float32)

    def theirs(x):
        y = F.max_pool2d(torch.relu(conv(x)), 2)
        return cell(y.permute(0, 2, 3, 1).reshape(2, 4, 16))[0]

    def ours(parameters, x):
        kernel, bias, *weights = parameters
        y = nn.max_pool(eerie.relu(nn.Conv2d(kernel, bias, padding=1)(x)), 2)
        return nn.GRU((nn.GRUCell(*weights),))(eerie.reshape(y, (2, 4, 16)))[0]

    parameters = [
        np.moveaxis(conv.weight.detach().numpy(), (0, 1), (-1, -2)),
        *(p.detach().numpy() for p in cell.parameters()),
    ]
    parameters.insert(1, conv.bias.detach().numpy())
    arrays = [eerie.asarray(np.ascontiguousarray(p)) for p in parameters]
    want = theirs(torch.from_numpy(channels_first(x)))
    (want * want).sum().backward()
    with config(evaluation="compiled"):
        found = eerie.jit(eerie.grad(lambda p, x: eerie.sum(ours(p, x) ** 2)))(arrays, eerie.asarray(x))
        found = [g.numpy() for g in found]
    right = [np.moveaxis(conv.weight.grad.numpy(), (0, 1), (-1, -2)), conv.bias.grad.numpy()]
    right += [p.grad.numpy() for p in cell.parameters()]
    for mine, expected in zip(found, right, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)
