"""The lines of the table of cases for random numbers, the normal distribution and rejection sampling."""

from __future__ import annotations

from collections.abc import Iterator

from eerie_dsl.ir.dtypes import FLOATS, float32, float64, uint32, uint64
from eerie_dsl.ops import normal, random, rejection
from tests.support.case import EMPTY, SHAPE, Case, Operand, elementwise

KEY = Operand((2,), uint32, data=(0x13198A2E, 0x03707344))
KEYS = Operand((3, 2), uint32, data=(0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 7, 9))
SPANS = (1, 2, 3, 10, 1 << 16, (1 << 32) - 1, 1 << 32)
# Modulo 2**64: 5 and 1 below 2**64, and 2**63 + 5.
WIDE_SPANS = (*SPANS, (1 << 32) + 1, -5, -1, 5 - (1 << 63), 0)
FORMULA = "the expansions of mathematical functions are not rounded correctly"


def random_cases() -> Iterator[Case]:
    """All of them."""
    r = random
    shapes: tuple[tuple[int, ...], ...] = (SHAPE, EMPTY, (), (2, 1, 5))
    for shape in shapes:
        for bits in (32, 64):
            given = {"shape": shape, "stream": 3, "bits": bits}
            yield Case(r.random_bits, (KEY,), given, (uint32,), tag=f"{bits} {shape}")
    yield Case(r.random_bits, (KEYS,), {"shape": (2, 5), "stream": 0, "bits": 32}, (uint32,), tag="keys")
    for key in (KEY, KEYS):
        yield Case(r.random_uniform, (key,), lambda d: {"shape": SHAPE, "stream": 1, "dtype": d}, FLOATS)
        tails = (float32, float64)
        yield Case(r.random_tail, (key,), lambda d: {"shape": SHAPE, "stream": 2, "dtype": d}, tails)
    for spans, wide in ((SPANS, False), (WIDE_SPANS, True)):
        operands = (KEY, Operand((len(spans),), uint64, data=spans))
        params = {"shape": (len(spans),), "stream": 0, "wide": wide}
        yield Case(r.random_integers, operands, params, (uint64,), tag=f"wide {wide}")
    single: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((3,), (0, 1, -1)), ((), (5,)))
    for places, data in single:
        yield Case(r.random_keys, (KEY, Operand(places, uint64, data=data)), {"stream": random.FOLD}, (uint64,))
    several = Operand((3, 2), uint64, data=tuple(range(6)))
    yield Case(r.random_keys, (KEYS, several), {"stream": random.SPLIT}, (uint64,), tag="keys")
    yield from elementwise(normal.normal_quantile, low=0.02, high=0.48, ulps=4, why=FORMULA)
    yield from elementwise(normal.normal_quantile, low=-1e-9, high=1e-9, ulps=4, why=FORMULA, smooth=False)
    yield from elementwise(normal.normal_tail, ulps=4, why=FORMULA)
    yield from elementwise(normal.normal_tail, low=5, high=12, dtypes=(float32, float64), ulps=6, why=FORMULA)
    chances = (Operand(SHAPE, low=0.001, high=0.999), Operand(SHAPE, low=0.01, high=0.5))
    odds = (Operand(SHAPE, low=0.1, high=4), Operand(SHAPE, low=0, high=0.1))
    yield Case(rejection.count_quantile, (*chances, *odds), dtypes=(float32, float64))
    j = rejection
    one = {"shape": SHAPE, "stream": 0}
    both = (float32, float64)
    yield Case(j.random_gamma, (KEY, Operand(SHAPE, low=0, high=9)), one, both, ulps=64, why=FORMULA)
    yield Case(j.random_poisson, (KEY, Operand(SHAPE, low=10, high=90)), one, both)
    trials = (KEY, Operand(SHAPE, low=100, high=900), Operand(SHAPE, low=0.1, high=0.5))
    yield Case(j.random_binomial, trials, one, both)
    three = {"shape": (4,), "stream": 5}
    yield Case(j.random_poisson, (KEYS, Operand((3, 4), low=10, high=90)), three, (float32,), tag="keys")
