"""One worker process as seen from the user's side: started, given jobs, watched, killed."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

from eerie_dsl.compile import frames
from eerie_dsl.config import config

# Runs before any import of Eerie, so that the worker finds what the user's process finds.
_START = "import sys; folder, *sys.path = sys.argv[1:]; from eerie_dsl.compile.worker import main; main(folder)"
_LOG_BYTES = 16384
# Would change how the worker's Python starts, or be read a second time.
_UNWANTED = ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONBREAKPOINT")


class Worker:
    """A live compiler process; one job at a time.

    Attributes:
        ready: whether it has loaded the compiler.
        busy: whether a job was handed over that it has not answered.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="eerie-compile-")
        self._log_path = os.path.join(self._folder, "log")
        try:
            # Appending: the file is cut to nothing between jobs while the worker keeps it open.
            with open(self._log_path, "ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, *_python_flags(), "-c", _START, self._folder, *_search_path()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    bufsize=0,
                    cwd=self._folder,
                    env=_environment(self._folder),
                    # Ctrl-C in the terminal is for the user's process, which then kills this one.
                    **_own_group(),
                )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.ready = False
        self.busy = False
        self._jobs: queue.SimpleQueue[tuple[Any, queue.SimpleQueue[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._converse, name="eerie compile", daemon=True).start()

    def submit(self, job: tuple[Any, ...]) -> queue.SimpleQueue[Any]:
        """Hand over a job. The queue gives the worker's messages, and None when it is gone."""
        messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.busy = True
        self._jobs.put((job, messages))
        return messages

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def log(self) -> str:
        """The end of what the compiler wrote to its stderr."""
        try:
            with open(self._log_path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LOG_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _clear_log(self) -> None:
        with contextlib.suppress(OSError):
            os.truncate(self._log_path, 0)

    def ending(self) -> str:
        """How the process ended, in words."""
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            return "stopped answering"
        if code < 0:
            try:
                return f"died of {signal.Signals(-code).name}"
            except ValueError:
                return f"died of signal {-code}"
        return f"ended with status {code}"

    def kill(self) -> None:
        """End the process and the linker it may have started; nothing of it is left."""
        if self.alive:
            try:
                if os.name == "posix":
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            except OSError:
                pass
        self._process.wait()
        # The thread closes the pipes: closed here, their numbers could be taken by another file under its hands.
        self._jobs.put(None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def disown(self) -> None:
        """In a forked child: let go of the pipes, which are the parent's."""
        self._close_pipes()
        # Never to be waited for here: it is no child of this process.
        self._process.returncode = 0

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _converse(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        requests, replies = self._process.stdin.fileno(), self._process.stdout.fileno()
        try:
            while (item := self._jobs.get()) is not None:
                job, messages = item
                self._serve(job, messages, requests, replies)
        finally:
            self._close_pipes()

    def _serve(self, job: tuple[Any, ...], messages: queue.SimpleQueue[Any], requests: int, replies: int) -> None:
        try:
            if not self.ready:
                greeting = frames.receive(replies)
                if greeting[0] != "ready":
                    messages.put(greeting)
                    return
                self.ready = True
            self._clear_log()
            frames.send(requests, job)
            while True:
                message = frames.receive(replies)
                if message[0] == "phase":
                    messages.put(message)
                    continue
                self.busy = False
                messages.put(message)
                return
        except frames.Closed:
            messages.put(None)


def _python_flags() -> list[str]:
    # -P and -s: nothing is imported from the current directory or the user's site unless sys.path says so.
    return ["-P", "-s", *(["-B"] if sys.dont_write_bytecode else [])]


def _search_path() -> list[str]:
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = [os.path.abspath(p) for p in sys.path]
    return found if package in found else [*found, package]


def _environment(folder: str) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k not in _UNWANTED}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    environment.update(
        # The linker's files, removed with the folder.
        TMPDIR=folder,
        # Workers share the cores; NumPy, loaded by the bindings, does no work there.
        IREE_COMPILER_THREAD_COUNT=str(max(1, cores // config.compile_workers)),
        OPENBLAS_NUM_THREADS="1",
        OMP_NUM_THREADS="1",
    )
    return environment


def _own_group() -> dict[str, Any]:
    if os.name == "posix":
        return {"process_group": 0}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
