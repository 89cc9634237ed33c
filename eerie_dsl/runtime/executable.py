"""Compiled programs, loaded and ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from eerie_dsl.errors import ExecutionError
from eerie_dsl.runtime.buffer import Buffer
from eerie_dsl.runtime.device import after_fork, binding, inline, instance, pool, reason
from eerie_dsl.runtime.profile import tell, watchers
from eerie_dsl.runtime.workspace import give_back, lend

Arguments = binding.VmVariantList


class Executable:
    """A function of a compiled program. Calls from several threads run side by side.

    A call takes about 2.5 µs for a small kernel; the arguments are trusted to have the types that it was compiled for,
    as far as the program does not check them itself.

    Args:
        vmfb: the program, as the compiler wrote it. It is trusted: check where it comes from first.
        function: name of the exported function.
        pooled: spread the work over worker threads, which pays from about 100 µs of work on.
        parameters: arrays that the program reads by name, whose memory is not copied; they are trusted to have the
            sizes that it was compiled for.
        label: what the watchers of its calls are told that it is.

    Attributes:
        workspace: bytes that each call borrows, None where that is none.

    Raises:
        ExecutionError: damaged, made for another architecture or runtime, or without such a function or parameter.
    """

    __slots__ = ("__weakref__", "_function", "_idle", "_module", "_parameters", "label", "pooled", "workspace")

    def __init__(
        self,
        vmfb: bytes,
        *,
        function: str = "main",
        pooled: bool = False,
        parameters: tuple[str, Mapping[str, NDArray[Any]]] | None = None,
        label: object = None,
    ) -> None:
        self.pooled = pooled
        self.label = label
        self._parameters = None if parameters is None else provider(*parameters)
        self._module = loaded(vmfb)
        self._function = function_of(self._module, function)
        self.workspace = workspace_of(self._function)
        # A context takes one call at a time, so each call takes one from here; list.pop and append are atomic.
        self._idle = [(self._context(), Arguments(1))]
        if pooled:
            _pooled.add(self)

    def beside(self, function: str) -> Executable:
        """Another function of the same program, which shares its memory.

        Raises:
            ExecutionError: the program has no such function.
        """
        other = object.__new__(Executable)
        other.pooled, other._parameters, other._module = self.pooled, self._parameters, self._module
        other.label = self.label
        other._function, other._idle = function_of(self._module, function), self._idle
        other.workspace = workspace_of(other._function)
        return other

    def on_workers(self) -> Executable:
        """The same program, its work spread over worker threads."""
        other = object.__new__(Executable)
        other.pooled, other._parameters, other._module = True, self._parameters, self._module
        other.label, other._function, other._idle = self.label, self._function, []
        other.workspace = self.workspace
        _pooled.add(other)
        return other

    def _context(self) -> Callable[[Any, Any, Any], None]:
        device = pool() if self.pooled else inline
        try:
            modules = [binding.create_hal_module(instance, device)]
            if self._parameters is not None:
                modules.append(binding.create_io_parameters_module(instance, self._parameters))
            context = binding.VmContext(instance, [*modules, self._module])
        except Exception as error:
            foreign = "INCOMPATIBLE" in str(error)
            why = "it was compiled for another processor architecture" if foreign else reason(error)
            hint = None if "parameter" in why else "compile it for this machine"
            raise ExecutionError(f"the program cannot run here: {why}", hint=hint) from error
        invoke: Callable[[Any, Any, Any], None] = context.invoke
        return invoke

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results of the program for one buffer per argument.

        Raises:
            ExecutionError: the arguments do not fit, or the program failed.
        """
        start = perf_counter() if watchers else 0.0
        try:
            invoke, results = self._idle.pop()
        except IndexError:
            invoke, results = self._context(), Arguments(1)
        try:
            arguments = Arguments(len(views))
            push = arguments.push_ref
            for view in views:
                push(view)
            if self.workspace is None:
                invoke(self._function, arguments, results)
            else:
                block = lend(self.workspace)
                push(block[1])
                invoke(self._function, arguments, results)
                give_back(block)
            count = len(results)
            found = [results.get_as_ref(0)] if count == 1 else [results.get_as_ref(i) for i in range(count)]
            # The list holds its results until the next call fills it again, which large ones must not wait for.
            # After a failure the context is left to the collector.
            self._idle.append((invoke, Arguments(1) if self.pooled else results))
        except Exception as error:
            raise ExecutionError(f"the program failed: {reason(error)}") from error
        if start:
            tell(self.label, views, start)
        return found

    def __repr__(self) -> str:
        return f"Executable({self._function.name!r}, pooled={self.pooled})"


_pooled: WeakSet[Executable] = WeakSet()


def _forget() -> None:
    for executable in list(_pooled):
        executable._idle.clear()


after_fork(_forget)


def loaded(vmfb: bytes) -> Any:
    """A program as a module; raises ExecutionError when it is none."""
    try:
        return binding.VmModule.copy_buffer(instance, vmfb)
    except Exception as error:
        raise ExecutionError(f"this is not a program that can be loaded: {reason(error)}") from error


def function_of(module: Any, function: str) -> Any:
    """The function of a module; raises ExecutionError when there is none of that name."""
    try:
        entry = module.lookup_function(function)
    except Exception as error:
        raise ExecutionError(f"this is not a program that can be loaded: {reason(error)}") from error
    if entry is None:
        names = ", ".join(module.function_names)
        raise ExecutionError(f"the program has no function {function!r}", hint=f"it has: {names}")
    return entry


def workspace_of(function: Any) -> int | None:
    """Bytes that the caller has to lend, as one more argument; None where the program allocates what it needs."""
    size = function.reflection.get("iree.abi.transients.size.constant")
    return None if size is None else max(int(size), 1)  # an empty buffer has no address


def provider(scope: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Arrays by name, as a program reads parameters."""
    index = binding.ParameterIndex()
    for name, array in arrays.items():
        # An empty buffer has no address.
        index.add_buffer(name, array.reshape(-1).view(np.uint8) if array.size else np.zeros(1, np.uint8)[:0])
    return index.create_provider(scope=scope)
