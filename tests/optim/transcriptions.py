"""The optimisers once more, each written down from its paper for one NumPy array in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import optim

Array = np.ndarray[Any, Any]


def sgd(p: Array, grads: list[Array], lr: float, momentum=0.0, nesterov=False, weight_decay=0.0) -> Array:
    v = np.zeros_like(p)
    for g in grads:
        g = g + weight_decay * p
        v = momentum * v + g
        p = p - lr * (g + momentum * v if nesterov else v)
    return p


def adam(p: Array, grads: list[Array], lr: Any, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, amsgrad=False) -> Array:
    m, v, top = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, start=1):
        rate = lr(t - 1) if callable(lr) else lr
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        top = np.maximum(top, v)
        root = np.sqrt((top if amsgrad else v) / (1 - b2**t))
        p = p - rate * (m / (1 - b1**t) / (root + eps) + decay * p)
    return p


def lion(p: Array, grads: list[Array], lr: float, b1=0.9, b2=0.99, decay=0.0) -> Array:
    m = np.zeros_like(p)
    for g in grads:
        p = p - lr * (np.sign(b1 * m + (1 - b1) * g) + decay * p)
        m = b2 * m + (1 - b2) * g
    return p


def rmsprop(p: Array, grads: list[Array], lr: float, alpha=0.99, eps=1e-8, momentum=0.0, centered=False) -> Array:
    v, mean, velocity = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        velocity = momentum * velocity + g / (np.sqrt(v - mean**2 if centered else v) + eps)
        p = p - lr * velocity
    return p


def adagrad(p: Array, grads: list[Array], lr: float, initial=0.0, eps=1e-10) -> Array:
    s = np.full_like(p, initial)
    for g in grads:
        s = s + g**2
        p = p - lr * g / (np.sqrt(s) + eps)
    return p


Case = tuple[optim.Optimizer, Callable[[Array, list[Array]], Array]]

CASES: dict[str, Case] = {
    "sgd": (optim.sgd(0.1), lambda p, g: sgd(p, g, 0.1)),
    "sgd-decay": (optim.sgd(0.1, weight_decay=0.2), lambda p, g: sgd(p, g, 0.1, weight_decay=0.2)),
    "sgd-momentum": (optim.sgd(0.1, momentum=0.9), lambda p, g: sgd(p, g, 0.1, 0.9)),
    "sgd-nesterov": (
        optim.sgd(0.1, momentum=0.8, nesterov=True, weight_decay=0.1),
        lambda p, g: sgd(p, g, 0.1, 0.8, nesterov=True, weight_decay=0.1),
    ),
    "adam": (optim.adam(0.05), lambda p, g: adam(p, g, 0.05)),
    "adam-options": (
        optim.adam(0.05, betas=(0.0, 0.9), eps=0.1),
        lambda p, g: adam(p, g, 0.05, 0.0, 0.9, 0.1),
    ),
    "adam-amsgrad": (
        optim.adam(0.05, betas=(0.5, 0.3), amsgrad=True),
        lambda p, g: adam(p, g, 0.05, 0.5, 0.3, amsgrad=True),
    ),
    "adam-schedule": (
        optim.adam(lambda step: 0.5 / (step.astype(eerie.float64) + 1)),
        lambda p, g: adam(p, g, lambda t: 0.5 / (t + 1)),
    ),
    "adamw": (optim.adamw(0.05), lambda p, g: adam(p, g, 0.05, decay=0.01)),
    "adamw-options": (
        optim.adamw(0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3, amsgrad=True),
        lambda p, g: adam(p, g, 0.05, 0.8, 0.95, 1e-3, 0.3, amsgrad=True),
    ),
    "lion": (optim.lion(0.01), lambda p, g: lion(p, g, 0.01)),
    "lion-options": (
        optim.lion(0.01, betas=(0.5, 0.8), weight_decay=0.3),
        lambda p, g: lion(p, g, 0.01, 0.5, 0.8, 0.3),
    ),
    "rmsprop": (optim.rmsprop(0.01), lambda p, g: rmsprop(p, g, 0.01)),
    "rmsprop-options": (
        optim.rmsprop(0.01, alpha=0.8, eps=1e-2, momentum=0.7, centered=True),
        lambda p, g: rmsprop(p, g, 0.01, 0.8, 1e-2, 0.7, centered=True),
    ),
    "adagrad": (optim.adagrad(0.1), lambda p, g: adagrad(p, g, 0.1)),
    "adagrad-options": (optim.adagrad(0.1, initial=0.5, eps=0.1), lambda p, g: adagrad(p, g, 0.1, 0.5, 0.1)),
}
