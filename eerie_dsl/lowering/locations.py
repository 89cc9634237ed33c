"""Which nodes of a graph an operation in the IR comes from: its location says so."""

from __future__ import annotations

from typing import Any

from iree.compiler import ir


def nodes_at(location: Any) -> set[int]:
    """The nodes of the graph that a location names."""
    if isinstance(location, ir.CallSiteLoc):
        return nodes_at(location.callee)
    if isinstance(location, ir.FusedLoc):
        return {n for part in location.locations for n in nodes_at(part)}
    if isinstance(location, ir.NameLoc):
        name = location.name_str
        if name[:1] == "n" and name[1:].isdecimal():
            return {int(name[1:])}
        return nodes_at(location.child_loc)
    return set()
