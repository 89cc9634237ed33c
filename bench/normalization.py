"""Softmax, norms and gelu, at the sizes of transformers."""

from __future__ import annotations

from bench.harness import Line
from bench.inputs import Input, normal, uniform
from bench.kernels import COMPILE, EAGER, JAX, NUMPY, ONNX, Row, measured

_PEERS = (JAX, EAGER, COMPILE, NUMPY, ONNX)


def _parameters(size: int) -> list[Input]:
    return [uniform(0.5, 1.5, size)._replace(role="constant"), normal(size, role="constant")]


ROWS = (
    *(
        Row(f"softmax of rows, {name}", lambda xp, x: xp.softmax(x), [normal(*shape)], _PEERS)
        for name, shape in (
            ("1024×1024", (1024, 1024)),
            ("96×128×128", (96, 128, 128)),
            ("32×32000", (32, 32000)),
            ("1×1000", (1, 1000)),
        )
    ),
    *(
        Row(
            f"layer norm, {rows}×{size}",
            lambda xp, x, w, b: xp.layer_norm(x, w, b),
            [normal(rows, size), *_parameters(size)],
            _PEERS,
        )
        for rows, size in ((1024, 768), (8192, 256), (1, 768))
    ),
    Row(
        "root mean square norm, 512×2048",
        lambda xp, x, w: xp.rms_norm(x, w),
        [normal(512, 2048), _parameters(2048)[0]],
        _PEERS,
    ),
    Row("gelu, 1024×3072", lambda xp, x: xp.gelu(x), [normal(1024, 3072)], _PEERS),
    Row("gelu by tanh, 1024×3072", lambda xp, x: xp.gelu_tanh(x), [normal(1024, 3072)], _PEERS),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
