"""Measured tiles: by what a kernel is found, and what takes the place of the rules."""

from __future__ import annotations

import pytest

from eerie_dsl.compile.candidates import Tunable, neighbours, seeds
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, float32, float64
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.lowering import build, tunable
from eerie_dsl.lowering.schedule import Tiles
from eerie_dsl.lowering.tuned import LARGEST, TunableKernel, fits
from eerie_dsl.ops.arithmetic import multiply
from eerie_dsl.ops.einsum import matmul
from eerie_dsl.ops.exponential import exp
from eerie_dsl.ops.fused import fused
from eerie_dsl.ops.reduction import reduce_sum
from tests.support.recording import record

COLUMNS = ((64, 0), (32, 0), (0, 4))


def column_sum(rows: int = 48, columns: int = 128, dtype: DType = float32) -> Graph:
    return record(lambda x: reduce_sum(x, axes=(0,)), Aval((rows, columns), dtype))


def product() -> Graph:
    return record(matmul, Aval((128, 64), float32), Aval((64, 128), float32))


def kernels(graph: Graph, **options: object) -> list[TunableKernel]:
    return tunable(build(graph, **options))  # type: ignore[arg-type]


def key_of(graph: Graph) -> str:
    (kernel,) = kernels(graph)
    return kernel.key


def test_a_kernel_is_told_by_loops_types_arithmetic_and_neighbours() -> None:
    assert key_of(column_sum()) == key_of(column_sum())
    others = {
        key_of(g)
        for g in (
            column_sum(),
            column_sum(rows=49),
            column_sum(dtype=float64),
            record(lambda x: reduce_sum(x, axes=(1,)), Aval((48, 8), float32)),
            record(lambda x: reduce_sum(exp(x), axes=(0,)), Aval((48, 128), float32)),
        )
    }
    assert len(others) == 5
    followed = record(lambda x: exp(reduce_sum(x, axes=(0,))), Aval((48, 128), float32))
    assert key_of(column_sum()) not in [k.key for k in kernels(followed)]


def test_the_same_kernel_in_another_program_is_found_and_equal_ones_are_counted() -> None:
    both = record(lambda x, y: [reduce_sum(x, axes=(0,)), reduce_sum(y, axes=(0,))], *[Aval((48, 128), float32)] * 2)
    (kernel,) = kernels(both)
    assert (kernel.key, kernel.times) == (key_of(column_sum()), 2)


def test_loops_are_told_in_the_order_of_the_compiler() -> None:
    (kernel,) = kernels(column_sum())
    assert (kernel.sizes, kernel.kinds, kernel.inner, kernel.nodes) == ((128, 48), "pr", (0,), (0,))


def test_what_the_rules_gave_is_read_back() -> None:
    (kernel,) = kernels(product())
    assert kernel.tiles == Tiles((64, 64, 0), (8, 32, 0), (0, 0, 1))
    assert kernels(product(), tiled=False)[0].tiles is None


def test_a_choice_takes_the_place_of_a_rule() -> None:
    key = key_of(product())
    chosen = ((32, 128, 0), (4, 64, 0), (0, 0, 2))
    assert kernels(product(), choices={key: chosen})[0].tiles == Tiles(*chosen)
    assert kernels(product(), choices={key: None})[0].tiles is None
    assert kernels(product(), choices={key_of(column_sum()): COLUMNS})[0].tiles == kernels(product())[0].tiles


def test_a_kernel_without_a_rule_gets_its_choice_and_no_other_does() -> None:
    both = record(lambda x: [reduce_sum(x, axes=(0,)), reduce_sum(multiply(x, x), axes=(0,))], Aval((48, 128), float32))
    first, second = kernels(both)
    found = kernels(both, choices={second.key: COLUMNS})
    assert [k.tiles for k in found] == [None, Tiles(*COLUMNS)]
    assert [k.key for k in found] == [first.key, second.key]


@pytest.mark.parametrize(
    "tiles",
    [
        ((64,), (32,), (0,)),
        ((64, 0), (0, 0), (0, 4)),
        ((64, 0), (48, 0), (0, 4)),
        ((0, 0), (256, 0), (0, 4)),
        ((64, 0), (32, 0), (0, 5)),
        ((64, 48), (32, 0), (0, 4)),
        ((-64, 0), (32, 0), (0, 4)),
        ((64, 0), (32, 0)),
    ],
)
def test_tiles_that_do_not_fit_are_passed_over(tiles: tuple[tuple[int, ...], ...]) -> None:
    assert kernels(column_sum(), choices={key_of(column_sum()): tiles})[0].tiles is None


def test_huge_vectors_are_passed_over() -> None:
    sizes = (1 << 10, 1 << 5)
    assert LARGEST == 1 << 12
    assert fits(sizes, "pr", Tiles((0, 0), (1 << 10, 0), (0, 1 << 2)))
    assert not fits(sizes, "pr", Tiles((0, 0), (1 << 10, 0), (0, 1 << 3)))


def test_kernels_whose_bounds_the_user_sets_are_left_alone() -> None:
    inner = column_sum()

    def function(x: Node) -> Node:
        return fused(x, graph=inner)

    assert kernels(record(function, *inner.in_avals)) == []


def test_operations_apart_are_not_tiled() -> None:
    found = kernels(column_sum(), choices={key_of(column_sum()): COLUMNS}, apart=True)
    assert [k.tiles for k in found if "r" in k.kinds] == [None]


@pytest.mark.parametrize("sizes", [(4096, 4096), (1000, 37), (7, 1), (512, 1024)])
@pytest.mark.parametrize("kinds", ["pr", "pp"])
@pytest.mark.parametrize("inner", [(0,), (1,), (1, 0)])
def test_what_is_tried_fits(sizes: tuple[int, int], kinds: str, inner: tuple[int, ...]) -> None:
    kernel = Tunable("k", sizes, kinds, inner, 32, None, (), 1)
    tried = [c for c in seeds(kernel) if c is not None]
    assert tried
    for tiles in [*tried, *(n for c in tried for n in neighbours(kernel, c))]:
        assert fits(sizes, kinds, Tiles(*tiles)), tiles


def test_the_compilers_choice_is_tried_where_a_rule_made_another() -> None:
    rule = ((64, 64, 0), (8, 32, 0), (0, 0, 1))
    kernel = Tunable("k", (128, 128, 64), "ppr", (1, 2), 32, rule, (), 1)
    assert None in seeds(kernel)
    assert None not in seeds(kernel._replace(tiles=None))
    near = list(neighbours(kernel, rule))
    assert rule not in near
    assert ((64, 64, 0), (16, 32, 0), (0, 0, 1)) in near
    assert ((64, 64, 0), (8, 32, 0), (0, 0, 2)) in near
    assert list(neighbours(kernel, None)) == []
