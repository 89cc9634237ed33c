"""What the compiler said, put into the words and the source lines of the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eerie_dsl.errors import CompileError, Source

SEVERITIES = ("note", "warning", "error", "remark")


class Diagnostic(NamedTuple):
    """One message of the compiler.

    Attributes:
        severity: ``error``, ``warning``, ``remark`` or ``note``.
        message: the message, without the IR it may quote.
        file: the file it points at, None where it points nowhere.
        line: line in that file.
    """

    severity: str
    message: str
    file: str | None
    line: int


_PLACE = re.compile(r"^(?P<file>.+?):(?P<line>\d+):\d+: (?P<message>.*)", re.DOTALL)
# Attributes that list every feature of the CPU, and what follows the message proper.
_NOISE = re.compile(r"\n+(?=\S+:\d+:\d+: )|\n+[^\n]*: called from|see current operation")
_TARGET_ATTRIBUTE = re.compile(r"#hal\.executable\.target<[^>]*>+")
_LONGEST = 500


def diagnostic(severity: int, text: str) -> Diagnostic:
    """A message as the compiler hands it over: its place, its words, then often a dump of IR, left out here."""
    name = SEVERITIES[severity] if 0 <= severity < len(SEVERITIES) else "error"
    place = _PLACE.match(text)
    message = _NOISE.split(place["message"] if place else text, maxsplit=1)[0].strip()
    message = _TARGET_ATTRIBUTE.sub("the target", message)
    if len(message) > _LONGEST:
        message = message[:_LONGEST] + " ..."
    if place is None or place["line"] == "0" or place["file"] == "source.mlir":
        return Diagnostic(name, message, None, 0)
    return Diagnostic(name, message, place["file"], int(place["line"]))


def refused(
    name: str, target: str, phase: str, found: Sequence[Diagnostic], log: str, sources: Iterable[Source]
) -> CompileError:
    """The error for a program that the compiler would not take."""
    errors = [d for d in found if d.severity == "error"] or list(found)
    lines = [f"the compiler refused {name} for {target} ({phase})"]
    for one in errors:
        where = f"{one.file}:{one.line}: " if one.file else ""
        if (line := f"  {where}{one.message}") not in lines:
            lines.append(line)
    lines += [f"  {line}" for line in _telling(log)]
    return CompileError("\n  ".join(lines), source=_user_line(errors, sources))


def died(name: str, target: str, phase: str, how: str, log: str) -> CompileError:
    """The error for a compiler process that ended in the middle of its work."""
    lines = [f"the compiler {how} while compiling {name} for {target} ({phase}); this process is unharmed"]
    lines += [f"  {line}" for line in _telling(log)]
    return CompileError("\n  ".join(lines), hint="this is a defect of the compiler: another target may do")


def _user_line(found: Iterable[Diagnostic], sources: Iterable[Source]) -> Source | None:
    by_place = {(s.file, s.line): s for s in sources}
    places = [(d.file, d.line) for d in found if d.file is not None]
    known = [by_place[p] for p in places if p in by_place]
    if known:
        return known[0]
    return Source(places[0][0] or "", places[0][1], "") if places else None


_STACK_FRAME = re.compile(r"^\s*#\d+ |^\s*>>>|^LLD_VERSION=|^Stack dump|^Linking failed|^Please report|^\d+\.\s")


def _telling(log: str) -> list[str]:
    """The last lines of what the compiler wrote to its stderr, without stack frames and command lines."""
    lines = [line.rstrip()[:_LONGEST] for line in log.splitlines()]
    kept = [line for line in lines if line and not _STACK_FRAME.match(line)]
    return kept[-4:]
