"""Devices, memory and loaded programs: the only door to `iree.runtime`."""

from eerie_dsl.runtime.adaptive import Adaptive
from eerie_dsl.runtime.block import ALIGNMENT
from eerie_dsl.runtime.buffer import (
    Buffer,
    aligned_empty,
    allocate,
    array_of,
    from_numpy,
    from_scalar,
    lend,
    to_numpy,
    unseen,
    view_of,
)
from eerie_dsl.runtime.device import Device, cpu, devices, probe
from eerie_dsl.runtime.direct import Direct
from eerie_dsl.runtime.dlpack import CPU as DLPACK_CPU
from eerie_dsl.runtime.dlpack import from_dlpack, to_dlpack
from eerie_dsl.runtime.executable import Executable
from eerie_dsl.runtime.machine_code import Unsuitable
from eerie_dsl.runtime.workspace import trim

__all__ = [
    "ALIGNMENT",
    "DLPACK_CPU",
    "Adaptive",
    "Buffer",
    "Device",
    "Direct",
    "Executable",
    "Unsuitable",
    "aligned_empty",
    "allocate",
    "array_of",
    "cpu",
    "devices",
    "from_dlpack",
    "from_numpy",
    "from_scalar",
    "lend",
    "probe",
    "to_dlpack",
    "to_numpy",
    "trim",
    "unseen",
    "view_of",
]
