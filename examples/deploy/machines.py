"""Machines that bundles run on: this one, and others that QEMU emulates."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eerie_dsl.export import Bundle

HERE = Path(__file__).parent
SECONDS = 60
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
SMALL = ("-Os", "-ffunction-sections", "-fdata-sections")


class Machine(NamedTuple):
    """How C is compiled for a target and run: programs, with the packages of Debian that bring them.

    Attributes:
        compiler: of C.
        package: that brings it.
        options: of the compiler.
        linking: options for linking.
        emulator: the command that runs a program; empty for this machine.
        emulator_package: that brings it.
    """

    compiler: str
    package: str
    options: tuple[str, ...] = ()
    linking: tuple[str, ...] = ("-lm",)
    emulator: tuple[str, ...] = ()
    emulator_package: str = ""

    @property
    def missing(self) -> str:
        """What has to be installed first; empty when nothing has."""
        needed = [(self.compiler, self.package), *((name, self.emulator_package) for name in self.emulator[:1])]
        absent = [f"{name} is missing; Debian's {package} has it" for name, package in needed if not shutil.which(name)]
        return ", ".join(absent)


# With `icount`, time in the machine goes by instructions, a nanosecond for each.
_BOARD = (
    "qemu-system-arm", "-display", "none", "-serial", "none", "-monitor", "none", "-chardev", "stdio,id=host",
    "-semihosting-config", "enable=on,target=native,chardev=host", "-icount", "shift=0", "-M",
)  # fmt: skip
_BARE = ("-nostartfiles", "-ffreestanding")


def _cortex(cpu: str, board: str, *floats: str, flash: int = 0, ram: int = 0x20000000) -> Machine:
    memory = (f"-Wl,--defsym=FLASH={flash},--defsym=RAM={ram}", "-T", str(HERE / "cortex_m.ld"))
    return Machine(
        "arm-none-eabi-gcc", "gcc-arm-none-eabi, libnewlib-arm-none-eabi",
        (f"-mcpu={cpu}", "-mthumb", *floats, *_BARE), (*memory, "-lm"),
        (*_BOARD, board, "-kernel"), "qemu-system-arm",
    )  # fmt: skip


def _linux(compiler: str, emulator: Sequence[str], *options: str) -> Machine:
    """Linux without its C library, which bundles have no need of."""
    return Machine(
        f"{compiler}-gcc", f"gcc-{compiler}", (*options, *_BARE),
        # Nobody sets the register by which a RISC-V linker would find data.
        ("-nostdlib", "-static", "-Wl,--no-relax", "-lgcc"), tuple(emulator), "qemu-user",
    )  # fmt: skip


_AARCH64 = Machine(
    "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu, libc6-dev-arm64-cross", (), ("-static", "-lm"),
    ("qemu-aarch64",), "qemu-user",
)  # fmt: skip
_RISCV = "riscv64-unknown-elf"
MACHINES = {
    "x86-64": Machine("cc", "gcc"),
    "aarch64": _AARCH64,
    "aarch64-neoverse": _AARCH64._replace(emulator=("qemu-aarch64", "-cpu", "max,sve256=on")),
    "arm32": _linux("arm-none-eabi", ["qemu-arm"], "-mcpu=cortex-a53", "-mfloat-abi=hard", "-mfpu=neon-fp-armv8"),
    "riscv64": _linux(_RISCV, ["qemu-riscv64"], "-march=rv64gc", "-mabi=lp64d"),
    "riscv64-v": _linux(
        _RISCV, ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=256,vext_spec=v1.0"], "-march=rv64gc", "-mabi=lp64d"
    ),
    "riscv32": _linux(_RISCV, ["qemu-riscv32"], "-march=rv32imafc", "-mabi=ilp32f"),
    "riscv32-imc": _linux(_RISCV, ["qemu-riscv32"], "-march=rv32imc", "-mabi=ilp32"),
    "cortex-m0": _cortex("cortex-m0", "mps2-an385", "-mfloat-abi=soft"),  # a board of the next model
    "cortex-m4f": _cortex("cortex-m4", "mps2-an386", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "cortex-m7": _cortex("cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    "cortex-m33": _cortex(
        "cortex-m33", "mps2-an505", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", flash=0x10000000, ram=0x38000000
    ),
}


def build(folder: Path, machine: Machine, main: Path, bundles: Sequence[Bundle], *more: str) -> Path:
    """Compile a program of a file and some bundles, without a warning.

    Args:
        folder: where it goes; searched for headers.
        machine: to compile for.
        main: the C file that has ``int program(void)``.
        bundles: that it calls.
        more: options of the compiler.
    """
    sources = [main, HERE / "machine.c", *(s for b in bundles for s in sorted(Path(b.path).glob("*.c")))]
    folders = [f"-I{f}" for f in (folder, HERE, *(b.path for b in bundles))]
    objects = [folder / f"{source.stem}.o" for source in sources]
    for source, made in zip(sources, objects, strict=True):
        run([machine.compiler, *machine.options, *STRICT, *SMALL, *more, *folders, "-c", str(source), "-o", str(made)])
    kernels = [Path(b.path) / f"{b.name}_kernels.o" for b in bundles]
    run([
        machine.compiler, *machine.options, *map(str, (*objects, *kernels)), "-Wl,--gc-sections", *machine.linking,
        "-o", str(folder / "program"),
    ])  # fmt: skip
    return folder / "program"


def size(machine: Machine, made: Path) -> int:
    """Bytes of code and constants in an object file."""
    tool = "size" if machine.compiler == "cc" else machine.compiler.replace("gcc", "size")
    text, data, *_ = run([tool, str(made)]).splitlines()[1].split()
    return int(text) + int(data)


def run(command: Sequence[str]) -> str:
    """What a command prints.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout
