"""A graph made ready to run: simplified, compiled or interpreted, loaded."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any
from weakref import ref

import numpy as np

from eerie_dsl.compile import CacheStatus, Program, Target, compile_graph, get_target, stored_program
from eerie_dsl.compile.schedules import generation
from eerie_dsl.config import config
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.passes import simplify
from eerie_dsl.runtime import Adaptive, Direct, Executable, Unsuitable, from_numpy, lend, to_numpy
from eerie_dsl.runtime.profile import tell, watchers

Compiler = Callable[..., tuple[Program, CacheStatus]]

_KEPT = 1024
"""Loaded programs that are kept at hand, by structure."""

_POOLED_NS = 15_000
"""Estimated work from which worker threads may pay for their wake-up."""

_BRIEF_NS = 5_000
"""Estimated work during which other Python threads wait, since to let them in takes as long."""

_STEPS = 16
"""How much more work a step of a loop needs for that: threads wake up for each of its kernels, and its operands stay in
the cache. An LSTM of 256 units takes 30 us a step without them, 52 with."""

_recent: OrderedDict[tuple[bytes, str, str, int], Loaded] = OrderedDict()
_lock = threading.Lock()


class Loaded:
    """A graph that can be called on buffers.

    Attributes:
        graph: the graph after passes; its nodes are what kernels name.
        name: the function's, for messages.
        mode: how it is computed, ``compiled`` or ``reference``.
        program: the compiled program; None when nothing has to be computed or when the reference interprets.
        status: where the program came from.
        target: what it was compiled for.
        shared: inputs that are results too.
        donated: inputs that the program may write to.
    """

    __slots__ = (
        "__weakref__",
        "_adaptive",
        "_results",
        "_run",
        "donated",
        "graph",
        "mode",
        "name",
        "program",
        "run",
        "shared",
        "status",
        "target",
    )

    def __init__(
        self,
        graph: Graph,
        target: Target,
        name: str,
        mode: str,
        compiler: Compiler = compile_graph,
        donated: Sequence[int] = (),
    ) -> None:
        self.graph = graph = simplify(graph)
        self.name = name
        self.target = target
        self.mode = mode
        self.program: Program | None = None
        self.status: CacheStatus | None = None
        self.shared = frozenset(i for i, n in enumerate(graph.inputs) if n in graph.outputs)
        self._adaptive: Adaptive | None = None
        computed: list[Node] = []
        place = {id(n): ~i for i, n in enumerate(graph.inputs)}
        for node in graph.outputs:
            if id(node) not in place:
                place[id(node)] = len(computed)
                computed.append(node)
        self._results = tuple(place[id(n)] for n in graph.outputs)
        self._run: Any = None
        in_place = mode == "compiled" and target.backend == "llvm-cpu"
        self.donated = tuple(i for i in donated if in_place and i not in self.shared)
        core = Graph(graph.inputs, graph.nodes, computed, self.donated)
        if not computed:
            self._run = lambda views: []
        elif mode == "reference":
            self._run = _Interpreted(core)
        else:
            self.program, self.status = compiler(core, target, name=name)
            in_kernels = any(k.name.startswith("loop") for k in self.program.kernels)
            executable = Executable(self.program.vmfb, label=ref(self))
            work = _work(graph.typical, in_kernels)
            alone = _direct(self.program, executable, core, work) or executable
            if work > _POOLED_NS and (os.cpu_count() or 1) > 1:
                self._adaptive = Adaptive(alone, alone.on_workers())
            self._run = (self._adaptive or alone).__call__  # without the detour over its type
        if self._results == tuple(range(len(computed))):
            self._results = ()
        self.run: Callable[[Sequence[Any]], list[Any]] = self if self._results else self._run

    @property
    def pooled(self) -> bool:
        """Whether calls run on worker threads now."""
        return self._adaptive is not None and self._adaptive.pooled

    def __call__(self, views: Sequence[Any]) -> list[Any]:
        """The results' buffers for one buffer per input."""
        computed = self._run(views)
        if not self._results:
            return computed  # type: ignore[no-any-return]
        # Some of them are one buffer, which nobody may write to.
        return [lend(computed[r] if r >= 0 else views[~r]) for r in self._results]


def _direct(program: Program, executable: Executable, graph: Graph, work: float) -> Direct | None:
    """The program as a list of kernels, where it is one that this machine can call."""
    if program.straight is None:
        return None
    start, count, dispatches, scratch, places = program.straight
    try:
        return Direct(
            executable,
            program.vmfb[start : start + count],
            dispatches,
            scratch,
            places,
            inputs=graph.in_avals,
            results=graph.out_avals,
            brief=work <= _BRIEF_NS,
        )
    except Unsuitable:
        return None


class _Interpreted:
    """A graph run by the primitives' NumPy references."""

    __slots__ = ("graph",)

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, views: Sequence[Any]) -> list[Any]:
        start = perf_counter() if watchers else 0.0
        arrays = [to_numpy(v, a) for v, a in zip(views, self.graph.in_avals, strict=True)]
        results = self.graph.evaluate(arrays)
        if start:
            tell(self.graph, views, start)
        avals = self.graph.out_avals
        return [from_numpy(np.asarray(r), a.dtype, copy=True) for r, a in zip(results, avals, strict=True)]


def load(graph: Graph, *, name: str, mode: str, donated: Sequence[int] = ()) -> Loaded:
    """The graph, loaded for the target that is set; the same structure only once.

    Its nodes are kept: they must hold no buffers, and nobody may change them.

    Args:
        graph: what to run.
        name: the function's, for messages.
        mode: ``"reference"`` for the interpreter; everything else compiles.
        donated: inputs whose memory the results may take.

    Raises:
        CompileError: the compiler refused, crashed, or ran out of time.
    """
    mode = mode if mode == "reference" else "compiled"
    graph = Graph(graph.inputs, graph.nodes, graph.outputs, donated) if donated else graph
    found = _remembered(graph, mode)
    return found or _remember(graph, Loaded(graph, get_target(config.target), name, mode, donated=donated))


def find(graph: Graph, *, name: str) -> Loaded | None:
    """What `load` gives without compiling: the program is at hand or in the cache."""
    found = _remembered(graph, "compiled")
    if found is not None:
        return found
    try:
        return _remember(graph, Loaded(graph, get_target(config.target), name, "compiled", stored_program))
    except LookupError:
        return None


def _remembered(graph: Graph, mode: str) -> Loaded | None:
    key = (graph.encode(), config.target, mode, generation())
    with _lock:
        found = _recent.get(key)
        if found is not None:
            _recent.move_to_end(key)
        return found


def _remember(graph: Graph, loaded: Loaded) -> Loaded:
    with _lock:
        _recent[graph.encode(), config.target, loaded.mode, generation()] = loaded
        while len(_recent) > _KEPT:
            _recent.popitem(last=False)
    return loaded


def heavy(graph: Graph) -> bool:
    """Whether worker threads may pay for their wake-up. Those of a loop do so at each step."""
    return _work(graph.typical) > _POOLED_NS


def _work(graph: Graph, whole: bool = False) -> float:
    """A rough estimate of the work that threads could share at a time, in nanoseconds at 16 flops or 8 bytes each.

    Of a loop that is a step, unless the ``whole`` is a kernel.
    """
    bodies = [g for n in graph.nodes if n.op and n.op.sequential for g in n.params.values() if isinstance(g, Graph)]
    if bodies and not whole:
        return max(map(_work, bodies)) / _STEPS
    flops = graph.flops
    moved: int = sum(n.aval.nbytes for n in (*graph.inputs, *graph.outputs))
    return flops / 16 + moved / 8
