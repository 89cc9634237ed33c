"""Normalisation layers against formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn, tree
from eerie_dsl.errors import ArgumentError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(6)


def normal(*shape):
    return RNG.normal(size=shape)


def standard(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize(("shape", "features"), [((4,), (4,)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4))])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_norm(shape, features, eps):
    axes = tuple(range(-len(features), 0))
    x, weight, bias = normal(*shape), normal(*features), normal(*features)
    check(lambda x, w, b: nn.LayerNorm(w, b, eps)(x), lambda x, w, b: standard(x, axes, eps) * w + b, x, weight, bias)
    check(lambda x, w: nn.LayerNorm(w, eps=eps)(x), lambda x, w: standard(x, axes, eps) * w, x, weight)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_rms_norm(shape):
    check(
        lambda x, w: nn.RMSNorm(w, 0.01)(x),
        lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + 0.01) * w,
        normal(*shape),
        normal(4),
    )


@pytest.mark.parametrize(
    ("shape", "groups"), [((2, 6), 1), ((2, 6), 2), ((2, 3, 6), 1), ((2, 3, 6), 6), ((2, 2, 3, 6), 2)]
)
def test_group_norm(shape, groups):
    def formula(x, w, b):
        split = x.reshape(*x.shape[:-1], groups, -1)
        axes = (*range(1, x.ndim - 1), x.ndim)
        return standard(split, axes, 1e-5).reshape(x.shape) * w + b

    check(lambda x, w, b: nn.GroupNorm(w, b, groups)(x), formula, normal(*shape), normal(6), normal(6))


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (2, 2, 3, 3)])
def test_batch_norm_in_training(shape):
    x, weight, bias = normal(*shape), normal(3), normal(3)
    axes = tuple(range(len(shape) - 1))
    state = nn.BatchNormState(eerie.asarray(normal(3)), eerie.asarray(normal(3) ** 2))
    check(
        lambda x, w, b: nn.BatchNorm(w, b)(x, state, training=True)[0],
        lambda x, w, b: standard(x, axes, 1e-5) * w + b,
        x,
        weight,
        bias,
    )
    norm = nn.BatchNorm(eerie.asarray(weight), eerie.asarray(bias), momentum=0.25)
    _, after = norm(eerie.asarray(x), state, training=True)
    np.testing.assert_allclose(after.mean.numpy(), 0.75 * state.mean.numpy() + 0.25 * x.mean(axes))
    np.testing.assert_allclose(after.variance.numpy(), 0.75 * state.variance.numpy() + 0.25 * x.var(axes, ddof=1))


def test_batch_norm_after_training():
    mean, variance = normal(3), normal(3) ** 2
    state = nn.BatchNormState(eerie.asarray(mean), eerie.asarray(variance))
    check(
        lambda x, w, b: nn.BatchNorm(w, b, eps=0.1)(x, state)[0],
        lambda x, w, b: (x - mean) / np.sqrt(variance + 0.1) * w + b,
        normal(4, 3),
        normal(3),
        normal(3),
    )
    assert nn.BatchNorm.init(3)(eerie.ones((2, 3)), state)[1] is state


def test_statistics_are_no_parameters_and_carry_no_gradient():
    norm = nn.BatchNorm.init(3)
    assert [leaf.shape for leaf in tree.leaves(norm)] == [(3,), (3,)]

    def spread(x):
        return eerie.sum(norm(x, norm.state(), training=True)[1].variance)

    assert eerie.grad(spread)(eerie.asarray(normal(4, 3))).tolist() == [[0] * 3] * 4


def test_batch_norm_in_a_jitted_step_keeps_the_type_of_its_state():
    norm = nn.BatchNorm.init(2)
    step = eerie.jit(lambda norm, x, state: norm(x, state, training=True))
    state = norm.state()
    for i in range(3):
        _, state = step(norm, eerie.asarray([[i, 0.0], [i + 2.0, 1.0]]), state)
    assert step.traces == 1
    assert state.mean.tolist() == pytest.approx([0.9**2 * 0.1 + 0.9 * 0.2 + 0.3, 0.5 * (1 - 0.9**3)])


def test_batch_norm_trains_on_batches_of_any_size_as_one_program():
    norm = nn.BatchNorm.init(3)
    batch = eerie.Dim("batch", min=2)
    step = eerie.jit(dims={"x": {0: batch}})(lambda norm, x, state: norm(x, state, training=True))
    for size in (2, 5):
        x = normal(size, 3)
        y, state = step(norm, eerie.asarray(x), norm.state())
        np.testing.assert_allclose(y.numpy(), standard(x, 0, 1e-5), rtol=1e-5)
        np.testing.assert_allclose(state.variance.numpy(), 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-6)
    assert step.traces == 1


def test_sixteen_bits_are_computed_in_32():
    x = eerie.astype(eerie.asarray(normal(64, 8) * 100 + 3000), eerie.float16)
    want = standard(x.numpy().astype(float), 0, 1e-5)
    norm = nn.BatchNorm.init(8, dtype=eerie.float16)
    y, state = norm(x, norm.state(), training=True)
    assert y.dtype == eerie.float16
    assert state.mean.dtype == eerie.float32
    np.testing.assert_allclose(y.numpy(), want, atol=2e-3)
    y = nn.LayerNorm.init(8, dtype=eerie.float16)(x)
    assert y.dtype == eerie.float16
    np.testing.assert_allclose(y.numpy(), standard(x.numpy().astype(float), -1, 1e-5), atol=2e-3)


def test_init_options():
    assert nn.LayerNorm.init((2, 3), bias=False, eps=0.5).weight.shape == (2, 3)
    assert nn.LayerNorm.init(3, bias=False).bias is None
    assert nn.BatchNorm.init(3, momentum=0.5, eps=1.0).momentum == 0.5
    assert nn.GroupNorm.init(6, 3, dtype=eerie.float64).bias.dtype == eerie.float64
    assert nn.RMSNorm.init(3).weight.tolist() == [1, 1, 1]
    with pytest.raises(ArgumentError, match="6 channels do not fall into 4"):
        nn.GroupNorm.init(6, 4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm.init(3), (2, 1)),
        (nn.LayerNorm.init((2, 3)), (3,)),
        (nn.RMSNorm.init(3), (3, 4)),
        (nn.GroupNorm.init(4, 2), (2, 3)),
        (nn.BatchNorm.init(4), (2, 1)),
    ],
)
def test_other_features_are_refused_and_not_broadcast(layer, shape):
    with pytest.raises(ShapeError, match=f"{type(layer).__name__}: x of f32"):
        layer(eerie.ones(shape))


def test_what_has_no_variance_is_refused():
    norm = nn.BatchNorm.init(3)
    with pytest.raises(ShapeError, match="one element of a channel has no variance"):
        norm(eerie.ones((1, 3)), norm.state(), training=True)
    with pytest.raises(ShapeError, match="no batch axis"):
        nn.GroupNorm.init(4, 2)(eerie.ones(4))
    with pytest.raises(ArgumentError, match="BatchNorm: a BatchNorm takes its state"):
        norm(eerie.ones((2, 3)))
