"""What can be measured: modules of this package with a function ``run(budget)``, in the order of the report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.harness import Line

SUBJECTS = (
    "overhead",
    "scripts",
    "warm_start",
    "compile_time",
    "threads",
    "memory",
    "elementwise",
    "reductions",
    "normalization",
    "matmul",
    "matvec",
    "networks",
    "convolutions",
    "selection",
    "recurrences",
    "gradients",
    "peak_gradients",
    "loops",
    "dims",
    "minilm",
    "training",
)


class Family(NamedTuple):
    """Subjects of the kernel table that belong together.

    Attributes:
        name: what they have in common.
        subjects: their names.
        target: what the geometric mean of the ratios to the best peers should be at least; None where nothing was
            promised.
    """

    name: str
    subjects: tuple[str, ...]
    target: float | None = None


FAMILIES = (
    Family("elementwise", ("elementwise",), 2.0),
    Family("reductions, softmax, norms", ("reductions", "normalization"), 1.2),
    Family("matmul and convolution", ("matmul", "convolutions"), 1.0),
    Family("matrix and vector", ("matvec",)),
    Family("perceptrons, attention, a transformer", ("networks", "minilm")),
    Family("gather, scatter, order", ("selection",)),
    Family("loops", ("recurrences", "loops")),
    Family("gradients and training", ("gradients", "training")),
)


def measure(subject: str, budget: float) -> list[Line]:
    """The subject's lines of the report.

    Args:
        subject: name of the module.
        budget: seconds for each of its races.
    """
    lines: list[Line] = import_module(f"bench.{subject}").run(budget)
    return lines
