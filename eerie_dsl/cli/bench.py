"""``eerie bench``: how long an exported function takes."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from eerie_dsl.cli.inputs import drawn, function_of, read, sizes
from eerie_dsl.cli.output import add_json, print_json
from eerie_dsl.cli.run import add_file, first_state

_LEAST = 5  # calls, however long they take


def add(commands: Any) -> None:
    text = "how long a function of an exported file takes"
    parser = commands.add_parser("bench", help=text, description=f"{text[0].upper()}{text[1:]}.")
    add_file(parser)
    parser.add_argument(
        "--input", action="append", default=[], metavar="X", help="a .npy file or a number (default: ones for all)"
    )
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=N", help="size of an open dimension")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to go on (default: 2)")
    add_json(parser)
    parser.set_defaults(command=bench)


def bench(options: argparse.Namespace) -> int:
    """``eerie bench``."""
    from eerie_dsl import tree
    from eerie_dsl.export import load

    begin = time.perf_counter()
    library = load(options.file, target=options.target, weights=options.weights)
    entry = function_of(library, options.function)
    given = read(options.input)
    state = first_state(library, entry)
    args, kwargs = entry.arranged([*state, *(given or drawn(entry, sizes(options.dim), len(state)))])

    def call() -> float:
        start = time.perf_counter()
        for leaf in tree.leaves(entry(*args, **kwargs)):
            leaf.numpy()
        return time.perf_counter() - start

    call()
    first = time.perf_counter() - begin
    call()
    times = [call() for _ in range(_LEAST)]
    end = time.perf_counter() + options.seconds - sum(times)
    while time.perf_counter() < end:
        times.append(call())
    times.sort()
    found = {
        "function": entry.name,
        "target": library.target,
        "calls": len(times),
        "first_s": first,
        "min_s": times[0],
        "median_s": statistics.median(times),
        "p95_s": times[int(0.95 * (len(times) - 1))],
    }
    if options.json:
        print_json(found)
    else:
        median, least, most = (_shown(found[k]) for k in ("median_s", "min_s", "p95_s"))
        print(entry)
        print(f"for {library.target}: median {median}, least {least}, 95% {most} of {len(times)} calls")
        print(f"the first call, with loading: {_shown(first)}")
    return 0


def _shown(seconds: Any) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
