"""Shuffled batches of arrays, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eerie_dsl as eerie
from eerie_dsl import tree as trees
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError


class Batches:
    """Batches of examples, in another order in each epoch. Made by `batches`.

    Called with the number of an epoch, it gives the batches of that epoch, the same ones each time; `len` is how
    many there are.
    """

    def __init__(self, arrays: Any, size: int, key: Any, shuffle: bool, drop_last: bool) -> None:
        leaves, self._structure = trees.flatten(arrays)
        self._leaves = [leaf.numpy() if isinstance(leaf, eerie.Array) else np.asarray(leaf) for leaf in leaves]
        self._size = size
        self._key = key if shuffle else None
        self._examples = _examples(arrays, self._leaves)
        whole, rest = divmod(self._examples, size)
        self._batches = whole if drop_last else whole + (rest > 0)
        if not self._batches:
            raise InvalidValueError(f"train.batches: {self._examples} examples make no batch of {size}")

    def __len__(self) -> int:
        return self._batches

    def __call__(self, epoch: int) -> Iterator[tuple[Any, NDArray[np.float32]]]:
        order = self._order(epoch)
        for start in range(0, self._batches * self._size, self._size):
            rows = order[start : start + self._size]
            weight = (np.arange(self._size) < len(rows)).astype(np.float32)
            rows = np.resize(rows, self._size)  # repeats them
            yield trees.unflatten(self._structure, [leaf[rows] for leaf in self._leaves]), weight

    def _order(self, epoch: int) -> NDArray[Any]:
        if self._key is None:
            return np.arange(self._examples)
        with eerie.config(evaluation="reference"):  # the same numbers, and nothing is compiled for them
            key = eerie.random.fold_in(self._key, epoch)
            return eerie.random.permutation(self._examples, key=key).numpy()


def batches(arrays: Any, size: int, key: Any = None, *, shuffle: bool = True, drop_last: bool = False) -> Batches:
    """Batches of equal size, each with the weights of its examples, so that a training step is compiled once.

    ``for batch, weight in batches(...)(epoch)`` gives trees like ``arrays``, of NumPy arrays of ``size`` examples, and
    ``weight``, float32 ``[size]``: 1 for each example. The last batch is filled up with examples that are in it
    already, and their weight is 0. A loss that is ``eerie.average(losses, weights=weight)`` of the ``losses`` of the
    examples, ``[size]``, is then the mean over the real ones, and so is its gradient. What looks at a batch as a
    whole, as batch normalisation does, sees the repeated examples: there ``drop_last=True`` is exact.

    Args:
        arrays: a tree of arrays whose first axis are the examples.
        size: examples in a batch.
        key: of `eerie.random`; the order of an epoch depends on it and on the epoch's number only.
        shuffle: False takes the examples as they come, and needs no key.
        drop_last: leave out the examples at the end of an epoch that do not fill a batch.

    Raises:
        ShapeError: arrays without examples, or with different numbers of them.
        InvalidValueError: ``size`` is less than 1, or there is not one batch.
        ArgumentError: there is no array, or no key to shuffle with.

    >>> import numpy as np
    >>> from eerie_dsl import train
    >>> data = train.batches({"x": np.arange(5)}, 2, shuffle=False)
    >>> for batch, weight in data(0):
    ...     print(batch["x"], weight)
    [0 1] [1. 1.]
    [2 3] [1. 1.]
    [4 4] [1. 0.]
    """
    if size < 1:
        raise InvalidValueError(f"train.batches of size {size}: it has to be 1 or more")
    if shuffle and key is None:
        raise ArgumentError("train.batches needs a key to shuffle with", hint="pass key, or shuffle=False")
    return Batches(arrays, size, key, shuffle, drop_last)


def _examples(arrays: Any, leaves: list[NDArray[Any]]) -> int:
    if not leaves:
        raise ArgumentError("train.batches: there is no array")
    named = list(zip(trees.paths(arrays, "arrays"), leaves, strict=True))
    for name, leaf in named:
        if not leaf.ndim:
            raise ShapeError(f"train.batches: {name} has no axes, and its first axis should be the examples")
    counts = {len(leaf) for leaf in leaves}
    if len(counts) > 1:
        words = ", ".join(f"{name} {leaf.shape}" for name, leaf in named)
        raise ShapeError(f"train.batches: different numbers of examples: {words}")
    return counts.pop()
