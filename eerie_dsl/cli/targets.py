"""``eerie targets`` and ``eerie devices``: what can be compiled for, and what is here."""

from __future__ import annotations

import argparse
from typing import Any

from eerie_dsl.cli.output import add_json, print_json, print_table


def add(commands: Any) -> None:
    text = "what programs can be compiled for, and what of it runs here"
    parser = commands.add_parser("targets", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("name", nargs="?", help="tell all about one")
    add_json(parser)
    parser.set_defaults(command=targets)
    text = "devices of this machine that programs run on"
    parser = commands.add_parser("devices", help=text, description=f"{text[0].upper()}{text[1:]}.")
    add_json(parser)
    parser.set_defaults(command=devices)


def targets(options: argparse.Namespace) -> int:
    """``eerie targets``."""
    from eerie_dsl.compile import get_target
    from eerie_dsl.export import targets

    if options.name is not None:
        get_target(options.name)  # says which names are near
    table = targets()
    rows = [r for r in table if options.name in (None, r.name)]
    if options.json:
        print_json([r._asdict() | {"flags": get_target(r.name).all_flags} for r in rows])
    elif options.name is None:
        print(table)
    else:
        (row,) = rows
        target = get_target(row.name)
        print_table([
            ("target", row.name),
            ("what it is", row.description),
            ("runs here", "yes" if row.runs else f"no: {row.obstacle}"),
            ("needs", row.needs or "nothing more"),
            ("lacks", ", ".join(sorted(target.lacks)) or "no dtype"),
            ("flags", " ".join(target.flags)),
        ])  # fmt: skip
    return 0


def devices(options: argparse.Namespace) -> int:
    """``eerie devices``."""
    from eerie_dsl.runtime import devices

    found = devices()
    if options.json:
        print_json([d._asdict() for d in found])
    else:
        print_table([(d.name, d.platform, d.description) for d in found])
    return 0
