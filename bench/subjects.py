"""What can be measured: modules of this package with a function ``run(budget)``, in the order of the report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.harness import Line

SUBJECTS = (
    "overhead",
    "scripts",
    "warm_start",
    "elementwise",
    "memory",
    "gradients",
    "peak_gradients",
    "loops",
    "dims",
    "minilm",
)


def measure(subject: str, budget: float) -> list[Line]:
    """The subject's lines of the report.

    Args:
        subject: name of the module.
        budget: seconds for each of its races.
    """
    lines: list[Line] = import_module(f"bench.{subject}").run(budget)
    return lines
