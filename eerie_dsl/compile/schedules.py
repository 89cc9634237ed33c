"""Measured tiles on disk: one small JSON file for each kind of machine, beside the cache.

What is kept for a machine is looked up by kernel. Which kernels a program has is only known once it is lowered, and a
warm start does not lower: so each entry also names the operation of the graph that its kernel came from, its site, and
a program is compiled with the entries of its sites and no others. Those are part of its key.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from eerie_dsl.compile import files
from eerie_dsl.compile.candidates import Choice, Choices
from eerie_dsl.compile.cpu import architecture, features
from eerie_dsl.compile.target import Target
from eerie_dsl.config import config
from eerie_dsl.errors import TuningError, warn

if TYPE_CHECKING:
    from eerie_dsl.ir import Graph, Node

FORMAT = 1
FOLDER = "tuning"

_SHIPPED = (("x86_64", "avx512f", "x86_64-avx512.json"),)
"""Architecture, a feature that the CPU must have, and the table that was measured on such a one."""

_MOST_BYTES = 1 << 24
_MOST_PROGRAMS = 4096
_LOOPS = 32
_LARGEST = 1 << 40
_LOCK_SECONDS = 5.0


class Measured(NamedTuple):
    """The best tiles known for a kernel.

    Attributes:
        tiles: for each loop; None where the compiler's choice is better than that of the rules.
        gain: how many times faster than before the program ran in which they were found.
        sites: the operations of graphs that the kernel came from.
    """

    tiles: Choice
    gain: float
    sites: tuple[str, ...]


class Table(NamedTuple):
    """What was measured on one kind of machine.

    Attributes:
        machine: which.
        kernels: the best tiles by the kernel's key.
        programs: digests of programs that were searched.
    """

    machine: str
    kernels: Mapping[str, Measured]
    programs: tuple[str, ...] = ()

    def merged(self, other: Table) -> Table:
        """Both, of two entries for one kernel the one that gained more."""
        kernels = dict(self.kernels)
        for key, entry in other.kernels.items():
            ours = kernels.get(key)
            best = entry if ours is None or entry.gain > ours.gain else ours
            sites = (*(ours.sites if ours else ()), *entry.sites)
            kernels[key] = best._replace(sites=tuple(dict.fromkeys(sites)))
        programs = tuple(dict.fromkeys((*self.programs, *other.programs)))
        return Table(self.machine, kernels, programs[-_MOST_PROGRAMS:])

    def encode(self) -> bytes:
        """The file's bytes, for people to read too."""
        import json

        kernels = {
            key: {
                "tiles": None if m.tiles is None else dict(zip(_LEVELS, map(list, m.tiles), strict=True)),
                "gain": round(m.gain, 3),
                "sites": list(m.sites),
            }
            for key, m in sorted(self.kernels.items())
        }
        head = {"format": FORMAT, "machine": self.machine}
        rows = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in kernels.items()]
        listed = "{\n" + ",\n".join(rows) + "\n  }" if rows else "{}"
        start = json.dumps(head)[1:-1].replace(', "', ',\n  "')
        programs = json.dumps(list(self.programs))
        return f'{{\n  {start},\n  "kernels": {listed},\n  "programs": {programs}\n}}\n'.encode()


_LEVELS = ("distribution", "parallel", "reduction")


def decode(data: bytes, where: str) -> Table:
    """The table in a file's bytes.

    Raises:
        TuningError: it is none, or of another format.
    """
    import json

    if len(data) > _MOST_BYTES:
        raise TuningError(f"{where} is {len(data)} bytes long, and no table of tuned kernels is")
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise TuningError(
                f"{where} has format {found['format']!r}; this version of Eerie reads format {FORMAT}",
                hint="tune again, or use the version of Eerie that wrote it",
            )
        kernels = {_text(key): _measured(value) for key, value in found["kernels"].items()}
        return Table(_text(found["machine"]), kernels, tuple(map(_text, found["programs"])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, TuningError):
            raise
        raise TuningError(
            f"{where} is no table of tuned kernels, or is damaged ({type(error).__name__}: {error})",
            hint="write it again with eerie.tuning.save",
        ) from None


def _measured(value: Any) -> Measured:
    tiles = value["tiles"]
    if tiles is not None:
        tiles = tuple(tuple(map(_count, tiles[level])) for level in _LEVELS)
        if len({len(level) for level in tiles}) != 1 or len(tiles[0]) > _LOOPS:
            raise ValueError(f"tiles of {len(tiles[0])} loops")
    gain = value["gain"]
    if type(gain) not in (int, float) or not 0 < gain < _LARGEST:
        raise ValueError(f"a gain of {gain!r}")
    return Measured(tiles, float(gain), tuple(map(_text, value["sites"])))


def _count(value: object) -> int:
    if type(value) is int and 0 <= value < _LARGEST:
        return value
    raise ValueError(f"a tile of {value!r}")


def _text(value: object) -> str:
    if isinstance(value, str) and len(value) < 4096:
        return value
    raise ValueError(f"{value!r:.40} where a name should be")


# The tables at hand.


class _File(NamedTuple):
    """A table's file as it was read: what tells it from a later one, and its bytes; none when there is none."""

    stamp: object
    data: bytes


_files: dict[str, _File] = {}
_tables: dict[bytes, Table] = {}
_generation = 0


def machine(target: Target) -> str:
    """What tables for a target are called; empty where there are none, since programs for it do not run here."""
    return f"{target.name}-{target.variant}" if target.variant and target.backend == "llvm-cpu" else ""


def generation() -> int:
    """A number that changes whenever this process changes a table."""
    return _generation


def path_of(name: str) -> str:
    """The file of a machine's table."""
    return os.path.join(config.cache_dir, FOLDER, f"{name}.json")


def table_of(name: str) -> Table:
    """The table of a machine as it is on disk, empty where there is none.

    A damaged file counts as none, and the user is told once.
    """
    path = path_of(name)
    data = _read(path)
    if not data:
        return Table(name, {})
    table = _tables.get(data)
    if table is None:
        try:
            table = decode(data, path)
        except TuningError as error:
            _warn(error.message)
            table = Table(name, {})
        _tables.clear()
        _tables[data] = table
    return table


@cache
def shipped() -> bytes:
    """The table that comes with Eerie for CPUs like this one, as bytes; empty where there is none."""
    for machine_name, feature, file in _SHIPPED:
        if architecture() == machine_name and feature in features():
            with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "measured", file), "rb") as opened:
                return opened.read()
    return b""


def known_kernels(name: str) -> dict[str, Measured]:
    """The kernels in the table of a machine, and those that come with Eerie where it has none."""
    data = shipped()
    return {**(decode(data, "the table of this release").kernels if data else {}), **table_of(name).kernels}


def update(name: str, found: Table, without: Iterable[str] = ()) -> Table:
    """Merge what was found into the table on disk, after the entries ``without`` which it is faster are gone.

    Safe for many processes: each waits for the others, and readers see whole files. Where the disk does not take it,
    this process keeps it, and the user is told.

    Raises:
        TuningError: the table would be too large to be read.
    """
    global _generation
    path = path_of(name)
    lock = files.Lock(f"{path}.lock", stays=True)
    try:
        files.make_private(os.path.dirname(path))
        end = time.monotonic() + _LOCK_SECONDS
        while not lock.acquire() and time.monotonic() < end:
            time.sleep(0.01)
        table = _merged(table_of(name), found, without)
        data = table.encode()
        if len(data) > _MOST_BYTES:
            raise TuningError(f"{path} would be {len(data)} bytes long; tables may have {_MOST_BYTES}")
        files.write(path, data)
    except OSError as error:
        table = _merged(table_of(name), found, without)
        _files[path] = _File(_stamp(path), table.encode())
        warn(f"tuned kernels are kept for this process only: {error}. Fix: set EERIE_CACHE_DIR to a directory of yours")
    finally:
        lock.release()
        _generation += 1
    return table


def _read(path: str) -> bytes:
    stamp = _stamp(path)
    known = _files.get(path)
    if known is None or known.stamp != stamp:
        data = b""
        if stamp is not None:
            try:
                data = files.read(path, _MOST_BYTES + 1)[0]
            except OSError as error:
                _warn(str(error))
        known = _files[path] = _File(stamp, data)
    return known.data


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _warn(problem: str) -> None:
    warn(f"{problem}. Kernels run untuned. Fix: remove the file, or make it yours alone (chmod 600)")


def _merged(table: Table, found: Table, without: Iterable[str]) -> Table:
    gone = set(without)
    kernels = {key: entry for key, entry in table.kernels.items() if key not in gone}
    return table._replace(kernels=kernels).merged(found)


# What a program is compiled with.


def site(node: Node) -> str:
    """What an operation computes from what: by this a graph finds its entries."""
    operands = ", ".join(str(i.aval) for i in node.inputs)
    return f"{node.op.name if node.op else 'input'}({operands}) -> {node.aval}"


def choices_for(graph: Graph, target: Target) -> Choices:
    """The measured tiles of the kernels that a graph may have, in order of their keys."""
    name = machine(target)
    data = shipped() + _read(path_of(name)) if name else b""
    if not data:
        return ()
    # A warm start looks for the sites in the bytes, and parses them only if there are any.
    ops = {n.op.name for n in graph.walk() if n.op is not None}
    named = {op for op in ops if f'"{op}('.encode() in data}
    sites = {site(n) for n in graph.walk() if n.op is not None and n.op.name in named} if named else set()
    if not any(f'"{where}"'.encode() in data for where in sites):
        return ()
    kernels = known_kernels(name)
    return tuple((key, m.tiles) for key, m in sorted(kernels.items()) if not sites.isdisjoint(m.sites))
