"""Reductions along rows and what is computed from them become one kernel, and give what the interpreter gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16

import eerie_dsl as eerie
from eerie_dsl import tree
from eerie_dsl.config import config
from eerie_dsl.ir.passes import simplify
from eerie_dsl.lowering import build
from eerie_dsl.ops.reduction import reduce_sum

RNG = np.random.default_rng(5)


def data(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(0, 100, shape).astype(dtype)
    return RNG.normal(size=shape).astype(dtype)


def both(f: Callable[..., Any], *args: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    found = []
    for way in ("compiled", "reference"):
        with config(evaluation=way):
            found.append([np.asarray(leaf) for leaf in tree.flatten(eerie.jit(f)(*args))[0]])
    return found[0], found[1]


def agree(f: Callable[..., Any], *args: Any, atol: float = 2e-6) -> None:
    got, want = both(f, *args)
    assert len(got) == len(want) > 0
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        last = 2.0**-7 if a.dtype == bfloat16 else 2.0**-10 if a.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=last, atol=atol)


def lowered(f: Callable[..., Any], *args: Any, **options: Any) -> str:
    return str(build(simplify(eerie.jit(f).trace(*args).graph), **options))


def counts(text: str) -> tuple[int, int]:
    """Kernels written here, and operations left to the compiler."""
    return text.count("flow.dispatch @loop"), text.count("linalg.generic")


def residual(x: Any, y: Any, w: Any, b: Any) -> Any:
    h = x + y
    return h, eerie.layer_norm(h, w, b)


def cross_entropy(x: Any) -> Any:
    return eerie.logsumexp(x, -1) - x[:, 0]


# fmt: off
ONE_KERNEL: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "softmax": (eerie.softmax, (data(64, 1000),)),
    "softmax of a vector": (eerie.softmax, (data(1001),)),
    "softmax of one row": (eerie.softmax, (data(1, 77),)),
    "softmax, some axes": (eerie.softmax, (data(3, 5, 128),)),
    "softmax, float64": (eerie.softmax, (data(40, 90, dtype=np.float64),)),
    "softmax, float16": (eerie.softmax, (data(20, 77, dtype=np.float16),)),
    "layer norm, bfloat16": (eerie.layer_norm, (data(20, 50, dtype=bfloat16),)),
    "masked": (lambda x, m: eerie.softmax(x * 0.5 + m), (data(2, 4, 32, 64), data(2, 1, 32, 64))),
    "masked, heads": (lambda x, m: eerie.softmax(x + m), (data(2, 4, 32, 64), data(4, 1, 64))),
    "a number for all": (lambda x, t: eerie.softmax(x / t), (data(20, 50), data())),
    "logsumexp": (lambda x: eerie.logsumexp(x, -1), (data(40, 200),)),
    "variance": (lambda x: (eerie.var(x, -1), eerie.mean(x, -1, keepdims=True)), (data(40, 200),)),
    "argmax": (lambda x: eerie.argmax(x, -1), (data(40, 200),)),
    "argmin of integers": (lambda x: eerie.argmin(x, -1), (data(40, 200, dtype=np.int16),)),
    "argmin of 19": (lambda x: eerie.argmin(x, -1), (data(4, 19),)),
    "layer norm": (eerie.layer_norm, (data(24, 768), data(768), data(768))),
    "layer norm of a sum that is used again": (residual, (data(24, 96), data(24, 96), data(96), data(96))),
    "root mean square norm": (eerie.rms_norm, (data(9, 300), data(300))),
    "square, columns and rows scaled": (
        lambda x, w: eerie.softmax(x * w[:, None] + w), (data(64, 64), data(64))
    ),
    "gradient of softmax": (eerie.grad(lambda x: eerie.sum(eerie.softmax(x) ** 3)), (data(24, 70),)),
    "integers": (lambda x: x - eerie.min(x, -1, keepdims=True), (data(40, 130, dtype=np.int32),)),
    "many rows": (eerie.softmax, (data(131, 16),)),
    "one value for a row": (lambda x, y: eerie.sum(x * y[:, None], -1) / y, (data(70, 33), data(70))),
}
# fmt: on


@pytest.mark.parametrize("name", ONE_KERNEL)
def test_one_kernel(name: str) -> None:
    f, args = ONE_KERNEL[name]
    assert counts(lowered(f, *args)) == (1, 0)


def test_values() -> None:
    names = list(ONE_KERNEL)

    def every(args: Any) -> Any:
        return [ONE_KERNEL[n][0](*a) for n, a in zip(names, args, strict=True)]

    agree(every, [ONE_KERNEL[n][1] for n in names])


def special(dtype: Any) -> np.ndarray:
    x = data(12, 40, dtype=dtype)
    x[0, 3] = np.nan
    x[1, 5] = np.inf
    x[2, :] = -np.inf
    x[3, 7:] = -np.inf
    x[4, 1], x[4, 2] = np.inf, -np.inf
    x[5, 4], x[5, 30] = np.nan, np.inf
    x[6, :] = 1e4
    x[7, 0] = -1e38
    x[8, 39] = np.nan
    x[9, :] = 0
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_are_not_finite(dtype: Any) -> None:
    def f(x: Any) -> Any:
        return [
            eerie.softmax(x),
            eerie.logsumexp(x, -1),
            eerie.max(x, -1),
            eerie.argmax(x, -1),
            eerie.argmin(x, -1),
            eerie.var(x, -1),
            eerie.sum(x, -1),
        ]

    got, want = both(f, special(dtype))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_products_keep_what_follows_them_and_other_kernels_what_they_need() -> None:
    def block(x: Any, w: Any, u: Any) -> Any:
        h = x * 2
        scores = eerie.softmax((h @ w) * 0.25)
        mixed = eerie.layer_norm(scores + h)
        again = eerie.layer_norm(mixed @ u + mixed)
        return eerie.sum(again, 0), again, eerie.max(again, -1)

    args = data(32, 48), data(48, 48), data(48, 48)
    agree(block, *args, atol=2e-5)
    assert lowered(block, *args).count("flow.dispatch @loop") == 2


def test_what_a_kernel_reads_may_need_its_first_operations() -> None:
    def f(x: Any, w: Any) -> Any:
        h = eerie.exp(x) + 1
        return eerie.softmax(h) * eerie.sum(h * eerie.cumulative_sum(h, -1), -1, keepdims=True), h @ w

    agree(f, data(20, 32), data(32, 32), atol=1e-3)


def test_gradients_of_parameters() -> None:
    def loss(x: Any, w: Any, b: Any) -> Any:
        return eerie.sum(eerie.layer_norm(x, w, b) ** 2) + eerie.mean(cross_entropy(x))

    agree(eerie.grad(loss, argnums=(0, 1, 2)), data(24, 70), data(70), data(70), atol=2e-4)


def test_narrow_floats_in_other_roles() -> None:
    def f(x: Any, h: Any) -> Any:
        positive = eerie.astype(x > eerie.mean(x, -1, keepdims=True), eerie.float16)
        scores = eerie.softmax(eerie.astype(h, eerie.float32) + x)
        return positive, eerie.astype(scores, eerie.float16) * h, eerie.max(h * h, -1), eerie.sum(h, -1)

    agree(f, data(20, 19), data(20, 19, dtype=np.float16), atol=1e-2)


def test_equal_results() -> None:
    def f(x: Any) -> Any:
        largest = eerie.max(x, -1, keepdims=True)
        powers = eerie.exp(x - eerie.where(eerie.isinf(largest), 0.0, largest))
        return eerie.softmax(x), powers * (1 / eerie.sum(powers, -1, keepdims=True)), powers @ x.mT

    agree(f, data(20, 32), atol=1e-4)


def test_donated_memory_is_still_taken() -> None:
    x = data(64, 128)
    f = eerie.jit(lambda x, y: x - 0.1 * y / eerie.sum(y * y, -1, keepdims=True), donate_argnums=0)
    with config(evaluation="compiled"):
        held = eerie.asarray(x)
        result = f(held, x)
    np.testing.assert_allclose(np.asarray(result), x - 0.1 * x / np.sum(x * x, -1, keepdims=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((64, 8), {}), ((2, 1 << 18), {}), ((64, 1000), {"tiled": False}), ((64, 1000), {"apart": True})],
)
def test_left_to_the_compiler(shape: tuple[int, ...], options: dict[str, bool]) -> None:
    assert lowered(eerie.softmax, data(*shape), **options).count("flow.dispatch @loop") == 0


def test_a_kernel_is_located_at_all_of_its_operations() -> None:
    graph = simplify(eerie.jit(lambda x: eerie.var(x, -1)).trace(data(64, 100)).graph)
    text = build(graph).operation.get_asm(enable_debug_info=True)
    sums = [k for k, n in enumerate(graph.nodes) if n.op is reduce_sum]
    assert len(sums) == 2
    assert all(f'"n{k}"' in text for k in sums)


def test_commands_are_recorded_once() -> None:
    """Memory that a kernel reaches by what a call brings: else the program records its commands in each call."""
    bindings = [line for line in lowered(eerie.softmax, data(64, 100)).splitlines() if "binding.subspan" in line]
    assert len(bindings) == 2
    assert all("Indirect)" in line or 'Indirect")' in line for line in bindings)
