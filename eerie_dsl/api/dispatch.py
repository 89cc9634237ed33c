"""NumPy's own functions applied to arrays: ``np.sin(x)``, ``np.concatenate([x, y])``, ``np.linalg.norm(x)``.

A function that Eerie has under the same name, or under the one that `RENAMED` gives, is recorded: it fuses, and works
inside traced functions. Arguments are matched by the two signatures. What Eerie does not have, or not with these
arguments, NumPy computes at once on the values, and gives Arrays back; inside a traced function that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from eerie_dsl.api.conversion import Recorded
from eerie_dsl.api.info import namespace
from eerie_dsl.api.moving import refuse_moving
from eerie_dsl.api.numpy_names import RENAMED
from eerie_dsl.errors import ArgumentError, DTypeError, TracerError
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.scope import state

REDUCTIONS: Mapping[str, str] = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
"""What ``ufunc.reduce`` does, by the name of the ufunc."""

ACCUMULATIONS: Mapping[str, str] = {"add": "cumulative_sum", "multiply": "cumulative_prod"}
"""What ``ufunc.accumulate`` does."""

_PARAMETERS: Mapping[str, str] = {"correction": "ddof", "min": "a_min", "max": "a_max"}  # ours, and NumPy's other name
_ABOUT_TYPES = frozenset(
    (np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type, np.iscomplexobj, np.isrealobj)
)
_PLAIN = frozenset((np.ndarray, bool, int, float, complex))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """What ``Array.__array_ufunc__`` gives."""
    out = keywords.get("out", ())
    for x in (*inputs, *out):
        if type(x) not in _PLAIN and _foreign(x):
            return NotImplemented
    own = _counterpart(ufunc)
    if own is not None and method == "__call__" and not keywords:
        return own(*inputs)
    name = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if method == "at" and isinstance(inputs[0], Recorded):
        raise ArgumentError(f"{name} writes into its operand", hint="use x.at[index].add(value) and its result")
    _refuse_out(name, out)
    options = {k: v for k, v in keywords.items() if k != "out"}
    recorded = _ufunc_rule(ufunc, method, inputs, options)
    if recorded is None:
        return _on_host(name, getattr(ufunc, method), inputs, keywords)
    result = recorded()
    if not out:
        return result
    np.copyto(out[0], result.numpy(), casting="same_kind")
    return out[0]


def call_function(
    function: Callable[..., Any], types: Sequence[type], args: Sequence[Any], keywords: dict[str, Any]
) -> Any:
    """What ``Array.__array_function__`` gives."""
    for kind in types:
        if not issubclass(kind, (Recorded, np.ndarray)):
            return NotImplemented
    if function in _ABOUT_TYPES:
        return function(*_converted(args, _stand_in), **_converted(keywords, _stand_in))
    own = _counterpart(function)
    if own is not None:
        known = _defaults(function)
        given = tuple(a is d for a, d in zip(args, known.values(), strict=False))
        named = tuple((k, v is known.get(k, np._NoValue)) for k, v in keywords.items())
        plan = _plan(function, own, len(args), given, named)
        if plan is not None:
            arguments = (*args, *keywords.values())
            positional = [arguments[a] if type(a) is _Place else a for a in plan[0]]
            return own(*positional, **{k: arguments[a] if type(a) is _Place else a for k, a in plan[1].items()})
    name = f"{function.__module__}.{function.__name__}"
    _refuse_out(name, (keywords.get("out"),))
    return _on_host(name, function, args, keywords)


def _ufunc_rule(
    ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: dict[str, Any]
) -> Callable[[], Any] | None:
    """The ufunc as a call of ours, or None."""
    own = _counterpart(ufunc)
    if own is None:
        return None
    if method in ("__call__", "outer"):
        if options:
            return None
        if method == "outer":
            first, second = map(namespace().asarray, inputs)
            inputs = (first.reshape(first.shape + (1,) * second.ndim), second)
        return partial(own, *inputs)
    fold = {"reduce": REDUCTIONS, "accumulate": ACCUMULATIONS}.get(method, {}).get(ufunc.__name__)
    if fold is None or len(inputs) > 1:
        return None
    own = getattr(namespace(), fold)
    chosen = {"axis": 0} | {k: v for k, v in options.items() if v is not None or k == "axis"}
    return partial(own, inputs[0], **chosen) if chosen.keys() <= _signature(own).parameters.keys() else None


@cache
def _counterpart(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function of ours that means the same as one of NumPy's, or None."""
    place: Any = namespace()
    if isinstance(function, np.ufunc):
        if getattr(np, function.__name__, None) is not function:
            return None  # of another library
    else:
        for part in function.__module__.split(".")[1:]:
            place = getattr(place, part, None)
    name = RENAMED.get(function.__name__, function.__name__)
    found = getattr(place, name) if name in getattr(place, "__all__", ()) else None
    return found if callable(found) and not isinstance(found, type) else None


@cache
def _signature(function: Callable[..., Any]) -> Any:
    import inspect

    try:
        return inspect.signature(function)
    except ValueError:
        return None


@cache
def _defaults(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The default of each parameter, in their order."""
    signature = _signature(function)
    return {} if signature is None else {p.name: p.default for p in signature.parameters.values()}


class _Place(int):
    """The place of an argument in a call: among the positional ones, or after them that of a keyword."""


@lru_cache(maxsize=1024)
def _plan(
    theirs: Callable[..., Any],
    ours: Callable[..., Any],
    count: int,
    given: tuple[bool, ...],
    named: tuple[tuple[str, bool], ...],
) -> tuple[list[Any], dict[str, Any]] | None:
    """How calls of one form reach our function: `_matched` for places instead of values.

    Args:
        theirs: the function of NumPy.
        ours: its counterpart.
        count: how many arguments are positional.
        given: for each of those, whether it is just NumPy's default.
        named: the keywords, with the same said of each.
    """
    known = _defaults(theirs)
    values = list(known.values())
    args = [values[i] if i < len(given) and given[i] else _Place(i) for i in range(count)]
    keywords = {k: known.get(k) if default else _Place(count + i) for i, (k, default) in enumerate(named)}
    return _matched(theirs, ours, args, keywords)


def _matched(
    theirs: Callable[..., Any], ours: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]] | None:
    """Arguments of a function of NumPy as those of its counterpart, or None where that cannot take them.

    What the caller left out keeps NumPy's meaning: a default of NumPy's is passed on, unless it is None or one of
    NumPy's marks for "not given", which leave the choice to us.
    """
    signature, own = _signature(theirs), _signature(ours)
    if signature is None or own is None:
        return None
    bound = signature.bind(*args, **keywords)
    bound.apply_defaults()
    in_order: list[_Given] = []
    by_name: dict[str, _Given] = {}
    for p in signature.parameters.values():
        value = bound.arguments[p.name]
        if p.kind is p.VAR_POSITIONAL:
            in_order += [_Given("", v, True) for v in value]
        elif p.kind is p.VAR_KEYWORD:
            by_name |= {k: _Given(k, v, True) for k, v in value.items()}
        elif value is not p.default or not (value is None or value is np._NoValue):
            given = _Given(p.name, value, value is not p.default)
            if p.kind is p.KEYWORD_ONLY:
                by_name[p.name] = given
            else:
                in_order.append(given)

    positional: list[Any] = []
    chosen: dict[str, Any] = {}
    for p in own.parameters.values():
        names = (p.name, _PARAMETERS.get(p.name))
        found = next((g for g in (*in_order, *by_name.values()) if g.name in names), None)
        if p.kind is p.VAR_POSITIONAL:
            positional += [g.value for g in in_order if not g.name]
            in_order = [g for g in in_order if g.name]
        elif p.kind is p.POSITIONAL_ONLY and in_order:
            positional.append(in_order.pop(0).value)
        elif p.kind is not p.POSITIONAL_ONLY and found is not None:
            chosen[p.name] = found.value
            in_order = [g for g in in_order if g is not found]
            by_name = {k: g for k, g in by_name.items() if g is not found}
        elif p.default is p.empty:
            if p.kind is not p.POSITIONAL_OR_KEYWORD or not in_order:
                return None
            chosen[p.name] = in_order.pop(0).value
    unused = [*in_order, *by_name.values()]
    return None if any(g.explicit for g in unused) else (positional, chosen)


class _Given(NamedTuple):
    """An argument of a call of NumPy's: its name there, and whether it is not just the default."""

    name: str
    value: Any
    explicit: bool


def _on_host(name: str, function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """What NumPy gives for the values, its arrays as ours; an array that the caller passed as ``out`` stays itself."""
    if state.scope is not None:
        raise TracerError(
            f"{name} with these arguments runs in NumPy, and {state.scope.name} is being traced: no values yet",
            hint="use the functions of eerie_dsl, or move this line out of the traced function",
        )
    result = function(*_converted(args, _value), **_converted(keywords, _value))
    if state.tape is not None and _inexact(result):
        used: list[Any] = []
        _converted([*args, *keywords.values()], used.append)
        refuse_moving(name, [x.node for x in used])
    out = keywords.get("out")
    return result if out is not None else _returned(result)


def _returned(result: Any) -> Any:
    if isinstance(result, tuple | list):
        parts = map(_returned, result)
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, np.ndarray | np.generic):
        try:
            _dtype(result.dtype)
        except DTypeError:
            return result  # objects, strings, dates
        return namespace().asarray(result)
    return result


def _inexact(result: Any) -> bool:
    if isinstance(result, tuple | list):
        return any(map(_inexact, result))
    return isinstance(result, np.ndarray | np.generic) and result.dtype.kind not in "biu"


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, Recorded):
        return convert(value)
    if type(value) in (list, tuple):
        return type(value)(_converted(v, convert) for v in value)
    if type(value) is dict:
        return {k: _converted(v, convert) for k, v in value.items()}
    return value


def _value(x: Any) -> Any:
    return x.numpy()


def _stand_in(x: Any) -> np.ndarray[Any, Any]:
    """An array of the same type without memory, for questions that no value answers."""
    return np.broadcast_to(np.zeros((), x.dtype.numpy), x.shape)


def _foreign(value: Any) -> bool:
    """Whether a value has its own idea of what ufuncs mean, which then goes first."""
    own = getattr(type(value), "__array_ufunc__", None)
    return own is not None and own is not np.ndarray.__array_ufunc__ and not isinstance(value, Recorded)


def _refuse_out(name: str, out: Sequence[Any]) -> None:
    if any(isinstance(x, Recorded) for x in out):
        raise ArgumentError(f"{name}: out is an Array, which cannot be written into", hint="use the result instead")
