"""`jit`: trace once per signature, compile once per structure, dispatch ever after."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import name_of, parameter_names, source_of
from eerie_dsl.api.calls import SCALAR_OF, buffer_of, node_of
from eerie_dsl.api.conversion import lift
from eerie_dsl.api.explain import Report
from eerie_dsl.api.guards import Guards
from eerie_dsl.api.loaded import Loaded, load
from eerie_dsl.api.signature import Signature
from eerie_dsl.api.stages import Traced
from eerie_dsl.api.tracing import SCALARS, Leaf, Trace, flatten, leaf_type, trace
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, EerieError, Source, user_frames, warn
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import dtype, numpy_dtypes
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.scope import state

P = ParamSpec("P")
R = TypeVar("R")

_ndarray = np.ndarray
_new = object.__new__

_MANY = 16
"""Traces of one function after which it says what makes it trace again."""


class _Entry:
    """One signature of a jitted function: its trace, ready to run."""

    __slots__ = (
        "arrays",
        "avals",
        "captured",
        "closed",
        "donated",
        "fast",
        "guards",
        "loaded",
        "outside",
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
        self, traced: Trace, guards: Guards, donated: tuple[int, ...], fast: tuple[Aval | type, ...] | None
    ) -> None:
        self.trace = traced
        self.guards = guards
        self.fast = fast
        self.avals = traced.graph.in_avals
        self.donated = donated
        self.captured = traced.captured
        captured_avals = self.avals[len(self.avals) - len(self.captured) :]
        self.arrays = [(c, a) for c, a in zip(self.captured, captured_avals, strict=True) if not isinstance(c, Node)]
        self.settings = config.snapshot()
        self.single: Aval | None = traced.graph.outputs[0].aval if traced.structure is None else None
        self.closed = guards.empty and not self.captured

    @property
    def ready(self) -> bool:
        """Whether the program is there. What is part of other programs only has none of its own."""
        return hasattr(self, "loaded")

    def load(self, name: str) -> None:
        """Compile the trace, or find its program."""
        loaded = load(self.trace.graph, name=name, mode=config.evaluation)
        self.run = loaded.run
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

    def hidden(self) -> list[Any]:
        """Buffers of what was captured, as it is now."""
        return [buffer_of(*o) for o in self.outside]


class Jitted(Generic[P, R]):
    """A function that is compiled for each new signature of its arguments. Made by `jit`.

    Attributes:
        traces: how often the function has been traced.
    """

    def __init__(self, function: Callable[P, R], signature: Signature) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._signature = signature
        self._fast: dict[tuple[Aval | type | None, ...], _Entry] = {}
        self._entries: dict[Any, _Entry] = {}
        self._lock = threading.RLock()
        self._name = name_of(function)
        code = getattr(function, "__code__", None)
        self._source = Source(code.co_filename, code.co_firstlineno, self._name) if code else None
        self.traces = 0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs and state.scope is None and state.tape is None:
            # One loop without a call, an exception or a comprehension: each costs as much as all the rest of it.
            types: list[Aval | type] = []
            views: list[Any] = []
            plain = True
            a: Any
            for a in args:
                kind = type(a)
                if kind is Array:
                    types.append(a._aval)
                    view = a._value
                    if view is None:
                        break
                    views.append(view)
                elif kind is _ndarray:
                    plain = False
                    known = numpy_dtypes.get(a.dtype)
                    if known is None:
                        break
                    types.append(Aval(a.shape, known))
                    views.append(a)
                elif kind in SCALARS:
                    plain = False
                    types.append(kind)
                    views.append(a)
                else:
                    break
            else:
                entry = self._fast.get(tuple(types))
                if entry is not None and entry.settings is config.snapshot() and (entry.closed or entry.valid()):
                    if not plain:
                        found = zip(args, views, entry.avals, entry.shared, strict=False)
                        views = [v if type(a) is Array else buffer_of(v, t, shared) for a, v, t, shared in found]
                    if entry.captured:
                        views += entry.hidden()
                    results = entry.run(views)
                    if entry.single is None:
                        return entry.trace.wrap(results)  # type: ignore[no-any-return]
                    array = _new(Array)
                    array._aval = entry.single
                    array._node = None
                    array._value = results[0]
                    return array  # type: ignore[return-value]
        return self._call(args, kwargs)  # type: ignore[no-any-return]

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            leaves, entry = self._entry(args, kwargs)
            if state.scope is not None or state.tape is not None:
                return self._inlined(entry, leaves)
            self._load(entry)
        except EerieError as error:
            if config.traceback == "full":
                raise
            raise error.with_traceback(user_frames(error.__traceback__)) from error.__cause__
        shared = entry.loaded.shared
        views = [
            buffer_of(leaf, node.aval, i in shared)
            for i, (leaf, node) in enumerate(zip(leaves, entry.trace.graph.inputs, strict=False))
        ]
        results = entry.loaded(views + entry.hidden())
        for i in entry.donated:
            if isinstance(leaves[i], Array):
                leaves[i].donate()
        return entry.trace.wrap(results)

    def _inlined(self, entry: _Entry, leaves: list[Any]) -> Any:
        captured = [c if isinstance(c, Node) else lift(c) for c in entry.captured]
        outputs = entry.trace.graph.inline([*map(node_of, leaves, entry.trace.graph.inputs), *captured])
        return entry.trace.build([Array.of(n) for n in outputs])

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], _Entry]:
        """The leaves of a call and the entry of their signature, made when it is new."""
        args, kwargs, static = self._signature.split(args, kwargs)
        leaves, structure = flatten(args, kwargs)
        types = tuple(
            [leaf_type(leaf, lambda i=i: self._path(args, kwargs, i)) for i, leaf in enumerate(leaves)]  # type: ignore[misc]
        )
        key = (structure, types, static, config.target, config.evaluation)
        entry = self._entries.get(key)
        if entry is None or not entry.valid():
            with self._lock:
                entry = self._entries.get(key)
                if entry is None or not entry.valid():
                    entry = self._make(key, args, kwargs, entry)
        entry.settings = config.snapshot()
        return leaves, entry

    def _make(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], stale: _Entry | None) -> _Entry:
        structure, types, static, _, _ = key
        traced = self._trace(structure, types, static)
        classes = () if isinstance(structure, int) else tree.node_types(structure)
        guards = Guards(self.__wrapped__, *classes, *(s.value for s in static), inputs=traced.captured)
        self._count(types, stale)
        donated = self._donated(args, kwargs)
        plain = isinstance(structure, int) and not static and not donated
        fast = tuple(SCALAR_OF[t.aval] if t.weak else t.aval for t in types) if plain else None
        entry = self._entries[key] = _Entry(traced, guards, donated, fast)
        return entry

    def _load(self, entry: _Entry) -> None:
        if entry.ready:
            return
        with self._lock:
            if not entry.ready:
                entry.load(self._name)
                if entry.fast is not None:
                    self._fast[entry.fast] = entry

    def _trace(self, structure: Any, types: tuple[Leaf, ...], static: tuple[Any, ...]) -> Trace:
        def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return self._signature.join(args, kwargs, static)

        source = self._source or source_of(self.__wrapped__)
        return trace(self.__wrapped__, self._name, source, types, structure, bind)

    def _donated(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
        donated = self._signature.donated
        if not donated:
            return ()
        # Static arguments are gone from args: count the places of the others.
        places = [i for i in range(len(args) + len(self._signature.static)) if i not in self._signature.static]
        marks = (
            tuple(tree.map(lambda _, p=p: p in donated, a) for p, a in zip(places, args, strict=False)),
            {k: tree.map(lambda _, k=k: k in donated, v) for k, v in kwargs.items()},
        )
        return tuple(i for i, mark in enumerate(tree.leaves(marks)) if mark)

    def _count(self, types: tuple[Leaf, ...], stale: _Entry | None) -> None:
        self.traces += 1
        if self.traces != _MANY:
            return
        changed = stale.guards.changed() if stale is not None else None
        if changed is not None:
            reason = f"{changed}, which it reads from outside, keeps changing: pass it as an argument"
        else:
            others = [k[1] for k in self._entries]
            moving = [
                f"argument leaf {i} ({t.aval})"
                for i, t in enumerate(types)
                if any(len(o) == len(types) and o[i] != t for o in others)
            ]
            what = ", ".join(moving) or "its arguments"
            reason = f"the type of {what} keeps changing: keep shapes and dtypes the same"
        warn(f"{self._name} was traced {_MANY} times; {reason}")

    def _path(self, args: tuple[Any, ...], kwargs: dict[str, Any], index: int) -> str:
        names = self._signature.positional or parameter_names(self.__wrapped__)
        roots = [names[i] if i < len(names) else f"args[{i}]" for i in range(len(args))]
        found = [p for root, a in zip(roots, args, strict=True) for p in tree.paths(a, root)]
        found += [p for k in sorted(kwargs) for p in tree.paths(kwargs[k], k)]
        return f"argument {found[index]} of {self._name}"

    # Stages in the open.

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Traced:
        """The function's graph for these arguments; print it, or go on with ``.lower()`` or ``.compile()``."""
        rest, named, static = self._signature.split(args, kwargs)
        leaves, structure = flatten(rest, named)
        types = tuple(leaf_type(leaf, lambda i=i: self._path(rest, named, i)) for i, leaf in enumerate(leaves))  # type: ignore[misc]
        return Traced(self._trace(structure, types, static), structure, self._name)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Report:
        """The kernels that this call runs: what was fused into each, bytes, flops; cache, target and flags. Print it.

        >>> import eerie_dsl as eerie
        >>> f = eerie.jit(lambda x: eerie.tanh(x) + 1)
        >>> print(f.explain(eerie.ones((4,))))  # doctest: +ELLIPSIS
        <lambda>: 1 kernel for host...
        """
        _, entry = self._entry(args, kwargs)
        self._load(entry)
        return Report(entry.loaded, self._name)

    def clear(self) -> None:
        """Forget all traces."""
        with self._lock:
            self._fast.clear()
            self._entries.clear()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else Bound(self, instance)

    def __repr__(self) -> str:
        return f"<jitted {self._name}, traced {self.traces} times>"


class Bound:
    """A jitted method of an object: what `Jitted` does, with the object as the first argument."""

    def __init__(self, function: Jitted[..., Any], instance: Any) -> None:
        self.__wrapped__ = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(self.__self__, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """See `Jitted.trace`."""
        return self.__wrapped__.trace(self.__self__, *args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> Report:
        """See `Jitted.explain`."""
        return self.__wrapped__.explain(self.__self__, *args, **kwargs)

    @property
    def traces(self) -> int:
        """How often the method has been traced, for all objects."""
        return self.__wrapped__.traces


@overload
def jit(function: Callable[P, R], /) -> Jitted[P, R]: ...
@overload
def jit(
    function: None = None,
    /,
    *,
    static_argnums: int | Iterable[int] = ...,
    static_argnames: str | Iterable[str] = ...,
    donate_argnums: int | Iterable[int] = ...,
    donate_argnames: str | Iterable[str] = ...,
) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(
    function: Callable[..., Any] | None = None,
    /,
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    donate_argnums: int | Iterable[int] = (),
    donate_argnames: str | Iterable[str] = (),
) -> Any:
    """Compile a function of arrays to native kernels; a decorator, with or without options.

    The function is called once per signature (shapes, dtypes and structure of its arguments) on placeholders; what
    it records is fused and compiled, and kept on disk for the next run. Arguments and results are arrays, numbers
    and containers of them. Arrays that the function captures are read anew at every call; when a name that it reads
    from outside is bound to something else, it is traced again.

    Python numbers are arguments like others, in 64 bits, and are cast to the dtype of the array that they meet. A
    method is compiled for the structure of its object, which must be a tree (`eerie_dsl.tree.register`), or static.

    Args:
        function: takes and returns arrays, numbers, and trees of them.
        static_argnums: positions of arguments that are Python values to the function; each value compiles anew.
        static_argnames: the same by name.
        donate_argnums: positions of arguments whose memory the call may reuse; the arrays cannot be used after it.
        donate_argnames: the same by name.

    Raises:
        ArgumentError: an option names an argument that the function does not have.

    >>> import eerie_dsl as eerie
    >>> @eerie.jit
    ... def f(x, y):
    ...     return eerie.tanh(x) * y
    >>> f(eerie.zeros((2,)), 3.0)
    Array([0., 0.], dtype=float32, device=cpu)
    """
    if function is not None and not callable(function):
        raise ArgumentError(f"jit needs a function, got {function!r}")

    def decorate(f: Callable[..., Any]) -> Jitted[..., Any]:
        return Jitted(f, Signature(f, static_argnums, static_argnames, donate_argnums, donate_argnames))

    return decorate if function is None else decorate(function)
