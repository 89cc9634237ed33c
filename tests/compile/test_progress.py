from __future__ import annotations

import io
import sys
import time

import pytest

from eerie_dsl.compile import progress
from eerie_dsl.compile.progress import Progress
from eerie_dsl.config import config


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch, seconds: float = 3.0) -> str:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", stderr)
    with Progress("f", "host", 12) as line:
        line.show("lowering")
        now[0] += seconds
        line.show("forming kernels")
    return stderr.getvalue()


def test_a_long_compilation_says_what_it_does_and_clears_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Terminal(), monkeypatch)
    assert text == "\r\x1b[Keerie: compiling f for host: forming kernels, 12 ops, 3 s\r\x1b[K"


def test_the_line_is_painted_when_it_changes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr, now = Terminal(), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", stderr)
    with Progress("f", "host", 0) as line:
        for tenths in range(31):
            now[0] = 101.6 + tenths / 10
            line.show("lowering" if tenths < 30 else "forming kernels")
    painted = [part.rpartition(": ")[2] for part in stderr.getvalue().split("\r\x1b[K")]
    assert painted == ["", "lowering, 2 s", "lowering, 3 s", "lowering, 4 s", "forming kernels, 5 s", ""]


def test_a_short_compilation_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(Terminal(), monkeypatch, seconds=0.5) == ""


def test_only_a_terminal_sees_it_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), monkeypatch) == ""
    with config(progress="always"):
        assert "forming kernels" in shown(io.StringIO(), monkeypatch)
    with config(progress="never"):
        assert shown(Terminal(), monkeypatch) == ""


def test_a_closed_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(progress, "_PATIENCE", -1.0)
    with Progress("f", "host", 1) as line:
        line.show("lowering")
    with config(progress="always"), Progress("f", "host", 1) as line:
        line.show("lowering")
    assert stderr.closed
