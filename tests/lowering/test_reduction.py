"""Reductions in stages: where they are given, that their tiles fit, and what they give."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import float32
from eerie_dsl.ir.graph import Node
from eerie_dsl.lowering import build
from eerie_dsl.lowering.reduction import stages
from eerie_dsl.ops.arithmetic import multiply, subtract
from eerie_dsl.ops.reduction import reduce_max, reduce_sum
from eerie_dsl.ops.shape import broadcast
from tests.support.recording import Function, record

SIZES = (1, 3, 8, 10, 64, 100, 128, 784, 1000, 1024, 8192)


@pytest.mark.parametrize("reduced", [(True,), (False, True), (True, False), (False, True, False)])
@pytest.mark.parametrize("bits", [8, 32, 64])
def test_stages_hold_every_element_and_tiles_divide_them(reduced: tuple[bool, ...], bits: int) -> None:
    given = 0
    for sizes in product(SIZES, repeat=len(reduced)):
        for stage in stages(sizes, reduced, bits):
            given += 1
            first = 0
            new: list[int] = []
            for runs, parts in stage.groups:
                assert prod(parts) == prod(sizes[first : first + runs])
                first += runs
                new.extend(parts)
            assert first == len(sizes)
            loops = [n for a, n in enumerate(new) if a not in stage.sums] + [new[a] for a in stage.sums]
            kept = len(loops) - len(stage.sums)
            for k, (size, span, step, depth) in enumerate(zip(loops, *stage.tiles, strict=True)):
                if k < kept:
                    assert size % span == 0, (sizes, stage)
                    assert span % step == 0, (sizes, stage)
                    assert depth == 0, (sizes, stage)
                else:
                    assert span == step == 0, (sizes, stage)
                    assert size % depth == 0, (sizes, stage)
            result = prod([n for n, r in zip(sizes, reduced, strict=True) if not r])
            if stage.parts is None:
                assert prod(loops[:kept]) == result
            else:
                shape, axis = stage.parts
                assert prod(shape) == prod(loops[:kept])
                assert prod(shape) == result * shape[axis]
    assert given


def _columns(x: Node) -> Node:
    return reduce_sum(x, axes=(0,))


def _deviations(x: Node) -> Node:
    apart = subtract(x, broadcast(reduce_sum(x, axes=(0,)), shape=x.shape, axes=(1,)))
    return reduce_sum(multiply(apart, apart), axes=(0,))


@pytest.mark.parametrize(
    ("function", "shape", "count"),
    [
        (_columns, (4096, 1024), 1),
        (_columns, (64, 64), 0),
        (_columns, (4096, 10), 1),
        (_deviations, (4096, 1024), 2),
        (lambda x: reduce_sum(x, axes=(0, 1)), (1024, 1024), 1),
        (lambda x: reduce_max(x, axes=(1,)), (4, 1 << 18), 1),
        (lambda x: reduce_sum(x, axes=(1,)), (1024, 1024), 0),
        (lambda x: reduce_sum(x, axes=(1,)), (64, 256, 256), 1),
        (lambda x: reduce_sum(x, axes=(0, 1, 2)), (8, 64, 64, 128), 1),
    ],
)
def test_large_reductions_carry_tiles_for_cpus_only(function: Function, shape: tuple[int, ...], count: int) -> None:
    graph = record(function, Aval(shape, float32))
    assert str(build(graph)).count("attrs =  {compilation_info") == count
    assert "lowering_config" not in str(build(graph, tiled=False))
