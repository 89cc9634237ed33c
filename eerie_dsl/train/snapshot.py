"""Snapshots: a tree of arrays, numbers and texts as one file, and a directory that keeps the last few."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np

import eerie_dsl as eerie
from eerie_dsl import tree as trees
from eerie_dsl.digest import digest
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, warn
from eerie_dsl.interop import header
from eerie_dsl.interop.files import TensorFile, write
from eerie_dsl.interop.safetensors import raw, values

T = TypeVar("T")

_PYTHON = (bool, int, float, complex, str)
_KEY = "eerie.snapshot"  # in the header, with what the format has no place for
_CHECKSUM = 16  # bytes
_FILE = re.compile(r"step-(\d+)\.safetensors")
_LEFT = re.compile(r"step-\d+\.safetensors\.\d+-[0-9a-f]+\.tmp")


class _Kind(NamedTuple):
    """What a leaf is: its dtype or Python type, and the shape of an array."""

    name: str
    shape: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return self.name if self.shape is None else f"{self.name} {self.shape}"


class _Saved(NamedTuple):
    """What the header of a snapshot says: its arrays, its other leaves, and the checksum of the arrays' bytes."""

    arrays: dict[str, header.Entry]
    others: dict[str, tuple[str, Any]]
    checksum: str


class _Misfit(NamedTuple):
    """The error for a whole snapshot that is not one of what is wanted."""

    error: InvalidValueError


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a tree to a file, whole or not at all: a model, the state of its optimiser, a random key, a counter.

    The file is a safetensors file. Each array has the name of its place, as in ``tree['params'].weight``; Python
    numbers and strings are in its metadata. It takes the place of an older file when all of it is on the disk: a
    process that is killed, or a machine that stops, leaves the older one.

    Args:
        path: of the file.
        tree: any nesting of containers whose leaves are Arrays, NumPy arrays, Python numbers and strings. What is
            pending is computed first, together.

    Raises:
        ArgumentError: a leaf is something else.
        DTypeError: an array of elements that Eerie does not have.
        OSError: the disk is full or cannot be written; what was there before stays.

    >>> import tempfile
    >>> from eerie_dsl import train
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     train.save(f"{directory}/a.safetensors", {"w": eerie.ones(2), "step": 3})
    ...     train.restore(f"{directory}/a.safetensors", like={"w": eerie.zeros(2), "step": 0})
    {'w': Array([1., 1.], dtype=float32, device=cpu), 'step': 3}
    """
    leaves = _leaves("train.save", tree)
    others = {name: _encoded(leaf) for name, leaf in leaves.items() if type(leaf) in _PYTHON}
    found = {name: leaf for name, leaf in leaves.items() if name not in others}
    arrays = dict(zip(found, values(list(found.values())), strict=True))
    types, pairs = {}, []
    for name, array in arrays.items():
        types[name] = eerie.result_type(array.dtype), array.shape
        if types[name][0] is eerie.complex128:  # which the format does not have
            types[name] = eerie.float64, (*array.shape, 2)
            pairs.append(name)
    order = header.layout(types)
    data = [raw(arrays[name]) for name in order]
    record = {"others": others, "complex128": pairs, "checksum": digest(*data, size=_CHECKSUM).hex()}
    start = header.encode([(name, *types[name]) for name in order], {_KEY: json.dumps(record)})
    write(path, [start, *data])


def restore(path: str | os.PathLike[str], like: T) -> T:
    """The tree that `save` wrote to a file.

    Args:
        path: of the file.
        like: a tree with the structure, and with the shapes and dtypes of the arrays; their values do not matter.
            Where it has a NumPy array, one is given back.

    Returns:
        A tree like ``like``. Its arrays are in memory of their own; nothing depends on the file any more.

    Raises:
        InvalidValueError: the file does not fit: all that is missing in it, all that it has too much, all wrong
            shapes and dtypes are in the message. Or it is damaged, truncated, or no snapshot.
        OSError: the file cannot be opened.
    """
    found = _read(path, _leaves("train.restore", like), like)
    if isinstance(found, _Misfit):
        raise found.error
    return found


class Snapshots:
    """The last few snapshots of a training run, in a directory of its own.

    Args:
        directory: made if it is not there, with the first snapshot.
        keep: how many snapshots stay. More than one, so that a damaged one costs little.

    Raises:
        InvalidValueError: ``keep`` is less than 1.

    >>> import tempfile
    >>> from eerie_dsl import train
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     snapshots = train.Snapshots(directory, keep=2)
    ...     for step in (10, 20, 30):
    ...         snapshots.save(step, {"w": eerie.full(2, step)})
    ...     snapshots.steps(), snapshots.latest(like={"w": eerie.zeros(2, dtype="int64")})
    ([20, 30], (30, {'w': Array([30, 30], dtype=int64, device=cpu)}))
    """

    def __init__(self, directory: str | os.PathLike[str], keep: int = 3) -> None:
        if keep < 1:
            raise InvalidValueError(f"Snapshots(keep={keep}): at least one has to stay")
        self.directory = os.fspath(directory)
        self.keep = keep

    def steps(self) -> list[int]:
        """The steps of which there are snapshots, the oldest first."""
        return sorted(int(match[1]) for match in self._matches(_FILE))

    def path(self, step: int) -> str:
        """The file of a step, which may not be there."""
        return os.path.join(self.directory, f"step-{step:08d}.safetensors")

    def save(self, step: int, tree: Any) -> None:
        """Save a tree as that of a step, and delete the oldest snapshots beyond ``keep``. Those of later steps stay.

        Raises:
            InvalidValueError: ``step`` is negative.
            ArgumentError, DTypeError, OSError: as `train.save`.
        """
        if step < 0:
            raise InvalidValueError(f"Snapshots.save of step {step}: steps are counted from 0")
        os.makedirs(self.directory, exist_ok=True)
        save(self.path(step), tree)
        earlier = [s for s in self.steps() if s < step]
        superfluous = [self.path(s) for s in earlier[: max(0, len(earlier) - (self.keep - 1))]]
        # What processes left that were killed here.
        superfluous += [os.path.join(self.directory, match[0]) for match in self._matches(_LEFT)]
        for path in superfluous:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def latest(self, like: T) -> tuple[int, T] | None:
        """The newest snapshot that is whole: its step, and its tree. None where there is none at all.

        A damaged one gives an `EerieWarning`, and the one before it is taken.

        Args:
            like: as for `train.restore`.

        Raises:
            InvalidValueError: the newest whole snapshot does not fit ``like``, or all are damaged.
        """
        leaves = _leaves("Snapshots.latest", like)
        damaged: list[tuple[int, str]] = []
        for step in reversed(self.steps()):
            try:
                found = _read(self.path(step), leaves, like)
            except (eerie.EerieError, OSError) as error:
                damaged.append((step, getattr(error, "message", str(error))))
                continue
            for bad, reason in damaged:
                warn(f"the snapshot of step {bad} is damaged, that of step {step} is taken instead: {reason}")
            if isinstance(found, _Misfit):
                raise found.error
            return step, found
        if damaged:
            reasons = "".join(f"\n    {reason}" for _, reason in damaged)
            raise InvalidValueError(
                f"all snapshots in {self.directory} are damaged:{reasons}", hint="delete them to start anew"
            )
        return None

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        names = os.listdir(self.directory) if os.path.isdir(self.directory) else []
        return (match for name in names if (match := pattern.fullmatch(name)))


def _leaves(caller: str, tree: Any) -> dict[str, Any]:
    """The leaves by their places."""
    leaves, names = trees.leaves(tree), trees.paths(tree, "tree")
    wrong = [
        f"{name} is a {type(leaf).__name__}" for name, leaf in zip(names, leaves, strict=True) if _kind(leaf) is None
    ]
    if len(set(names)) < len(names):
        wrong += sorted({f"{name} is two places" for name in names if names.count(name) > 1})
    if wrong:
        raise ArgumentError(
            f"{caller}: {'; '.join(wrong)}", hint="leaves are Arrays, NumPy arrays, Python numbers and strings"
        )
    return dict(zip(names, leaves, strict=True))


def _kind(leaf: Any) -> _Kind | None:
    if type(leaf) in _PYTHON:
        return _Kind(type(leaf).__name__)
    if not isinstance(leaf, eerie.Array | np.ndarray | np.generic):
        return None
    try:
        return _Kind(eerie.result_type(leaf.dtype).name, tuple(leaf.shape))
    except DTypeError:
        return None


def _encoded(leaf: Any) -> tuple[str, Any]:
    return type(leaf).__name__, [leaf.real, leaf.imag] if type(leaf) is complex else leaf


def _header(file: TensorFile) -> _Saved:
    found = header.read(file)
    if _KEY not in found.metadata:
        raise file.refusal("it is no snapshot", hint="read it with eerie.interop.safetensors.load")
    try:
        record = json.loads(found.metadata[_KEY])
        arrays = dict(found.entries)
        for name in record["complex128"]:
            entry = arrays[name]
            if entry.dtype is not eerie.float64 or entry.shape[-1:] != (2,):
                raise ValueError
            arrays[name] = entry._replace(dtype=eerie.complex128, shape=entry.shape[:-1])
        others = {}
        for name, (kind, value) in record["others"].items():
            value = complex(*value) if kind == "complex" else value
            if type(value) not in _PYTHON or type(value).__name__ != kind or name in arrays:
                raise ValueError
            others[name] = kind, value
        return _Saved(arrays, others, record["checksum"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise file.refusal(f"{_KEY} in its header is damaged") from None


def _read(path: str | os.PathLike[str], leaves: dict[str, Any], like: T) -> T | _Misfit:
    file = TensorFile(path)
    try:
        saved = _header(file)
        return _misfit(file, saved, leaves) or _restored(file, saved, leaves, like)
    finally:
        file.close()


def _misfit(file: TensorFile, saved: _Saved, leaves: dict[str, Any]) -> _Misfit | None:
    """The error that lists in what a snapshot differs from what is wanted."""
    there = {name: _Kind(entry.dtype.name, entry.shape) for name, entry in saved.arrays.items()}
    there |= {name: _Kind(kind) for name, (kind, _) in saved.others.items()}
    wanted = {name: kind for name, leaf in leaves.items() if (kind := _kind(leaf)) is not None}
    lines = [f"missing: {name}, {kind}" for name, kind in wanted.items() if name not in there]
    lines += [f"extra: {name}, {kind}" for name, kind in there.items() if name not in wanted]
    for name, kind in wanted.items():
        found = there.get(name, kind)
        if (found.shape is None) != (kind.shape is None):
            lines.append(f"{name}: {found} in the file, {kind} wanted")
        else:
            if found.shape != kind.shape:
                lines.append(f"shape of {name}: {found.shape} in the file, {kind.shape} wanted")
            if found.name != kind.name:
                lines.append(f"dtype of {name}: {found.name} in the file, {kind.name} wanted")
    if not lines:
        return None
    return _Misfit(file.refusal("it does not fit what is wanted" + "".join(f"\n    {line}" for line in lines)))


def _restored(file: TensorFile, saved: _Saved, leaves: dict[str, Any], like: T) -> T:
    arrays = {n: file.array(e.offset, e.shape, e.dtype, tensor=n, copy=True) for n, e in saved.arrays.items()}
    order = sorted(arrays, key=lambda name: (saved.arrays[name].offset, saved.arrays[name].nbytes))
    if digest(*(raw(arrays[name].numpy()) for name in order), size=_CHECKSUM).hex() != saved.checksum:
        raise file.refusal("its bytes are not those that were written: the checksum differs")

    def leaf(name: str) -> Any:
        if name in saved.others:
            return saved.others[name][1]
        if isinstance(leaves[name], eerie.Array):
            return arrays[name]
        return np.array(arrays[name].numpy())[() if isinstance(leaves[name], np.generic) else ...]

    found: T = trees.unflatten(trees.flatten(like)[1], [leaf(name) for name in leaves])
    return found
