"""``python -m eerie_dsl`` is ``eerie``."""

import sys

from eerie_dsl.cli import main

if __name__ == "__main__":
    sys.exit(main())
