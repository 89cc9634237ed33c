"""Programs on disk: looked up by key, checked before use, bounded in size, safe under many processes.

Nothing here ever raises because of the disk: what cannot be read is a miss, what cannot be written is not kept, and
the user is told once how to make it work again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from eerie_dsl.compile import entry, files
from eerie_dsl.compile.key import Key, file_name, file_stem
from eerie_dsl.compile.program import Program
from eerie_dsl.config import config
from eerie_dsl.errors import warn

# Last use is kept to the hour: a warm start then writes nothing.
_TOUCH_SECONDS = 3600
# A write takes milliseconds; a temporary file this old was left by a process that was killed.
_STALE_TEMPORARY_SECONDS = 600
_STALE_LOCK_SECONDS = 86400
_HEADER_GUESS = 16384
# Parts of a key whose value tells a reader nothing.
_DIGESTS = ("graph", "flags", "tuning")
# Entries looked through for one of the same function: enough for most caches, and quick.
_NAME_SEARCH = 500


class Entry(NamedTuple):
    """One file of the cache as listed by `Cache.entries`.

    ``header`` is None, and ``problem`` says why, when the file cannot be used.
    """

    path: str
    bytes: int
    last_use: float
    header: dict[str, Any] | None
    problem: str | None


class CacheInfo(NamedTuple):
    """How full a cache is. ``problem`` says why the directory is not used at all, None when it is."""

    directory: str
    entries: int
    bytes: int
    limit: int
    problem: str | None


class Cache:
    """The programs kept in one directory.

    Args:
        directory: where; made when first written to.
        limit: bytes that its entries may take; None for ``config.cache_bytes``.
    """

    def __init__(self, directory: str, limit: int | None = None) -> None:
        self.directory = directory
        self._limit = limit
        self._problem: str | None = None
        self._checked = False
        self._room = 0
        self._warned = False

    @property
    def limit(self) -> int:
        """Bytes that the entries may take; 0 keeps nothing."""
        return config.cache_bytes if self._limit is None else self._limit

    def get(self, key: Key) -> Program | None:
        """The program stored for the key, None when there is none that can be used.

        A damaged or foreign entry is removed and counts as absent.
        """
        if self._problem is not None or not self.limit:
            return None
        if not self._checked and not self._check(create=False):
            return None
        if key.compiler is not None:
            return self._load(os.path.join(self.directory, key.graph[:2], file_name(key) + entry.SUFFIX), key)
        return self._any_compiler(key)

    def put(self, key: Key, program: Program) -> bool:
        """Store a program; whether it is on disk now."""
        limit = self.limit
        if not limit or not self._check(create=True):
            return False
        data = entry.encode(key, program)
        if len(data) > limit:
            return False
        try:
            folder = os.path.join(self.directory, key.graph[:2])
            files.make_private(folder)
            files.write(os.path.join(folder, file_name(key) + entry.SUFFIX), data)
        except FileNotFoundError:
            # Somebody is clearing the directory right now.
            return False
        except OSError as error:
            self._warn(f"cannot write to the cache directory {self.directory}: {error.strerror or error}")
            return False
        self._room -= len(data)
        if self._room < 0:
            self._tidy(limit)
        return True

    def lock(self, key: Key) -> files.Lock | None:
        """A lock for compiling the key once among processes; None where the cache is not used."""
        if not self.limit or not self._check(create=True):
            return None
        folder = os.path.join(self.directory, key.graph[:2])
        try:
            files.make_private(folder)
        except OSError:
            return None
        return files.Lock(os.path.join(folder, file_name(key) + ".lock"))

    def explain_miss(self, key: Key, name: str | None = None) -> str:
        """Why the key is not in the cache: which named part differs from the nearest entry.

        Nearest is an entry of the same graph; failing that, one of the function called ``name``.
        """
        if not self.limit:
            return "the cache is off (cache_bytes is 0)"
        if self._problem is not None:
            return f"the cache is not used: {self._problem}"
        headers = self._headers(self._statuses(folder=key.graph[:2]))
        nearest = min(
            (h for h in headers if h["key"]["graph"] == key.graph and h["key"] != key.parts),
            key=lambda h: sum(h["key"].get(part) != value for part, value in key.parts.items()),
            default=None,
        )
        if nearest is None and name is not None:
            some = islice(self._statuses(), _NAME_SEARCH)
            nearest = next((h for h in self._headers(some) if h["program"]["name"] == name), None)
        if nearest is None:
            return "nothing like it has been compiled yet"
        then = nearest["key"]
        changed = [part for part, value in key.parts.items() if then.get(part) != value]
        if "target" in changed and "flags" in changed:
            # The flags are the target's.
            changed.remove("flags")
        changes = [
            f"{part} changed" + ("" if part in _DIGESTS else f" ({then.get(part)} -> {key.parts[part]})")
            for part in changed
        ]
        return "; ".join(changes)

    def entries(self) -> list[Entry]:
        """Every entry, the one used last first."""
        return sorted(map(self._inspect, self._paths()), key=lambda e: -e.last_use)

    def info(self) -> CacheInfo:
        """Number and size of the entries."""
        self._check(create=False)
        sizes = [status.st_size for _, status in self._statuses()]
        return CacheInfo(self.directory, len(sizes), sum(sizes), self.limit, self._problem)

    def verify(self) -> list[Entry]:
        """Check every entry whole and remove those that are damaged or foreign; gives the removed ones."""
        bad = []
        for path in list(self._paths()):
            try:
                data, status = files.read(path)
                entry.decode(data)
            except (OSError, entry.DamagedEntry) as error:
                files.remove(path)
                bad.append(Entry(path, 0, 0.0, None, str(error)))
            else:
                if not path.endswith(file_name(_key(entry.header(data))) + entry.SUFFIX):
                    files.remove(path)
                    bad.append(Entry(path, status.st_size, status.st_mtime, None, "it belongs to another key"))
        return bad

    def clear(self) -> int:
        """Remove every entry; gives their number. Files that are not the cache's are left alone."""
        count = sum([files.remove(path) for path in list(self._paths())])
        for path, _ in self._statuses(".tmp"):
            # One that is being written may be among them: its writer puts up with that.
            if f"{entry.SUFFIX}." in os.path.basename(path):
                files.remove(path)
        self._tidy(self.limit)
        return count

    def _load(self, path: str, key: Key) -> Program | None:
        try:
            data, status = files.read(path)
            program = entry.decode(data, key.base)
        except FileNotFoundError:
            return None
        except (files.NotOurs, entry.DamagedEntry):
            files.remove(path)
            return None
        except OSError:
            return None
        if files.older_than(status, _TOUCH_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(path)
        return program

    def _any_compiler(self, key: Key) -> Program | None:
        folder = os.path.join(self.directory, key.graph[:2])
        stem = file_stem(key)
        try:
            with os.scandir(folder) as found:
                matches = [e for e in found if e.name.startswith(stem) and e.name.endswith(entry.SUFFIX)]
                matches.sort(key=lambda e: -e.stat(follow_symlinks=False).st_mtime)
        except OSError:
            return None
        return next((p for e in matches if (p := self._load(e.path, key)) is not None), None)

    def _check(self, create: bool) -> bool:
        if self._checked or self._problem is not None:
            return self._checked
        try:
            if create:
                files.make_private(self.directory)
            else:
                files.check_private(self.directory, os.stat(self.directory))
        except FileNotFoundError:
            # Nothing there yet is no problem, unless it should have been made.
            if create:
                self._refuse(f"{self.directory} cannot be made")
        except OSError as error:
            self._refuse(str(error) if isinstance(error, files.NotOurs) else f"{error.strerror}: {error.filename}")
        else:
            self._checked = True
        return self._checked

    def _refuse(self, problem: str) -> None:
        self._problem = problem
        self._warn(problem)

    def _warn(self, problem: str) -> None:
        if not self._warned:
            self._warned = True
            warn(
                f"{problem}. Programs are compiled anew in every process. Fix: make the directory yours alone "
                "(chmod 700), free some space, or set EERIE_CACHE_DIR to another one"
            )

    def _paths(self) -> Iterator[str]:
        return (path for path, _ in self._statuses())

    def _headers(self, found: Iterable[tuple[str, os.stat_result]]) -> Iterator[dict[str, Any]]:
        inspected = (self._inspect(path) for path, _ in found)
        return (one.header for one in inspected if one.header is not None)

    def _statuses(self, suffix: str = entry.SUFFIX, folder: str | None = None) -> Iterator[tuple[str, os.stat_result]]:
        try:
            names = os.listdir(self.directory) if folder is None else [folder]
        except OSError:
            return
        for name in names:
            if len(name) != 2:
                continue
            path = os.path.join(self.directory, name)
            try:
                found = list(os.scandir(path))
            except OSError:
                continue
            for item in found:
                if item.name.endswith(suffix):
                    try:
                        yield item.path, item.stat(follow_symlinks=False)
                    except OSError:
                        continue

    def _inspect(self, path: str) -> Entry:
        try:
            data, status = files.read(path, _HEADER_GUESS)
            needed = entry.PREAMBLE_BYTES + entry.preamble(data).header_bytes
            if needed > len(data):
                data, status = files.read(path, needed)
            return Entry(path, status.st_size, status.st_mtime, entry.header(data), None)
        except (OSError, entry.DamagedEntry) as error:
            return Entry(path, 0, 0.0, None, str(error))

    def _tidy(self, limit: int) -> None:
        """Remove the entries used longest ago until the rest fits, and what killed processes left."""
        for suffix, seconds in ((".tmp", _STALE_TEMPORARY_SECONDS), (".lock", _STALE_LOCK_SECONDS)):
            for path, status in self._statuses(suffix):
                if files.older_than(status, seconds):
                    files.remove(path)
        found = sorted(self._statuses(), key=lambda item: item[1].st_mtime)
        total = sum(status.st_size for _, status in found)
        # Room for a while, so that not every write at the limit has to look at every entry.
        goal = limit if total <= limit else limit - limit // 10
        for path, status in found:
            if total <= goal:
                break
            if files.remove(path):
                total -= status.st_size
        # Other processes fill the same directory: count on a part of what is free only.
        self._room = (limit - total) // 4


def _key(header: dict[str, Any]) -> Key:
    return Key(**header["key"])


_caches: dict[str, Cache] = {}


def default_cache() -> Cache:
    """The cache in ``config.cache_dir``."""
    directory = config.cache_dir
    cache = _caches.get(directory)
    if cache is None:
        cache = _caches[directory] = Cache(directory)
    return cache
