"""Convolutions and pooling, at the sizes of ResNet-50 and MobileNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.harness import Line
from bench.inputs import normal, weights
from bench.kernels import EAGER, JAX, NUMPY, ONNX, Row, measured

_PEERS = (JAX, EAGER, NUMPY, ONNX)
"""Without PyTorch's compiler, which calls the same routines."""


def _convolution(
    task: str, shape: tuple[int, ...], window: int, features: int, stride: int = 1, depthwise: bool = False
) -> Row:
    channels = shape[-1]
    groups = channels if depthwise else 1
    return Row(
        f"{task}, {'×'.join(map(str, shape))}",
        lambda xp, x, k: xp.convolution(x, k, stride, window // 2, groups),
        [normal(*shape, role="image"), weights(window, window, channels // groups, features, role="kernel")],
        _PEERS,
        image=True,
    )


def _pooling(task: str, shape: tuple[int, ...], function: Callable[[Any, Any], Any]) -> Row:
    return Row(f"{task}, {'×'.join(map(str, shape))}", function, [normal(*shape, role="image")], _PEERS, image=True)


ROWS = (
    _convolution("convolution 7×7 to 64, step 2", (1, 224, 224, 3), 7, 64, 2),
    _convolution("convolution 3×3 to 64", (1, 56, 56, 64), 3, 64),
    _convolution("convolution 3×3 to 64", (8, 56, 56, 64), 3, 64),
    _convolution("convolution 3×3 to 512", (1, 7, 7, 512), 3, 512),
    _convolution("convolution 1×1 to 256", (1, 56, 56, 64), 1, 256),
    _convolution("convolution 1×1 to 256", (1, 14, 14, 1024), 1, 256),
    _convolution("convolution 3×3 by channel", (1, 112, 112, 32), 3, 32, 1, True),
    _convolution("convolution 3×3 by channel, step 2", (1, 56, 56, 144), 3, 144, 2, True),
    _convolution("convolution 1×1 to 16", (1, 112, 112, 32), 1, 16),
    _pooling("greatest of 3×3, step 2", (1, 112, 112, 64), lambda xp, x: xp.max_pool(x, 3, 2, 1)),
    _pooling("mean of 2×2", (1, 56, 56, 128), lambda xp, x: xp.avg_pool(x, 2)),
    _pooling("mean of all", (8, 7, 7, 2048), lambda xp, x: xp.global_avg_pool(x)),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
