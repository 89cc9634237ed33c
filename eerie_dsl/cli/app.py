"""The command line as a whole: its commands, and what an error becomes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from eerie_dsl.cli import bench, bundle, cache, compile, demo, doctor, inspect, profile, run, targets
from eerie_dsl.errors import EerieError
from eerie_dsl.version import __version__

COMMANDS = (targets, compile, bundle, run, inspect, bench, profile, doctor, cache, demo)
"""One file for each command, in the order of the help. Its ``add`` takes the parser of commands and adds its own, with
the function that it runs as the default of ``command``: options in, exit status out."""

_STATUS = """exit status: 0 where all went well, 1 where a check found something, 2 for an error, which is told on
stderr in words, 130 when interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status.

    Args:
        arguments: words after ``eerie``; those of the process when not given.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except EerieError as error:
        print(f"eerie: {_words(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, `head` say, has seen enough; nothing more can be written, not even at exit.
        sys.stdout = None
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"eerie: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _words(error: EerieError) -> str:
    """An error's message and its fix, with the line in a script of the user's that it is about."""
    source = error.source
    lines = [f"{source}: {source.text()}"] if source is not None and _is_script(source.file) else []
    lines += [error.message] if error.hint is None else [error.message, f"Fix: {error.hint}"]
    return "\n  ".join(lines)


def _is_script(file: str) -> bool:
    # The command itself is a script too.
    return os.path.isfile(file) and not (sys.argv and os.path.realpath(file) == os.path.realpath(sys.argv[0]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eerie", description="Array code in Python, compiled to native kernels.", epilog=_STATUS
    )
    parser.add_argument("--version", action="version", version=f"eerie {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
