"""What processor this is, read without loading the compiler."""

from __future__ import annotations

import os
import sys
from functools import cache

from eerie_dsl.digest import digest

# What decides which instructions exist, on x86, Arm and RISC-V; the clock and the core number do not.
_CPU_FIELDS = (
    b"vendor_id", b"cpu family", b"model", b"model name", b"stepping", b"flags",
    b"CPU implementer", b"CPU variant", b"CPU part", b"Features", b"isa", b"uarch",
)  # fmt: skip
_FEATURE_FIELDS = (b"flags", b"Features", b"isa")

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "arm", "armv8l": "arm"}
# Of Windows: processor features by the number that IsProcessorFeaturePresent takes.
_WINDOWS_FEATURES = {"avx2": 40, "avx512f": 41}


@cache
def host_cpu() -> str:
    """Architecture and a digest of this CPU's model and instruction sets."""
    if os.name == "nt":
        names = ("PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER")
        machine, *rest = (os.environ.get(n, "") for n in names)
        return _fingerprint(machine, "".join(rest).encode())
    uname = os.uname()
    if sys.platform == "darwin":
        return _fingerprint(uname.machine, _sysctl(b"machdep.cpu.brand_string"))
    return _fingerprint(uname.machine, b"\n".join(k + b":" + v for k, v in _this()) or uname.version.encode())


def architecture() -> str:
    """The architecture as compilers call it: ``x86_64``, ``aarch64``, ``arm``, ``riscv64``."""
    machine = (os.environ.get("PROCESSOR_ARCHITECTURE", "") if os.name == "nt" else os.uname().machine).lower()
    return _ARCHITECTURES.get(machine, machine)


@cache
def features() -> frozenset[str]:
    """The instruction sets of this CPU by the names that Linux gives them; empty where the system does not tell."""
    if os.name == "nt":
        import ctypes

        present = ctypes.windll.kernel32.IsProcessorFeaturePresent  # type: ignore[attr-defined,unused-ignore]
        return frozenset(name for name, number in _WINDOWS_FEATURES.items() if present(number))
    if sys.platform == "darwin":
        told = _sysctl(b"machdep.cpu.features") + b" " + _sysctl(b"machdep.cpu.leaf7_features")
        return frozenset(told.decode("ascii", "replace").replace("\0", " ").lower().split())
    told = b" ".join(value for name, value in _this() if name in _FEATURE_FIELDS)
    return frozenset(told.decode("ascii", "replace").split())


def _fingerprint(machine: str, description: bytes) -> str:
    return f"{machine}-{digest(description, size=8).hex()}"


@cache
def _this() -> list[tuple[bytes, bytes]]:
    return cpuinfo()


def cpuinfo(path: str = "/proc/cpuinfo") -> list[tuple[bytes, bytes]]:
    """What Linux tells about the first processor: the fields that decide which instructions exist."""
    # The kernel writes the file as it is read, slowly on a machine of many cores.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        text = b""
        while b"\n\n" not in text and (more := os.read(fd, 4096)):
            text += more
    finally:
        os.close(fd)
    rows = (row.partition(b":") for row in text.partition(b"\n\n")[0].splitlines())
    return [(k.strip(), v.strip()) for k, _, v in rows if k.strip() in _CPU_FIELDS]


def _sysctl(name: bytes) -> bytes:
    import ctypes

    size = ctypes.c_size_t(0)
    call = ctypes.CDLL(None).sysctlbyname
    call(name, None, ctypes.byref(size), None, 0)
    value = ctypes.create_string_buffer(size.value)
    call(name, value, ctypes.byref(size), None, 0)
    return value.value
