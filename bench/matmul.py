"""Products of matrices: square, tall, wide, many at once, in four number formats."""

from __future__ import annotations

from typing import Any

from bench.harness import Line
from bench.inputs import Input, integers, normal, weights
from bench.kernels import EAGER, JAX, NUMPY, ONNX, Row, measured

_PEERS = (JAX, EAGER, NUMPY, ONNX)
"""Without PyTorch's compiler, which calls the same routine."""


def product(xp: Any, a: Any, b: Any) -> Any:
    return a @ b


def _pair(a: tuple[int, ...], b: tuple[int, ...], dtype: str = "float32") -> list[Input]:
    return [normal(*a, dtype=dtype), normal(*b, scale=b[-2] ** -0.5, dtype=dtype)]


def _sizes(*pair: tuple[int, ...]) -> str:
    return " @ ".join("×".join(map(str, shape)) for shape in pair)


_SHAPES: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = (
    *((f"square matmul, {n}", (n, n), (n, n)) for n in (64, 256, 512, 1024, 2048)),
    *(
        (f"{kind} matmul, {_sizes(a, b)}", a, b)
        for kind, a, b in (
            ("tall", (8192, 64), (64, 64)),
            ("wide", (128, 768), (768, 3072)),
            ("deep", (64, 8192), (8192, 64)),
            ("thin", (2048, 2048), (2048, 8)),
            ("batched", (96, 128, 64), (96, 64, 128)),
            ("small batched", (256, 16, 16), (256, 16, 16)),
        )
    ),
)

ROWS = (
    *(Row(task, product, _pair(a, b), _PEERS) for task, a, b in _SHAPES),
    Row(
        "matmul with a transposed matrix, 512×512",
        lambda xp, a, b: a @ b.T,
        [normal(512, 512), weights(512, 512, role="array")],
        _PEERS,
    ),
    Row(
        "matmul in bf16, 1024",
        product,
        _pair((1024, 1024), (1024, 1024), "bfloat16"),
        (JAX, EAGER),
        rtol=2e-2,
        atol=3e-2,
    ),
    Row(
        "matmul in f16, 512",
        product,
        _pair((512, 512), (512, 512), "float16"),
        (JAX, EAGER),
        rtol=1e-2,
        atol=1e-2,
    ),
    Row(
        "matmul of i8 to i32, 512",
        lambda xp, a, b: xp.integer_matmul(a, b),
        [integers(-128, 128, 512, 512, dtype="int8")] * 2,
        _PEERS,
    ),
)


def run(budget: float) -> list[Line]:
    """See `bench.kernels`."""
    return measured(ROWS, budget)
