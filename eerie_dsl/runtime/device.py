"""The devices that programs run on, and the one runtime instance of the process.

The CPU is driven in two ways: `inline` runs a program on the calling thread, which suits small work, and `pool`
spreads it over worker threads, which suits large work. They share memory: a buffer made by one is taken by the other.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

# What iree.runtime wraps; the wrapping takes 20 ms of a warm start.
from iree._runtime.libs import _runtime

binding: Any = _runtime

# Freed memory is kept for reuse, as long as it is no more than this together with what is in use, and no more buffers:
# fresh memory from the system has to be cleared page by page, which makes a large elementwise kernel up to nine times
# slower. A full list takes nothing new, and nothing old leaves it: after one model, 64 places were full for good.
ALLOCATOR = "caching:*=*;1gib;1024"
"""How devices allocate, as IREE spells it."""


class Device(NamedTuple):
    """A device that arrays can live on.

    Attributes:
        name: ``"cpu"``, or for example ``"cuda:0"``.
        platform: ``"cpu"``, ``"cuda"``, ``"hip"``, ``"vulkan"`` or ``"metal"``.
        description: what the driver calls it; empty for the CPU.
    """

    name: str
    platform: str
    description: str = ""

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Device({self.name!r})"


cpu = Device("cpu", "cpu")


opened: list[Any] = []
"""The devices that memory has been taken from in this process."""


def _open(driver: str) -> Any:
    device = binding.create_hal_driver(driver).create_device(0, None, [ALLOCATOR])
    # A buffer returns its memory to the device's allocator without keeping it alive, and at exit arrays can outlive
    # modules: a device is therefore never destroyed.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(device))
    opened.append(device)
    return device


binding.disable_leak_checker()  # it would report the devices
instance = binding.VmInstance()
inline = _open("local-sync")

_pool: Any = None
_pool_lock = Lock()
_after_fork: list[Callable[[], None]] = []


def pool() -> Any:
    """The device with worker threads, started at the first call."""
    global _pool
    if _pool is None:
        with _pool_lock:
            if _pool is None:
                _pool = _open("local-task")
    return _pool


def after_fork(forget: Callable[[], None]) -> None:
    """Has ``forget`` called in a forked child, where the worker threads of the parent do not exist."""
    _after_fork.append(forget)


def _restart() -> None:
    global _pool, _pool_lock
    _pool = None
    _pool_lock = Lock()
    opened[:] = [inline]
    for forget in _after_fork:
        forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart)


def devices() -> tuple[Device, ...]:
    """The devices of this machine, the CPU first. Drivers without their system library are left out."""
    drivers = [d for d in binding.HalDriver.query() if not d.startswith("local-")]
    return (cpu, *(device for driver in drivers for device in probe(driver)[0]))


def probe(driver: str) -> tuple[tuple[Device, ...], str]:
    """The devices that a driver of the runtime sees, and why there are none.

    Args:
        driver: ``"cuda"``, ``"hip"``, ``"vulkan"`` or ``"metal"``.
    """
    if driver not in binding.HalDriver.query():
        return (), f"the installed runtime has no driver for {driver}"
    try:
        available = binding.get_cached_hal_driver(driver).query_available_devices()
    except (RuntimeError, ValueError, OSError) as error:
        return (), f"the {driver} driver cannot be used: {reason(error).splitlines()[0].rstrip(': ')}"
    found = tuple(Device(f"{driver}:{i}", driver, info["name"]) for i, info in enumerate(available))
    return found, "" if found else f"the {driver} driver sees no device"


def reason(error: Exception) -> str:
    """The words of the runtime, without status codes and places in its sources."""
    import re

    text = str(error).partition("; while ")[0]
    status = re.search(r"\b[A-Z_]{5,}; (.*)", text, re.DOTALL)
    return (status[1] if status else text).strip()
