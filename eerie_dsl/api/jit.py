"""`jit`: trace once per signature, compile once per structure, dispatch ever after."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, overload

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.bound import Bound
from eerie_dsl.api.callables import name_of, parameter_names, source_of
from eerie_dsl.api.calls import SCALAR_OF, buffer_of, given
from eerie_dsl.api.dims import Declared, Observed, open_axes
from eerie_dsl.api.entry import Entry, changing, first_calls
from eerie_dsl.api.explain import Report
from eerie_dsl.api.guards import Guards
from eerie_dsl.api.signature import Options, Signature
from eerie_dsl.api.stages import Traced
from eerie_dsl.api.tracing import SCALARS, Leaf, Trace, flatten, leaf_type, trace
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, EerieError, Source, user_frames, warn
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import numpy_dtypes
from eerie_dsl.ir.scope import state
from eerie_dsl.ir.size import Extent

if TYPE_CHECKING:
    from eerie_dsl.api.profiled import Profile
    from eerie_dsl.api.tuning import FirstCalls

P = ParamSpec("P")
R = TypeVar("R")

_ndarray = np.ndarray
_new = object.__new__

_MANY = 16
"""Traces of one function after which it says what makes it trace again."""


class Jitted(Generic[P, R]):
    """A function that is compiled for each new signature of its arguments. Made by `jit`.

    Attributes:
        traces: how often the function has been traced.
    """

    def __init__(
        self,
        function: Callable[P, R],
        signature: Signature,
        dims: Declared | None = None,
        max_variants: int | None = None,
        tune: FirstCalls | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._signature = signature
        self._declared = dims
        self._observed = Observed()
        self._max_variants, self._tune = max_variants, tune
        self._fast: dict[tuple[Aval | type | None, ...], Entry] = {}
        self._entries: dict[Any, Entry] = {}
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
            views, view = [], None  # or a donated array would not be the only one that holds its buffer
        return self._call(args, kwargs)  # type: ignore[no-any-return]

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            leaves, entry = self._entry(args, kwargs)
            if state.scope is not None or state.tape is not None:
                return entry.inlined(leaves)
            self._load(entry)
            if self._tune is not None:
                self._tune(self._name, entry, leaves)
        except EerieError as error:
            if config.traceback == "full":
                raise
            raise error.with_traceback(user_frames(error.__traceback__)) from error.__cause__
        views = [buffer_of(*given) for given in zip(leaves, entry.avals, entry.shared, strict=False)]
        views += entry.hidden()
        given(views, leaves, entry.avals, entry.loaded.donated)
        try:
            results = entry.run(views)
        finally:
            for i in entry.donated:
                if isinstance(leaves[i], Array):
                    leaves[i].donate()
        return entry.trace.wrap(results)

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Entry]:
        """The leaves of a call and the entry of their signature, made when it is new."""
        args, kwargs, static = self._signature.split(args, kwargs)
        leaves, structure = flatten(args, kwargs)
        types = tuple(
            [leaf_type(leaf, lambda i=i: self._path(args, kwargs, i)) for i, leaf in enumerate(leaves)]  # type: ignore[misc]
        )
        key = (structure, types, static, config.target, config.evaluation, config.check_nans)
        entry = self._entries.get(key)
        if entry is None or not entry.valid():
            with self._lock:
                entry = self._entries.get(key)
                if entry is None or not entry.valid():
                    entry = self._make(key, args, kwargs, entry)
        entry.settings = config.snapshot()
        if config.check_nans:
            entry.names = entry.names or [self._path(args, kwargs, i) for i in range(len(leaves))]
        return leaves, entry

    def _make(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], stale: Entry | None) -> Entry:
        structure, types, static = key[:3]
        donated = self._signature.donations(args, kwargs)
        plain = isinstance(structure, int) and not static and not donated
        fast = tuple(SCALAR_OF[t.aval] if t.weak else t.aval for t in types) if plain else None
        found = self._general(key, args, kwargs, donated)
        if found is None:
            entry = self._traced(key, args, kwargs, stale, donated, fast)
        else:
            general, sizes = found
            program = general if self._declared is None else self._bucket(general, sizes)
            entry = general.at(sizes, fast, program)
        self._entries[key] = entry
        return entry

    def _traced(
        self,
        key: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        stale: Entry | None,
        donated: tuple[int, ...],
        fast: tuple[Aval | type, ...] | None,
    ) -> Entry:
        structure, types, static, *_ = key
        self._count(types, stale, args, kwargs)
        traced = self._trace(structure, types, static)
        outside = [s.value for s in static]
        if not isinstance(structure, int):
            outside += [*tree.node_types(structure), *tree.statics((args, kwargs))]
        guards = Guards(self.__wrapped__, *outside, inputs=traced.captured)
        return Entry(traced, guards, donated, fast)

    def _general(
        self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], donated: tuple[int, ...]
    ) -> tuple[Entry, dict[str, Extent]] | None:
        """The entry for any size that this call is one of, and its sizes."""
        structure, types, *rest = key

        def where(i: int) -> str:
            return self._path(args, kwargs, i)

        if self._declared is not None:
            named = [*zip(self._names(args), args, strict=False), *sorted(kwargs.items())]
            opened = self._declared.match(named, types, where)
        else:
            opened = self._observed.note((structure, *rest), types)
        if opened is None:
            return None
        general_key = (structure, opened.types, *rest)
        entry = self._entries.get(general_key)
        if entry is None or not entry.valid():
            try:
                made = self._traced(general_key, args, kwargs, entry, donated, None)
                if self._declared is None and config.evaluation != "reference":
                    made.load(self._name)
            except EerieError as error:
                if self._declared is not None:
                    raise
                self._observed.give_up((structure, *rest), types)
                warn(f"{self._name} compiles for each size of {open_axes(opened.types, where)} anew: {error}")
                return None
            if entry is None and self._declared is None:
                warn(
                    f"{self._name}: the size of {open_axes(opened.types, where)} keeps changing; one program is for "
                    "all sizes from now on. Declare it with jit(dims=...) to have it from the start"
                )
            if self._declared is not None:
                self._declared.require_rows(made.trace.graph)
            entry = self._entries[general_key] = made
        return entry, opened.values

    def _bucket(self, general: Entry, sizes: dict[str, Extent]) -> Entry:
        """The entry whose program calls of these sizes run: the general one, or that of their bucket."""
        assert self._declared is not None
        bucket = self._declared.bucket(sizes)
        if bucket is None:
            return general
        key = (general, *sorted(bucket.items()))
        if key not in self._entries:
            self._entries[key] = general.at(bucket, None, None)
        return self._entries[key]

    def _load(self, entry: Entry) -> None:
        if entry.ready:
            return
        with self._lock:
            if not entry.ready:
                entry.load(self._name)
                if entry.fast is not None and not entry.loaded.shared:
                    self._fast[entry.fast] = entry

    def _trace(self, structure: Any, types: tuple[Leaf, ...], static: tuple[Any, ...]) -> Trace:
        def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return self._signature.join(args, kwargs, static)

        source = self._source or source_of(self.__wrapped__)
        return trace(self.__wrapped__, self._name, source, types, structure, bind)

    def _count(
        self, types: tuple[Leaf, ...], stale: Entry | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.traces += 1
        limited = self._max_variants is not None and self.traces > self._max_variants
        if self.traces != _MANY and not limited:
            return
        reason = changing(stale, types, [k[1] for k in self._entries], lambda i: self._path(args, kwargs, i))
        if limited:
            self.traces -= 1
            raise ArgumentError(f"{self._name} has max_variants={self._max_variants}, and needs one more; {reason}")
        warn(f"{self._name} was traced {_MANY} times; {reason}")

    def _names(self, args: tuple[Any, ...]) -> list[str]:
        """What positional arguments without the static ones are called."""
        names = self._signature.positional or parameter_names(self.__wrapped__)
        names = tuple(n for i, n in enumerate(names) if i not in self._signature.static)
        return [names[i] if i < len(names) else f"args[{i}]" for i in range(len(args))]

    def _path(self, args: tuple[Any, ...], kwargs: dict[str, Any], index: int) -> str:
        found = [p for root, a in zip(self._names(args), args, strict=True) for p in tree.paths(a, root)]
        found += [p for k in sorted(kwargs) for p in tree.paths(kwargs[k], k)]
        return f"argument {found[index]} of {self._name}"

    # Stages in the open.

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Traced:
        """The function's graph for these arguments; print it, or go on with ``.lower()`` or ``.compile()``."""
        rest, named, static = self._signature.split(args, kwargs)
        leaves, structure = flatten(rest, named)
        types = tuple(leaf_type(leaf, lambda i=i: self._path(rest, named, i)) for i, leaf in enumerate(leaves))  # type: ignore[misc]
        if self._declared is not None:
            pairs = [*zip(self._names(rest), rest, strict=False), *sorted(named.items())]
            opened = self._declared.match(pairs, types, lambda i: self._path(rest, named, i))
            types = opened.types if opened is not None else types
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

    def profile(self, *args: P.args, **kwargs: P.kwargs) -> Profile:
        """The time of each kernel of this call, by the user's lines, against what the machine can do. Print it.

        The call is repeated, here and outside this process. Donated arguments stay the caller's.

        Raises:
            TracerError: within a function that is being traced.
            ExecutionError: the runtime's tools are missing, or the program fails.
        """
        from eerie_dsl.api.profile import measured, require_values

        require_values(f"{self._name}.profile")
        leaves, entry = self._entry(args, kwargs)
        self._load(entry)
        return measured(self._name, entry, leaves)

    def clear(self) -> None:
        """Forget all traces."""
        with self._lock:
            self._fast.clear()
            self._entries.clear()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else Bound(self, instance)

    def __repr__(self) -> str:
        return f"<jitted {self._name}, traced {self.traces} times>"


@overload
def jit(function: Callable[P, R], /, **options: Unpack[Options]) -> Jitted[P, R]: ...
@overload
def jit(function: None = None, /, **options: Unpack[Options]) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(
    function: Callable[..., Any] | None = None,
    /,
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    donate_argnums: int | Iterable[int] = (),
    donate_argnames: str | Iterable[str] = (),
    dims: Mapping[str, Any] | None = None,
    max_variants: int | None = None,
    tune: bool = False,
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
        dims: sizes that one program is for, by argument: ``{"x": (batch, 784)}`` with `Dim` or sizes computed from them
            for each axis and None for those that may be anything, or ``{"x": {0: batch}}``; one entry for all arrays
            of an argument, or a container like it. Without, axes whose sizes keep changing become dimensions after
            8 programs, with a warning.
        max_variants: how many programs the function may need before that is an error.
        tune: have the first call of each signature search faster schedules, for up to 20 seconds; see `eerie.tune`.

    Raises:
        ArgumentError: an option names an argument that the function does not have. At a call: one variant too many.
        ShapeError: at a call, a size that is out of the range of its `Dim`, or not what it is related to.

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
        declared = None if dims is None else Declared(dims)
        named = () if declared is None else declared.names
        signature = Signature(f, static_argnums, static_argnames, donate_argnums, donate_argnames, named)
        return Jitted(f, signature, declared, max_variants, first_calls() if tune else None)

    return decorate if function is None else decorate(function)
