"""What the Array API standard lets a program ask about the namespace: its version, devices, dtypes and limits."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from eerie_dsl.errors import InvalidValueError
from eerie_dsl.ir.dtypes import ALL, DEFAULT_COMPLEX, DEFAULT_FLOAT, DEFAULT_INT, DType, bfloat16, float16
from eerie_dsl.runtime import Device, cpu

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
"""Versions of the standard that the namespace follows; each one adds to the one before."""

__array_api_version__ = VERSIONS[-1]

DEVICES = (cpu,)
"""Where an array can live."""

_BEYOND = (float16, bfloat16)  # the standard has no name for these

KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("int",),
    "unsigned integer": ("uint",),
    "integral": ("int", "uint"),
    "real floating": ("float",),
    "complex floating": ("complex",),
    "numeric": ("int", "uint", "float", "complex"),
}
"""The standard's kinds of dtypes, and the kinds of `DType` that make each up."""


# Values are computed by NumPy where there is no kernel for them, and NumPy's arrays end here.
_MAX_DIMENSIONS = 64


def namespace() -> ModuleType:
    """The package: the namespace that an array says its functions are in.

    The front door imports everything below it, so that nothing below can import it; nothing else asks for it.
    """
    return sys.modules[__name__.partition(".")[0]]


def on_device(device: Any) -> Device:
    """The device meant by an argument ``device``: one of `DEVICES`, its name, or None for the default.

    Raises:
        InvalidValueError: arrays cannot live there.
    """
    if device is None or device is cpu:
        return cpu
    for known in DEVICES:
        if device in (known, known.name):
            return known
    listed = ", ".join(d.name for d in DEVICES)
    raise InvalidValueError(f"arrays cannot live on device {device!r}", hint=f"use one of: {listed}")


class Info:
    """Answers about the array namespace, as `__array_namespace_info__` gives them."""

    __slots__ = ()

    def capabilities(self) -> dict[str, bool | int | None]:
        """What outside of a traced function is possible: boolean indexing, shapes that follow from values."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": _MAX_DIMENSIONS}

    def default_device(self) -> Device:
        """Where arrays live when nobody says."""
        return cpu

    def devices(self) -> tuple[Device, ...]:
        """Where arrays can live."""
        return DEVICES

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes that functions choose by themselves, by the kind of the values.

        Raises:
            InvalidValueError: arrays cannot live on the device.
        """
        on_device(device)
        return {
            "real floating": DEFAULT_FLOAT,
            "complex floating": DEFAULT_COMPLEX,
            "integral": DEFAULT_INT,
            "indexing": DEFAULT_INT,
        }

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The dtypes of the standard, by name. Eerie has ``float16`` and ``bfloat16`` besides.

        Args:
            device: where; None for the default.
            kind: as in `isdtype`; None for all of them.

        Raises:
            InvalidValueError: there is no such kind, or arrays cannot live on the device.

        >>> import eerie_dsl as eerie
        >>> eerie.__array_namespace_info__().dtypes(kind="complex floating")
        {'complex64': eerie.complex64, 'complex128': eerie.complex128}
        """
        on_device(device)
        wanted = tuple(KINDS) if kind is None else kind if isinstance(kind, tuple) else (kind,)
        if unknown := [k for k in wanted if k not in KINDS]:
            raise InvalidValueError(f"there is no kind of dtypes {unknown[0]!r}", hint="use one of " + ", ".join(KINDS))
        kinds = {k for name in wanted for k in KINDS[name]}
        return {d.name: d for d in ALL if d.kind in kinds and d not in _BEYOND}


def __array_namespace_info__() -> Info:
    """Answers about this namespace: devices, dtypes, defaults, capabilities.

    >>> import eerie_dsl as eerie
    >>> eerie.__array_namespace_info__().default_dtypes()["real floating"]
    eerie.float32
    """
    return Info()
