"""What Python, NumPy, DLPack, the Array API standard and notebooks ask of an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Self

import numpy as np

from eerie_dsl.api.conversion import ArrayLike, required
from eerie_dsl.api.dispatch import call_function, call_ufunc
from eerie_dsl.api.display import representation, table
from eerie_dsl.api.info import VERSIONS, namespace, on_device
from eerie_dsl.api.methods import Methods
from eerie_dsl.errors import ArgumentError, ExchangeError, InvalidValueError
from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.graph import Node
from eerie_dsl.ir.scope import state
from eerie_dsl.ops.composite import elementwise as ew
from eerie_dsl.ops.composite.reduction import any as _any
from eerie_dsl.runtime import DLPACK_CPU, Device, cpu, from_numpy, to_dlpack

_WRITABLE = 1  # of the flags that a consumer of a buffer passes


class Protocols(Methods):
    """The protocols, for `Array` to inherit."""

    __slots__ = ()
    _aval: Aval
    _node: Node | None
    __array_priority__ = 1000

    @classmethod
    def held(cls, aval: Aval, value: Any) -> Self:
        """The array of type ``aval`` in a device buffer."""
        raise NotImplementedError

    def lent(self) -> Any:
        """The device buffer, which somebody else will hold too."""
        raise NotImplementedError

    @property
    def _traced(self) -> bool:
        return self._node is not None and self._node.scope is not None

    # The Array API standard.

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        if api_version is not None and api_version not in VERSIONS:
            raise InvalidValueError(
                f"version {api_version!r} of the Array API standard is not one that eerie_dsl follows",
                hint="use one of " + ", ".join(VERSIONS),
            )
        return namespace()

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return cpu

    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """The array on a device: this very array, as it is there.

        Args:
            device: one that arrays can live on, or its name.
            stream: for the standard's sake; the CPU has none.

        Raises:
            InvalidValueError: arrays cannot live there, or a stream is given.
        """
        on_device(device)
        if stream is not None:
            raise InvalidValueError(f"to_device with stream {stream!r}: the CPU has no streams", hint="leave it out")
        return self

    # Values out.

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array, without a copy."""
        raise NotImplementedError

    def item(self) -> bool | int | float | complex:
        """The one element as a Python scalar.

        Raises:
            InvalidValueError: the array has not exactly one element.
        """
        return self._scalar(InvalidValueError, "only an array of one element is a scalar")

    def tolist(self) -> Any:
        """The value as nested lists of Python scalars."""
        return self.numpy().tolist()

    def _scalar(
        self, error: type[InvalidValueError | ArgumentError], message: str, hint: str | None = None
    ) -> bool | int | float | complex:
        if self._aval.size != 1:
            raise error(f"{message}, this is {self._aval}", hint=hint)
        return self.numpy().item()  # type: ignore[no-any-return]

    def _real(self, kind: str) -> bool | int | float:
        if self._aval.dtype.kind == "complex":
            raise ArgumentError(f"a {self._aval} does not become {kind}", hint="use eerie.real or eerie.abs")
        return self._scalar(ArgumentError, f"only an array of one element becomes {kind}")  # type: ignore[return-value]

    def __bool__(self) -> bool:
        return bool(
            self._scalar(InvalidValueError, "only an array of one element is true or false", "use any() or all()")
        )

    def __int__(self) -> int:
        return int(self._real("an int"))

    def __float__(self) -> float:
        return float(self._real("a float"))

    def __complex__(self) -> complex:
        return complex(self._scalar(ArgumentError, "only an array of one element becomes a complex"))

    def __index__(self) -> int:
        if not self._aval.dtype.is_integer or self._aval.ndim:
            raise ArgumentError(f"only a 0-d integer array is an index, this is {self._aval}")
        return int(self._real("an index"))

    # Containers.

    def __len__(self) -> int:
        if not self._aval.ndim:
            raise ArgumentError("a 0-d array has no length")
        return self._aval.shape[0]

    def __iter__(self) -> Iterator[Self]:
        """The parts along the first axis; outside a trace the array is computed first, once."""
        if not self._aval.ndim:
            raise ArgumentError("a 0-d array cannot be iterated over", hint="use item() for its value")
        if state.scope is not None or state.tape is not None:
            return iter(namespace().unstack(self))
        part = Aval(self._aval.shape[1:], self._aval.dtype)
        values = self.numpy()
        return (self.held(part, from_numpy(values[i, ...], part.dtype, copy=True)) for i in range(len(values)))

    def __contains__(self, value: ArrayLike) -> bool:
        return bool(self.of(_any(ew.equal(self.node, required(value)))))

    # Copies. A copy has memory of its own: it outlives a donation of the original.

    def __copy__(self) -> Self:
        return namespace().asarray(self, copy=True)  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[np.ndarray[Any, Any]]]:
        return namespace().asarray, (self.numpy(),)

    # Text.

    def __repr__(self) -> str:
        if self._traced:
            return f"Array(<traced {self._aval}>)"
        return representation(self._aval, self.device, self.numpy())

    def __str__(self) -> str:
        return repr(self) if self._traced else str(self.numpy())

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        return format(self._scalar(ArgumentError, f"only an array of one element is formatted as {spec!r}"), spec)

    def _repr_html_(self) -> str:
        return table(self._aval, self.device, None if self._traced else self.numpy())

    # NumPy, buffers, DLPack.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """The value for ``numpy.asarray``: a read-only view, or a copy that can be written to if one is asked for."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise InvalidValueError(
                    f"a {self._aval} cannot become {np.dtype(dtype)} without a copy", hint="leave copy out"
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """NumPy's ufuncs: recorded where Eerie has the function, else computed by NumPy at once."""
        return call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Sequence[Any], keywords: dict[str, Any]
    ) -> Any:
        """NumPy's other functions: recorded where Eerie has the function, else computed by NumPy at once."""
        return call_function(function, types, args, keywords)

    def __buffer__(self, flags: int) -> memoryview:
        """The memory for ``memoryview(x)``, from Python 3.12 on; before, ``memoryview(x.numpy())`` gives the same.

        Raises:
            ExchangeError: it is asked for to be written to, or its dtype is one that buffers have no name for.
        """
        if flags & _WRITABLE:
            raise ExchangeError("the memory of an Array is read-only", hint="use x.__array__(copy=True)")
        try:
            return self.numpy().data
        except ValueError as error:
            raise ExchangeError(f"{self._aval} is not a buffer: {error}", hint="use x.numpy()") from None

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The memory itself, for ``from_dlpack`` of another library. Who writes to it changes this array, and what
        is still to be computed from it: take a copy to write to.

        Raises:
            ExchangeError: a stream or another device is asked for.
        """
        return to_dlpack(
            self.lent(), self._aval, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return DLPACK_CPU
