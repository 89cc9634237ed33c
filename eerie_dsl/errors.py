"""Every error Eerie raises, and the user's source line that each one starts with.

Each class also derives from the built-in exception that NumPy users would catch for the same mistake.
"""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType, TracebackType
from typing import NamedTuple

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# The tree library calls back into Eerie; of its path, what site-packages and dist-packages have in common.
_TREES = f"-packages{os.sep}optree{os.sep}"


class Source(NamedTuple):
    """A place in the user's program.

    Attributes:
        file: path as Python knows it; ``<stdin>`` and the like at a prompt.
        line: line number, from 1.
        function: name of the enclosing function, ``<module>`` at the top.
        within: what a derivative recorded for that line, such as ``the backward pass of sqrt``; else empty.
    """

    file: str
    line: int
    function: str
    within: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def text(self) -> str:
        """The source line itself, stripped; empty where the file cannot be read."""
        import linecache

        return linecache.getline(self.file, self.line).strip()


def user_source() -> Source | None:
    """The innermost frame that is neither Eerie's own nor the tree library's, or None when there is none."""
    # This runs at every op that is recorded.
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        ours = _files.get(file)
        if ours is None:
            ours = _files[file] = _ours(file)
        if not ours and not (file == "<string>" and code.co_name == "__init__"):  # which a dataclass has made
            return _made(Source, (file, frame.f_lineno, code.co_name, ""))
        frame = frame.f_back  # type: ignore[assignment]
    return None


_files: dict[str, bool] = {}  # whether the code of a file is Eerie's own or the tree library's
_made = tuple.__new__


def user_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without Eerie's own frames."""
    if trace is None:
        return None
    rest = user_frames(trace.tb_next)
    if _ours(trace.tb_frame.f_code.co_filename):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def warn(message: str) -> None:
    """Give an `EerieWarning` at the user's line."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and _ours(frame.f_code.co_filename):
        frame = frame.f_back
        level += 1
    warnings.warn(message, EerieWarning, stacklevel=level)


def from_package(depth: int) -> bool:
    """Whether the code that is running, ``depth`` calls above the caller, is Eerie's own."""
    return _ours(sys._getframe(depth + 1).f_code.co_filename)


def _ours(file: str) -> bool:
    return file.startswith(_PACKAGE) or _TREES in file


class EerieError(Exception):
    """Base of all errors of Eerie: the user's line first, then what is wrong, then the fix.

    Args:
        message: what is wrong, naming the op and the shapes.
        source: the user's line; found by itself when not given.
        hint: what to do about it.
    """

    def __init__(self, message: str, *, source: Source | None = None, hint: str | None = None) -> None:
        self.message = message
        self.source = source if source is not None else user_source()
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        lines = []
        if self.source is not None:
            text = self.source.text()
            lines.append(f"{self.source}" + (f": {text}" if text else ""))
        lines.append(self.message)
        if self.hint is not None:
            lines.append(f"Fix: {self.hint}")
        return "\n  ".join(lines)


class ShapeError(EerieError, ValueError):
    """Shapes that an operation cannot take."""


class DTypeError(EerieError, TypeError):
    """Dtypes that an operation cannot take."""


class IndexingError(EerieError, IndexError):
    """An index out of range or of a kind that cannot index."""


class AxisError(ShapeError, IndexError):
    """An axis that an array does not have."""


class ArgumentError(EerieError, TypeError):
    """Arguments of a call that do not fit its signature."""


class InvalidValueError(EerieError, ValueError):
    """A value of the right type that the operation cannot take."""


class TracerError(EerieError, TypeError):
    """A placeholder used where a concrete value is needed."""


class LeakedTracerError(TracerError):
    """A placeholder used after the function that it belongs to was traced."""


class DonatedError(EerieError, RuntimeError):
    """An array used after its memory was given away by donation."""


class MissingRuleError(EerieError, NotImplementedError):
    """A primitive lacks the rule that was asked of it."""


class GraphError(EerieError, AssertionError):
    """A graph that breaks the rules of the IR: a defect of Eerie or of a custom primitive."""


class TargetError(EerieError, ValueError):
    """A compilation target that is unknown or cannot take the program."""


class CompileError(EerieError, RuntimeError):
    """The compiler refused, crashed, or ran out of time."""


class ExecutionError(EerieError, RuntimeError):
    """A compiled program could not be loaded or failed when it ran."""


class NaNError(EerieError, FloatingPointError):
    """A result that holds a NaN, where ``config.check_nans`` asks for an error instead."""


class ExchangeError(EerieError, BufferError, ValueError):
    """Memory that cannot be handed over, to Eerie or from it, as is asked."""


class MissingProtocolError(EerieError, AttributeError):
    """An object without the protocol by which it would be read."""


class TuningError(EerieError, ValueError):
    """Tuning that cannot be done, or a file of tuned kernels that cannot be read."""


class ConfigError(EerieError, ValueError):
    """A setting with a value that it cannot take."""


class EerieWarning(UserWarning):
    """Something works less well than it could; the message names the fix."""
