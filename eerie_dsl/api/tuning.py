"""Tuning: the tiles of a program's kernels found by trying, checked against the reference and measured here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from eerie_dsl.api.bound import Bound
from eerie_dsl.api.calls import buffer_of
from eerie_dsl.api.search import Search
from eerie_dsl.api.trials import Trials
from eerie_dsl.compile import Target, get_target, make_key
from eerie_dsl.compile.candidates import Choice
from eerie_dsl.compile.progress import Progress
from eerie_dsl.compile.schedules import (
    Measured,
    Table,
    choices_for,
    decode,
    known_kernels,
    machine,
    path_of,
    site,
    table_of,
    update,
)
from eerie_dsl.compile.trials import kernels_of
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, CompileError, TracerError, TuningError, warn
from eerie_dsl.ir.graph import Graph, Node
from eerie_dsl.ir.scope import state

if TYPE_CHECKING:
    from eerie_dsl.api.entry import Entry
    from eerie_dsl.api.loaded import Loaded

SECONDS = 60.0
"""How long `tune` searches."""

FIRST_CALL_SECONDS = 20.0
"""How long the first call of each signature searches under ``jit(tune=True)``."""

_searching = threading.Lock()


@dataclass(frozen=True)
class TunedKernel:
    """A kernel that became faster.

    Attributes:
        key: what tells it from others.
        operation: what it computes from what.
        tiles: for each loop, elements per workgroup, per step, and per step of the sum; None for the compiler's choice.
        gain: how many times faster the program became by it, by the more careful estimate.
    """

    key: str
    operation: str
    tiles: Choice
    gain: float


@dataclass(frozen=True)
class Tuning:
    """What tuning a call has found; print it.

    Attributes:
        name: the function's.
        before: seconds of a call before.
        after: seconds of a call now, by what was gained in turns with the program before.
        tried: schedules that were tried.
        kernels: those that became faster.
    """

    name: str
    before: float
    after: float
    tried: int
    kernels: tuple[TunedKernel, ...]

    @property
    def gain(self) -> float:
        """How many times faster a call is."""
        return self.before / self.after if self.after else 1.0

    def __str__(self) -> str:
        head = f"{self.name}: {_time(self.before)}"
        if not self.kernels:
            return f"{head}; none of {self.tried} other schedules was faster"
        lines = [f"{head} -> {_time(self.after)}, {self.gain:.2f} times faster ({self.tried} schedules tried)"]
        for k in self.kernels:
            lines.append(f"  {k.gain:5.2f}x  {k.operation}")
            lines.append(f"         {k.key}: {_words(k.tiles)}")
        return "\n".join(lines)


def tune(function: Callable[..., Any], *, seconds: float = SECONDS) -> Callable[..., Tuning]:
    """Search faster schedules for the kernels of a function: ``eerie.tune(f)(*args)``.

    Each kernel's tiles are varied, the whole program is compiled with them, its results are compared with those of the
    program as it was and of NumPy, and its time is measured in turns with the best so far. What is clearly faster in
    two comparisons is kept on disk for this kind of machine, for all functions with such kernels, and used by
    ``function`` from its next call on.

    Args:
        function: a jitted function, or one that `jit` takes.
        seconds: how long to search; the default is a minute. Ctrl-C ends it at once and keeps nothing.

    Returns:
        A function of the same arguments that searches and gives a `Tuning`. It may be called with others later.
        Donated arguments stay the caller's.

    Raises:
        ArgumentError: ``seconds`` is no number above 0.
        TuningError: at the call, when programs for the target that is set do not run on this CPU, or the function is
            interpreted.
        TracerError: at the call, when a function is being traced.
        CompileError: at the call, when the function does not compile as it is.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ArgumentError(f"tune searches for a number of seconds above 0, got {seconds!r}")

    def search(*args: Any, **kwargs: Any) -> Tuning:
        from eerie_dsl.api.jit import Jitted, jit

        jitted: Any = function
        if isinstance(jitted, Bound):
            jitted, args = jitted.__wrapped__, (jitted.__self__, *args)
        if not isinstance(jitted, Jitted):
            jitted = jit(jitted)
        if state.scope is not None:
            raise TracerError(
                f"tune measures computations, and {state.scope.name} is being traced: there are no values yet",
                hint=f"use it where {state.scope.name} is called",
            )
        target = get_target(config.target)
        if config.evaluation == "reference" or not machine(target):
            why = "NumPy computes everything" if machine(target) else f"programs for {target} do not run on this CPU"
            raise TuningError(f"there is nothing to tune: {why}", hint='set target "host" and evaluation "auto"')
        leaves, entry = jitted._entry(args, kwargs)
        jitted._load(entry)
        return _tuned(jitted._name, entry, leaves, target, seconds)

    return search


class FirstCalls:
    """Tunes each signature of a function once: on its first call, unless that was done in another process."""

    def __init__(self) -> None:
        self._done: WeakSet[Loaded] = WeakSet()
        self._lock = threading.Lock()

    def __call__(self, name: str, entry: Entry, leaves: Sequence[Any]) -> None:
        """See that a signature is tuned, if that can be."""
        if entry.loaded in self._done:
            return
        with self._lock:
            loaded = entry.loaded
            here = machine(loaded.target)
            if loaded not in self._done and loaded.program is not None and here and not _sized(entry):
                searched = table_of(here).programs
                if _program_key(_core(loaded.graph), loaded.target) not in searched:
                    try:
                        _tuned(name, entry, leaves, loaded.target, FIRST_CALL_SECONDS)
                    except CompileError as error:
                        warn(f"{name} runs untuned: {error}")
            self._done.add(entry.loaded)


def export(path: str | os.PathLike[str]) -> int:
    """Write what was tuned on this kind of machine to a file, for `merge` elsewhere; gives the number of kernels.

    Raises:
        TuningError: the file cannot be written.
    """
    table = table_of(_here())
    try:
        with open(path, "wb") as file:
            file.write(table.encode())
    except OSError as error:
        raise TuningError(f"{os.fspath(path)} cannot be written: {error.strerror or error}") from None
    return len(table.kernels)


def merge(path: str | os.PathLike[str], *, anyway: bool = False) -> int:
    """Add what a file of `export` holds to what is known here; gives the number of kernels in it.

    Of two entries for one kernel the one that gained more stays. They are used by programs that are loaded from now on.

    Args:
        path: the file.
        anyway: take it though it was measured on another kind of machine, such as a CPU of the same model that reports
            other features. Results are right on any machine; only the speed is not known.

    Raises:
        TuningError: there is no such file, it is damaged, of another format, or from another kind of machine.
    """
    where, here = os.fspath(path), _here()
    try:
        with open(path, "rb") as file:
            data = file.read((1 << 24) + 1)
    except OSError as error:
        raise TuningError(f"{where} cannot be read: {error.strerror or error}") from None
    table = decode(data, where)
    if table.machine != here and not anyway:
        raise TuningError(
            f"{where} was measured on {table.machine!r:.80}, and this is {here!r}",
            hint="merge(path, anyway=True) takes it for this machine; schedules that were best there may be slow here",
        )
    update(here, table._replace(machine=here, programs=() if anyway else table.programs))
    return len(table.kernels)


def table_path() -> str:
    """The file that keeps what was tuned on this kind of machine: JSON, for people to read too."""
    return path_of(_here())


def _here() -> str:
    return machine(get_target("host"))


def _tuned(name: str, entry: Entry, leaves: Sequence[Any], target: Target, seconds: float) -> Tuning:
    """Search, keep what was found, and have the entry use it. One search at a time: two would measure each other."""
    with _searching:
        return _search(name, entry, leaves, target, seconds)


def _search(name: str, entry: Entry, leaves: Sequence[Any], target: Target, seconds: float) -> Tuning:
    if _sized(entry):
        raise TuningError(
            f"{name} has one program for many sizes, whose kernels have no fixed tiles",
            hint="tune it without dims",
        )
    if entry.loaded.program is None:
        return Tuning(name, 0.0, 0.0, 0, ())
    core = _core(entry.loaded.graph)
    views = [buffer_of(*given) for given in zip(leaves, entry.avals, entry.shared, strict=False)] + entry.hidden()
    end = perf_counter() + seconds
    here = machine(target)
    kernels = {k.key: k for k in kernels_of(core, target, name=name) if k.nodes}
    known = known_kernels(here)
    start: dict[str, Choice] = {key: tiles for key, tiles in choices_for(core, target) if key in kernels}
    trials = Trials(core, target, name, views, entry.loaded.pooled, lambda: end - perf_counter())
    with Progress(name, target.name, len(core.nodes), "tuning") as progress:
        plain = trials.first()
        tuned = trials.build(start) if start else None
        start = start if tuned is not None else {}
        search = Search(
            list(kernels.values()), trials.build, seconds=end - perf_counter(), clock=perf_counter, tell=progress.show
        )
        found = search.run(start, tuned or plain)
    nodes = list(core.walk())
    entries: dict[str, Measured] = {}
    for key, gain in found.gains.items():
        # A rule that wins back is written down: what it beat may have come with Eerie.
        if found.choices[key] != kernels[key].tiles or key in known:
            before = known[key].gain if key in start else 1.0
            entries[key] = Measured(found.choices[key], before * gain, (_site(kernels[key].nodes, nodes),))
    table = Table(here, entries, (_program_key(core, target),))
    update(here, table, without=found.gains)
    if found.gains:
        entry.load(name)
    rows = [TunedKernel(k, entries[k].sites[0], entries[k].tiles, found.gains[k]) for k in entries]
    return Tuning(name, found.before, found.after, found.tried, tuple(sorted(rows, key=lambda r: -r.gain)))


def _sized(entry: Entry) -> bool:
    """Whether the program of an entry is for many sizes."""
    return entry.program is not None or bool(entry.trace.graph.dims)


def _core(graph: Graph) -> Graph:
    """What of a loaded graph is compiled."""
    given = set(map(id, graph.inputs))
    computed: dict[int, Node] = {id(n): n for n in graph.outputs if id(n) not in given}
    return Graph(graph.inputs, graph.nodes, list(computed.values()))


def _program_key(core: Graph, target: Target) -> str:
    return make_key(core.digest, target).base.hex()


def _site(numbers: Sequence[int], nodes: Sequence[Node]) -> str:
    """The operation that a kernel is for: of those inside the one with the most work."""
    return site(max((nodes[i] for i in numbers), key=lambda n: n.flops))


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def _words(tiles: Choice) -> str:
    if tiles is None:
        return "the compiler's choice"
    spans, steps, depths = (", ".join(map(str, level)) for level in tiles)
    return f"workgroups of ({spans}), steps of ({steps}), sums in steps of ({depths})"
