"""Compiled programs on devices with memory of their own: arguments are copied there, results back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.errors import ExecutionError
from eerie_dsl.runtime.buffer import Buffer, view_of
from eerie_dsl.runtime.device import binding, inline, instance, reason
from eerie_dsl.runtime.executable import Arguments, function_of, loaded, provider

_Memory, _Usage = binding.MemoryType, binding.BufferUsage
_LOCAL = int(_Memory.DEVICE_LOCAL)
_STAGING = int(_Memory.HOST_VISIBLE) | int(_Memory.HOST_COHERENT) | int(_Memory.HOST_LOCAL)
_HOST = int(_Memory.DEVICE_LOCAL) | int(_Memory.HOST_VISIBLE)
_DEFAULT = int(_Usage.DEFAULT)
_MAPPED = _DEFAULT | int(_Usage.MAPPING)


@cache
def _device(driver: str) -> Any:
    made = binding.get_cached_hal_driver(driver)
    return made.create_device(made.query_available_devices()[0]["device_id"])


class RemoteExecutable:
    """A function of a compiled program on the first device of a driver; its arguments and results are on the CPU.

    Calls follow one another.

    Args:
        vmfb: the program, as the compiler wrote it. It is trusted.
        driver: ``"cuda"``, ``"hip"``, ``"vulkan"`` or ``"metal"``.
        function: name of the exported function.
        parameters: arrays that the program reads by name.

    Raises:
        ExecutionError: damaged, made for another device, or without such a function; no device.
    """

    __slots__ = ("_context", "_device", "_function", "_lock", "_module", "_parameters")

    def __init__(
        self,
        vmfb: bytes,
        *,
        driver: str,
        function: str = "main",
        parameters: tuple[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._module = loaded(vmfb)
        self._function = function_of(self._module, function)
        self._parameters = None if parameters is None else provider(*parameters)
        try:
            self._device = _device(driver)
            modules = [binding.create_hal_module(instance, self._device)]
            if self._parameters is not None:
                modules.append(binding.create_io_parameters_module(instance, self._parameters))
            self._context = binding.VmContext(instance, [*modules, self._module])
        except Exception as error:
            raise ExecutionError(f"the program cannot run on {driver}: {reason(error)}") from error

    def beside(self, function: str) -> RemoteExecutable:
        """Another function of the same program.

        Raises:
            ExecutionError: the program has no such function.
        """
        other = object.__new__(RemoteExecutable)
        for name in ("_context", "_device", "_lock", "_module", "_parameters"):
            setattr(other, name, getattr(self, name))
        other._function = function_of(self._module, function)
        return other

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results of the program for one buffer per argument.

        Raises:
            ExecutionError: the arguments do not fit, or the program failed.
        """
        try:
            with self._lock:
                arguments, results = Arguments(len(views)), Arguments(1)
                for view in views:
                    arguments.push_ref(self._sent(view_of(view)))
                self._context.invoke(self._function, arguments, results)
                return [self._fetched(view_of(results.get_as_ref(i))) for i in range(len(results))]
        except Exception as error:
            raise ExecutionError(f"the program failed: {reason(error)}") from error

    def _sent(self, view: Any) -> Any:
        # As plain bytes, because NumPy does not export all element types.
        raw = _bytes(view, view.byte_length)
        buffer = self._device.allocator.allocate_buffer_copy(_LOCAL, _DEFAULT, self._device, raw)
        return binding.HalBufferView(buffer, tuple(view.shape), view.element_type)

    def _fetched(self, view: Any) -> Any:
        size = view.byte_length
        own = inline.allocator.allocate_buffer(_HOST, _DEFAULT, size)
        result = binding.HalBufferView(own, tuple(view.shape), view.element_type)
        if size:
            staging = self._device.allocator.allocate_buffer(_STAGING, _MAPPED, size)
            done = self._device.create_semaphore(0)
            fence = binding.HalFence.create_at(done, 1)
            self._device.queue_copy(view.get_buffer(), staging, binding.HalFence(0), fence)
            fence.wait()
            _bytes(result, size)[:] = _bytes(staging, size)
        return result


def _bytes(memory: Any, size: int) -> NDArray[np.uint8]:
    return np.ndarray((size,), np.uint8, memory.map())
