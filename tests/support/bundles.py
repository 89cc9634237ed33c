"""Bundles for CPUs, run for real: on this machine, and on others with QEMU."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from eerie_dsl.export.standalone import Bundle

SECONDS = 60
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"]
_SECTIONS = ["-Os", "-ffunction-sections", "-fdata-sections"]


class Machine(NamedTuple):
    """How a bundle for a target is compiled and run: programs, with the packages that bring them."""

    compiler: str
    package: str
    options: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()
    emulator_package: str = ""
    platform: str = "HOSTED"


_BARE = ("-nostartfiles", "-ffreestanding")
_MPS2 = (
    "qemu-system-arm", "-display", "none", "-serial", "none", "-monitor", "none", "-chardev", "stdio,id=host",
    "-semihosting-config", "enable=on,target=native,chardev=host", "-M",
)  # fmt: skip


def _arm(cpu: str, board: str, *fpu: str) -> Machine:
    options = (f"-mcpu={cpu}", "-mthumb", *fpu, *_BARE)
    return Machine(
        "arm-none-eabi-gcc", "gcc-arm-none-eabi, libnewlib-arm-none-eabi", options, (*_MPS2, board, "-kernel"),
        "qemu-system-arm", "CORTEX_M",
    )  # fmt: skip


def _riscv(march: str, abi: str) -> Machine:
    options = (f"-march={march}", f"-mabi={abi}", "-nostdlib", "-static", "-Wl,--no-relax", *_BARE)
    return Machine(
        "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf", options, ("qemu-riscv32",), "qemu-user", "RISCV_LINUX"
    )


MACHINES = {
    "x86-64": Machine("cc", "gcc"),
    "aarch64": Machine("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", ("-static",), ("qemu-aarch64",), "qemu-user"),
    "cortex-m0": _arm("cortex-m0", "mps2-an385", "-mfloat-abi=soft"),  # a board of the next model, which runs the code
    "cortex-m4f": _arm("cortex-m4", "mps2-an386", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "cortex-m7": _arm("cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    "riscv32": _riscv("rv32imafc", "ilp32f"),
    "riscv32-imc": _riscv("rv32imc", "ilp32"),
}

_MAIN = r"""
static const char digits[] = "0123456789abcdef";

#if defined(HOSTED)
#include <stdio.h>
static void put(const char *text) { (void)fputs(text, stdout); }
int main(void)
#elif defined(CORTEX_M)
static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
static void put(const char *text) { (void)semihosting(4, text); }
static int body(void);
extern uint32_t stack_top;
void start(void);
void start(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xF00000u; /* let it use floats */
    __asm__ volatile("dsb\n isb");
#endif
    (void)body();
    (void)semihosting(0x18, (const void *)0x20026);
    for (;;) {}
}
__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {&stack_top, (const void *)start};
static int body(void)
#else
static long linux_call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
static void put(const char *text)
{
    long length = 0;
    while (text[length] != 0) { ++length; }
    (void)linux_call(64, 1, (long)text, length);
}
void *memcpy(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; ++i) { ((uint8_t *)to)[i] = ((const uint8_t *)from)[i]; }
    return to;
}
void *memset(void *to, int value, size_t count)
{
    for (size_t i = 0; i < count; ++i) { ((uint8_t *)to)[i] = (uint8_t)value; }
    return to;
}
static int body(void);
void _start(void);
void _start(void) { (void)body(); (void)linux_call(93, 0, 0, 0); }
static int body(void)
#endif
{
    char line[3] = {0, 0, 0};
@CALLS@
    return 0;
}
"""

_LINK = """
MEMORY { flash (rx) : ORIGIN = 0, LENGTH = 4M  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.data.rel.ro*) } > flash
  .ARM.exidx : { *(.ARM.exidx*) } > flash
  .data : { *(.data*) *(.bss*) *(COMMON) } > ram
  stack_top = 0x20400000;
}
"""


def machine(target: str) -> Machine:
    """How to run a target; skips the test where a program for it is missing."""
    found = MACHINES[target]
    for program, package in ((found.compiler, found.package), (found.emulator[:1], found.emulator_package)):
        name = program if isinstance(program, str) else "".join(program)
        if name and shutil.which(name) is None:
            pytest.skip(f"{name} is missing; Debian's {package} has it")
    return found


def call(bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], results: Sequence[np.ndarray[Any, Any]]) -> str:
    """C that calls a bundle on some arrays and prints bytes of the results; these tell how large they are."""
    import json

    name = bundle.name
    parts = json.loads((Path(bundle.path) / "bundle.json").read_text())
    lines, given = [], []
    for i, array in enumerate(arrays):
        data = ", ".join(map(str, np.ascontiguousarray(array).tobytes())) or "0"
        lines.append(f"static const {name.upper()}_ALIGNED uint8_t in{i}[] = {{{data}}};")
        given.append(f"(const void *)in{i}")
    for i, result in enumerate(results):
        lines.append(f"static {name.upper()}_ALIGNED uint8_t out{i}[{max(1, result.nbytes)}];")
        given.append(f"(void *)out{i}")
    lines.append(f"static {name.upper()}_ALIGNED uint8_t lent[{name.upper()}_WORKSPACE_SIZE + 1];")
    lines.append(f'if ({name}_run({", ".join(given)}, lent, sizeof lent) != {name.upper()}_OK) {{ put("failed"); }}')
    assert len(parts["results"]) == len(results)
    for i, result in enumerate(results):
        lines.append(
            f"for (size_t i = 0; i < {result.nbytes}u; ++i) {{ line[0] = digits[out{i}[i] >> 4]; "
            f'line[1] = digits[out{i}[i] & 15]; put(line); }} put("\\n");'
        )
    return "{\n" + "\n".join(lines) + "\n}"


def build(folder: Path, bundles: Sequence[Bundle], calls: str, found: Machine, *more: str) -> Path:
    """Compile a program of these bundles, without a warning."""
    includes = "".join(f'#include "{Path(b.path) / b.name}.h"\n' for b in bundles)
    (folder / "main.c").write_text(includes + _MAIN.replace("@CALLS@", calls))
    (folder / "link.ld").write_text(_LINK)
    objects = []
    for bundle in bundles:
        for source in sorted(Path(bundle.path).glob("*.c")):
            objects.append(str(folder / f"{source.stem}.o"))
            run([found.compiler, *found.options, *STRICT, *_SECTIONS, *more, "-c", str(source), "-o", objects[-1]])
        objects.append(str(Path(bundle.path) / f"{bundle.name}_kernels.o"))
    libraries = "-lgcc" if "-nostdlib" in found.options else "-lm"
    linking = ["-T", str(folder / "link.ld")] if found.platform == "CORTEX_M" else []
    run([
        found.compiler, *found.options, "-Os", *more, f"-D{found.platform}", str(folder / "main.c"), *objects,
        "-Wl,--gc-sections", *linking, "-o", str(folder / "program"), libraries,
    ])  # fmt: skip
    return folder / "program"


def results(
    folder: Path, bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], like: Sequence[np.ndarray[Any, Any]]
) -> list[np.ndarray[Any, Any]]:
    """What a bundle computes on the machine that it is for."""
    found = machine(bundle.target)
    program = build(folder, [bundle], call(bundle, arrays, like), found)
    lines = run([*found.emulator, str(program)]).splitlines()
    return [np.frombuffer(bytes.fromhex(line), r.dtype).reshape(r.shape) for line, r in zip(lines, like, strict=True)]


def run(command: Sequence[str]) -> str:
    """The output of a command that has to succeed without a word on stderr."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def in_node(
    folder: Path, bundle: Bundle, arrays: Sequence[np.ndarray[Any, Any]], like: Sequence[np.ndarray[Any, Any]]
) -> list[np.ndarray[Any, Any]]:
    """What a bundle for WebAssembly computes in Node."""
    if shutil.which("node") is None:
        pytest.skip("node is missing; Debian's nodejs has it")
    inputs = ", ".join(f"typed({i}, '{np.ascontiguousarray(a).tobytes().hex()}')" for i, a in enumerate(arrays))
    (folder / "main.mjs").write_text(f"""
import {{ load, bundle }} from {str(Path(bundle.path) / f"{bundle.name}.mjs")!r};
const kinds = {{
  bool: Uint8Array, int32: Int32Array, int64: BigInt64Array, float32: Float32Array, float64: Float64Array,
}};
const typed = (i, hex) => new kinds[bundle.arguments[i].dtype](Uint8Array.from(Buffer.from(hex, "hex")).buffer);
const run = await load();
run({inputs});
const found = run({inputs});
for (const part of bundle.results) {{
  const array = bundle.results.length === 1 ? found : found[part.name];
  console.log(Buffer.from(array.buffer).toString("hex"));
}}
""")
    lines = run(["node", str(folder / "main.mjs")]).splitlines()
    return [np.frombuffer(bytes.fromhex(line), r.dtype).reshape(r.shape) for line, r in zip(lines, like, strict=True)]


def network() -> tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A perceptron of 64, 32 and 10 units, an input, and what it should give."""
    import eerie_dsl as eerie

    rng = np.random.default_rng(0)
    shapes = [(32, 64), (32,), (10, 32), (10,)]
    first, bias, second, last = (rng.standard_normal(s, np.float32) / 4 for s in shapes)
    a, b, c, d = map(eerie.asarray, (first, bias, second, last))
    x = rng.standard_normal(64, np.float32)
    want = second.astype(float) @ np.maximum(first.astype(float) @ x + bias, 0) + last
    return lambda x: c @ eerie.maximum(a @ x + b, 0.0) + d, x, want.astype(np.float32)


def medley(x: Any, place: Any, rows: Any, flag: Any) -> dict[str, Any]:
    """Results of many kinds: packed into one buffer, constant, handed on, sorted, of several dtypes."""
    import eerie_dsl as eerie
    from eerie_dsl import nn

    table = eerie.asarray(np.arange(40, dtype=np.int32).reshape(4, 10))
    return {
        "row": x[place],
        "rows": eerie.take(x, rows, axis=0),
        "soft": nn.softmax(x, axis=-1),
        "table": eerie.arange(10) + table,
        "same": x,
        "zeros": eerie.zeros((3,)),
        "gram": x.T @ x,
        "flipped": eerie.where(flag, x, -x),
        "sorted": eerie.sort(x, axis=1),
        "best": eerie.argmax(x, axis=1),
        "curves": eerie.tanh(x) + eerie.exp(x) + eerie.sin(x),
        "power": eerie.pow(eerie.abs(x), 1.7),
        "both": flag & (x[0, 0] > 0),
        "most": eerie.max(x),
    }


MEDLEY = ["f32[4,10]", "i32[]", "i32[3]", "bool[]"]


def medley_case() -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Arguments of `medley`, and its results in the order of a bundle."""
    import eerie_dsl as eerie

    x = np.random.default_rng(1).standard_normal((4, 10), np.float32)
    arrays = [x, np.asarray(2, np.int32), np.asarray([0, 3, 1], np.int32), np.asarray(True)]
    with eerie.config(evaluation="reference"):
        found = medley(*map(eerie.asarray, arrays))
        return arrays, [np.asarray(found[k]) for k in sorted(found)]
