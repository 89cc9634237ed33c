"""``eerie run``: call an exported function."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from eerie_dsl.cli.inputs import function_of, read
from eerie_dsl.cli.output import add_json, print_json

_EXAMPLE = """examples:
  eerie run model.vmfb --input x.npy
  eerie run model.vmfb --function decode --input token.npy --input 0.7 --output out"""


def add_file(parser: Any) -> None:
    """The options that say which function of which file."""
    parser.add_argument("file", help="written by eerie.export or `eerie compile`")
    parser.add_argument("--function", metavar="NAME", help="which, of several")
    parser.add_argument(
        "--target", metavar="NAME", help="which program, of several (default: the first that runs here)"
    )
    parser.add_argument("--weights", metavar="PATH", help="weights to use in place of those written with the file")


def add(commands: Any) -> None:
    text = "call a function of an exported file"
    parser = commands.add_parser(
        "run",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. A state begins as it was exported.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_file(parser)
    parser.add_argument(
        "--input", action="append", default=[], metavar="X", help="a .npy file or a number, for each array in order"
    )
    parser.add_argument("--output", metavar="DIR", help="write results there, as .npy files, instead of printing them")
    add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """``eerie run``."""
    from eerie_dsl import tree
    from eerie_dsl.export import load

    library = load(options.file, target=options.target, weights=options.weights)
    entry = function_of(library, options.function)
    args, kwargs = entry.arranged([*first_state(library, entry), *read(options.input)])
    start = time.perf_counter()
    result = entry(*args, **kwargs)
    names = [p.lstrip(".") or "result" for p in tree.paths(result, "")]
    arrays = {name: np.asarray(leaf.numpy()) for name, leaf in zip(names, tree.leaves(result), strict=True)}
    seconds = time.perf_counter() - start
    files = {}
    if options.output is not None:
        import os

        os.makedirs(options.output, exist_ok=True)
        for i, (name, array) in enumerate(arrays.items()):
            plain = "".join(c if c.isalnum() else "_" for c in name).strip("_")
            files[name] = os.path.join(options.output, f"{i}_{plain}.npy" if len(arrays) > 1 else "result.npy")
            np.save(files[name], array)
    if options.json:
        rows = [
            {"name": n, "dtype": str(a.dtype), "shape": a.shape}
            | ({"file": files[n]} if files else {"values": _values(a)})
            for n, a in arrays.items()
        ]
        print_json({"function": entry.name, "target": library.target, "seconds": seconds, "results": rows})
        return 0
    for name, array in arrays.items():
        print(f"{name}: {array.dtype}{list(array.shape)}" + (f" in {files[name]}" if files else ""))
        if not files:
            print(array)
    return 0


def first_state(library: Any, entry: Any) -> list[Any]:
    """The arrays of the first state, for a function that takes one."""
    from eerie_dsl import tree

    return tree.leaves(library.state()) if entry.stateful else []


def _values(array: np.ndarray[Any, Any]) -> Any:
    return np.vectorize(str, otypes=[object])(array).tolist() if array.dtype.kind == "c" else array.tolist()
