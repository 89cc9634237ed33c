"""Losses against formulas in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(7)
REDUCE: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def normal(*shape):
    return RNG.normal(size=shape)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def entropy(x, labels, weight, smoothing, ignored, reduction):
    classes = x.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    share = np.where(labels == ignored, 0, weight[labels % classes])
    right = (1 - smoothing) * np.eye(classes)[labels % classes] * weight + smoothing / classes * weight
    loss = np.where(labels == ignored, 0, -(right * log_softmax(x)).sum(-1))
    return loss.sum() / share.sum() if reduction == "mean" else REDUCE[reduction](loss)


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 1, -100])
def test_cross_entropy(shape, reduction, smoothing, weighted, ignored):
    labels = RNG.integers(0, shape[-1], shape[:-1]).astype(np.int32)
    labels.flat[0] = 1 if ignored is None else ignored
    weight = RNG.uniform(0.5, 2, shape[-1]) if weighted else None
    check(
        lambda x: nn.cross_entropy(
            x,
            eerie.asarray(labels),
            weight=None if weight is None else eerie.asarray(weight),
            label_smoothing=smoothing,
            ignore_index=ignored,
            reduction=reduction,
        ),
        lambda x: entropy(x, labels, weight, smoothing, ignored, reduction),
        normal(*shape),
    )


def test_cross_entropy_of_one_example_and_of_large_logits():
    assert float(nn.cross_entropy(eerie.asarray([0.0, 0.0]), eerie.asarray(1))) == pytest.approx(np.log(2))
    large = eerie.asarray([[1e4, 1e4 + 1], [-1e4, 1e4]])
    got = nn.cross_entropy(large, eerie.asarray([0, 0]), reduction="none")
    assert got.tolist() == pytest.approx([np.log(1 + np.e), 2e4])
    assert eerie.grad(nn.cross_entropy)(large, eerie.asarray([0, 0])).tolist() == [
        pytest.approx([-0.36552927, 0.36552927]),
        [-0.5, 0.5],
    ]


def test_masked_logits_are_classes_of_no_probability():
    logits = eerie.asarray([[0.0, -np.inf, 0.0]])
    assert float(nn.cross_entropy(logits, eerie.asarray([0]))) == pytest.approx(np.log(2))
    assert float(nn.cross_entropy(logits, eerie.asarray([1]))) == np.inf
    assert eerie.grad(nn.cross_entropy)(logits, eerie.asarray([0])).tolist() == [[-0.5, 0, 0.5]]


@pytest.mark.parametrize("label", [3, -1, 2**31 - 1])
def test_a_label_that_is_no_class_gives_nan(label):
    loss = nn.cross_entropy(eerie.zeros((2, 3)), eerie.asarray([label, 0], dtype=eerie.int32), reduction="none")
    assert np.isnan(loss.tolist()[0])
    assert loss.tolist()[1] == pytest.approx(np.log(3))


@pytest.mark.parametrize("dtype", [eerie.uint8, eerie.int8, eerie.int64], ids=str)
def test_labels_of_any_integer_dtype(dtype):
    loss = nn.cross_entropy(eerie.zeros((1, 300)), eerie.asarray([100], dtype=dtype))
    assert float(loss) == pytest.approx(np.log(300))


def test_sixteen_bits_give_float32():
    logits = eerie.astype(eerie.asarray(normal(4, 5)), eerie.bfloat16)
    loss = nn.cross_entropy(logits, eerie.asarray([0, 1, 2, 3]))
    assert loss.dtype == eerie.float32
    want = entropy(logits.numpy().astype(float), np.arange(4), None, 0, None, "mean")
    assert float(loss) == pytest.approx(want, rel=1e-6)
    assert nn.mse_loss(logits, logits).dtype == eerie.float32
    assert eerie.grad(nn.cross_entropy)(logits, eerie.asarray([0, 1, 2, 3])).dtype == eerie.bfloat16


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("reduction", REDUCE)
def test_binary_cross_entropy(reduction):
    x, targets, scale = normal(4, 3), RNG.uniform(size=(4, 3)), RNG.uniform(0.5, 2, 3)
    check(
        lambda x, t: nn.binary_cross_entropy(x, t, reduction=reduction),
        lambda x, t: REDUCE[reduction](-t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x))),
        x,
        targets,
    )
    check(
        lambda x, t, s: nn.binary_cross_entropy(x, t, pos_weight=s, reduction=reduction),
        lambda x, t, s: REDUCE[reduction](-s * t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x))),
        x,
        targets,
        scale,
    )


def test_binary_cross_entropy_stays_finite_and_takes_bools():
    x, targets = eerie.asarray([300.0, -300.0, 0.0]), eerie.asarray([False, True, True])
    assert nn.binary_cross_entropy(x, targets, reduction="none").tolist() == pytest.approx([300, 300, np.log(2)])
    gradient = eerie.grad(lambda x: nn.binary_cross_entropy(x, targets, reduction="sum"))(x)
    assert gradient.tolist() == [1, -1, -0.5]


@pytest.mark.parametrize("reduction", REDUCE)
def test_distances(reduction):
    x, y = 2 * normal(4, 3), normal(4, 3)
    reduce = REDUCE[reduction]
    check(lambda x, y: nn.mse_loss(x, y, reduction=reduction), lambda x, y: reduce((x - y) ** 2), x, y)
    check(lambda x, y: nn.l1_loss(x, y, reduction=reduction), lambda x, y: reduce(abs(x - y)), x, y)
    for delta in (1.0, 0.3):

        def huber(x, y, delta=delta):
            d = abs(x - y)
            return reduce(np.where(d < delta, d * d / 2, delta * (d - delta / 2)))

        check(lambda x, y, delta=delta: nn.huber_loss(x, y, delta=delta, reduction=reduction), huber, x, y)


@pytest.mark.parametrize("reduction", REDUCE)
def test_kl_divergence(reduction):
    targets = RNG.dirichlet(np.ones(3), 4)
    check(
        lambda x, t: nn.kl_divergence(eerie.log_softmax(x), t, reduction=reduction),
        lambda x, t: REDUCE[reduction]((t * (np.log(t) - log_softmax(x))).sum(-1)),
        normal(4, 3),
        targets,
    )


def test_kl_divergence_of_what_cannot_happen():
    log_predictions = eerie.asarray([[0.0, -np.inf]])
    targets = eerie.asarray([[1.0, 0.0]])
    assert float(nn.kl_divergence(log_predictions, targets)) == 0
    gradient = eerie.grad(lambda t: nn.kl_divergence(eerie.log(eerie.asarray([[0.5, 0.5]])), t))(targets)
    assert np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize("reduction", REDUCE)
def test_cosine(reduction):
    def similarity(x, y):
        return (x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)

    x, y = normal(4, 3), normal(4, 3)
    check(nn.cosine_similarity, similarity, x, y)
    check(
        lambda x, y: nn.cosine_loss(x, y, reduction=reduction),
        lambda x, y: REDUCE[reduction](1 - similarity(x, y)),
        x,
        y,
    )


def test_cosine_of_nothing_is_0():
    zero, one = eerie.zeros(3), eerie.ones(3)
    assert float(nn.cosine_similarity(zero, one)) == 0
    assert np.isfinite(eerie.grad(nn.cosine_similarity)(zero, one).numpy()).all()


PAIRS = (nn.binary_cross_entropy, nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.kl_divergence, nn.cosine_loss)


@pytest.mark.parametrize("loss", PAIRS)
def test_shapes_are_not_broadcast(loss):
    with pytest.raises(ShapeError, match=r"of f32\[3,1\] and f32\[3\]"):
        loss(eerie.ones((3, 1)), eerie.ones(3))


@pytest.mark.parametrize("loss", PAIRS)
def test_unknown_reductions_and_integers(loss):
    with pytest.raises(ArgumentError, match="has no reduction 'average'"):
        loss(eerie.ones((2, 2)), eerie.ones((2, 2)), reduction="average")
    with pytest.raises(DTypeError, match="floating point"):
        loss(eerie.ones((2, 2), dtype=eerie.int32), eerie.ones((2, 2)))


def test_cross_entropy_errors():
    logits, labels = eerie.zeros((4, 3)), eerie.zeros(4, dtype=eerie.int32)
    with pytest.raises(ArgumentError, match="has no reduction 'max'"):
        nn.cross_entropy(logits, labels, reduction="max")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(DTypeError, match=r"labels of f32\[4,3\]"):
        nn.cross_entropy(logits, logits)
    with pytest.raises(DTypeError, match=r"logits i64\[4,3\]"):
        nn.cross_entropy(eerie.zeros((4, 3), dtype=eerie.int64), labels)
    with pytest.raises(ShapeError, match=r"logits f32\[4,3\] with labels i32\[3\]"):
        nn.cross_entropy(logits, labels[:3])
    with pytest.raises(ShapeError, match=r"3 classes with a weight of f32\[4\]"):
        nn.cross_entropy(logits, labels, weight=eerie.ones(4))
    with pytest.raises(ArgumentError, match="delta=0"):
        nn.huber_loss(logits, logits, delta=0)
    for loss in (nn.kl_divergence, nn.cosine_similarity):
        with pytest.raises(ShapeError, match="without an axis"):
            loss(eerie.asarray(1.0), eerie.asarray(1.0))
