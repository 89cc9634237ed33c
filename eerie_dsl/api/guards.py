"""What a traced function read from outside its arguments, and whether it is still the same.

A jitted function freezes what its Python code saw. Arrays that it captured are inputs of the program and always
current. Everything else it could reach by name (globals, closure cells, and attributes of the objects and modules
among them) is recorded here when it is traced, and compared before each call: a rebound name means a new trace.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = (sys.prefix, sys.base_prefix, _PACKAGE)
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_MISSING = object()
_COMPARED = 4096  # bytes

Check = tuple[Mapping[str, Any], str, Any]


class Guards:
    """The names that a function could read, with the values that they had.

    Args:
        function: the traced function.
        others: what else it could call without reading a name: classes of its arguments, static arguments.
        inputs: captured arrays that are inputs of the program, and so always current.
    """

    __slots__ = ("_cells", "_checks", "_copies", "_seen", "_spoken")

    def __init__(self, function: Any, *others: Any, inputs: Sequence[Any] = ()) -> None:
        self._checks: list[Check] = []
        self._cells: list[tuple[Any, Any]] = []
        self._copies: list[tuple[Any, tuple[Any, ...]]] = []
        self._seen: set[int] = set(map(id, inputs))
        self._spoken: set[str] = set()
        for value in (function, *others):
            self._value(value, frozenset())
        del self._seen, self._spoken

    @property
    def empty(self) -> bool:
        """Whether the function can read nothing that could change."""
        return not (self._checks or self._cells or self._copies)

    def hold(self) -> bool:
        """Whether every name still stands for what it stood for."""
        for namespace, name, value in self._checks:
            if namespace.get(name, _MISSING) is not value:
                return False
        for cell, value in self._cells:
            if _content(cell) is not value:
                return False
        return all(_items(container) == items for container, items in self._copies) if self._copies else True

    def changed(self) -> str | None:
        """The first name that stands for something else now."""
        for namespace, name, value in self._checks:
            if namespace.get(name, _MISSING) is not value:
                return name
        for cell, value in self._cells:
            if _content(cell) is not value:
                return f"a closure variable that was {value!r}"
        for container, items in self._copies:
            if _items(container) != items:
                return f"an element of a {type(container).__name__}"
        return None

    def _value(self, value: Any, names: frozenset[str]) -> None:
        if isinstance(value, (*_PLAIN, Array, np.generic, BuiltinFunctionType)) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, MethodType):
            self._value(value.__func__, names)
            self._value(value.__self__, names | _attributes(value.__func__))
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, partial):
            for part in (value.func, value.args, value.keywords):
                self._value(part, names)
        elif isinstance(value, np.ndarray):
            # Python may have read numbers out of it. Comparing a large one at every call would cost too much.
            if value.nbytes <= _COMPARED and not value.dtype.hasobject:
                self._copies.append((value, _items(value)))
        elif isinstance(value, ModuleType):
            if not _library(getattr(value, "__file__", None)):
                self._namespace(vars(value), names)
        elif isinstance(value, list | tuple | dict | set | deque):
            if not isinstance(value, tuple):
                self._copies.append((value, _items(value)))
            for item in value.values() if isinstance(value, dict) else value:
                self._value(item, names)
        elif isinstance(value, type):
            self._class(value, names)
        elif hasattr(value, "__wrapped__"):
            self._value(value.__wrapped__, names)
        else:
            self._object(value, names)

    def _object(self, value: Any, names: frozenset[str]) -> None:
        kind = type(value)
        self._value(kind, names)
        if _library(getattr(sys.modules.get(kind.__module__), "__file__", None)):
            return
        # Its methods and properties read attributes that the function itself does not name.
        names = names.union(*(_names(f.__code__) for f in _methods(kind)))
        for own in (getattr(value, "__dict__", None), _Slots(value)):
            if own is not None:
                self._namespace(own, names)
                # An attribute of the object would hide that of its class.
                self._checks += [
                    (own, n, _MISSING) for n in names if n not in own and (n in self._spoken or hasattr(kind, n))
                ]

    def _class(self, cls: type, names: frozenset[str]) -> None:
        # Any of its methods may run: an operator, a call or a property names none.
        for base in cls.__mro__:
            if _library(getattr(sys.modules.get(base.__module__), "__file__", None)):
                continue
            namespace = vars(base)
            self._namespace(namespace, names)
            for name, member in namespace.items():
                function = _plain_function(member)
                if function is not None:
                    self._checks.append((namespace, name, member))
                    self._function(function)

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        if _library(code.co_filename):
            return
        names = _names(code)
        self._spoken |= _words(code)
        self._namespace(function.__globals__, names)
        for cell in function.__closure__ or ():
            content = _content(cell)
            self._cells.append((cell, content))
            self._value(content, names)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._value(default, names)

    def _namespace(self, namespace: Mapping[str, Any], names: frozenset[str]) -> None:
        for name in names:
            value = namespace.get(name, _MISSING)
            if value is not _MISSING:
                self._checks.append((namespace, name, value))
                self._value(value, names)
            elif hasattr(builtins, name):
                # A global of that name would hide the builtin.
                self._checks.append((namespace, name, _MISSING))


class _Slots(dict[str, Any]):
    """The attributes that an object keeps in slots, read anew each time."""

    def __init__(self, value: Any) -> None:
        slots = {s for base in type(value).__mro__ for s in _slots(base)}
        super().__init__((s, getattr(value, s)) for s in slots if hasattr(value, s))
        self._owner = value

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self._owner, name, default) if name in self else default


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _plain_function(member: Any) -> FunctionType | None:
    found = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
    return found if isinstance(found, FunctionType) else None


def _methods(kind: type) -> list[FunctionType]:
    found = (_plain_function(member) for base in kind.__mro__ for member in vars(base).values())
    return [f for f in found if f is not None and not _library(f.__code__.co_filename)]


def _attributes(function: Any) -> frozenset[str]:
    code = getattr(function, "__code__", None)
    return _names(code) if code is not None else frozenset()


def _names(code: CodeType) -> frozenset[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return frozenset(names | _words(code))


def _words(code: CodeType) -> set[str]:
    """Attributes that may be read by their name in quotes: ``getattr(model, "bias", None)``."""
    return {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _items(container: Any) -> tuple[Any, ...]:
    if isinstance(container, np.ndarray):
        return container.shape, container.dtype, container.tobytes()
    # Plain values compare by value, everything else by identity.
    values = (*container.keys(), *container.values()) if isinstance(container, dict) else tuple(container)
    return tuple((type(v), v) if isinstance(v, _PLAIN) else id(v) for v in values)


def _library(path: str | None) -> bool:
    """Whether the code belongs to Python, an installed package or Eerie, which do not change under a program."""
    return (
        path is None
        or path.startswith("<frozen")
        or (
            path.startswith(_LIBRARIES)
            and ("site-packages" in path or "lib/python" in path or path.startswith(_PACKAGE))
        )
    )
