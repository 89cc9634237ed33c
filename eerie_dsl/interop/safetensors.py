"""Tensors by name in safetensors files: mapped on their way in, written whole on their way out.

>>> import tempfile
>>> from eerie_dsl.interop import safetensors
>>> with tempfile.TemporaryDirectory() as directory:
...     path = f"{directory}/model.safetensors"
...     safetensors.save(path, {"weight": eerie.ones((2, 3)), "bias": eerie.zeros(2)}, metadata={"epoch": "3"})
...     tensors = safetensors.load(path)
...     safetensors.metadata(path)
{'epoch': '3'}
>>> tensors["bias"]
Array([0., 0.], dtype=float32, device=cpu)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError
from eerie_dsl.interop import header
from eerie_dsl.interop.files import TensorFile, shown, write


def load(path: str | os.PathLike[str], *, copy: bool = False) -> dict[str, eerie.Array]:
    """The tensors of a safetensors file, by name, in the order of its header.

    A tensor that begins at a multiple of 64 bytes is not copied: its Array is on the pages of the file, which the
    system reads when they are first used and may drop and read again. Files that `save` writes begin all large
    tensors there. What begins elsewhere, and bools, are read into memory, one tensor after the other, each once.

    The file is never changed through an Array: a program that reuses the memory of a donated one writes to a copy of
    the page. Replacing or deleting the file, as `save` does, leaves the arrays alone. **Truncating it in place does
    not**: the system ends a process that then touches a page which is gone (``SIGBUS``), and a change in place may
    show in arrays. ``copy=True`` is for files that others write to in that way.

    Args:
        path: of the file. It may come from anyone: it is checked before anything of the size it claims is allocated.
        copy: read all tensors into memory instead of mapping them.

    Raises:
        InvalidValueError: the file is damaged, truncated, or no safetensors file; the message names file and tensor.
        DTypeError: a tensor has elements that Eerie has no dtype for, such as those of 8 bits.
        OSError: the file cannot be opened.
    """
    file = TensorFile(path)
    try:
        return {
            name: file.array(entry.offset, entry.shape, entry.dtype, tensor=name, copy=copy)
            for name, entry in header.read(file).entries.items()
        }
    finally:
        file.close()


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts in the header of a safetensors file, which is checked as by `load`.

    Raises:
        InvalidValueError, DTypeError, OSError: as `load`.
    """
    file = TensorFile(path)
    try:
        return header.read(file).metadata
    finally:
        file.close()


def save(path: str | os.PathLike[str], tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, whole or not at all: it takes the place of an older one when all of it is
    on the disk. A process that is killed meanwhile leaves the older one, and a file that ends in ``.tmp``.

    Tensors begin at multiples of 64 bytes, so that `load` maps them, if their sizes are such multiples; so does one
    of the others, the largest with the widest elements. The format has no room for gaps, so the rest does not.

    Args:
        path: of the file.
        tensors: Arrays, NumPy arrays or other array-likes by name. What is pending is computed first, together.
        metadata: texts by name, for the header.

    Raises:
        ArgumentError: a name or a text is not a string.
        DTypeError: complex128, which the format does not have, or elements that Eerie does not have.
        InvalidValueError: the name ``__metadata__``, which the format keeps for itself, or one that is not Unicode.
        OSError: the disk is full or cannot be written; what was there before stays.
    """
    texts = dict(metadata or {})
    for text in [*tensors, *texts, *texts.values()]:
        if not isinstance(text, str):
            raise ArgumentError(f"safetensors.save: {text!r} is a {type(text).__name__}, and names are strings")
    if "__metadata__" in tensors:
        raise InvalidValueError("safetensors.save: a tensor cannot be called '__metadata__'", hint="rename it")
    arrays = dict(zip(tensors, values(list(tensors.values())), strict=True))
    types = {name: (_dtype(name, array), array.shape) for name, array in arrays.items()}
    order = header.layout(types)
    start = header.encode([(name, *types[name]) for name in order], texts)
    write(path, [start, *(raw(arrays[name]) for name in order)])


def _dtype(name: str, array: np.ndarray[Any, Any]) -> eerie.DType:
    try:
        found = eerie.result_type(array.dtype)
    except DTypeError:
        found = None
    if found is None or found not in header.NAMES:
        hint = "save its real and imaginary parts" if array.dtype.kind == "c" else "convert it first"
        raise DTypeError(f"safetensors.save: tensor {shown(name)} is {array.dtype}, which cannot be saved", hint=hint)
    return found


def values(tensors: list[Any]) -> list[np.ndarray[Any, Any]]:
    """Array-likes as NumPy arrays, those of Eerie computed together and not copied."""
    eerie.eval([t for t in tensors if isinstance(t, eerie.Array)])
    return [t if type(t) is np.ndarray else eerie.asarray(t).numpy() for t in tensors]


def raw(array: np.ndarray[Any, Any]) -> memoryview:
    """The elements of an array as bytes, in row-major order."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native).reshape(-1).view(np.uint8).data
