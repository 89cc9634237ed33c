"""The targets as a table: what each needs, and whether it runs here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from eerie_dsl.compile import TARGETS, absence, backends, get_target
from eerie_dsl.compile.cpu import architecture, features, host_cpu
from eerie_dsl.errors import CompileError
from eerie_dsl.runtime import probe


class TargetRow(NamedTuple):
    """A target in the table.

    Attributes:
        name: what to call it.
        description: what it is.
        needs: what running its programs takes, beyond this package.
        runs: whether its programs run on this machine.
        obstacle: why they do not; empty when they do.
        absence: why the installed compiler cannot compile for it; empty when it can.
    """

    name: str
    description: str
    needs: str
    runs: bool
    obstacle: str
    absence: str


class TargetTable(tuple[TargetRow, ...]):
    """The rows of `targets`, which print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [
            ("target", "runs here", "needs", "what it is"),
            *((r.name, _state(r), r.needs, r.description) for r in self),
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d}" for a, b, c, d in rows)


def targets() -> TargetTable:
    """All targets: what each is, what it needs, whether its programs run here. Print it.

    Drivers of GPUs are asked whether they see a device. What the installed compiler cannot emit yet is listed with
    the reason, and can be used as soon as a compiler is installed that can.

    >>> import eerie_dsl as eerie
    >>> table = targets()
    >>> table[0].name, table[0].runs
    ('host', True)
    """
    try:
        backends()
        broken = ""
    except CompileError as error:  # said once, not for each
        broken = error.message.splitlines()[0]
    rows = []
    for target in TARGETS.values():
        missing = broken or absence(target)
        why = obstacle(get_target(target)._asdict())
        if not broken:
            why = missing or why
        rows.append(TargetRow(target.name, target.description, target.needs, not why, why, missing))
    return TargetTable(rows)


def obstacle(target: Mapping[str, Any]) -> str:
    """Why programs of a target do not run on this machine; empty when they do.

    Args:
        target: the fields of a `Target`, as a file has them: it may be one that this version does not know.
    """
    driver = target["driver"]
    if not driver:
        return f"it has no runtime; it needs {target['needs']}"
    if driver != "local":
        found, reason = probe(driver)
        return "" if found else reason
    machine, system = target["machine"], target["system"]
    if target["variant"] and target["variant"] != host_cpu():
        return "it is for the very CPU that it was compiled on, which is another"
    if machine and machine != architecture():
        return f"it is for {machine}, and this machine is {architecture()}"
    if system and system != sys.platform:
        return f"it is for {system}, and this system is {sys.platform}"
    lacking = [f for f in target["features"] if f not in features()]
    return f"this CPU lacks {', '.join(lacking)}" if lacking else ""


def _state(row: TargetRow) -> str:
    if row.runs:
        return "yes"
    return "not yet" if row.absence == row.obstacle else "no"
