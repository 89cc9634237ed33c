"""Devices, memory and loaded programs: the only door to `iree.runtime`."""

from eerie_dsl.runtime.adaptive import Adaptive
from eerie_dsl.runtime.buffer import (
    ALIGNMENT,
    Buffer,
    aligned_empty,
    allocate,
    array_of,
    from_numpy,
    from_scalar,
    to_numpy,
    unseen,
    view_of,
)
from eerie_dsl.runtime.device import Device, cpu, devices, probe
from eerie_dsl.runtime.dlpack import CPU as DLPACK_CPU
from eerie_dsl.runtime.dlpack import from_dlpack, to_dlpack
from eerie_dsl.runtime.executable import Executable
from eerie_dsl.runtime.workspace import trim

__all__ = [
    "ALIGNMENT",
    "DLPACK_CPU",
    "Adaptive",
    "Buffer",
    "Device",
    "Executable",
    "aligned_empty",
    "allocate",
    "array_of",
    "cpu",
    "devices",
    "from_dlpack",
    "from_numpy",
    "from_scalar",
    "probe",
    "to_dlpack",
    "to_numpy",
    "trim",
    "unseen",
    "view_of",
]
