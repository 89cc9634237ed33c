"""How commands print: tables, sizes, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def add_json(parser: Any) -> None:
    """The option that every command with results has."""
    parser.add_argument("--json", action="store_true", help="for programs to read")


def print_json(value: object) -> None:
    """``value`` as indented JSON."""
    import json

    print(json.dumps(value, indent=2))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
