"""Arrays as text and, in notebooks, as tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from eerie_dsl.ir.aval import Aval
from eerie_dsl.runtime import Device

_EDGE = 6  # rows and columns that a table shows at either end


def representation(aval: Aval, device: Device, array: np.ndarray[Any, Any]) -> str:
    """What ``repr`` gives: laid out by NumPy, so that its print options hold."""
    body = np.array2string(array, separator=", ", prefix="Array(")
    return f"Array({body}, dtype={aval.dtype.name}, device={device})"


def table(aval: Aval, device: Device, array: np.ndarray[Any, Any] | None) -> str:
    """HTML: the type, and the values in a table of at most twelve rows and columns, the middle left out.

    Args:
        aval: the type.
        device: where the array lives.
        array: the values. Of more than two dimensions all but the last go down the page, each row under its
            indices. None for a traced array, which has no values.
    """
    shape = " × ".join(map(str, aval.shape)) or "0-d"
    title = f"<b>Array</b> {shape}, {_escaped(aval.dtype.name)}, {_escaped(device.name)}"
    if array is None:
        return f"<div>{title}, traced: no values yet</div>"
    if not array.size:
        return f"<div>{title}, no elements</div>"
    return f"<div>{title}<table>{''.join(_rows(array))}</table></div>"


def _rows(array: np.ndarray[Any, Any]) -> Iterator[str]:
    lines = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    down, across = _shown(lines.shape[0]), _shown(lines.shape[1])
    block = lines[np.ix_([r for r in down if r is not None], [c for c in across if c is not None])]
    texts = iter(_texts(block))
    labelled = array.ndim > 1
    if array.ndim:
        names = ["⋯" if c is None else str(c) for c in across]
        yield _row([], [""] * labelled + names)
    for r in down:
        cells = ["⋮" if r is None else "⋯" if c is None else next(texts) for c in across]
        place = "" if r is None or not labelled else ", ".join(map(str, np.unravel_index(r, array.shape[:-1])))
        yield _row(cells, [place] * labelled)


def _shown(count: int) -> Sequence[int | None]:
    if count <= 2 * _EDGE:
        return range(count)
    return [*range(_EDGE), None, *range(count - _EDGE, count)]


def _texts(block: np.ndarray[Any, Any]) -> list[str]:
    """The elements in row-major order, each written with the digits that all of them need."""
    line = np.array2string(block.reshape(-1), separator="\t", threshold=sys.maxsize, max_line_width=sys.maxsize)
    return [text.strip() for text in line[1:-1].split("\t")]


def _row(cells: Sequence[str], names: Sequence[str]) -> str:
    heads = "".join(f"<th>{_escaped(name)}</th>" for name in names)
    return f"<tr>{heads}{''.join(f'<td>{_escaped(cell)}</td>' for cell in cells)}</tr>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
