"""Connectionist temporal classification."""

from __future__ import annotations

from functools import reduce

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from eerie_dsl.nn.checks import describe
from eerie_dsl.nn.losses import Reduction


def ctc_loss(
    logits: Array,
    labels: Array,
    logit_lengths: Array | None = None,
    label_lengths: Array | None = None,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
) -> Array:
    """The negative log-likelihood of labels whose places in a longer sequence are not known.

    It sums over all ways to spread the labels over the steps, with blanks between them and labels that go on for
    several steps, by the forward algorithm in log space: Graves et al., Connectionist temporal classification:
    labelling unsegmented sequence data with recurrent neural networks, 2006, equations 5 to 8.

    Args:
        logits: ``(batch, steps, classes)``, floating point; log-probabilities serve as well.
        labels: ``(batch, most labels)``, integers other than ``blank``. What follows the labels of an example is not
            read.
        logit_lengths: ``(batch,)``, integers: steps of each example; all if None.
        label_lengths: ``(batch,)``, integers: labels of each example; all if None.
        blank: the class that stands for no label.
        reduction: ``"none"`` gives ``(batch,)``, ``"sum"`` its sum; ``"mean"``, as in PyTorch, the mean of the loss of
            each example divided by the number of its labels.

    Returns:
        Infinity, with a gradient of 0, for an example with too few steps for its labels. float16 and bfloat16 are
        computed in float32, and so is the result.

    Raises:
        ShapeError: shapes that do not fit.
        DTypeError: logits that are not floating point, or labels or lengths that are not integers.
        ArgumentError: ``blank`` is not a class, or another reduction.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> logits = eerie.log(eerie.asarray([[[0.5, 0.5], [0.5, 0.5]]]))
    >>> eerie.exp(-nn.ctc_loss(logits, eerie.asarray([[1]])))
    Array(0.75, dtype=float32, device=cpu)
    """
    logits, labels = eerie.asarray(logits), eerie.asarray(labels)
    logit_lengths, label_lengths = (
        length if length is None else eerie.asarray(length) for length in (logit_lengths, label_lengths)
    )
    _check(logits, labels, logit_lengths, label_lengths, blank)
    batch, steps, _ = logits.shape
    most = labels.shape[1]
    states = 2 * most + 1  # a blank, and each label with a blank behind it
    scores = eerie.log_softmax(eerie.astype(logits, eerie.result_type(logits.dtype, eerie.float32)), axis=-1)

    blanks = eerie.full((batch, most, 1), blank, dtype=labels.dtype)
    pairs = eerie.reshape(eerie.concat([blanks, labels[:, :, None]], axis=2), (batch, 2 * most))
    path = eerie.concat([pairs, eerie.full((batch, 1), blank, dtype=labels.dtype)], axis=1)
    before = eerie.pad(path, [(0, 0), (2, 0)], constant_values=blank)[:, :states]
    skips = (path != blank) & (path != before)  # one label may follow another at once unless they are equal
    index = eerie.broadcast_to(path[:, None, :], (batch, steps, states))
    emitted = eerie.moveaxis(eerie.take_along_axis(scores, index, axis=2), 1, 0)

    if logit_lengths is None:
        logit_lengths = eerie.full((batch,), steps)
    if label_lengths is None:
        label_lengths = eerie.full((batch,), most)
    going = eerie.arange(steps, dtype=logit_lengths.dtype)[:, None] < logit_lengths

    def step(alpha: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        emission, goes = row
        shifted = eerie.pad(alpha, [(0, 0), (2, 0)], constant_values=-eerie.inf)
        one, two = shifted[:, 1 : states + 1], shifted[:, :states]
        total = _log_sum(alpha, one, eerie.where(skips, two, -eerie.inf)) + emission
        return eerie.where(goes[:, None], total, alpha), None

    # Before the first step all of the probability is in front of the first label.
    place = eerie.arange(states, dtype=label_lengths.dtype)
    start = eerie.where(place == 0, eerie.asarray(0, dtype=scores.dtype), -eerie.inf)
    alpha, _ = eerie.scan(step, eerie.broadcast_to(start, (batch, states)), (emitted, going))
    last = 2 * label_lengths[:, None]

    def at(state: Array) -> Array:
        return eerie.sum(eerie.where(place == state, alpha, 0), axis=1)

    before_last = eerie.where(label_lengths > 0, at(last - 1), -eerie.inf)
    loss = -_log_sum(at(last), before_last)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return eerie.sum(loss)
    if reduction == "mean":
        return eerie.mean(loss / eerie.astype(eerie.maximum(label_lengths, 1), loss.dtype))
    raise ArgumentError(f"ctc_loss has no reduction {reduction!r}", hint='use "mean", "sum" or "none"')


def _log_sum(*terms: Array) -> Array:
    """``log(sum(exp(terms)))``; of nothing but minus infinity that, with a gradient of 0."""
    greatest = eerie.stop_gradient(reduce(eerie.maximum, terms))
    greatest = eerie.where(greatest == -eerie.inf, 0, greatest)
    total = reduce(eerie.add, (eerie.exp(term - greatest) for term in terms))
    possible = total > 0
    return eerie.where(possible, eerie.log(eerie.where(possible, total, 1)) + greatest, -eerie.inf)


def _check(logits: Array, labels: Array, logit_lengths: Array | None, label_lengths: Array | None, blank: int) -> None:
    if logits.ndim != 3 or labels.ndim != 2 or labels.shape[0] != logits.shape[0]:
        raise ShapeError(
            f"ctc_loss of logits {describe(logits)} and labels {describe(labels)}",
            hint="shape them (batch, steps, classes) and (batch, most labels)",
        )
    if not eerie.isdtype(logits.dtype, "real floating"):
        raise DTypeError(f"ctc_loss of logits {describe(logits)}", hint="they are floating point")
    for name, value in (("logit_lengths", logit_lengths), ("label_lengths", label_lengths)):
        if value is not None and tuple(value.shape) != (logits.shape[0],):
            raise ShapeError(f"ctc_loss with {name} of {describe(value)} for a batch of {logits.shape[0]}")
    for name, value in (("labels", labels), ("logit_lengths", logit_lengths), ("label_lengths", label_lengths)):
        if value is not None and not eerie.isdtype(value.dtype, "integral"):
            raise DTypeError(f"ctc_loss with {name} of {describe(value)}", hint="they are integers")
    if not isinstance(blank, int) or not 0 <= blank < logits.shape[2]:
        raise ArgumentError(f"ctc_loss with blank={blank!r} for {logits.shape[2]} classes")
