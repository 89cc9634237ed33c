"""The stages of a jitted function in the open: traced, lowered, compiled; each can be printed."""

from __future__ import annotations

from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.calls import buffer_of
from eerie_dsl.api.explain import Report
from eerie_dsl.api.loaded import Loaded
from eerie_dsl.api.tracing import Trace, flatten, leaf_type, unflatten
from eerie_dsl.compile import Target, get_target, lower_graph
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.passes import simplify
from eerie_dsl.ir.printer import text


class Traced:
    """A function's graph as it was recorded.

    Attributes:
        graph: the recorded graph; captured arrays are its last inputs.
        trace: the graph with what it captured and how its results are put together.
        structure: how its arguments are put together.
        name: the function's name.
    """

    def __init__(self, trace: Trace, structure: Any, name: str) -> None:
        self.trace = trace
        self.structure = structure
        self.name = name
        self.graph: Graph = trace.graph

    def lower(self, target: str | Target | None = None) -> Lowered:
        """The graph after all passes, for a target (default: the one that is set)."""
        return Lowered(self, get_target(config.target if target is None else target))

    def compile(self, target: str | Target | None = None) -> Compiled:
        """`lower`, then compile."""
        return self.lower(target).compile()

    def __str__(self) -> str:
        return text(self.graph, self.name)

    __repr__ = __str__


class Lowered:
    """A graph ready for the compiler.

    Attributes:
        graph: the graph after all passes.
        target: what it will be compiled for.
    """

    def __init__(self, traced: Traced, target: Target) -> None:
        self.graph = simplify(traced.graph)
        self.target = target
        self._traced = traced

    @property
    def mlir(self) -> str:
        """The MLIR module that the compiler is given, as text."""
        return lower_graph(self.graph, self.target, name=self._traced.name)

    def compile(self) -> Compiled:
        """Compile it, or take it from the cache."""
        return Compiled(Loaded(self.graph, self.target, self._traced.name, "compiled"), self._traced)

    def __str__(self) -> str:
        return text(self.graph, self._traced.name)

    __repr__ = __str__


class Compiled:
    """A compiled program, to be called like the function, without its static arguments.

    It stays as it was traced: arrays that the function captures are read anew, names that are bound to something
    else are not seen, and no argument is donated.

    Attributes:
        program: the machine code and what the compiler told about its kernels.
    """

    def __init__(self, loaded: Loaded, traced: Traced) -> None:
        self._loaded = loaded
        self._traced = traced
        self.program: Any = loaded.program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's results for arguments of the types that it was traced for.

        Raises:
            ArgumentError: an argument, or an array that the function captures, is of another type.
            TracerError: it is called within a traced function; call the jitted function there.

        >>> import eerie_dsl as eerie
        >>> f = eerie.jit(lambda x: x * 2).trace(eerie.ones(2)).compile()
        >>> f(eerie.ones(2))
        Array([2., 2.], dtype=float32, device=cpu)
        """
        name, trace = self._traced.name, self._traced.trace
        leaves, structure = flatten(args, kwargs)
        if structure != self._traced.structure:
            expected, found = _tree(self._traced.structure), _tree(structure)
            if expected != found:
                raise ArgumentError(f"arguments of {name} are put together as {found}; it was compiled for {expected}")
        views = []
        for i, (leaf, node) in enumerate(zip([*leaves, *trace.captured], trace.graph.inputs, strict=True)):
            what = f"argument leaf {i}" if i < len(leaves) else "a captured array"
            aval = leaf.aval if isinstance(leaf, Node) else leaf_type(leaf, lambda what=what: f"{what} of {name}").aval  # type: ignore[misc]
            if aval is not node.aval:
                raise ArgumentError(
                    f"{what} of {name} is {aval}; it was compiled for {node.aval}",
                    hint="call the jitted function, which compiles for every type that it meets",
                )
            views.append(buffer_of(leaf, aval, i in self._loaded.shared))
        return trace.wrap(self._loaded.run(views))

    def explain(self) -> Report:
        """The kernels that it consists of."""
        return Report(self._loaded, self._traced.name)

    def __str__(self) -> str:
        return str(self.explain())

    __repr__ = __str__


def _tree(structure: Any) -> Any:
    """What `flatten` gave, where a plain call and the same one with the tree library give the same."""
    return tree.flatten(unflatten(structure, range(structure)))[1] if isinstance(structure, int) else structure
