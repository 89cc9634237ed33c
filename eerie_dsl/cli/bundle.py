"""``eerie bundle``: a function of a script becomes C or WebAssembly without a runtime."""

from __future__ import annotations

import argparse
from typing import Any

from eerie_dsl.cli.compile import found, specs
from eerie_dsl.cli.output import add_json, print_json

_EXAMPLE = """examples:
  eerie bundle model.py:predict --spec 'f32[64]' --target cortex-m4f
  eerie bundle model.py:predict --spec 'x=f32[1,28,28,1]' --target wasm32-simd --out www --name digits"""


def add(commands: Any) -> None:
    text = "compile a function of a script into C, or WebAssembly and a page, that need no runtime"
    parser = commands.add_parser(
        "bundle",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("function", metavar="SCRIPT:FUNCTION", help="path or module, and what is called in it")
    parser.add_argument(
        "--spec", action="append", default=[], metavar="[NAME=]TYPE", help="type of an argument, in order or by name"
    )
    parser.add_argument(
        "--target", required=True, metavar="NAME", help="what to compile for, as `eerie targets` has it"
    )
    parser.add_argument("--name", help="what files and C functions start with (default: FUNCTION)")
    parser.add_argument("--out", metavar="DIRECTORY", help="the directory to write (default: FUNCTION-TARGET)")
    add_json(parser)
    parser.set_defaults(command=bundle_function)


def bundle_function(options: argparse.Namespace) -> int:
    """``eerie bundle``."""
    from eerie_dsl.export.standalone import bundle

    name, function = found(options.function)
    name = options.name or name
    out = options.out or f"{name}-{options.target}"
    done = bundle(function, specs(options.spec), target=options.target, out=out, name=name)
    print_json(done._asdict() | {"sizes": done.sizes._asdict()}) if options.json else print(done)
    return 0
