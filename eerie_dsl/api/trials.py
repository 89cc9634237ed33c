"""Programs that tuning tries: made with given tiles, and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

import numpy as np

from eerie_dsl.api.search import Program
from eerie_dsl.compile import Target
from eerie_dsl.compile.candidates import Choice
from eerie_dsl.compile.trials import compile_chosen
from eerie_dsl.config import config
from eerie_dsl.errors import CompileError, ExecutionError
from eerie_dsl.ir.graph import Graph
from eerie_dsl.runtime import Executable, from_numpy, to_numpy

_TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-4, np.dtype(np.float16): 4e-3}
"""How far the order of a sum may move a result, relative to it and to the typical element of its array."""

_COARSE = 3e-2
"""The same for bfloat16 and narrower types."""

_SLOWER, _PATIENCE = 3.0, 2.0
"""A program may take so many times as long to compile as the first one, and so many seconds."""

_NUMPY_FLOPS = 2e9
"""Work up to which NumPy is asked too."""


class Trials:
    """Makes programs with given tiles, and sees that they compute what they should."""

    def __init__(
        self, core: Graph, target: Target, name: str, views: Sequence[Any], pooled: bool, left: Callable[[], float]
    ) -> None:
        self._core = core
        self._target = target
        self._name = name
        self._pooled = pooled
        self._left = left
        # Copies: a program that is wrong may write to its arguments.
        self._inputs = [to_numpy(v, a).copy() for v, a in zip(views, core.in_avals, strict=True)]
        self._views = self._fresh()
        self._patience = config.compile_timeout
        self._expected: list[Any] = []
        self._exact: list[Any] | None = None
        self._errors: list[float] = []

    def first(self) -> Program:
        """The program without tuning, whose results all others must have.

        Raises:
            CompileError: it does not compile.
        """
        start = monotonic()
        plain = self._compiled({})
        self._patience = _SLOWER * (monotonic() - start) + _PATIENCE
        self._expected = self._results(plain[0])
        if self._core.flops <= _NUMPY_FLOPS and not any(n.op and n.op.sequential for n in self._core.walk()):
            self._exact = [np.asarray(r) for r in self._core.evaluate(self._inputs)]
            self._errors = [_distance(a, b) for a, b in zip(self._expected, self._exact, strict=True)]
        return self._program(plain)

    def build(self, choices: Mapping[str, Choice]) -> Program | None:
        """The program with these tiles; None when it does not compile or is wrong."""
        try:
            executables = self._compiled(choices)
            results = [self._results(e) for e in executables]
        except (CompileError, ExecutionError):
            return None
        intact = all(
            np.array_equal(_bytes(to_numpy(v, a)), _bytes(i))
            for v, a, i in zip(self._views, self._core.in_avals, self._inputs, strict=True)
        )
        if not intact:
            self._views = self._fresh()
            return None
        return self._program(executables) if all(map(self._right, results)) else None

    def _compiled(self, choices: Mapping[str, Choice]) -> tuple[Executable, ...]:
        bound = config.compile_timeout
        if choices:
            bound = min(bound, self._patience, max(self._left(), 1.0))
        with config(compile_timeout=bound):
            program = compile_chosen(self._core, self._target, tuple(sorted(choices.items())), name=self._name)
        if choices and program.rung:
            raise CompileError(f"only {program.rung}")
        return tuple(Executable(program.vmfb, pooled=p) for p in ((False, True) if self._pooled else (False,)))

    def _program(self, executables: Sequence[Executable]) -> Program:
        return tuple((lambda e=e: e(self._views)) for e in executables)

    def _results(self, executable: Executable) -> list[Any]:
        found = zip(executable(self._views), self._core.out_avals, strict=True)
        return [to_numpy(r, a).copy() for r, a in found]

    def _right(self, results: Sequence[Any]) -> bool:
        if any(_distance(r, e) > 1 for r, e in zip(results, self._expected, strict=True)):
            return False
        if self._exact is None:
            return True
        # No farther from NumPy than the tolerance, or than twice what the program was before.
        found = zip(results, self._exact, self._errors, strict=True)
        return all(_distance(r, e) <= max(1.0, 2 * error) for r, e, error in found)

    def _fresh(self) -> list[Any]:
        return [from_numpy(i, a.dtype, copy=True) for i, a in zip(self._inputs, self._core.in_avals, strict=True)]


def _distance(found: Any, expected: Any) -> float:
    """The largest difference in units of what is tolerated; infinite where one of the two is not finite, alone."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return float("inf")
    if found.dtype.kind in "biu":
        return 0.0 if np.array_equal(found, expected) else float("inf")
    if found.dtype.kind == "c":
        return max(_distance(found.real, expected.real), _distance(found.imag, expected.imag))
    tolerance = _TOLERANCE.get(found.dtype, _COARSE)
    a, b = found.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return float("inf")
    if not finite.any():
        return 0.0
    a, b = a[finite], b[finite]
    allowed = tolerance * (np.abs(b) + np.sqrt(np.mean(b * b)))
    over = np.abs(a - b) / np.where(allowed == 0, np.finfo(np.float64).tiny, allowed)
    return float(np.max(over))


def _bytes(array: Any) -> Any:
    return np.frombuffer(array.tobytes(), np.uint8)
