"""Careful file handling for the cache: whose a file is, whole writes, locks that die with their process."""

from __future__ import annotations

import errno
import os
import stat
import time

# Zero where the platform has no such flag.
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_POSIX = os.name == "posix"


class NotOurs(OSError):
    """A file or directory that someone else could have written."""


def check_private(path: str, status: os.stat_result) -> None:
    """See that only this user can have written ``path``.

    Raises:
        NotOurs: another user owns it, or others may write to it.
    """
    if not _POSIX:
        return
    if status.st_uid != os.geteuid():
        raise NotOurs(f"{path} belongs to another user (uid {status.st_uid})")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOurs(f"others can write to {path} (mode {stat.S_IMODE(status.st_mode):04o})")


def make_private(path: str) -> None:
    """Create the directory for this user alone, or see that the one there is private.

    Raises:
        OSError: it cannot be made; `NotOurs` when it is there but others can write to it.
    """
    try:
        os.mkdir(path, 0o700)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    status = os.stat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{path} is not a directory")
    check_private(path, status)


def read(path: str, limit: int = -1) -> tuple[bytes, os.stat_result]:
    """The file's bytes, the first ``limit`` of them, and its status.

    Raises:
        OSError: it cannot be read; `NotOurs` when it is not a plain file of this user's.
    """
    try:
        # Not blocking: opening a pipe would wait for its writer.
        fd = os.open(path, os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotOurs(f"{path} is a link") from None
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotOurs(f"{path} is not a plain file")
        check_private(path, status)
        size = status.st_size if limit < 0 else min(limit, status.st_size)
        data = os.read(fd, size)
        while len(data) < size and (more := os.read(fd, size - len(data))):
            data += more
        return data, status
    finally:
        os.close(fd)


def write(path: str, data: bytes) -> None:
    """Put a whole file in place at once: readers see all of it or what was there before.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left behind.
    """
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC | _NOFOLLOW, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)
        # Not synced: after a power cut the checksum finds a file that never reached the disk.
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def remove(path: str) -> bool:
    """Delete a file that may be gone already; whether it was there."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


class Lock:
    """An exclusive lock on a file, given up by the system when its process dies.

    Used to keep several processes from the same work: whoever does not get it in time goes ahead.

    Args:
        path: of the file; made when needed, and removed when the lock is given up.
        stays: leave the file there, for a lock that nobody may ever get twice.
    """

    def __init__(self, path: str, *, stays: bool = False) -> None:
        self._path = path
        self._stays = stays
        self._fd = -1
        self._held = False

    def acquire(self) -> bool:
        """Try once; whether the lock is held now."""
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | _CLOEXEC | _NOFOLLOW, 0o600)
        self._held = self._held or _try_lock(self._fd)
        return self._held

    def release(self) -> None:
        """Give the lock up, or stop waiting for it."""
        if self._fd >= 0:
            if self._held and not self._stays:
                remove(self._path)
            os.close(self._fd)
            self._fd, self._held = -1, False


def _try_lock(fd: int) -> bool:
    try:
        if _POSIX:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        # Any other error comes from a file system without locks: go ahead as if alone.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN)
    return True


def older_than(status: os.stat_result, seconds: float) -> bool:
    """Whether the file was last written more than ``seconds`` ago."""
    return time.time() - status.st_mtime > seconds
