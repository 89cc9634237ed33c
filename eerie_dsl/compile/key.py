"""The key of a program: named parts, so that a miss can say which of them changed."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import NamedTuple

from eerie_dsl.compile.candidates import Choices
from eerie_dsl.compile.target import Target
from eerie_dsl.digest import digest, text_digest
from eerie_dsl.version import __version__

# What decides the code that a graph and a target become.
_SOURCES = ("ir", "ops", "transforms", "lowering", os.path.join("compile", "driver.py"))


class Key(NamedTuple):
    """What a program depends on, by name.

    Attributes:
        graph: digest of the graph.
        target: the target's name and, for ``host``, this CPU.
        flags: digest of the compiler flags.
        eerie: version of Eerie and a digest of the code that lowers.
        compiler: version of the compiler, None where none is installed: any compiler's program will do then.
        tuning: digest of the measured tiles that its kernels may take; empty where nothing was measured.
    """

    graph: str
    target: str
    flags: str
    eerie: str
    compiler: str | None
    tuning: str = ""

    @property
    def parts(self) -> dict[str, str | None]:
        """The parts by name."""
        return self._asdict()

    @property
    def base(self) -> bytes:
        """Digest of everything but the compiler."""
        return digest("\0".join((*self[:4], self.tuning)).encode(), size=16)

    @property
    def digest(self) -> str:
        """Digest of all parts, in hex."""
        return self.base.hex() + _short(self.compiler or "any")


def make_key(graph_digest: str, target: Target, choices: Choices = ()) -> Key:
    """The key of a graph compiled for a target, with measured tiles, by what is installed here."""
    tuning = text_digest(repr(choices), size=8) if choices else ""
    return Key(graph_digest, *_target_parts(target), eerie_part(), compiler_part(), tuning)


@cache
def _target_parts(target: Target) -> tuple[str, str]:
    flags = text_digest(*target.all_flags, size=8)
    return (f"{target.name} {target.variant}" if target.variant else target.name), flags


@cache
def eerie_part() -> str:
    """Version of Eerie and a digest of the sources that decide what a graph is lowered to."""
    return f"{__version__}+{sources_digest(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))}"


def sources_digest(package: str) -> str:
    """Digest of those sources in the package's directory; the same wherever one release is installed."""
    parts = []
    for source in _SOURCES:
        for path in _files(os.path.join(package, source)):
            with open(path, "rb", buffering=0) as file:
                parts += [path[len(package) :].encode(), file.readall()]
    return digest(*parts, size=8).hex()


def _files(path: str) -> list[str]:
    if path.endswith(".py"):
        return [path]
    if not os.path.isdir(path):
        return []
    return [file for name in sorted(os.listdir(path)) if name != "__pycache__" for file in _files(f"{path}/{name}")]


@cache
def compiler_part() -> str | None:
    """Version and revision of the installed compiler, found without importing it; None if there is none."""
    for entry in sys.path:
        package = os.path.join(entry, "iree", "compiler")
        try:
            with open(os.path.join(package, "version.py"), encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        # The library's size tells apart builds of one version, and is the same wherever a wheel is installed.
        return f"{_version(text)}+{_library_size(package)}"
    return None


def _version(text: str) -> str:
    words = text.split('"')
    version = next((words[i + 1] for i, w in enumerate(words[:-1]) if "\nVERSION" in w), "unknown")
    revision = next((words[i + 2] for i, w in enumerate(words[:-2]) if w == "IREE"), "unknown")
    return f"{version}+{revision[:12]}"


def _library_size(package: str) -> int:
    folder = os.path.join(package, "_mlir_libs")
    for name in ("libIREECompiler.so", "libIREECompiler.dylib", "IREECompiler.dll"):
        try:
            return os.stat(os.path.join(folder, name)).st_size
        except OSError:
            continue
    return 0


def _short(text: str) -> str:
    return text_digest(text, size=4)


def file_stem(key: Key) -> str:
    """Start of the names of the key's entries, one per compiler: the graph's digest first, so that entries of
    one graph lie together."""
    return f"{key.graph[:20]}-{key.base.hex()[:16]}-"


def file_name(key: Key) -> str:
    """Name of the key's entry on disk."""
    return file_stem(key) + _short(key.compiler or "any")
