"""Donated arguments: results take their memory, and nobody who holds that memory sees it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.config import config
from eerie_dsl.errors import DonatedError, NaNError
from eerie_dsl.runtime import aligned_empty, view_of

SHAPE = (96, 67)


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with config(evaluation="compiled"):
        yield


def drawn(seed: int, shape: tuple[int, ...] = SHAPE, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(dtype)


def address(x: eerie.Array) -> int:
    return np.frombuffer(view_of(x.buffer()).map(), np.uint8).ctypes.data


@eerie.jit(donate_argnums=0)
def doubled(x: Any) -> Any:
    return x + x


def test_the_result_lies_where_the_argument_was() -> None:
    x = eerie.asarray(drawn(0))
    place = address(x)
    for _ in range(3):
        x = doubled(x)
        assert address(x) == place
    assert np.array_equal(x.numpy(), 8 * drawn(0))


def test_an_optimizer_writes_all_of_its_state_in_one_pass() -> None:
    @eerie.jit(donate_argnums=(0, 1, 2))
    def step(p: Any, m: Any, v: Any, g: Any) -> Any:
        m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g * g
        return p - m / (eerie.sqrt(v) + 1), m, v

    arrays = [eerie.asarray(abs(drawn(i))) for i in range(4)]
    assert [k.bytes_written for k in step.explain(*arrays).kernels] == [3 * arrays[0].nbytes]
    places = [address(a) for a in arrays[:3]]
    p, m, v, g = (abs(drawn(i)) for i in range(4))
    results = step(*arrays)
    assert [address(r) for r in results] == places
    m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g * g
    for result, expected in zip(results, (p - m / (np.sqrt(v) + 1), m, v), strict=True):
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


READERS: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda x: (x + x, eerie.sum(x)),
    "a row": lambda x: (x * 2, x[5], x[:, 3]),
    "a product": lambda x: (x - 1, x.T @ x),
    "its transpose in the same kernel": lambda x: (x + eerie.flip(x, axis=1), x[0]),
    "a row in the same kernel": lambda x: x * 3 + x[7],
    "a sum in the same kernel": lambda x: x - eerie.sum(x, axis=1, keepdims=True),
    "the argument itself": lambda x: (x, x + 1),
    "a copy of it": lambda x: (x * 1, x + 1),
    "a result of it": lambda x: (y := x + 1, y * y, eerie.sum(y)),
    "a sorted one": lambda x: (eerie.sort(x, axis=1), x + 1),
}


@pytest.mark.parametrize("what", READERS)
def test_others_read_what_was_there(what: str) -> None:
    function = READERS[what]
    plain, donating = eerie.jit(function), eerie.jit(donate_argnums=0)(function)
    expected = eerie.tree.leaves(plain(eerie.asarray(drawn(1))))
    for _ in range(3):
        found = eerie.tree.leaves(donating(eerie.asarray(drawn(1))))
        for a, b in zip(found, expected, strict=True):
            assert np.array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("seed", range(5))
def test_programs_of_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def program(*arrays: Any) -> Any:
        chance = np.random.default_rng(seed + 100)
        values = list(arrays)
        for _ in range(9):
            a, b = (values[i] for i in chance.integers(len(values), size=2))
            match chance.integers(5):
                case 0:
                    values.append(a - b)
                case 1:
                    values.append(eerie.maximum(a, b * 0.5))
                case 2:
                    values.append(eerie.where(a > b, a, -b))
                case 3:
                    values.append(a + eerie.mean(b, axis=0))
                case _:
                    values.append(eerie.roll(a, 1, axis=0) * 0.5 + b)
        return [values[i] for i in chance.choice(np.arange(4, len(values)), 4, replace=False)]

    donated = tuple(np.flatnonzero(rng.integers(3, size=4)).tolist())
    arrays = [drawn(10 * seed + i) for i in range(4)]
    expected = eerie.jit(program)(*map(eerie.asarray, arrays))
    found = eerie.jit(donate_argnums=donated)(program)(*map(eerie.asarray, arrays))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [eerie.float64, eerie.bfloat16, eerie.int32, eerie.int8, eerie.complex64, eerie.bool])
@pytest.mark.parametrize("shape", [(3, 7, 331), (2048, 10)])
def test_any_type(dtype: Any, shape: tuple[int, ...]) -> None:
    function = eerie.logical_not if dtype is eerie.bool else lambda x: x * x + x
    numbers = eerie.asarray(abs(drawn(2, (4, *shape)))).astype(dtype)
    expected = eerie.jit(function)(numbers).numpy()
    found = eerie.jit(donate_argnums=0)(function)(numbers).numpy()
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_who_holds_the_memory_keeps_it() -> None:
    x = eerie.asarray(drawn(3))
    array, view = x.numpy(), x.numpy().data
    doubled(x)
    assert np.array_equal(array, drawn(3))
    assert np.array_equal(np.asarray(view), drawn(3))

    x = eerie.asarray(drawn(3))
    array = np.from_dlpack(x)
    doubled(x)
    assert np.array_equal(array, drawn(3))

    array = aligned_empty(SHAPE, eerie.float32)
    array[:] = drawn(3)
    for make in (lambda a: eerie.asarray(a, copy=False), eerie.from_dlpack, lambda a: a):
        assert np.array_equal(doubled(make(array)).numpy(), 2 * drawn(3))
        assert np.array_equal(array, drawn(3))


def test_other_arrays_on_the_same_memory_keep_it() -> None:
    x = eerie.asarray(drawn(4))
    same = eerie.jit(lambda x: x)(x)
    doubled(x)
    assert np.array_equal(same.numpy(), drawn(4))

    x = eerie.asarray(drawn(4))
    same, again = x * 1, copy.copy(x)
    same.buffer()
    doubled(x)
    assert np.array_equal(same.numpy(), drawn(4))
    assert np.array_equal(again.numpy(), drawn(4))

    first, second = eerie.jit(lambda x: (x + 1, x + 1))(eerie.asarray(drawn(4)))
    doubled(first)
    assert np.array_equal(second.numpy(), drawn(4) + 1)

    first, second = eerie.zeros(SHAPE), eerie.zeros(SHAPE)
    first.buffer(), second.buffer()
    assert not doubled(first + 0).numpy().any()
    assert not np.any(eerie.jit(donate_argnums=0)(lambda x: x + 1)(first).numpy() != 1)
    assert not second.numpy().any()


def test_an_array_that_is_passed_twice_or_captured_too() -> None:
    both = eerie.jit(donate_argnums=(0, 1))(lambda x, y: (x + y, x - 2 * y))
    x = eerie.asarray(drawn(5))
    total, difference = both(x, x)
    assert np.array_equal(total.numpy(), 2 * drawn(5))
    assert np.array_equal(difference.numpy(), -drawn(5))

    x = eerie.asarray(drawn(5))
    first = eerie.jit(donate_argnums=0)(lambda a, b: (a + 1, b * a))
    added, product = first(x, x)
    assert np.array_equal(added.numpy(), drawn(5) + 1)
    assert np.array_equal(product.numpy(), drawn(5) ** 2)

    x = eerie.asarray(drawn(5))
    captured = eerie.jit(donate_argnums=0)(lambda a: (a + 1, x * a))
    added, product = captured(x)
    assert np.array_equal(added.numpy(), drawn(5) + 1)
    assert np.array_equal(product.numpy(), drawn(5) ** 2)


def test_a_nan_is_traced_back_to_a_donated_argument() -> None:
    with config(check_nans=True), pytest.raises(NaNError, match=r"log of .* makes NaN of -1"):
        eerie.jit(donate_argnums=0)(lambda x: eerie.log(x) + x)(eerie.full(SHAPE, -1.0))


def test_a_donated_array_is_gone() -> None:
    x = eerie.asarray(drawn(6))
    later = x - 1
    doubled(x)
    for gone in (x, later):
        with pytest.raises(DonatedError):
            gone.numpy()
