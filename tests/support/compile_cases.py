"""Compiles many graphs as one module and runs them: a compilation costs far more than what it compiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.compile.driver import Driver
from eerie_dsl.compile.target import get_target
from eerie_dsl.ir.graph import Graph
from eerie_dsl.lowering import lower
from eerie_dsl.runtime.buffer import from_numpy, to_numpy
from eerie_dsl.runtime.executable import Executable

Array = NDArray[Any]


@dataclass
class Outcome:
    """What running one graph gave.

    Attributes:
        outputs: its results; empty when it did not compile.
        inputs: its inputs as they were after the call.
        problem: why it did not compile, else empty.
    """

    outputs: list[Array]
    inputs: list[Array]
    problem: str = ""

    @property
    def shares_memory(self) -> bool:
        """Whether a result lies in the memory of an input."""
        return any(np.shares_memory(o, i) for o in self.outputs for i in self.inputs)


def run_compiled(graphs: Sequence[Graph], inputs: Sequence[Sequence[Array]]) -> list[Outcome]:
    """Each graph run on its inputs, all compiled together; when that fails, in halves, so that the one at fault is
    known by name."""
    if not graphs:
        return []
    whole = Graph(
        [n for g in graphs for n in g.inputs],
        [n for g in graphs for n in g.nodes],
        [n for g in graphs for n in g.outputs],
    )
    program = Driver().compile(lower(whole), get_target("host").all_flags)
    if program.vmfb is None:
        if len(graphs) == 1:
            problem = "\n".join(map(str, program.diagnostics)) or "no word from the compiler"
            return [Outcome([], list(inputs[0]), problem)]
        middle = len(graphs) // 2
        return run_compiled(graphs[:middle], inputs[:middle]) + run_compiled(graphs[middle:], inputs[middle:])
    views = [
        from_numpy(a, n.dtype, copy=True)
        for g, arrays in zip(graphs, inputs, strict=True)
        for n, a in zip(g.inputs, arrays, strict=True)
    ]
    results = iter(Executable(program.vmfb)(views))
    after = iter(views)
    return [
        Outcome(
            [to_numpy(next(results), n.aval) for n in g.outputs],
            [to_numpy(next(after), n.aval) for n in g.inputs],
        )
        for g in graphs
    ]
