"""Keys of random numbers, and the default stream of keys."""

from __future__ import annotations

import os
import threading
from operator import index

import numpy as np

from eerie_dsl.api.array import Array
from eerie_dsl.api.conversion import ArrayLike, Recorded, lift
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError, TracerError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import uint32, uint64
from eerie_dsl.ir.graph import Node, placeholder
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.shape import stack
from eerie_dsl.ops.constant import constant_of, like
from eerie_dsl.ops.random import FOLD, SEQUENCE, SPLIT, Words, check_key, random_keys
from eerie_dsl.ops.shape import iota
from eerie_dsl.runtime import from_numpy

_KEY = Aval((2,), uint32)
_WORD = (1 << 64) - 1


def key(seed: ArrayLike, /) -> Array:
    """The key of a seed: ``uint32[2]``, for the ``key`` argument of the functions of this module.

    Args:
        seed: any Python integer, or an integer array of no dimensions, which may be traced. Seeds are taken modulo
            ``2**64``, but that Python integers beyond 64 bits have keys of their own.

    Raises:
        ArgumentError: not an integer.
        DTypeError: an array of something else than integers.
        ShapeError: an array with dimensions.

    >>> key(7)
    Array([0, 7], dtype=uint32, device=cpu)
    """
    number = _python_integer("key", seed)
    if number is not None:
        return Array.of(_key_node(_words_of(number)))
    node = _integer("key", seed)
    if node.ndim:
        raise ShapeError(f"key of {node.aval}: a seed is one integer", hint="fold_in gives a key for each of many")
    words = (ew.bitwise_right_shift(node, like(node, 32)), node)
    return Array.of(stack([ew.astype(w, uint32) for w in words]))


def split(key: ArrayLike, /, n: int = 2) -> Array:
    """``n`` keys in place of one, ``[n, 2]``. Use each key for one draw; those of a split are independent.

    Raises:
        DTypeError, ShapeError: not a key.
        InvalidValueError: a negative ``n``.

    >>> first, second = split(key(7))
    >>> first
    Array([414531323, 557200771], dtype=uint32, device=cpu)
    """
    count = index(n)
    if count < 0:
        raise InvalidValueError(f"split into {count} keys", hint="n must be 0 or more")
    node = _given("split", key)
    return Array.of(random_keys(node, iota(shape=(count,), dtype=uint64, axis=0), stream=SPLIT))


def fold_in(key: ArrayLike, data: ArrayLike, /) -> Array:
    """The key that a key and an integer make: another one for each integer, such as the number of a step.

    Args:
        key: a key.
        data: a Python integer, modulo ``2**64``, or integers of any shape, which may be traced.

    Returns:
        The shape of ``data``, and an axis of 2.

    Raises:
        DTypeError, ShapeError: not a key, or not integers.

    >>> fold_in(key(7), 3)
    Array([2986843047, 4111368905], dtype=uint32, device=cpu)
    """
    number = _python_integer("fold_in", data)
    if number is not None:
        value = np.array(number & _WORD, np.uint64)
        scope = state.scope
        node = constant_of(value, uint64) if scope is not None else placeholder(Aval((), uint64), value=value[()])
    else:
        node = _integer("fold_in", data)
    return Array.of(random_keys(_given("fold_in", key), node, stream=FOLD))


def seed(seed: int | None = None, /) -> None:
    """Start the default stream anew: the functions that get no key then give the same numbers again.

    The stream belongs to the process; with several threads, which thread gets which numbers is not settled. Unless it
    was seeded, a forked process starts a stream of its own.

    Args:
        seed: any integer; None takes one from the operating system, as happens by itself at the first use.

    >>> seed(0)
    """
    number = None if seed is None else _python_integer("seed", seed)
    if seed is not None and number is None:
        raise ArgumentError(f"seed of a {type(seed).__name__}: a seed is an integer or None")
    _default.start(number)


class _Stream:
    """Keys one after the other, made many at a time."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if never used: in a forked process another thread may have held the lock."""
        self._lock = threading.Lock()
        self._root: Words | None = None
        self._made = 0
        self._ready: list[Words] = []
        self._seeded = False

    def forked(self) -> None:
        if self._seeded:
            self._lock = threading.Lock()
        else:
            self.forget()

    def start(self, number: int | None) -> None:
        with self._lock:
            self._begin(number)

    def next(self) -> Words:
        with self._lock:
            if not self._ready:
                if self._root is None:
                    self._begin(None)
                places = np.arange(self._made, self._made + 256, dtype=np.uint64)
                self._ready = list(random_keys.reference(self._root, places, stream=SEQUENCE)[::-1])
                self._made += 256
            return self._ready.pop()

    def _begin(self, number: int | None) -> None:
        self._seeded = number is not None
        self._root = _words_of(int.from_bytes(os.urandom(8), "little") if number is None else number)
        self._made, self._ready = 0, []


_default = _Stream()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_default.forked)


def key_for(op: str, key: ArrayLike | None) -> Node:
    """The key that a function draws from: the one given, or the next of the default stream.

    Raises:
        TracerError: none is given inside a traced function.
        DTypeError, ShapeError: not a key.
    """
    if key is not None:
        return _given(op, key)
    if state.scope is not None:
        raise TracerError(
            f"{op} needs a key here: {state.scope.name} is being traced, and numbers of the default stream would be "
            "the same at every call",
            hint="give the function a key argument, pass key=... on, and call it with eerie.random.key(...)",
        )
    return _key_node(_default.next())


def _key_node(words: Words) -> Node:
    if state.scope is not None:
        return constant_of(words, uint32)
    return placeholder(_KEY, value=from_numpy(words, uint32, copy=True))


def _given(op: str, key: ArrayLike) -> Node:
    node = lift(key)
    if node.aval is not _KEY:
        check_key(random_keys, node.aval)
        raise ShapeError(f"{op} takes one key uint32[2], got {node.aval}", hint="take one of them, as in keys[0]")
    return node


def _python_integer(op: str, value: ArrayLike) -> int | None:
    if isinstance(value, Recorded | np.ndarray) or hasattr(value, "__dlpack__"):
        return None
    try:
        return index(value)
    except TypeError:
        raise ArgumentError(f"{op} of a {type(value).__name__}: an integer is needed") from None


def _integer(op: str, value: ArrayLike) -> Node:
    node = lift(value)
    if not node.dtype.is_integer:
        raise DTypeError(f"{op} of {node.aval}: integers are needed", hint="cast with astype(eerie.int64)")
    return ew.astype(node, uint64)


def _words_of(number: int) -> Words:
    """The key of a seed. Numbers beyond 64 bits are folded in from above."""
    low = number & _WORD
    if -(1 << 63) <= number <= _WORD:
        return np.array([low >> 32, low & 0xFFFFFFFF], np.uint32)
    outer: Words = random_keys.reference(_words_of(number >> 64), np.array(low, np.uint64), stream=FOLD)
    return outer
