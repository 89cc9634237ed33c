"""Perceptrons and attention, as in transformers."""

from __future__ import annotations

from typing import Any

from bench.harness import Line
from bench.inputs import Input, integers, normal, weights
from bench.kernels import COMPILE, EAGER, JAX, NUMPY, ONNX, Row, measured

_PEERS = (JAX, EAGER, COMPILE, NUMPY, ONNX)


def perceptron(xp: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two layers."""
    return xp.linear(xp.relu(xp.linear(x, w1, b1)), w2, b2)


def _perceptron(batch: int) -> list[Input]:
    return [
        normal(batch, 768),
        weights(768, 3072),
        normal(3072, role="constant"),
        weights(3072, 768),
        normal(768, role="constant"),
    ]


ROWS = (
    *(Row(f"perceptron 768-3072-768, batch {batch}", perceptron, _perceptron(batch), _PEERS) for batch in (1, 32, 128)),
    *(
        Row(
            f"attention, 12 heads, {length}×64",
            lambda xp, q, k, v: xp.attention(q, k, v),
            [normal(1, 12, length, 64)] * 3,
            _PEERS,
        )
        for length in (128, 1024)
    ),
    Row(
        "causal attention, 12 heads, 512×64",
        lambda xp, q, k, v: xp.causal_attention(q, k, v),
        [normal(1, 12, 512, 64)] * 3,
        _PEERS,
    ),
    Row(
        "attention of a token on a cache of 2048, 12 heads",
        lambda xp, q, k, v, length: xp.cached_attention(q, k, v, length),
        [normal(1, 12, 1, 64), normal(1, 12, 2048, 64), normal(1, 12, 2048, 64), integers(1500, 1501)],
        (JAX, EAGER, COMPILE, NUMPY),
    ),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
