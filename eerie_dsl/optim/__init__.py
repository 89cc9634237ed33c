"""Optimisers: pure functions over trees of parameters, which a jitted training step takes in.

See the guide in ``docs/optimisers.md``.
"""

from eerie_dsl.optim.accumulation import accumulate
from eerie_dsl.optim.adagrad import adagrad
from eerie_dsl.optim.adam import adam, adamw
from eerie_dsl.optim.clipping import clip_by_global_norm, clip_by_norm, clip_by_value, global_norm
from eerie_dsl.optim.ema import Ema
from eerie_dsl.optim.lion import lion
from eerie_dsl.optim.optimizer import Optimizer, apply, chain
from eerie_dsl.optim.rmsprop import rmsprop
from eerie_dsl.optim.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    join,
    linear,
    one_cycle,
    piecewise,
    step_decay,
)
from eerie_dsl.optim.sgd import sgd

__all__ = [
    "Ema",
    "Optimizer",
    "Schedule",
    "accumulate",
    "adagrad",
    "adam",
    "adamw",
    "apply",
    "chain",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "exponential",
    "global_norm",
    "join",
    "linear",
    "lion",
    "one_cycle",
    "piecewise",
    "rmsprop",
    "sgd",
    "step_decay",
]
