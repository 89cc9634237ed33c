"""Headless Chromium, driven by the DevTools protocol over a pair of pipes, and a server for what it opens."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60
# A shell would take no numbers of two digits for this.
_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """A page that is open in a browser of its own."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._number, self._received, self._session = 0, b"", ""

    def open(self, url: str) -> None:
        """Go to an address; the page and its scripts are there then."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.resize(900, 700)
        self.call("Page.navigate", url=url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; gives its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            answer = json.loads(self._message(method, deadline))
            if answer.get("id") == self._number:  # events have none
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _message(self, method: str, deadline: float) -> bytes:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{method}: no answer in {SECONDS} seconds"
            data = os.read(self._read, 1 << 16)
            assert data, f"{method}: the browser has ended"
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        return message

    def value(self, expression: str) -> Any:
        """What JavaScript gives; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> Any:
        """What JavaScript gives once that is true."""
        deadline = time.monotonic() + SECONDS
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression}: not so in {SECONDS} seconds"
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        left, top, width, height = self.box(selector)
        self.draw([(left + width / 2, top + height / 2)])

    def draw(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first point, move it along, release it at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, once it is in view."""
        element = f"document.querySelector({selector!r})"
        self.value(f"{element}.scrollIntoView({{block: 'nearest', behavior: 'instant'}})")
        found = self.value(f"{element}.getBoundingClientRect().toJSON()")
        return found["x"], found["y"], found["width"], found["height"]


@contextmanager
def opened(folder: Path, profile: Path) -> Iterator[Page]:
    """The ``index.html`` of a folder in Chromium; skips the test where there is none.

    Args:
        folder: to serve.
        profile: an empty folder for the browser's own files.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("chromium is missing; Debian's chromium has it")
    with served(folder) as url, browser(program, profile) as page:
        page.open(url)
        yield page


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An address of this machine where the files of a folder are."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Page]:
    """A browser without a window. It reads commands from its file 3 and writes answers to 4."""
    commands, answers = os.pipe(), os.pipe()
    command = [
        sys.executable, "-c", _START, str(commands[0]), str(answers[1]), program, "--headless=new", "--no-sandbox",
        "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={profile}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, pass_fds=(commands[0], answers[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(commands[0])
    os.close(answers[1])
    try:
        yield Page(answers[0], commands[1])
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(commands[1])
        os.close(answers[0])
