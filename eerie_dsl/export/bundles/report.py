"""What goes with a bundle: how to call it, and what it takes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from eerie_dsl.compile.static_library import Dispatch
from eerie_dsl.export.bundles import c_source, missing
from eerie_dsl.export.bundles.plan import Plan, Sizes
from eerie_dsl.version import __version__

MARK = "bundle.json"
"""The file that tells a directory from any other."""

_COMPILERS = {
    "thumb": ("arm-none-eabi-gcc", "gcc-arm-none-eabi"),
    "riscv32": ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
    "riscv64": ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
    "aarch64": ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    "arm": ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
    "x86_64": ("cc", "gcc"),
}
_OPTIONS = {
    "cortex-m0": "-mcpu=cortex-m0 -mthumb",
    "cortex-m4f": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "cortex-m7": "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16",
    "cortex-m33": "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16",
    "riscv32": "-march=rv32imafc -mabi=ilp32f",
    "riscv32-imc": "-march=rv32imc -mabi=ilp32",
}


def rows(sizes: Sizes) -> list[tuple[str, str, str]]:
    """The sizes as rows of a table."""
    found = [
        ("code", sizes.code, "machine code of the kernels"),
        ("constants", sizes.rodata, "next to the code: small weights, tables"),
        ("data", sizes.data, "tables of addresses; a linker script may put `.data.rel.ro` into flash or RAM"),
        ("weights", sizes.weights, "the file of weights, constants too"),
        ("parameters", sizes.parameters, "of the model, among constants and weights"),
        ("beyond parameters", sizes.beyond, "what the code costs"),
        ("workspace", sizes.workspace, "RAM that the caller lends for a call"),
        ("stack", sizes.stack, "of a call, at most; without functions of the C library"),
    ]
    return [(name, "not known" if n is None else str(n), what) for name, n, what in found]


def record(plan: Plan, sizes: Sizes, files: Sequence[str], undefined: Sequence[str]) -> str:
    """What programs read of a bundle."""
    described = {
        "eerie": __version__,
        "name": plan.name,
        "target": plan.target,
        "arguments": [{"name": x.name, "type": str(x.aval)} for x in plan.arguments],
        "results": [{"name": x.name, "type": str(x.aval)} for x in plan.results],
        "kernels": sorted({s.kernel for s in plan.library.steps if isinstance(s, Dispatch)}),
        "functions": list(undefined),
        "sizes": sizes._asdict() | {"beyond": sizes.beyond},
        "files": sorted(files),
    }
    return json.dumps(described, indent=1) + "\n"


def c_readme(plan: Plan, sizes: Sizes, undefined: Sequence[str], machine: str) -> str:
    """How to call the C function."""
    p, big = plan.name, plan.name.upper()
    compiler, package = next((c for start, c in _COMPILERS.items() if machine.startswith(start)), ("cc", "gcc"))
    options = f"{_OPTIONS[plan.target]} " if plan.target in _OPTIONS else ""
    parts = [*plan.arguments, *plan.results]
    buffers = "\n".join(
        f"{big}_ALIGNED static {c_source.CTYPES[x.aval.dtype.name]} {x.name}[{big}_{x.name.upper()}_COUNT];"
        for x in parts
    )
    workspace = f"\n{big}_ALIGNED static uint8_t workspace[{big}_WORKSPACE_SIZE];" if plan.library.workspace else ""
    lent = "workspace, sizeof workspace" if plan.library.workspace else "NULL, 0"
    weights = f" {p}_weights.c" if plan.library.weights else ""
    provided = missing.provided(undefined, machine)
    outside = sorted(set(undefined) - set(provided))
    needs = (
        "no function of any library"
        if not outside
        else f"these, from the C library (`-lm`) or the compiler's own: {', '.join(outside)}"
    )
    more = (
        f"\n`{p}.c` has weak definitions of {', '.join(provided)}, which most C libraries lack.\n" if provided else ""
    )
    return f"""\
# {p} for {plan.target}

Made by Eerie {__version__}. C99, no heap, no global state, no runtime.

```c
#include "{p}.h"

{buffers}{workspace}

{p}_status status = {p}_run({", ".join(x.name for x in parts)}, {lent});
```

```c
{c_source.prototype(plan)}
```

Compile and link ({compiler} is in Debian's package {package}):

    {compiler} {options}-Os -ffunction-sections -c {p}.c{weights}
    {compiler} {options}-Wl,--gc-sections ... {p}.o{weights.replace(".c", ".o")} {p}_kernels.o -lm

- Every buffer starts at a multiple of {c_source.ALIGNMENT} bytes, and no two overlap. A call checks the former.
- Several threads may call it, each with a workspace of its own.
- Any number of bundles with different names link together.
- The kernels call {needs}.
{more}
{_table(sizes)}"""


def wasm_readme(plan: Plan, sizes: Sizes) -> str:
    """How to call the JavaScript function."""
    p = plan.name
    kinds = ", ".join(f"{x.name}: {x.aval}" for x in plan.arguments)
    results = "\n".join(f"- {x.name}: {x.label}, {x.aval}" for x in plan.results)
    return f"""\
# {p} for {plan.target}

Made by Eerie {__version__}. WebAssembly and a module of JavaScript, for browsers, Node, Deno and workers.

```js
import {{ load }} from "./{p}.mjs";

const {p} = await load();
const result = {p}({", ".join(x.name for x in plan.arguments)});
```

It takes typed arrays ({kinds}) and gives a typed array, or an object with one for each name:

{results}

See it in a browser: `python -m http.server`, then http://localhost:8000/.

{_table(sizes)}"""


def _table(sizes: Sizes) -> str:
    lines = "\n".join(f"| {name} | {number} | {what} |" for name, number, what in rows(sizes))
    return f"| | bytes | |\n|---|---:|---|\n{lines}\n"
