"""Exported functions at work: loaded with only the runtime, their arguments checked, their state kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eerie_dsl.errors import (
    ArgumentError,
    EerieError,
    ExecutionError,
    InvalidValueError,
    TargetError,
)
from eerie_dsl.export import container
from eerie_dsl.export.entry import Entry
from eerie_dsl.export.rows import array_of, aval_of
from eerie_dsl.export.structures import built, count
from eerie_dsl.export.table import obstacle
from eerie_dsl.ir.aval import Aval
from eerie_dsl.runtime import Adaptive, Executable

if TYPE_CHECKING:
    from eerie_dsl.runtime.remote import RemoteExecutable

_SCOPE = "weights"


class Program(NamedTuple):
    """The program of one target in a file.

    Attributes:
        target: name of the target.
        needs: what running it takes, for people.
        flags: what the compiler was given.
        kernels: names of its kernels.
        size: bytes.
        obstacle: why it does not run here; empty when it does.
    """

    target: str
    needs: str
    flags: tuple[str, ...]
    kernels: tuple[str, ...]
    size: int
    obstacle: str


class Library:
    """The functions of a file that `load` opened, as attributes; a file of one function can be called itself.

    Attributes:
        path: of the file.
        target: name of the target whose program runs.
        functions: the functions, by name.
        programs: what the file has for each target.
        versions: of Eerie and of the compiler that wrote it.
        weights: types of the arrays that are in a file apart, by name.
        weights_file: path of that file, None where all weights are inside.
    """

    def __init__(
        self, path: str, content: container.Content, target: str | None, weights: str | os.PathLike[str] | None
    ) -> None:
        manifest = content.manifest
        self.path = path
        self._content = content
        self._lock = threading.Lock()
        self._opened: Executable | RemoteExecutable | None = None
        self._workers: Executable | None = None
        self._state_row: Any = manifest["state"]
        row = manifest["weights"]
        self.weights = {n: aval_of(r) for n, r in row["arrays"].items()} if row else {}
        beside = os.path.join(os.path.dirname(path), row["file"]) if row else None
        self.weights_file = beside if weights is None or beside is None else os.fspath(weights)
        self._rows: list[Any] = manifest["programs"]
        self.versions = {"eerie": str(manifest["eerie"]), "compiler": str(manifest["compiler"])}
        self.programs = tuple(_program(row) for row in self._rows)
        self.functions = {row["name"]: Entry(row, self._executable) for row in manifest["functions"]}
        self.target = target or next((p.target for p in self.programs if not p.obstacle), self.programs[0].target)
        for row in self._rows:
            content.part(row["place"])
        if self._state_row is not None and count(self._state_row["structure"]) != len(self._state_row["leaves"]):
            raise ValueError("the state has other arrays than types")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results of the only function; see `Entry`."""
        if len(self.functions) != 1:
            raise ArgumentError(
                f"{self.path} has several functions: {', '.join(self.functions)}", hint="call one of them"
            )
        (function,) = self.functions.values()
        return function(*args, **kwargs)

    def __getattr__(self, name: str) -> Entry:
        found = self.__dict__.get("functions", {}).get(name)
        if found is None:
            raise AttributeError(f"{self.__dict__.get('path')} has no function {name!r}")
        return found  # type: ignore[no-any-return]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.functions]

    def state(self) -> Any:
        """The state that the functions begin with.

        Raises:
            ArgumentError: the file was exported without state.
        """
        if self._state_row is None:
            raise ArgumentError(f"{self.path} was exported without state")
        with _sensible(self.path):
            data = self._content.part(self._state_row["place"])
            return built(self._state_row["structure"], iter([array_of(r, data) for r in self._state_row["leaves"]]))

    def session(self) -> Session:
        """The functions with a state that is kept between calls.

        Raises:
            ArgumentError: the file was exported without state.
        """
        return Session(self)

    def _executable(self, function: str, heavy: bool) -> Any:
        with self._lock:
            self._opened = self._opened or self._open(function)
            found = self._opened.beside(function)
            if not heavy or not isinstance(found, Executable):
                return found.__call__
            self._workers = self._workers or found.on_workers()
            return Adaptive(found, self._workers.beside(function)).__call__

    def _open(self, function: str) -> Executable | RemoteExecutable:
        row, program = next((r, p) for r, p in zip(self._rows, self.programs, strict=True) if p.target == self.target)
        if program.obstacle:
            names = ", ".join(p.target for p in self.programs)
            raise TargetError(
                f"{self.path} has programs for {names}, and none runs here. {self.target}: {program.obstacle}",
                hint="export it for this machine",
            )
        parameters = None if self.weights_file is None else (_SCOPE, self._read_weights(self.weights_file))
        try:
            data, driver = bytes(self._content.part(row["place"])), row["target"]["driver"]
            if driver == "local":
                return Executable(data, function=function, parameters=parameters)
            from eerie_dsl.runtime.remote import RemoteExecutable

            return RemoteExecutable(data, driver=driver, function=function, parameters=parameters)
        except ExecutionError as error:
            raise ExecutionError(
                f"{self.path}: {error.message}; it was compiled by {self.versions['compiler']}", hint=error.hint
            ) from error

    def _read_weights(self, path: str) -> dict[str, np.ndarray[Any, Any]]:
        import eerie_dsl as eerie

        if not os.path.exists(path):
            raise InvalidValueError(
                f"{self.path}: its weights, {path}, are not there",
                hint="put the file next to it, or name it: eerie.load(path, weights=...)",
            )
        tensors = eerie.interop.safetensors.load(path)
        for name, wanted in self.weights.items():
            if name not in tensors:
                raise InvalidValueError(f"{path} has no {name!r}, which {self.path} needs as {wanted}")
            found = Aval(tensors[name].shape, tensors[name].dtype)
            if found is not wanted:
                raise InvalidValueError(f"{path}: {name!r} is {found}, and {self.path} needs it as {wanted}")
        return {name: tensors[name].numpy() for name in self.weights}

    def __repr__(self) -> str:
        lines = [f"{self.path} for {self.target}", *(f"  {f}" for f in self.functions.values())]
        return "\n".join(lines)


class Session:
    """Functions that hand a state on, with the state kept between calls: ``session.step(x)`` is the result alone.

    Calls from several threads follow one another. When a call fails the state stays as it was.

    Attributes:
        state: the state after the last call; may be set.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self.state = library.state()

    def reset(self) -> None:
        """Begin anew with the first state."""
        self.state = self._library.state()

    def __getattr__(self, name: str) -> Any:
        entry = getattr(self._library, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.state, result = entry(self.state, *args, **kwargs)
            return result

        return call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the only function."""
        with self._lock:
            self.state, result = self._library(self.state, *args, **kwargs)
        return result


def load(
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> Library:
    """The functions of a file that `export` wrote. Only the runtime is needed, not the compiler.

    Of several targets in it, the first that runs here is taken. The checksum of the file finds damage, not intent: the
    program in it is machine code, so load only what comes from somebody you trust.

    Args:
        path: of the file.
        target: name of the target whose program to run.
        weights: of a file of weights to use in place of the one that was written with it; its arrays must have the
            same names and types.

    Raises:
        InvalidValueError: the file is damaged, cut short, or something else; or the weights do not fit it.
        TargetError: it has no program for ``target``; at the first call, none that runs here.
        OSError: it cannot be read.

    >>> import os, tempfile
    >>> import eerie_dsl as eerie
    >>> path = os.path.join(tempfile.mkdtemp(), "double.vmfb")
    >>> _ = eerie.export(lambda x: x * 2, eerie.spec((eerie.Dim("n"),)), out=path)
    >>> double = eerie.load(path)
    >>> double
    /...double.vmfb for host
      main(x: f32[n]) -> f32[n]
    >>> double(eerie.ones(3))
    Array([2., 2., 2.], dtype=float32, device=cpu)
    """
    name = os.fspath(path)
    content = container.read(path)
    with _sensible(name):
        library = Library(name, content, target, weights)
    if target is not None and target not in [p.target for p in library.programs]:
        raise TargetError(f"{name} has programs for {', '.join(p.target for p in library.programs)}, not for {target}")
    return library


@contextmanager
def _sensible(path: str) -> Iterator[None]:
    """What a file says of itself is read here; nonsense under a right checksum is the work of another program."""
    try:
        yield
    except EerieError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError, MemoryError) as error:
        raise InvalidValueError(f"{path}: what it says of itself makes no sense: {error}") from error


def _program(row: Mapping[str, Any]) -> Program:
    target = row["target"]
    return Program(
        target["name"], target["needs"], tuple(row["flags"]), tuple(row["kernels"]), int(row["bytes"]), obstacle(target)
    )
