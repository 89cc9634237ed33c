"""``python -m bench [subject ...] [--quick]``: measure, print, and after a full run write docs/benchmarks.* anew."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.process import THREADS, alone, limit_threads
from bench.subjects import SUBJECTS, measure

if TYPE_CHECKING:
    from bench.harness import Line

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    """Exit status: 0 when every subject could be measured, targets met or not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Eerie side by side with its peers.")
    parser.add_argument("subjects", nargs="*", metavar="subject", help="of " + ", ".join(SUBJECTS) + "; default: all")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, noisier, nothing written")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    limit_threads()
    from bench.report import body

    results: dict[str, list[Line]] = {}
    failed = False
    for subject in options.subjects or SUBJECTS:
        print(f"measuring {subject} ...", file=sys.stderr, flush=True)
        outcome = alone(measure, subject, 0.5 if options.quick else 5.0)
        if error := outcome.exception():
            traceback.print_exception(error)
            failed = True  # the others can still be measured
        else:
            results[subject] = outcome.result()
    print(body(results))
    if not (failed or options.quick or options.subjects):
        _write(results)
    return int(failed)


def _write(results: Mapping[str, Sequence[Line]]) -> None:
    from bench.plot import draw
    from bench.report import PLOT, page
    from bench.summary import families

    PAGE.write_text(page(results, THREADS), encoding="utf-8")
    draw(families(results), PAGE.with_name(PLOT))


if __name__ == "__main__":
    sys.exit(main())
