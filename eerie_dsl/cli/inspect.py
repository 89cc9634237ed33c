"""``eerie inspect``: what is in an exported file."""

from __future__ import annotations

import argparse
import os
from typing import Any

from eerie_dsl.cli.output import add_json, print_json, print_table, size


def add(commands: Any) -> None:
    text = "what is in an exported file: functions, targets, kernels, sizes, weights"
    parser = commands.add_parser("inspect", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("file", help="written by eerie.export or `eerie compile`")
    add_json(parser)
    parser.set_defaults(command=inspect)


def inspect(options: argparse.Namespace) -> int:
    """``eerie inspect``."""
    from eerie_dsl.export import load

    library = load(options.file)
    weights = library.weights
    if options.json:
        print_json({
            "file": library.path,
            "bytes": os.stat(library.path).st_size,
            "versions": library.versions,
            "functions": {
                f.name: {
                    "signature": str(f),
                    "arguments": {n: [str(a) for a in avals] for n, avals in f.arguments.items()},
                    "stateful": f.stateful,
                }
                for f in library.functions.values()
            },
            "programs": [p._asdict() for p in library.programs],
            "weights": {n: str(a) for n, a in weights.items()},
        })  # fmt: skip
        return 0
    print(f"{library.path}: {size(os.stat(library.path).st_size)}")
    print(f"written by Eerie {library.versions['eerie']}, compiler {library.versions['compiler']}")
    print("\nfunctions")
    for function in library.functions.values():
        print(f"  {function}")
    print("\nprograms")
    rows = [
        (
            f"  {p.target}",
            size(p.size),
            f"{len(p.kernels)} kernel{'s' * (len(p.kernels) != 1)}",
            p.obstacle or "runs here",
        )
        for p in library.programs
    ]
    print_table(rows)
    print("\nkernels")
    for kernel in dict.fromkeys(k for p in library.programs for k in p.kernels):
        print(f"  {kernel}")
    if weights:
        print(f"\nweights, in {library.weights_file}")
        print_table([(f"  {name}", str(aval), size(aval.nbytes)) for name, aval in weights.items()])
    return 0
