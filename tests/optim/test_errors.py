"""Bad input is refused by name: the optimiser, the parameter, the path."""

from __future__ import annotations

import re

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import optim
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optim.sgd(-0.1), InvalidValueError, "sgd: learning_rate must be at least 0 and finite, got -0.1"),
        (
            lambda: optim.sgd(float("nan")),
            InvalidValueError,
            "sgd: learning_rate must be at least 0 and finite, got nan",
        ),
        (lambda: optim.sgd(float("inf")), InvalidValueError, "got inf"),
        (lambda: optim.sgd("0.1"), ArgumentError, "sgd: learning_rate must be a number, got '0.1'"),  # type: ignore[arg-type]
        (lambda: optim.sgd(True), ArgumentError, "must be a number, got True"),
        (lambda: optim.sgd(eerie.ones((2,))), ShapeError, "sgd: learning_rate is float32[2]"),
        (lambda: optim.sgd(0.1, nesterov=True), ArgumentError, "nesterov needs momentum"),
        (lambda: optim.sgd(0.1, momentum=-1), InvalidValueError, "sgd: momentum"),
        (lambda: optim.sgd(0.1, weight_decay=-1), InvalidValueError, "sgd: weight_decay"),
        (
            lambda: optim.adam(betas=(0.9, 1.0)),
            InvalidValueError,
            "adam: betas[1] must be at least 0 and below 1, got 1",
        ),
        (lambda: optim.adam(betas=0.9), ArgumentError, "adam: betas must be two numbers, got 0.9"),  # type: ignore[arg-type]
        (
            lambda: optim.adam(state_dtype="int32"),
            DTypeError,
            "adam: state_dtype must be real floating point, got int32",
        ),
        (
            lambda: optim.Ema(0.9, state_dtype="bool"),
            DTypeError,
            "Ema: state_dtype must be real floating point, got bool",
        ),
        (lambda: optim.adamw(eps=-1e-8), InvalidValueError, "adamw: eps"),
        (lambda: optim.adamw(weight_decay=-0.1), InvalidValueError, "adamw: weight_decay"),
        (lambda: optim.lion(betas=(-0.1, 0.9)), InvalidValueError, "lion: betas[0]"),
        (lambda: optim.rmsprop(alpha=1.5), InvalidValueError, "rmsprop: alpha"),
        (lambda: optim.adagrad(initial=-1.0), InvalidValueError, "adagrad: initial"),
        (lambda: optim.clip_by_value(0.0), InvalidValueError, "clip_by_value: max_value must be greater than 0"),
        (lambda: optim.clip_by_norm(-1.0), InvalidValueError, "clip_by_norm: max_norm"),
        (lambda: optim.clip_by_global_norm(float("nan")), InvalidValueError, "clip_by_global_norm: max_norm"),
        (
            lambda: optim.accumulate(optim.sgd(0.1), every=0),
            InvalidValueError,
            "accumulate: every must be at least 1, got 0",
        ),
        (lambda: optim.accumulate(optim.sgd(0.1), every=2.5), ArgumentError, "every must be an integer"),  # type: ignore[arg-type]
        (lambda: optim.accumulate(optim.sgd, every=2), ArgumentError, "call it first"),  # type: ignore[arg-type]
        (lambda: optim.chain(optim.sgd(0.1), 3), ArgumentError, "chain takes optimisers, got 3"),  # type: ignore[arg-type]
        (lambda: optim.constant(-1.0), InvalidValueError, "constant: value"),
        (lambda: optim.linear(1.0, -1.0, 3), InvalidValueError, "linear: end"),
        (lambda: optim.linear(1.0, 0.0, 0), InvalidValueError, "linear: steps must be at least 1, got 0"),
        (lambda: optim.exponential(1.0, 0.0), InvalidValueError, "exponential: rate must be greater than 0"),
        (lambda: optim.step_decay(1.0, 0.5, every=0), InvalidValueError, "step_decay: every"),
        (lambda: optim.piecewise([1.0, 2.0], []), ArgumentError, "piecewise: 2 pieces and 0 boundaries"),
        (lambda: optim.piecewise([1.0, -2.0], [3]), InvalidValueError, "piecewise: values[1]"),
        (
            lambda: optim.join([optim.constant(1.0)] * 3, [5, 5]),
            InvalidValueError,
            "the boundaries must increase, got [5, 5]",
        ),
        (lambda: optim.join([optim.constant(1.0), 0.1], [5]), ArgumentError, "join: schedules[1] is 0.1"),  # type: ignore[list-item]
        (lambda: optim.cosine(1.0, 10, warmup=10), InvalidValueError, "warmup must be less than steps, got 10 of 10"),
        (lambda: optim.one_cycle(1.0, 3), InvalidValueError, "one_cycle: 0.3 of 3 steps"),
    ],
)
def test_hyper_parameters_out_of_range(make, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        make()
    assert caught.value.source.file == __file__


PARAMS = {"w": eerie.ones((2, 3)), "layers": [eerie.ones((4,))]}


@pytest.mark.parametrize(
    ("grads", "error", "words"),
    [
        ({"w": np.ones((2, 3), "f4")}, ArgumentError, "nothing at grads['layers'][0]"),
        ({**PARAMS, "b": eerie.ones(())}, ArgumentError, "grads['b'], which params has not"),
        ({**PARAMS, "layers": (eerie.ones((4,)),)}, ArgumentError, "the containers or their static fields differ"),
        (
            {**PARAMS, "w": np.ones((3, 2), "f4")},
            ShapeError,
            "grads['w'] has shape [3, 2] where params['w'] has [2, 3]",
        ),
        ({**PARAMS, "layers": [np.ones(4, "i4")]}, DTypeError, "grads['layers'][0] is int32"),
        ({**PARAMS, "layers": ["x"]}, DTypeError, "grads['layers'][0] is str"),
    ],
)
@pytest.mark.parametrize(
    "optimizer", [optim.sgd(0.1), optim.accumulate(optim.sgd(0.1), every=2)], ids=["sgd", "accumulate"]
)
def test_gradients_unlike_the_parameters(optimizer, grads, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        optimizer.update(grads, optimizer.init(PARAMS), PARAMS)
    assert caught.value.message.startswith(f"{optimizer.name}.update: ")


def test_updates_unlike_the_parameters():
    with pytest.raises(
        ShapeError, match=re.escape("optim.apply: updates['w'] has shape [3] where params['w'] has [2]")
    ):
        optim.apply({"w": eerie.ones((2,))}, {"w": eerie.ones((3,))})
    with pytest.raises(ArgumentError, match=re.escape("optim.apply: updates has another structure than params")):
        optim.apply({"w": eerie.ones((2,))}, eerie.ones((2,)))


def test_the_state_of_something_else():
    params, adam = {"w": eerie.ones((2,))}, optim.adam()
    with pytest.raises(ArgumentError, match=r"adam\.update: the state is not one of adam"):
        adam.update(params, optim.sgd(0.1).init(params), params)
    with pytest.raises(ShapeError, match=re.escape("adam.update: state['mean']['w'] has shape [3]")):
        adam.update(params, adam.init({"w": eerie.ones((3,))}), params)
    with pytest.raises(ArgumentError, match=re.escape("nothing at state['mean']['w'], and params['w'] is trained")):
        adam.update(params, adam.init({"w": 1}), params)
    with pytest.raises(ArgumentError, match="chain: the state is not that of 1 optimisers"):
        optim.chain(adam).update(params, adam.init(params), params)
    with pytest.raises(ArgumentError, match=r"accumulate\.update: the state is not one of accumulate"):
        optim.accumulate(adam, every=2).update(params, adam.init(params), params)
    with pytest.raises(ArgumentError, match=re.escape("nothing at state['sum']['w'], and params['w'] is trained")):
        optim.accumulate(adam, every=2).update(params, optim.accumulate(adam, every=2).init({"w": 1}), params)


@pytest.mark.parametrize(
    ("schedule", "error", "words"),
    [
        (lambda step: eerie.ones((3,)), ShapeError, "adam: learning_rate is float32[3]"),
        (lambda step: step > 2, DTypeError, "adam: learning_rate is of bool"),
        (lambda step: 1j * step, DTypeError, "adam: learning_rate is of complex"),
    ],
)
def test_a_schedule_gives_one_real_number(schedule, error, words):
    params, optimizer = eerie.ones((2,)), optim.adam(schedule)
    with pytest.raises(error, match=re.escape(words)):
        optimizer.update(params, optimizer.init(params), params)
