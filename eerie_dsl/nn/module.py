"""Modules: frozen dataclasses that are trees of arrays, and whose errors say where in the model they happened."""

from __future__ import annotations

import dataclasses
import functools
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, TypeVar, dataclass_transform

import eerie_dsl as eerie
from eerie_dsl.errors import EerieError
from eerie_dsl.nn.checks import describe
from eerie_dsl.tree import static

T = TypeVar("T")

_WIDTH = 100  # of a line in the text of a module


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(static, dataclasses.field))
def module(cls: type[T]) -> type[T]:
    """Class decorator: a class of annotated fields becomes a layer, or a model made of layers.

    It is a frozen dataclass and a tree: what its fields hold (arrays, other modules, tuples, lists and dicts of them)
    are its parameters, which `eerie.jit`, `eerie.grad` and `eerie.tree.map` see. Options, such as a number of heads or
    an activation, are fields made with `static`: they belong to the structure, and must be hashable. Two modules
    are equal when they are one object. To change one, make another: ``dataclasses.replace(layer, bias=None)``.

    When an `EerieError` leaves ``__call__``, or another public method, its message begins with where that is in the
    outermost module, as in ``Classifier.blocks[2].attention.query (Linear): matmul of ...``. A module that is not a
    part of the one that calls it comes after a ``>``.

    Args:
        cls: a class with annotated fields; it may define methods, and class methods that make it.

    Raises:
        TypeError: what `dataclasses.dataclass` refuses, such as a field without a default after one that has one.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> @nn.module
    ... class Scale:
    ...     factor: eerie.Array
    ...     power: int = nn.static(default=1)
    ...
    ...     def __call__(self, x):
    ...         return x * self.factor**self.power
    >>> scale = Scale(eerie.asarray([2.0, 3.0]))
    >>> scale
    Scale(factor=f32[2], power=1)
    >>> eerie.grad(lambda s: eerie.sum(s(eerie.ones(2))))(scale).factor
    Array([1., 1.], dtype=float32, device=cpu)
    """
    for name, member in tuple(vars(cls).items()):
        if isinstance(member, FunctionType) and (name == "__call__" or not name.startswith("_")):
            setattr(cls, name, _locating(member))
    if "__repr__" not in vars(cls):
        setattr(cls, "__repr__", _text)  # noqa: B010  # mypy takes it for an assignment to a method
    return eerie.tree.register(dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls))


def _locating(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def located(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except EerieError as error:
            _locate(error, self)
            raise

    return located


@dataclasses.dataclass
class _Location:
    """Where an error happened: in which module, and by which path from the outermost one that it has left."""

    name: str
    message: str
    outermost: Any
    path: str = ""


def _locate(error: EerieError, module: Any) -> None:
    found: _Location | None = vars(error).get("_location")
    if found is None:
        found = vars(error)["_location"] = _Location(type(module).__name__, error.message, module)
    elif found.outermost is module:
        return  # one method of it called another
    else:
        step = _place(module, found.outermost)
        found.path = (f" > {type(found.outermost).__name__}" if step is None else step) + found.path
        found.outermost = module
    what = "" if found.path in ("", f" > {found.name}") else f" ({found.name})"
    error.message = f"{type(module).__name__}{found.path}{what}: {found.message}"
    error.args = (error.message,)


def _place(node: Any, wanted: Any) -> str | None:
    """How one gets from a node to another one in it; None when it is not there."""
    for step, child in _children(node):
        if child is wanted:
            return step
        rest = _place(child, wanted)
        if rest is not None:
            return step + rest
    return None


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    # Not by the tree library, which refuses a node whose static fields it cannot hash: an error of its own.
    if isinstance(node, list | tuple):
        yield from ((f"[{i}]", child) for i, child in enumerate(node))
    elif isinstance(node, dict):
        yield from ((f"[{key!r}]", child) for key, child in node.items())
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        yield from ((f".{f.name}", getattr(node, f.name)) for f in dataclasses.fields(node))


def _text(value: Any) -> str:
    """A module on one line, or on several when that is too long; of arrays, the types."""
    if isinstance(value, eerie.Array):
        return describe(value)
    if isinstance(value, FunctionType):
        return value.__name__
    if isinstance(value, tuple | list):
        first, last = "()" if isinstance(value, tuple) else "[]"
        parts = [_text(v) for v in value]
    elif isinstance(value, dict):
        first, last = "{}"
        parts = [f"{k!r}: {_text(v)}" for k, v in value.items()]
    elif vars(type(value)).get("__repr__") is _text:
        first, last = f"{type(value).__name__}(", ")"
        parts = [f"{f.name}={_text(getattr(value, f.name))}" for f in dataclasses.fields(value)]
    else:
        return repr(value)
    line = first + ", ".join(parts) + (",)" if isinstance(value, tuple) and len(value) == 1 else last)
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return "\n".join([first, *(textwrap.indent(part, "  ") + "," for part in parts), last])
