"""One signature of a jitted function: its trace, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eerie_dsl.api.array import Array
from eerie_dsl.api.buckets import filled
from eerie_dsl.api.calls import buffer_of, node_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.guards import Guards
from eerie_dsl.api.loaded import Loaded, load
from eerie_dsl.api.nans import Checked
from eerie_dsl.api.tracing import Leaf, Trace
from eerie_dsl.config import config
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.size import Extent

if TYPE_CHECKING:
    from eerie_dsl.api.tuning import FirstCalls


class Entry:
    """A traced signature.

    Args:
        traced: the trace.
        guards: what the function read from outside.
        donated: argument leaves whose memory the program may use again.
        fast: the types by which a plain call finds the entry, None where there is none.
        program: the entry whose program this one runs: one for any size, or one for more rows. None for one of its own.
    """

    __slots__ = (
        "arrays",
        "avals",
        "captured",
        "closed",
        "donated",
        "fast",
        "guards",
        "loaded",
        "names",
        "outside",
        "program",
        "run",
        "settings",
        "shared",
        "single",
        "trace",
    )

    loaded: Loaded
    run: Any
    shared: list[bool]
    outside: list[tuple[Any, Aval, bool]]

    def __init__(
        self,
        traced: Trace,
        guards: Guards,
        donated: tuple[int, ...],
        fast: tuple[Aval | type, ...] | None,
        program: Entry | None = None,
    ) -> None:
        self.trace = traced
        self.guards = guards
        self.fast = fast
        self.program = program
        self.avals = traced.graph.in_avals
        self.donated = donated
        self.captured = traced.captured
        captured_avals = self.avals[len(self.avals) - len(self.captured) :]
        self.arrays = [(c, a) for c, a in zip(self.captured, captured_avals, strict=True) if not isinstance(c, Node)]
        self.settings = config.snapshot()
        self.names: Sequence[str] = ()
        self.single: Aval | None = traced.graph.outputs[0].aval if traced.structure is None else None
        self.closed = guards.empty and not self.captured

    def at(self, values: Mapping[str, Extent], fast: tuple[Aval | type, ...] | None, program: Entry | None) -> Entry:
        """The entry for sizes of this one's dimensions, computed by that of ``program``."""
        traced = self.trace._replace(graph=self.trace.graph.at(values))
        return Entry(traced, self.guards, self.donated, fast, program)

    @property
    def ready(self) -> bool:
        """Whether the program is there. What is part of other programs only has none of its own."""
        return hasattr(self, "loaded")

    def load(self, name: str) -> None:
        """Compile the trace, or find its program."""
        program = None if config.evaluation == "reference" else self.program
        if program is None:
            # What made a NaN is found by computing it again.
            donated = () if config.check_nans else self.donated
            loaded = load(self.trace.graph, name=name, mode=config.evaluation, donated=donated)
        else:
            if not program.ready:
                program.load(name)
            loaded = program.loaded
        self.run = loaded.run
        if program is not None and not program.trace.graph.dims:
            self.run = filled(loaded.run, program.trace.graph, self.trace.graph)
        if config.check_nans:
            self.run = Checked(self.trace.graph, self.run, name, self.names)
        self.shared = [i in loaded.shared for i in range(len(self.avals))]
        first = len(self.avals) - len(self.captured)
        self.outside = list(zip(self.captured, self.avals[first:], self.shared[first:], strict=True))
        self.loaded = loaded

    def valid(self) -> bool:
        """Whether everything that the function saw is as it was."""
        if not self.guards.hold():
            return False
        for array, aval in self.arrays:
            now = array._aval if type(array) is Array else Aval(array.shape, dtype(array.dtype))
            if now is not aval:
                return False
        return True

    def inlined(self, leaves: Sequence[Any]) -> Any:
        """The results of a call inside another traced function, recorded there."""
        captured = [c if isinstance(c, Node) else lift(c) for c in self.captured]
        outputs = self.trace.graph.inline([*map(node_of, leaves, self.trace.graph.inputs), *captured])
        return self.trace.build([Array.of(n) for n in outputs])

    def hidden(self) -> list[Any]:
        """Buffers of what was captured, as it is now."""
        return [buffer_of(*o) for o in self.outside]


def first_calls() -> FirstCalls:
    """What tunes a function; it is imported when it is needed."""
    from eerie_dsl.api.tuning import FirstCalls

    return FirstCalls()


def changing(stale: Entry | None, types: Sequence[Leaf], others: Sequence[Any], path: Callable[[int], str]) -> str:
    """What makes a function be traced again and again, for messages.

    Args:
        stale: the entry for these types that does not hold any more.
        types: of the arguments' leaves.
        others: the types that it was traced for before.
        path: the name of a leaf.
    """
    changed = stale.guards.changed() if stale is not None else None
    if changed is not None:
        return f"{changed}, which it reads from outside, keeps changing: pass it as an argument"
    moving = [
        f"{path(i)} ({t.aval})" for i, t in enumerate(types) if any(len(o) == len(types) and o[i] != t for o in others)
    ]
    what = ", ".join(moving) or "its arguments"
    return f"the type of {what} keeps changing: keep shapes and dtypes the same, or declare dims"
