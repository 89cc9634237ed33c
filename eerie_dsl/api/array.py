"""`Array`: shape, dtype, and either a buffer or a node of a graph that was not evaluated yet."""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from eerie_dsl.api import evaluation
from eerie_dsl.api.conversion import ArrayLike, lift, operand, required
from eerie_dsl.api.info import on_device
from eerie_dsl.api.keys import to_read, to_write
from eerie_dsl.api.protocols import Protocols
from eerie_dsl.errors import ArgumentError, DonatedError, ExchangeError, TracerError
from eerie_dsl.ir.aval import Aval, Shape
from eerie_dsl.ir.dtypes import DType, bool_
from eerie_dsl.ir.dtypes import dtype as _dtype
from eerie_dsl.ir.graph import Node, capture, placeholder
from eerie_dsl.ir.primitive import leaked
from eerie_dsl.ir.scope import Scope, state
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.contraction import matmul
from eerie_dsl.ops.composite.indexing import get_items, set_items
from eerie_dsl.runtime import from_dlpack as _from_dlpack
from eerie_dsl.runtime import lend, to_numpy, unseen


def _binary(function: Callable[..., Node], swap: bool = False) -> Callable[[Array, ArrayLike], Array]:
    def method(self: Array, other: ArrayLike) -> Any:
        node = other.node if type(other) is Array else operand(other)
        if node is NotImplemented:
            return NotImplemented
        return Array.of(function(node, self.node) if swap else function(self.node, node))

    return method


def _unary(function: Callable[..., Node]) -> Callable[[Array], Array]:
    def method(self: Array) -> Array:
        return Array.of(function(self.node))

    return method


class Array(Protocols):
    """An n-dimensional array of one dtype, on one device. Made by `eerie.asarray`, `eerie.zeros` and the like.

    Operations record; reading the value (print, float, NumPy, DLPack) computes what is pending as one program. An
    Array is an immutable value: ``x[i] = v`` and ``x += y`` make the *name* x stand for an updated value and leave
    every other array alone.

    >>> import eerie_dsl as eerie
    >>> x = eerie.asarray([1.0, 2.0, 3.0])
    >>> x * 2 + 1
    Array([3., 5., 7.], dtype=float32, device=cpu)
    """

    __slots__ = ("__weakref__", "_aval", "_node", "_value")
    _aval: Aval
    _node: Node | None
    _value: Any
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *_: Any, **__: Any) -> None:
        raise ArgumentError("an Array is not made by its class", hint="use eerie.asarray(value)")

    @classmethod
    def of(cls, node: Node) -> Array:
        """The array that a node computes."""
        if node.depth >= evaluation.SOFT and node.scope is None:
            evaluation.bounded(node)
        self = object.__new__(cls)
        self._aval = node.aval
        self._node = node
        self._value = None
        return self

    @classmethod
    def held(cls, aval: Aval, value: Any) -> Array:
        """The array of type ``aval`` in a device buffer."""
        self = object.__new__(cls)
        self._aval = aval
        self._node = None
        self._value = value
        return self

    @property
    def node(self) -> Node:
        """The array's node, to record operations on; inside a traced function, what stands for it there.

        Raises:
            DonatedError: its memory was given away.
            LeakedTracerError: it belongs to a trace that has ended.
        """
        node = self._node
        if node is None:
            if self._value is None:
                raise DonatedError("this array was donated to a jitted call, which reused its memory")
            node = self._node = placeholder(self._aval, value=self._value)
        scope = state.scope
        if scope is not None and node.scope is not scope:
            if node.scope is not None and not node.scope.active:
                raise leaked("this expression", node.scope)
            return capture(scope, self, self._aval, weak=node.weak)
        return node

    def buffer(self) -> Any:
        """The device buffer, computed now if need be.

        Raises:
            TracerError: inside a traced function there is no value yet.
        """
        if self._value is None:
            self._value = evaluation.buffer_of(self.computed())
        return self._value

    def computed(self) -> Node:
        """The array's node after its evaluation.

        Raises:
            TracerError: inside a traced function there is no value yet.
        """
        node = self._node
        if node is not None and node.scope is not None:
            if not node.scope.active:
                raise leaked("reading this array", node.scope)
            raise self._no_value(node.scope)
        if node is None:
            node = self.node
        if node.op is not None and node.value is None:
            evaluation.evaluate([node])
        return node

    def lent(self) -> Any:
        """The device buffer, which somebody else will hold too."""
        view = self._value = lend(self.buffer())
        if self._node is not None:
            self._node.value = view
        return view

    def alone(self, view: Any) -> bool:
        """Whether ``view``, the array's buffer, is held by nothing but the array and the list that the caller, who
        has it in a variable, took it from."""
        views, nodes = self._references(view)
        if self._node is None:
            return unseen(view) and views == _ALONE[0] - 1
        return unseen(view) and self._node.value is view and (views, nodes) == _ALONE

    def _references(self, view: Any) -> tuple[int, int]:
        return getrefcount(view), getrefcount(self._node)

    def donate(self) -> None:
        """Give the memory away: the array cannot be used any more, nor what is pending on it."""
        if self._node is not None:
            self._node.value = None
        self._node = self._value = None

    def _no_value(self, scope: Scope) -> TracerError:
        return TracerError(
            f"the value of {self._aval} is needed here, but {scope.name} is being traced and has no values yet",
            hint="make the argument static (static_argnames=...), use eerie.where instead of if, "
            "or move this line out of the jitted function",
        )

    @property
    def shape(self) -> Shape:
        """Size of each dimension."""
        return self._aval.shape

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._aval.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._aval.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._aval.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self._aval.nbytes

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array, without a copy."""
        return evaluation.array_of(self.computed()) if self._value is None else to_numpy(self.lent(), self._aval)

    # Indexing.

    def __getitem__(self, key: Any) -> Array:
        return Array.of(get_items(self.node, to_read(key, self._aval.shape)))

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        new = required(value)
        self._rebind(set_items(self.node, to_write(key, self._aval.shape, new), new))

    def _rebind(self, node: Node) -> None:
        scope = state.scope
        if scope is not None and (self._node is None or self._node.scope is not scope):
            raise TracerError(
                f"{scope.name} is being traced and assigns to an array that was made outside it",
                hint=f"return the new value from {scope.name}, or assign to a copy made inside: x = x + 0",
            )
        self._node = node
        self._aval = node.aval
        self._value = None

    # Operators.

    __add__ = _binary(ew.add)
    __radd__ = _binary(ew.add, swap=True)
    __sub__ = _binary(ew.subtract)
    __rsub__ = _binary(ew.subtract, swap=True)
    __mul__ = _binary(ew.multiply)
    __rmul__ = _binary(ew.multiply, swap=True)
    __truediv__ = _binary(ew.divide)
    __rtruediv__ = _binary(ew.divide, swap=True)
    __floordiv__ = _binary(ew.floor_divide)
    __rfloordiv__ = _binary(ew.floor_divide, swap=True)
    __mod__ = _binary(ew.remainder)
    __rmod__ = _binary(ew.remainder, swap=True)
    __pow__ = _binary(ew.power)
    __rpow__ = _binary(ew.power, swap=True)
    __matmul__ = _binary(matmul)
    __rmatmul__ = _binary(matmul, swap=True)
    __and__ = _binary(ew.bitwise_and)
    __rand__ = _binary(ew.bitwise_and, swap=True)
    __or__ = _binary(ew.bitwise_or)
    __ror__ = _binary(ew.bitwise_or, swap=True)
    __xor__ = _binary(ew.bitwise_xor)
    __rxor__ = _binary(ew.bitwise_xor, swap=True)
    __lshift__ = _binary(ew.bitwise_left_shift)
    __rlshift__ = _binary(ew.bitwise_left_shift, swap=True)
    __rshift__ = _binary(ew.bitwise_right_shift)
    __rrshift__ = _binary(ew.bitwise_right_shift, swap=True)
    __lt__ = _binary(ew.less)
    __le__ = _binary(ew.less_equal)
    __gt__ = _binary(ew.greater)
    __ge__ = _binary(ew.greater_equal)
    __eq__ = _binary(ew.equal)  # type: ignore[assignment]
    __ne__ = _binary(ew.not_equal)  # type: ignore[assignment]
    __neg__ = _unary(ew.negative)
    __pos__ = _unary(ew.positive)
    __abs__ = _unary(ew.absolute)
    __invert__ = _unary(ew.bitwise_invert)


def asarray(value: ArrayLike, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """``value`` as an Array.

    A mutable NumPy array is copied, because an Array must not see later writes; ``copy=False`` takes it without
    one and leaves the promise not to write to you. Python floats become float32, integers int64, NumPy arrays keep
    their dtype.

    Args:
        value: an Array, NumPy array, number, nested lists, or an object with ``__dlpack__``.
        dtype: element type; default: that of ``value``.
        device: one that arrays can live on, its name, or None for the default.
        copy: True always copies; False never does, and gives an Array itself back; None copies where another could
            write.

    Raises:
        DTypeError: elements that Eerie has no dtype for.
        ExchangeError: ``copy=False`` where a copy is needed.

    >>> asarray([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    on_device(device)
    return Array.of(lift(value, dtype=dtype, copy=copy)) if copy is not False else _shared(value, dtype)


def _shared(value: ArrayLike, dtype: Any) -> Array:
    if isinstance(value, bool | int | float | complex | list | tuple):
        raise ExchangeError(
            f"a Python {type(value).__name__} becomes an array by copying it", hint="leave copy=False out"
        )
    array = value if isinstance(value, Array) else Array.of(lift(value, copy=False))
    if dtype is not None and _dtype(dtype) is not array.dtype:
        raise ExchangeError(f"{array._aval} in {_dtype(dtype)} is a copy of it", hint="leave copy=False out")
    return array


def from_dlpack(x: object, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array of another library as an Array, sharing its memory where that is aligned to 64 bytes.

    Later writes to the other array then show here; `asarray` copies instead.

    Args:
        x: an object with ``__dlpack__`` and ``__dlpack_device__``, on the CPU.
        device: one that arrays can live on, its name, or None for the default.
        copy: True always copies; None copies where the memory cannot be shared; False refuses to.

    Raises:
        DTypeError: elements that Eerie has no dtype for.
        MissingProtocolError: ``x`` has no ``__dlpack__``.
        ExchangeError: memory of another device, or ``copy=False`` where it cannot be shared.

    >>> import numpy as np
    >>> from_dlpack(np.arange(3)).tolist()
    [0, 1, 2]
    """
    on_device(device)
    buffer, aval = _from_dlpack(x, copy=copy)
    return Array.held(aval, buffer)


def _references_of_one() -> tuple[int, int]:
    """What Python counts where nothing else holds an array's buffer and its node: versions of it differ."""
    array = Array.of(placeholder(Aval((), bool_), value=object()))
    array._value = array._node.value  # type: ignore[union-attr]
    views = [array._value]
    view = views[0]

    def called(view: Any) -> tuple[int, int]:  # as `Array.alone` is
        return array._references(view)

    return called(view)


_ALONE = _references_of_one()
