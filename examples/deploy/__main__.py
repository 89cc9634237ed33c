from __future__ import annotations

import sys
from pathlib import Path

from examples.deploy.digits import main

main(*map(Path, sys.argv[1:]))
