"""Tiles: where they are given, and that they fit."""

from __future__ import annotations

from itertools import product

import pytest

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import bfloat16, float16, float32, float64, int8, int16, int32
from eerie_dsl.ir.graph import Node
from eerie_dsl.lowering import build
from eerie_dsl.lowering.schedule import PANEL, Product, Tiles, layout, panel_tiles, recognised, tiles
from eerie_dsl.lowering.values import reassociated
from eerie_dsl.ops.einsum import matmul
from eerie_dsl.ops.fused import fused
from eerie_dsl.ops.shape import transpose
from tests.support.recording import Function, record

SIZES = (1, 3, 8, 16, 24, 31, 32, 48, 64, 96, 128, 256, 384, 1000, 1024, 4096)


def test_vector_tiles_divide_the_sizes() -> None:
    given = 0
    for m, n, k, transposed in product((0, *SIZES), SIZES, SIZES, (False, True)):
        p = Product(m, n, k, transposed)
        if m == 0 and transposed:  # each row is summed up on its own, so that any number of them may lie together
            assert tiles(p) == (None if k % 64 else Tiles((max(n // 16, 1), 0), (1, 0), (0, 64)))
            continue
        if layout(p) == "strips":
            assert n % PANEL == 0, p
            assert not transposed or k % 16 == 0, p
            continue
        if layout(p) == "panels":
            found, sizes = panel_tiles(p), [m, n // PANEL, PANEL, k]
        else:
            plain = tiles(p)
            if plain is None:
                continue
            found, sizes = plain, [m, n, k] if m else [n, k]
        given += 1
        assert len(found.distribution) == len(found.parallel) == len(found.reduction) == len(sizes), p
        for size, span, step in zip(sizes, found.distribution, found.parallel, strict=True):
            assert size % (span or 1) == 0, p
            assert (span or size) % (step or 1) == 0, p
    assert given > 1000


def test_only_what_was_measured_is_recognised() -> None:
    assert recognised((5, 7), (1,), (1, 0), (0,), float32) == Product(0, 5, 7, transposed=False)
    assert recognised((4, 5, 7), (0, 2), (1, 2), (0, 1), float32) == Product(4, 5, 7, transposed=True)
    assert recognised((4, 5, 7), (0, 2), (1, 2), (0, 1), float64) is None
    assert recognised((5, 7), (1,), (0, 1), (0,), float32) == Product(0, 5, 7, transposed=True)
    assert recognised((5, 7), (1,), (0, 1), (0,), float64) is None
    batched = Product(4, 5, 7, transposed=False, batch=2)
    assert recognised((2, 4, 5, 7), (0, 1, 3), (0, 3, 2), (0, 1, 2), float32) == batched
    assert recognised((2, 4, 5, 7), (0, 3, 1), (0, 3, 2), (0, 1, 2), float32) == batched._replace(flipped=True)
    assert recognised((2, 4, 5, 7), (0, 1, 3), (0, 2, 3), (0, 1, 2), float32) == batched._replace(transposed=True)
    assert recognised((2, 4, 5, 7), (0, 3, 1), (0, 2, 3), (0, 1, 2), float32) is None
    assert recognised((4, 5, 7), (2, 0), (2, 1), (0, 1), float32) == Product(4, 5, 7, transposed=False, flipped=True)


def test_narrow_operands_are_recognised_where_making_them_wider_pays() -> None:
    loops, places = (64, 128, 256), ((0, 2), (2, 1), (0, 1))
    for dtype in (float16, bfloat16):
        assert recognised(loops, *places, float32, dtype) == Product(64, 128, 256, transposed=False, narrow=True)
        assert recognised((8, 128, 256), *places, float32, dtype) is None
    assert recognised(loops, *places, int32, int8) == Product(64, 128, 256, transposed=False, narrow=True)
    assert recognised((64, 100, 256), *places, int32, int8) is None  # which no strips fit
    assert recognised(loops, *places, int32, int16) is None  # whose products float32 rounds
    assert recognised(loops, *places, int32, int32) is None


def _linear(x: Node, w: Node) -> Node:
    return matmul(x, transpose(w, axes=(1, 0)))


@pytest.mark.parametrize(
    ("function", "shapes", "carried"),
    [
        (matmul, ((256,), (256, 256)), "distribution = [256, 0]"),
        (matmul, ((512, 256), (256,)), "vector_reduction = [0, 64]"),
        (matmul, ((1, 1, 256), (256, 256)), "distribution = [256, 0]"),
        (matmul, ((4, 2, 8, 40), (40, 96)), "distribution = [64, 32, 0]"),
        (_linear, ((1, 16, 384), (384, 384)), "distribution = [16, 64, 0]"),
        (_linear, ((2, 128, 384), (384, 384)), "vector_common_parallel = [8, 32, 0]"),
        (_linear, ((2048, 1024), (1024, 1024)), "vector_common_parallel = [8, 1, 32, 0]"),
    ],
)
def test_products_carry_tiles_for_cpus_only(
    function: Function, shapes: tuple[tuple[int, ...], ...], carried: str
) -> None:
    graph = record(function, *(Aval(s, float32) for s in shapes))
    assert carried in str(build(graph))
    assert "lowering_config" not in str(build(graph, tiled=False))
    assert "flow.dispatch.region" not in str(build(graph, tiled=False))


def test_regions_are_tiled_by_the_compiler() -> None:
    inner = record(_linear, Aval((512, 1024), float32), Aval((1024, 1024), float32))
    graph = record(lambda x, w: fused(x, w, graph=inner), *inner.in_avals)
    text = str(build(graph))
    assert "lowering_config" not in text
    assert text.count("flow.dispatch.region") == 1


@pytest.mark.parametrize(
    ("old", "new", "groups"),
    [
        ((6, 4), (24,), [([0, 1], [0])]),
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((6, 4), (2, 3, 4), [([0], [0, 1]), ([1], [2])]),
        ((4, 6), (8, 3), [([0, 1], [0, 1])]),
        ((1, 6), (6, 1), [([0, 1], [0, 1])]),
        ((2, 1), (2, 1, 1), [([0], [0]), ([1], [1, 2])]),
        ((1, 1), (), []),
        ((), (1,), []),
    ],
)
def test_reshapes_keep_apart_what_stays_apart(old: tuple[int, ...], new: tuple[int, ...], groups: object) -> None:
    assert reassociated(old, new) == groups
