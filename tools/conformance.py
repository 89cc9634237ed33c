"""``python -m tools.conformance [mode ...]``: the Array API standard's own test suite, run against Eerie.

The suite is fetched once, at a pinned commit, into a directory beside Eerie's cache, never into the project; it runs
as it is, with no list of tests to skip. It is not among the project's tests, because it takes a quarter of an hour and
comes from outside; and not in `bench`, because nothing here is measured. A run of the whole suite writes
docs/conformance.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import eerie_dsl as eerie

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"
SUITE = "https://github.com/data-apis/array-api-tests"
COMMIT = "55fcc60179efa2680ddd6cd926ddf17b83530e2b"
STUBS = "array-api"  # the suite's submodule that holds the standard
NEEDED = {  # module: package
    "hypothesis": "hypothesis",
    "ndindex": "ndindex",
    "pytest": "pytest",
    "pytest_jsonreport": "pytest-json-report",
}

EXAMPLES = {"reference": 50, "tiered": 50, "compiled": 5}
"""The modes of evaluation, and how many examples each test draws: a compilation takes a third of a second."""

Counts = dict[str, Counter[str]]
"""By test file: how many tests passed, failed and were skipped."""


def git(*arguments: str, at: Path) -> str:
    """What git prints when it is run in a directory."""
    command = ["git", "-C", str(at), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def fetched(directory: Path) -> Path:
    """A checkout of the suite at the pinned commit, with the standard at the commit that the suite names."""
    if not (directory / ".git").exists():
        directory.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", at=directory)
        git("remote", "add", "origin", SUITE, at=directory)
    git("fetch", "--quiet", "--depth=1", "origin", COMMIT, at=directory)
    git("checkout", "--quiet", "--force", COMMIT, at=directory)
    git("submodule", "--quiet", "update", "--init", "--depth=1", at=directory)
    return directory


def complaints(suite: Path) -> list[str]:
    """What keeps a checkout from being run."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    found = [f"missing: {', '.join(missing)}; pip install 'eerie-dsl[conformance]'"] if missing else []
    try:
        named = git("rev-parse", f"HEAD:{STUBS}", at=suite)
        there = git("rev-parse", "HEAD", at=suite / STUBS)
    except (OSError, subprocess.CalledProcessError):
        return [*found, f"{suite} is not a checkout of {SUITE} with its submodule {STUBS}"]
    if named != there:
        found.append(f"{suite / STUBS} is at {there}, and the suite names {named}")
    return found


def run(suite: Path, mode: str, examples: int, tests: Sequence[str]) -> Counts:
    """Run the suite in one mode, its output going where ours goes."""
    with tempfile.TemporaryDirectory(prefix="eerie-conformance-") as scratch:
        results = Path(scratch, "results.xml")
        environment = {
            **os.environ,
            "CI": "true",  # Hypothesis then bears with arrays that are slow to draw, as compiled ones are
            "ARRAY_API_TESTS_MODULE": eerie.__name__,
            "ARRAY_API_TESTS_VERSION": eerie.__array_api_version__,
            "EERIE_EVALUATION": mode,
            "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={results}"]
        # How long an example takes is no part of the standard.
        command += [f"--max-examples={examples}", "--disable-deadline"]
        command += [f"--skips-file={os.devnull}", f"--xfails-file={os.devnull}"]
        subprocess.run([*command, *(tests or ["array_api_tests"])], cwd=suite, env=environment, check=False)
        return counted(results)


def counted(results: Path) -> Counts:
    """The outcomes in a JUnit file; none when the run did not get as far as writing it."""
    counts: Counts = {}
    if results.exists():
        for case in ElementTree.parse(results).iter("testcase"):
            found = {child.tag for child in case}
            outcome = "failed" if found & {"failure", "error"} else "skipped" if "skipped" in found else "passed"
            file = case.get("classname", "").removeprefix("array_api_tests.").split(".")[0]
            counts.setdefault(file, Counter())[outcome] += 1
    return counts


def page(suite: Path, outcomes: Mapping[str, Counts], examples: Mapping[str, int]) -> str:
    """docs/conformance.md."""
    packages = ("numpy", "hypothesis", "iree-base-compiler", "iree-base-runtime")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    modes = "; ".join(f"{mode}, {examples[mode]} examples" for mode in outcomes)
    lines = [
        "# Conformance",
        "",
        "Written by `make conformance`: the tests of the Python Array API standard, version",
        f"{eerie.__array_api_version__}, from [data-apis/array-api-tests]({SUITE}) at commit",
        f"`{git('rev-parse', 'HEAD', at=suite)}`, with no list of tests to skip. Those that are skipped",
        "carry a mark of the suite's own, which calls them flaky.",
        "",
        f"Modes of evaluation: {modes}. A cell is passed / failed / skipped.",
        "",
        f"eerie-dsl {eerie.__version__}, Python {platform.python_version()}, {versions}.",
        "",
        row(["tests", *outcomes]),
        row(["---"] * (len(outcomes) + 1)),
    ]
    files = sorted({file for counts in outcomes.values() for file in counts})
    for file in files:
        lines.append(row([f"`{file}`", *(cell(counts.get(file, Counter())) for counts in outcomes.values())]))
    lines.append(row(["all", *(cell(total(counts)) for counts in outcomes.values())]))
    return "\n".join(lines) + "\n"


def row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def cell(counts: Counter[str]) -> str:
    """Passed / failed / skipped."""
    return " / ".join(str(counts[outcome]) for outcome in ("passed", "failed", "skipped"))


def total(counts: Counts) -> Counter[str]:
    """The counts of all files together."""
    return sum(counts.values(), Counter())


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 when every test passed in every mode, 1 when one did not, 2 when nothing could be run."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__.splitlines()[0])
    parser.add_argument("modes", nargs="*", metavar="mode", help=f"of {', '.join(EXAMPLES)}; default: all")
    parser.add_argument("--suite", type=Path, metavar="PATH", help="a checkout to use instead of fetching one")
    parser.add_argument("--max-examples", type=int, metavar="N", help=f"for each test; default: {EXAMPLES}")
    parser.add_argument("--tests", nargs="+", default=[], metavar="TEST", help="some tests only; no page is written")
    options = parser.parse_args(arguments)
    if unknown := set(options.modes) - set(EXAMPLES):
        parser.error(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(EXAMPLES)}")
    try:
        suite = (options.suite or fetched(Path(eerie.config.cache_dir).with_name("eerie-conformance"))).resolve()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the suite cannot be fetched: {error}; use --suite with a checkout of it", file=sys.stderr)
        return 2
    if found := complaints(suite):
        print(*found, sep="\n", file=sys.stderr)
        return 2
    modes = options.modes or list(EXAMPLES)
    examples = {mode: options.max_examples or EXAMPLES[mode] for mode in modes}
    outcomes = {mode: run(suite, mode, examples[mode], options.tests) for mode in modes}
    for mode, counts in outcomes.items():
        print(f"{mode}, {examples[mode]} examples: passed / failed / skipped: {cell(total(counts))}")
    if not options.tests:
        PAGE.write_text(page(suite, outcomes, examples), encoding="utf-8")
    clean = all(total(counts)["passed"] and not total(counts)["failed"] for counts in outcomes.values())
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
