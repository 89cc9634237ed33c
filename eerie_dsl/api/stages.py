"""The stages of a jitted function in the open: traced, lowered, compiled; each can be printed."""

from __future__ import annotations

from typing import Any

from eerie_dsl.api.explain import Report
from eerie_dsl.api.loaded import Loaded
from eerie_dsl.api.tracing import Trace
from eerie_dsl.compile import Target, get_target, lower_graph
from eerie_dsl.config import config
from eerie_dsl.ir.graph import Graph
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ir.printer import text


class Traced:
    """A function's graph as it was recorded.

    Attributes:
        graph: the recorded graph; captured arrays are its last inputs.
    """

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name
        self.graph: Graph = trace.graph

    def lower(self, target: str | Target | None = None) -> Lowered:
        """The graph after all passes, for a target (default: the one that is set)."""
        return Lowered(simplify(self.graph), get_target(config.target if target is None else target), self._name)

    def compile(self, target: str | Target | None = None) -> Compiled:
        """`lower`, then compile."""
        return self.lower(target).compile()

    def __str__(self) -> str:
        return text(self.graph, self._name)

    __repr__ = __str__


class Lowered:
    """A graph ready for the compiler.

    Attributes:
        graph: the graph after all passes.
        target: what it will be compiled for.
    """

    def __init__(self, graph: Graph, target: Target, name: str) -> None:
        self.graph = graph
        self.target = target
        self._name = name

    @property
    def mlir(self) -> str:
        """The MLIR module that the compiler is given, as text."""
        return lower_graph(self.graph, self.target, name=self._name)

    def compile(self) -> Compiled:
        """Compile it, or take it from the cache."""
        return Compiled(Loaded(self.graph, self.target, self._name, "compiled"), self._name)

    def __str__(self) -> str:
        return text(self.graph, self._name)

    __repr__ = __str__


class Compiled:
    """A compiled program.

    Attributes:
        program: the machine code and what the compiler told about its kernels.
    """

    def __init__(self, loaded: Loaded, name: str) -> None:
        self._loaded = loaded
        self._name = name
        self.program: Any = loaded.program

    def explain(self) -> Report:
        """The kernels that it consists of."""
        return Report(self._loaded, self._name)

    def __str__(self) -> str:
        return str(self.explain())

    __repr__ = __str__
