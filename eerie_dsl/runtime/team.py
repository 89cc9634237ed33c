"""Threads that help the calling one with the kernels of a program, and look for the next for a while before they sleep.

The runtime's workers sleep between calls, and to wake one takes up to 500 us on a virtual machine whose idle
processors sleep; and the calling thread waits while they work. Here it works too, so that there is one thread for each
processor, and a helper that looks for work takes no processor from another.
"""

from __future__ import annotations

import ctypes
import os
from _thread import allocate_lock, get_native_id, start_new_thread
from functools import cache

from eerie_dsl.runtime.device import after_fork
from eerie_dsl.runtime.machine_code import function

_LOOKS = 20_000
"""How often a helper looks for work before it sleeps: for about half a millisecond."""


class Team:
    """A helper for each further processor, started at the first job.

    Raises:
        Unsuitable: not on this machine.
    """

    def __init__(self) -> None:
        self._alone, self._lead, self._serve = map(function, ("alone", "lead", "serve"))
        self._control = (ctypes.c_uint64 * 4)()
        # Never freed: helpers may be at work when the process ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._control))
        self._address = ctypes.addressof(self._control)
        self._busy = allocate_lock()
        self._started = 0
        self._helpers: list[int] = []
        self._here = ctypes.PyDLL(None).sched_getcpu
        self._apart = (-1, 0)

    def run(self, job: int) -> int:
        """Do a job together; alone while the others are at another thread's. Gives zero if all kernels did."""
        if not self._busy.acquire(blocking=False):
            return self._alone(job)  # type: ignore[no-any-return]
        try:
            while self._started < processors() - 1:
                self._started += 1
                start_new_thread(self._help, ())
            apart = (self._here(), len(self._helpers))
            if apart != self._apart:
                self._leave(*apart)
            return self._lead(self._address, job)  # type: ignore[no-any-return]
        finally:
            self._busy.release()

    def _help(self) -> None:
        self._helpers.append(get_native_id())
        self._serve(self._address, _LOOKS)

    def _leave(self, here: int, count: int) -> None:
        """Have the helpers leave the caller's processor to it: a thread that is woken often lands on that of the waker.

        A product of 512 after a pause took 1.2 to 3 ms, and takes 1.2.
        """
        self._apart = (here, count)
        try:
            others = os.sched_getaffinity(0) - {here}
            for helper in self._helpers[:count] if others else ():
                os.sched_setaffinity(helper, others)
        except OSError:
            pass  # then they stay where the system puts them


@cache
def team() -> Team:
    """The one of this process."""
    return Team()


after_fork(team.cache_clear)


@cache
def processors() -> int:
    """How many processors this process may use, those that share a core once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    cores = {_read(siblings.format(number)) or number for number in os.sched_getaffinity(0)}
    allowed, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")  # what a container may use of them
    return min(len(cores), -(-int(allowed) // int(period))) if allowed.isdigit() else len(cores)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
