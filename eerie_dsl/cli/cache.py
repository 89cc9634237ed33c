"""``eerie cache``: programs kept on disk."""

from __future__ import annotations

import argparse
import time
from typing import Any

from eerie_dsl.cli.output import add_json, print_json, size
from eerie_dsl.compile import Cache, CacheInfo, Entry, default_cache


def add(commands: Any) -> None:
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
        add_json(action)
        action.set_defaults(command=command)


def cache_info(options: argparse.Namespace) -> int:
    """``eerie cache info``."""
    info = _cache(options).info()
    if options.json:
        print_json(info._asdict())
        return 0
    print(f"directory  {info.directory}")
    print(f"entries    {info.entries}")
    print(f"size       {size(info.bytes)} of {size(info.limit)}")
    print(f"state      {_state(info)}")
    return 0


def cache_list(options: argparse.Namespace) -> int:
    """``eerie cache list``."""
    entries = _cache(options).entries()
    if options.json:
        print_json([e._asdict() for e in entries])
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
        print_json({"removed": [e._asdict() for e in removed], "entries": left})
    else:
        for found in removed:
            print(f"removed {found.path}: {found.problem}")
        print(f"{left} good, {len(removed)} removed")
    return 1 if removed else 0


def cache_clear(options: argparse.Namespace) -> int:
    """``eerie cache clear``."""
    count = _cache(options).clear()
    if options.json:
        print_json({"removed": count})
    else:
        print(f"{count} entries removed")
    return 0


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
    return f"{used}  {size(found.bytes):>9}  {program['target']:10}  {program['name']}"
