"""``eerie doctor``: what works on this machine, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from eerie_dsl.cli.output import add_json, print_json, print_table
from eerie_dsl.errors import EerieError


class Check(NamedTuple):
    """What was found out about one thing.

    Attributes:
        name: what it is about.
        state: ``"ok"``, ``"missing"`` for something that not everybody needs, or ``"broken"``.
        found: what is there.
        fix: what to do, where something is to be done.
    """

    name: str
    state: str
    found: str
    fix: str = ""


# Programs that bundles are built, run and tested with, and the packages of Debian that bring them.
_TOOLS = (
    ("C compiler", ("cc", "gcc", "clang"), "gcc", "bundles for this machine"),
    ("Arm C compiler", ("arm-none-eabi-gcc",), "gcc-arm-none-eabi libnewlib-arm-none-eabi", "bundles for Cortex-M"),
    (
        "aarch64 C compiler",
        ("aarch64-linux-gnu-gcc",),
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        "bundles for 64-bit Arm",
    ),
    ("RISC-V C compiler", ("riscv64-unknown-elf-gcc",), "gcc-riscv64-unknown-elf", "bundles for RISC-V"),
    ("Arm emulator", ("qemu-system-arm",), "qemu-system-arm", "running Cortex-M bundles here"),
    ("user emulator", ("qemu-aarch64", "qemu-aarch64-static"), "qemu-user", "running aarch64 and RISC-V bundles here"),
    ("Node", ("node", "nodejs"), "nodejs", "running WebAssembly bundles here"),
    ("Chromium", ("chromium", "google-chrome", "chromium-browser"), "chromium", "bundles in a browser"),
)
_DRIVERS = {
    "cuda": "install NVIDIA's driver",
    "hip": "install ROCm's HIP runtime",
    "vulkan": "apt install libvulkan1, and mesa-vulkan-drivers or your GPU's driver",
    "metal": "there only on macOS",
}


def add(commands: Any) -> None:
    text = "what works on this machine, what is missing, and how to get it"
    parser = commands.add_parser(
        "doctor", help=text, description=f"{text[0].upper()}{text[1:]}. Status 1 if something that all need is broken."
    )
    add_json(parser)
    parser.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    """``eerie doctor``."""
    checks = list(_checks())
    if options.json:
        print_json([c._asdict() for c in checks])
    else:
        print_table([(c.state, c.name, c.found) for c in checks])
        fixes = [(f"  {c.name}:", c.fix) for c in checks if c.fix]
        if fixes:
            print("\nto have the rest:")
            print_table(fixes)
    return 1 if any(c.state == "broken" for c in checks) else 0


def _checks() -> Iterator[Check]:
    from eerie_dsl.compile.cpu import architecture
    from eerie_dsl.version import __version__

    yield Check("Eerie", "ok", f"{__version__}, Python {sys.version.split()[0]}, {sys.platform} on {architecture()}")
    yield _packages()
    yield _runtime()
    yield _compiler()
    yield _cache()
    yield from _drivers()
    for name, programs, package, purpose in _TOOLS:
        path = next(filter(None, map(shutil.which, programs)), None)
        fix = "" if path else f"apt install {package}"
        yield Check(name, "ok" if path else "missing", path or f"for {purpose}", fix)


def _packages() -> Check:
    from importlib import metadata

    found = {}
    for name in ("iree-base-compiler", "iree-base-runtime"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    words = ", ".join(f"{n} {v or 'not installed'}" for n, v in found.items())
    fix = 'pip install "iree-base-compiler~=3.13.0" "iree-base-runtime~=3.13.0"'
    if not found["iree-base-runtime"]:
        return Check("IREE", "broken", words, fix)
    if not found["iree-base-compiler"]:
        return Check("IREE", "missing", f"{words}: exported files run, nothing is compiled", fix)
    same = len({v.split(".")[1] for v in found.values()}) == 1
    return Check("IREE", "ok" if same else "broken", words if same else f"{words}: they differ", "" if same else fix)


def _runtime() -> Check:
    try:
        from eerie_dsl.runtime import devices

        return Check("runtime", "ok", ", ".join(map(str, devices())))
    except ImportError as error:
        return Check("runtime", "broken", str(error), 'pip install "iree-base-runtime~=3.13.0"')


def _compiler() -> Check:
    import eerie_dsl as eerie
    from eerie_dsl.compile import compile_graph
    from eerie_dsl.compile.cache import Cache

    start = time.monotonic()
    try:
        graph = eerie.jit(lambda x: x + 1).trace(eerie.zeros((2,))).graph
        with eerie.config(cache_bytes=0):
            compile_graph(graph, name="doctor", cache=Cache(eerie.config.cache_dir))
    except EerieError as error:
        return Check("compiler", "broken", error.message.splitlines()[0], error.hint or "")
    return Check(
        "compiler", "ok", f"compiles for this machine; a first small program in {time.monotonic() - start:.1f} s"
    )


def _cache() -> Check:
    from eerie_dsl.compile import default_cache
    from eerie_dsl.compile.files import make_private

    info = default_cache().info()
    try:
        make_private(info.directory)
    except OSError as error:
        return Check("cache", "broken", str(error), "set EERIE_CACHE_DIR to a directory of yours alone")
    return Check("cache", "ok", f"{info.entries} programs in {info.directory}")


def _drivers() -> Iterator[Check]:
    from eerie_dsl.runtime import probe

    for driver, fix in _DRIVERS.items():
        found, reason = probe(driver)
        words = ", ".join(d.description for d in found)
        yield Check(driver, "ok" if found else "missing", words or reason, "" if found else fix)
