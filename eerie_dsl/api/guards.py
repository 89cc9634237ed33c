"""What a traced function read from outside its arguments, and whether it is still the same.

A jitted function freezes what its Python code saw. Arrays that it captured are inputs of the program and always
current. Everything else it could reach by name (globals, closure cells, and attributes of the objects, classes and
modules among them) is recorded here when it is traced, and compared before each call: what changed means a new trace.

Out of reach are values that Python code gets from elsewhere: ``os.environ``, context variables, files, the clock, and
numbers read out of NumPy arrays of more than 4096 bytes. Pass these as arguments.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from opcode import opmap
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from eerie_dsl.api.array import Array

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_LIBRARIES = (_PACKAGE, os.path.dirname(os.__file__) + os.sep, "<frozen")
_INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))
_MISSING = object()
_COMPARED = 4096  # bytes
_FEW = 32  # attributes

_REFLECTIVE = {"eval", "exec", "globals", "locals", "vars"}
_EXTENDED = opmap["EXTENDED_ARG"]
_LOADS = {
    opmap[name]: flags
    for name, flags in (("LOAD_GLOBAL", 1), ("LOAD_NAME", 0), ("LOAD_FROM_DICT_OR_GLOBALS", 0))
    if name in opmap
}
"""Instructions that read a variable of the module, and how many bits of their argument are not the name's number."""

Check = tuple[Mapping[str, Any], str, Any]


class Guards:
    """The names that a function could read, with the values that they had.

    Args:
        function: the traced function.
        others: what else it could call without reading a name: classes of its arguments, static arguments.
        inputs: captured arrays that are inputs of the program, and so always current.
    """

    __slots__ = ("_cells", "_checks", "_contents", "_names", "_seen", "_spoken")

    def __init__(self, function: Any, *others: Any, inputs: Sequence[Any] = ()) -> None:
        self._names: frozenset[str] = frozenset()
        self._spoken: set[str] = set()
        while True:
            # What one function names, another may read from the same object: again, until no name is new.
            known = self._names
            self._checks: list[Check] = []
            self._cells: list[tuple[Any, Any]] = []
            self._contents: list[tuple[Any, tuple[Any, ...]]] = []
            self._seen: dict[int, Any] = {id(i): i for i in inputs}
            for value in (function, *others):
                self._value(value)
            if self._names == known:
                break
        del self._seen

    @property
    def empty(self) -> bool:
        """Whether the function can read nothing that could change."""
        return not (self._checks or self._cells or self._contents)

    def hold(self) -> bool:
        """Whether every name still stands for what it stood for."""
        for namespace, name, value in self._checks:
            now = namespace.get(name, _MISSING)
            if now is not value and not _same(now, value):
                return False
        for cell, value in self._cells:
            now = _content(cell)
            if now is not value and not _same(now, value):
                return False
        return all(_unchanged(container, items) for container, items in self._contents) if self._contents else True

    def changed(self) -> str | None:
        """The first name that stands for something else now."""
        for namespace, name, value in self._checks:
            if not _same(namespace.get(name, _MISSING), value):
                return name
        for cell, value in self._cells:
            if not _same(_content(cell), value):
                return f"a closure variable that was {value!r}"
        for container, items in self._contents:
            if not _unchanged(container, items):
                return f"an element of a {type(container).__name__}"
        return None

    def _value(self, value: Any) -> None:
        if isinstance(value, (*_PLAIN, Array, np.generic, BuiltinFunctionType)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, MethodType):
            self._value(value.__func__)
            self._value(value.__self__)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, partial):
            for part in (value.func, value.args, value.keywords):
                self._value(part)
        elif isinstance(value, np.ndarray | bytearray):
            # Python may have read numbers out of it. Comparing a large one at every call would cost too much.
            if (len(value) if isinstance(value, bytearray) else value.nbytes) <= _COMPARED:
                self._contents.append((value, _items(value)))
        elif isinstance(value, ModuleType):
            if not _library_module(value.__name__):
                self._namespace(vars(value))
        elif isinstance(value, type):
            self._class(value)
        else:
            if isinstance(value, list | tuple | dict | set | frozenset | deque):
                if not isinstance(value, tuple | frozenset):
                    self._contents.append((value, _items(value)))
                for item in value.values() if isinstance(value, dict) else value:
                    self._value(item)
            self._object(value)

    def _object(self, value: Any) -> None:
        kind = type(value)
        own = getattr(value, "__dict__", None)
        if own is not None and "__wrapped__" in own:
            self._value(own["__wrapped__"])
        if _library_class(kind):
            # Its own methods read attributes that no code of the user names; Eerie's objects keep count of calls.
            if own is not None and len(own) <= _FEW and not kind.__module__.startswith("eerie_dsl."):
                self._contents.append((own, _items(own)))
                for item in tuple(own.values()):
                    self._value(item)
            return
        self._class(kind)
        for space in (own, _Slots(value)):
            if space is not None:
                self._namespace(space)
                # An attribute of the object would hide that of its class.
                hidden = (n for n in self._names if n not in space and (n in self._spoken or hasattr(kind, n)))
                self._checks += [(space, n, _MISSING) for n in hidden]

    def _class(self, cls: type) -> None:
        # Any of its methods may run: an operator, a call or a property names none.
        for base in (*cls.__mro__, type(cls)):
            if _library_class(base) or (id(base) in self._seen and base is not cls):
                continue
            self._seen[id(base)] = base
            namespace = vars(base)
            self._namespace(namespace)
            # An attribute of this class would hide that of a later one.
            self._checks += [(namespace, n, _MISSING) for n in self._names if n not in namespace and hasattr(base, n)]
            for name, member in namespace.items():
                function = _plain_function(member)
                if function is not None:
                    self._checks.append((namespace, name, member))
                    self._function(function)

    def _function(self, function: FunctionType) -> None:
        own = vars(function)
        self._value(own.get("__wrapped__"))
        code = function.__code__
        if _library_file(code.co_filename):
            return
        names = _names(code)
        self._names |= names
        self._spoken |= _words(code)
        if own:
            self._namespace(own)
        space = function.__globals__
        for name in _globals(code):
            if name in space:
                self._checks.append((space, name, space[name]))
                self._value(space[name])
            elif hasattr(builtins, name):
                # A global of that name would hide the builtin.
                self._checks.append((space, name, _MISSING))
        for cell in function.__closure__ or ():
            content = _content(cell)
            self._cells.append((cell, content))
            self._value(content)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._value(default)

    def _namespace(self, namespace: Mapping[str, Any]) -> None:
        for name in self._names:
            value = namespace.get(name, _MISSING)
            if value is not _MISSING:
                self._checks.append((namespace, name, value))
                self._value(value)


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


def _names(code: CodeType) -> frozenset[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return frozenset(names | _words(code))


def _globals(code: CodeType) -> set[str]:
    """What it reads as a variable of its module: not every name in it, which may be that of an attribute."""
    if not _REFLECTIVE.isdisjoint(code.co_names):
        return set(_names(code))
    found = set()
    argument = 0
    for k in range(0, len(code.co_code), 2):
        operation, low = code.co_code[k : k + 2]
        argument = argument << 8 | low
        if operation in _LOADS:
            found.add(code.co_names[argument >> _LOADS[operation]])
        if operation != _EXTENDED:
            argument = 0
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _globals(constant)
    return found


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
        return container.shape, container.dtype.str, container.tobytes()
    if isinstance(container, bytearray):
        return (bytes(container),)
    return (*container.keys(), *container.values()) if isinstance(container, dict) else tuple(container)


def _unchanged(container: Any, items: tuple[Any, ...]) -> bool:
    now = _items(container)
    return len(now) == len(items) and all(map(_same, now, items))


def _same(now: Any, then: Any) -> bool:
    """Whether two values are one to a program: plain ones by value, everything else by identity."""
    if now is then:
        return True
    if type(now) is not type(then) or not isinstance(now, (*_PLAIN, tuple)):
        return False
    if isinstance(now, tuple):
        return len(now) == len(then) and all(map(_same, now, then))
    # repr tells the zeros apart and holds one nan equal to another.
    return repr(now) == repr(then) if isinstance(now, float | complex) else bool(now == then)


def _library_class(kind: type) -> bool:
    module = kind.__module__
    if module == "builtins":
        return getattr(builtins, kind.__name__, None) is kind or not hasattr(kind, "__weakref__")
    return _library_module(module)


def _library_module(name: str) -> bool:
    """Whether a module belongs to Python, an installed package or Eerie, which do not change under a program."""
    if name == "__main__":
        return False
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and _library_file(file)


def _library_file(path: str) -> bool:
    return path.startswith(_LIBRARIES) or any(folder in path for folder in _INSTALLED)
