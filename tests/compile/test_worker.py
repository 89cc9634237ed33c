from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from eerie_dsl.compile import service, worker
from eerie_dsl.compile.driver import Compiled

from .graphs import small


class Refusing:
    """A driver that refuses what it is given first."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.modules: list[bytes] = []
        self.flags: list[tuple[str, ...]] = []
        self.trusting: set[bool] = set()

    def compile(
        self, module: bytes, flags: Sequence[str], on_phase: Callable[[str], None], *, trusting: bool
    ) -> Compiled:
        self.modules.append(module)
        self.trusting.add(trusting)
        self.flags.append(tuple(flags))
        code = None if len(self.modules) <= self.refusals else b"code"
        return Compiled(code, (), (), "vectorising kernels", "", 0.0)


def answer(driver: Any) -> tuple[Any, ...]:
    reading, writing = os.pipe()
    try:
        graph = small()
        return worker._answer(driver, ("graph", graph.encode(), service.plain(graph.sources), (), ()), writing)
    finally:
        os.close(reading)
        os.close(writing)


def test_what_is_refused_in_one_piece_is_tried_with_less_fusion() -> None:
    driver = Refusing(1)
    done = answer(driver)
    assert done[0] == "done"
    assert done[4] == "operations with one user fused"
    assert driver.modules[0] == driver.modules[1]
    assert len(driver.flags[1]) == len(driver.flags[0]) + 1
    assert driver.trusting == {True}


def test_then_with_one_kernel_for_each_operation() -> None:
    driver = Refusing(2)
    done = answer(driver)
    assert done[0] == "done"
    assert done[4] == "one kernel for each operation"
    assert driver.modules[0] != driver.modules[2]
    assert driver.flags[0] == driver.flags[2]


def test_what_is_refused_in_pieces_too_is_refused() -> None:
    driver = Refusing(3)
    assert answer(driver)[:2] == ("refused", "vectorising kernels")
    assert len(driver.modules) == 3
