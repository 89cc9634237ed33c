"""`export`: what it takes and what it gives. How it is done is loaded when it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from eerie_dsl.compile import Target

Specs: TypeAlias = Any
"""A list of `spec` and examples, one for each argument; a mapping by name; or the one of the only argument."""


class Exported(NamedTuple):
    """What `export` wrote.

    Attributes:
        path: of the file.
        weights: of the file with the arrays that the functions captured, None where they are inside.
        targets: names of the targets that it has programs for.
        functions: names of the functions.
        size: bytes of the file.
    """

    path: str
    weights: str | None
    targets: tuple[str, ...]
    functions: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        apart = f", weights in {self.weights}" if self.weights else ""
        return f"{self.path}: {', '.join(self.functions)} for {', '.join(self.targets)}, {self.size} bytes{apart}"


def export(
    function: Callable[..., Any] | Mapping[str, tuple[Callable[..., Any], Specs]],
    specs: Specs = None,
    *,
    out: str | os.PathLike[str],
    target: str | Target | Sequence[str | Target] | None = None,
    weights: str = "inside",
    state: Any = None,
) -> Exported:
    """Compile a function ahead of time into a file that runs with only the runtime installed; see `load`.

    The function is traced once, on the types in ``specs``. The arrays that it captures are its weights: a model that is
    called, or what a closure or `functools.partial` holds. The file is an IREE module too, with each function under its
    name, for `iree-run-module` and for programs in C, C++ or Java that embed IREE's runtime.

    Args:
        function: what to export; or several, by name: ``{"prefill": (prefill, specs), "decode": (decode, specs)}``.
        specs: what its arguments are: a list with a `spec` (or an array or a number like the one to come, or a tree of
            these) for each, a mapping by name, or just the one of its only argument. With a `Dim` in a shape, the
            program is for all of its sizes.
        out: path of the file, by custom ending in ``.vmfb``.
        target: names of targets (`eerie.targets`), each of which gets a program in the file; the one that is set in
            ``config.target`` when not given. ``"host"`` means this very CPU: name another for a file that travels.
        weights: ``"inside"`` compiles the weights in, for each target. ``"apart"`` writes them to a safetensors file of
            the same name next to ``out``, once for all targets; another with equal names and types may take its place.
            Bools and complex128 stay inside.
        state: arrays, or a tree of them, that the functions hand on from call to call. Each then takes the state as
            its first argument, without a spec, and returns ``(state, result)``, like the function of `scan`.

    Raises:
        ArgumentError: specs, names or state do not fit the functions.
        TargetError: an unknown target, one that the compiler does not emit, or one that lacks a dtype of the program.
        CompileError: the compiler refused a program.
        OSError: the files cannot be written; what was there before stays.

    >>> import os, tempfile
    >>> import eerie_dsl as eerie
    >>> def scale(x, factor):
    ...     return eerie.tanh(x) * factor
    >>> path = os.path.join(tempfile.mkdtemp(), "scale.vmfb")
    >>> exported = eerie.export(scale, [eerie.spec((eerie.Dim("n"), 2)), eerie.spec(())], out=path)
    >>> exported.functions, exported.targets
    (('scale',), ('host',))
    """
    from eerie_dsl.export.exporting import write

    return write(function, specs, out, target, weights, state)
