"""What tuning asks of the compiler: which kernels can be tiled, and what a program is with given tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eerie_dsl.compile.candidates import Choices, Tunable
from eerie_dsl.compile.program import Program
from eerie_dsl.compile.service import run_graph
from eerie_dsl.compile.target import Target

if TYPE_CHECKING:
    from eerie_dsl.ir import Graph


def kernels_of(graph: Graph, target: Target, *, name: str) -> list[Tunable]:
    """The kernels of a program whose tiles can be chosen, with those that the rules give them.

    Raises:
        CompileError: the graph cannot be lowered.
    """
    return [Tunable(*row) for row in run_graph("kernels", graph, target, name)]


def compile_chosen(graph: Graph, target: Target, choices: Choices, *, name: str) -> Program:
    """Compile a graph with these tiles and no others, past the cache and without a second try.

    Raises:
        CompileError: the compiler refused, crashed, or ran out of time.
    """
    program: Program = run_graph("graph", graph, target, name, choices)
    return program
