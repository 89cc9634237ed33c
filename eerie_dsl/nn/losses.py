"""Losses. float16 and bfloat16 are computed in float32, and so is the result.

Each has a ``reduction``: ``"mean"`` and ``"sum"`` give one number, ``"none"`` a loss for each example or element.
"""

from __future__ import annotations

from typing import Literal

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from eerie_dsl.nn.checks import describe

Reduction = Literal["mean", "sum", "none"]


def cross_entropy(
    logits: Array,
    labels: Array,
    *,
    weight: Array | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
) -> Array:
    """``-log(softmax(logits)[label])``: how surprised a classifier is by the right answers.

    A label that is no class gives NaN: inside `eerie.jit` nothing can be raised.

    Args:
        logits: ``(..., classes)``; not probabilities.
        labels: ``(...)`` integers.
        weight: ``(classes,)``, of the examples of each class; the mean is then a weighted one.
        label_smoothing: a share of the target that all classes get in equal parts. Szegedy et al., Rethinking the
            Inception architecture, 2015.
        ignore_index: a label whose examples count for nothing, neither in the sum nor in the number of the mean.
        reduction: see above; ``"none"`` gives ``(...)``.

    Raises:
        ShapeError: shapes that do not fit together.
        DTypeError: labels that are not integers, or logits that are.
        ArgumentError: another reduction.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.cross_entropy(eerie.asarray([[0.0, 0.0], [9.0, -9.0]]), eerie.asarray([1, 1]), reduction="none")
    Array([ 0.6931472, 18.       ], dtype=float32, device=cpu)
    """
    logits, labels = _floating("cross_entropy", "logits", logits), eerie.asarray(labels)
    if not eerie.isdtype(labels.dtype, "integral"):
        raise DTypeError(
            f"cross_entropy with labels of {describe(labels)}: a label is the number of a class",
            hint="take argmax of one-hot labels; for distributions use kl_divergence(log_softmax(logits), targets)",
        )
    if labels.dtype not in (eerie.int32, eerie.int64):  # which hold any number of classes, and ignore_index
        labels = eerie.astype(labels, eerie.int64)
    if logits.ndim < 1 or logits.shape[:-1] != labels.shape:
        raise ShapeError(
            f"cross_entropy of logits {describe(logits)} with labels {describe(labels)}",
            hint="labels have the shape of the logits without the last axis, that of the classes",
        )
    classes = logits.shape[-1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"cross_entropy of {classes} classes with a weight of {describe(weight)}")
    # A comparison with each class is part of the pass over the logits, and of that of the gradient; a gather is not.
    chosen = eerie.arange(classes, dtype=labels.dtype) == labels[..., None]
    largest, total = _log_total(logits)
    loss = total - (eerie.sum(eerie.where(chosen, logits, 0), axis=-1) - largest)
    share: Array | None = None
    if weight is not None:
        weight = eerie.astype(weight, logits.dtype)
        share = eerie.sum(eerie.where(chosen, weight, 0), axis=-1)
        loss = loss * share
    if label_smoothing:
        if weight is None:
            even = total - (eerie.mean(logits, axis=-1) - largest)
        else:
            even = (total + largest) * eerie.mean(weight) - eerie.mean(logits * weight, axis=-1)
        loss = (1 - label_smoothing) * loss + label_smoothing * even
    loss = eerie.where((labels >= 0) & (labels < classes), loss, eerie.nan)
    if ignore_index is not None:
        counted = labels != ignore_index
        loss = eerie.where(counted, loss, 0)
        share = eerie.where(counted, 1 if share is None else share, 0)
    return _reduced("cross_entropy", loss, reduction, share)


def binary_cross_entropy(
    logits: Array, targets: Array, *, pos_weight: Array | None = None, reduction: Reduction = "mean"
) -> Array:
    """``-targets * log(p) - (1 - targets) * log(1 - p)`` with ``p = sigmoid(logits)``, in a form that stays finite.

    Args:
        logits: any shape; not probabilities.
        targets: the same shape; 0, 1, bools, or probabilities.
        pos_weight: multiplies the first term; a shape that broadcasts to theirs.
        reduction: see above; ``"none"`` gives the shape of the logits.

    Raises:
        ShapeError: shapes that differ.
        ArgumentError: another reduction.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.binary_cross_entropy(eerie.asarray([0.0, 100.0]), eerie.asarray([1.0, 0.0]), reduction="none")
    Array([  0.6931472, 100.       ], dtype=float32, device=cpu)
    """
    logits, targets = _pair("binary_cross_entropy", logits, targets)
    if pos_weight is None:
        loss = eerie.softplus(logits) - logits * targets
    else:
        scale = 1 + (eerie.astype(pos_weight, logits.dtype) - 1) * targets
        loss = (1 - targets) * logits + scale * eerie.softplus(-logits)
    return _reduced("binary_cross_entropy", loss, reduction)


def mse_loss(predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Array:
    """``(predictions - targets)**2``.

    Args:
        predictions: any shape.
        targets: the same shape.
        reduction: see above.

    Raises:
        ShapeError: shapes that differ.
        ArgumentError: another reduction.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.mse_loss(eerie.asarray([1.0, 3.0]), eerie.zeros(2))
    Array(5., dtype=float32, device=cpu)
    """
    predictions, targets = _pair("mse_loss", predictions, targets)
    return _reduced("mse_loss", eerie.square(predictions - targets), reduction)


def l1_loss(predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Array:
    """``abs(predictions - targets)``; arguments as of `mse_loss`.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.l1_loss(eerie.asarray([1.0, -3.0]), eerie.zeros(2))
    Array(2., dtype=float32, device=cpu)
    """
    predictions, targets = _pair("l1_loss", predictions, targets)
    return _reduced("l1_loss", eerie.abs(predictions - targets), reduction)


def huber_loss(predictions: Array, targets: Array, *, delta: float = 1.0, reduction: Reduction = "mean") -> Array:
    """``d**2 / 2`` where ``d = abs(predictions - targets)`` is below ``delta``, else ``delta * (d - delta / 2)``.

    Huber, Robust estimation of a location parameter, 1964; other arguments as of `mse_loss`.

    Raises:
        ArgumentError: ``delta`` is not above 0, or another reduction.
        ShapeError: shapes that differ.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.huber_loss(eerie.asarray([1.0, 3.0]), eerie.zeros(2), reduction="none")
    Array([0.5, 2.5], dtype=float32, device=cpu)
    """
    if not delta > 0:
        raise ArgumentError(f"huber_loss with delta={delta!r}: it is a distance above 0")
    predictions, targets = _pair("huber_loss", predictions, targets)
    apart = predictions - targets
    near = eerie.clip(apart, -delta, delta)
    return _reduced("huber_loss", near * (apart - 0.5 * near), reduction)


def kl_divergence(log_predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Array:
    """``sum(targets * (log(targets) - log_predictions))``: how far distributions are from those that are right.

    Kullback and Leibler, On information and sufficiency, 1951. The mean is that over the distributions, which PyTorch
    calls ``batchmean``.

    Args:
        log_predictions: ``(..., outcomes)``, such as `eerie.log_softmax` gives.
        targets: the same shape; probabilities.
        reduction: see above; ``"none"`` gives ``(...)``.

    Raises:
        ShapeError: shapes that differ, or no axis.
        ArgumentError: another reduction.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.kl_divergence(eerie.log(eerie.asarray([[0.5, 0.5]])), eerie.asarray([[1.0, 0.0]]))
    Array(0.6931472, dtype=float32, device=cpu)
    """
    log_predictions, targets = _pair("kl_divergence", log_predictions, targets)
    if not targets.ndim:
        raise ShapeError("kl_divergence of numbers without an axis of outcomes")
    possible = targets > 0  # of what cannot happen, 0 * log(0) is 0
    each = targets * (eerie.log(eerie.where(possible, targets, 1)) - log_predictions)
    return _reduced("kl_divergence", eerie.sum(eerie.where(possible, each, 0), axis=-1), reduction)


def cosine_similarity(x: Array, y: Array, *, eps: float = 1e-8) -> Array:
    """``x @ y / (norm(x) * norm(y))`` along the last axis.

    Args:
        x: ``(..., features)``.
        y: the same shape.
        eps: the least that is taken for a norm.

    Returns:
        ``(...)``, from -1 to 1.

    Raises:
        ShapeError: shapes that differ, or no axis.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.cosine_similarity(eerie.asarray([0.5, 0.0]), eerie.asarray([-2.0, 0.0]))
    Array(-1., dtype=float32, device=cpu)
    """
    x, y = _pair("cosine_similarity", x, y)
    if not x.ndim:
        raise ShapeError("cosine_similarity of numbers without an axis of features")
    least = eps * eps
    sizes = (eerie.rsqrt(eerie.maximum(eerie.sum(eerie.square(v), axis=-1), least)) for v in (x, y))
    product = eerie.sum(x * y, axis=-1)
    for size in sizes:
        product = product * size
    return product


def cosine_loss(predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Array:
    """``1 - cosine_similarity(predictions, targets)``, of which a mean or a sum is taken.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.cosine_loss(eerie.asarray([[1.0, 0.0], [1.0, 0.0]]), eerie.asarray([[2.0, 0.0], [0.0, 2.0]]))
    Array(0.5, dtype=float32, device=cpu)
    """
    return _reduced("cosine_loss", 1 - cosine_similarity(predictions, targets), reduction)


def _floating(op: str, name: str, x: Array) -> Array:
    x = eerie.asarray(x)
    if not eerie.isdtype(x.dtype, "real floating"):
        raise DTypeError(f"{op} of {name} {describe(x)}: they are floating point", hint="cast with eerie.astype")
    return eerie.astype(x, eerie.result_type(x.dtype, eerie.float32))


def _log_total(logits: Array) -> tuple[Array, Array]:
    """The largest logit, and by how much the logarithm of the sum of their exponentials is above it."""
    largest = eerie.stop_gradient(eerie.max(logits, axis=-1, keepdims=True))  # cancels out
    largest = eerie.where(eerie.isinf(largest), 0, largest)
    return largest[..., 0], eerie.log(eerie.sum(eerie.exp(logits - largest), axis=-1))


def _pair(op: str, x: Array, y: Array) -> tuple[Array, Array]:
    x, y = _floating(op, "predictions", x), eerie.asarray(y)
    if x.shape != y.shape:
        raise ShapeError(
            f"{op} of {describe(x)} and {describe(y)}: the shapes differ",
            hint="reshape one; broadcasting (n, 1) with (n,) would compare every pair",
        )
    return x, eerie.astype(y, x.dtype)


def _reduced(op: str, loss: Array, reduction: Reduction, share: Array | None = None) -> Array:
    if reduction == "none":
        return loss
    if reduction == "sum":
        return eerie.sum(loss)
    if reduction == "mean":
        return eerie.mean(loss) if share is None else eerie.sum(loss) / eerie.sum(share)
    raise ArgumentError(f"{op} has no reduction {reduction!r}", hint='use "mean", "sum" or "none"')
