"""Programs that leave this machine: targets, files that run with only the runtime."""

from typing import TYPE_CHECKING

from eerie_dsl.export.front import Exported, export

__all__ = [
    "Bundle",
    "Entry",
    "Exported",
    "Library",
    "Session",
    "Spec",
    "TargetRow",
    "TargetTable",
    "bundle",
    "export",
    "load",
    "spec",
    "targets",
]

if TYPE_CHECKING:
    from eerie_dsl.export.entry import Entry
    from eerie_dsl.export.library import Library, Session, load
    from eerie_dsl.export.specs import Spec, spec
    from eerie_dsl.export.standalone import Bundle, bundle
    from eerie_dsl.export.table import TargetRow, TargetTable, targets
else:  # or every misspelt name would pass a type check

    def __getattr__(name: str) -> object:
        # Imported when they are first used: a program that is loaded has no use for what exports one.
        from importlib import import_module

        homes = {
            "entry": ("Entry",),
            "library": ("Library", "Session", "load"),
            "specs": ("Spec", "spec"),
            "standalone": ("Bundle", "bundle"),
            "table": ("TargetRow", "TargetTable", "targets"),
        }
        for home, names in homes.items():
            if name in names:
                return getattr(import_module(f"eerie_dsl.export.{home}"), name)
        raise AttributeError(f"module 'eerie_dsl.export' has no attribute {name!r}")
