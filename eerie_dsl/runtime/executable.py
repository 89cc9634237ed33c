"""Compiled programs, loaded and ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from eerie_dsl.errors import ExecutionError
from eerie_dsl.runtime.buffer import Buffer
from eerie_dsl.runtime.device import after_fork, binding, inline, instance, pool

_Arguments = binding.VmVariantList


class Executable:
    """A function of a compiled program. Calls from several threads run side by side.

    A call takes about 3 µs for a small kernel; the arguments are trusted to have the types that it was compiled for,
    as far as the program does not check them itself.

    Args:
        vmfb: the program, as the compiler wrote it. It is trusted: check where it comes from first.
        function: name of the exported function.
        pooled: spread the work over worker threads, which pays from about 100 µs of work on.

    Raises:
        ExecutionError: damaged, made for another architecture or runtime, or without such a function.
    """

    __slots__ = ("__weakref__", "_function", "_idle", "_module", "pooled")

    def __init__(self, vmfb: bytes, *, function: str = "main", pooled: bool = False) -> None:
        self.pooled = pooled
        try:
            self._module = binding.VmModule.copy_buffer(instance, vmfb)
            self._function = self._module.lookup_function(function)
        except Exception as error:
            raise ExecutionError(f"this is not a program that can be loaded: {_reason(error)}") from error
        if self._function is None:
            names = ", ".join(self._module.function_names)
            raise ExecutionError(f"the program has no function {function!r}", hint=f"it has: {names}")
        # A context takes one call at a time, so each call takes one from here; list.pop and append are atomic.
        self._idle = [(self._context(), _Arguments(1))]
        if pooled:
            _pooled.add(self)

    def _context(self) -> Callable[[Any, Any, Any], None]:
        device = pool() if self.pooled else inline
        try:
            context = binding.VmContext(instance, [binding.create_hal_module(instance, device), self._module])
        except Exception as error:
            reason = _reason(error)
            if "INCOMPATIBLE" in str(error):
                reason = "it was compiled for another processor architecture"
            raise ExecutionError(
                f"the program cannot run here: {reason}", hint="compile it for this machine"
            ) from error
        invoke: Callable[[Any, Any, Any], None] = context.invoke
        return invoke

    def __call__(self, views: Sequence[Buffer]) -> list[Buffer]:
        """The results of the program for one buffer per argument.

        Raises:
            ExecutionError: the arguments do not fit, or the program failed.
        """
        try:
            invoke, results = self._idle.pop()
        except IndexError:
            invoke, results = self._context(), _Arguments(1)
        try:
            arguments = _Arguments(len(views))
            push = arguments.push_ref
            for view in views:
                push(view)
            invoke(self._function, arguments, results)
            count = len(results)
            found = [results.get_as_ref(0)] if count == 1 else [results.get_as_ref(i) for i in range(count)]
            # The list holds its results until the next call fills it again, which large ones must not wait for.
            # After a failure the context is left to the collector.
            self._idle.append((invoke, _Arguments(1) if self.pooled else results))
            return found
        except Exception as error:
            raise ExecutionError(f"the program failed: {_reason(error)}") from error

    def __repr__(self) -> str:
        return f"Executable({self._function.name!r}, pooled={self.pooled})"


_pooled: WeakSet[Executable] = WeakSet()


def _forget() -> None:
    for executable in list(_pooled):
        executable._idle.clear()


after_fork(_forget)


def _reason(error: Exception) -> str:
    """The words of the runtime, without status codes and places in its sources."""
    import re

    text = str(error).partition("; while ")[0]
    status = re.search(r"\b[A-Z_]{5,}; (.*)", text, re.DOTALL)
    return (status[1] if status else text).strip()
