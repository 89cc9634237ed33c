"""``eerie compile``: a function of a script becomes a file."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from eerie_dsl.cli.output import add_json, print_json
from eerie_dsl.errors import ArgumentError

_EXAMPLE = """examples:
  eerie compile model.py:predict --spec 'f32[batch,784]'
  eerie compile model.py:predict --spec 'x=f32[1,784]' --target x86-64-v3 --target aarch64 --weights apart"""


def add(commands: Any) -> None:
    text = "compile a function of a script ahead of time, into a file that `eerie run` and eerie.load take"
    parser = commands.add_parser(
        "compile",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("function", metavar="SCRIPT:FUNCTION", help="path or module, and what is called in it")
    parser.add_argument(
        "--spec", action="append", default=[], metavar="[NAME=]TYPE", help="type of an argument, in order or by name"
    )
    parser.add_argument("--target", action="append", metavar="NAME", help="what to compile for; may be repeated")
    parser.add_argument("--out", metavar="PATH", help="the file to write (default: FUNCTION.vmfb)")
    parser.add_argument("--weights", choices=("inside", "apart"), default="inside", help="where captured arrays go")
    add_json(parser)
    parser.set_defaults(command=compile_function)


def compile_function(options: argparse.Namespace) -> int:
    """``eerie compile``."""
    from eerie_dsl.export import export

    name, function = found(options.function)
    done = export(
        function,
        specs(options.spec),
        out=options.out or f"{name}.vmfb",
        target=options.target,
        weights=options.weights,
    )
    print_json(done._asdict()) if options.json else print(done)
    return 0


def specs(texts: list[str]) -> Any:
    """Specs as they are given on the command line: in order, or by name.

    Raises:
        ArgumentError: both are mixed.
    """
    from eerie_dsl.export import spec

    named = [t.partition("=") for t in texts if "=" in t]
    if not named:
        return [spec(t) for t in texts]
    if len(named) < len(texts):
        raise ArgumentError("some specs have names and others do not", hint="give all of them in order, or all names")
    return {name: spec(text) for name, _, text in named}


def found(place: str) -> tuple[str, Any]:
    """What ``script.py:name`` or ``package.module:name`` stands for, and its name.

    Raises:
        ArgumentError: there is no such file, module or name.
    """
    home, colon, name = place.rpartition(":")
    if not colon or not home or not name:
        raise ArgumentError(f"{place!r} does not name a function", hint="write script.py:function")
    if home.endswith(".py"):
        if not os.path.isfile(home):
            raise ArgumentError(f"there is no file {home}")
        import runpy

        sys.path.insert(0, os.path.dirname(os.path.abspath(home)))
        names = runpy.run_path(home, run_name="__eerie__")
    else:
        from importlib import import_module

        sys.path.insert(0, os.getcwd())
        try:
            names = vars(import_module(home))
        except ModuleNotFoundError as error:
            raise ArgumentError(f"{home} cannot be imported: {error}") from None
    first, *rest = name.split(".")
    if first not in names:
        import difflib

        near = difflib.get_close_matches(first, [n for n, v in names.items() if callable(v)], 3)
        raise ArgumentError(f"{home} has no {first}", hint=f"did you mean {' or '.join(near)}?" if near else None)
    value = names[first]
    for part in rest:
        if not hasattr(value, part):
            raise ArgumentError(f"{first} of {home} has no {part}")
        value = getattr(value, part)
    return name.rpartition(".")[2], value
