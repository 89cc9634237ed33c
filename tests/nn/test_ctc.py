"""The CTC loss against the sum over all alignments, and its gradients against central differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(5)


def collapsed(path, blank):
    """The labels that an alignment stands for: repetitions are one, blanks are none."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def by_enumeration(logits, labels, logit_lengths=None, label_lengths=None, blank=0):
    losses = []
    for n, x in enumerate(logits):
        steps = len(x) if logit_lengths is None else int(logit_lengths[n])
        count = labels.shape[1] if label_lengths is None else int(label_lengths[n])
        probabilities = np.exp(x - x.max(1, keepdims=True))
        probabilities /= probabilities.sum(1, keepdims=True)
        wanted = tuple(labels[n, :count].tolist())
        total = sum(
            np.prod([probabilities[t, k] for t, k in enumerate(path)])
            for path in itertools.product(range(x.shape[1]), repeat=steps)
            if collapsed(path, blank) == wanted
        )
        losses.append(-np.log(total) if total else np.inf)
    return np.array(losses)


CASES = {
    "plain": ([[1, 2], [2, 1]], None, None, 0),
    "equal neighbours": ([[1, 1], [2, 2]], None, None, 0),
    "another blank": ([[1, 0], [0, 0]], None, None, 2),
    "lengths": ([[1, 2, -1], [2, 1, 1], [7, 7, 7]], [5, 4, 3], [2, 3, 0], 0),
    "as many steps as labels": ([[1, 2], [2, 1]], [2, 2], None, 0),
    "no labels": (np.zeros((2, 0), np.int64), [5, 2], None, 0),
}


@pytest.mark.parametrize(("labels", "logit_lengths", "label_lengths", "blank"), CASES.values(), ids=CASES)
def test_against_all_alignments(labels, logit_lengths, label_lengths, blank):
    labels = np.asarray(labels)
    logits = 2 * RNG.normal(size=(len(labels), 5, 3))
    lengths = [None if n is None else eerie.asarray(np.asarray(n, np.int32)) for n in (logit_lengths, label_lengths)]
    given = eerie.asarray(labels)
    check(
        lambda x: nn.ctc_loss(x, given, *lengths, blank=blank, reduction="none"),
        lambda x: by_enumeration(x, labels, logit_lengths, label_lengths, blank),
        logits,
    )
    check(
        lambda x: nn.ctc_loss(x, given, *lengths, blank=blank, reduction="sum"),
        lambda x: by_enumeration(x, labels, logit_lengths, label_lengths, blank).sum(),
        logits,
    )
    counts = np.full(len(labels), labels.shape[1]) if label_lengths is None else np.asarray(label_lengths)
    check(
        lambda x: nn.ctc_loss(x, given, *lengths, blank=blank),
        lambda x: np.mean(by_enumeration(x, labels, logit_lengths, label_lengths, blank) / np.maximum(counts, 1)),
        logits,
    )


def test_too_few_steps():
    logits, labels = eerie.asarray(RNG.normal(size=(3, 3, 3))), eerie.asarray([[1, 1, 2], [1, 2, 1], [1, 2, 2]])
    losses = nn.ctc_loss(logits, labels, reduction="none").numpy()
    assert np.isinf(losses).tolist() == [True, False, True]

    def loss(logits):
        return eerie.sum(nn.ctc_loss(logits, labels, reduction="none"))

    gradient = eerie.grad(loss)(logits).numpy()
    assert not gradient[[0, 2]].any()
    np.testing.assert_allclose(gradient[1].sum(-1), 0, atol=1e-12)  # softmax: what one class wins the others lose
    assert (gradient[1] != 0).all()


def test_no_steps():
    logits, labels = eerie.zeros((2, 0, 3)), eerie.asarray([[1], [1]])
    losses = nn.ctc_loss(logits, labels, label_lengths=eerie.asarray([0, 1]), reduction="none")
    assert losses.tolist() == [0, np.inf]


def test_no_examples():
    logits = eerie.zeros((0, 4, 3))
    labels = eerie.zeros((0, 2), dtype=eerie.int32)
    assert nn.ctc_loss(logits, labels, reduction="none").shape == (0,)
    assert float(nn.ctc_loss(logits, labels, reduction="sum")) == 0
    assert eerie.grad(lambda x: nn.ctc_loss(x, labels, reduction="sum"))(logits).shape == (0, 4, 3)


def test_log_probabilities_serve_as_logits():
    logits, labels = eerie.asarray(RNG.normal(size=(2, 6, 4))), eerie.asarray([[1, 2], [3, 3]])
    want = nn.ctc_loss(logits, labels, reduction="none").numpy()
    np.testing.assert_allclose(nn.ctc_loss(eerie.log_softmax(logits), labels, reduction="none").numpy(), want)
    np.testing.assert_allclose(nn.ctc_loss(logits + 500, labels, reduction="none").numpy(), want)


def test_many_steps_stay_finite():
    logits, labels = eerie.zeros((1, 400, 3)), eerie.asarray([[1, 2] * 20])
    loss, gradient = eerie.value_and_grad(lambda x: nn.ctc_loss(x, labels, reduction="sum"))(logits)
    assert loss.dtype == eerie.float32
    # All alignments are equally likely, 3**-400, which is no float32; so many are right:
    assert float(loss) == pytest.approx(400 * math.log(3) - math.log(math.comb(440, 80)), rel=1e-5)
    assert np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes(dtype):
    logits = eerie.asarray(RNG.normal(size=(1, 4, 3))).astype(getattr(eerie, dtype))
    loss = nn.ctc_loss(logits, eerie.asarray(np.array([[1, 2]], np.int8)), label_lengths=eerie.asarray([2]))
    assert loss.dtype == (eerie.float64 if dtype == "float64" else eerie.float32)
    want = by_enumeration(logits.astype(eerie.float64).numpy(), np.array([[1, 2]]))[0] / 2
    assert float(loss) == pytest.approx(want, rel=1e-5)


def test_many_are_one_batch():
    logits, labels = eerie.asarray(RNG.normal(size=(3, 2, 5, 4))), eerie.asarray(RNG.integers(1, 4, size=(3, 2, 2)))
    many = eerie.vmap(lambda x, y: nn.ctc_loss(x, y, reduction="none"))(logits, labels).numpy()
    each = [nn.ctc_loss(logits[k], labels[k], reduction="none").numpy() for k in range(3)]
    np.testing.assert_allclose(many, each, rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"logits": eerie.zeros((2, 3))}, ShapeError, r"logits f32\[2,3\] and labels i64\[2,2\]"),
        ({"labels": eerie.zeros((3, 2), dtype=eerie.int64)}, ShapeError, r"labels i64\[3,2\]"),
        ({"labels": eerie.zeros(2, dtype=eerie.int64)}, ShapeError, r"labels i64\[2\]"),
        ({"labels": eerie.zeros((2, 2))}, DTypeError, r"labels of f32\[2,2\]"),
        ({"logits": eerie.zeros((2, 5, 3), dtype=eerie.int32)}, DTypeError, "logits i32"),
        ({"logit_lengths": eerie.asarray([1])}, ShapeError, r"logit_lengths of i64\[1\] for a batch of 2"),
        ({"label_lengths": eerie.asarray([1.0, 2.0])}, DTypeError, "label_lengths of f32"),
        ({"blank": 3}, ArgumentError, "blank=3 for 3 classes"),
        ({"blank": -1}, ArgumentError, "blank=-1"),
        ({"reduction": "all"}, ArgumentError, "ctc_loss has no reduction 'all'"),
    ],
)
def test_errors(change, error, message):
    arguments = {"logits": eerie.zeros((2, 5, 3)), "labels": eerie.zeros((2, 2), dtype=eerie.int64), **change}
    with pytest.raises(error, match=message):
        nn.ctc_loss(**arguments)


def test_compiled():
    logits = eerie.asarray(RNG.normal(size=(3, 7, 4)).astype(np.float32))
    labels = eerie.asarray([[1, 2, 2], [3, 1, 0], [2, 2, 2]])
    lengths = eerie.asarray([7, 5, 4]), eerie.asarray([3, 2, 3])

    def value_and_gradient(x):
        return eerie.vjp(lambda x: nn.ctc_loss(x, labels, *lengths, reduction="none"), x)[1](eerie.asarray([1.0, 2, 3]))

    def both(x):
        return nn.ctc_loss(x, labels, *lengths, reduction="none"), *value_and_gradient(x)

    with config(evaluation="compiled"):
        loss, gradient = (a.numpy() for a in eerie.jit(both)(logits))
    assert np.isinf(loss).tolist() == [False, False, True]
    for got, want in zip((loss, gradient), both(logits), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-5, atol=1e-5)
