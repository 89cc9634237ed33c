"""What an exported function takes: shapes and dtypes without values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eerie_dsl import tree
from eerie_dsl.api.tracing import Leaf, leaf_type
from eerie_dsl.errors import ArgumentError, DTypeError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import ALL, DType, dtype
from eerie_dsl.ir.size import Dim, Extent, Size

_TEXT = re.compile(r"\s*(\w+)\s*\[([^\[\]]*)\]\s*")
_SIZE = re.compile(r"([A-Za-z_]\w*)(?::(\d+)\.\.(\d+))?")
_SHORT = {d.short: d for d in ALL}


class Spec:
    """The type of an array that will be an argument; made by `spec`.

    Attributes:
        shape: sizes of the axes, some of which may be a `Dim`.
        dtype: type of the elements.
    """

    __slots__ = ("aval",)

    def __init__(self, aval: Aval) -> None:
        self.aval = aval

    @property
    def shape(self) -> tuple[Extent, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> DType:
        return self.aval.dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.aval is other.aval

    def __hash__(self) -> int:
        return hash(self.aval)

    def __repr__(self) -> str:
        return f"spec({str(self.aval)!r})"


def spec(shape: str | int | Size | Sequence[Extent], dtype: Any = None) -> Spec:
    """An argument of an exported function: shape and dtype, no values. What `jax.ShapeDtypeStruct` is in JAX.

    Args:
        shape: sizes of the axes; a `Dim`, or a size computed from one, where the size is known at the call. Or all of
            it as text, as Eerie prints types: ``"f32[8,784]"``, and ``"float32[batch:1..64,784]"`` for a `Dim`.
        dtype: type of the elements; float32 when not given.

    Raises:
        ArgumentError: not a shape, or a text that is no type.
        DTypeError: not a dtype.

    >>> import eerie_dsl as eerie
    >>> spec((8, 784)), spec((eerie.Dim("batch"), 10), eerie.int32)
    (spec('f32[8,784]'), spec('i32[batch,10]'))
    >>> spec("u8[rows:1..64,3]").shape
    (rows, 3)
    """
    if isinstance(shape, str):
        if dtype is not None:
            raise ArgumentError(f"spec({shape!r}) says the dtype already, and {dtype!r} is given too")
        return Spec(_read(shape))
    sizes = (shape,) if isinstance(shape, int | Size) else tuple(shape)
    if any(isinstance(n, bool) or not isinstance(n, int | Size) or (isinstance(n, int) and n < 0) for n in sizes):
        raise ArgumentError(f"spec: {shape!r} is not a shape", hint="give whole numbers from 0 on and eerie.Dim")
    return Spec(Aval(sizes, _dtype(dtype)))  # type: ignore[arg-type]


def _dtype(given: Any) -> DType:
    return _SHORT["f32"] if given is None else dtype(given)


def _read(text: str) -> Aval:
    whole = _TEXT.fullmatch(text)
    if whole is None:
        raise ArgumentError(f"{text!r} is not a type", hint="write it like f32[8,784] or float32[batch:1..64,784]")
    name, inner = whole.groups()
    try:
        kind = _SHORT.get(name) or dtype(name)
    except DTypeError as error:
        raise DTypeError(f"{text!r}: {error.message}", hint=f"use one of {', '.join(_SHORT)}") from None
    sizes: list[Extent] = []
    for word in filter(None, (part.strip() for part in inner.split(","))):
        found = _SIZE.fullmatch(word)
        if word.isdecimal():
            sizes.append(int(word))
        elif found is not None:
            low, high = (int(found[2]), int(found[3])) if found[2] else (1, None)
            sizes.append(Dim(found[1], low) if high is None else Dim(found[1], low, high))
        else:
            raise ArgumentError(f"{text!r}: {word!r} is not a size", hint="write a number, batch, or batch:1..64")
    return Aval(tuple(sizes), kind)  # type: ignore[arg-type]


def arguments(specs: Any, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The specs of a function as its arguments: a list of all, by name, or the one of its only argument.

    Raises:
        ArgumentError: they are none of that.
    """
    if isinstance(specs, Mapping):
        return (), dict(specs)
    if isinstance(specs, list) or type(specs) is tuple:
        return tuple(specs), {}
    if specs is None:
        raise ArgumentError(f"export of {name}: what are its arguments?", hint="give eerie.spec((8, 784)) for each")
    return (specs,), {}


def leaf_of(value: Any, where: str) -> Leaf:
    """The type of a leaf of specs: of a `Spec`, or of an array or a number that stands for its like.

    Raises:
        ArgumentError: it is neither; a dimension has buckets.
    """
    if not isinstance(value, Spec):
        if isinstance(value, str):
            value = spec(value)
        else:
            return leaf_type(value, lambda: where)
    for size in value.shape:
        if isinstance(size, Dim) and size.buckets is not None:
            raise ArgumentError(
                f"{where}: {size} has buckets, and an exported program is one for all sizes",
                hint="give the Dim min and max in place of buckets, or export a function for each size",
            )
    return Leaf(value.aval)


def check_dims(name: str, types: Sequence[Leaf]) -> None:
    """See that the dimensions of a function can be known from its arguments.

    Raises:
        ArgumentError: two of one name differ, or one is never the size of an axis itself.
    """
    known: dict[str, Size] = {}
    shapes: list[Extent] = [n for leaf in types for n in leaf.aval.shape]
    sizes = [n for n in shapes if isinstance(n, Size)]
    for size in sizes:
        if size.name is not None and known.setdefault(size.name, size).terms != size.terms:
            raise ArgumentError(f"export of {name}: two dimensions are called {size.name}, with different bounds")
    for size in sizes:
        for dim, *_ in size.dims:
            if dim not in known:
                raise ArgumentError(
                    f"export of {name}: {size} is computed from {dim}, which is not the size of any axis",
                    hint=f"let some argument have the size {dim} itself",
                )


def paths(args: tuple[Any, ...], kwargs: dict[str, Any], names: Sequence[str]) -> list[str]:
    """What the leaves of a call are called."""
    found = [p for i, a in enumerate(args) for p in tree.paths(a, names[i] if i < len(names) else f"args[{i}]")]
    return found + [p for k in sorted(kwargs) for p in tree.paths(kwargs[k], k)]
