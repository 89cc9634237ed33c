"""What programs can be compiled for. Adding a target is adding one entry to `TARGETS`."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import NamedTuple

from eerie_dsl.digest import digest
from eerie_dsl.errors import TargetError

# What every target shares. Without the two of the middle f64 and i64 become f32 and i32 in silence; with the default
# of 32 KiB a gather fused into a layer norm is refused, and the workers' stacks hold 128.
BASE = (
    "--iree-opt-level=O2",
    "--iree-input-demote-f64-to-f32=false",
    "--iree-input-demote-i64-to-i32=false",
    "--iree-llvmcpu-stack-allocation-limit=64KiB",
)


class Target(NamedTuple):
    """A kind of machine to compile for.

    Attributes:
        name: how users call it.
        flags: compiler flags that are its own; see `all_flags`.
        driver: the runtime's driver that runs its programs.
        description: one line for listings.
        variant: what tells two machines of this target apart, for the cache key.
    """

    name: str
    flags: tuple[str, ...]
    driver: str
    description: str
    variant: str = ""

    @property
    def all_flags(self) -> tuple[str, ...]:
        """Every flag the compiler is given."""
        return BASE + self.flags

    def __str__(self) -> str:
        return self.name


def _cpu(name: str, triple: str, cpu: str, description: str) -> Target:
    flags = (
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        *((f"--iree-llvmcpu-target-triple={triple}",) if triple else ()),
        f"--iree-llvmcpu-target-cpu={cpu}",
    )
    return Target(name, flags, "local", description)


_VMVX = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx")
_LINUX = "unknown-linux-gnu"

# One file per architecture and CPU serves every operating system.
TARGETS = {
    target.name: target
    for target in (
        _cpu("host", "", "host", "this machine's CPU, with all it can do"),
        _cpu("x86-64", f"x86_64-{_LINUX}", "x86-64", "any 64-bit x86 CPU"),
        _cpu("x86-64-v3", f"x86_64-{_LINUX}", "x86-64-v3", "x86 CPUs with AVX2 (2013 and later)"),
        _cpu("x86-64-v4", f"x86_64-{_LINUX}", "x86-64-v4", "x86 CPUs with AVX-512"),
        _cpu("aarch64", f"aarch64-{_LINUX}", "generic", "any 64-bit Arm CPU"),
        Target("vmvx", _VMVX, "local", "bytecode for any machine; portable, about 200 times slower"),
    )
}


def get_target(target: str | Target) -> Target:
    """The target of that name; a `Target` is given back as it is. ``host`` is pinned to this very CPU.

    Raises:
        TargetError: no target has that name.

    Example:
        >>> get_target("x86-64-v3").driver
        'local'
    """
    if isinstance(target, Target):
        return _pinned(target) if target.name == "host" and not target.variant else target
    found = TARGETS.get(target)
    if found is None:
        raise _unknown(target)
    return _pinned(found) if found.name == "host" else found


@cache
def _pinned(host: Target) -> Target:
    return host._replace(variant=host_cpu())


def _unknown(name: object) -> TargetError:
    import difflib

    near = difflib.get_close_matches(str(name).lower().replace("_", "-"), TARGETS, 3, 0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else None
    return TargetError(f"unknown target {name!r}; there are {', '.join(TARGETS)}", hint=hint)


def host_cpu() -> str:
    """Architecture and a digest of this CPU's model and instruction sets, read without loading the compiler."""
    if os.name == "nt":
        names = ("PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER")
        machine, *rest = (os.environ.get(n, "") for n in names)
        return _fingerprint(machine, "".join(rest).encode())
    uname = os.uname()
    if sys.platform == "darwin":
        import ctypes

        return _fingerprint(uname.machine, _sysctl(ctypes.CDLL(None), b"machdep.cpu.brand_string"))
    return _fingerprint(uname.machine, _cpuinfo() or uname.version.encode())


def _fingerprint(machine: str, description: bytes) -> str:
    return f"{machine}-{digest(description, size=8).hex()}"


# What decides which instructions exist, on x86, Arm and RISC-V; the clock and the core number do not.
_CPU_FIELDS = (
    b"vendor_id", b"cpu family", b"model", b"model name", b"stepping", b"flags",
    b"CPU implementer", b"CPU variant", b"CPU part", b"Features", b"isa", b"uarch",
)  # fmt: skip


def _cpuinfo(path: str = "/proc/cpuinfo") -> bytes:
    # The first processor only: the kernel writes the file as it is read, slowly on a machine of many cores.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        text = b""
        while b"\n\n" not in text and (more := os.read(fd, 4096)):
            text += more
    finally:
        os.close(fd)
    rows = (row.partition(b":") for row in text.partition(b"\n\n")[0].splitlines())
    return b"\n".join(k.strip() + b":" + v.strip() for k, _, v in rows if k.strip() in _CPU_FIELDS)


def _sysctl(libc: object, name: bytes) -> bytes:
    import ctypes

    size = ctypes.c_size_t(0)
    call = libc.sysctlbyname  # type: ignore[attr-defined]
    call(name, None, ctypes.byref(size), None, 0)
    value = ctypes.create_string_buffer(size.value)
    call(name, value, ctypes.byref(size), None, 0)
    return value.value
