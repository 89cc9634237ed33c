"""Optimisers, clipping and schedules against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(11)
STEPS = 10
START = [RNG.normal(size=(4, 3)), RNG.normal(size=(3,))]
GRADS = [[RNG.normal(size=p.shape) for p in START] for _ in range(STEPS)]

peers = torch.optim
CASES: dict[str, tuple[optim.Optimizer, Any]] = {
    "sgd": (optim.sgd(0.1), lambda p: peers.SGD(p, 0.1)),
    "sgd-decay": (optim.sgd(0.1, weight_decay=0.2), lambda p: peers.SGD(p, 0.1, weight_decay=0.2)),
    "sgd-momentum": (optim.sgd(0.1, momentum=0.9), lambda p: peers.SGD(p, 0.1, momentum=0.9)),
    "sgd-nesterov": (
        optim.sgd(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: peers.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    "adam": (optim.adam(), lambda p: peers.Adam(p)),
    "adam-options": (
        optim.adam(0.1, betas=(0.7, 0.9), eps=1e-3),
        lambda p: peers.Adam(p, 0.1, betas=(0.7, 0.9), eps=1e-3),
    ),
    "adam-amsgrad": (
        optim.adam(0.1, betas=(0.5, 0.5), amsgrad=True),
        lambda p: peers.Adam(p, 0.1, betas=(0.5, 0.5), amsgrad=True),
    ),
    "adamw": (optim.adamw(), lambda p: peers.AdamW(p)),
    "adamw-options": (
        optim.adamw(0.1, betas=(0.7, 0.9), weight_decay=0.3, amsgrad=True),
        lambda p: peers.AdamW(p, 0.1, betas=(0.7, 0.9), weight_decay=0.3, amsgrad=True),
    ),
    "rmsprop": (optim.rmsprop(), lambda p: peers.RMSprop(p)),
    "rmsprop-options": (
        optim.rmsprop(0.05, alpha=0.8, eps=1e-3, momentum=0.9, centered=True),
        lambda p: peers.RMSprop(p, 0.05, alpha=0.8, eps=1e-3, momentum=0.9, centered=True),
    ),
    "adagrad": (optim.adagrad(), lambda p: peers.Adagrad(p)),
    "adagrad-options": (
        optim.adagrad(0.3, initial=0.2, eps=1e-2),
        lambda p: peers.Adagrad(p, 0.3, initial_accumulator_value=0.2, eps=1e-2),
    ),
}


@pytest.mark.parametrize("mode", ["reference", "compiled"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("name", CASES)
def test_optimizer(name, dtype, tolerance, mode):
    optimizer, make = CASES[name]
    theirs = [torch.tensor(p, dtype=getattr(torch, dtype), requires_grad=True) for p in START]
    peer = make(theirs)

    @eerie.jit(donate_argnums=(0, 1))
    def step(params, state, grads):
        updates, state = optimizer.update(grads, state, params)
        return optim.apply(params, updates), state

    with eerie.config(evaluation=mode):
        params = [eerie.asarray(p.astype(dtype)) for p in START]
        state = optimizer.init(params)
        for grads in GRADS:
            params, state = step(params, state, [g.astype(dtype) for g in grads])
            for p, g in zip(theirs, grads, strict=True):
                p.grad = torch.tensor(g, dtype=p.dtype)
            peer.step()
            for ours, p in zip(params, theirs, strict=True):
                np.testing.assert_allclose(ours.numpy(), p.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [0.1, 3.0, 1e3])
def test_clipping_by_norm(limit, dtype):
    theirs = [torch.zeros(g.shape, dtype=getattr(torch, dtype), requires_grad=True) for g in GRADS[0]]
    for p, g in zip(theirs, GRADS[0], strict=True):
        p.grad = torch.tensor(g, dtype=p.dtype)
    norm = torch.nn.utils.clip_grad_norm_(theirs, limit)
    grads = [g.astype(dtype) for g in GRADS[0]]
    found, _ = optim.clip_by_global_norm(limit).update(grads, (), None)
    np.testing.assert_allclose(float(optim.global_norm(grads)), float(norm), rtol=1e-6)
    for ours, p in zip(found, theirs, strict=True):
        # PyTorch adds 1e-6 to the norm before it divides by it.
        np.testing.assert_allclose(ours.numpy(), p.grad.numpy(), rtol=2e-6)


def test_clipping_by_value():
    p = torch.zeros(3, requires_grad=True)
    p.grad = torch.tensor([0.1, -7.0, 3.0])
    torch.nn.utils.clip_grad_value_([p], 0.5)
    found, _ = optim.clip_by_value(0.5).update(eerie.asarray([0.1, -7.0, 3.0]), (), None)
    np.testing.assert_array_equal(found.numpy(), p.grad.numpy())


schedulers = torch.optim.lr_scheduler
SCHEDULES: dict[str, tuple[optim.Schedule, float, Any]] = {
    "linear": (optim.linear(0.02, 0.1, 8), 0.1, lambda o: schedulers.LinearLR(o, 0.2, 1.0, 8)),
    "exponential": (optim.exponential(0.5, 0.9), 0.5, lambda o: schedulers.ExponentialLR(o, 0.9)),
    "step": (optim.step_decay(0.5, 0.3, every=4), 0.5, lambda o: schedulers.StepLR(o, 4, 0.3)),
    "piecewise": (optim.piecewise([0.5, 0.05, 0.005], [3, 9]), 0.5, lambda o: schedulers.MultiStepLR(o, [3, 9], 0.1)),
    "cosine": (optim.cosine(0.5, 19, end=0.1), 0.5, lambda o: schedulers.CosineAnnealingLR(o, 19, 0.1)),
    "cosine with warm-up": (
        optim.cosine(0.5, 19, warmup=5, start=0.1),
        0.5,
        lambda o: schedulers.SequentialLR(
            o, [schedulers.LinearLR(o, 0.2, 1.0, 5), schedulers.CosineAnnealingLR(o, 14)], [5]
        ),
    ),
    "one cycle": (optim.one_cycle(0.5, 20), 0.5, lambda o: schedulers.OneCycleLR(o, 0.5, 20)),
    "one cycle with options": (
        optim.one_cycle(0.5, 20, warmup=0.5, start_factor=5.0, end_factor=100.0),
        0.5,
        lambda o: schedulers.OneCycleLR(o, 0.5, 20, pct_start=0.5, div_factor=5.0, final_div_factor=100.0),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # PyTorch's own SequentialLR passes it
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    schedule, rate, make = SCHEDULES[name]
    peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
    scheduler = make(peer)
    want = []
    for _ in range(20):
        want.append(peer.param_groups[0]["lr"])
        peer.step()
        if len(want) < 20:
            scheduler.step()
    found = schedule(eerie.arange(20, dtype=eerie.int32))
    np.testing.assert_allclose(found.numpy(), want, rtol=2e-6, atol=1e-8)
