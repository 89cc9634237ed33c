"""Every setting of Eerie: its default, its environment variable, what it accepts.

A setting has one value at a time, taken from the innermost of: ``with config(...)``, `config.update`, the
environment variable ``EERIE_<NAME>``, the default. The environment is read once, at the first use of a setting.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

from eerie_dsl.errors import ConfigError

T = TypeVar("T")

# Name of a setting -> its value, and where that came from.
_Layer: TypeAlias = dict[str, tuple[Any, str]]


class Setting(property, Generic[T]):
    """One setting: what it holds when nobody says otherwise, how a value is read, what it is for.

    A subclass of `property`: a read then costs half of what a descriptor written in Python does.

    Args:
        default: the value, or a function that finds it at first use.
        read: turns text of the environment, or a Python value, into the setting's type; raises ValueError
            with the words that say what is allowed.
        doc: one line for `help` and the reference.
    """

    def __init__(self, default: T | Callable[[], T], read: Callable[[object], T], doc: str) -> None:
        self.default = default
        self.read = read
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        def value(config: Config) -> T:
            layer = config._scope.get() or config._base or config._load()
            return layer[name][0]  # type: ignore[no-any-return]

        super().__init__(value, doc=self.__doc__)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type, /) -> Setting[T]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None, /) -> T: ...
        def __get__(self, instance: Any, owner: type | None = None, /) -> Any: ...

    def initial(self) -> T:
        """The default, computed if need be."""
        return self.default() if callable(self.default) else self.default


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a name")


def _path(value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if isinstance(path, str) and path and "\0" not in path:
            return os.path.abspath(os.path.expanduser(path))
    raise ValueError("the path of a directory")


def _number(value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = 0.0
        if number > 0:
            return number
    raise ValueError("a number above 0")


def _count(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 256:
        return value
    raise ValueError("a whole number from 1 to 256")


def _switch(value: object) -> bool:
    if isinstance(value, str):
        value = {"1": True, "true": True, "0": False, "false": False}.get(value.strip().lower())
    if isinstance(value, bool):
        return value
    raise ValueError("true or false, or 1 or 0 in the environment")


_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}


def _bytes(value: object) -> int:
    if isinstance(value, str):
        digits = value.strip().lower()
        unit = digits.lstrip("0123456789")
        digits = digits.removesuffix(unit)
        if digits.isdecimal() and unit.strip() in _UNITS:
            value = int(digits) * _UNITS[unit.strip()]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("a number of bytes, 0 or more, such as 500000000, 512MiB or 2GiB")


def _one_of(*choices: str) -> Callable[[object], Any]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValueError("one of " + ", ".join(choices))

    return read


def _default_cache_dir() -> str:
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        parent = os.path.expanduser("~/Library/Caches")
    else:
        # The XDG specification tells programs to ignore a relative path here.
        parent = os.environ.get("XDG_CACHE_HOME", "")
        parent = parent if os.path.isabs(parent) else os.path.expanduser("~/.cache")
    if not os.path.isabs(parent):  # an account without a home directory
        import tempfile

        parent = tempfile.gettempdir()
    return os.path.join(parent, "eerie")


def _default_workers() -> int:
    return min(4, os.cpu_count() or 1)


class Config:
    """The settings of Eerie, read as attributes: ``config.evaluation``.

    Change them for a block with ``with config(evaluation="reference"):``, for the whole process with
    `config.update`, from outside with environment variables: ``EERIE_EVALUATION=reference``. A block holds for
    the thread or the asyncio task that entered it, not for threads started inside.

    Example:
        >>> from eerie_dsl.config import config
        >>> with config(evaluation="reference"):
        ...     config.evaluation
        'reference'
    """

    cache_dir: Setting[str] = Setting(_default_cache_dir, _path, "Directory that keeps compiled programs between runs.")
    cache_bytes: Setting[int] = Setting(
        4 << 30, _bytes, "Size that the cache on disk may reach; 0 keeps nothing on disk."
    )
    compile_timeout: Setting[float] = Setting(
        300.0, _number, "Seconds after which a compilation is stopped; inf for no limit."
    )
    compile_workers: Setting[int] = Setting(
        _default_workers, _count, "Compiler processes that may run at the same time."
    )
    evaluation: Setting[Literal["tiered", "compiled", "reference"]] = Setting(
        "tiered",
        _one_of("tiered", "compiled", "reference"),
        "How scripts compute: in NumPy until a program was compiled meanwhile, compiled at once, or in NumPy only; "
        "jit takes tiered as compiled.",
    )
    target: Setting[str] = Setting("host", _text, "Target that programs are compiled for when none is named.")
    progress: Setting[Literal["auto", "always", "never"]] = Setting(
        "auto",
        _one_of("auto", "always", "never"),
        "Whether a long compilation says what it is doing; auto does on a terminal.",
    )
    check_nans: Setting[bool] = Setting(
        False, _switch, "Whether a result that holds NaN is an error that names the operation where it began."
    )
    traceback: Setting[Literal["user", "full"]] = Setting(
        "user", _one_of("user", "full"), "Whether tracebacks show the user's frames or Eerie's as well."
    )

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._base: _Layer | None = None
        self._scope: ContextVar[_Layer | None] = ContextVar("eerie settings", default=None)
        self._lock = threading.RLock()

    def _load(self) -> _Layer:
        with self._lock:
            if self._base is None:
                layer: _Layer = {}
                for name, setting in SETTINGS.items():
                    variable = f"EERIE_{name.upper()}"
                    if text := self._environ.get(variable):
                        layer[name] = (_read(setting, text, f"{variable}={text}"), variable)
                    else:
                        layer[name] = (setting.initial(), "default")
                self._base = layer
            return self._base

    def __call__(self, **values: Any) -> AbstractContextManager[Config]:
        """Settings for the length of a ``with`` block.

        Raises:
            ConfigError: an unknown name, or a value that the setting cannot take.
        """
        return self._entered(_changes("config", values))

    @contextmanager
    def _entered(self, changes: _Layer) -> Iterator[Config]:
        token = self._scope.set({**(self._scope.get() or self._load()), **changes})
        try:
            yield self
        finally:
            self._scope.reset(token)

    def snapshot(self) -> Mapping[str, tuple[Any, str]]:
        """All settings as they are now; the same object until one of them changes."""
        return self._scope.get() or self._base or self._load()

    def update(self, **values: Any) -> None:
        """Change settings for the whole process, for every thread that is in no ``with config(...)``.

        Raises:
            ConfigError: an unknown name, or a value that the setting cannot take; nothing is changed then.
        """
        changes = _changes("config.update", values)
        with self._lock:
            self._base = {**self._load(), **changes}

    def __str__(self) -> str:
        layer = self._scope.get() or self._load()
        width = max(len(str(value)) for value, _ in layer.values())
        lines = [f"{name:16} {value!s:{width}}  {origin}" for name, (value, origin) in layer.items()]
        known = {f"EERIE_{name.upper()}" for name in SETTINGS}
        for variable in sorted(self._environ):
            if variable.startswith("EERIE_") and variable not in known:
                lines.append(f"{variable} is set but names no setting")
        return "\n".join(lines)

    def show(self) -> None:
        """Print every setting, its value, and where the value came from."""
        print(self)


def _changes(caller: str, values: Mapping[str, object]) -> _Layer:
    changes: _Layer = {}
    for name, value in values.items():
        if name not in SETTINGS:
            raise ConfigError(f"{caller}: there is no setting {name!r}; there are {', '.join(SETTINGS)}")
        changes[name] = (_read(SETTINGS[name], value, f"{caller}({name}={value!r})"), caller)
    return changes


def _read(setting: Setting[T], value: object, where: str) -> T:
    try:
        return setting.read(value)
    except ValueError as error:
        raise ConfigError(f"{where}: expected {error}") from None


SETTINGS: Mapping[str, Setting[Any]] = {
    name: setting for name, setting in vars(Config).items() if isinstance(setting, Setting)
}

config = Config()
