"""`bundle`: a function as C or WebAssembly that needs no runtime. How it is made is loaded when it is called."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from eerie_dsl.compile import Target
from eerie_dsl.export.front import Specs

if TYPE_CHECKING:
    from eerie_dsl.export.bundles.plan import Sizes


class Bundle(NamedTuple):
    """What `bundle` wrote; prints as a table of sizes.

    Attributes:
        path: of the directory.
        name: what its symbols start with.
        target: name of the target.
        files: in the directory.
        sizes: of code, constants, weights, workspace and stack, in bytes.
    """

    path: str
    name: str
    target: str
    files: tuple[str, ...]
    sizes: Sizes

    def __str__(self) -> str:
        from eerie_dsl.export.bundles.report import rows

        lines = [f"{self.path}: {self.name} for {self.target}; {', '.join(self.files)}"]
        return "\n".join([*lines, *(f"  {name:18} {number:>9}  {what}" for name, number, what in rows(self.sizes))])


def bundle(
    function: Callable[..., object],
    specs: Specs = None,
    *,
    target: str | Target,
    out: str | os.PathLike[str],
    name: str | None = None,
) -> Bundle:
    """Compile a function into a directory of files that run without IREE, Eerie or any other runtime.

    For a CPU: ``NAME.h``, ``NAME.c`` (plain C99, no heap, re-entrant), the kernels in ``NAME_kernels.o``, the captured
    arrays as constants in ``NAME_weights.c``. For ``"wasm32"`` and ``"wasm32-simd"``: ``NAME.wasm``, ``NAME.mjs``,
    ``NAME_weights.bin`` and a page that shows it, ``index.html``. ``README.md`` says how to call it, ``bundle.json``
    what it takes.

    Args:
        function: what to compile. The arrays that it captures are its weights.
        specs: what its arguments are; see `export`. All sizes have to be numbers.
        target: name of a target (`eerie.targets`): ``"cortex-m4f"``, ``"riscv32"``, ``"aarch64"``, ``"x86-64"``,
            ``"wasm32"`` and others.
        out: the directory. One that an earlier bundle wrote is replaced, any other has to be empty or not there.
        name: what files and C functions start with; the function's name when not given.

    Raises:
        ArgumentError: specs that do not fit, sizes known at the call only, a loop or a branch on values, a name that C
            does not take, a directory with other files in it.
        TargetError: an unknown target, one without bundles, or one that lacks a dtype of the function.
        CompileError: the compiler refused, or a tool of it is missing.
        OSError: the files cannot be written; what was there before stays.

    >>> import os, tempfile
    >>> import eerie_dsl as eerie
    >>> from eerie_dsl.export import spec
    >>> done = bundle(lambda x: eerie.tanh(x) * 2, [spec((4,))], target="cortex-m4f", name="squash",
    ...               out=os.path.join(tempfile.mkdtemp(), "squash"))
    >>> done.files
    ('README.md', 'bundle.json', 'squash.c', 'squash.h', 'squash_kernels.o')
    """
    from pathlib import Path

    from eerie_dsl.export.bundles import make

    return Bundle(*make(function, specs, target, Path(out), name))
