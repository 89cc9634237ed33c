"""``eerie profile``: where the time of a script goes."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any

from eerie_dsl.cli.output import add_json, print_json

_EXAMPLE = """examples:
  eerie profile train.py --steps 10
  eerie profile --trace trace.json train.py"""


def add(commands: Any) -> None:
    text = "where the time of a script goes: kernels, their lines, what the machine could do"
    parser = commands.add_parser(
        "profile",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. Options of the command come before the script, whose own follow it.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trace", metavar="PATH", help="write a trace for ui.perfetto.dev there")
    add_json(parser)
    parser.add_argument("script", help="a Python file")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what the script gets as its arguments")
    parser.set_defaults(command=profile)


def profile(options: argparse.Namespace) -> int:
    """``eerie profile``."""
    import runpy
    from dataclasses import asdict

    import eerie_dsl as eerie

    with open(options.script, "rb"):
        pass  # or the error would be one of the script's
    words, path = sys.argv, sys.path[:]
    sys.argv = [options.script, *options.words]
    sys.path.insert(0, os.path.dirname(os.path.abspath(options.script)))
    status: Any = 0
    try:
        # What the script prints does not belong to the JSON.
        aside = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
        with aside, eerie.profile() as found:
            try:
                runpy.run_path(options.script, run_name="__main__")
            except SystemExit as end:
                status = end.code
    finally:
        sys.argv, sys.path[:] = words, path
    if options.trace is not None:
        found.save(options.trace)
    if options.json:
        print_json({
            "seconds": found.seconds,
            "calls": found.calls,
            "roofs": found.roofs and found.roofs._asdict(),
            "rows": [asdict(row) for row in found.rows],
        })  # fmt: skip
    else:
        print(found)
    if isinstance(status, str):
        print(status, file=sys.stderr)
        return 1
    return int(status or 0)
